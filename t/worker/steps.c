/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler that can be stopped (stop.h) at each step of a request, and counts
 * in the file "runs.<id>" how often the request of that id was run:
 *
 *	/steps?id=NAME            the answer is BODY_BYTES of a known pattern
 *	          &read=1         after the request's body was read
 *	          &sized=1        with Content-Length
 *	          &file=1         after the file large.bin of the root
 *
 *	started  nothing was done yet
 *	body     the first part of the body was read
 *	head     the head of the response was sent
 *	middle   half of its body was sent
 *
 * Holding is waiting: the worker's loop goes on.
 */
#include <portico/portico.h>

#include <sys/stat.h>

#include "t/worker/stop.h"

#define BODY_BYTES 20000
#define ID_MAX 64

struct state {
	struct portico_token token;
	size_t sent;
	bool body_begun;
	bool held;
};

static enum portico_verdict respond(struct portico_request *request, void *arg);

/* The value of `name` in the query; NULL: it is not there. */
static const char *
argument(struct portico_request *request, const char *name, char *value)
{
	struct portico_slice query =
		portico_request_text(request, PORTICO_TEXT_QUERY);
	size_t length = strlen(name);

	for (size_t i = 0; i + length < query.length; i++) {
		size_t used = 0;

		if ((i > 0 && query.data[i - 1] != '&') ||
		    memcmp(query.data + i, name, length) != 0 ||
		    query.data[i + length] != '=')
			continue;
		for (i += length + 1; i < query.length && used < ID_MAX - 1 &&
				      query.data[i] != '&';
		     i++)
			value[used++] = query.data[i];
		value[used] = '\0';
		return value;
	}
	return NULL;
}

static enum portico_verdict
go_on(struct portico_request *request, void *arg)
{
	(void)arg;
	portico_response_error(request, 500, 0, "held until it was aborted");
	return PORTICO_DONE;
}

/* True: the request waits from now on. */
static bool
hold(struct portico_request *request, const char *step)
{
	struct state *state = portico_request_state(request);

	if (!stop_wanted(step))
		return false;
	state->held = true;
	return portico_suspend(request, go_on, state, &state->token) ==
	       PORTICO_OK;
}

static enum portico_verdict
send_body(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	char data[1000];

	while (state->sent < BODY_BYTES) {
		size_t written;
		enum portico_status status;

		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (char)('a' + (state->sent + i) % 23);
		status = portico_response_write(
			request, data, sizeof(data) - state->sent % 1000,
			&written);
		state->sent += written;
		if (status == PORTICO_AGAIN)
			return portico_response_wait(request, send_body,
						     state) == PORTICO_OK ?
				       PORTICO_PENDING :
				       PORTICO_ERROR;
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
		if (state->sent == BODY_BYTES / 2) {
			portico_response_flush(request);
			if (hold(request, "middle"))
				return PORTICO_PENDING;
		}
	}
	return PORTICO_DONE;
}

static enum portico_verdict
read_body(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	struct portico_slice chunk;
	enum portico_status status;

	while ((status = portico_body_read(request, &chunk)) == PORTICO_OK) {
		bool first = !state->body_begun;

		state->body_begun = true;
		if (first && hold(request, "body"))
			return PORTICO_PENDING;
	}
	if (status == PORTICO_AGAIN)
		return portico_body_wait(request, read_body, state) ==
				       PORTICO_OK ?
			       PORTICO_PENDING :
			       PORTICO_ERROR;
	return status == PORTICO_END ? respond(request, state) : PORTICO_ERROR;
}

/* The file goes first; NULL: it is not wanted, or cannot be read. */
static struct portico_file *
open_file(struct portico_request *request, int64_t *size_r)
{
	struct portico_error err;
	char value[ID_MAX];
	struct stat st;
	int fd;

	*size_r = 0;
	if (argument(request, "file", value) == NULL ||
	    portico_file_open(request, PORTICO_SLICE("large.bin"), &fd, &err) !=
		    PORTICO_OK)
		return NULL;
	if (fstat(fd, &st) == 0)
		*size_r = st.st_size;
	return portico_file_adopt(fd);
}

static enum portico_verdict
respond(struct portico_request *request, void *arg)
{
	enum portico_status status = PORTICO_OK;
	char value[ID_MAX];
	int64_t size;
	struct portico_file *file = open_file(request, &size);

	portico_response_set_status(request, 200, 0);
	if (argument(request, "sized", value) != NULL)
		portico_response_set_length(request, size + BODY_BYTES);
	if (file != NULL) {
		status = portico_response_send_file(request, file, 0,
						    (uint64_t)size);
		portico_file_unref(file);
	}
	portico_response_flush(request);
	if (status != PORTICO_OK)
		return PORTICO_ERROR;
	if (hold(request, "head"))
		return PORTICO_PENDING;
	return send_body(request, arg);
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	char value[ID_MAX], name[ID_MAX + 8];

	if (argument(request, "id", value) == NULL)
		return PORTICO_NEXT;
	snprintf(name, sizeof(name), "runs.%s", value);
	stop_note(name);
	if (hold(request, "started"))
		return PORTICO_PENDING;
	if (argument(request, "read", value) != NULL)
		return read_body(request, state);
	return respond(request, state);
}

static void
on_abort(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (state->held)
		portico_complete(state->token);
}

static const struct portico_handler handlers[] = { { .name = "steps",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "steps", .version = "1.0.0",
	       .summary = "stops where a test wants it to",
	       .handlers = handlers, .request_size = sizeof(struct state),
	       .on_abort = on_abort);
