/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys of "events".
 */
#include "core/config/settings_raw_events.h"

static const char *const targets[] = { "none", "journal", "syslog", NULL };

static const struct config_field events_fields[] = {
	CONFIG_ENUM(struct raw_events, target, "target", .fallback = "none",
		    .words = targets,
		    .prose = "Where events are handed on to, besides the log "
			     "and \"portico events\". journal: systemd's, each "
			     "field under its name, PORTICO_EVENT and "
			     "PORTICO_POOL among them. syslog: /dev/log. "
			     "none: nowhere; a service's log is in the journal "
			     "all the same."),
	CONFIG_STRING(struct raw_events, socket, "socket", .min = 1, .max = 107,
		      .prose = "Another socket than the usual one of the "
			       "target."),
};
const struct config_table settings_events_table =
	CONFIG_TABLE(struct raw_events, events_fields, "Events of porticod.");

void
settings_resolve_events(const struct raw_events *raw,
			struct settings_events *events)
{
	*events = (struct settings_events){
		.target = (enum settings_event_target)raw->target,
		.socket = raw->socket,
	};
}

json_t *
settings_write_events(const struct settings_events *events)
{
	return json_pack("{s:s, s:s*}", "target", targets[events->target],
			 "socket", events->socket);
}
