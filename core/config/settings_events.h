/* SPDX-License-Identifier: Apache-2.0
 *
 * Where events of porticod are handed on to, besides its log and the ring
 * that `portico events` reads.
 */
#ifndef CORE_CONFIG_SETTINGS_EVENTS_H
#define CORE_CONFIG_SETTINGS_EVENTS_H

enum settings_event_target {
	SETTINGS_EVENTS_NONE,
	SETTINGS_EVENTS_JOURNAL,
	SETTINGS_EVENTS_SYSLOG,
};

struct settings_events {
	enum settings_event_target target;
	const char *socket; /* NULL: the usual one of the target */
};

#endif
