/* SPDX-License-Identifier: Apache-2.0
 *
 * What is kept, as JSON of what the loops have answered, and flushing by hand.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/limits.h"
#include "core/http/response_head.h"
#include "core/http/url_whole.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/query_priv.h"

/* ---- on a loop --------------------------------------------------------------- */

static void
put_text(char *to, size_t size, size_t *used, struct portico_slice from)
{
	for (size_t i = 0; i < from.length && *used < size - 1; i++) {
		unsigned char c = (unsigned char)from.data[i];

		/* So that it is JSON text whatever a client sent. */
		to[(*used)++] = (char)(c >= 0x20 && c < 0x7f ? c : '?');
	}
	to[*used] = '\0';
}

/* As a client would write it: a flush understands it again. */
static void
put_path(char *to, size_t size, size_t *used, struct portico_slice path)
{
	for (size_t i = 0; i < path.length; i++) {
		unsigned char c = (unsigned char)path.data[i];
		char text[4];
		bool plain = c > 0x20 && c < 0x7f &&
			     strchr("%?#\"\\", (char)c) == NULL;

		snprintf(text, sizeof(text), plain ? "%c" : "%%%02X", c);
		put_text(to, size, used, slice_from(text));
	}
}

static void
copy_url(const struct cache_entry *from, struct query_entry *to)
{
	const struct cache_url *url = from->url;
	struct portico_slice variant =
		slice_make(from->data, from->variant_length);
	struct portico_slice query = slice_split(&variant, '\n');
	char text[32];
	size_t used = 0;

	put_text(to->url, sizeof(to->url), &used,
		 url->key.tls != 0 ? PORTICO_SLICE("https://") :
				     PORTICO_SLICE("http://"));
	put_text(to->url, sizeof(to->url), &used,
		 url->key.host_length == 0 ? PORTICO_SLICE("*") :
					     cache_url_host(url));
	snprintf(text, sizeof(text), ":%u", url->key.port);
	put_text(to->url, sizeof(to->url), &used, slice_from(text));
	put_path(to->url, sizeof(to->url), &used, cache_url_path(url));
	if (query.length > 0 && query.data[0] != '?')
		put_text(to->url, sizeof(to->url), &used, PORTICO_SLICE("?"));
	put_text(to->url, sizeof(to->url), &used, query);
}

static void
copy_fields(const struct cache_entry *from, struct query_entry *to)
{
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;

	while (http_response_head_next(cache_entry_wire(from).data, &cursor,
				       &field) > 0) {
		size_t used = 0;

		if (field.id == HTTP_HEADER_CONTENT_TYPE)
			put_text(to->type, sizeof(to->type), &used,
				 field.value);
		if (field.id == HTTP_HEADER_CONTENT_ENCODING)
			put_text(to->encoding, sizeof(to->encoding), &used,
				 field.value);
	}
}

static void
copy_entry(const struct cache_entry *from, uint64_t now, struct query_entry *to)
{
	copy_url(from, to);
	copy_fields(from, to);
	to->pool = from->url->pool;
	to->status = from->status;
	to->while_worker = from->while_worker;
	to->timed = from->expires != UINT64_MAX;
	if (to->timed && from->expires > now)
		to->seconds_left = (from->expires - now + CLOCK_NS_PER_S - 1) /
				   CLOCK_NS_PER_S;
	to->created = from->created_second;
	to->head = from->head_length;
	to->body = from->body_length;
	to->hits = from->hits;
}

void
query_copy_cache(struct listener_loop *loop, struct query_part *part)
{
	const struct cache *cache = &loop->cache;
	size_t count = cache->entries_by_key.count;

	part->cache_counters = cache->counters;
	part->cache_count = count;
	part->cache_bytes = cache->bytes;
	part->cache_limit = cache->limit;
	if (count > QUERY_CACHE_MAX)
		count = QUERY_CACHE_MAX;
	part->entries = mem_zalloc_array(count + 1, sizeof(*part->entries));
	for (const struct list *at = cache->ages.prev;
	     at != &cache->ages && part->entry_count < count; at = at->prev)
		copy_entry(CONTAINER_OF(at, struct cache_entry, age_link),
			   loop_now(loop), &part->entries[part->entry_count++]);
}

