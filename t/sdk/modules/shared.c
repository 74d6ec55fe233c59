/* SPDX-License-Identifier: Apache-2.0
 *
 * State that workers share, as shared.t asks for it in queries.  Each answer
 * begins with the worker's process: "PID status ...".
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "t/worker/argument.h"

#ifndef MODULE_NAME
#define MODULE_NAME "shared"
#endif

static const struct {
	const char *name;
	enum portico_shared_mode mode;
} modes[] = {
	{ "put", PORTICO_SHARED_SET },
	{ "add", PORTICO_SHARED_ADD },
	{ "replace", PORTICO_SHARED_REPLACE },
};

static enum portico_verdict
answer(struct portico_request *request, int status, const char *text,
       size_t length)
{
	char head[64];
	size_t written, size = (size_t)snprintf(head, sizeof(head), "%d %d ",
						(int)getpid(), status);

	if (portico_response_write(request, head, size, &written) !=
		    PORTICO_OK ||
	    portico_response_write(request, text, length, &written) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static enum portico_verdict
answer_number(struct portico_request *request, int status, uint64_t value)
{
	char text[24];
	int length =
		snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	return answer(request, status, text, (size_t)length);
}

static bool
is_op(struct portico_request *request, const char *name)
{
	struct portico_slice op = argument(request, "op");

	return op.length == strlen(name) &&
	       memcmp(op.data, name, op.length) == 0;
}

/* ---- counters ------------------------------------------------------------------- */

static enum portico_status
find_counter(struct portico_request *request,
	     struct portico_shared_counter **counter_r)
{
	struct portico_slice name = argument(request, "name");
	char text[128];

	snprintf(text, sizeof(text), "%.*s", (int)name.length, name.data);
	return portico_shared_counter(text, counter_r);
}

static enum portico_verdict
counter(struct portico_request *request)
{
	uint64_t by = number(request, "by", 1);
	uint64_t expected = number(request, "expected", 0);
	struct portico_shared_counter *counter;
	int status = find_counter(request, &counter);

	if (status != PORTICO_OK)
		return answer(request, status, "", 0);
	if (is_op(request, "add"))
		return answer_number(request, 0,
				     portico_shared_add(counter, (int64_t)by));
	if (is_op(request, "set"))
		portico_shared_set(counter, by);
	if (is_op(request, "exchange")) {
		status = portico_shared_exchange(counter, &expected, by);
		return answer_number(request, status, expected);
	}
	return answer_number(request, 0, portico_shared_value(counter));
}

/* ---- watches ---------------------------------------------------------------------- */

struct state {
	struct portico_shared_watch *watch;
	struct portico_token token;
	uint64_t value;
	uint64_t wanted; /* calls */
};

static void
on_change(struct portico_request *request, uint64_t value, void *arg)
{
	struct state *state = arg;

	(void)request;
	state->value = value;
	if (--state->wanted > 0)
		return;
	portico_shared_watch_stop(state->watch);
	portico_complete(state->token);
}

static enum portico_verdict
changed(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	return answer_number(request, 0, state->value);
}

/* Answers when the counter has changed `times` times. */
static enum portico_verdict
watch(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_shared_counter *counter;

	state->wanted = number(request, "times", 1);
	if (find_counter(request, &counter) != PORTICO_OK)
		return PORTICO_ERROR;
	state->watch =
		portico_shared_watch_start(request, counter, on_change, state);
	if (state->watch == NULL ||
	    portico_suspend(request, changed, state, &state->token) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

/* The client has left; the host stops the watch. */
static void
on_abort(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (state->watch != NULL)
		portico_complete(state->token);
}

/* ---- keys and values ----------------------------------------------------------------- */

static enum portico_verdict
read_value(struct portico_request *request, struct portico_slice key)
{
	struct portico_slice value;
	enum portico_status status = portico_shared_read(request, key, &value);

	if (status == PORTICO_OK && value.data[value.length] != '\0')
		return PORTICO_ERROR;
	return answer(request, status, value.data, value.length);
}

static enum portico_verdict
get_value(struct portico_request *request, struct portico_slice key)
{
	char buffer[16];
	size_t length = 0;
	enum portico_status status =
		portico_shared_get(key, buffer, sizeof(buffer), &length);

	if (status == PORTICO_OK)
		return answer(request, 0, buffer, length);
	return answer_number(request, status, length);
}

static enum portico_verdict
value(struct portico_request *request)
{
	struct portico_slice key = argument(request, "key");
	struct portico_slice text = argument(request, "value");
	uint64_t ttl = number(request, "ttl", 0) * 1000000;
	uint64_t sum = 0;
	int status;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (is_op(request, modes[i].name))
			return answer(request,
				      portico_shared_put(key, text, ttl,
							 modes[i].mode),
				      "", 0);
	if (is_op(request, "read"))
		return read_value(request, key);
	if (is_op(request, "get"))
		return get_value(request, key);
	if (is_op(request, "remove"))
		return answer(request, portico_shared_remove(key), "", 0);
	if (is_op(request, "swap"))
		return answer(request,
			      portico_shared_swap(key,
						  argument(request, "expected"),
						  text, ttl),
			      "", 0);
	status = portico_shared_increment(
		key, (int64_t)number(request, "by", 1), ttl, &sum);
	return answer_number(request, status, sum);
}

static const struct portico_handler handlers[] = {
	{ .name = "counter", .function = counter },
	{ .name = "watch", .function = watch },
	{ .name = "value", .function = value },
	{ 0 }
};

PORTICO_MODULE(.name = MODULE_NAME, .version = "1.0.0",
	       .summary = "uses state that workers share",
	       .request_size = sizeof(struct state), .handlers = handlers,
	       .on_abort = on_abort);
