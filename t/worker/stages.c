/* SPDX-License-Identifier: Apache-2.0
 *
 * A module for system tests that subscribes to all twelve request events and
 * their post-events and writes down in which order it was called.  Request
 * fields steer it:
 *
 *	X-Pending: NAME,NAME   suspend in these (or "all"), completed by a
 *	                       thread of the module's own
 *	X-Stop: NAME=done      return that verdict there (done or error)
 *	X-Filter: upper|double change the response on its way
 *
 *	X-Report: yes          log the whole order at the end, as one line
 *	                       "stages: begin begin+ authenticate ..."
 *
 * NAME is the event's, with "+" for its post-event.  What ran before the
 * response left is its body.
 */
#include <portico/portico.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
	[PORTICO_EVENT_BEGIN] = "begin",
	[PORTICO_EVENT_AUTHENTICATE] = "authenticate",
	[PORTICO_EVENT_AUTHORIZE] = "authorize",
	[PORTICO_EVENT_RESOLVE_CACHE] = "resolve-cache",
	[PORTICO_EVENT_MAP_HANDLER] = "map-handler",
	[PORTICO_EVENT_ACQUIRE_STATE] = "acquire-state",
	[PORTICO_EVENT_PRE_EXECUTE] = "pre-execute",
	[PORTICO_EVENT_EXECUTE] = "execute",
	[PORTICO_EVENT_RELEASE_STATE] = "release-state",
	[PORTICO_EVENT_UPDATE_CACHE] = "update-cache",
	[PORTICO_EVENT_LOG] = "log",
	[PORTICO_EVENT_END] = "end",
};

struct state {
	char order[512];
	size_t length;
	unsigned resumed;
	bool last; /* the one that is suspended is the very last */
	enum portico_verdict verdict; /* to return after a suspension */
	struct portico_token token;
};

static void
note(struct state *state, const char *word)
{
	int length = snprintf(state->order + state->length,
			      sizeof(state->order) - state->length, "%s%s",
			      state->length > 0 ? " " : "", word);

	state->length += (size_t)length;
	if (state->length >= sizeof(state->order))
		state->length = sizeof(state->order) - 1;
}

/* Is `word` one of the comma-separated words of the field?  For "word=value"
 * the value is given back. */
static bool
field_has(struct portico_request *request, struct portico_slice field,
	  const char *word, struct portico_slice *value_r)
{
	struct portico_slice list;
	size_t length = strlen(word);
	const char *at, *end;

	if (!portico_request_field(request, field, &list))
		return false;
	end = list.data + list.length;
	for (at = list.data; at < end;) {
		const char *stop = memchr(at, ',', (size_t)(end - at));
		size_t size;

		if (stop == NULL)
			stop = end;
		size = (size_t)(stop - at);
		if (size >= length && memcmp(at, word, length) == 0 &&
		    (size == length || at[length] == '=')) {
			if (value_r != NULL)
				*value_r =
					(struct portico_slice){ at + length,
								size - length };
			return true;
		}
		at = stop + 1;
	}
	return false;
}

static void *
complete(void *arg)
{
	struct portico_token *token = arg;

	portico_complete(*token);
	return NULL;
}

static void
report(struct portico_request *request, const struct state *state)
{
	struct portico_slice value;

	if (!portico_request_field(request, PORTICO_SLICE("X-Report"), &value))
		return;
	portico_log(request, PORTICO_LOG_INFO, 0, "stages: %s (resumed %u)",
		    state->order, state->resumed);
}

static enum portico_verdict
resumed(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	state->resumed++;
	if (state->last)
		report(request, state);
	return state->verdict;
}

static enum portico_verdict
suspend(struct portico_request *request, struct state *state)
{
	pthread_t thread;

	if (portico_suspend(request, resumed, state, &state->token) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	if (pthread_create(&thread, NULL, complete, &state->token) != 0)
		return PORTICO_ERROR;
	/* Sometimes this is the case the contract names: completed before the
	 * function that suspended has returned. */
	pthread_join(thread, NULL);
	return PORTICO_PENDING;
}

static enum portico_verdict
at_event(struct portico_request *request, enum portico_event event,
	 enum portico_phase phase)
{
	struct state *state = portico_request_state(request);
	struct portico_slice value;
	char word[32];

	snprintf(word, sizeof(word), "%s%s", names[event],
		 phase == PORTICO_PHASE_POST ? "+" : "");
	note(state, word);
	state->last = event == PORTICO_EVENT_END && phase == PORTICO_PHASE_POST;
	state->verdict = PORTICO_NEXT;
	if (field_has(request, PORTICO_SLICE("X-Stop"), word, &value))
		state->verdict = value.length > 1 && value.data[1] == 'e' ?
					 PORTICO_ERROR :
					 PORTICO_DONE;
	if (field_has(request, PORTICO_SLICE("X-Pending"), word, NULL) ||
	    field_has(request, PORTICO_SLICE("X-Pending"), "all", NULL))
		return suspend(request, state);
	if (state->last)
		report(request, state);
	return state->verdict;
}

#define STAGE(name, event)                                                     \
	static enum portico_verdict on_##name(struct portico_request *request) \
	{                                                                      \
		return at_event(request, event, PORTICO_PHASE_EVENT);          \
	}                                                                      \
	static enum portico_verdict post_##name(                               \
		struct portico_request *request)                               \
	{                                                                      \
		return at_event(request, event, PORTICO_PHASE_POST);           \
	}

