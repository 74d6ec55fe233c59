/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache_wait.h.
 */
#include "core/listener/cache_wait.h"

#include "core/base/check.h"
#include "core/listener/cache_answer.h"
#include "core/listener/dispatch.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

bool
cache_wait(struct listener_request *request, struct cache_url *url,
	   uint64_t variant_hash)
{
	struct cache *cache = &request->loop->cache;

	uint64_t now = loop_now(request->loop);

	CHECK(url, CACHE_URL_MAGIC);
	if (url->filling == 0) {
		url->filling = 1;
		url->filling_hash = variant_hash;
		request->cache_leads = url;
		return false;
	}
	if (url->filling_hash != variant_hash || url->impatient ||
	    cache->waiting_count >= CACHE_WAITING_MAX ||
	    (request->cache_wait_until != 0 &&
	     now >= request->cache_wait_until))
		return false;
	request->cache_waits = url;
	/* Once and for all: the next one may fail as well. */
	if (request->cache_wait_until == 0)
		request->cache_wait_until = now + CACHE_WAIT_NS;
	list_add_tail(&url->waiting, &request->cache_link);
	if (request->cache_wait_until < now + CACHE_WAIT_NS)
		list_add_head(&cache->waiting, &request->cache_age_link);
	else
		list_add_tail(&cache->waiting, &request->cache_age_link);
	cache->waiting_count++;
	cache->counters.waited++;
	return true;
}

void
cache_wait_cancel(struct listener_request *request)
{
	list_remove(&request->cache_link);
	list_remove(&request->cache_age_link);
	if (request->cache_waits == NULL)
		return;
	request->cache_waits = NULL;
	request->loop->cache.waiting_count--;
}

/* It goes on at the end of this turn: now the scratch is in use. */
static void
make_ready(struct listener_request *request)
{
	cache_wait_cancel(request);
	list_add_tail(&request->loop->cache.ready, &request->cache_link);
}

void
cache_lead_end(struct listener_request *request, bool forget)
{
	struct cache *cache = &request->loop->cache;
	struct cache_url *url = request->cache_leads;

	if (url == NULL)
		return;
	CHECK(url, CACHE_URL_MAGIC);
	request->cache_leads = NULL;
	ASSERT(url->filling == 1);
	while (!list_empty(&url->waiting))
		make_ready(LIST_FIRST(struct listener_request, cache_link,
				      &url->waiting));
	url->filling = 0;
	url->impatient = false;
	cache_url_release(cache, url, forget);
}

/* As if it had just come. */
static void
go_on(struct listener_request *request)
{
	struct portico_slice path;
	struct http_url url;

	CHECK(request, LISTENER_REQUEST_MAGIC);
	/* It has got another answer meanwhile: the listener ends. */
	if (request->wire_done || request->response_seen)
		return;
	/* It was cooked without a fault before, from the same bytes. */
	if (dispatch_cook(request, &path, &url) != HTTP_REASON_NONE)
		UNREACHABLE();
	if (!cache_answer(request, path, &url))
		dispatch_submit(request, path, &url);
}

void
cache_wait_release(struct listener_loop *loop)
{
	struct list now, *first;

	list_init(&now);
	list_move_all(&now, &loop->cache.ready);
	while ((first = list_take_first(&now)) != NULL)
		go_on(CONTAINER_OF(first, struct listener_request, cache_link));
}

void
cache_wait_tick(struct listener_loop *loop)
{
	struct cache *cache = &loop->cache;

	while (!list_empty(&cache->waiting)) {
		struct listener_request *request =
			LIST_FIRST(struct listener_request, cache_age_link,
				   &cache->waiting);

		if (request->cache_wait_until > loop_now(loop))
			return;
		/* Nor does anybody else until that one has ended. */
		request->cache_waits->impatient = true;
		make_ready(request);
	}
}
