/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener of channel-stress: plans requests, sends their bodies under
 * the worker's windows, aborts and revokes some, checks every byte.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "t/channel/stress.h"

#define HELD_MAX 48u

struct lease {
	bool active, aborted, responded;
	uint32_t generation;
	uint32_t head; /* block */
	struct stress_plan plan;
	uint32_t body_sent, granted;
	bool body_last;
	uint32_t body_seen; /* of the response */
	uint64_t window; /* of the response: granted and not yet used */
	uint32_t unreported; /* bytes since the last WINDOW */
};

static struct {
	struct channel *channel;
	struct channel_loop *loop;
	struct lease leases[STRESS_SLOTS];
	uint32_t free[STRESS_SLOTS], free_count;
	uint32_t held[HELD_MAX], held_count; /* blocks to release later */
	uint64_t target;
	uint32_t limit; /* of requests at once, changes now and then */
	bool drained, closed;
	struct stress_result *result;
} listener;

static void
put(const struct channel_descriptor *descriptor)
{
	enum portico_status status = channel_send(listener.channel, descriptor);

	if (status != PORTICO_OK)
		stress_fail("listener: cannot send: %d", status);
}

/* Releases come late and out of order. */
static void
release_later(uint32_t block)
{
	uint32_t at;

	if (listener.held_count < HELD_MAX) {
		listener.held[listener.held_count++] = block;
		return;
	}
	at = stress_random(HELD_MAX);
	channel_release(listener.channel, listener.held[at]);
	listener.held[at] = block;
}

static void
release_held(void)
{
	while (listener.held_count > 0)
		channel_release(listener.channel,
				listener.held[--listener.held_count]);
}

static void
lease_end(uint32_t slot)
{
	struct lease *lease = &listener.leases[slot];

	channel_block_returned(listener.channel, lease->head);
	lease->active = false;
	listener.free[listener.free_count++] = slot;
}

static void
plan_make(struct stress_plan *plan)
{
	uint32_t size = stress_random(100);

	memset(plan, 0, sizeof(*plan));
	plan->magic = STRESS_PLAN_MAGIC;
	plan->seed = stress_random(1000000);
	plan->head_bytes = (uint32_t)sizeof(*plan) + stress_random(900);
	plan->end_alone = stress_random(4) == 0;
	if (size < 70) {
		plan->response_bytes = stress_random(2000);
	} else if (size < 94) {
		plan->request_bytes = stress_random(9000);
		plan->response_bytes = stress_random(20000);
	} else if (size < 98) {
		plan->kind = STRESS_FILE;
		plan->file = stress_random(STRESS_FILES);
		plan->file_at = stress_random(STRESS_FILE_BYTES / 2);
		plan->response_bytes = 1 + stress_random(8000);
	} else {
		plan->request_bytes = stress_random(150000);
		plan->response_bytes = stress_random(300000);
	}
}

/* False: no block for its head now. */
static bool
request_send(void)
{
	struct channel_descriptor request = { .type = CHANNEL_REQUEST,
					      .count = 1 };
	uint32_t slot, size, generation;
	struct lease *lease;
	unsigned char *head =
		channel_block_alloc(listener.channel, CHANNEL_BLOCK_4K,
				    &request.refs[0].block, &size);

	if (head == NULL)
		return false;
	slot = listener.free[--listener.free_count];
	lease = &listener.leases[slot];
	generation = lease->generation % 0xffffffu + 1;
	memset(lease, 0, sizeof(*lease));
	lease->generation = generation;
	lease->active = true;
	lease->head = request.refs[0].block;
	lease->window = channel_window(listener.channel);
	plan_make(&lease->plan);
	lease->body_last = lease->plan.request_bytes == 0;
	memcpy(head, &lease->plan, sizeof(lease->plan));
	stress_fill(head + sizeof(lease->plan), lease->plan.seed, 0,
		    lease->plan.head_bytes - (uint32_t)sizeof(lease->plan));
	request.refs[0].length = lease->plan.head_bytes;
	request.slot = slot;
	request.generation = lease->generation;
	if (!lease->body_last)
		request.flags = CHANNEL_FLAG_HAS_BODY;
	channel_claim_offer(listener.channel, slot, lease->generation);
	put(&request);
	listener.result->requests++;
	return true;
}

