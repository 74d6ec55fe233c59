/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache_fill.h.
 */
#include "core/listener/cache_fill.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/cache_answer.h"
#include "core/listener/cache_wait.h"
#include "core/listener/connection.h"
#include "core/listener/dispatch.h"
#include "core/listener/hsts.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

#define CACHE_FILL_MAGIC 0xcac4e004u

struct cache_fill {
	unsigned magic;
	struct cache_policy policy; /* its texts lie in `wire` */
	struct buffer body;
	uint16_t status;
	uint32_t worker;
	char *wire; /* the head, without what is said anew each time */
	size_t wire_length;
};

void
cache_fill_drop(struct listener_request *request)
{
	struct cache_fill *fill = request->fill;

	request->fill = NULL;
	if (fill == NULL)
		return;
	CHECK(fill, CACHE_FILL_MAGIC);
	buffer_fini(&fill->body);
	mem_free(fill->wire);
	fill->magic = 0;
	mem_free(fill);
}

/* `forget`: the next one will not be kept either, most likely. */
static void
refuse(struct listener_request *request, bool forget)
{
	request->loop->cache.counters.refused++;
	cache_fill_drop(request);
	cache_lead_end(request, forget);
}

void
cache_fill_refuse(struct listener_request *request)
{
	if (request->fill != NULL)
		refuse(request, true);
}

/* ---- the head ---------------------------------------------------------------- */

/* The worker is of an older configuration than its pool is to be. */
static bool
is_outdated(const struct worker_channel *channel)
{
	return channel->draining &&
	       channel->configuration != channel->loop->configuration;
}

/* Whether the request is one whose response may be kept. */
static bool
may_keep(const struct listener_request *request, size_t limit,
	 const struct http_response_info *info)
{
	struct cache_request wanted;

	if (info->framing == HTTP_FRAMING_NONE ||
	    info->framing == HTTP_FRAMING_TUNNEL ||
	    (info->content_length > 0 &&
	     (uint64_t)info->content_length > limit) ||
	    is_outdated(request->channel) || !request->pool->limits.known ||
	    request->pool->state != CONTROL_POOL_STARTED)
		return false;
	cache_rules_request(&request->head, request->input.data, &wanted);
	return wanted.use == CACHE_USE_KEEP;
}

/* Age is said anew with each answer, and how long to keep it is known. */
static const bool not_kept[HTTP_HEADER_COUNT] = { [HTTP_HEADER_AGE] = true };

static bool
copy_head(struct cache_fill *fill, const void *copy,
	  const struct http_response_info *info)
{
	struct http_response_writer writer;
	struct http_response_head fixed = {
		.status = info->status,
		.flags = info->flags & HTTP_RESPONSE_NO_SERVER,
		.content_length = HTTP_RESPONSE_LENGTH_UNKNOWN,
	};
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;

	fill->wire = mem_try_alloc(info->size);
	if (fill->wire == NULL)
		return false;
	cache_head_copy(slice_make(copy, info->size), not_kept, NULL,
			fill->wire, info->size, &writer);
	fill->wire_length = http_response_head_end(&writer, &fixed);
	fill->policy.etag = (struct portico_slice){ NULL, 0 };
	while (fill->wire_length > 0 &&
	       http_response_head_next(fill->wire, &cursor, &field) > 0) {
		if (field.id == HTTP_HEADER_ETAG)
			fill->policy.etag = slice_trim(field.value);
	}
	return fill->wire_length > 0;
}

void
cache_fill_begin(struct listener_request *request, const void *copy,
		 const struct http_response_info *info)
{
	struct listener_loop *loop = request->loop;
	struct cache_fill *fill;

	ASSERT(request->fill == NULL);
	if ((info->flags & HTTP_RESPONSE_CACHEABLE) == 0 ||
	    loop->cache.limit == 0) {
		cache_lead_end(request, true);
		return;
	}
	if (!may_keep(request, loop->cache.entry_limit, info)) {
		refuse(request, true);
		return;
	}
	fill = mem_try_zalloc(sizeof(*fill));
	if (fill == NULL)
		return;
	fill->magic = CACHE_FILL_MAGIC;
	fill->status = info->status;
	fill->worker = request->channel->worker_id;
	buffer_init(&fill->body, loop->cache.entry_limit);
	request->fill = fill;
	if (cache_rules_response(
		    copy, info, (int64_t)(loop_realtime(loop) / CLOCK_NS_PER_S),
		    &fill->policy) != NULL ||
	    !copy_head(fill, copy, info) ||
	    (info->content_length > 0 &&
	     buffer_reserve(&fill->body, (size_t)info->content_length) !=
		     PORTICO_OK))
		refuse(request, true);
}

/* ---- the body ---------------------------------------------------------------- */

void
cache_fill_add(struct listener_request *request, const char *data,
	       size_t length)
{
	struct cache_fill *fill = request->fill;

	CHECK(fill, CACHE_FILL_MAGIC);
	if (buffer_append(&fill->body, data, length) != PORTICO_OK)
		refuse(request, true);
}

void
cache_fill_add_file(struct listener_request *request, int fd, uint64_t position,
		    uint64_t length)
{
	struct cache_fill *fill = request->fill;
	struct buffer *body = &fill->body;

	CHECK(fill, CACHE_FILL_MAGIC);
	if (length > body->limit ||
	    buffer_reserve(body, (size_t)length) != PORTICO_OK) {
		refuse(request, true);
		return;
	}
	/* It is in the page cache, as all spans are that are handed over; from
	 * a disk or a server it is not fetched here. */
	while (length > 0) {
		struct iovec iov = { body->data + body->length,
				     (size_t)length };
		ssize_t got = preadv2(fd, &iov, 1, (off_t)position, RWF_NOWAIT);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			refuse(request, true);
			return;
		}
		body->length += (size_t)got;
		position += (uint64_t)got;
		length -= (uint64_t)got;
	}
}

