/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that one loop knows: a chained hash table with an order of last
 * use, bounded by number and by bytes of content.  Only what exists is kept,
 * so a client cannot fill it with inventions.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "modules/static/static_priv.h"

struct static_cache {
	const struct static_configuration *configuration; /* borrowed */
	struct static_entry **buckets;
	size_t bucket_mask;
	size_t count;
	uint64_t content_bytes;
	struct static_entry *newest, *oldest;
};

static uint64_t
hash_path(struct portico_slice path)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < path.length; i++)
		hash = (hash ^ (unsigned char)path.data[i]) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

struct static_cache *
static_cache_new(const struct static_configuration *configuration)
{
	struct static_cache *cache = calloc(1, sizeof(*cache));
	size_t buckets = 64;

	if (cache == NULL)
		return NULL;
	while (buckets < (size_t)configuration->cache_entries)
		buckets *= 2;
	cache->configuration = configuration;
	cache->bucket_mask = buckets - 1;
	cache->buckets = calloc(buckets, sizeof(struct static_entry *));
	if (cache->buckets == NULL) {
		free(cache);
		return NULL;
	}
	return cache;
}

void
static_cache_free(struct static_cache **cache_p)
{
	struct static_cache *cache = *cache_p;

	*cache_p = NULL;
	if (cache == NULL)
		return;
	while (cache->oldest != NULL)
		static_cache_remove(cache, cache->oldest);
	free(cache->buckets);
	free(cache);
}

static void
unlink_from_order(struct static_cache *cache, struct static_entry *entry)
{
	if (entry->newer != NULL)
		entry->newer->older = entry->older;
	else
		cache->newest = entry->older;
	if (entry->older != NULL)
		entry->older->newer = entry->newer;
	else
		cache->oldest = entry->newer;
	entry->newer = entry->older = NULL;
}

static void
link_as_newest(struct static_cache *cache, struct static_entry *entry)
{
	entry->older = cache->newest;
	if (cache->newest != NULL)
		cache->newest->newer = entry;
	else
		cache->oldest = entry;
	cache->newest = entry;
}

struct static_entry *
static_cache_find(struct static_cache *cache, struct portico_slice path)
{
	uint64_t hash = hash_path(path);
	struct static_entry *entry = cache->buckets[hash & cache->bucket_mask];

	while (entry != NULL &&
	       (entry->hash != hash || entry->path_length != path.length ||
		memcmp(entry->path, path.data, path.length) != 0))
		entry = entry->next_in_bucket;
	if (entry != NULL && entry != cache->newest) {
		unlink_from_order(cache, entry);
		link_as_newest(cache, entry);
	}
	return entry;
}

void
static_cache_remove(struct static_cache *cache, struct static_entry *entry)
{
	struct static_entry **at =
		&cache->buckets[entry->hash & cache->bucket_mask];

	while (*at != entry) {
		assert(*at != NULL);
		at = &(*at)->next_in_bucket;
	}
	*at = entry->next_in_bucket;
	unlink_from_order(cache, entry);
	cache->count--;
	if (entry->content != NULL)
		cache->content_bytes -= entry->size;
	static_entry_unref(entry);
}

void
static_cache_add(struct static_cache *cache, struct static_entry *entry)
{
	const struct static_configuration *limits = cache->configuration;
	struct portico_slice path = { entry->path, entry->path_length };
	struct static_entry *before = static_cache_find(cache, path);
	struct static_entry **bucket;

	if (before != NULL)
		static_cache_remove(cache, before);
	entry->hash = hash_path(path);
	bucket = &cache->buckets[entry->hash & cache->bucket_mask];
	entry->next_in_bucket = *bucket;
	*bucket = entry;
	link_as_newest(cache, entry);
	cache->count++;
	if (entry->content != NULL)
		cache->content_bytes += entry->size;
	while (cache->oldest != NULL &&
	       (cache->count > (size_t)limits->cache_entries ||
		cache->content_bytes > limits->cache_size))
		static_cache_remove(cache, cache->oldest);
}

struct static_entry *
static_entry_new(struct portico_slice path)
{
	struct static_entry *entry =
		calloc(1, sizeof(*entry) + path.length + 1);

	if (entry == NULL)
		return NULL;
	entry->magic = STATIC_ENTRY_MAGIC;
	entry->references = 1;
	entry->path_length = path.length;
	memcpy(entry->path, path.data, path.length);
	return entry;
}

void
static_entry_ref(struct static_entry *entry)
{
	assert(entry->magic == STATIC_ENTRY_MAGIC);
	entry->references++;
}

void
static_entry_unref(struct static_entry *entry)
{
	assert(entry->magic == STATIC_ENTRY_MAGIC);
	if (--entry->references > 0)
		return;
	if (entry->file != NULL)
		portico_file_unref(entry->file);
	free(entry->content);
	free(entry->content_type);
	entry->magic = 0;
	free(entry);
}