/* Send as much of the body as window and blocks allow. */
static void
body_send(uint32_t slot)
{
	struct lease *lease = &listener.leases[slot];

	while (lease->active && !lease->body_last && lease->granted > 0) {
		struct channel_descriptor body = {
			.type = CHANNEL_BODY,
			.slot = slot,
			.generation = lease->generation,
		};
		unsigned most = 1 + stress_random(CHANNEL_REFERENCES_MAX);

		while (body.count < most && lease->granted > 0) {
			uint32_t size, n = lease->granted;
			void *memory = channel_block_alloc(
				listener.channel,
				(enum channel_block_class)stress_random(3),
				&body.refs[body.count].block, &size);

			if (memory == NULL)
				break;
			if (n > size)
				n = size;
			n = 1 + stress_random(n);
			stress_fill(memory, lease->plan.seed + 1,
				    lease->body_sent, n);
			body.refs[body.count++].length = n;
			lease->body_sent += n;
			lease->granted -= n;
			listener.result->request_bytes += n;
		}
		if (lease->body_sent == lease->plan.request_bytes) {
			lease->body_last = true;
			body.flags = CHANNEL_FLAG_LAST;
		}
		if (body.count == 0)
			return;
		put(&body);
	}
}

static void
abort_some(uint32_t slot)
{
	struct lease *lease = &listener.leases[slot];
	struct channel_descriptor descriptor = {
		.type = CHANNEL_ABORT,
		.slot = slot,
		.generation = lease->generation,
		.value = CHANNEL_ABORT_CLIENT,
	};

	if (!lease->active || lease->aborted)
		return;
	if (channel_claim_revoke(listener.channel, slot, lease->generation)) {
		listener.result->revoked++;
		lease_end(slot);
		return;
	}
	lease->aborted = true;
	lease->body_last = true;
	listener.result->aborted++;
	put(&descriptor);
}

/* With many requests the rings never run dry; with few, each message is a
 * wake-up. */
static void
limit_change(void)
{
	static const uint32_t limits[] = { 1,		2, 5, 40, STRESS_SLOTS,
					   STRESS_SLOTS };

	if (listener.limit != 0 && stress_random(10000) != 0)
		return;
	listener.limit =
		limits[stress_random(sizeof(limits) / sizeof(limits[0]))];
}

static void
fill_up(void)
{
	struct channel_usage usage;

	channel_get_usage(listener.channel, &usage);
	if (usage.segments > listener.result->segments_most)
		listener.result->segments_most = usage.segments;
	if (usage.overflow > listener.result->overflow_most)
		listener.result->overflow_most = usage.overflow;
	if (usage.sent + usage.received < listener.target) {
		limit_change();
		/* In bursts, so that now and then all is quiet. */
		while (STRESS_SLOTS - listener.free_count < listener.limit &&
		       stress_random(64) != 0)
			if (!request_send())
				break;
		if (listener.free_count == STRESS_SLOTS)
			(void)request_send();
		return;
	}
	if (listener.free_count == STRESS_SLOTS && !listener.drained) {
		struct channel_descriptor drain = { .type = CHANNEL_DRAIN };

		release_held();
		/* Releases before DRAIN: the worker counts when it sees it. */
		channel_flush(listener.channel);
		put(&drain);
		listener.drained = true;
	}
}

static void
on_room(struct channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	for (uint32_t i = 0; i < STRESS_SLOTS; i++)
		body_send(i);
	fill_up();
}

static void
file_check(const struct lease *lease,
	   const struct channel_descriptor *descriptor)
{
	unsigned char bytes[8192];
	struct channel_file *file;
	ssize_t n;

	if (descriptor->extra != lease->plan.file ||
	    descriptor->value != lease->plan.file_at ||
	    descriptor->value2 != lease->plan.response_bytes)
		stress_fail("listener: wrong span of a file");
	file = channel_file_find(listener.channel, descriptor->extra);
	if (file == NULL)
		stress_fail("listener: file %u was not passed",
			    descriptor->extra);
	n = pread(channel_file_fd(file), bytes, (size_t)descriptor->value2,
		  (off_t)descriptor->value);
	if (n != (ssize_t)descriptor->value2 ||
	    !stress_is_right(bytes, lease->plan.file * 1000, descriptor->value,
			     (uint32_t)n))
		stress_fail("listener: wrong bytes in a file");
	listener.result->file_bytes += (uint64_t)n;
	channel_file_unref(&file);
}

static void
window_report(uint32_t slot)
{
	struct lease *lease = &listener.leases[slot];
	struct channel_descriptor window = {
		.type = CHANNEL_WINDOW,
		.slot = slot,
		.generation = lease->generation,
		.value = lease->unreported,
	};

	if (lease->unreported < STRESS_WINDOW / 2)
		return;
	lease->window += lease->unreported;
	lease->unreported = 0;
	put(&window);
}