/* ---- the end ----------------------------------------------------------------- */

/* As HTTP/1.1, without the empty line; 0: no room. */
static size_t
render(struct listener_request *request, struct cache_fill *fill, char *out,
       size_t capacity)
{
	struct listener_loop *loop = request->loop;
	int64_t length = (int64_t)fill->body.length;
	const struct http_emit_options options = {
		.date = http_date_cached(
			&loop->date,
			(int64_t)(loop_realtime(loop) / CLOCK_NS_PER_S)),
		.server = LISTENER_SERVER_NAME,
		.server_length = sizeof(LISTENER_SERVER_NAME) - 1,
		.hsts = hsts_value(request),
		.minor = 1,
		.keep_alive = true,
	};
	struct http_response_info info;
	ssize_t written;

	memcpy(fill->wire + offsetof(struct http_response_head, content_length),
	       &length, sizeof(length));
	written = http_response_head_emit_h1(fill->wire, fill->wire_length,
					     &options, out, capacity, &info);
	return written < 2 ? 0 : (size_t)written - 2;
}

/* The request's place in the table, made if it is new. */
static bool
store(struct listener_request *request, struct cache_fill *fill,
      struct portico_slice head)
{
	struct listener_loop *loop = request->loop;
	struct cache *cache = &loop->cache;
	struct cache_content content = {
		.policy = &fill->policy,
		.wire = { fill->wire, fill->wire_length },
		.head = head,
		.body = { fill->body.data, fill->body.length },
		.status = fill->status,
		.worker = fill->worker,
		.now = loop_now(loop),
		.second = loop_realtime(loop) / CLOCK_NS_PER_S,
	};
	struct portico_slice path;
	struct cache_place place;
	struct cache_url *at;
	struct http_url url;

	if (dispatch_cook(request, &path, &url) != HTTP_REASON_NONE ||
	    !cache_place_make(request, path, &url, &place))
		return false;
	at = cache_get_url(cache, &place.key, place.text,
			   request->pool->shared->number, &fill->policy.vary);
	return at != NULL &&
	       cache_place_variant(request, &place, at->vary,
				   &content.variant) &&
	       cache_store(cache, at, &content);
}

void
cache_fill_end(struct listener_request *request)
{
	struct cache_fill *fill = request->fill;
	struct cache *cache = &request->loop->cache;
	char head[CACHE_HEAD_BYTES_MAX];
	size_t length;

	CHECK(fill, CACHE_FILL_MAGIC);
	if (request->cache_epoch !=
		    cache_epoch(cache, request->application->id) ||
	    is_outdated(request->channel)) {
		refuse(request, false);
		return;
	}
	length = render(request, fill, head, sizeof(head));
	if (length == 0 || !store(request, fill, slice_make(head, length))) {
		refuse(request, true);
		return;
	}
	cache_fill_drop(request);
	cache_lead_end(request, false);
}

/* ---- what takes entries out -------------------------------------------------- */

const char *
cache_on_flush(struct worker_channel *channel,
	       const struct channel_descriptor *descriptor)
{
	struct listener_loop *loop = channel->loop;
	struct cache_flush flush = {
		.application = descriptor->extra,
		.pool = channel->pool->shared->number,
		.recursive = descriptor->value == 1 || descriptor->count == 0,
	};
	struct channel_reference ref = descriptor->refs[0];

	if (descriptor->count == 1) {
		if (ref.length > LOOP_DISCARD_BYTES)
			return "path of a flush is too long";
		memcpy(loop->discard, channel_block_data(channel->channel, ref),
		       ref.length);
		(void)channel_release(channel->channel, ref.block);
		flush.path = slice_make(loop->discard, ref.length);
		if (flush.path.data[0] != '/')
			return "path of a flush is none";
	}
	cache_flush(&loop->cache, &flush);
	return NULL;
}

void
cache_on_drain(const struct worker_channel *channel)
{
	if (is_outdated(channel))
		cache_drop_worker(&channel->loop->cache, channel->worker_id,
				  true);
}

void
cache_on_lost(const struct worker_channel *channel)
{
	cache_drop_worker(&channel->loop->cache, channel->worker_id, false);
}

/* Its application is where it was, and the worker that may have another
 * configuration than the next one is still there to be drained. */
static bool
is_still_true(const struct cache_url *url, const struct cache_entry *entry,
	      void *arg)
{
	struct listener_loop *loop = arg;
	const struct listener_snapshot *snapshot = loop->snapshot->shared;
	const struct settings_application *application =
		settings_find_application(snapshot->settings,
					  url->key.application);

	if (application == NULL ||
	    snapshot->pools[application->pool->index] != url->pool)
		return false;
	LIST_FOREACH(struct worker_channel, link, channel,
		     &loop->worker_channels) {
		if (channel->worker_id == entry->worker)
			return true;
	}
	return false;
}

void
cache_on_configuration(struct listener_loop *loop)
{
	const struct settings_listener *settings =
		&loop->snapshot->shared->settings->listener;
	unsigned loops = loop->listener->loop_count;

	loop->configuration++;
	cache_set_limits(&loop->cache,
			 settings->cache.size / (loops == 0 ? 1 : loops),
			 (uint32_t)settings->cache.entry_size);
	cache_retain(&loop->cache, is_still_true, loop);
}
