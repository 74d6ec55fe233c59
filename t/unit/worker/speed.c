/* SPDX-License-Identifier: Apache-2.0
 *
 * Not a test: CPU time of the worker per tiny request, the listener's part
 * left out.  Run by hand: t/unit/worker/speed [requests at once]
 */
#define STAGE_SLOTS 64
#include "t/unit/worker/stage.h"

#include "core/base/clock.h"

static enum portico_verdict
hello(struct portico_request *request)
{
	size_t written;

	portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				   PORTICO_SLICE("text/plain"));
	portico_response_set_length(request, 13);
	portico_response_write(request, "Hello, world", 12, &written);
	portico_response_write(request, "\n", 1, &written);
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = {
	{ .name = "hello", .methods = "GET,HEAD", .function = hello },
	{ 0 }
};
static const struct portico_module module =
	STAGE_MODULE(.name = "hello", .handlers = handlers);

#define AT_ONCE_MAX 64
#define ROUNDS 50000

static void
offer(uint32_t slot, const void *head, size_t length)
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

	memcpy(block, head, length);
	descriptor.refs[0].length = (uint32_t)length;
	stage.kept[slot] = descriptor.refs[0].block;
	channel_claim_offer(stage.listener, slot, descriptor.generation);
	channel_send(stage.listener, &descriptor);
}

static unsigned
collect(void)
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

int
main(int argc, char **argv)
{
	static char head[4096];
	struct settings_handler rule = { .path = "*", .module = "hello" };
	uint32_t at_once = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) :
				      AT_ONCE_MAX;
	uint64_t spent = 0, done = 0, start;
	size_t length;

	if (at_once < 1 || at_once > AT_ONCE_MAX)
		return 2;

	stage_begin();
	stage_add_module(&module);
	stage_start_with(&rule, 1, (struct channel_options){ 0 });
	length = head_make("GET / HTTP/1.1\r\nHost: localhost:8080\r\n"
			   "User-Agent: speed\r\nAccept: */*\r\n\r\n",
			   head, sizeof(head));
	for (unsigned i = 0; i < ROUNDS; i++) {
		for (uint32_t slot = 0; slot < at_once; slot++)
			offer(slot, head, length);
		channel_flush(stage.listener);
		start = clock_monotonic_ns();
		loop_turn(stage.loop, false);
		loop_turn(stage.loop, false);
		spent += clock_monotonic_ns() - start;
		done += collect();
	}
	printf("%u at once: %.3f us per request (%llu requests)\n", at_once,
	       (double)spent / 1000 / (double)done, (unsigned long long)done);
	stage_end();
	return 0;
}