/* RESPONSE and BODY. */
static void
bytes_check(struct lease *lease, const struct channel_descriptor *descriptor)
{
	uint32_t skip = 0;

	if (descriptor->type == CHANNEL_RESPONSE) {
		if (lease->responded)
			stress_fail("listener: two responses");
		lease->responded = true;
		skip = descriptor->extra;
	}
	for (unsigned i = 0; i < descriptor->count; i++) {
		struct channel_reference reference = descriptor->refs[i];
		const unsigned char *data =
			channel_block_data(listener.channel, reference);
		uint32_t length = reference.length - skip;

		if (data == NULL ||
		    !stress_is_right(data, lease->plan.seed + 2, 0, skip) ||
		    !stress_is_right(data + skip, lease->plan.seed + 3,
				     lease->body_seen, length))
			stress_fail("listener: wrong bytes in a response");
		if (length > lease->window)
			stress_fail("listener: window overrun");
		lease->window -= length;
		lease->unreported += length;
		lease->body_seen += length;
		listener.result->response_bytes += length;
		skip = 0;
		release_later(reference.block);
	}
	if ((descriptor->flags & CHANNEL_FLAG_LAST) == 0)
		window_report(descriptor->slot);
}

static void
lease_finished(uint32_t slot, bool failed)
{
	struct lease *lease = &listener.leases[slot];

	if (failed) {
		if (!lease->aborted)
			stress_fail("listener: failed without a reason");
		listener.result->failed++;
	} else {
		if (lease->plan.kind == STRESS_BLOCKS &&
		    lease->body_seen != lease->plan.response_bytes)
			stress_fail("listener: response of %u bytes, not %u",
				    lease->body_seen,
				    lease->plan.response_bytes);
		listener.result->finished++;
	}
	lease_end(slot);
}

static void
on_descriptor(struct channel *channel,
	      const struct channel_descriptor *descriptor, void *arg)
{
	uint32_t slot = descriptor->slot % STRESS_SLOTS;
	struct lease *lease = &listener.leases[slot];

	(void)channel;
	(void)arg;
	stress_delay();
	if (descriptor->type == CHANNEL_FILE_CLOSE)
		return;
	if (!lease->active || lease->generation != descriptor->generation)
		stress_fail("listener: descriptor of type %u for a request "
			    "that is not there",
			    descriptor->type);
	switch (descriptor->type) {
	case CHANNEL_RESPONSE:
	case CHANNEL_BODY:
		bytes_check(lease, descriptor);
		break;
	case CHANNEL_FILE:
		file_check(lease, descriptor);
		break;
	case CHANNEL_WINDOW:
		if (lease->aborted)
			break;
		lease->granted += (uint32_t)descriptor->value;
		body_send(slot);
		break;
	case CHANNEL_END:
		lease_finished(slot,
			       (descriptor->flags & CHANNEL_FLAG_FAILED) != 0);
		break;
	default:
		stress_fail("listener: descriptor of type %u",
			    descriptor->type);
	}
	if ((descriptor->flags & CHANNEL_FLAG_END) != 0)
		lease_finished(slot, false);
	if (stress_random(100) == 0)
		abort_some(stress_random(STRESS_SLOTS));
	fill_up();
	/* At once after an offer is when a revocation can win. */
	if (stress_random(200) == 0)
		abort_some(stress_random(STRESS_SLOTS));
}

static void
on_closed(struct channel *channel, enum portico_status status,
	  const char *reason, void *arg)
{
	(void)arg;
	(void)channel;
	listener.closed = true;
	if (status != PORTICO_CLOSED) {
		stress_show("listener", listener.channel);
		stress_fail("listener: channel ended: %s", reason);
	}
}

void
stress_listener(struct channel *channel, uint64_t messages,
		struct stress_result *result_r)
{
	static const struct channel_callbacks callbacks = { on_descriptor,
							    on_closed };
	struct stress_watch watch = { 0 };
	struct channel_usage usage;
	uv_loop_t uv;

	memset(result_r, 0, sizeof(*result_r));
	memset(&listener, 0, sizeof(listener));
	listener.channel = channel;
	listener.target = messages;
	listener.result = result_r;
	for (uint32_t i = 0; i < STRESS_SLOTS; i++)
		listener.free[listener.free_count++] = i;
	uv_loop_init(&uv);
	listener.loop = channel_loop_new(&uv);
	channel_on_room(channel, on_room, NULL);
	channel_loop_add(listener.loop, channel, &callbacks, NULL, NULL);
	stress_watch_start(&watch, &uv, "listener", channel);
	while (!listener.closed) {
		fill_up();
		uv_run(&uv, UV_RUN_ONCE);
	}
	uv_close((uv_handle_t *)&watch.timer, NULL);
	channel_loop_free(&listener.loop);
	uv_run(&uv, UV_RUN_DEFAULT);
	uv_loop_close(&uv);
	channel_get_usage(channel, &usage);
	result_r->messages = usage.sent + usage.received;
	result_r->wakeups = usage.wakeups;
	result_r->blocks_left =
		usage.in_use[0] + usage.in_use[1] + usage.in_use[2];
	result_r->blocks_held = usage.held;
	result_r->worker_closed = listener.drained;
}
