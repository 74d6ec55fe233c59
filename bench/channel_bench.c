/* SPDX-License-Identifier: Apache-2.0
 *
 * What the channel costs: nanoseconds per round trip (a REQUEST with a head
 * there, a RESPONSE with flags LAST and END back), with everything that a real
 * one does to the channel: blocks, claim word, release.
 *
 *   memory    both ends in one thread, nobody sleeps: the bare data structure
 *   processes two processes, both on core 0, each on its own libuv loop and
 *             asleep whenever there is nothing to do
 *
 * Each for batches of 1 and 64: as many requests as one loop turn sends.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/channel/channel_loop.h"

#define BATCH_MAX 64u
#define HEAD_BYTES 400u
#define ANSWER_BYTES 200u

struct ends {
	struct channel *listener;
	struct channel_handles handles;
	uint32_t heads[BATCH_MAX];
	uint32_t generation;
};

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "channel_bench: %s failed\n", what);
	exit(1);
}

static void
open_listener(struct ends *ends)
{
	struct channel_options options = { .name = "bench",
					   .slots = BATCH_MAX };
	struct portico_error err = { 0 };

	memset(ends, 0, sizeof(*ends));
	must(channel_create(&options, &ends->listener, &ends->handles, &err) ==
		     PORTICO_OK,
	     err.message);
}

static void
send_request(struct ends *ends, uint32_t slot)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_REQUEST,
		.count = 1,
		.slot = slot,
		.generation = ends->generation,
	};
	uint32_t size;
	void *memory = channel_block_alloc(ends->listener, CHANNEL_BLOCK_4K,
					   &descriptor.refs[0].block, &size);

	must(memory != NULL, "channel_block_alloc");
	memset(memory, 'h', HEAD_BYTES);
	descriptor.refs[0].length = HEAD_BYTES;
	ends->heads[slot] = descriptor.refs[0].block;
	channel_claim_offer(ends->listener, slot, ends->generation);
	must(channel_send(ends->listener, &descriptor) == PORTICO_OK, "send");
}

static void
send_batch(struct ends *ends, unsigned batch)
{
	ends->generation = ends->generation % 0xffffffu + 1;
	for (uint32_t slot = 0; slot < batch; slot++)
		send_request(ends, slot);
}

static void
serve(struct channel *worker, const struct channel_descriptor *request)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_RESPONSE,
		.flags = CHANNEL_FLAG_LAST | CHANNEL_FLAG_END,
		.count = 1,
		.slot = request->slot,
		.generation = request->generation,
		.extra = ANSWER_BYTES / 2,
	};
	const char *head;
	uint32_t size;
	void *memory;

	must(channel_claim_take(worker, request->slot, request->generation),
	     "channel_claim_take");
	must(channel_claim_start(worker, request->slot, request->generation),
	     "channel_claim_start");
	head = channel_block_data(worker, request->refs[0]);
	memory = channel_block_alloc(worker, CHANNEL_BLOCK_4K,
				     &descriptor.refs[0].block, &size);
	must(head != NULL && memory != NULL, "channel_block_alloc");
	memcpy(memory, head, ANSWER_BYTES);
	descriptor.refs[0].length = ANSWER_BYTES;
	must(channel_send(worker, &descriptor) == PORTICO_OK, "send");
}

static void
take_answer(struct ends *ends, const struct channel_descriptor *answer)
{
	const char *data = channel_block_data(ends->listener, answer->refs[0]);

	must(data != NULL && data[ANSWER_BYTES - 1] == 'h', "answer");
	channel_release(ends->listener, answer->refs[0].block);
	channel_block_returned(ends->listener, ends->heads[answer->slot]);
}

/* ---- one thread ---------------------------------------------------------------- */