STAGE(begin, PORTICO_EVENT_BEGIN)
STAGE(authenticate, PORTICO_EVENT_AUTHENTICATE)
STAGE(authorize, PORTICO_EVENT_AUTHORIZE)
STAGE(resolve_cache, PORTICO_EVENT_RESOLVE_CACHE)
STAGE(map_handler, PORTICO_EVENT_MAP_HANDLER)
STAGE(acquire_state, PORTICO_EVENT_ACQUIRE_STATE)
STAGE(pre_execute, PORTICO_EVENT_PRE_EXECUTE)
STAGE(execute, PORTICO_EVENT_EXECUTE)
STAGE(release_state, PORTICO_EVENT_RELEASE_STATE)
STAGE(update_cache, PORTICO_EVENT_UPDATE_CACHE)
STAGE(log, PORTICO_EVENT_LOG)
STAGE(end, PORTICO_EVENT_END)

#define ROWS(name, the_event)                                                  \
	{ .event = the_event,                                                  \
	  .phase = PORTICO_PHASE_EVENT,                                        \
	  .function = on_##name },                                             \
	{                                                                      \
		.event = the_event, .phase = PORTICO_PHASE_POST,               \
		.function = post_##name                                        \
	}

/* Not in the order of the events: that order is the host's to make. */
static const struct portico_subscription subscriptions[] = {
	ROWS(end, PORTICO_EVENT_END),
	ROWS(log, PORTICO_EVENT_LOG),
	ROWS(execute, PORTICO_EVENT_EXECUTE),
	ROWS(begin, PORTICO_EVENT_BEGIN),
	ROWS(update_cache, PORTICO_EVENT_UPDATE_CACHE),
	ROWS(release_state, PORTICO_EVENT_RELEASE_STATE),
	ROWS(authorize, PORTICO_EVENT_AUTHORIZE),
	ROWS(authenticate, PORTICO_EVENT_AUTHENTICATE),
	ROWS(resolve_cache, PORTICO_EVENT_RESOLVE_CACHE),
	ROWS(acquire_state, PORTICO_EVENT_ACQUIRE_STATE),
	ROWS(pre_execute, PORTICO_EVENT_PRE_EXECUTE),
	ROWS(map_handler, PORTICO_EVENT_MAP_HANDLER),
	{ 0 }
};

/* ---- handler and filter -------------------------------------------------- */

static enum portico_verdict
handle(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	size_t written;

	note(state, "handler");
	portico_response_set_status(request, 200, 0);
	portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				   PORTICO_SLICE("text/plain"));
	if (portico_response_write(request, state->order, state->length,
				   &written) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = { { .name = "stages",
						     .function = handle },
						   { 0 } };

static enum portico_verdict
filter_head(struct portico_request *request)
{
	struct portico_slice field;

	if (!portico_request_field(request, PORTICO_SLICE("X-Filter"), &field))
		return PORTICO_DONE;
	portico_response_set_field(request, PORTICO_SLICE("X-Filtered"), field);
	if (field_has(request, PORTICO_SLICE("X-Filter"), "double", NULL))
		portico_response_set_length(request, -1);
	return PORTICO_NEXT;
}

static enum portico_status
filter_data(struct portico_request *request, struct portico_slice chunk,
	    uint32_t flags, struct portico_filter_stream *next)
{
	char upper[4096];
	enum portico_status status = PORTICO_OK;

	if (field_has(request, PORTICO_SLICE("X-Filter"), "double", NULL)) {
		status = portico_filter_pass(next, chunk, 0);
		if (status != PORTICO_OK)
			return status;
		return portico_filter_pass(next, chunk, flags);
	}
	do {
		size_t length = chunk.length < sizeof(upper) ? chunk.length :
							       sizeof(upper);

		for (size_t i = 0; i < length; i++)
			upper[i] = (char)toupper((unsigned char)chunk.data[i]);
		chunk.data += length;
		chunk.length -= length;
		status = portico_filter_pass(
			next, (struct portico_slice){ upper, length },
			chunk.length == 0 ? flags : 0);
	} while (status == PORTICO_OK && chunk.length > 0);
	return status;
}

static const struct portico_filter filter = {
	.name = "stages",
	.head = filter_head,
	.data = filter_data,
};

PORTICO_MODULE(.name = "stages", .version = "1.0.0",
	       .summary = "writes down the order of events",
	       .subscriptions = subscriptions, .handlers = handlers,
	       .filter = &filter, .request_size = sizeof(struct state));
