/* SPDX-License-Identifier: Apache-2.0
 *
 * Stress test of core/channel: two processes move millions of descriptors
 * with random sizes, delays, aborts and revocations over a channel that is
 * short of ring and blocks on purpose.  Speaks TAP.
 *
 *   channel-stress [--messages N] [--seed N]
 *
 * PORTICO_STRESS_MESSAGES sets the default number.
 */
#include <getopt.h>
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

static unsigned tests, failures;

static void
ok(bool good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++tests, what);
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
}

static int
run(uint64_t messages, uint64_t seed)
{
	struct channel_options options = {
		.name = "stress",
		.slots = STRESS_SLOTS,
		.window = STRESS_WINDOW,
		.ring_size = STRESS_RING,
		.memory_max = STRESS_MEMORY,
	};
	struct channel_handles handles;
	struct channel *channel;
	struct portico_error err = { 0 };
	struct stress_result result;
	uint64_t start = clock_monotonic_ns();
	int status = -1;
	pid_t pid;

	if (channel_create(&options, &channel, &handles, &err) != PORTICO_OK)
		stress_fail("%s", err.message);
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		stress_fail("cannot fork");
	if (pid == 0) {
		channel_free(&channel);
		stress_worker(&handles, seed);
	}
	close_handles(&handles);
	stress_listener(channel, messages, &result);
	waitpid(pid, &status, 0);
	report(&result, (double)(clock_monotonic_ns() - start) / 1e9);
	ok(result.messages >= messages, "all messages were moved");
	ok(status == 0, "the worker found every byte right and nothing left");
	ok(result.finished + result.failed + result.revoked == result.requests,
	   "every request ended once");
	ok(result.worker_closed && result.blocks_left == 0,
	   "all blocks of the listener came back");
	ok(result.blocks_held == 0, "all blocks of the worker were released");
	ok(messages < 100000 ||
		   (result.aborted > 0 && result.revoked > 0 &&
		    result.segments_most > 1 && result.file_bytes > 0),
	   "aborts, revocations, files and growth took part");
	channel_free(&channel);
	printf("1..%u\n", tests);
	return failures == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "messages", required_argument, NULL, 'm' },
		{ "seed", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t messages = default_messages(), seed = 1;
	int option;

	while ((option = getopt_long(argc, argv, "m:s:", options, NULL)) !=
	       -1) {
		if (option == 'm')
			messages = strtoull(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	printf("# seed %llu\n", (unsigned long long)seed);
	stress_pattern_init();
	stress_random_init(seed);
	return run(messages, seed);
}
