/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache_answer.h.
 */
#include "core/listener/cache_answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"
#include "core/http/date.h"
#include "core/listener/cache_wait.h"
#include "core/listener/connection.h"
#include "core/listener/hsts.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"

/* In loop->discard, one after the other. */
#define TEXT_BYTES (32 * 1024)
#define VARIANT_BYTES (16 * 1024)
_Static_assert(TEXT_BYTES + VARIANT_BYTES <= LOOP_DISCARD_BYTES, "room");

/* ---- where ------------------------------------------------------------------- */

bool
cache_place_make(struct listener_request *request, struct portico_slice path,
		 const struct http_url *url, struct cache_place *place_r)
{
	const struct http_parsed_head *head = &request->head;
	const char *host = request->input.data + head->host_offset;
	char *to = request->loop->discard;

	if (head->host_length + path.length > TEXT_BYTES)
		return false;
	for (uint32_t i = 0; i < head->host_length; i++)
		to[i] = slice_lower(host[i]);
	memcpy(to + head->host_length, path.data, path.length);
	*place_r = (struct cache_place){
		.key = { .application = request->application->id,
			 .port = request->connection->route_port,
			 .host_port = head->port,
			 .tls = request->connection->tls,
			 .host_length = head->host_length },
		.text = { to, head->host_length + path.length },
		.query = { request->input.data + head->path_offset +
				   url->query_offset,
			   url->query_length },
	};
	/* "/x?" is not "/x" to a module that looks. */
	if (url->has_query && url->query_length == 0)
		place_r->query = PORTICO_SLICE("?");
	return true;
}

bool
cache_place_variant(struct listener_request *request,
		    const struct cache_place *place,
		    const struct cache_vary *vary,
		    struct portico_slice *variant_r)
{
	char *to = request->loop->discard + TEXT_BYTES;
	long length;

	if (vary == NULL) {
		*variant_r = place->query;
		return place->query.length <= VARIANT_BYTES;
	}
	length = cache_variant_write(vary, &request->head, request->input.data,
				     place->query, to, VARIANT_BYTES);
	*variant_r = slice_make(to, length < 0 ? 0 : (size_t)length);
	return length >= 0;
}

/* ---- heads ------------------------------------------------------------------- */

void
cache_head_copy(struct portico_slice wire, const bool *drop, const bool *only,
		char *out, size_t capacity,
		struct http_response_writer *writer_r)
{
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;

	http_response_head_begin(writer_r, out, capacity);
	while (http_response_head_next(wire.data, &cursor, &field) > 0) {
		if ((drop != NULL && drop[field.id]) ||
		    (only != NULL && !only[field.id]))
			continue;
		if (field.id != HTTP_HEADER_UNKNOWN)
			http_response_head_add(writer_r, field.id,
					       field.value.data,
					       field.value.length);
		else
			http_response_head_add_name(writer_r, field.name.data,
						    field.name.length,
						    field.value.data,
						    field.value.length);
	}
}

static char *
put(char *at, const char *text, size_t length)
{
	memcpy(at, text, length);
	return at + length;
}

/* "Age", what becomes of the connection, and the end of the head. */
static char *
put_end(const struct listener_request *request, uint64_t age, char *at)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + age % 10);
		age /= 10;
	} while (age > 0);
	at = put(at, "Age: ", 5);
	at = put(at, digits + n, sizeof(digits) - n);
	if (!request->keep_alive)
		at = put(at, "\r\nConnection: close", 19);
	else if (request->head.minor == 0)
		at = put(at, "\r\nConnection: keep-alive", 24);
	return put(at, "\r\n\r\n", 4);
}

static uint64_t
age_of(const struct cache_entry *entry, uint64_t now)
{
	return entry->base_age + (now - entry->created) / CLOCK_NS_PER_S;
}

/* What a 304 says of the answer that it stands for (RFC 9110 section
 * 15.4.5). */
static const bool of_not_modified[HTTP_HEADER_COUNT] = {
	[HTTP_HEADER_CACHE_CONTROL] = true,
	[HTTP_HEADER_CONTENT_LOCATION] = true,
	[HTTP_HEADER_DATE] = true,
	[HTTP_HEADER_ETAG] = true,
	[HTTP_HEADER_EXPIRES] = true,
	[HTTP_HEADER_LAST_MODIFIED] = true,
	[HTTP_HEADER_VARY] = true,
};

