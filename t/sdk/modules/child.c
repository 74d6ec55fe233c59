/* SPDX-License-Identifier: Apache-2.0
 *
 * child.h, as child.t drives it: handlers that make children, and handlers
 * that are the children.  Query parameters say what is made.
 */
#include <portico/portico.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN 20

struct state {
	struct portico_child *children[CHILDREN];
	unsigned count, next;
	struct portico_slice chunk; /* read, not yet written */
	uint64_t total, written;
	struct portico_token token;
	bool waits;
	unsigned begun; /* status that a child of BEGIN had, plus 1 */
};

static _Atomic uint64_t made, taken, ahead; /* bytes, of `stream` */

static struct portico_slice
parameter(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value = { "", 0 };

	portico_query_get(request, name, &value);
	return value;
}

static uint64_t
number(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value = parameter(request, name);

	return value.length == 0 ? 0 : strtoull(value.data, NULL, 10);
}

static void
put(struct portico_request *request, const char *text, size_t length)
{
	size_t written;

	portico_response_write(request, text, length, &written);
}

static void
put_text(struct portico_request *request, const char *text)
{
	put(request, text, strlen(text));
}

/* ---- making them ------------------------------------------------------------ */

static enum portico_status
start(struct portico_request *request, struct portico_child **child_r)
{
	const struct portico_child_field fields[] = {
		{ PORTICO_SLICE("X-Given"), PORTICO_SLICE("by the parent") },
		{ parameter(request, PORTICO_SLICE("name")),
		  parameter(request, PORTICO_SLICE("value")) },
	};
	struct portico_child_options options = {
		.method = parameter(request, PORTICO_SLICE("method")),
		.target = parameter(request, PORTICO_SLICE("target")),
		.fields = fields,
		.field_count = fields[1].name.length > 0 ? 2 : 1,
		.flags = (uint32_t)number(request, PORTICO_SLICE("flags")),
		.body = parameter(request, PORTICO_SLICE("body")),
		.window = (uint32_t)number(request, PORTICO_SLICE("window")),
	};
	uint64_t large = number(request, PORTICO_SLICE("large"));
	enum portico_status status;

	if (large == 0)
		return portico_child_start(request, &options, child_r);
	options.body.data = calloc(1, large);
	options.body.length = large;
	status = portico_child_start(request, &options, child_r);
	free((void *)options.body.data);
	return status;
}

static enum portico_verdict
refused(struct portico_request *request, enum portico_status status)
{
	char text[32];

	snprintf(text, sizeof(text), "refused %d", status);
	put_text(request, text);
	return PORTICO_DONE;
}

static bool
show_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct portico_request *request = arg;

	put(request, name.data, name.length);
	put_text(request, "=");
	put(request, value.data, value.length);
	put_text(request, ";");
	return true;
}

static enum portico_verdict
show(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);
	struct portico_child *child = arg;
	struct portico_slice value = { "-", 1 }, chunk, body;
	struct portico_slice trailer = { "-", 1 };
	char text[256];
	bool found =
		portico_child_field(child, PORTICO_SLICE("X-Leaf"), &value);

	snprintf(text, sizeof(text), "status %u.%u\nleaf %d %.*s\nread %d\n",
		 portico_child_status(child), portico_child_substatus(child),
		 found, (int)value.length, value.data,
		 portico_child_read(child, &chunk));
	put_text(request, text);
	put_text(request, "fields ");
	portico_child_fields(child, show_field, request);
	put_text(request, "\ntrailers ");
	portico_child_trailers(child, show_field, request);
	found = portico_child_trailer(child, PORTICO_SLICE("x-sum"), &trailer);
	snprintf(text, sizeof(text), "\ntrailer %d %.*s\n", found,
		 (int)trailer.length, trailer.data);
	put_text(request, text);
	if (state->begun > 0) {
		snprintf(text, sizeof(text), "begun %u\n", state->begun - 1);
		put_text(request, text);
	}
	body = portico_child_body(child);
	put(request, body.data, body.length);
	portico_child_close(child);
	return PORTICO_DONE;
}

/* All of it, in one. */
static enum portico_verdict
parent(struct portico_request *request)
{
	struct portico_child *child;
	enum portico_status status = start(request, &child);
	uint64_t max = number(request, PORTICO_SLICE("max"));

	if (status != PORTICO_OK)
		return refused(request, status);
	status = portico_child_collect(child, max == 0 ? 1 << 20 : max, show,
				       child);
	return status == PORTICO_OK ? PORTICO_PENDING :
				      refused(request, status);
}

