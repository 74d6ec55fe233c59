/* SPDX-License-Identifier: Apache-2.0
 *
 * trailer.h, as trailer.t drives it: reads the body and says what came behind
 * it.  Query parameter `early`: asks before that.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>

struct state {
	uint64_t bytes;
	enum portico_status early, early_each;
};

static void
put(struct portico_request *request, const char *text)
{
	size_t written;

	portico_response_write(request, text, strlen(text), &written);
}

static bool
show(void *arg, struct portico_slice name, struct portico_slice value)
{
	put(arg, name.data);
	put(arg, "=");
	put(arg, value.data);
	put(arg, ";");
	return name.length != 4 || memcmp(name.data, "Stop", 4) != 0;
}

static enum portico_verdict
answer(struct portico_request *request, const struct state *state)
{
	struct portico_slice digest = { "-", 1 }, header = { "-", 1 };
	enum portico_status found = portico_request_trailer(
		request, PORTICO_SLICE("x-digest"), &digest);
	char text[256];

	portico_request_field(request, PORTICO_SLICE("X-Digest"), &header);
	snprintf(text, sizeof(text),
		 "bytes %llu\nearly %d %d\ndigest %d %.*s\nheader %s\nall ",
		 (unsigned long long)state->bytes, state->early,
		 state->early_each, found, (int)digest.length, digest.data,
		 header.data);
	put(request, text);
	snprintf(text, sizeof(text), "\neach %d\n",
		 portico_request_trailers(request, show, request));
	put(request, text);
	return PORTICO_DONE;
}

static enum portico_verdict
read_on(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);
	struct portico_slice chunk;
	enum portico_status status;

	(void)arg;
	while ((status = portico_body_read(request, &chunk)) == PORTICO_OK)
		state->bytes += chunk.length;
	if (status == PORTICO_AGAIN) {
		portico_body_wait(request, read_on, NULL);
		return PORTICO_PENDING;
	}
	return status == PORTICO_END ? answer(request, state) : PORTICO_ERROR;
}

/* Not read at all. */
static enum portico_verdict
ignore(struct portico_request *request)
{
	put(request, "ignored");
	return PORTICO_DONE;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_slice value;

	state->early = portico_request_trailer(
		request, PORTICO_SLICE("x-digest"), &value);
	state->early_each = portico_request_trailers(request, show, request);
	if (portico_query_get(request, PORTICO_SLICE("ignore"), &value) ==
	    PORTICO_OK)
		return ignore(request);
	return read_on(request, NULL);
}

static const struct portico_handler handlers[] = { { .name = "trailer",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "trailer", .version = "1.0.0",
	       .summary = "reads trailer fields",
	       .request_size = sizeof(struct state), .handlers = handlers);
