/* SPDX-License-Identifier: Apache-2.0
 *
 * One handler for each area of the SDK that no other test module uses; each
 * answers with lines that areas.t compares.
 *
 *	X-User: NAME     names the user of the request
 *	X-Handler: NAME  chooses the handler, whatever the path is
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Of the process, from portico_worker_alloc. */
struct process {
	char pool[64];
	uint32_t loops;
	uint32_t zeros[16];
};

static struct process *process;

struct state {
	int pipe[2];
	struct portico_watch *watch;
	struct portico_timer *timer;
	struct portico_token token;
	unsigned fired;
	char text[8];
};

static enum portico_verdict
write_text(struct portico_request *request, const char *text, size_t length)
{
	size_t written;

	return portico_response_write(request, text, length, &written) ==
			       PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

/* ---- request.h: user and handler ----------------------------------------- */

static enum portico_verdict
on_authenticate(struct portico_request *request)
{
	struct portico_slice user;

	if (portico_request_field(request, PORTICO_SLICE("X-User"), &user) &&
	    portico_request_set_user(request, user) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static enum portico_verdict
on_map_handler(struct portico_request *request)
{
	struct portico_slice name;

	if (portico_request_field(request, PORTICO_SLICE("X-Handler"), &name) &&
	    portico_request_set_handler(request, name.data) != PORTICO_OK) {
		portico_response_error(request, 400, 0, "No such handler.");
		return PORTICO_DONE;
	}
	return PORTICO_NEXT;
}

static enum portico_verdict
user(struct portico_request *request)
{
	struct portico_slice name =
		portico_request_text(request, PORTICO_TEXT_USER);

	return write_text(request, name.data, name.length);
}

/* ---- worker.h ------------------------------------------------------------ */

static enum portico_verdict
worker(struct portico_request *request)
{
	struct portico_application *application =
		portico_request_application(request);
	struct portico_slice path = portico_application_text(
		application, PORTICO_TEXT_APPLICATION_PATH);
	struct portico_slice site =
		portico_application_text(application, PORTICO_TEXT_SITE);
	struct portico_slice root =
		portico_application_text(application, PORTICO_TEXT_ROOT);
	const char *state = portico_application_state(request);
	bool zeroed = true;
	char text[512];

	for (unsigned i = 0; i < 16; i++)
		zeroed = zeroed && process->zeros[i] == 0;
	snprintf(text, sizeof(text),
		 "pool %s\nloops %u\nloop below loops %d\nzeroed %d\n"
		 "path %s\nsite %s\nroot %s\nstate %s\n",
		 process->pool, process->loops,
		 portico_request_loop_number(request) < process->loops, zeroed,
		 path.data, site.data, root.data, state);
	return write_text(request, text, strlen(text));
}

static enum portico_status
on_worker_init(struct portico_worker *self, struct portico_error *err)
{
	process = portico_worker_alloc(self, sizeof(*process));
	if (process == NULL) {
		snprintf(err->message, sizeof(err->message), "no memory");
		return PORTICO_NO_MEMORY;
	}
	snprintf(process->pool, sizeof(process->pool), "%s",
		 portico_worker_pool(self));
	process->loops = portico_worker_loops(self);
	return PORTICO_OK;
}

static enum portico_status
on_application_init(struct portico_application *application,
		    const void *configuration, void **state_r,
		    struct portico_error *err)
{
	struct portico_slice path = portico_application_text(
		application, PORTICO_TEXT_APPLICATION_PATH);

	(void)configuration;
	(void)err;
	*state_r = (void *)path.data; /* lives as long as the process */
	return PORTICO_OK;
}

/* ---- response.h ---------------------------------------------------------- */

static enum portico_verdict
response(struct portico_request *request)
{
	struct portico_slice value = { NULL, 0 };
	bool sent = portico_response_head_sent(request);
	bool absent = !portico_response_field(request, PORTICO_SLICE("X-Many"),
					      &value);
	char line[128];
	size_t length, size;
	void *room;

	portico_response_set_status(request, 203, 0);
	portico_response_add_field(request, PORTICO_SLICE("X-Many"),
				   PORTICO_SLICE("first"));
	portico_response_add_field(request, PORTICO_SLICE("X-Many"),
				   PORTICO_SLICE("second"));
	portico_response_field(request, PORTICO_SLICE("x-many"), &value);
	if (portico_response_add_field(request, PORTICO_SLICE("Connection"),
				       PORTICO_SLICE("close")) !=
		    PORTICO_INVALID ||
	    portico_response_add_field(request, PORTICO_SLICE("X-Bad"),
				       PORTICO_SLICE("a\r\nb")) !=
		    PORTICO_INVALID)
		return PORTICO_ERROR;
	length = (size_t)snprintf(line, sizeof(line),
				  "sent %d\nabsent %d\nstatus %u\nfield %.*s\n",
				  sent, absent,
				  portico_response_status(request),
				  (int)value.length, value.data);
	/* piece by piece, as much as is lent */
	for (size_t done = 0; done < length; done += size) {
		if (portico_response_reserve(request, length - done, &room,
					     &size) != PORTICO_OK ||
		    size == 0)
			return PORTICO_ERROR;
		if (size > length - done)
			size = length - done;
		memcpy(room, line + done, size);
		if (portico_response_commit(request, size) != PORTICO_OK)
			return PORTICO_ERROR;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
late(struct portico_request *request)
{
	char line[64];

	/* Unknown length and a flush: the head must leave now. */
	if (portico_response_set_length(request, -1) != PORTICO_OK ||
	    write_text(request, "early\n", 6) != PORTICO_DONE ||
	    portico_response_flush(request) != PORTICO_OK)
		return PORTICO_ERROR;
	snprintf(line, sizeof(line), "sent %d\nfield %d\nstatus %d\n",
		 portico_response_head_sent(request),
		 portico_response_set_field(request, PORTICO_SLICE("X-Late"),
					    PORTICO_SLICE("1")),
		 portico_response_set_status(request, 404, 0));
	return write_text(request, line, strlen(line));
}

/* ---- async.h: watch, timers, the loop ------------------------------------ */

static enum portico_verdict
watched(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	char line[64];

	snprintf(line, sizeof(line), "read %s\nfired %u\n", state->text,
		 state->fired);
	close(state->pipe[0]);
	close(state->pipe[1]);
	return write_text(request, line, strlen(line));
}

static void
on_readable(struct portico_request *request, int events, void *arg)
{
	struct state *state = arg;
	ssize_t got;

	(void)request;
	if ((events & PORTICO_WATCH_READ) == 0)
		return;
	got = read(state->pipe[0], state->text, sizeof(state->text) - 1);
	if (got < 0)
		return;
	portico_watch_stop(state->watch);
	portico_complete(state->token);
}

static void
on_timer(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	(void)request;
	state->fired++;
	if (write(state->pipe[1], "pipe", 4) != 4)
		portico_complete(state->token);
}

/* A stopped timer must not fire, another writes into the pipe, and what is
 * watched completes the request. */
static enum portico_verdict
watch(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (pipe(state->pipe) != 0)
		return PORTICO_ERROR;
	state->timer =
		portico_timer_start(request, 1000 * 1000, on_timer, state);
	portico_timer_stop(state->timer);
	portico_timer_start(request, 5 * 1000 * 1000, on_timer, state);
	state->watch = portico_watch_start(request, state->pipe[0],
					   PORTICO_WATCH_READ, on_readable,
					   state);
	if (state->watch == NULL ||
	    portico_suspend(request, watched, state, &state->token) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

struct loop_timer {
	uv_timer_t timer;
	struct portico_token token;
};

static void
on_loop_timer_closed(uv_handle_t *handle)
{
	struct loop_timer *timer = handle->data;

	/* The request's memory holds the handle: it ends only now. */
	portico_complete(timer->token);
}

static void
on_loop_timer(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_loop_timer_closed);
}

static enum portico_verdict
looped(struct portico_request *request, void *arg)
{
	(void)arg;
	return write_text(request, "libuv\n", 6);
}

static enum portico_verdict
loop(struct portico_request *request)
{
	struct loop_timer *timer =
		portico_request_alloc(request, sizeof(*timer));

	if (timer == NULL ||
	    portico_suspend(request, looped, NULL, &timer->token) != PORTICO_OK)
		return PORTICO_ERROR;
	uv_timer_init(portico_request_loop(request), &timer->timer);
	timer->timer.data = timer;
	uv_timer_start(&timer->timer, on_loop_timer, 2, 0);
	return PORTICO_PENDING;
}

/* ---- file.h -------------------------------------------------------------- */

static enum portico_verdict
file(struct portico_request *request)
{
	struct portico_error err;
	struct portico_file *adopted;
	enum portico_status status;
	char line[128];
	int fd = -1, outside = -1;

	status = portico_file_open(request, PORTICO_SLICE("/../etc/passwd"),
				   &outside, &err);
	if (status == PORTICO_OK ||
	    portico_file_open(request, PORTICO_SLICE("no-such-file"), &outside,
			      &err) != PORTICO_NOT_FOUND ||
	    portico_file_open(request, PORTICO_SLICE("file.txt"), &fd, &err) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	adopted = portico_file_adopt(fd);
	snprintf(line, sizeof(line), "outside %d\nsame %d\n", status,
		 portico_file_fd(adopted) == fd);
	portico_file_ref(adopted);
	portico_file_unref(adopted);
	write_text(request, line, strlen(line));
	status = portico_response_send_file(request, adopted, 4, 6);
	portico_file_unref(adopted);
	if (status != PORTICO_OK)
		return PORTICO_ERROR;
	return write_text(request, "after\n", 6);
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_AUTHENTICATE, .function = on_authenticate },
	{ .event = PORTICO_EVENT_MAP_HANDLER, .function = on_map_handler },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "user", .function = user },
	{ .name = "worker", .function = worker },
	{ .name = "response", .function = response },
	{ .name = "late", .function = late },
	{ .name = "watch", .function = watch },
	{ .name = "loop", .function = loop },
	{ .name = "file", .function = file },
	{ 0 }
};

PORTICO_MODULE(.name = "areas", .version = "1.0.0",
	       .summary = "uses each area of the SDK",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers,
	       .worker_init = on_worker_init,
	       .application_init = on_application_init);