static enum portico_verdict
collect_twice(struct portico_request *request, void *arg)
{
	struct portico_child *child = arg;
	struct portico_slice chunk;

	portico_child_read(child, &chunk);
	return refused(request,
		       portico_child_collect(child, 1024, show, child));
}

/* Collects what has been read, or nothing. */
static enum portico_verdict
misuse(struct portico_request *request)
{
	struct portico_child *child;
	enum portico_status status = start(request, &child);

	if (status != PORTICO_OK)
		return refused(request, status);
	status = portico_child_collect(child, 0, show, child);
	if (status != PORTICO_INVALID)
		return refused(request, status);
	return portico_child_wait(child, collect_twice, child) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

/* ---- passed on, piece by piece ------------------------------------------------ */

static enum portico_verdict pump(struct portico_request *request, void *arg);

static bool
pass_trailer(void *arg, struct portico_slice name, struct portico_slice value)
{
	return portico_response_add_trailer(arg, name, value) == PORTICO_OK;
}

static bool
refuse_trailer(void *arg, struct portico_slice name, struct portico_slice value)
{
	(void)name;
	(void)value;
	*(bool *)arg = true;
	return false;
}

static enum portico_verdict
drain(struct portico_request *request, struct state *state)
{
	while (state->chunk.length > 0) {
		size_t written;
		enum portico_status status =
			portico_response_write(request, state->chunk.data,
					       state->chunk.length, &written);

		state->chunk.data += written;
		state->chunk.length -= written;
		atomic_fetch_add(&taken, written);
		if (status == PORTICO_AGAIN) {
			portico_response_wait(request, pump, NULL);
			return PORTICO_PENDING;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
	return PORTICO_NEXT;
}

static enum portico_verdict
pump(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);
	struct portico_child *child = state->children[0];
	enum portico_status status = PORTICO_OK;

	(void)arg;
	portico_response_set_status(request, portico_child_status(child), 0);
	while (status == PORTICO_OK) {
		enum portico_verdict verdict = drain(request, state);

		if (verdict != PORTICO_NEXT)
			return verdict;
		status = portico_child_read(child, &state->chunk);
	}
	if (status == PORTICO_AGAIN) {
		bool early = false;

		portico_child_trailers(child, refuse_trailer, &early);
		if (early)
			return PORTICO_ERROR;
		portico_child_wait(child, pump, NULL);
		return PORTICO_PENDING;
	}
	if (status == PORTICO_END) {
		portico_child_trailers(child, pass_trailer, request);
		return PORTICO_DONE;
	}
	portico_log(request, PORTICO_LOG_INFO, 0, "child ended with %d",
		    status);
	return PORTICO_ERROR;
}

static enum portico_verdict
passing(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	enum portico_status status = start(request, &state->children[0]);

	if (status != PORTICO_OK)
		return refused(request, status);
	atomic_store(&made, 0);
	atomic_store(&taken, 0);
	atomic_store(&ahead, 0);
	portico_child_wait(state->children[0], pump, NULL);
	return PORTICO_PENDING;
}

/* ---- many, and none waited for --------------------------------------------------- */

static enum portico_verdict
one_more(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);
	char text[64];

	(void)arg;
	if (portico_request_aborted(request))
		return PORTICO_DONE;
	while (state->next < state->count) {
		struct portico_child *child = state->children[state->next];
		struct portico_slice chunk;
		enum portico_status status = portico_child_read(child, &chunk);

		if (status == PORTICO_AGAIN) {
			portico_child_wait(child, one_more, NULL);
			return PORTICO_PENDING;
		}
		if (status == PORTICO_OK)
			continue;
		snprintf(text, sizeof(text), "%u ",
			 portico_child_status(child));
		put_text(request, text);
		state->next++;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
many(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	enum portico_status status = PORTICO_OK;
	char text[64];

	while (status == PORTICO_OK && state->count < CHILDREN) {
		status = start(request, &state->children[state->count]);
		if (status == PORTICO_OK)
			state->count++;
	}
	snprintf(text, sizeof(text), "%u, then %d: ", state->count, status);
	put_text(request, text);
	return one_more(request, NULL);
}

/* Starts one; the host has to clean up. */
static enum portico_verdict
careless(struct portico_request *request)
{
	struct portico_child *child;
	enum portico_status status = start(request, &child);

	if (status != PORTICO_OK)
		return refused(request, status);
	put_text(request, "gone");
	return PORTICO_DONE;
}

static enum portico_verdict
answer_now(struct portico_request *request, void *arg)
{
	portico_child_close(arg);
	put_text(request, "closed");
	return PORTICO_DONE;
}

static void
on_time(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);

	(void)arg;
	portico_complete(state->token);
}

/* Lets it begin, then has enough of it. */
static enum portico_verdict
impatient(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_child *child;
	enum portico_status status = start(request, &child);

	if (status != PORTICO_OK)
		return refused(request, status);
	portico_timer_start(request, 20000000, on_time, NULL);
	portico_suspend(request, answer_now, child, &state->token);
	return PORTICO_PENDING;
}

/* A child of a child of ... */
static enum portico_verdict
recurse(struct portico_request *request)
{
	const struct portico_child_options options = {
		.target = portico_request_text(request, PORTICO_TEXT_TARGET),
	};
	struct portico_child *child;
	enum portico_status status =
		portico_child_start(request, &options, &child);
	char text[64];

	if (status == PORTICO_OK) {
		portico_child_collect(child, 1024, show, child);
		return PORTICO_PENDING;
	}
	snprintf(text, sizeof(text), "depth %u: %d",
		 portico_child_depth(request), status);
	put_text(request, text);
	return PORTICO_DONE;
}

/* ---- being one --------------------------------------------------------------------- */

static enum portico_verdict
echo_body(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;
	enum portico_status status;

	(void)arg;
	while ((status = portico_body_read(request, &chunk)) == PORTICO_OK)
		put(request, chunk.data, chunk.length);
	if (status == PORTICO_AGAIN) {
		portico_body_wait(request, echo_body, NULL);
		return PORTICO_PENDING;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
leaf(struct portico_request *request)
{
	struct portico_address client;
	char text[2048];

	portico_request_client(request, &client);
	snprintf(text, sizeof(text),
		 "method %s\npath %s\napplication %s\nquery %s\nhost %s\n"
		 "user %s %d\ndepth %u\nclient %s\nid %016llx\nlength %lld %d\n"
		 "fields ",
		 portico_request_text(request, PORTICO_TEXT_METHOD).data,
		 portico_request_text(request, PORTICO_TEXT_PATH).data,
		 portico_request_text(request, PORTICO_TEXT_APPLICATION_PATH)
			 .data,
		 portico_request_text(request, PORTICO_TEXT_QUERY).data,
		 portico_request_text(request, PORTICO_TEXT_HOST).data,
		 portico_request_text(request, PORTICO_TEXT_USER).data,
		 portico_request_is_authenticated(request),
		 portico_child_depth(request), client.text,
		 (unsigned long long)portico_request_id(request),
		 (long long)portico_request_content_length(request),
		 portico_request_has_body(request));
	portico_response_set_status(request, 203, 7);
	portico_response_set_field(request, PORTICO_SLICE("X-Leaf"),
				   PORTICO_SLICE("green"));
	if (parameter(request, PORTICO_SLICE("trailer")).length > 0)
		portico_response_set_trailer(
			request, PORTICO_SLICE("X-Sum"),
			parameter(request, PORTICO_SLICE("trailer")));
	if (parameter(request, PORTICO_SLICE("filter")).length > 0)
		portico_response_set_field(request, PORTICO_SLICE("X-Filter"),
					   PORTICO_SLICE("1"));
	put_text(request, text);
	portico_request_fields(request, show_field, request);
	put_text(request, "\nbody ");
	return echo_body(request, NULL);
}

static enum portico_verdict
stream_more(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);
	char text[3000];

	(void)arg;
	memset(text, 's', sizeof(text));
	while (state->written < state->total) {
		size_t wanted = state->total - state->written, written;
		enum portico_status status;
		uint64_t distance;

		if (wanted > sizeof(text))
			wanted = sizeof(text);
		status =
			portico_response_write(request, text, wanted, &written);
		state->written += written;
		distance = atomic_fetch_add(&made, written) + written -
			   atomic_load(&taken);
		if (distance > atomic_load(&ahead))
			atomic_store(&ahead, distance);
		if (status == PORTICO_AGAIN) {
			portico_response_wait(request, stream_more, NULL);
			return PORTICO_PENDING;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
	}
	if (parameter(request, PORTICO_SLICE("fail")).length > 0) {
		portico_response_flush(request);
		return PORTICO_ERROR;
	}
	return PORTICO_DONE;
}

static enum portico_verdict
stream(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	state->total = number(request, PORTICO_SLICE("bytes"));
	portico_response_set_trailer(request, PORTICO_SLICE("X-Sum"),
				     PORTICO_SLICE("some s"));
	portico_response_add_trailer(request, PORTICO_SLICE("X-Sum"),
				     PORTICO_SLICE("another"));
	return stream_more(request, NULL);
}

static enum portico_verdict
measured(struct portico_request *request)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)atomic_load(&ahead));
	put_text(request, text);
	return PORTICO_DONE;
}

static enum portico_verdict
hung_up(struct portico_request *request, void *arg)
{
	(void)arg;
	portico_log(request, PORTICO_LOG_INFO, 0, "hang goes on, aborted %d",
		    portico_request_aborted(request));
	return PORTICO_DONE;
}

/* Ends only by an abort. */
static enum portico_verdict
hang(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	portico_log(request, PORTICO_LOG_INFO, 0, "hangs");
	portico_suspend(request, hung_up, NULL, &state->token);
	state->waits = true;
	return PORTICO_PENDING;
}

static void
on_abort(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	if (!state->waits)
		return;
	state->waits = false;
	portico_complete(state->token);
}

/* ---- events ------------------------------------------------------------------------- */

static enum portico_verdict
has_begun(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);

	state->begun = portico_child_status(arg) + 1;
	portico_child_close(arg);
	return PORTICO_NEXT;
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct portico_child_options options = { 0 };
	struct portico_child *child;

	if (portico_child_depth(request) > 0 ||
	    !portico_request_field(request, PORTICO_SLICE("X-Begin"),
				   &options.target))
		return PORTICO_NEXT;
	if (portico_child_start(request, &options, &child) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_child_collect(child, 65536, has_begun, child);
	return PORTICO_PENDING;
}

static enum portico_verdict
on_authenticate(struct portico_request *request)
{
	struct portico_slice user;

	if (portico_child_depth(request) == 0 &&
	    portico_request_field(request, PORTICO_SLICE("X-User"), &user))
		portico_request_authenticate(request, user,
					     PORTICO_SLICE("Test"));
	return PORTICO_NEXT;
}

static enum portico_verdict
on_log(struct portico_request *request)
{
	portico_log(request, PORTICO_LOG_INFO, 0, "LOG of %s at %u",
		    portico_request_text(request, PORTICO_TEXT_PATH).data,
		    portico_child_depth(request));
	return PORTICO_NEXT;
}

static enum portico_verdict
filter_head(struct portico_request *request)
{
	struct portico_slice value;

	return portico_response_field(request, PORTICO_SLICE("X-Filter"),
				      &value) ?
		       PORTICO_NEXT :
		       PORTICO_DONE;
}

static enum portico_status
filter_data(struct portico_request *request, struct portico_slice chunk,
	    uint32_t flags, struct portico_filter_stream *next)
{
	char *copy = portico_request_alloc(request, chunk.length + 1);

	for (size_t i = 0; i < chunk.length; i++)
		copy[i] = chunk.data[i] == 'm' ? 'M' : chunk.data[i];
	return portico_filter_pass(
		next, (struct portico_slice){ copy, chunk.length }, flags);
}

static const struct portico_filter filter = {
	.name = "child",
	.head = filter_head,
	.data = filter_data,
};

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ .event = PORTICO_EVENT_AUTHENTICATE, .function = on_authenticate },
	{ .event = PORTICO_EVENT_LOG, .function = on_log },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "parent", .function = parent },
	{ .name = "misuse", .function = misuse },
	{ .name = "pass", .function = passing },
	{ .name = "many", .function = many },
	{ .name = "careless", .function = careless },
	{ .name = "impatient", .function = impatient },
	{ .name = "recurse", .function = recurse },
	{ .name = "leaf", .function = leaf },
	{ .name = "stream", .function = stream },
	{ .name = "measured", .function = measured },
	{ .name = "hang", .function = hang },
	{ 0 }
};

PORTICO_MODULE(.name = "child", .version = "1.0.0",
	       .summary = "makes child requests",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers,
	       .filter = &filter, .on_abort = on_abort);
