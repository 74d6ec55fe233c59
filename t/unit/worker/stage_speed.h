/* SPDX-License-Identifier: Apache-2.0
 *
 * Many tiny requests over a stage, the listener's part left out of the time:
 * for programs that measure, and for the test that counts allocations.
 */
#ifndef T_UNIT_WORKER_STAGE_SPEED_H
#define T_UNIT_WORKER_STAGE_SPEED_H

#define STAGE_SLOTS 64
#include "t/unit/worker/stage.h"

#include "core/base/clock.h"

#define AT_ONCE_MAX 64

static inline enum portico_verdict
speed_hello(struct portico_request *request)
{
	size_t written;

	portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				   PORTICO_SLICE("text/plain"));
	portico_response_set_length(request, 13);
	portico_response_write(request, "Hello, world", 12, &written);
	portico_response_write(request, "\n", 1, &written);
	return PORTICO_DONE;
}

static const struct portico_handler speed_handlers[] = {
	{ .name = "hello", .methods = "GET,HEAD", .function = speed_hello },
	{ 0 }
};
static const struct portico_module speed_module =
	STAGE_MODULE(.name = "hello", .handlers = speed_handlers);

static char speed_head[4096];
static size_t speed_head_length;

/* With the modules that were added before. */
static inline void
speed_start(void)
{
	static struct settings_handler rule = { .path = "*",
						.module = "hello" };

	stage_add_module(&speed_module);
	stage_start_with(&rule, 1, (struct channel_options){ 0 });
	speed_head_length =
		head_make("GET / HTTP/1.1\r\nHost: localhost:8080\r\n"
			  "User-Agent: speed\r\nAccept: */*\r\n\r\n",
			  speed_head, sizeof(speed_head));
}

static inline void
speed_offer(uint32_t slot)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_REQUEST,
		.count = 1,
		.slot = slot,
		.generation = ++stage.generation,
	};
	uint32_t size;
	void *block = channel_block_alloc(stage.listener, CHANNEL_BLOCK_4K,
					  &descriptor.refs[0].block, &size);

	memcpy(block, speed_head, speed_head_length);
	descriptor.refs[0].length = (uint32_t)speed_head_length;
	stage.kept[slot] = descriptor.refs[0].block;
	channel_claim_offer(stage.listener, slot, descriptor.generation);
	channel_send(stage.listener, &descriptor);
}

static inline unsigned
speed_collect(void)
{
	struct channel_descriptor descriptor;
	unsigned count = 0;

	while (channel_receive(stage.listener, &descriptor) == PORTICO_OK) {
		channel_release(stage.listener, descriptor.refs[0].block);
		channel_block_returned(stage.listener,
				       stage.kept[descriptor.slot]);
		count++;
	}
	channel_flush(stage.listener);
	return count;
}

/* `at_once` requests; adds the CPU time of the worker's part. */
static inline unsigned
speed_round(uint32_t at_once, uint64_t *ns)
{
	uint64_t start;

	for (uint32_t slot = 0; slot < at_once; slot++)
		speed_offer(slot);
	channel_flush(stage.listener);
	start = clock_monotonic_ns();
	loop_turn(stage.loop, false);
	loop_turn(stage.loop, false);
	*ns += clock_monotonic_ns() - start;
	return speed_collect();
}

#endif
