/* SPDX-License-Identifier: Apache-2.0
 *
 * A module that shows more of itself than its entry.
 */
#include <portico/portico.h>

PORTICO_EXPORT int two_symbols_helper(int value);

PORTICO_EXPORT int
two_symbols_helper(int value)
{
	return value + 1;
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	(void)request;
	return two_symbols_helper(-1) == 0 ? PORTICO_NEXT : PORTICO_ERROR;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

PORTICO_MODULE(.name = "two-symbols", .version = "1.0.0",
	       .summary = "exports a function of its own",
	       .subscriptions = subscriptions);
