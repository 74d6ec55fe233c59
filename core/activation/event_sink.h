/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing events on to the journal (its native protocol, each field under a
 * name of its own) or to syslog (RFC 3164, as /dev/log takes it): one datagram
 * for each, never waiting for whoever reads it.
 */
#ifndef CORE_ACTIVATION_EVENT_SINK_H
#define CORE_ACTIVATION_EVENT_SINK_H

#include <jansson.h>
#include <stdint.h>

#include "core/base/log.h"
#include "core/config/settings_events.h"

struct event_sink {
	enum settings_event_target target;
	char *socket; /* path; NULL: the usual one */
	int fd; /* -1: not open */
	uint64_t lost; /* not taken */
};

void event_sink_init(struct event_sink *sink);
void event_sink_configure(struct event_sink *sink,
			  const struct settings_events *settings);
void event_sink_fini(struct event_sink *sink);

/* An event as event_ring.h describes it, with its level. */
void event_sink_put(struct event_sink *sink, const json_t *event,
		    enum log_level level);

#endif
