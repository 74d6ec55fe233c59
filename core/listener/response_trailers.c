/* SPDX-License-Identifier: Apache-2.0
 *
 * See response_trailers.h.
 */
#include "core/listener/response_trailers.h"

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/response_head.h"
#include "core/http/trailer.h"
#include "core/listener/cache_fill.h"
#include "core/listener/connection.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

/* Whether they can follow the body as it is framed. */
static bool
may_follow(const struct listener_request *request)
{
	if (connection_is_socket(request->connection))
		return request->framing == HTTP_FRAMING_CHUNKED;
	return request->framing != HTTP_FRAMING_NONE;
}

static const char *
keep(struct listener_request *request, const char *text, uint32_t length)
{
	const char *fault;
	char *copy;

	if (length > HTTP_TRAILER_BYTES_MAX)
		return "trailers longer than allowed";
	/* Copied once; what is checked below is the copy. */
	copy = mem_dup(text, length);
	fault = http_trailers_fault((struct portico_slice){ copy, length });
	if (fault != NULL || !may_follow(request)) {
		mem_free(copy);
		return fault;
	}
	ASSERT(request->end_fields == NULL);
	request->end_fields = copy;
	request->end_fields_length = length;
	return NULL;
}

const char *
response_trailers_take(struct listener_request *request,
		       struct channel_descriptor *descriptor)
{
	struct channel *channel = request->channel->channel;
	struct channel_reference *last;
	const char *data, *lie;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	if (request_is_tunnel(request))
		return "trailers of a tunnel";
	/* The channel has seen to it that they are within the last one. */
	ASSERT(descriptor->count > 0);
	last = &descriptor->refs[descriptor->count - 1];
	ASSERT(descriptor->extra <= last->length);
	data = channel_block_data(channel, *last);
	ASSERT(data != NULL);
	last->length -= descriptor->extra;
	lie = keep(request, data + last->length, descriptor->extra);
	if (lie != NULL)
		return lie;
	descriptor->extra = 0;
	if (last->length == 0) {
		(void)channel_release(channel, last->block);
		descriptor->count--;
	}
	cache_fill_refuse(request);
	return NULL;
}

void
response_trailers_drop(struct listener_request *request)
{
	MEM_FREE(request->end_fields);
	request->end_fields_length = 0;
}