static void
bench_memory(unsigned batch, unsigned turns)
{
	struct channel_descriptor descriptor;
	struct channel *worker;
	struct ends ends;
	uint64_t start;

	open_listener(&ends);
	must(channel_attach(&ends.handles, &worker, NULL) == PORTICO_OK,
	     "channel_attach");
	start = clock_monotonic_ns();
	for (unsigned turn = 0; turn < turns; turn++) {
		send_batch(&ends, batch);
		channel_flush(ends.listener);
		while (channel_receive(worker, &descriptor) == PORTICO_OK)
			serve(worker, &descriptor);
		channel_flush(worker);
		while (channel_receive(ends.listener, &descriptor) ==
		       PORTICO_OK)
			take_answer(&ends, &descriptor);
	}
	printf("memory     batch %2u: %7.1f ns per round trip\n", batch,
	       (double)(clock_monotonic_ns() - start) /
		       ((double)turns * batch));
	channel_free(&ends.listener);
	channel_free(&worker);
}

/* ---- two processes --------------------------------------------------------------- */

static struct {
	struct ends ends;
	unsigned batch, answers;
	uint64_t left;
	bool closed;
} bench;

static void
on_request(struct channel *channel, const struct channel_descriptor *descriptor,
	   void *arg)
{
	(void)arg;
	serve(channel, descriptor);
}

static void
on_answer(struct channel *channel, const struct channel_descriptor *descriptor,
	  void *arg)
{
	(void)channel;
	(void)arg;
	take_answer(&bench.ends, descriptor);
	if (++bench.answers < bench.batch)
		return;
	bench.answers = 0;
	if (bench.left-- > 0)
		send_batch(&bench.ends, bench.batch);
	else
		bench.closed = true;
}

static void
on_closed(struct channel *channel, enum portico_status status,
	  const char *reason, void *arg)
{
	(void)channel;
	(void)arg;
	must(status == PORTICO_CLOSED, reason);
	bench.closed = true;
}

static void
pin_to_core_0(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void
run_loop(struct channel *channel, const struct channel_callbacks *callbacks)
{
	struct channel_loop *loop;
	uv_loop_t uv;

	uv_loop_init(&uv);
	loop = channel_loop_new(&uv);
	must(channel_loop_add(loop, channel, callbacks, NULL, NULL) ==
		     PORTICO_OK,
	     "channel_loop_add");
	while (!bench.closed)
		uv_run(&uv, UV_RUN_ONCE);
	channel_loop_free(&loop);
	uv_run(&uv, UV_RUN_DEFAULT);
	uv_loop_close(&uv);
}

static double
cpu_seconds(int who)
{
	struct rusage usage;

	getrusage(who, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
bench_processes(unsigned batch, unsigned turns)
{
	static const struct channel_callbacks listening = { on_answer,
							    on_closed };
	static const struct channel_callbacks working = { on_request,
							  on_closed };
	double cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN);
	struct channel_usage usage;
	struct channel *worker;
	uint64_t start;
	pid_t pid;

	memset(&bench, 0, sizeof(bench));
	open_listener(&bench.ends);
	bench.batch = batch;
	bench.left = turns;
	pid = fork();
	must(pid >= 0, "fork");
	pin_to_core_0();
	if (pid == 0) {
		channel_free(&bench.ends.listener);
		must(channel_attach(&bench.ends.handles, &worker, NULL) ==
			     PORTICO_OK,
		     "channel_attach");
		run_loop(worker, &working);
		_exit(0);
	}
	close(bench.ends.handles.socket);
	close(bench.ends.handles.wake_listener);
	send_batch(&bench.ends, batch);
	start = clock_monotonic_ns();
	run_loop(bench.ends.listener, &listening);
	start = clock_monotonic_ns() - start;
	channel_get_usage(bench.ends.listener, &usage);
	channel_free(&bench.ends.listener);
	waitpid(pid, NULL, 0);
	cpu = cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN) - cpu;
	printf("processes  batch %2u: %7.1f ns per round trip, CPU %7.1f ns, "
	       "%.3f wake-ups\n",
	       batch, (double)start / ((double)turns * batch),
	       cpu * 1e9 / ((double)turns * batch),
	       (double)usage.wakeups / ((double)turns * batch));
}

int
main(int argc, char **argv)
{
	unsigned turns = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) :
				    200000;

	bench_memory(1, turns * 10);
	bench_memory(64, turns);
	bench_processes(1, turns);
	bench_processes(64, turns / 4);
	return 0;
}
