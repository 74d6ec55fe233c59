/* SPDX-License-Identifier: Apache-2.0
 *
 * A module for system tests that writes down in a file what it does, so that a
 * test knows what ran, how often and when, whatever became of the worker.  A
 * line is
 *
 *	run NAME TIME		a handler was called
 *	abort NAME TIME		on_abort was called, for the first time
 *	end NAME TIME		the handler went on after that
 *
 * with the name from the query and the time of CLOCK_MONOTONIC in microseconds.
 * What a handler does says the first segment of the path; the numbers are those
 * of the query.
 *
 *	/run?name=N		answers at once
 *	/hold?name=N		is suspended until it is aborted
 *	/write?name=N		writes until nothing fits, waits for room
 *	/begin?name=N		begins a chunked response, then as /hold
 *	/start?name=N		the same with nothing behind the head
 *	/read?name=N		reads a body to its end
 *	/offload?name=N&ms=M	on a thread of the pool, M milliseconds
 *	/block?name=N&ms=M	blocks the worker's loop
 */
#include <portico/portico.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "t/worker/argument.h"

struct settings {
	const char *file;
	int64_t start_delay;
};

static const struct portico_directive directives[] = {
	{ .name = "file",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct settings, file, const char *),
	  .default_value = "\"/dev/null\"",
	  .summary = "What is written to; it exists." },
	{ .name = "startDelay",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = PORTICO_MEMBER(struct settings, start_delay, int64_t),
	  .default_value = "0",
	  .minimum = 0,
	  .maximum = 60000,
	  .summary = "Milliseconds until the worker is ready." },
	{ 0 }
};

struct state {
	struct portico_token token;
	uint64_t milliseconds;
	bool held, aborted;
	char name[64];
};

/* ---- the file ------------------------------------------------------------ */

/* One write() of a line: several workers may do so at once. */
static void
mark(struct portico_request *request, const char *what)
{
	const struct settings *settings =
		portico_request_configuration(request);
	struct state *state = portico_request_state(request);
	struct timespec now;
	char line[128];
	int fd, length;

	clock_gettime(CLOCK_MONOTONIC, &now);
	length = snprintf(line, sizeof(line), "%s %s %lld\n", what, state->name,
			  (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	fd = open(settings->file, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0 || write(fd, line, (size_t)length) != length)
		abort();
	close(fd);
}

/* ---- what it does -------------------------------------------------------- */

static enum portico_verdict
answer(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	size_t written;

	if (state->aborted)
		mark(request, "end");
	return portico_response_write(request, "done\n", 5, &written) ==
			       PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static enum portico_verdict
do_hold(struct portico_request *request, struct state *state)
{
	state->held = true;
	if (portico_suspend(request, answer, state, &state->token) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static enum portico_verdict
write_on(struct portico_request *request, void *arg)
{
	static const char data[4096];
	struct state *state = arg;
	enum portico_status status;
	size_t written;

	do
		status = portico_response_write(request, data, sizeof(data),
						&written);
	while (status == PORTICO_OK);
	if (status == PORTICO_AGAIN &&
	    portico_response_wait(request, write_on, state) == PORTICO_OK)
		return PORTICO_PENDING;
	mark(request, "end");
	return PORTICO_ERROR;
}

static enum portico_verdict
do_write(struct portico_request *request, struct state *state)
{
	return write_on(request, state);
}

static enum portico_verdict
do_start(struct portico_request *request, struct state *state)
{
	portico_response_set_status(request, 200, 0);
	if (portico_response_flush(request) != PORTICO_OK)
		return PORTICO_ERROR;
	return do_hold(request, state);
}

static enum portico_verdict
do_begin(struct portico_request *request, struct state *state)
{
	size_t written;

	if (portico_response_write(request, "begin\n", 6, &written) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	return do_start(request, state);
}

static enum portico_verdict
read_on(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	struct portico_slice chunk;
	enum portico_status status;

	do
		status = portico_body_read(request, &chunk);
	while (status == PORTICO_OK);
	if (status == PORTICO_AGAIN &&
	    portico_body_wait(request, read_on, state) == PORTICO_OK)
		return PORTICO_PENDING;
	if (status == PORTICO_END)
		return answer(request, state);
	mark(request, "end");
	return PORTICO_ERROR;
}

static enum portico_verdict
do_read(struct portico_request *request, struct state *state)
{
	return read_on(request, state);
}

static void
nap(void *arg)
{
	const struct state *state = arg;
	struct timespec time = { (time_t)(state->milliseconds / 1000),
				 (long)(state->milliseconds % 1000) * 1000000 };

	while (nanosleep(&time, &time) != 0)
		;
}

static enum portico_verdict
do_offload(struct portico_request *request, struct state *state)
{
	if (portico_offload(request, nap, state, answer, state) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static enum portico_verdict
do_block(struct portico_request *request, struct state *state)
{
	nap(state);
	return answer(request, state);
}

static enum portico_verdict
do_run(struct portico_request *request, struct state *state)
{
	return answer(request, state);
}

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	const struct settings *settings = configuration;
	struct state state = { .milliseconds =
				       (uint64_t)settings->start_delay };

	(void)application;
	(void)err;
	*state_r = NULL;
	nap(&state);
	return PORTICO_OK;
}

/* ---- the module ---------------------------------------------------------- */

static enum portico_verdict
handle(struct portico_request *request)
{
	static const struct {
		const char *path;
		enum portico_verdict (*act)(struct portico_request *request,
					    struct state *state);
	} actions[] = {
		{ "/run", do_run },	    { "/hold", do_hold },
		{ "/write", do_write },	    { "/begin", do_begin },
		{ "/start", do_start },	    { "/read", do_read },
		{ "/offload", do_offload }, { "/block", do_block },
	};
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION);
	struct portico_slice name = argument(request, "name");
	struct state *state = portico_request_state(request);

	if (name.length == 0 || name.length >= sizeof(state->name))
		return PORTICO_NEXT;
	memcpy(state->name, name.data, name.length);
	state->milliseconds = number(request, "ms", 0);
	mark(request, "run");
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (path.length == strlen(actions[i].path) &&
		    memcmp(path.data, actions[i].path, path.length) == 0)
			return actions[i].act(request, state);
	}
	return PORTICO_NEXT;
}

static void
on_abort(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (!state->aborted)
		mark(request, "abort");
	state->aborted = true;
	if (state->held)
		portico_complete(state->token);
}

static const struct portico_handler handlers[] = { { .name = "marks",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "marks", .version = "1.0.0",
	       .summary = "writes down what it does", .handlers = handlers,
	       .directives = directives,
	       .configuration_size = sizeof(struct settings),
	       .request_size = sizeof(struct state),
	       .application_init = application_init, .on_abort = on_abort);
