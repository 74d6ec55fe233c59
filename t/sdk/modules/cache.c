/* SPDX-License-Identifier: Apache-2.0
 *
 * cache.h, as cache.t and t/listener/cache.t drive it.  The field X-Do of a
 * request says what happens ("allow=5;size=100;..."); the query stays free for
 * the test.  The answer's body is the number of the run, then filling.
 *
 *   allow=SECONDS  while  deny  vary=NAME  query=NAMES  key=NAME:VALUE  user=NAME
 *   status=NUMBER  error=NUMBER  size=BYTES  chunked  field=NAME:VALUE
 *   flush=PATH  below=PATH  wait (until released)  release
 *   rewrite=PATH (in BEGIN)  tell (of the key and the verdicts)
 */
#include <portico/portico.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_uint runs;
static atomic_int released;

struct state {
	char script[512];
	char verdicts[256];
	unsigned run;
	size_t left;
};

static bool
next_word(char **at, char **name_r, char **value_r)
{
	char *end;

	if (**at == '\0')
		return false;
	*name_r = *at;
	end = strchr(*at, ';');
	*at = end == NULL ? *name_r + strlen(*name_r) : end + 1;
	if (end != NULL)
		*end = '\0';
	*value_r = strchr(*name_r, '=');
	if (*value_r == NULL)
		*value_r = *name_r + strlen(*name_r);
	else
		*(*value_r)++ = '\0';
	return true;
}

static struct portico_slice
slice_of(const char *text)
{
	return (struct portico_slice){ text, strlen(text) };
}

static void
note(struct state *state, const char *what, enum portico_status status)
{
	size_t used = strlen(state->verdicts);

	snprintf(state->verdicts + used, sizeof(state->verdicts) - used,
		 "%s %d ", what, status);
}

/* "NAME:VALUE" in two. */
static struct portico_slice
cut(char *text, struct portico_slice *value_r)
{
	char *colon = strchr(text, ':');

	if (colon == NULL)
		return *value_r = slice_of(text);
	*colon = '\0';
	*value_r = slice_of(colon + 1);
	return slice_of(text);
}

static enum portico_status
flush(struct portico_request *request, const char *path, uint32_t flags)
{
	return portico_cache_flush(portico_request_application(request),
				   slice_of(path), flags);
}

/* False: not a word about the cache. */
static bool
do_cache(struct portico_request *request, struct state *state, const char *name,
	 char *value)
{
	struct portico_slice text;

	if (strcmp(name, "allow") == 0)
		note(state, "allow",
		     portico_cache_allow(
			     request, strtoull(value, NULL, 10) * 1000000000ull,
			     0));
	else if (strcmp(name, "while") == 0)
		note(state, "while",
		     portico_cache_allow(request, PORTICO_CACHE_UNTIL_FLUSHED,
					 PORTICO_CACHE_WHILE_WORKER));
	else if (strcmp(name, "wrong") == 0)
		note(state, "wrong", portico_cache_allow(request, 1, 64));
	else if (strcmp(name, "deny") == 0)
		note(state, "deny", portico_cache_deny(request));
	else if (strcmp(name, "vary") == 0)
		note(state, "vary",
		     portico_cache_vary_field(request, slice_of(value)));
	else if (strcmp(name, "query") == 0)
		note(state, "query",
		     portico_cache_vary_query(request, slice_of(value)));
	else if (strcmp(name, "flush") == 0)
		note(state, "flush", flush(request, value, 0));
	else if (strcmp(name, "below") == 0)
		note(state, "flush",
		     flush(request, value, PORTICO_CACHE_BELOW));
	else if (strcmp(name, "key") == 0)
		note(state, "key",
		     portico_cache_add_key(request, cut(value, &text), text));
	else
		return false;
	return true;
}

static void
do_response(struct portico_request *request, struct state *state,
	    const char *name, char *value)
{
	struct portico_slice text;

	if (strcmp(name, "status") == 0)
		portico_response_set_status(
			request, (unsigned)strtoul(value, NULL, 10), 0);
	else if (strcmp(name, "size") == 0)
		state->left = strtoull(value, NULL, 10);
	else if (strcmp(name, "user") == 0)
		portico_request_set_user(request, slice_of(value));
	else if (strcmp(name, "field") == 0)
		portico_response_add_field(request, cut(value, &text), text);
	else if (strcmp(name, "release") == 0)
		atomic_store(&released, 1);
}

