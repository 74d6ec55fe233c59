/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h, as client.t drives it.  Handlers:
 *
 *	call        calls X-Url and answers with what came of it
 *	proxy       passes body and answer through, in constant memory
 *	background  begins a call of nobody and answers at once; what comes of
 *	            it is in the log
 *	cancel      cancels the call from a timer
 *	free        frees a call that runs, and answers
 *	mistakes    answers with what misuse returns
 *
 * X-Method, X-Body, X-Send (a field's value), X-Numbers ("which=value ...")
 * and X-Texts shape the call.  X-Early makes it from AUTHENTICATE.  The
 * environment's CLIENT_POLL is called when the worker begins.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state {
	struct portico_client_call *call;
	struct portico_slice chunk; /* of the body, what is left to pass on */
	bool uploaded;
	bool answered;
};

static struct portico_slice
field(struct portico_request *request, const char *name)
{
	struct portico_slice value = { NULL, 0 };

	portico_request_field(
		request, (struct portico_slice){ name, strlen(name) }, &value);
	return value;
}

static void
say(struct portico_request *request, const char *text, size_t length)
{
	size_t written;

	portico_response_write(request, text, length, &written);
}

static bool
count_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	unsigned *count = arg;

	(void)name;
	(void)value;
	return ++*count < 100;
}

static size_t
describe(struct portico_client_call *call, char *text, size_t size)
{
	struct portico_slice reply = PORTICO_SLICE("-"), body;
	unsigned fields = 0;
	int length;

	portico_client_field(call, PORTICO_SLICE("x-reply"), &reply);
	portico_client_fields(call, count_field, &fields);
	body = portico_client_body(call);
	length = snprintf(text, size,
			  "result %d status %u reply %s fields %u\n%s\n%zu ",
			  portico_client_result(call),
			  portico_client_status(call), reply.data, fields,
			  portico_client_message(call), body.length);
	return (size_t)length;
}

static enum portico_verdict
on_end(struct portico_request *request, void *arg)
{
	struct portico_client_call *call = arg;
	struct portico_slice body = portico_client_body(call);
	char text[1024];

	say(request, text, describe(call, text, sizeof(text)));
	say(request, body.data, body.length < 4000 ? body.length : 4000);
	return PORTICO_DONE;
}

/* "0=5000 3=100": numbers of enum portico_client_number and their values. */
static void
set_numbers(struct portico_client_call *call, const char *text)
{
	while (text != NULL && *text != '\0') {
		char *end;
		long which = strtol(text, &end, 10);

		if (*end != '=')
			return;
		portico_client_set_number(call,
					  (enum portico_client_number)which,
					  strtoll(end + 1, &end, 10));
		for (text = end; *text == ' '; text++)
			;
	}
}

static void
set_texts(struct portico_client_call *call, struct portico_slice list)
{
	const char *at = list.data, *end = at + list.length;

	while (at != NULL && at < end) {
		const char *space = memchr(at, ' ', (size_t)(end - at));
		const char *stop = space == NULL ? end : space;

		portico_client_set_text(
			call, (enum portico_client_text)(*at - '0'),
			(struct portico_slice){ at + 2,
						(size_t)(stop - at) - 2 });
		at = stop + 1;
	}
}

static enum portico_status
prepare(struct portico_request *owner, struct portico_request *request,
	struct portico_client_call **call_r)
{
	struct portico_slice method = field(request, "X-Method");
	struct portico_slice sent = field(request, "X-Send");
	struct portico_slice body = field(request, "X-Body");
	enum portico_status status;

	status = portico_client_new(
		owner, method.data == NULL ? PORTICO_SLICE("GET") : method,
		field(request, "X-Url"), call_r);
	if (status != PORTICO_OK)
		return status;
	if (sent.data != NULL)
		portico_client_add_field(*call_r, PORTICO_SLICE("X-Send"),
					 sent);
	if (body.data != NULL)
		portico_client_set_body(*call_r, body);
	set_numbers(*call_r, field(request, "X-Numbers").data);
	set_texts(*call_r, field(request, "X-Texts"));
	return PORTICO_OK;
}

static enum portico_verdict
refused(struct portico_request *request, enum portico_status status)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "refused %d\n", status);

	say(request, text, (size_t)length);
	return PORTICO_DONE;
}

static enum portico_verdict
call(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	enum portico_status status;

	if (state->call != NULL) /* made in AUTHENTICATE */
		return on_end(request, state->call);
	status = prepare(request, request, &state->call);
	if (status == PORTICO_OK)
		status = portico_client_run(state->call, on_end, state->call);
	return status == PORTICO_OK ? PORTICO_PENDING :
				      refused(request, status);
}

static enum portico_verdict
go_on(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	return PORTICO_NEXT;
}