/* A path that ends with a slash stands for all that begins with it; which query
 * does not matter. */
void
query_flush_cache(struct listener_loop *loop, const char *url,
		  struct query_part *part)
{
	struct portico_slice text = slice_from(url);
	struct cache_flush flush = { .pool = CACHE_ANY_POOL };
	struct cache_key key = { 0 };
	struct http_url_whole whole;
	char *path = mem_alloc(text.length + 1);
	char host[HTTP_HOST_LENGTH_MAX];
	bool known = strcmp(url, "*") == 0;

	if (!known && http_url_whole_parse(text, path, &whole)) {
		known = true;
		key.tls = whole.tls;
		key.port = whole.port;
		flush.key = &key;
		flush.path = slice_make(path, whole.url.path_length);
		flush.recursive = path[flush.path.length - 1] == '/';
		for (size_t i = 0; i < whole.host.length; i++)
			host[i] = slice_lower(whole.host.data[i]);
		if (!whole.any_host)
			flush.host = slice_make(host, whole.host.length);
	}
	if (known)
		part->cache_flushed = cache_flush(&loop->cache, &flush);
	mem_free(path);
}

/* ---- on the main thread ------------------------------------------------------ */

static json_t *
describe_entry(const struct query *query, const struct query_entry *from)
{
	json_t *json = json_pack(
		"{s:s, s:i, s:s, s:s, s:b, s:I, s:s, s:s, s:s, s:I, s:I, s:I}",
		"url", from->url, "status", (int)from->status, "verb", "GET",
		"policy", from->timed ? "Time to live" : "User invalidates",
		"whileWorker", (int)from->while_worker, "created",
		(json_int_t)from->created, "pool",
		query->listener->pools[from->pool]->name, "contentType",
		from->type, "contentEncoding", from->encoding, "headersLength",
		(json_int_t)from->head, "contentLength", (json_int_t)from->body,
		"hits", (json_int_t)from->hits);

	if (from->timed)
		json_object_set_new(
			json, "ttl",
			json_integer((json_int_t)from->seconds_left));
	return json;
}

static void
add_counters(struct cache_counters *sum, const struct cache_counters *part)
{
	sum->hits += part->hits;
	sum->misses += part->misses;
	sum->revalidated += part->revalidated;
	sum->stored += part->stored;
	sum->refused += part->refused;
	sum->evicted += part->evicted;
	sum->expired += part->expired;
	sum->flushed += part->flushed;
	sum->flushes += part->flushes;
	sum->waited += part->waited;
}

static json_t *
describe_counters(const struct query *query)
{
	struct cache_counters sum = { 0 };
	uint64_t count = 0, bytes = 0, limit = 0, flushed = 0;
	json_t *json;

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];

		if (part == NULL)
			continue;
		add_counters(&sum, &part->cache_counters);
		count += part->cache_count;
		bytes += part->cache_bytes;
		limit += part->cache_limit;
		flushed += part->cache_flushed;
	}
	json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "entries",
			 (json_int_t)count, "bytes", (json_int_t)bytes, "size",
			 (json_int_t)limit, "hits", (json_int_t)sum.hits,
			 "misses", (json_int_t)sum.misses, "revalidated",
			 (json_int_t)sum.revalidated, "stored",
			 (json_int_t)sum.stored, "refused",
			 (json_int_t)sum.refused);
	json_object_update_new(json,
			       json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
					 "evicted", (json_int_t)sum.evicted,
					 "expired", (json_int_t)sum.expired,
					 "flushed", (json_int_t)sum.flushed,
					 "flushes", (json_int_t)sum.flushes,
					 "waited", (json_int_t)sum.waited,
					 "flushedNow", (json_int_t)flushed));
	return json;
}

json_t *
query_describe_cache(const struct query *query)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];

		for (unsigned j = 0; part != NULL && j < part->entry_count; j++)
			json_array_append_new(
				all, describe_entry(query, &part->entries[j]));
	}
	return json_pack("{s:o, s:o}", "cache", describe_counters(query),
			 "kept", all);
}
