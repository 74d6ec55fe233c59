/* SPDX-License-Identifier: Apache-2.0
 *
 * A module that needs a function nobody has: RTLD_NOW must find that out when
 * it is loaded, not when it is called.
 */
#include <portico/portico.h>

void portico_test_function_that_nobody_has(void);

static enum portico_verdict
on_begin(struct portico_request *request)
{
	(void)request;
	portico_test_function_that_nobody_has();
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

PORTICO_MODULE(.name = "undefined", .version = "1.0.0",
	       .summary = "calls a function that nobody has",
	       .subscriptions = subscriptions);
