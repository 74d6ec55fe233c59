/* SPDX-License-Identifier: Apache-2.0
 *
 * A module that writes each request into the log, and whether the server
 * makes it to warm up:
 *
 *	warm: /shop/a?b host=example.org name=example.org warming=1
 */
#include <portico/portico.h>

#define TEXT(slice)                                                            \
	(int)(slice).length, (slice).data == NULL ? "" : (slice).data

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct portico_slice host = { "", 0 };
	struct portico_slice target =
		portico_request_text(request, PORTICO_TEXT_TARGET);
	struct portico_slice name = portico_variable(request, "SERVER_NAME");
	struct portico_slice warming =
		portico_variable(request, "APP_WARMING_UP");

	(void)portico_request_field(request, PORTICO_SLICE("Host"), &host);
	portico_log(request, PORTICO_LOG_INFO, 0,
		    "warm: %.*s host=%.*s name=%.*s warming=%.*s", TEXT(target),
		    TEXT(host), TEXT(name), TEXT(warming));
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN,
	  .phase = PORTICO_PHASE_EVENT,
	  .function = on_begin },
	{ 0 },
};

PORTICO_MODULE(.name = "warm", .version = "1.0.0",
	       .summary = "says which requests are the server's own",
	       .subscriptions = subscriptions);
