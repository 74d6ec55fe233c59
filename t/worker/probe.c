/* SPDX-License-Identifier: Apache-2.0
 *
 * A module for system tests: one handler that does what the first segment of
 * the path says, with numbers from the query.
 *
 *	/sleep?ms=N    answers after N milliseconds, by timer
 *	/block?ms=N    keeps the worker's loop from doing anything else
 *	/stream?bytes=N&chunk=N  sends a known pattern, waits where it has to
 *	/crash?how=    segv, kill, abort or exit
 *	/count         requests seen, aborts seen, pid
 *	/fields        the request as the module sees it, as JSON
 *	/body          reads the body, answers its length and FNV-1a hash
 *	/status?code=N&sub=N  an error page of the host
 *	/thread?ms=N   completes from a thread of its own; &twice=1: and once
 *	               too often
 *	/offload?ms=N  blocks on a thread of the pool
 *	/hold          never answers by itself; an abort ends it
 *	/who           uid, gid, groups, no_new_privs, one environment variable
 *
 * With &term=ignore SIGTERM does not end the process any more.
 * Anything else is not mapped by the module (NEXT, so 404).
 */
#include <portico/portico.h>

#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "t/worker/argument.h"

struct settings {
	const char *greeting;
	int64_t level;
};

static const struct portico_directive directives[] = {
	{ .name = "greeting",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct settings, greeting, const char *),
	  .default_value = "\"hello\"",
	  .summary = "Repeated by /fields." },
	{ .name = "level",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = PORTICO_MEMBER(struct settings, level, int64_t),
	  .default_value = "3",
	  .minimum = 0,
	  .maximum = 10,
	  .summary = "Repeated by /fields." },
	{ 0 }
};

/* Per request. */
struct state {
	struct portico_token token;
	enum portico_status second; /* of completing twice */
	uint64_t total; /* body bytes seen or to be sent */
	uint64_t sent;
	uint64_t hash;
	uint64_t milliseconds;
	size_t chunk;
	pthread_t thread;
	bool held;
};

static atomic_uint_fast64_t requests;
static atomic_uint_fast64_t aborts;

/* ---- small tools -------------------------------------------------------- */

static bool
equals(struct portico_slice slice, const char *text)
{
	return slice.length == strlen(text) &&
	       memcmp(slice.data, text, slice.length) == 0;
}

static void
nap(uint64_t milliseconds)
{
	struct timespec time = { (time_t)(milliseconds / 1000),
				 (long)(milliseconds % 1000) * 1000000 };

	while (nanosleep(&time, &time) != 0)
		;
}

