/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache.h.
 */
#include "core/listener/cache.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/limits.h"

_Static_assert(sizeof(struct cache_key) == 16, "compared as bytes");

/* ---- indexes ----------------------------------------------------------------- */

/* Where there is no memory for more buckets, chains are longer. */
static void
index_grow(struct cache_index *index)
{
	size_t size = index->buckets == NULL ? 64 : (index->mask + 1) * 2;
	struct cache_node **buckets =
		mem_try_zalloc(size * sizeof(struct cache_node *));

	if (buckets == NULL)
		return;
	for (size_t i = 0; index->buckets != NULL && i <= index->mask; i++) {
		struct cache_node *node = index->buckets[i];

		while (node != NULL) {
			struct cache_node *next = node->next;

			node->next = buckets[node->hash & (size - 1)];
			buckets[node->hash & (size - 1)] = node;
			node = next;
		}
	}
	mem_free(index->buckets);
	index->buckets = buckets;
	index->mask = size - 1;
}

/* False: no memory for the first one. */
static bool
index_add(struct cache_index *index, struct cache_node *node, uint64_t hash)
{
	if (index->buckets == NULL || index->count > index->mask)
		index_grow(index);
	if (index->buckets == NULL)
		return false;
	node->hash = hash;
	node->next = index->buckets[hash & index->mask];
	index->buckets[hash & index->mask] = node;
	index->count++;
	return true;
}

static void
index_remove(struct cache_index *index, struct cache_node *node)
{
	struct cache_node **at = &index->buckets[node->hash & index->mask];

	while (*at != node) {
		ASSERT(*at != NULL);
		at = &(*at)->next;
	}
	*at = node->next;
	node->next = NULL;
	index->count--;
}

/* The first with this hash; then the next after `node`. */
static inline struct cache_node *
same_hash(struct cache_node *node, uint64_t hash)
{
	while (node != NULL && node->hash != hash)
		node = node->next;
	return node;
}

static inline struct cache_node *
index_first(const struct cache_index *index, uint64_t hash)
{
	if (index->buckets == NULL)
		return NULL;
	return same_hash(index->buckets[hash & index->mask], hash);
}

/* ---- hashes ------------------------------------------------------------------ */

