/* SPDX-License-Identifier: Apache-2.0
 *
 * Fails where the query says so: what then happens is onError's, which
 * on-error.t looks at.
 *
 *	?fail=event     in AUTHORIZE            ?fail=late     in END
 *	?fail=verdict   with no verdict there   ?fail=handler  as the handler
 *	?fail=body      after it has begun a body
 *	?fail=send      in SEND_RESPONSE
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/worker/argument.h"

struct settings {
	bool refuse;
};

static const struct portico_directive directives[] = {
	{ .name = "refuse",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = PORTICO_MEMBER(struct settings, refuse, bool),
	  .default_value = "false",
	  .summary = "Whether application_init fails." },
	{ 0 }
};

static bool
fails(struct portico_request *request, const char *where)
{
	struct portico_slice fail = argument(request, "fail");

	return fail.length == strlen(where) &&
	       memcmp(fail.data, where, fail.length) == 0;
}

static enum portico_verdict
on_authorize(struct portico_request *request)
{
	size_t written;

	portico_response_set_field(request, PORTICO_SLICE("X-Was"),
				   PORTICO_SLICE("here"));
	if (fails(request, "event"))
		return PORTICO_ERROR;
	if (fails(request, "verdict"))
		return (enum portico_verdict)77;
	if (fails(request, "body")) {
		portico_response_write(request, "half", 4, &written);
		return PORTICO_ERROR;
	}
	return PORTICO_NEXT;
}

static enum portico_verdict
on_send(struct portico_request *request)
{
	return fails(request, "send") ? PORTICO_ERROR : PORTICO_NEXT;
}

static enum portico_verdict
on_end(struct portico_request *request)
{
	return fails(request, "late") ? PORTICO_ERROR : PORTICO_NEXT;
}

static enum portico_verdict
answer(struct portico_request *request)
{
	char text[32];
	size_t written;

	if (fails(request, "handler"))
		return PORTICO_ERROR;
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	return portico_response_write(request, text, strlen(text), &written) ==
			       PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	const struct settings *settings = configuration;

	(void)application;
	*state_r = NULL;
	if (!settings->refuse)
		return PORTICO_OK;
	snprintf(err->message, sizeof(err->message), "no licence for it");
	return PORTICO_DENIED;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_AUTHORIZE, .function = on_authorize },
	{ .event = PORTICO_EVENT_SEND_RESPONSE, .function = on_send },
	{ .event = PORTICO_EVENT_END, .function = on_end },
	{ 0 }
};

static const struct portico_handler handlers[] = { { .name = "answer",
						     .function = answer },
						   { 0 } };

PORTICO_MODULE(.name = "on-error", .version = "1.0.0",
	       .summary = "fails where it is told to",
	       .configuration_size = sizeof(struct settings),
	       .directives = directives, .subscriptions = subscriptions,
	       .handlers = handlers, .application_init = application_init);
