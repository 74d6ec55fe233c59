/* SPDX-License-Identifier: Apache-2.0
 *
 * abort.h, as abort-reason.t drives it: waits for what does not come, and says
 * in the log why it was told to stop.  What its path ends with:
 *
 *	/begun	its response has begun
 *	/much	it never ends
 *	/closes	makes a child that waits, then closes it
 *	/parent	makes such a child and waits with it
 */
#include <portico/portico.h>

#include <string.h>

struct state {
	struct portico_token token;
	bool waits;
	struct portico_child *child;
};

/* Of the request whose child is to wait.  Tests make one such at a time, and
 * parent and child are on one loop. */
static _Thread_local struct portico_token parent;

static bool
ends_with(struct portico_request *request, const char *end)
{
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH);
	size_t length = strlen(end);

	return path.length >= length &&
	       memcmp(path.data + path.length - length, end, length) == 0;
}

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
wait_on(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (portico_suspend(request, over, NULL, &state->token) != PORTICO_OK)
		return PORTICO_ERROR;
	state->waits = true;
	return PORTICO_PENDING;
}

/* More than any buffer holds. */
static enum portico_verdict
write_on(struct portico_request *request, void *arg)
{
	static const char text[8192];
	enum portico_status status;
	size_t written;

	(void)arg;
	while ((status = portico_response_write(request, text, sizeof(text),
						&written)) == PORTICO_OK)
		continue;
	if (status != PORTICO_AGAIN)
		return PORTICO_DONE;
	portico_response_wait(request, write_on, NULL);
	return PORTICO_PENDING;
}

/* The child waits. */
static enum portico_verdict
with_child(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);

	(void)arg;
	if (ends_with(request, "/parent")) {
		portico_log(request, PORTICO_LOG_INFO, 0, "both wait");
		return wait_on(request);
	}
	portico_child_close(state->child);
	portico_response_set_status(request, 204, 0);
	return PORTICO_DONE;
}

static enum portico_verdict
make_child(struct portico_request *request)
{
	struct portico_child_options options = {
		.method = PORTICO_SLICE("GET"),
		.target = ends_with(request, "/parent") ?
				  PORTICO_SLICE("/patient/child-of-parent") :
				  PORTICO_SLICE("/patient/child"),
	};
	struct state *state = portico_request_state(request);

	if (portico_child_start(request, &options, &state->child) !=
		    PORTICO_OK ||
	    portico_suspend(request, with_child, NULL, &parent) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	size_t written;

	if (portico_request_abort_reason(request) != PORTICO_ABORT_NONE)
		return PORTICO_ERROR;
	if (portico_request_has_body(request))
		return read_on(request, NULL);
	if (ends_with(request, "/much"))
		return write_on(request, NULL);
	if (ends_with(request, "/closes") || ends_with(request, "/parent"))
		return make_child(request);
	if (portico_child_depth(request) > 0)
		portico_complete(parent);
	if (ends_with(request, "/begun")) {
		portico_response_write(request, "begun", 5, &written);
		portico_response_flush(request);
	}
	return wait_on(request);
}

static const struct portico_handler handlers[] = { { .name = "abort-reason",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "abort-reason", .version = "1.0.0",
	       .summary = "says why requests were aborted",
	       .request_size = sizeof(struct state), .handlers = handlers,
	       .on_abort = on_abort);