static inline uint64_t
mix(uint64_t hash, uint64_t more)
{
	hash = (hash ^ more) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/* The texts are a stranger's, so they go through the keyed hash. */
static uint64_t
hash_key(const struct cache_key *key, struct portico_slice text)
{
	uint64_t words[2];

	memcpy(words, key, sizeof(words));
	return mix(mix(hash_bytes(text.data, text.length), words[0]), words[1]);
}

static uint64_t
hash_path(uint32_t application, struct portico_slice path)
{
	return mix(hash_bytes(path.data, path.length), application);
}

uint64_t
cache_variant_hash(const struct cache_url *url, struct portico_slice variant)
{
	if (variant.length == 0)
		return url->node.hash;
	return mix(url->node.hash, hash_bytes(variant.data, variant.length));
}

/* ---- life -------------------------------------------------------------------- */

void
cache_init(struct cache *cache)
{
	memset(cache, 0, sizeof(*cache));
	cache->magic = CACHE_MAGIC;
	list_init(&cache->urls);
	list_init(&cache->bare_urls);
	list_init(&cache->ages);
	list_init(&cache->waiting);
	list_init(&cache->ready);
}

void
cache_entry_unref(struct cache_entry *entry)
{
	CHECK(entry, CACHE_ENTRY_MAGIC);
	ASSERT(entry->refs > 0);
	if (--entry->refs > 0)
		return;
	ASSERT(entry->url == NULL);
	entry->magic = 0;
	mem_free(entry);
}

static void
url_free(struct cache *cache, struct cache_url *url)
{
	CHECK(url, CACHE_URL_MAGIC);
	ASSERT(list_empty(&url->entries) && list_empty(&url->waiting));
	index_remove(&cache->urls_by_key, &url->node);
	index_remove(&cache->urls_by_path, &url->path_node);
	list_remove(&url->link);
	cache->bare_count--;
	cache->bytes -= url->bytes;
	mem_free(url->vary);
	url->magic = 0;
	mem_free(url);
}

/* Those that nobody waits at, from the oldest on, down to `most`. */
static void
trim_bare(struct cache *cache, uint32_t most)
{
	LIST_FOREACH_SAFE(struct cache_url, link, url, &cache->bare_urls) {
		if (cache->bare_count <= most)
			return;
		if (url->filling == 0 && list_empty(&url->waiting))
			url_free(cache, url);
	}
}

static void
entry_remove(struct cache *cache, struct cache_entry *entry)
{
	struct cache_url *url = entry->url;

	CHECK(entry, CACHE_ENTRY_MAGIC);
	index_remove(&cache->entries_by_key, &entry->node);
	list_remove(&entry->link);
	list_remove(&entry->age_link);
	cache->bytes -= entry->bytes;
	entry->url = NULL;
	cache_entry_unref(entry);
	if (!list_empty(&url->entries))
		return;
	list_remove(&url->link);
	list_add_tail(&cache->bare_urls, &url->link);
	cache->bare_count++;
}

/* Not more of them than there are entries, which are worth more. */
static uint32_t
bare_wanted(const struct cache *cache)
{
	size_t entries = cache->entries_by_key.count;

	return entries < CACHE_BARE_URLS_MAX ? (uint32_t)entries :
					       CACHE_BARE_URLS_MAX;
}

/* Room for so many bytes more.  False: that is not to be had. */
static bool
make_room(struct cache *cache, uint64_t bytes)
{
	if (bytes > cache->limit)
		return false;
	while (cache->bytes + bytes > cache->limit &&
	       !list_empty(&cache->ages)) {
		cache->counters.evicted++;
		entry_remove(cache, LIST_FIRST(struct cache_entry, age_link,
					       &cache->ages));
		trim_bare(cache, bare_wanted(cache));
	}
	if (cache->bytes + bytes > cache->limit)
		trim_bare(cache, 0);
	return cache->bytes + bytes <= cache->limit;
}

void
cache_set_limits(struct cache *cache, uint64_t bytes, uint32_t entry)
{
	CHECK(cache, CACHE_MAGIC);
	cache->limit = bytes;
	cache->entry_limit = entry;
	(void)make_room(cache, 0);
}

void
cache_fini(struct cache *cache)
{
	CHECK(cache, CACHE_MAGIC);
	while (!list_empty(&cache->ages))
		entry_remove(cache, LIST_FIRST(struct cache_entry, age_link,
					       &cache->ages));
	trim_bare(cache, 0);
	ASSERT(cache->bare_count == 0 && cache->bytes == 0 &&
	       list_empty(&cache->waiting) && list_empty(&cache->ready));
	mem_free(cache->urls_by_key.buckets);
	mem_free(cache->urls_by_path.buckets);
	mem_free(cache->entries_by_key.buckets);
	cache->magic = 0;
}

/* ---- looking up -------------------------------------------------------------- */

struct cache_url *
cache_find_url(const struct cache *cache, const struct cache_key *key,
	       struct portico_slice text)
{
	uint64_t hash = hash_key(key, text);
	struct cache_node *node = index_first(&cache->urls_by_key, hash);

	for (; node != NULL; node = same_hash(node->next, hash)) {
		struct cache_url *url =
			CONTAINER_OF(node, struct cache_url, node);

		if (memcmp(&url->key, key, sizeof(*key)) == 0 &&
		    key->host_length + url->path_length == text.length &&
		    memcmp(url->text, text.data, text.length) == 0)
			return url;
	}
	return NULL;
}

static struct cache_entry *
find_variant(const struct cache *cache, const struct cache_url *url,
	     struct portico_slice variant)
{
	uint64_t hash = cache_variant_hash(url, variant);
	struct cache_node *node = index_first(&cache->entries_by_key, hash);

	for (; node != NULL; node = same_hash(node->next, hash)) {
		struct cache_entry *entry =
			CONTAINER_OF(node, struct cache_entry, node);

		if (entry->url == url &&
		    slice_equal(slice_make(entry->data, entry->variant_length),
				variant))
			return entry;
	}
	return NULL;
}

struct cache_entry *
cache_find(struct cache *cache, struct cache_url *url,
	   struct portico_slice variant, uint64_t now)
{
	struct cache_entry *entry = find_variant(cache, url, variant);

	if (entry == NULL)
		return NULL;
	if (now >= entry->expires) {
		cache->counters.expired++;
		entry_remove(cache, entry);
		return NULL;
	}
	entry->used = now;
	if (cache->ages.prev != &entry->age_link) {
		list_remove(&entry->age_link);
		list_add_tail(&cache->ages, &entry->age_link);
	}
	return entry;
}

/* ---- filling ----------------------------------------------------------------- */

static void
drop_entries(struct cache *cache, struct cache_url *url)
{
	while (!list_empty(&url->entries))
		entry_remove(cache, LIST_FIRST(struct cache_entry, link,
					       &url->entries));
}

static struct cache_url *
url_new(struct cache *cache, const struct cache_key *key,
	struct portico_slice text, unsigned pool)
{
	size_t bytes = sizeof(struct cache_url) + text.length;
	struct cache_url *url;

	if (!make_room(cache, bytes))
		return NULL;
	url = mem_try_zalloc(bytes);
	if (url == NULL)
		return NULL;
	url->magic = CACHE_URL_MAGIC;
	url->key = *key;
	url->pool = pool;
	url->bytes = bytes;
	url->path_length = (uint32_t)text.length - key->host_length;
	memcpy(url->text, text.data, text.length);
	list_init(&url->link);
	list_init(&url->entries);
	list_init(&url->waiting);
	if (!index_add(&cache->urls_by_key, &url->node, hash_key(key, text))) {
		mem_free(url);
		return NULL;
	}
	if (!index_add(&cache->urls_by_path, &url->path_node,
		       hash_path(key->application, cache_url_path(url)))) {
		index_remove(&cache->urls_by_key, &url->node);
		mem_free(url);
		return NULL;
	}
	cache->bytes += bytes;
	list_add_tail(&cache->bare_urls, &url->link);
	cache->bare_count++;
	return url;
}

/* False: too much, or no room for it. */
static bool
join_vary(struct cache *cache, struct cache_url *url,
	  const struct cache_vary *vary)
{
	struct cache_vary joined = { 0 };

	if (url->vary != NULL)
		joined = *url->vary;
	else if (list_empty(&url->entries))
		joined = *vary;
	if (!cache_vary_join(&joined, vary))
		return false;
	if (url->vary != NULL ? cache_vary_equal(url->vary, &joined) :
				cache_vary_is_plain(&joined))
		return true;
	if (url->vary == NULL) {
		if (!make_room(cache, sizeof(*url->vary)))
			return false;
		url->vary = mem_try_zalloc(sizeof(*url->vary));
		if (url->vary == NULL)
			return false;
		url->bytes += sizeof(*url->vary);
		cache->bytes += sizeof(*url->vary);
	}
	drop_entries(cache, url);
	*url->vary = joined;
	return true;
}

struct cache_url *
cache_get_url(struct cache *cache, const struct cache_key *key,
	      struct portico_slice text, unsigned pool,
	      const struct cache_vary *vary)
{
	struct cache_url *url = cache_find_url(cache, key, text);
	bool joined;

	CHECK(cache, CACHE_MAGIC);
	if (url == NULL)
		url = url_new(cache, key, text, pool);
	if (url == NULL)
		return NULL;
	if (url->pool != pool) {
		drop_entries(cache, url);
		url->pool = pool;
	}
	/* Room is made for it: not at its own cost. */
	url->filling++;
	joined = join_vary(cache, url, vary);
	url->filling--;
	return joined ? url : NULL;
}

static void
fill_entry(struct cache_entry *entry, const struct cache_content *content)
{
	const struct cache_policy *policy = content->policy;
	char *at = entry->data;

	entry->magic = CACHE_ENTRY_MAGIC;
	entry->refs = 1;
	entry->created = entry->used = content->now;
	entry->created_second = content->second;
	entry->expires =
		policy->lifetime == CACHE_UNTIL_FLUSHED ?
			UINT64_MAX :
			content->now + policy->lifetime * CLOCK_NS_PER_S;
	entry->base_age = policy->age;
	entry->worker = content->worker;
	entry->while_worker = policy->while_worker;
	entry->status = content->status;
	entry->has_last_modified = policy->has_last_modified;
	entry->last_modified = policy->last_modified;
	entry->variant_length = (uint32_t)content->variant.length;
	entry->wire_length = (uint32_t)content->wire.length;
	entry->head_length = (uint32_t)content->head.length;
	entry->body_length = (uint32_t)content->body.length;
	entry->etag_length = (uint32_t)policy->etag.length;
	if (entry->etag_length > 0)
		entry->etag_offset =
			(uint32_t)(policy->etag.data - content->wire.data);
	if (content->variant.length > 0)
		memcpy(at, content->variant.data, content->variant.length);
	at += content->variant.length;
	memcpy(at, content->wire.data, content->wire.length);
	at += content->wire.length;
	memcpy(at, content->head.data, content->head.length);
	at += content->head.length;
	if (content->body.length > 0)
		memcpy(at, content->body.data, content->body.length);
}

bool
cache_store(struct cache *cache, struct cache_url *url,
	    const struct cache_content *content)
{
	struct cache_entry *entry = find_variant(cache, url, content->variant);
	size_t bytes = sizeof(*entry) + content->variant.length +
		       content->wire.length + content->head.length +
		       content->body.length;
	bool room;

	CHECK(url, CACHE_URL_MAGIC);
	url->filling++;
	if (entry != NULL)
		entry_remove(cache, entry);
	room = make_room(cache, bytes);
	url->filling--;
	entry = room ? mem_try_zalloc(bytes) : NULL;
	if (entry == NULL)
		return false;
	if (!index_add(&cache->entries_by_key, &entry->node,
		       cache_variant_hash(url, content->variant))) {
		mem_free(entry);
		return false;
	}
	fill_entry(entry, content);
	entry->bytes = bytes;
	cache->bytes += bytes;
	if (list_empty(&url->entries)) {
		list_remove(&url->link);
		list_add_tail(&cache->urls, &url->link);
		cache->bare_count--;
	}
	entry->url = url;
	list_add_tail(&url->entries, &entry->link);
	list_add_tail(&cache->ages, &entry->age_link);
	cache->counters.stored++;
	return true;
}

void
cache_url_release(struct cache *cache, struct cache_url *url, bool forget)
{
	CHECK(url, CACHE_URL_MAGIC);
	if (!list_empty(&url->entries))
		return;
	if (forget)
		url_free(cache, url);
	else
		trim_bare(cache, CACHE_BARE_URLS_MAX);
}

/* ---- ends -------------------------------------------------------------------- */

static bool
covers(const struct cache_flush *flush, struct portico_slice path)
{
	size_t length = flush->path.length;

	if (length == 0)
		return true;
	if (!flush->recursive)
		return slice_equal(path, flush->path);
	if (!slice_starts_with(path, flush->path))
		return false;
	return path.length == length || flush->path.data[length - 1] == '/' ||
	       path.data[length] == '/';
}

static bool
concerns(const struct cache_flush *flush, const struct cache_url *url)
{
	if (flush->application != 0 &&
	    url->key.application != flush->application)
		return false;
	if (flush->pool != CACHE_ANY_POOL && url->pool != flush->pool)
		return false;
	if (flush->key != NULL && (flush->key->port != url->key.port ||
				   flush->key->tls != url->key.tls))
		return false;
	if (flush->host.data != NULL &&
	    !slice_equal(flush->host, cache_url_host(url)))
		return false;
	return covers(flush, cache_url_path(url));
}

static unsigned
flush_url(struct cache *cache, struct cache_url *url)
{
	unsigned count = 0;

	while (!list_empty(&url->entries)) {
		entry_remove(cache, LIST_FIRST(struct cache_entry, link,
					       &url->entries));
		count++;
	}
	return count;
}

/* One path of one application is found at once, whatever else is there. */
static unsigned
flush_path(struct cache *cache, const struct cache_flush *flush)
{
	uint64_t hash = hash_path(flush->application, flush->path);
	struct cache_node *node = index_first(&cache->urls_by_path, hash);
	unsigned count = 0;

	for (; node != NULL; node = same_hash(node->next, hash)) {
		struct cache_url *url =
			CONTAINER_OF(node, struct cache_url, path_node);

		if (concerns(flush, url))
			count += flush_url(cache, url);
	}
	return count;
}

unsigned
cache_flush(struct cache *cache, const struct cache_flush *flush)
{
	unsigned count = 0;

	CHECK(cache, CACHE_MAGIC);
	if (flush->application != 0)
		cache->flushed[flush->application % CACHE_FLUSH_SLOTS]++;
	else
		cache->epoch++;
	cache->counters.flushes++;
	if (flush->application != 0 && !flush->recursive &&
	    flush->path.length > 0) {
		count = flush_path(cache, flush);
	} else {
		LIST_FOREACH_SAFE(struct cache_url, link, url, &cache->urls) {
			if (concerns(flush, url))
				count += flush_url(cache, url);
		}
	}
	cache->counters.flushed += count;
	trim_bare(cache, CACHE_BARE_URLS_MAX);
	return count;
}

void
cache_retain(struct cache *cache, cache_keep_fn *keep, void *arg)
{
	CHECK(cache, CACHE_MAGIC);
	cache->epoch++;
	LIST_FOREACH_SAFE(struct cache_entry, age_link, entry, &cache->ages) {
		if (keep(entry->url, entry, arg))
			continue;
		cache->counters.flushed++;
		entry_remove(cache, entry);
	}
	trim_bare(cache, CACHE_BARE_URLS_MAX);
}

void
cache_drop_worker(struct cache *cache, uint32_t worker, bool all)
{
	CHECK(cache, CACHE_MAGIC);
	LIST_FOREACH_SAFE(struct cache_entry, age_link, entry, &cache->ages) {
		if (entry->worker != worker || (!all && !entry->while_worker))
			continue;
		cache->counters.flushed++;
		entry_remove(cache, entry);
	}
	trim_bare(cache, CACHE_BARE_URLS_MAX);
}

void
cache_sweep(struct cache *cache, uint64_t now)
{
	CHECK(cache, CACHE_MAGIC);
	if (now - cache->swept < CACHE_SWEEP_NS)
		return;
	cache->swept = now;
	while (!list_empty(&cache->ages)) {
		struct cache_entry *entry =
			LIST_FIRST(struct cache_entry, age_link, &cache->ages);

		if (now >= entry->expires)
			cache->counters.expired++;
		else if (now - entry->used >= CACHE_IDLE_NS)
			cache->counters.evicted++;
		else
			break;
		entry_remove(cache, entry);
	}
	trim_bare(cache, CACHE_BARE_URLS_MAX);
}
