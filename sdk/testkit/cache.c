/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules say of keeping their responses: judged by the worker's own
 * functions; flushes are written down.
 */
#include <string.h>

#include <portico/testkit_cache.h>

#include "core/base/clock.h"
#include "core/worker/host_priv.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"
#include "sdk/testkit/kit_priv.h"

struct flushed {
	char *path;
	uint32_t flags;
};

static struct flushed *flushes;
static unsigned flush_count;

/* ---- for modules ------------------------------------------------------------------- */

static enum portico_status
cache_allow(struct portico_request *request, uint64_t ttl_ns, uint32_t flags)
{
	if (!guard_request(request, "portico_cache_allow"))
		return PORTICO_STATE;
	return host_cache_allow(request, ttl_ns, flags);
}

static enum portico_status
cache_deny(struct portico_request *request)
{
	if (!guard_request(request, "portico_cache_deny"))
		return PORTICO_STATE;
	return host_cache_deny(request);
}

/* Whether it may go on; else *status_r. */
static bool
may(struct portico_request *request, const char *name,
    enum portico_status *status_r)
{
	*status_r = PORTICO_STATE;
	return guard_request(request, name) &&
	       !kit_fault(KIT_FAULT_MEMORY, name, PORTICO_NO_MEMORY, status_r);
}

static enum portico_status
cache_vary_field(struct portico_request *request, struct portico_slice name)
{
	enum portico_status status;

	if (!may(request, "portico_cache_vary_field", &status))
		return status;
	return host_cache_vary_field(request, name);
}

static enum portico_status
cache_vary_query(struct portico_request *request, struct portico_slice names)
{
	enum portico_status status;

	if (!may(request, "portico_cache_vary_query", &status))
		return status;
	return host_cache_vary_query(request, names);
}

static enum portico_status
cache_add_key(struct portico_request *request, struct portico_slice name,
	      struct portico_slice value)
{
	enum portico_status status;

	if (!may(request, "portico_cache_add_key", &status))
		return status;
	return host_cache_add_key(request, name, value);
}

static enum portico_status
cache_key(struct portico_request *request, struct portico_slice *key_r)
{
	enum portico_status status;

	if (!may(request, "portico_cache_key", &status))
		return status;
	return host_cache_key(request, key_r);
}

static enum portico_status
cache_flush(struct portico_application *application, struct portico_slice path,
	    uint32_t flags)
{
	enum portico_status failed;
	char *copy;

	(void)application;
	if (path.length == 0 || path.data[0] != '/' ||
	    (flags & ~(uint32_t)PORTICO_CACHE_BELOW) != 0)
		return PORTICO_INVALID;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_cache_flush",
		      PORTICO_NO_MEMORY, &failed))
		return failed;
	copy = mem_zalloc(path.length + 1);
	memcpy(copy, path.data, path.length);
	flushes = mem_realloc(flushes, (flush_count + 1) * sizeof(*flushes));
	flushes[flush_count++] = (struct flushed){ copy, flags };
	return PORTICO_OK;
}

const struct portico_host_cache kit_host_cache = {
	.size = sizeof(struct portico_host_cache),
	.allow = cache_allow,
	.deny = cache_deny,
	.vary_field = cache_vary_field,
	.vary_query = cache_vary_query,
	.add_key = cache_add_key,
	.key = cache_key,
	.flush = cache_flush,
};

/* ---- for tests --------------------------------------------------------------------- */

bool
kit_cache_is_allowed(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started && !request->ended)
		return response_is_cacheable(&request->request);
	return request->cache_allowed;
}

uint64_t
kit_cache_ttl(const struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started && !request->ended)
		return request->request.response.cache_ttl * CLOCK_NS_PER_S;
	return request->cache_ttl;
}

const char *
kit_cache_flushed(const struct kit *kit, unsigned number, uint32_t *flags_r)
{
	(void)kit;
	if (number >= flush_count)
		return NULL;
	if (flags_r != NULL)
		*flags_r = flushes[number].flags;
	return flushes[number].path;
}

void
kit_cache_close(void)
{
	while (flush_count > 0)
		mem_free(flushes[--flush_count].path);
	mem_free(flushes);
	flushes = NULL;
}
