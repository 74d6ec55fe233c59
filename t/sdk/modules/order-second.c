/* SPDX-License-Identifier: Apache-2.0
 *
 * Wants to come after order-first.  Adds its name to X-Order.
 */
#include <portico/portico.h>

static enum portico_verdict
on_authorize(struct portico_request *request)
{
	if (portico_response_add_field(request, PORTICO_SLICE("X-Order"),
				       PORTICO_SLICE("second")) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static const char *const others[] = { "order-first", NULL };

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_AUTHORIZE,
	  .function = on_authorize,
	  .after = others },
	{ 0 }
};

PORTICO_MODULE(.name = "order-second", .version = "1.0.0",
	       .summary = "adds its name to a field of the response",
	       .subscriptions = subscriptions);