static enum portico_verdict
on_authenticate(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (field(request, "X-Early").data == NULL)
		return PORTICO_NEXT;
	if (prepare(request, request, &state->call) != PORTICO_OK ||
	    portico_client_run(state->call, go_on, NULL) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

/* ---- streams both ways ------------------------------------------------------ */

static enum portico_verdict proxy_step(struct portico_request *request,
				       void *arg);

static enum portico_verdict
pending(enum portico_status status)
{
	return status == PORTICO_OK ? PORTICO_PENDING : PORTICO_ERROR;
}

/* One piece of the request's body into the call; NEXT: all of it has gone. */
static enum portico_verdict
upload(struct portico_request *request, struct state *state)
{
	enum portico_status status;
	size_t written;

	for (;;) {
		if (state->chunk.length == 0) {
			status = portico_body_read(request, &state->chunk);
			if (status == PORTICO_AGAIN)
				return pending(portico_body_wait(
					request, proxy_step, state));
			if (status == PORTICO_END) {
				portico_client_finish(state->call);
				return PORTICO_NEXT;
			}
			if (status != PORTICO_OK)
				return PORTICO_ERROR;
		}
		status = portico_client_write(state->call, state->chunk.data,
					      state->chunk.length, &written);
		if (status == PORTICO_AGAIN)
			return pending(portico_client_wait(state->call,
							   PORTICO_CLIENT_WRITE,
							   proxy_step, state));
		if (status == PORTICO_CLOSED)
			return PORTICO_NEXT;
		state->chunk.data += written;
		state->chunk.length -= written;
	}
}

static enum portico_verdict
download(struct portico_request *request, struct state *state)
{
	enum portico_status status;
	size_t written;

	for (;;) {
		if (state->chunk.length == 0) {
			status =
				portico_client_read(state->call, &state->chunk);
			if (status == PORTICO_AGAIN)
				return pending(portico_client_wait(
					state->call, PORTICO_CLIENT_READ,
					proxy_step, state));
			if (status != PORTICO_OK)
				return status == PORTICO_END ? PORTICO_DONE :
							       PORTICO_ERROR;
		}
		status = portico_response_write(request, state->chunk.data,
						state->chunk.length, &written);
		if (status != PORTICO_OK && status != PORTICO_AGAIN)
			return PORTICO_ERROR;
		state->chunk.data += written;
		state->chunk.length -= written;
		if (status == PORTICO_AGAIN)
			return pending(portico_response_wait(
				request, proxy_step, state));
	}
}

static enum portico_verdict
proxy_step(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	enum portico_verdict verdict;

	if (!state->uploaded) {
		verdict = upload(request, state);
		if (verdict != PORTICO_NEXT)
			return verdict;
		state->uploaded = true;
		state->chunk.length = 0;
	}
	if (!state->answered) {
		uint32_t events = portico_client_events(state->call);

		if ((events & (PORTICO_CLIENT_HEAD | PORTICO_CLIENT_END)) == 0)
			return pending(portico_client_wait(state->call,
							   PORTICO_CLIENT_HEAD,
							   proxy_step, state));
		if ((events & PORTICO_CLIENT_HEAD) == 0) {
			portico_response_error(request, 502, 0, NULL);
			return PORTICO_DONE;
		}
		state->answered = true;
		portico_response_set_status(
			request, portico_client_status(state->call), 0);
		portico_response_set_length(request, -1);
	}
	return download(request, state);
}

static enum portico_verdict
proxy(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	enum portico_status status = prepare(request, request, &state->call);

	if (status != PORTICO_OK)
		return refused(request, status);
	portico_client_set_number(state->call, PORTICO_CLIENT_STREAM, 1);
	portico_client_set_number(state->call, PORTICO_CLIENT_TOTAL_NS, 0);
	if (portico_request_has_body(request))
		portico_client_set_number(
			state->call, PORTICO_CLIENT_UPLOAD,
			portico_request_content_length(request));
	else
		state->uploaded = true;
	status = portico_client_start(state->call, NULL, NULL);
	return status == PORTICO_OK ? proxy_step(request, state) :
				      refused(request, status);
}

/* ---- without a request --------------------------------------------------------- */

static void
on_background(struct portico_client_call *one, uint32_t events, void *arg)
{
	char text[1200];

	if ((events & PORTICO_CLIENT_END) == 0)
		return;
	describe(one, text, sizeof(text));
	*strchr(text, '\n') = '\0';
	portico_log(NULL, PORTICO_LOG_INFO, 0, "background %s: %s",
		    (const char *)arg, text);
	portico_client_free(one);
}

static enum portico_verdict
background(struct portico_request *request)
{
	struct portico_client_call *one;
	enum portico_status status = prepare(NULL, request, &one);

	if (status == PORTICO_OK) {
		status = portico_client_start(one, on_background,
					      (void *)"call");
		if (status != PORTICO_OK)
			portico_client_free(one);
	}
	return refused(request, status);
}

static enum portico_status
on_worker_init(struct portico_worker *worker, struct portico_error *err)
{
	const char *url = getenv("CLIENT_POLL");
	struct portico_client_call *one;

	(void)worker;
	(void)err;
	if (url == NULL)
		return PORTICO_OK;
	if (portico_client_new(NULL, PORTICO_SLICE("GET"),
			       (struct portico_slice){ url, strlen(url) },
			       &one) != PORTICO_OK)
		return PORTICO_SYSTEM;
	return portico_client_start(one, on_background, (void *)"poll");
}

/* ---- ends before the end ---------------------------------------------------------- */

static void
on_timer(struct portico_request *request, void *arg)
{
	(void)request;
	portico_client_cancel(arg);
	portico_client_cancel(arg); /* nothing is left of it to cancel */
}

static enum portico_verdict
cancel(struct portico_request *request)
{
	struct portico_client_call *one;

	if (prepare(request, request, &one) != PORTICO_OK ||
	    portico_client_run(one, on_end, one) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_timer_start(request, 20 * 1000 * 1000, on_timer, one);
	return PORTICO_PENDING;
}

static void
must_not_run(struct portico_client_call *one, uint32_t events, void *arg)
{
	(void)one;
	(void)events;
	(void)arg;
	abort();
}

static enum portico_verdict
free_it(struct portico_request *request)
{
	struct portico_client_call *one;

	if (prepare(request, request, &one) != PORTICO_OK ||
	    portico_client_start(one, must_not_run, NULL) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_client_free(one);
	portico_client_free(NULL);
	return refused(request, PORTICO_OK);
}

/* ---- misuse -------------------------------------------------------------------------- */

static int
made(struct portico_request *request, const char *method, const char *url)
{
	struct portico_client_call *one;

	return portico_client_new(
		request, (struct portico_slice){ method, strlen(method) },
		(struct portico_slice){ url, strlen(url) }, &one);
}

static enum portico_verdict
mistakes(struct portico_request *request)
{
	struct portico_client_call *one;
	struct portico_slice chunk;
	char text[512];
	size_t written;
	int early[4], length;

	if (prepare(request, request, &one) != PORTICO_OK)
		return PORTICO_ERROR;
	early[0] = portico_client_wait(one, 0, on_end, one);
	early[1] = portico_client_read(one, &chunk);
	early[2] = portico_client_write(one, "x", 1, &written);
	early[3] = portico_client_finish(one);
	length = snprintf(
		text, sizeof(text),
		"made %d %d %d %d %d %d\nnot started %d %d %d %d\nset %d %d %d "
		"%d\n",
		made(request, "GET", "ftp://127.0.0.1/"),
		made(request, "GET", "127.0.0.1"),
		made(request, "GET", "http://a b/"),
		made(request, "G ET", "http://a/"),
		made(request, "CONNECT", "http://a/"),
		made(request, "GET", "file:///etc/passwd"), early[0], early[1],
		early[2], early[3],
		portico_client_add_field(one, PORTICO_SLICE("X-Fine"),
					 PORTICO_SLICE("")),
		portico_client_add_field(one, PORTICO_SLICE("X-Bad"),
					 PORTICO_SLICE("a\r\nb: c")),
		portico_client_add_field(one, PORTICO_SLICE("Content-Length"),
					 PORTICO_SLICE("7")),
		portico_client_set_number(one, PORTICO_CLIENT_REDIRECTS_MAX,
					  21));
	length += snprintf(text + length, sizeof(text) - (size_t)length,
			   "start %d\n", portico_client_start(one, NULL, NULL));
	say(request, text, (size_t)length);
	return PORTICO_DONE;
}

static enum portico_verdict
choose(struct portico_request *request)
{
	struct portico_slice name = field(request, "X-Handler");

	return name.data == NULL || portico_request_set_handler(
					    request, name.data) == PORTICO_OK ?
		       PORTICO_NEXT :
		       PORTICO_ERROR;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_AUTHENTICATE, .function = on_authenticate },
	{ .event = PORTICO_EVENT_MAP_HANDLER, .function = choose },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "call", .function = call },
	{ .name = "proxy", .function = proxy },
	{ .name = "background", .function = background },
	{ .name = "cancel", .function = cancel },
	{ .name = "free", .function = free_it },
	{ .name = "mistakes", .function = mistakes },
	{ 0 }
};

PORTICO_MODULE(.name = "client", .version = "1.0.0",
	       .summary = "calls other servers",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers,
	       .worker_init = on_worker_init);
