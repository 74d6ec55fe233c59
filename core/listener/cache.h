/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the response cache: one for each loop, so that looking
 * something up takes no lock.
 *
 * Two steps.  A URL (application, port, host, path) says what its answers
 * differ by; an entry is one answer, found by its URL and by what the request
 * has of that.  Everything is bounded by bytes; what was not used for the
 * longest time goes first.
 *
 * A URL outlives its entries for a while: it is known then that its answers
 * can be kept, and one request fetches the next one while others wait
 * (cache_fill.h).
 */
#ifndef CORE_LISTENER_CACHE_H
#define CORE_LISTENER_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/list.h"
#include "core/listener/cache_rules.h"

#define CACHE_MAGIC 0xcac4e001u
#define CACHE_URL_MAGIC 0xcac4e002u
#define CACHE_ENTRY_MAGIC 0xcac4e003u

/* A place in one of the table's indexes. */
struct cache_node {
	struct cache_node *next;
	uint64_t hash;
};

struct cache_index {
	struct cache_node **buckets; /* a power of two; NULL: none yet */
	size_t mask, count;
};

/* What all its entries have in common. */
struct cache_key {
	uint32_t application; /* never 0 */
	uint16_t port; /* of the binding */
	uint16_t host_port; /* as the client wrote it; 0: it did not */
	uint8_t tls;
	uint8_t pad[3]; /* 0 */
	uint32_t host_length; /* its bytes come first, in lower case */
};

struct cache_url {
	unsigned magic;
	struct cache_node node; /* by key, host and path */
	struct cache_node path_node; /* by application and path */
	struct list link; /* in cache.urls, or cache.bare_urls without entry */
	struct list entries;
	struct list waiting; /* of listener_request.cache_link */
	uint32_t filling; /* not 0: a request fetches an answer now */
	uint64_t filling_hash; /* of that */
	bool impatient; /* it was waited for long enough */
	unsigned pool; /* the listener's number */
	struct cache_vary *vary; /* NULL: the query alone */
	size_t bytes; /* counted against the cache's */
	struct cache_key key;
	uint32_t path_length;
	char text[]; /* host, path */
};

struct cache_entry {
	unsigned magic;
	unsigned refs; /* the table's, and one for each answer being sent */
	struct cache_node node;
	struct cache_url *url; /* NULL: not in the table any more */
	struct list link; /* in url->entries */
	struct list age_link; /* in cache.ages, the least recently used first */
	uint64_t created; /* ns, monotonic */
	uint64_t expires; /* ns; UINT64_MAX: when it is flushed */
	uint64_t used; /* ns: the last time */
	uint64_t hits;
	uint64_t base_age; /* seconds that it was old when it came */
	uint64_t created_second; /* since 1970 */
	int64_t last_modified;
	uint32_t worker; /* that it came from */
	uint16_t status;
	bool has_last_modified;
	bool while_worker;
	uint32_t variant_length, head_length, body_length, wire_length;
	uint32_t etag_offset, etag_length; /* in wire; length 0: none */
	size_t bytes;
	/*
	 * variant, wire, head, body: what it was found by; the head as it came
	 * (http_response_head); the same as HTTP/1.1, without the empty line;
	 * the body.
	 */
	char data[];
};

struct cache_counters {
	uint64_t hits; /* answered, revalidations among them */
	uint64_t misses; /* might have been, but there was nothing */
	uint64_t revalidated; /* answered with 304 */
	uint64_t stored, refused; /* responses that a module had allowed */
	uint64_t evicted; /* for room, or since they were not used */
	uint64_t expired;
	uint64_t flushed; /* entries */
	uint64_t flushes; /* orders to flush */
	uint64_t waited; /* requests that another one was waited for */
};

/* Flushes are remembered by application, so that what was under way when one
 * came is not kept. */
#define CACHE_FLUSH_SLOTS 64

struct cache {
	unsigned magic;
	struct cache_index urls_by_key, urls_by_path, entries_by_key;
	struct list urls; /* with entries, in no order */
	struct list bare_urls; /* without, oldest first */
	uint32_t bare_count;
	struct list ages;
	uint64_t bytes, limit; /* limit 0: nothing is kept */
	uint32_t entry_limit; /* bytes of a body */
	uint64_t epoch; /* counts flushes of everything */
	uint32_t flushed[CACHE_FLUSH_SLOTS];
	uint64_t swept; /* ns */
	struct list waiting; /* of listener_request.cache_age_link, by age */
	struct list ready; /* of .cache_link: those that wait no more */
	uint32_t waiting_count;
	struct cache_counters counters;
};

