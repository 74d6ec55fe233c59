/* SPDX-License-Identifier: Apache-2.0
 *
 * What nearly every module needs, as basics.t looks at it: facts of a request,
 * work off the loop, clean-up, log lines, and a filter.
 *
 *	X-Shout: yes     the filter turns the body into capitals
 */
#include <portico/portico.h>

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct state {
	uint64_t began; /* ns */
	pthread_t loop, worked; /* threads */
};

static enum portico_verdict
write_text(struct portico_request *request, const char *text)
{
	size_t written;

	return portico_response_write(request, text, strlen(text), &written) ==
			       PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static enum portico_verdict
facts(struct portico_request *request)
{
	struct portico_address client, server;
	char text[512];

	portico_request_client(request, &client);
	portico_request_server(request, &server);
	snprintf(text, sizeof(text),
		 "client %s %u %u\nserver %s %u %u\nbody %d\naborted %d\n"
		 "id %llu\n",
		 client.text, client.port, client.family, server.text,
		 server.port, server.family, portico_request_has_body(request),
		 portico_request_aborted(request),
		 (unsigned long long)portico_request_id(request));
	return write_text(request, text);
}

/* ---- work off the loop ------------------------------------------------------------- */

static void
work(void *arg)
{
	struct state *state = arg;

	state->worked = pthread_self();
}

static enum portico_verdict
worked(struct portico_request *request, void *arg)
{
	const struct state *state = arg;
	char text[128];

	snprintf(text, sizeof(text), "elsewhere %d\nback %d\nlater %d\n",
		 !pthread_equal(state->worked, state->loop),
		 pthread_equal(pthread_self(), state->loop) != 0,
		 portico_clock() > state->began);
	return write_text(request, text);
}

static enum portico_verdict
offload(struct portico_request *request)
{
	struct state *state = portico_request_state(request);

	state->began = portico_clock();
	state->loop = pthread_self();
	if (portico_offload(request, work, state, worked, state) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

/* ---- clean-up and log -------------------------------------------------------------- */

static void
on_free(void *arg)
{
	portico_log(NULL, PORTICO_LOG_INFO, 0, "%s is gone", (char *)arg);
}

static enum portico_verdict
cleanup(struct portico_request *request)
{
	static char first[] = "first", second[] = "second";

	portico_log(request, PORTICO_LOG_INFO, 0, "here are %s and %s", first,
		    second);
	if (portico_request_on_free(request, on_free, first) != PORTICO_OK ||
	    portico_request_on_free(request, on_free, second) != PORTICO_OK)
		return PORTICO_ERROR;
	return write_text(request, "clean\n");
}

/* ---- a filter -------------------------------------------------------------------------- */

static enum portico_verdict
filter_head(struct portico_request *request)
{
	struct portico_slice unused;

	return portico_request_field(request, PORTICO_SLICE("X-Shout"),
				     &unused) ?
		       PORTICO_NEXT :
		       PORTICO_DONE;
}

static enum portico_status
filter_data(struct portico_request *request, struct portico_slice chunk,
	    uint32_t flags, struct portico_filter_stream *next)
{
	char *loud = portico_request_alloc(request, chunk.length + 1);

	if (loud == NULL)
		return PORTICO_NO_MEMORY;
	for (size_t i = 0; i < chunk.length; i++)
		loud[i] = (char)toupper((unsigned char)chunk.data[i]);
	chunk.data = loud;
	return portico_filter_pass(next, chunk, flags);
}

static const struct portico_filter filter = {
	.name = "shout",
	.head = filter_head,
	.data = filter_data,
};

static const struct portico_handler handlers[] = {
	{ .name = "facts", .function = facts },
	{ .name = "offload", .function = offload },
	{ .name = "cleanup", .function = cleanup },
	{ 0 }
};

PORTICO_MODULE(.name = "basics", .version = "1.0.0",
	       .summary = "uses what nearly every module needs",
	       .request_size = sizeof(struct state), .handlers = handlers,
	       .filter = &filter);