static void
write_text(struct portico_request *request, const char *text)
{
	size_t written;

	portico_response_write(request, text, strlen(text), &written);
}

static enum portico_verdict
fill_up(struct portico_request *request, void *arg)
{
	static const char filling[] = "0123456789abcdefghijklmnopqrstuvwxyz"
				      "0123456789abcdefghijklmnopqrstuvwxyz";
	struct state *state = arg;

	while (state->left > 0) {
		size_t length = state->left < 72 ? state->left : 72;
		size_t written = 0;
		enum portico_status status = portico_response_write(
			request, filling, length, &written);

		state->left -= written;
		if (status == PORTICO_AGAIN)
			return portico_response_wait(request, fill_up, state) ==
					       PORTICO_OK ?
				       PORTICO_PENDING :
				       PORTICO_ERROR;
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
answer(struct portico_request *request, struct state *state, bool tell,
       bool chunked)
{
	struct portico_slice key = { "-", 1 };
	char text[1024];
	int length;

	if (tell) {
		note(state, "key", portico_cache_key(request, &key));
		length = snprintf(text, sizeof(text), "%s\n%.*s",
				  state->verdicts, (int)key.length, key.data);
		portico_response_set_length(request, length);
		write_text(request, text);
		return PORTICO_DONE;
	}
	length = snprintf(text, sizeof(text), "run %u.", state->run);
	if (!chunked)
		portico_response_set_length(request,
					    length + (int64_t)state->left);
	write_text(request, text);
	return fill_up(request, state);
}

struct waiting {
	struct portico_token token;
};

/* Until another request has said so. */
static void
on_tick(struct portico_request *request, void *arg)
{
	struct waiting *waiting = arg;

	if (atomic_exchange(&released, 0) == 0)
		portico_timer_start(request, 1000000, on_tick, waiting);
	else
		portico_complete(waiting->token);
}

static enum portico_verdict
on_released(struct portico_request *request, void *arg)
{
	return answer(request, arg, false, false);
}

static enum portico_verdict
wait_for_release(struct portico_request *request, struct state *state)
{
	struct waiting *waiting =
		portico_request_alloc(request, sizeof(*waiting));

	if (waiting == NULL || portico_suspend(request, on_released, state,
					       &waiting->token) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_timer_start(request, 1000000, on_tick, waiting);
	return PORTICO_PENDING;
}

static enum portico_verdict
on_execute(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	char *at = state->script, *name, *value;
	bool wait = false, tell = false, chunked = false;

	state->run = ++runs;
	while (next_word(&at, &name, &value)) {
		wait = wait || strcmp(name, "wait") == 0;
		tell = tell || strcmp(name, "tell") == 0;
		chunked = chunked || strcmp(name, "chunked") == 0;
		if (strcmp(name, "error") == 0)
			return portico_response_error(
				       request,
				       (unsigned)strtoul(value, NULL, 10), 0,
				       NULL) == PORTICO_OK ?
				       PORTICO_DONE :
				       PORTICO_ERROR;
		if (!do_cache(request, state, name, value))
			do_response(request, state, name, value);
	}
	if (wait)
		return wait_for_release(request, state);
	return answer(request, state, tell, chunked);
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_slice field;
	char *path;

	if (!portico_request_field(request, PORTICO_SLICE("X-Do"), &field))
		return PORTICO_NEXT;
	snprintf(state->script, sizeof(state->script), "%.*s",
		 (int)field.length, field.data);
	path = strstr(state->script, "rewrite=");
	if (path != NULL && portico_request_rewrites(request) == 0) {
		size_t length = strcspn(path, ";");

		if (portico_request_rewrite(
			    request,
			    (struct portico_slice){ path + 8, length - 8 }) !=
		    PORTICO_OK)
			return PORTICO_ERROR;
	}
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

static const struct portico_handler handlers[] = { { .name = "cache",
						     .function = on_execute },
						   { 0 } };

PORTICO_MODULE(.name = "cache", .version = "1.0.0",
	       .summary = "responses that the listener keeps",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers);