static enum portico_verdict
answer(struct portico_request *request, const char *type, const char *text,
       size_t length)
{
	size_t written;

	portico_response_set_status(request, 200, 0);
	portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				   (struct portico_slice){ type,
							   strlen(type) });
	if (portico_response_write(request, text, length, &written) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static enum portico_verdict
answer_text(struct portico_request *request, const char *text)
{
	return answer(request, "text/plain", text, strlen(text));
}

/* ---- timers, threads ---------------------------------------------------- */

static void
on_timer(struct portico_request *request, void *arg)
{
	struct state *state = arg;

	(void)request;
	portico_complete(state->token);
}

static enum portico_verdict
slept(struct portico_request *request, void *arg)
{
	(void)arg;
	return answer_text(request, "slept\n");
}

static enum portico_verdict
do_sleep(struct portico_request *request, struct state *state)
{
	uint64_t delay = number(request, "ms", 100) * 1000000;

	if (portico_suspend(request, slept, state, &state->token) !=
		    PORTICO_OK ||
	    portico_timer_start(request, delay, on_timer, state) == NULL)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static enum portico_verdict
do_block(struct portico_request *request, struct state *state)
{
	(void)state;
	nap(number(request, "ms", 100));
	return answer_text(request, "blocked\n");
}

static void *
complete_later(void *arg)
{
	struct state *state = arg;
	struct portico_token token = state->token;

	nap(state->milliseconds);
	/* The request may go on at once: only the copy is used after it. */
	portico_complete(token);
	return NULL;
}

static enum portico_verdict
completed(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	char text[64];

	pthread_join(state->thread, NULL);
	if (number(request, "twice", 0) != 0)
		state->second = portico_complete(state->token);
	snprintf(text, sizeof(text), "thread, second use %d\n",
		 (int)state->second);
	return answer_text(request, text);
}

static enum portico_verdict
do_thread(struct portico_request *request, struct state *state)
{
	state->milliseconds = number(request, "ms", 0);
	if (portico_suspend(request, completed, state, &state->token) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	if (pthread_create(&state->thread, NULL, complete_later, state) != 0)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static void
work(void *arg)
{
	struct state *state = arg;

	nap(state->milliseconds);
}

static enum portico_verdict
worked(struct portico_request *request, void *arg)
{
	(void)arg;
	return answer_text(request, "offloaded\n");
}

static enum portico_verdict
do_offload(struct portico_request *request, struct state *state)
{
	state->milliseconds = number(request, "ms", 10);
	if (portico_offload(request, work, state, worked, state) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static enum portico_verdict
released(struct portico_request *request, void *arg)
{
	(void)arg;
	return answer_text(request, portico_request_aborted(request) ?
					    "aborted\n" :
					    "released\n");
}

static enum portico_verdict
do_hold(struct portico_request *request, struct state *state)
{
	state->held = true;
	if (portico_suspend(request, released, state, &state->token) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

/* ---- bodies ------------------------------------------------------------- */

/* Byte number n of a stream is a function of n, so that a reader can check. */
static void
fill(char *data, size_t length, uint64_t offset)
{
	for (size_t i = 0; i < length; i++)
		data[i] = (char)('a' + (offset + i) % 23);
}

static enum portico_verdict
stream(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	char data[16384];

	while (state->sent < state->total) {
		size_t length = state->chunk;
		size_t written = 0;
		enum portico_status status;

		if (length > state->total - state->sent)
			length = (size_t)(state->total - state->sent);
		fill(data, length, state->sent);
		status =
			portico_response_write(request, data, length, &written);
		state->sent += written;
		if (status == PORTICO_AGAIN) {
			if (portico_response_wait(request, stream, state) !=
			    PORTICO_OK)
				return PORTICO_ERROR;
			return PORTICO_PENDING;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
do_stream(struct portico_request *request, struct state *state)
{
	state->total = number(request, "bytes", 1024);
	state->chunk = (size_t)number(request, "chunk", 16384);
	if (state->chunk == 0 || state->chunk > 16384)
		state->chunk = 16384;
	portico_response_set_status(request, 200, 0);
	if (number(request, "sized", 0) != 0)
		portico_response_set_length(request, (int64_t)state->total);
	return stream(request, state);
}

static enum portico_verdict
read_body(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	struct portico_slice chunk;
	enum portico_status status;
	char text[96];

	while ((status = portico_body_read(request, &chunk)) == PORTICO_OK) {
		for (size_t i = 0; i < chunk.length; i++)
			state->hash = (state->hash ^ (uint8_t)chunk.data[i]) *
				      0x100000001b3u;
		state->total += chunk.length;
	}
	if (status == PORTICO_AGAIN) {
		if (portico_body_wait(request, read_body, state) != PORTICO_OK)
			return PORTICO_ERROR;
		return PORTICO_PENDING;
	}
	if (status != PORTICO_END)
		return PORTICO_ERROR;
	snprintf(text, sizeof(text), "%" PRIu64 " %016" PRIx64 "\n",
		 state->total, state->hash);
	return answer_text(request, text);
}

static enum portico_verdict
do_body(struct portico_request *request, struct state *state)
{
	state->hash = 0xcbf29ce484222325u;
	return read_body(request, state);
}

/* ---- what is there to see ----------------------------------------------- */

struct text {
	char data[32768];
	size_t length;
};

static void
put(struct text *text, const char *data, size_t length)
{
	if (length > sizeof(text->data) - text->length)
		length = sizeof(text->data) - text->length;
	memcpy(text->data + text->length, data, length);
	text->length += length;
}

static void
put_string(struct text *text, struct portico_slice slice)
{
	put(text, "\"", 1);
	for (size_t i = 0; i < slice.length; i++) {
		unsigned char c = (unsigned char)slice.data[i];
		char escape[8];

		if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			put(text, escape, 6);
		} else {
			put(text, slice.data + i, 1);
		}
	}
	put(text, "\"", 1);
}

static void
put_pair(struct text *text, const char *name, struct portico_slice value)
{
	if (text->data[text->length - 1] != '{')
		put(text, ",", 1);
	put_string(text, (struct portico_slice){ name, strlen(name) });
	put(text, ":", 1);
	put_string(text, value);
}

static void
put_number(struct text *text, const char *name, int64_t value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%" PRId64, value);
	put_pair(text, name, (struct portico_slice){ digits, strlen(digits) });
}

static bool
put_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct text *text = arg;

	if (text->data[text->length - 1] != '[')
		put(text, ",", 1);
	put(text, "[", 1);
	put_string(text, name);
	put(text, ",", 1);
	put_string(text, value);
	put(text, "]", 1);
	return true;
}

static void
put_addresses(struct text *text, struct portico_request *request)
{
	struct portico_address address;

	portico_request_client(request, &address);
	put_pair(text, "client",
		 (struct portico_slice){ address.text, strlen(address.text) });
	put_number(text, "clientPort", address.port);
	portico_request_server(request, &address);
	put_pair(text, "server",
		 (struct portico_slice){ address.text, strlen(address.text) });
	put_number(text, "serverPort", address.port);
}

static enum portico_verdict
do_fields(struct portico_request *request, struct state *state)
{
	static const struct {
		const char *name;
		enum portico_text which;
	} texts[] = {
		{ "method", PORTICO_TEXT_METHOD },
		{ "target", PORTICO_TEXT_TARGET },
		{ "path", PORTICO_TEXT_PATH },
		{ "query", PORTICO_TEXT_QUERY },
		{ "host", PORTICO_TEXT_HOST },
		{ "scheme", PORTICO_TEXT_SCHEME },
		{ "applicationPath", PORTICO_TEXT_APPLICATION_PATH },
		{ "pathInApplication", PORTICO_TEXT_PATH_IN_APPLICATION },
		{ "root", PORTICO_TEXT_ROOT },
		{ "site", PORTICO_TEXT_SITE },
		{ "pool", PORTICO_TEXT_POOL },
	};
	const struct settings *settings =
		portico_request_configuration(request);
	struct text *text = portico_request_alloc(request, sizeof(*text));

	(void)state;
	if (text == NULL)
		return PORTICO_ERROR;
	text->length = 0;
	put(text, "{", 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put_pair(text, texts[i].name,
			 portico_request_text(request, texts[i].which));
	put_addresses(text, request);
	put_number(text, "contentLength",
		   portico_request_content_length(request));
	put_number(text, "hasBody", portico_request_has_body(request));
	put_number(text, "id", (int64_t)portico_request_id(request));
	put_number(text, "level", settings->level);
	put_pair(text, "greeting",
		 (struct portico_slice){ settings->greeting,
					 strlen(settings->greeting) });
	put(text, ",\"fields\":[", 11);
	portico_request_fields(request, put_field, text);
	put(text, "]}\n", 3);
	return answer(request, "application/json", text->data, text->length);
}

static enum portico_verdict
do_count(struct portico_request *request, struct state *state)
{
	char text[128];

	(void)state;
	snprintf(text, sizeof(text),
		 "{\"requests\":%" PRIuFAST64 ",\"aborts\":%" PRIuFAST64
		 ",\"pid\":%d,\"loop\":%u}\n",
		 atomic_load(&requests), atomic_load(&aborts), (int)getpid(),
		 portico_request_loop_number(request));
	return answer(request, "application/json", text, strlen(text));
}

static enum portico_verdict
do_who(struct portico_request *request, struct state *state)
{
	const char *word = getenv("PORTICO_TEST_WORD");
	gid_t groups[64];
	char text[256];

	(void)state;
	snprintf(text, sizeof(text),
		 "{\"uid\":%d,\"gid\":%d,\"groups\":%d,\"noNewPrivs\":%d,"
		 "\"word\":\"%s\",\"pid\":%d}\n",
		 (int)getuid(), (int)getgid(), getgroups(64, groups),
		 prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), word ? word : "",
		 (int)getpid());
	return answer(request, "application/json", text, strlen(text));
}

static enum portico_verdict
do_status(struct portico_request *request, struct state *state)
{
	(void)state;
	portico_response_error(request, (unsigned)number(request, "code", 404),
			       (unsigned)number(request, "sub", 0),
			       "as the test asked");
	return PORTICO_DONE;
}

static enum portico_verdict
do_crash(struct portico_request *request, struct state *state)
{
	struct portico_slice how = argument(request, "how");

	(void)state;
	if (equals(how, "exit"))
		_exit(3);
	if (equals(how, "abort"))
		abort();
	if (equals(how, "segv"))
		raise(SIGSEGV);
	kill(getpid(), SIGKILL);
	return PORTICO_ERROR;
}

/* ---- the module --------------------------------------------------------- */

static enum portico_verdict
handle(struct portico_request *request)
{
	static const struct {
		const char *path;
		enum portico_verdict (*act)(struct portico_request *request,
					    struct state *state);
	} actions[] = {
		{ "/sleep", do_sleep },	  { "/block", do_block },
		{ "/stream", do_stream }, { "/crash", do_crash },
		{ "/count", do_count },	  { "/fields", do_fields },
		{ "/body", do_body },	  { "/status", do_status },
		{ "/thread", do_thread }, { "/offload", do_offload },
		{ "/hold", do_hold },	  { "/who", do_who },
	};
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION);
	const char *slash;

	atomic_fetch_add(&requests, 1);
	if (equals(argument(request, "term"), "ignore"))
		signal(SIGTERM, SIG_IGN);
	if (path.length > 1) {
		slash = memchr(path.data + 1, '/', path.length - 1);
		if (slash != NULL)
			path.length = (size_t)(slash - path.data);
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (equals(path, actions[i].path))
			return actions[i].act(request,
					      portico_request_state(request));
	}
	return PORTICO_NEXT;
}

static void
on_abort(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	atomic_fetch_add(&aborts, 1);
	if (state->held)
		portico_complete(state->token);
}

static const struct portico_handler handlers[] = { { .name = "probe",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "probe", .version = "1.0.0",
	       .summary = "does what a test asks for", .handlers = handlers,
	       .directives = directives,
	       .configuration_size = sizeof(struct settings),
	       .request_size = sizeof(struct state), .on_abort = on_abort);
