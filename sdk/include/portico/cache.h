/* SPDX-License-Identifier: Apache-2.0
 *
 * The response cache of the listener: what a module allows it to keep, and
 * what ends that.
 *
 * A response that was allowed may be sent again by the listener to whoever asks
 * for the same URL, without any worker: no module sees those requests.  So
 * every module that treats requests differently by what the listener cannot
 * know (an address, the hour, a list of its own) must deny it, and a module that
 * denies has the last word, whatever others allow.  A request with a user or an
 * Authorization field is denied by itself.
 *
 * "The same URL" is scheme, host, port, path and query as the client wrote
 * it, and every field that the response's Vary names.  Kept are responses to
 * GET with status 200, 203, 301, 302, 307, 308, 404 or 410 that set no cookie and
 * whose Cache-Control does not forbid it, up to listener.cache.entrySize bytes of
 * body, and never longer than max-age, s-maxage or Expires say.  Requests with a
 * body or with Expect, If-Match or If-Unmodified-Since take no part;
 * If-None-Match, If-Modified-Since, HEAD and one range are answered from what
 * is kept.
 *
 * Threads: as request.h, but for portico_cache_flush.
 */
#ifndef PORTICO_CACHE_H
#define PORTICO_CACHE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* As ttl_ns: until it is flushed.  Since 1.0. */
#define PORTICO_CACHE_UNTIL_FLUSHED UINT64_C(0)

/* How a response is kept, and what is flushed.  Since 1.0. */
enum portico_cache_flag {
	/* allow: no longer than this worker lives, since it watches what the
	 * response was made of, and flushes it when that changes. */
	PORTICO_CACHE_WHILE_WORKER = 1,
	/* flush: the path and all that lies below it; of a path that ends with
	 * a slash, all that begins with it. */
	PORTICO_CACHE_BELOW = 2,
};

struct portico_host_cache {
	uint32_t size;
	enum portico_status (*allow)(struct portico_request *, uint64_t ttl_ns,
				     uint32_t flags);
	enum portico_status (*deny)(struct portico_request *);
	enum portico_status (*vary_field)(struct portico_request *,
					  struct portico_slice name);
	enum portico_status (*vary_query)(struct portico_request *,
					  struct portico_slice names);
	enum portico_status (*add_key)(struct portico_request *,
				       struct portico_slice name,
				       struct portico_slice value);
	enum portico_status (*key)(struct portico_request *,
				   struct portico_slice *key_r);
	enum portico_status (*flush)(struct portico_application *,
				     struct portico_slice path, uint32_t flags);
};

/*
 * The response of this request may be kept for ttl_ns nanoseconds (rounded up
 * to seconds), or PORTICO_CACHE_UNTIL_FLUSHED; when called again, the shorter
 * of both.  `flags`: PORTICO_CACHE_WHILE_WORKER or 0.
 *   PORTICO_DENIED   a module denies it, or the request has a user
 *   PORTICO_STATE    the head has left
 *   PORTICO_INVALID  unknown flags
 * Until it is flushed or with PORTICO_CACHE_WHILE_WORKER, a request that was
 * rewritten is not kept: its response would not be found by the path that is
 * flushed.  Nor is one that is a child of another (child.h).  Since 1.0.
 */
static inline enum portico_status
portico_cache_allow(struct portico_request *request, uint64_t ttl_ns,
		    uint32_t flags)
{
	return portico_host->cache->allow(request, ttl_ns, flags);
}

/*
 * Nobody else may get the response of this request, nor that of the one whose
 * child it is; to be said for every request that is treated so, also for those
 * that are let in.  PORTICO_STATE: too late, the head has left.  Since 1.0.
 */
static inline enum portico_status
portico_cache_deny(struct portico_request *request)
{
	return portico_host->cache->deny(request);
}

/*
 * The response differs by this field of the request: adds it to Vary, unless it
 * is there.  At most 8 names of 64 bytes are kept apart; with more the response
 * is not kept.  Statuses as portico_response_add_field.  Since 1.0.
 */
static inline enum portico_status
portico_cache_vary_field(struct portico_request *request,
			 struct portico_slice name)
{
	return portico_host->cache->vary_field(request, name);
}

/*
 * Of the query only these parameters matter ("page&lang"; empty: none does).
 * Without this the whole query does.  Names are compared as the client wrote
 * them; a parameter whose name is written with '%' or '+' always matters.  When
 * called again, those of both.
 *   PORTICO_TOO_LARGE  more than 256 bytes of names
 *   PORTICO_INVALID    not the text of a header field
 *   PORTICO_STATE      the head has left
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_cache_vary_query(struct portico_request *request,
			 struct portico_slice names)
{
	return portico_host->cache->vary_query(request, names);
}

/*
 * The response differs by a value that only modules know (the user's group,
 * the kind of device): it becomes a part of portico_cache_key, and the listener
 * does not keep the response.  To be called before RESOLVE_CACHE, so that a
 * module that keeps responses in the worker looks for the right one.
 *   PORTICO_INVALID  a name or value with control bytes, or an empty name
 *   PORTICO_TOO_LARGE  the key has more than 8 KiB
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_cache_add_key(struct portico_request *request,
		      struct portico_slice name, struct portico_slice value)
{
	return portico_host->cache->add_key(request, name, value);
}

/*
 * What tells this request from others, for a module that keeps responses in the
 * worker (RESOLVE_CACHE, UPDATE_CACHE): application, scheme, host, path, the
 * query or what matters of it, the fields that Vary names so far, and what
 * modules have added.  Lives until the request ends.  It is a text of several
 * lines; what they look like may change.
 *   PORTICO_TOO_LARGE  more than 8 KiB
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_cache_key(struct portico_request *request, struct portico_slice *key_r)
{
	return portico_host->cache->key(request, key_r);
}

/*
 * What the listener keeps of this application is no longer true: the path
 * (within the application, decoded, "/a/b"; copied) with any query, or all below
 * it too with PORTICO_CACHE_BELOW; at the latest when the loops have turned.
 * Responses that were begun before are not kept either; what this worker has in
 * memory of its own must have changed before this is called.
 *   PORTICO_INVALID  not a path, or unknown flags
 *   PORTICO_STATE    neither the main thread nor that of a request, or the
 *                    worker ends
 *   PORTICO_NO_MEMORY
 * Since 1.0.
 */
static inline enum portico_status
portico_cache_flush(struct portico_application *application,
		    struct portico_slice path, uint32_t flags)
{
	return portico_host->cache->flush(application, path, flags);
}

#ifdef __cplusplus
}
#endif

#endif
