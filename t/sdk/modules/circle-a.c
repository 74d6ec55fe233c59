/* SPDX-License-Identifier: Apache-2.0
 *
 * One of two modules that each want to come before the other.
 */
#include <portico/portico.h>

static enum portico_verdict
on_authorize(struct portico_request *request)
{
	(void)request;
	return PORTICO_NEXT;
}

static const char *const other[] = { "circle-b", NULL };

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_AUTHORIZE,
	  .function = on_authorize,
	  .before = other },
	{ 0 }
};

PORTICO_MODULE(.name = "circle-a", .version = "1.0.0",
	       .summary = "wants to come before circle-b",
	       .subscriptions = subscriptions);
