/* SPDX-License-Identifier: Apache-2.0
 *
 * Events between modules: a module raises an event by name, modules of the
 * same application that subscribe to it run at once, in declared order.
 *
 *	{ .event = PORTICO_EVENT_CUSTOM, .name = "shop.sold",
 *	  .function = on_sold },
 *
 * Names are "module.event", the module being the one that raises it and says
 * what the argument is.  Another layout of the argument is another name
 * ("shop.sold-2").
 *
 * Threads: as request.h.
 */
#ifndef PORTICO_EVENT_H
#define PORTICO_EVENT_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Raise an event: calls its subscribers on this stack, one after the other,
 * until one does not return NEXT.  They cannot suspend.  `argument` is handed
 * to them as it is, borrowed for the call, and may be NULL.
 *   PORTICO_NEXT   all of them returned NEXT, or nobody has subscribed
 *   PORTICO_DONE   one returned DONE: dealt with; the rest was not called
 *   PORTICO_ERROR  one returned ERROR or tried to suspend, or more than 8
 *                  events are raised within one another
 * What follows from the verdict is up to the caller.  Since 1.0.
 */
static inline enum portico_verdict
portico_event_raise(struct portico_request *request, const char *name,
		    void *argument)
{
	return portico_host->event_raise(request, name, argument);
}

/* The argument of the event that runs, the innermost; NULL if none does. */
static inline void *
portico_event_argument(struct portico_request *request)
{
	return portico_host->event_argument(request);
}

#ifdef __cplusplus
}
#endif

#endif
