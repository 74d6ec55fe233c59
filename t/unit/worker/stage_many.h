/* SPDX-License-Identifier: Apache-2.0
 *
 * Ten modules that subscribe to all twelve events and do nothing there.
 */
#ifndef T_UNIT_WORKER_STAGE_MANY_H
#define T_UNIT_WORKER_STAGE_MANY_H

#include "t/unit/worker/stage_speed.h"

#define MANY_MODULES 10

static unsigned long many_calls;

static enum portico_verdict
many_nothing(struct portico_request *request)
{
	(void)request;
	many_calls++;
	return PORTICO_NEXT;
}

static inline void
many_add_modules(unsigned modules)
{
	static struct portico_subscription rows[PORTICO_EVENT_COUNT];
	static struct portico_module all[MANY_MODULES];
	static const char *const names[MANY_MODULES] = {
		"none-0", "none-1", "none-2", "none-3", "none-4",
		"none-5", "none-6", "none-7", "none-8", "none-9",
	};
	const struct portico_module one =
		STAGE_MODULE(.name = "none", .subscriptions = rows);

	for (int event = PORTICO_EVENT_BEGIN; event <= PORTICO_EVENT_END;
	     event++)
		rows[event - PORTICO_EVENT_BEGIN] =
			(struct portico_subscription){
				.event = (enum portico_event)event,
				.function = many_nothing,
			};
	for (unsigned i = 0; i < modules; i++) {
		all[i] = one;
		all[i].name = names[i];
		stage_add_module(&all[i]);
	}
}

#endif