void cache_init(struct cache *cache);
void cache_fini(struct cache *cache);

/* Bytes of all, and of one body.  What is too much goes at once. */
void cache_set_limits(struct cache *cache, uint64_t bytes, uint32_t entry);

static inline bool
cache_is_empty(const struct cache *cache)
{
	return cache->urls_by_key.count == 0;
}

/* ---- looking up ------------------------------------------------------------- */

/* The URL of the key, whose `text` is host and path; NULL: not known. */
struct cache_url *cache_find_url(const struct cache *cache,
				 const struct cache_key *key,
				 struct portico_slice text);

/* The entry, if it is not over; it is the most recently used one then. */
struct cache_entry *cache_find(struct cache *cache, struct cache_url *url,
			       struct portico_slice variant, uint64_t now);

/* Tells answers of the URL apart, but for collisions. */
uint64_t cache_variant_hash(const struct cache_url *url,
			    struct portico_slice variant);

/* ---- filling ---------------------------------------------------------------- */

/* What is to be kept, all borrowed. */
struct cache_content {
	const struct cache_policy *policy;
	struct portico_slice variant, wire, head, body;
	uint16_t status;
	uint32_t worker;
	uint64_t now; /* ns, monotonic */
	uint64_t second; /* since 1970 */
};

/*
 * The URL, made if it is new, with `vary` joined to what it has.  When that is
 * more than before, its entries go: they were found by less.  NULL: it varies by
 * too much, or there is no room.
 */
struct cache_url *cache_get_url(struct cache *cache,
				const struct cache_key *key,
				struct portico_slice text, unsigned pool,
				const struct cache_vary *vary);

/* In the place of another one of the same variant.  False: no room. */
bool cache_store(struct cache *cache, struct cache_url *url,
		 const struct cache_content *content);

/* ---- references ------------------------------------------------------------- */

static inline void
cache_entry_ref(struct cache_entry *entry)
{
	entry->refs++;
}

/* Frees what nobody has. */
void cache_entry_unref(struct cache_entry *entry);

static inline struct portico_slice
cache_entry_wire(const struct cache_entry *entry)
{
	return (struct portico_slice){ entry->data + entry->variant_length,
				       entry->wire_length };
}

static inline struct portico_slice
cache_entry_head(const struct cache_entry *entry)
{
	return (struct portico_slice){ entry->data + entry->variant_length +
					       entry->wire_length,
				       entry->head_length };
}

static inline struct portico_slice
cache_entry_body(const struct cache_entry *entry)
{
	return (struct portico_slice){ entry->data + entry->variant_length +
					       entry->wire_length +
					       entry->head_length,
				       entry->body_length };
}

static inline struct portico_slice
cache_url_host(const struct cache_url *url)
{
	return (struct portico_slice){ url->text, url->key.host_length };
}

static inline struct portico_slice
cache_url_path(const struct cache_url *url)
{
	return (struct portico_slice){ url->text + url->key.host_length,
				       url->path_length };
}

/* ---- ends ------------------------------------------------------------------- */

#define CACHE_ANY_POOL UINT32_MAX

/* What to flush; zero or empty: whatever it is. */
struct cache_flush {
	uint32_t application;
	unsigned pool; /* CACHE_ANY_POOL */
	const struct cache_key *key; /* port, tls and, if `host`, it */
	struct portico_slice host; /* lower case; data NULL: any */
	struct portico_slice path;
	bool recursive; /* and what lies below the path; or, if that ends with a
			   slash, begins with it */
};

/* Returns the number of entries; what is under way is not kept either. */
unsigned cache_flush(struct cache *cache, const struct cache_flush *flush);

/* Of those that came from this worker, what was to be kept no longer than that
 * lives; or all of them. */
void cache_drop_worker(struct cache *cache, uint32_t worker, bool all);

/* Drops the entries for which `keep` is false; what is under way is not kept. */
typedef bool cache_keep_fn(const struct cache_url *url,
			   const struct cache_entry *entry, void *arg);
void cache_retain(struct cache *cache, cache_keep_fn *keep, void *arg);

/* Now and then: what is over or was not used for long. */
void cache_sweep(struct cache *cache, uint64_t now);

/* Changes with every flush that concerns the application. */
static inline uint64_t
cache_epoch(const struct cache *cache, uint32_t application)
{
	return cache->epoch + cache->flushed[application % CACHE_FLUSH_SLOTS];
}

/* No request waits for it or fetches for it any more.  `forget`: it is not known
 * any more, unless there are entries. */
void cache_url_release(struct cache *cache, struct cache_url *url, bool forget);

#endif
