/* SPDX-License-Identifier: Apache-2.0
 *
 * Stress test of core/channel: two sides move millions of descriptors with
 * random sizes, delays, aborts and revocations over a channel that is short of
 * ring and blocks on purpose.  Speaks TAP.
 *
 *   channel-stress [--messages N] [--seed N] [--processes | --threads]
 *
 * First the sides are two processes, as in life; then two threads with one
 * mapping, the same code on the same memory, so that ThreadSanitizer (configure
 * --enable-tsan) sees what one side does to the other.
 *
 * PORTICO_STRESS_MESSAGES sets the default number.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "t/channel/stress.h"

#define MESSAGES_DEFAULT 10000000u
#define MESSAGES_SANITIZED 500000u
/* Threads are there for ThreadSanitizer, and processes for all else: the mode
 * of less use gets this part of the messages. */
#define SHARE 5u
#ifdef PORTICO_TSAN
#define PROCESSES_SHARE SHARE
#define THREADS_SHARE 1u
#else
#define PROCESSES_SHARE 1u
#define THREADS_SHARE SHARE
#endif

static unsigned tests, failures;

static void
ok(bool good, const char *mode, const char *what)
{
	printf("%sok %u - %s: %s\n", good ? "" : "not ", ++tests, mode, what);
	failures += !good;
}

static uint64_t
default_messages(void)
{
	const char *number = getenv("PORTICO_STRESS_MESSAGES");
	const char *sanitized = getenv("PORTICO_SANITIZED");

	if (number != NULL)
		return strtoull(number, NULL, 10);
	if (sanitized != NULL && strcmp(sanitized, "yes") == 0)
		return MESSAGES_SANITIZED;
	return MESSAGES_DEFAULT;
}

static void
close_handles(struct channel_handles *handles)
{
	close(handles->down);
	close(handles->up);
	close(handles->wake_worker);
	close(handles->wake_listener);
	close(handles->socket);
}

static void
report(const struct stress_result *result, double seconds)
{
	printf("# %llu messages in %.1f s, %.0f ns each; %llu wake-ups sent\n",
	       (unsigned long long)result->messages, seconds,
	       seconds * 1e9 / (double)result->messages,
	       (unsigned long long)result->wakeups);
	printf("# %llu requests: %llu finished, %llu revoked, %llu aborted "
	       "(%llu before their end)\n",
	       (unsigned long long)result->requests,
	       (unsigned long long)result->finished,
	       (unsigned long long)result->revoked,
	       (unsigned long long)result->aborted,
	       (unsigned long long)result->failed);
	printf("# bytes compared: %llu MiB of request bodies, %llu MiB of "
	       "responses, %llu MiB of files\n",
	       (unsigned long long)result->request_bytes >> 20,
	       (unsigned long long)result->response_bytes >> 20,
	       (unsigned long long)result->file_bytes >> 20);
	printf("# at most %u segments and %u descriptors in overflow\n",
	       result->segments_most, result->overflow_most);
	fflush(stdout);
}

static struct channel *
make_channel(struct channel_handles *handles_r)
{
	struct channel_options options = {
		.name = "stress",
		.slots = STRESS_SLOTS,
		.window = STRESS_WINDOW,
		.ring_size = STRESS_RING,
		.memory_max = STRESS_MEMORY,
	};
	struct portico_error err = { 0 };
	struct channel *channel;

	if (channel_create(&options, &channel, handles_r, &err) != PORTICO_OK)
		stress_fail("%s", err.message);
	return channel;
}

/* `good`: of the worker, whose mistakes end it. */
static void
judge(const char *mode, const struct stress_result *result, uint64_t messages,
      bool good)
{
	ok(result->messages >= messages, mode, "all messages were moved");
	ok(good, mode, "the worker found every byte right and nothing left");
	ok(result->finished + result->failed + result->revoked ==
		   result->requests,
	   mode, "every request ended once");
	ok(result->worker_closed && result->blocks_left == 0, mode,
	   "all blocks of the listener came back");
	ok(result->blocks_held == 0, mode,
	   "all blocks of the worker were released");
	ok(messages < 100000 ||
		   (result->aborted > 0 && result->revoked > 0 &&
		    result->segments_most > 1 && result->file_bytes > 0),
	   mode, "aborts, revocations, files and growth took part");
}

/* ---- two processes ------------------------------------------------------------ */

static void
run_processes(uint64_t messages, uint64_t seed)
{
	struct channel_handles handles;
	struct channel *channel = make_channel(&handles);
	struct stress_result result;
	uint64_t start = clock_monotonic_ns();
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		stress_fail("cannot fork");
	if (pid == 0) {
		channel_free(&channel);
		stress_worker(&handles, seed);
		_exit(0);
	}
	close_handles(&handles);
	stress_listener(channel, messages, &result);
	waitpid(pid, &status, 0);
	report(&result, (double)(clock_monotonic_ns() - start) / 1e9);
	judge("two processes", &result, messages, status == 0);
	channel_free(&channel);
}

/* ---- two threads -------------------------------------------------------------- */

struct worker_thread {
	struct channel_handles handles;
	uint64_t seed;
	bool good;
};

static void *
run_worker(void *arg)
{
	struct worker_thread *thread = arg;

	stress_worker(&thread->handles, thread->seed);
	/* Otherwise the process has ended. */
	thread->good = true;
	return NULL;
}

static void
run_threads(uint64_t messages, uint64_t seed)
{
	static const char mode[] = "two threads";
	struct worker_thread worker = { .seed = seed };
	struct stress_result result;
	uint64_t start = clock_monotonic_ns();
	struct channel *channel;
	pthread_t thread;

	stress_mapping_share();
	channel = make_channel(&worker.handles);
	if (pthread_create(&thread, NULL, run_worker, &worker) != 0)
		stress_fail("cannot start a thread");
	stress_listener(channel, messages, &result);
	pthread_join(thread, NULL);
	report(&result, (double)(clock_monotonic_ns() - start) / 1e9);
	judge(mode, &result, messages, worker.good);
	ok(stress_mapping_shared() >= 2, mode, "the memory has one address");
	channel_free(&channel);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "messages", required_argument, NULL, 'm' },
		{ "seed", required_argument, NULL, 's' },
		{ "processes", no_argument, NULL, 'p' },
		{ "threads", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t messages = default_messages(), seed = 1;
	bool processes = true, threads = true;
	int option;

	while ((option = getopt_long(argc, argv, "m:s:pt", options, NULL)) !=
	       -1) {
		if (option == 'm')
			messages = strtoull(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else if (option == 'p')
			threads = false;
		else if (option == 't')
			processes = false;
		else
			return 2;
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	stress_pattern_init();
	stress_random_init(seed);
	if (processes)
		run_processes(messages / PROCESSES_SHARE, seed);
	if (threads)
		run_threads(messages / THREADS_SHARE, seed);
	printf("1..%u\n", tests);
	return failures == 0 ? 0 : 1;
}