/*
 * A head made of the entry's with another status, into loop->output.  `range`
 * is the value of Content-Range, if it has any.  0: no room.
 */
static size_t
write_other_head(struct listener_request *request,
		 const struct cache_entry *entry, unsigned status,
		 uint64_t length, struct portico_slice range)
{
	struct listener_loop *loop = request->loop;
	struct http_response_head fixed = {
		.status = (uint16_t)status,
		.content_length = status == 304 ? HTTP_RESPONSE_LENGTH_UNKNOWN :
						  (int64_t)length,
	};
	char date[HTTP_DATE_LENGTH + 1];
	struct http_emit_options options = {
		.date = date,
		.server = LISTENER_SERVER_NAME,
		.server_length = sizeof(LISTENER_SERVER_NAME) - 1,
		.hsts = hsts_value(request),
		.minor = 1,
		.keep_alive = true,
	};
	struct http_response_writer writer;
	struct http_response_info info;
	size_t size;
	ssize_t written;

	memcpy(&fixed.flags,
	       cache_entry_wire(entry).data +
		       offsetof(struct http_response_head, flags),
	       sizeof(fixed.flags));
	cache_head_copy(cache_entry_wire(entry), NULL,
			status == 304 ? of_not_modified : NULL, loop->discard,
			LOOP_DISCARD_BYTES, &writer);
	if (range.length > 0)
		http_response_head_add(&writer, HTTP_HEADER_CONTENT_RANGE,
				       range.data, range.length);
	size = http_response_head_end(&writer, &fixed);
	if (size == 0)
		return 0;
	http_date_format((int64_t)entry->created_second, date);
	written = http_response_head_emit_h1(loop->discard, size, &options,
					     loop->output, LOOP_OUTPUT_BYTES,
					     &info);
	/* Without the empty line. */
	return written < 2 ? 0 : (size_t)written - 2;
}

/* ---- answers ----------------------------------------------------------------- */

/* `head` bytes of it lie in loop->output; the body is a part of the entry's. */
static void
answer(struct listener_request *request, struct cache_entry *entry, size_t head,
       unsigned status, struct portico_slice body)
{
	struct listener_loop *loop = request->loop;
	char *end = put_end(request, age_of(entry, loop_now(loop)),
			    loop->output + head);

	entry->hits++;
	loop->cache.counters.hits++;
	request->cache_hit = true;
	request->status = (uint16_t)status;
	if (body.length > 0 && !request_is_head_method(request)) {
		cache_entry_ref(entry);
		output_add_entry(&request->output, body.data,
				 (uint32_t)body.length, entry);
	}
	response_send_kept(request, (size_t)(end - loop->output));
}

static void
answer_whole(struct listener_request *request, struct cache_entry *entry)
{
	struct portico_slice head = cache_entry_head(entry);

	memcpy(request->loop->output, head.data, head.length);
	answer(request, entry, head.length, entry->status,
	       cache_entry_body(entry));
}

static struct portico_slice
field_value(const struct listener_request *request, int index)
{
	const struct http_field *field = &request->head.fields[index];

	return request_text(request, field->value_offset, field->value_length);
}

static struct portico_slice
etag_of(const struct cache_entry *entry)
{
	if (entry->etag_length == 0)
		return (struct portico_slice){ NULL, 0 };
	return slice_make(cache_entry_wire(entry).data + entry->etag_offset,
			  entry->etag_length);
}

static bool
names_etag(const struct listener_request *request,
	   const struct cache_request *wanted, const struct cache_entry *entry)
{
	struct portico_slice etag = etag_of(entry);

	if (!wanted->if_none_match_more)
		return cache_etag_listed(
			field_value(request, wanted->if_none_match), etag);
	for (int i = wanted->if_none_match; i < request->head.field_count;
	     i++) {
		if (request->head.fields[i].id == HTTP_HEADER_IF_NONE_MATCH &&
		    cache_etag_listed(field_value(request, i), etag))
			return true;
	}
	return false;
}

/* RFC 9110 section 13.2.2; If-Match and If-Unmodified-Since are not for us. */
static bool
is_not_modified(const struct listener_request *request,
		const struct cache_request *wanted,
		const struct cache_entry *entry)
{
	struct portico_slice since;
	int64_t second;

	if (entry->status != 200)
		return false;
	if (wanted->if_none_match >= 0)
		return names_etag(request, wanted, entry);
	if (wanted->if_modified_since < 0 || !entry->has_last_modified)
		return false;
	since = field_value(request, wanted->if_modified_since);
	return http_date_parse(since.data, since.length,
			       (int64_t)(request->realtime / CLOCK_NS_PER_S),
			       &second) &&
	       entry->last_modified <= second;
}

