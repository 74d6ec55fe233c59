/* SPDX-License-Identifier: Apache-2.0
 *
 * trailer.h, of responses, as response-trailer.t drives it: the path says what
 * is done.  Its filter takes part in what has the query parameter `filter`.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>

struct state {
	unsigned long long filtered; /* bytes */
	char seen[512]; /* by portico_response_trailers */
	bool waited;
};

/* What the last request's END saw; the worker has one loop. */
static char last[512];
static unsigned served;

static void
put(struct portico_request *request, const char *text)
{
	size_t written;

	portico_response_write(request, text, strlen(text), &written);
}

static enum portico_status
set(struct portico_request *request, const char *name, const char *value)
{
	return portico_response_set_trailer(
		request, (struct portico_slice){ name, strlen(name) },
		(struct portico_slice){ value, strlen(value) });
}

static bool
show(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct state *state = arg;
	size_t length = strlen(state->seen);

	snprintf(state->seen + length, sizeof(state->seen) - length, "%s=%s;",
		 name.data, value.data);
	return true;
}

/* ---- what is done -------------------------------------------------------------- */

static enum portico_verdict
do_plain(struct portico_request *request)
{
	set(request, "X-Sum", "0");
	set(request, "x-sum", " 1\t");
	portico_response_add_trailer(request, PORTICO_SLICE("X-Sum"),
				     PORTICO_SLICE("2"));
	set(request, "X-Gone", "3");
	portico_response_remove_trailer(request, PORTICO_SLICE("x-gone"));
	set(request, "Content-Digest", "sha-256=:eA==:");
	set(request, "X-Empty", "");
	put(request, "hello");
	return PORTICO_DONE;
}

static enum portico_verdict
do_empty(struct portico_request *request)
{
	set(request, "X-Sum", "1");
	portico_response_set_status(request, 200, 0);
	return PORTICO_DONE;
}

static enum portico_verdict
stream_on(struct portico_request *request, void *arg)
{
	char text[64];

	(void)arg;
	put(request, "late");
	snprintf(text, sizeof(text), "%d",
		 portico_response_announce_trailer(request,
						   PORTICO_SLICE("X-Other")));
	set(request, "X-Late", text);
	return PORTICO_DONE;
}

static enum portico_verdict
do_stream(struct portico_request *request)
{
	portico_response_announce_trailer(request, PORTICO_SLICE("X-Late"));
	portico_response_announce_trailer(request, PORTICO_SLICE("x-late"));
	portico_response_announce_trailer(request, PORTICO_SLICE("X-Never"));
	put(request, "early ");
	portico_response_flush(request);
	portico_response_wait(request, stream_on, NULL);
	return PORTICO_PENDING;
}

/* The listener learns of it after the head. */
static enum portico_verdict
sized_on(struct portico_request *request, void *arg)
{
	(void)arg;
	set(request, "X-Sum", "1");
	put(request, "fghij");
	return PORTICO_DONE;
}

static enum portico_verdict
do_sized(struct portico_request *request)
{
	portico_response_announce_trailer(request, PORTICO_SLICE("X-Sum"));
	portico_response_set_length(request, 10);
	put(request, "abcde");
	portico_response_flush(request);
	portico_response_wait(request, sized_on, NULL);
	return PORTICO_PENDING;
}

