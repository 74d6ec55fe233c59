/* SPDX-License-Identifier: Apache-2.0
 *
 * Sends the body of a request back, of any size, in constant memory: reads
 * what is there, writes what fits, and waits for whichever side is slow.
 */
#include <portico/portico.h>

/* Per-request state: what was read and is not written yet.  Borrowed from the
 * host until the next portico_body_read(). */
struct state {
	struct portico_slice rest;
};

static enum portico_verdict pump(struct portico_request *request, void *arg);

/* Turns the status of a wait into the verdict that goes with it. */
static enum portico_verdict
pending(enum portico_status status)
{
	return status == PORTICO_OK ? PORTICO_PENDING : PORTICO_ERROR;
}

static enum portico_status
write_rest(struct portico_request *request, struct state *state)
{
	while (state->rest.length > 0) {
		size_t written = 0;
		enum portico_status status =
			portico_response_write(request, state->rest.data,
					       state->rest.length, &written);

		state->rest.data += written;
		state->rest.length -= written;
		if (status != PORTICO_OK)
			return status;
	}
	return PORTICO_OK;
}

/* Runs until one side has to be waited for; then it is its own resume
 * function. */
static enum portico_verdict
pump(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	for (;;) {
		enum portico_status status = write_rest(request, state);

		if (status == PORTICO_AGAIN)
			return pending(
				portico_response_wait(request, pump, state));
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
		status = portico_body_read(request, &state->rest);
		if (status == PORTICO_END)
			return PORTICO_DONE;
		if (status == PORTICO_AGAIN) {
			/* a client may wait for this before it sends more */
			status = portico_response_flush(request);
			if (status != PORTICO_OK)
				return PORTICO_ERROR;
			return pending(portico_body_wait(request, pump, state));
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
}

static enum portico_verdict
echo(struct portico_request *request)
{
	struct portico_slice type;
	int64_t length = portico_request_content_length(request);

	if (!portico_request_field(request, PORTICO_SLICE("Content-Type"),
				   &type))
		type = PORTICO_SLICE("application/octet-stream");
	if (portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				       type) != PORTICO_OK ||
	    portico_response_set_length(request, length) != PORTICO_OK)
		return PORTICO_ERROR;
	return pump(request, portico_request_state(request));
}

static const struct portico_handler handlers[] = {
	{ .name = "echo", .methods = "POST,PUT", .function = echo },
	{ 0 }
};

PORTICO_MODULE(.name = "echo", .version = "1.0.0",
	       .summary = "sends the body of a request back",
	       .request_size = sizeof(struct state), .handlers = handlers);
