/* SPDX-License-Identifier: Apache-2.0
 *
 * rewrite.h, as rewrite.t drives it.  Each event adds its name to a variable;
 * request fields say what it does:
 *
 *	X-Begin, X-Authenticate, X-Authorize, X-Map, X-Post, X-Execute:
 *	              rewrite to this target there, unless it was done before
 *	X-Loop        ... as often as it is allowed
 *	X-Later       ... from a resume function, in BEGIN
 *	X-Done        then answer, with this verdict: "next" or "done"
 *	X-Write       write something before it rewrites
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>

struct state {
	unsigned events; /* that this module has seen, since it was zeroed */
	struct portico_slice target;
};

static void
note(struct portico_request *request, const char *word)
{
	struct portico_slice before = portico_variable(request, "TRAIL");
	char text[2048];
	int length;

	length = snprintf(text, sizeof(text), "%s%s%s",
			  before.data == NULL ? "" : before.data,
			  before.data == NULL ? "" : " ", word);
	portico_variable_set(request, "TRAIL",
			     (struct portico_slice){ text, (size_t)length });
}

static bool
has(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice unused;

	return portico_request_field(request, name, &unused);
}

static void
write_text(struct portico_request *request, const char *text)
{
	size_t written;

	portico_response_write(request, text, strlen(text), &written);
}

static void
rewrite(struct portico_request *request, struct portico_slice target)
{
	enum portico_status status;
	char text[32];

	if (has(request, PORTICO_SLICE("X-Write")))
		write_text(request, "early");
	status = portico_request_rewrite(request, target);
	snprintf(text, sizeof(text), "%d", status);
	note(request, text);
}

static enum portico_verdict
go_on(struct portico_request *request)
{
	struct portico_slice verdict;

	if (!portico_request_field(request, PORTICO_SLICE("X-Done"), &verdict))
		return PORTICO_NEXT;
	write_text(request, "done");
	return verdict.data[0] == 'd' ? PORTICO_DONE : PORTICO_NEXT;
}

static void
on_timer(struct portico_request *request, void *arg)
{
	(void)arg;
	note(request, "timer");
}

static enum portico_verdict
on_event(struct portico_request *request, const char *name,
	 struct portico_slice field)
{
	struct state *state = portico_request_state(request);
	struct portico_slice target;

	state->events++;
	note(request, name);
	if (!portico_request_field(request, field, &target))
		return PORTICO_NEXT;
	if (portico_request_rewrites(request) > 0 &&
	    !has(request, PORTICO_SLICE("X-Loop")))
		return PORTICO_NEXT;
	rewrite(request, target);
	return go_on(request);
}

static void
work(void *arg)
{
	(void)arg;
}

static enum portico_verdict
later(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	rewrite(request, state->target);
	return PORTICO_NEXT;
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (portico_request_rewrites(request) == 0 &&
	    portico_request_field(request, PORTICO_SLICE("X-Later"),
				  &state->target)) {
		/* Ends with the application, should it be another. */
		portico_timer_start(request, 1, on_timer, NULL);
		if (portico_offload(request, work, NULL, later, state) !=
		    PORTICO_OK)
			return PORTICO_ERROR;
		return PORTICO_PENDING;
	}
	return on_event(request, "begin", PORTICO_SLICE("X-Begin"));
}

static enum portico_verdict
on_authenticate(struct portico_request *request)
{
	portico_request_authenticate(request, PORTICO_SLICE("zoe"),
				     PORTICO_SLICE("Test"));
	return on_event(request, "authenticate",
			PORTICO_SLICE("X-Authenticate"));
}

static enum portico_verdict
on_authorize(struct portico_request *request)
{
	return on_event(request, "authorize", PORTICO_SLICE("X-Authorize"));
}

static enum portico_verdict
on_map(struct portico_request *request)
{
	if (portico_request_rewrites(request) == 0)
		portico_request_set_handler(request, "other");
	return on_event(request, "map", PORTICO_SLICE("X-Map"));
}

static enum portico_verdict
on_post(struct portico_request *request)
{
	return on_event(request, "post", PORTICO_SLICE("X-Post"));
}

static enum portico_verdict
on_pre_execute(struct portico_request *request)
{
	return on_event(request, "execute", PORTICO_SLICE("X-Execute"));
}

static enum portico_verdict
on_log(struct portico_request *request)
{
	portico_log(request, PORTICO_LOG_INFO, 0, "trail %s",
		    portico_variable(request, "TRAIL").data);
	return PORTICO_NEXT;
}

static enum portico_verdict
answer(struct portico_request *request, const char *handler)
{
	const struct state *state = portico_request_state(request);
	struct portico_slice q = PORTICO_SLICE("-");
	char text[4096];

	portico_query_get(request, PORTICO_SLICE("q"), &q);
	snprintf(text, sizeof(text),
		 "handler %s\napplication %s\npath %s\nin %s\nquery %s\nq %s\n"
		 "target %s\nrewrites %u\nevents %u\nuser %s %d\nscript %s\n"
		 "trail %s\n",
		 handler,
		 portico_request_text(request, PORTICO_TEXT_APPLICATION_PATH)
			 .data,
		 portico_request_text(request, PORTICO_TEXT_PATH).data,
		 portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION)
			 .data,
		 portico_request_text(request, PORTICO_TEXT_QUERY).data, q.data,
		 portico_request_text(request, PORTICO_TEXT_TARGET).data,
		 portico_request_rewrites(request), state->events,
		 portico_request_text(request, PORTICO_TEXT_USER).data,
		 portico_request_is_authenticated(request),
		 portico_variable(request, "SCRIPT_NAME").data,
		 portico_variable(request, "TRAIL").data);
	write_text(request, text);
	return PORTICO_DONE;
}

static enum portico_verdict
show(struct portico_request *request)
{
	return answer(request, "show");
}

static enum portico_verdict
other(struct portico_request *request)
{
	return answer(request, "other");
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ .event = PORTICO_EVENT_AUTHENTICATE, .function = on_authenticate },
	{ .event = PORTICO_EVENT_AUTHORIZE, .function = on_authorize },
	{ .event = PORTICO_EVENT_MAP_HANDLER, .function = on_map },
	{ .event = PORTICO_EVENT_MAP_HANDLER,
	  .phase = PORTICO_PHASE_POST,
	  .function = on_post },
	{ .event = PORTICO_EVENT_PRE_EXECUTE, .function = on_pre_execute },
	{ .event = PORTICO_EVENT_LOG, .function = on_log },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "show", .function = show },
	{ .name = "other", .function = other },
	{ 0 }
};

PORTICO_MODULE(.name = "rewrite", .version = "1.0.0",
	       .summary = "rewrites URLs", .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers);
