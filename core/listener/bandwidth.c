/* SPDX-License-Identifier: Apache-2.0
 *
 * See bandwidth.h.
 */
#include "core/listener/bandwidth.h"

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/response.h"
#include "core/listener/site.h"

/* How often those that wait are looked at. */
#define BANDWIDTH_TICK_MS 20
/* So many bytes may be sent on credit: those of this time. */
#define BANDWIDTH_CREDIT_NS (100 * CLOCK_NS_PER_MS)

static void
on_tick(uv_timer_t *timer)
{
	struct listener_loop *loop = timer->data;
	struct list waiting, *first;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	list_init(&waiting);
	list_move_all(&waiting, &loop->throttled);
	while ((first = list_take_first(&waiting)) != NULL)
		response_writable(CONTAINER_OF(first, struct listener_request,
					       throttled_link));
	if (list_empty(&loop->throttled))
		uv_timer_stop(timer);
}

void
bandwidth_init(struct listener_loop *loop)
{
	list_init(&loop->throttled);
	uv_timer_init(&loop->uv, &loop->throttle);
	loop->throttle.data = loop;
}

void
bandwidth_fini(struct listener_loop *loop)
{
	uv_close((uv_handle_t *)&loop->throttle, NULL);
}

void
bandwidth_begin(struct listener_request *request)
{
	uint64_t rate = site_of_request(request)->limits->max_bandwidth;
	uint64_t turn = rate / (CLOCK_NS_PER_S / BANDWIDTH_CREDIT_NS);

	if (rate != 0)
		request->output.turn = turn > UINT32_MAX ? UINT32_MAX :
							   (uint32_t)turn;
}

bool
bandwidth_ready(struct listener_request *request)
{
	struct listener_loop *loop = request->loop;
	const struct snapshot_site *site;

	if (request->output.turn == 0)
		return true;
	site = site_of_request(request);
	if (atomic_load_explicit(&site->shared->paid_until,
				 memory_order_relaxed) <=
	    loop_now(loop) + BANDWIDTH_CREDIT_NS)
		return true;
	connection_watch_output(request->connection, false);
	if (!list_linked(&request->throttled_link))
		list_add_tail(&loop->throttled, &request->throttled_link);
	if (!uv_is_active((uv_handle_t *)&loop->throttle))
		uv_timer_start(&loop->throttle, on_tick, BANDWIDTH_TICK_MS,
			       BANDWIDTH_TICK_MS);
	return false;
}

void
bandwidth_charge(struct listener_request *request)
{
	uint64_t bytes = request->output.sent - request->charged;
	uint64_t now = loop_now(request->loop), before, span;
	const struct snapshot_site *site;

	if (request->output.turn == 0 || bytes == 0)
		return;
	request->charged = request->output.sent;
	site = site_of_request(request);
	/* A turn is two MiB at most, so nothing overflows. */
	span = bytes * CLOCK_NS_PER_S / site->limits->max_bandwidth;
	before = atomic_load_explicit(&site->shared->paid_until,
				      memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&site->shared->paid_until, &before,
		(before > now ? before : now) + span, memory_order_relaxed,
		memory_order_relaxed))
		;
}
