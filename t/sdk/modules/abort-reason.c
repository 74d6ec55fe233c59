/* SPDX-License-Identifier: Apache-2.0
 *
 * abort.h, as abort-reason.t drives it: waits for what does not come, and says
 * in the log why it was told to stop.
 */
#include <portico/portico.h>

#include <string.h>

struct state {
	struct portico_token token;
	bool waits;
};

static void
on_abort(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_slice target =
		portico_request_text(request, PORTICO_TEXT_TARGET);

	portico_log(request, PORTICO_LOG_INFO, 0, "told %s: %d", target.data,
		    portico_request_abort_reason(request));
	if (state->waits)
		portico_complete(state->token);
}

static enum portico_verdict
over(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	return PORTICO_DONE;
}

static enum portico_verdict
read_on(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;
	enum portico_status status;

	(void)arg;
	while ((status = portico_body_read(request, &chunk)) == PORTICO_OK)
		continue;
	if (status != PORTICO_AGAIN)
		return PORTICO_DONE;
	portico_body_wait(request, read_on, NULL);
	return PORTICO_PENDING;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH);
	size_t written;

	if (portico_request_abort_reason(request) != PORTICO_ABORT_NONE)
		return PORTICO_ERROR;
	if (portico_request_has_body(request))
		return read_on(request, NULL);
	if (path.length > 6 &&
	    memcmp(path.data + path.length - 6, "/begun", 6) == 0) {
		portico_response_write(request, "begun", 5, &written);
		portico_response_flush(request);
	}
	if (portico_suspend(request, over, NULL, &state->token) != PORTICO_OK)
		return PORTICO_ERROR;
	state->waits = true;
	return PORTICO_PENDING;
}

static const struct portico_handler handlers[] = { { .name = "abort-reason",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "abort-reason", .version = "1.0.0",
	       .summary = "says why requests were aborted",
	       .request_size = sizeof(struct state), .handlers = handlers,
	       .on_abort = on_abort);
