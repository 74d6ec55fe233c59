/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts a snippet into HTML pages on their way to the client, whoever made them:
 *
 *	"html-snippet": { "snippet": "<script src=\"/count.js\"></script>" }
 *
 * A response filter in constant memory: bytes leave as they come, except the
 * end of a chunk that may be the beginning of the marker.
 *
 * The marker is found and the snippet put in byte by byte, so the charset does
 * not matter as long as ASCII letters are one byte each in it, which is so in
 * all that the web uses but UTF-16 and UTF-32; these pages pass unchanged.
 */
#include <portico/portico.h>

#include <string.h>

#define MARKER_BYTES_MAX 256

enum place {
	PLACE_BEFORE,
	PLACE_AFTER,
};

struct configuration {
	const char *snippet;
	const char *marker;
	int place;
	bool append;
	bool plain;
};

static const char *const places[] = { "before", "after", NULL };

static const struct portico_directive directives[] = {
	{ .name = "snippet",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct configuration, snippet, const char *),
	  .summary = "What is put into each HTML page; nothing without it." },
	{ .name = "marker",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct configuration, marker, const char *),
	  .default_value = "\"</body>\"",
	  .minimum = 1,
	  .maximum = MARKER_BYTES_MAX,
	  .summary = "Where: at the first place with these bytes, in any case "
		     "of ASCII letters." },
	{ .name = "place",
	  .type = PORTICO_DIRECTIVE_ENUM,
	  .offset = PORTICO_MEMBER(struct configuration, place, int),
	  .default_value = "\"before\"",
	  .values = places,
	  .summary = "Before or after the marker." },
	{ .name = "append",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = PORTICO_MEMBER(struct configuration, append, bool),
	  .default_value = "false",
	  .summary = "Put it at the end of a page without the marker." },
	{ .name = "plain",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = PORTICO_MEMBER(struct configuration, plain, bool),
	  .default_value = "false",
	  .summary = "Remove Accept-Encoding from requests, so that nobody "
		     "compresses what the snippet has to get into." },
	{ 0 }
};

/* Of an application: the marker as the search wants it (Knuth, Morris and
 * Pratt).  Read-only after application_init, so every loop may read it. */
struct marker {
	size_t length;
	char text[MARKER_BYTES_MAX]; /* lower case */
	/* shorter[n]: the longest beginning of the marker, shorter than n,
	 * with which its first n bytes end */
	uint16_t shorter[MARKER_BYTES_MAX + 1];
};

/* Of a request, zeroed by the host. */
struct state {
	size_t matched; /* bytes of the marker seen last, all held back */
	bool done; /* the snippet is in */
	char held[MARKER_BYTES_MAX]; /* as they came: case is kept */
};

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* ---- which responses ------------------------------------------------------------- */

/* Does the text begin with `word`, in any case of letters? */
static bool
begins(struct portico_slice text, const char *word)
{
	size_t length = strlen(word);

	if (text.length < length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (lower(text.data[i]) != word[i])
			return false;
	return true;
}

static bool
contains(struct portico_slice text, const char *word)
{
	for (; text.length > 0; text.data++, text.length--)
		if (begins(text, word))
			return true;
	return false;
}

static bool
is_html(struct portico_slice type)
{
	const char *html = "text/html";
	size_t length = strlen(html);

	if (!begins(type, html) ||
	    (type.length > length && type.data[length] != ';' &&
	     type.data[length] != ' ' && type.data[length] != '\t'))
		return false;
	return !contains(type, "utf-16") && !contains(type, "utf-32");
}

/* Is it a page whose bytes are in plain sight? */
static bool
is_ours(struct portico_request *request)
{
	struct portico_slice value;

	if (!portico_response_field(request, PORTICO_SLICE("Content-Type"),
				    &value) ||
	    !is_html(value))
		return false;
	if (portico_response_field(request, PORTICO_SLICE("Content-Encoding"),
				   &value) &&
	    !(begins(value, "identity") && value.length == 8))
		return false;
	/* RFC 9110 section 5.2.2.6 */
	return !portico_response_field(request, PORTICO_SLICE("Cache-Control"),
				       &value) ||
	       !contains(value, "no-transform");
}

/* ---- the head ---------------------------------------------------------------------- */

/* "x" becomes W/"x": the page means the same, byte for byte it is another. */
static enum portico_status
weaken_tag(struct portico_request *request)
{
	struct portico_slice tag;
	char weak[256] = "W/";

	if (!portico_response_field(request, PORTICO_SLICE("ETag"), &tag) ||
	    begins(tag, "w/"))
		return PORTICO_OK;
	if (tag.length > sizeof(weak) - 2)
		return portico_response_remove_field(request,
						     PORTICO_SLICE("ETag"));
	memcpy(weak + 2, tag.data, tag.length);
	return portico_response_set_field(
		request, PORTICO_SLICE("ETag"),
		(struct portico_slice){ weak, tag.length + 2 });
}

/*
 * What says something about the bytes as they were.  Last-Modified goes, too:
 * with it a client could ask for a range (If-Range) and put bytes of the file
 * into a page that has the snippet.
 */
static enum portico_status
drop_fields(struct portico_request *request)
{
	static const char *const names[] = { "Accept-Ranges",  "Content-MD5",
					     "Content-Digest", "Digest",
					     "Last-Modified",  "Repr-Digest" };
	enum portico_status status = PORTICO_OK;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct portico_slice name = { names[i],
						    strlen(names[i]) };

		status = portico_response_remove_field(request, name);
		if (status != PORTICO_OK)
			break;
	}
	return status;
}

