/* SPDX-License-Identifier: Apache-2.0
 *
 * The module that answers load-client: bodies that can be checked to the last
 * byte, and executions that are counted where a crash cannot lose them.
 *
 *	/pattern?seed=S&bytes=N  N bytes of the pattern of S (pattern.h); with
 *	               &sized=1 a content length, with &ms=M after M ms by
 *	               timer, with &chunk=C in writes of C bytes
 *	/store?seed=S&bytes=N  reads a body and answers whether it is that
 *	               pattern: "right N" or "wrong AT"; with &ms=M it rests for
 *	               M ms after the first part; with &id=X a line "X PID" is
 *	               appended to countFile before anything else happens
 *
 * Every answer has the field X-Seed, so that an empty body is told apart too.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <portico/portico.h>

#include "t/load/pattern.h"
#include "t/worker/argument.h"

#define WRITE_BYTES 16384

struct settings {
	const char *count_file;
};

static const struct portico_directive directives[] = {
	{ .name = "countFile",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct settings, count_file, const char *),
	  .default_value = "\"\"",
	  .summary = "Gets a line for each execution of /store with an id." },
	{ 0 }
};

struct state {
	struct portico_token token;
	uint64_t seed, total, at, wrong_at, rest_ms;
	size_t chunk;
	bool wrong;
};

static bool
begin_answer(struct portico_request *request, const struct state *state)
{
	char seed[24];
	int length = snprintf(seed, sizeof(seed), "%" PRIu64, state->seed);

	return portico_response_set_status(request, 200, 0) == PORTICO_OK &&
	       portico_response_set_field(
		       request, PORTICO_SLICE("X-Seed"),
		       (struct portico_slice){ seed, (size_t)length }) ==
		       PORTICO_OK;
}

/* ---- /pattern ------------------------------------------------------------------ */

static enum portico_verdict
send_pattern(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	char data[WRITE_BYTES];

	while (state->at < state->total) {
		size_t length = state->chunk, written = 0;
		enum portico_status status;

		if (length > state->total - state->at)
			length = (size_t)(state->total - state->at);
		pattern_fill(data, length, state->seed, state->at);
		status =
			portico_response_write(request, data, length, &written);
		state->at += written;
		if (status == PORTICO_AGAIN) {
			if (portico_response_wait(request, send_pattern,
						  state) != PORTICO_OK)
				return PORTICO_ERROR;
			return PORTICO_PENDING;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
	return PORTICO_DONE;
}

static void
on_timer(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	(void)request;
	portico_complete(state->token);
}

static enum portico_verdict
do_pattern(struct portico_request *request, struct state *state)
{
	uint64_t ms = number(request, "ms", 0);

	state->total = number(request, "bytes", 0);
	state->chunk = (size_t)number(request, "chunk", 0);
	if (state->chunk == 0 || state->chunk > WRITE_BYTES)
		state->chunk = WRITE_BYTES;
	if (!begin_answer(request, state))
		return PORTICO_ERROR;
	if (number(request, "sized", 0) != 0)
		portico_response_set_length(request, (int64_t)state->total);
	if (ms == 0)
		return send_pattern(request, state);
	if (portico_suspend(request, send_pattern, state, &state->token) !=
		    PORTICO_OK ||
	    portico_timer_start(request, ms * 1000000, on_timer, state) == NULL)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

/* ---- /store -------------------------------------------------------------------- */

/* One write(), so that a kill leaves a whole line or none. */
static bool
count_execution(struct portico_request *request)
{
	const struct settings *settings =
		portico_request_configuration(request);
	struct portico_slice id = argument(request, "id");
	char line[128];
	int length, fd;
	bool done;

	if (id.length == 0)
		return true;
	length = snprintf(line, sizeof(line), "%.*s %d\n", (int)id.length,
			  id.data, (int)getpid());
	fd = open(settings->count_file,
		  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	done = write(fd, line, (size_t)length) == length;
	close(fd);
	return done;
}

static enum portico_verdict
stored(struct portico_request *request, struct state *state)
{
	char text[64];
	size_t written;
	int length;

	if (!state->wrong && state->at != state->total) {
		state->wrong = true;
		state->wrong_at = state->at;
	}
	length = snprintf(text, sizeof(text), "%s %" PRIu64 "\n",
			  state->wrong ? "wrong" : "right",
			  state->wrong ? state->wrong_at : state->at);
	if (!begin_answer(request, state) ||
	    portico_response_write(request, text, (size_t)length, &written) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static enum portico_verdict read_body(struct portico_request *request,
				      void *arg);

/* What comes meanwhile stays in the channel. */
static enum portico_verdict
rest(struct portico_request *request, struct state *state)
{
	uint64_t ns = state->rest_ms * 1000000;

	state->rest_ms = 0;
	if (portico_suspend(request, read_body, state, &state->token) !=
		    PORTICO_OK ||
	    portico_timer_start(request, ns, on_timer, state) == NULL)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static enum portico_verdict
read_body(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	struct portico_slice chunk;
	enum portico_status status;

	while ((status = portico_body_read(request, &chunk)) == PORTICO_OK) {
		if (!state->wrong &&
		    !pattern_is_right(chunk.data, chunk.length, state->seed,
				      state->at)) {
			state->wrong = true;
			state->wrong_at = state->at;
		}
		state->at += chunk.length;
		if (state->rest_ms > 0)
			return rest(request, state);
	}
	if (status == PORTICO_AGAIN) {
		if (portico_body_wait(request, read_body, state) != PORTICO_OK)
			return PORTICO_ERROR;
		return PORTICO_PENDING;
	}
	return status == PORTICO_END ? stored(request, state) : PORTICO_ERROR;
}

static enum portico_verdict
do_store(struct portico_request *request, struct state *state)
{
	if (!count_execution(request))
		return PORTICO_ERROR;
	state->total = number(request, "bytes", 0);
	state->rest_ms = number(request, "ms", 0);
	return read_body(request, state);
}

/* ---- the module ------------------------------------------------------------------ */

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION);
	struct state *state = portico_request_state(request);

	state->seed = number(request, "seed", 0);
	if (path.length == strlen("/pattern") &&
	    memcmp(path.data, "/pattern", path.length) == 0)
		return do_pattern(request, state);
	if (path.length == strlen("/store") &&
	    memcmp(path.data, "/store", path.length) == 0)
		return do_store(request, state);
	return PORTICO_NEXT;
}

static const struct portico_handler handlers[] = { { .name = "load",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "load", .version = "1.0.0",
	       .summary = "answers that load-client can check",
	       .handlers = handlers, .directives = directives,
	       .configuration_size = sizeof(struct settings),
	       .request_size = sizeof(struct state));