static enum portico_verdict
do_refused(struct portico_request *request)
{
	static const struct {
		const char *name, *value;
	} bad[] = {
		{ "", "x" },
		{ "X A", "x" },
		{ "X-A:", "x" },
		{ "X-A", "a\r\nEvil: b" },
		{ "X-A", "a\nb" },
		{ "Content-Length", "5" },
		{ "transfer-encoding", "chunked" },
		{ "Trailer", "X" },
		{ "Host", "x" },
		{ "Set-Cookie", "a=b" },
		{ "Connection", "close" },
		{ "Content-Type", "text/plain" },
		{ "Location", "/" },
		{ "Cache-Control", "no-store" },
		{ "Access-Control-Allow-Origin", "*" },
	};
	unsigned wrong = 0;
	char text[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (set(request, bad[i].name, bad[i].value) != PORTICO_INVALID)
			wrong++;
	if (portico_response_set_trailer(request, PORTICO_SLICE("X-A"),
					 (struct portico_slice){ "a\0b", 3 }) !=
	    PORTICO_INVALID)
		wrong++;
	if (portico_response_announce_trailer(
		    request, PORTICO_SLICE("Set-Cookie")) != PORTICO_INVALID)
		wrong++;
	snprintf(text, sizeof(text), "%u", wrong);
	put(request, text);
	return PORTICO_DONE;
}

/* As many as there may be, or as long. */
static enum portico_verdict
do_full(struct portico_request *request, bool long_ones)
{
	static char value[8192];
	unsigned count = 0;
	char text[96];
	enum portico_status status, again;

	memset(value, 'v', sizeof(value));
	for (;; count++) {
		snprintf(text, sizeof(text), "X-%u", 100 + count);
		status = portico_response_add_trailer(
			request, (struct portico_slice){ text, strlen(text) },
			(struct portico_slice){ value, long_ones ? 2000 : 1 });
		if (status != PORTICO_OK)
			break;
	}
	/* In the place of one there is room. */
	again = set(request, "x-100", "w");
	snprintf(text, sizeof(text), "%u %d %d", count, status, again);
	put(request, text);
	return PORTICO_DONE;
}

static enum portico_verdict
do_error(struct portico_request *request)
{
	set(request, "X-Sum", "1");
	put(request, "never seen");
	portico_response_error(request, 503, 0, NULL);
	return PORTICO_DONE;
}

static enum portico_verdict
do_status(struct portico_request *request, unsigned status)
{
	set(request, "X-Sum", "1");
	portico_response_set_status(request, status, 0);
	return PORTICO_DONE;
}

static enum portico_verdict
do_cache(struct portico_request *request, bool trailer)
{
	char text[32];

	portico_cache_allow(request, PORTICO_CACHE_UNTIL_FLUSHED, 0);
	if (trailer)
		set(request, "X-Sum", "1");
	snprintf(text, sizeof(text), "%u", ++served);
	put(request, text);
	return PORTICO_DONE;
}

/* More than the window, so that it waits for its client. */
static enum portico_verdict
write_much(struct portico_request *request, void *arg)
{
	static const char piece[16384];
	struct state *state = portico_request_state(request);

	(void)arg;
	while (state->filtered < 1048576) {
		size_t written, rest = 1048576 - (size_t)state->filtered;
		enum portico_status status = portico_response_write(
			request, piece,
			rest < sizeof(piece) ? rest : sizeof(piece), &written);

		state->filtered += written;
		if (status == PORTICO_AGAIN) {
			portico_response_wait(request, write_much, NULL);
			return PORTICO_PENDING;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
	set(request, "X-Bytes", "1048576");
	return PORTICO_DONE;
}

static bool
is(struct portico_slice path, const char *name)
{
	return path.length == strlen(name) &&
	       memcmp(path.data, name, path.length) == 0;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH);

	if (is(path, "/plain"))
		return do_plain(request);
	if (is(path, "/empty"))
		return do_empty(request);
	if (is(path, "/stream"))
		return do_stream(request);
	if (is(path, "/sized"))
		return do_sized(request);
	if (is(path, "/refused"))
		return do_refused(request);
	if (is(path, "/many") || is(path, "/long"))
		return do_full(request, is(path, "/long"));
	if (is(path, "/error"))
		return do_error(request);
	if (is(path, "/204") || is(path, "/304"))
		return do_status(request, is(path, "/204") ? 204 : 304);
	if (is(path, "/kept") || is(path, "/not-kept"))
		return do_cache(request, is(path, "/not-kept"));
	if (is(path, "/much"))
		return write_much(request, NULL);
	if (is(path, "/last")) {
		put(request, last);
		return PORTICO_DONE;
	}
	return PORTICO_NEXT;
}

/* ---- filter and events ------------------------------------------------------------ */

static enum portico_verdict
filter_head(struct portico_request *request)
{
	struct portico_slice value;

	if (portico_query_get(request, PORTICO_SLICE("filter"), &value) !=
	    PORTICO_OK)
		return PORTICO_DONE;
	portico_response_announce_trailer(request, PORTICO_SLICE("X-Bytes"));
	if (value.length > 0)
		portico_response_set_length(request, -1);
	return PORTICO_NEXT;
}

static enum portico_status
filter_data(struct portico_request *request, struct portico_slice chunk,
	    uint32_t flags, struct portico_filter_stream *next)
{
	struct state *state = portico_request_state(request);
	char text[32];

	state->filtered += chunk.length;
	if ((flags & PORTICO_DATA_LAST) != 0) {
		snprintf(text, sizeof(text), "%llu", state->filtered);
		set(request, "X-Bytes", text);
	}
	return portico_filter_pass(next, chunk, flags);
}

static const struct portico_filter filter = { .name = "response-trailer",
					      .head = filter_head,
					      .data = filter_data };

static enum portico_verdict
at_end(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	enum portico_status late = set(request, "X-Too-Late", "1");
	size_t length;

	portico_response_trailers(request, show, state);
	length = strlen(state->seen);
	snprintf(state->seen + length, sizeof(state->seen) - length, " late %d",
		 late);
	if (!is(portico_request_text(request, PORTICO_TEXT_PATH), "/last"))
		memcpy(last, state->seen, sizeof(last));
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_END, .function = at_end },
	{ 0 }
};

static const struct portico_handler handlers[] = { { .name = "response-trailer",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "response-trailer", .version = "1.0.0",
	       .summary = "sets trailer fields of responses",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers,
	       .filter = &filter);