/* A client that has a page with snippet, and the weak tag that we gave it. */
static enum portico_verdict
not_modified(struct portico_request *request)
{
	struct portico_slice tags;

	if (portico_request_field(request, PORTICO_SLICE("If-None-Match"),
				  &tags) &&
	    begins(tags, "w/") && weaken_tag(request) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static enum portico_verdict
head(struct portico_request *request)
{
	const struct configuration *configuration =
		portico_request_configuration(request);

	if (configuration->snippet == NULL || configuration->snippet[0] == '\0')
		return PORTICO_DONE;
	switch (portico_response_status(request)) {
	case 204:
	case 205:
		return PORTICO_DONE;
	case 206: /* a piece of the file, by its own counting */
		return PORTICO_DONE;
	case 304:
		return not_modified(request);
	default:
		break;
	}
	if (!is_ours(request))
		return PORTICO_DONE;
	/* For HEAD as for GET: the same fields, but for the length, which is
	 * known when the page has gone through. */
	if (portico_response_set_length(request, -1) != PORTICO_OK ||
	    drop_fields(request) != PORTICO_OK ||
	    weaken_tag(request) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

/* ---- the body ---------------------------------------------------------------------- */

/* Feeds the chunk to the search; bytes up to the end of the marker, 0: it is
 * not complete in this chunk. */
static size_t
search(const struct marker *marker, struct state *state,
       struct portico_slice chunk)
{
	for (size_t i = 0; i < chunk.length; i++) {
		char c = lower(chunk.data[i]);

		while (state->matched > 0 && c != marker->text[state->matched])
			state->matched = marker->shorter[state->matched];
		if (c == marker->text[state->matched])
			state->matched++;
		if (state->matched == marker->length)
			return i + 1;
	}
	return 0;
}

static enum portico_status
pass(struct portico_filter_stream *next, const char *data, size_t length)
{
	const struct portico_slice piece = { data, length };

	return length == 0 ? PORTICO_OK : portico_filter_pass(next, piece, 0);
}

/*
 * Passes on the first `count` bytes of what was held back (`was` bytes) and
 * the chunk behind it.
 */
static enum portico_status
pass_both(struct portico_filter_stream *next, const char *held, size_t was,
	  struct portico_slice chunk, size_t count)
{
	enum portico_status status =
		pass(next, held, count < was ? count : was);

	if (status == PORTICO_OK && count > was)
		status = pass(next, chunk.data, count - was);
	return status;
}

/* Keeps the last `keep` bytes of what was held back and the chunk. */
static void
hold(struct state *state, size_t was, struct portico_slice chunk, size_t keep)
{
	size_t of_chunk = keep < chunk.length ? keep : chunk.length;
	size_t of_held = keep - of_chunk;

	memmove(state->held, state->held + was - of_held, of_held);
	if (of_chunk > 0)
		memcpy(state->held + of_held,
		       chunk.data + chunk.length - of_chunk, of_chunk);
}

static enum portico_status
insert(const struct configuration *configuration,
       struct portico_filter_stream *next)
{
	return pass(next, configuration->snippet,
		    strlen(configuration->snippet));
}

/* The marker ends after `end` bytes of the chunk. */
static enum portico_status
found(const struct configuration *configuration, const struct marker *marker,
      struct state *state, size_t was, struct portico_slice chunk, size_t end,
      struct portico_filter_stream *next)
{
	size_t before = was + end;
	const struct portico_slice seen = { chunk.data, end };
	enum portico_status status;

	/* The marker itself is passed on as it came, case and all. */
	if (configuration->place == PLACE_BEFORE)
		before -= marker->length;
	status = pass_both(next, state->held, was, seen, before);
	if (status == PORTICO_OK)
		status = insert(configuration, next);
	if (status == PORTICO_OK && before < was)
		status = pass(next, state->held + before, was - before);
	if (status == PORTICO_OK) {
		size_t from = before > was ? before - was : 0;

		status = pass(next, chunk.data + from, chunk.length - from);
	}
	state->matched = 0;
	state->done = true;
	return status;
}

/* No more comes: what was held back was no marker. */
static enum portico_status
last(const struct configuration *configuration, struct state *state,
     struct portico_filter_stream *next)
{
	enum portico_status status = pass(next, state->held, state->matched);

	state->matched = 0;
	if (status == PORTICO_OK && !state->done && configuration->append)
		status = insert(configuration, next);
	state->done = true;
	return status;
}

/*
 * With FLUSH the few bytes of what may be the marker stay here all the same:
 * a client can do nothing with half a tag.
 */
static enum portico_status
data(struct portico_request *request, struct portico_slice chunk,
     uint32_t flags, struct portico_filter_stream *next)
{
	const struct configuration *configuration =
		portico_request_configuration(request);
	const struct marker *marker = portico_application_state(request);
	struct state *state = portico_request_state(request);
	size_t was = state->matched, end;
	enum portico_status status;

	if (state->done) {
		if (chunk.length == 0 && flags == 0)
			return PORTICO_OK;
		return portico_filter_pass(next, chunk, flags);
	}
	end = search(marker, state, chunk);
	if (end > 0) {
		status = found(configuration, marker, state, was, chunk, end,
			       next);
	} else {
		status = pass_both(next, state->held, was, chunk,
				   was + chunk.length - state->matched);
		hold(state, was, chunk, state->matched);
	}
	if (status == PORTICO_OK && (flags & PORTICO_DATA_LAST) != 0)
		status = last(configuration, state, next);
	if (status == PORTICO_OK && flags != 0)
		status = portico_filter_pass(
			next, (struct portico_slice){ "", 0 }, flags);
	return status;
}

/* Next to the handler: what compresses or encrypts comes after it. */
static const char *const encoders[] = { "compression", "gzip", NULL };

static const struct portico_filter filter = {
	.name = "html-snippet",
	.before = encoders,
	.head = head,
	.data = data,
};

/* ---- before the handler --------------------------------------------------------------- */

static enum portico_verdict
on_begin(struct portico_request *request)
{
	const struct configuration *configuration =
		portico_request_configuration(request);

	if (configuration->plain &&
	    portico_request_remove_field(
		    request, PORTICO_SLICE("Accept-Encoding")) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

/* ---- the application ------------------------------------------------------------------- */

static void
marker_make(struct marker *marker, const char *text)
{
	size_t matched = 0;

	marker->length = strlen(text);
	for (size_t i = 0; i < marker->length; i++)
		marker->text[i] = lower(text[i]);
	for (size_t i = 1; i < marker->length; i++) {
		while (matched > 0 && marker->text[i] != marker->text[matched])
			matched = marker->shorter[matched];
		if (marker->text[i] == marker->text[matched])
			matched++;
		marker->shorter[i + 1] = (uint16_t)matched;
	}
}

static struct portico_worker *worker;

static enum portico_status
worker_init(struct portico_worker *ours, struct portico_error *err)
{
	(void)err;
	worker = ours;
	return PORTICO_OK;
}

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	struct marker *marker = portico_worker_alloc(worker, sizeof(*marker));

	(void)application;
	if (marker == NULL) {
		err->status = PORTICO_NO_MEMORY;
		return PORTICO_NO_MEMORY;
	}
	marker_make(marker,
		    ((const struct configuration *)configuration)->marker);
	*state_r = marker;
	return PORTICO_OK;
}

PORTICO_MODULE(.name = "html-snippet", .version = "1.0.0",
	       .summary = "puts a snippet into HTML pages",
	       .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .filter = &filter,
	       .worker_init = worker_init,
	       .application_init = application_init);