/* RFC 9110 section 13.1.5: strong, so a weak tag never is, nor a date of a second
 * in which it may have changed again (section 8.8.2.2). */
static bool
is_same_version(const struct listener_request *request,
		const struct cache_request *wanted,
		const struct cache_entry *entry)
{
	struct portico_slice field, etag = etag_of(entry);
	int64_t second;

	if (wanted->if_range < 0)
		return true;
	field = field_value(request, wanted->if_range);
	if (field.length > 0 && field.data[0] == '"')
		return etag.length > 0 && slice_equal(field, etag);
	return entry->has_last_modified &&
	       entry->last_modified < (int64_t)entry->created_second &&
	       http_date_parse(field.data, field.length,
			       (int64_t)(request->realtime / CLOCK_NS_PER_S),
			       &second) &&
	       second == entry->last_modified;
}

/* False: not by the cache. */
static bool
answer_range(struct listener_request *request,
	     const struct cache_request *wanted, struct cache_entry *entry)
{
	struct portico_slice body = cache_entry_body(entry);
	uint64_t first = 0, length = 0;
	char range[80];
	size_t head;

	switch (cache_range_parse(field_value(request, wanted->range),
				  body.length, &first, &length)) {
	case CACHE_RANGE_ALL:
		answer_whole(request, entry);
		return true;
	case CACHE_RANGE_OTHER:
		return false;
	case CACHE_RANGE_ONE:
		break;
	}
	snprintf(range, sizeof(range), "bytes %" PRIu64 "-%" PRIu64 "/%zu",
		 first, first + length - 1, body.length);
	head = write_other_head(request, entry, 206, length, slice_from(range));
	if (head == 0)
		return false;
	answer(request, entry, head, 206,
	       slice_make(body.data + first, (size_t)length));
	return true;
}

static bool
answer_not_modified(struct listener_request *request, struct cache_entry *entry)
{
	struct portico_slice none = { NULL, 0 };
	size_t head = write_other_head(request, entry, 304, 0, none);

	if (head == 0)
		return false;
	request->loop->cache.counters.revalidated++;
	answer(request, entry, head, 304, none);
	return true;
}

static bool
answer_with(struct listener_request *request,
	    const struct cache_request *wanted, struct cache_entry *entry)
{
	struct listener_loop *loop = request->loop;

	if (loop->draining)
		request->keep_alive = false;
	if (is_not_modified(request, wanted, entry))
		return answer_not_modified(request, entry);
	/* RFC 9110 section 14.2: Range has a meaning for GET only. */
	if (wanted->range >= 0 && entry->status == 200 &&
	    !request_is_head_method(request) &&
	    is_same_version(request, wanted, entry))
		return answer_range(request, wanted, entry);
	answer_whole(request, entry);
	return true;
}

bool
cache_answer(struct listener_request *request, struct portico_slice path,
	     const struct http_url *url)
{
	struct listener_loop *loop = request->loop;
	struct cache *cache = &loop->cache;
	struct cache_request wanted;
	struct cache_place place;
	struct cache_url *at;
	struct cache_entry *entry;
	struct portico_slice variant;

	request->cache_epoch = cache_epoch(cache, request->application->id);
	if (cache_is_empty(cache) || !request->pool->limits.known ||
	    request->pool->state != CONTROL_POOL_STARTED)
		return false;
	cache_rules_request(&request->head, request->input.data, &wanted);
	if (wanted.use == CACHE_USE_NONE ||
	    !cache_place_make(request, path, url, &place))
		return false;
	at = cache_find_url(cache, &place.key, place.text);
	if (at == NULL ||
	    !cache_place_variant(request, &place, at->vary, &variant))
		return false;
	entry = cache_find(cache, at, variant, loop_now(loop));
	if (entry != NULL && answer_with(request, &wanted, entry))
		return true;
	cache->counters.misses++;
	request->cache_missed = true;
	return wanted.use == CACHE_USE_KEEP && entry == NULL &&
	       cache_wait(request, at, cache_variant_hash(at, variant));
}
