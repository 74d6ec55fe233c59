/* SPDX-License-Identifier: Apache-2.0
 *
 * Says nothing about its order.  Adds its name to X-Order.
 */
#include <portico/portico.h>

static enum portico_verdict
on_authorize(struct portico_request *request)
{
	if (portico_response_add_field(request, PORTICO_SLICE("X-Order"),
				       PORTICO_SLICE("first")) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	(void)request;
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ .event = PORTICO_EVENT_AUTHORIZE, .function = on_authorize },
	{ 0 }
};

PORTICO_MODULE(.name = "order-first", .version = "1.0.0",
	       .summary = "adds its name to a field of the response",
	       .subscriptions = subscriptions);
