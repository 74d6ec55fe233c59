/* SPDX-License-Identifier: Apache-2.0
 *
 * Old workers and idle pools.
 */
#include "core/activation/age.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/module_files.h"
#include "core/activation/pool.h"
#include "core/activation/recycle.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/control/messages.h"

/* Where there is a limit of requests it is asked for them so often. */
#define REQUESTS_LOOK_NS 1000000000ull
#define REQUESTS_LOOK_LEAST_NS 50000000ull

/* ---- time ---------------------------------------------------------------- */

/* Up to a twentieth less or more. */
static uint64_t
jittered(uint64_t ns, uint32_t random)
{
	uint64_t part = ns / 20;

	return ns - part +
	       (uint64_t)((double)random / UINT32_MAX * 2 * (double)part);
}

/* ---- memory -------------------------------------------------------------- */

/* Bytes of a row "Name:   12 kB"; 0 if there is none. */
static uint64_t
row(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t kib = 0;

	if (at == NULL || sscanf(at + strlen(name), " %" SCNu64, &kib) != 1)
		return 0;
	return kib * 1024;
}

struct use {
	uint64_t space, own; /* bytes */
};

/* The kernel has these numbers ready: nobody is waited for. */
static bool
read_use(int pid, struct use *use_r)
{
	char path[64], text[4096];
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false; /* it has just ended */
	length = read(fd, text, sizeof text - 1);
	io_close(&fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	use_r->space = row(text, "\nVmSize:");
	use_r->own = row(text, "\nRssAnon:") + row(text, "\nVmSwap:");
	return true;
}

static void
say_cleanup(struct worker_process *worker, const struct use *use)
{
	uint64_t limit = worker->pool->settings->recycling.private_memory;

	if (limit == 0 || use->own < limit / 10 * 8)
		worker->age.told_cleanup = false;
	if (limit == 0 || use->own < limit / 10 * 9 || worker->age.told_cleanup)
		return;
	worker->age.told_cleanup = true;
	worker_process_tell(worker, "cleanup", "privateMemory", 0);
}

static void
look_at_memory(struct worker_process *worker)
{
	const struct settings_recycling *settings =
		&worker->pool->settings->recycling;
	struct use use;
	char why[128];

	if ((settings->memory == 0 && settings->private_memory == 0) ||
	    !read_use((int)process_pid(worker->process), &use))
		return;
	if (settings->memory != 0 && use.space > settings->memory) {
		snprintf(why, sizeof why,
			 "memory: %" PRIu64 " KiB of address space, limit "
			 "%" PRIu64 " KiB",
			 use.space / 1024, settings->memory / 1024);
		recycle_worker(worker, RECYCLE_MEMORY, why);
	} else if (settings->private_memory != 0 &&
		   use.own > settings->private_memory) {
		snprintf(why, sizeof why,
			 "privateMemory: %" PRIu64 " KiB, limit %" PRIu64
			 " KiB",
			 use.own / 1024, settings->private_memory / 1024);
		recycle_worker(worker, RECYCLE_PRIVATE_MEMORY, why);
	} else {
		say_cleanup(worker, &use);
	}
}

/* ---- nothing to do ------------------------------------------------------- */

/* All are without requests since then; 0: not all of them. */
static uint64_t
idle_since(const struct pool *pool)
{
	uint64_t since = 0;

	LIST_FOREACH(struct worker_process, link, worker, &pool->workers) {
		if (worker->state >= WORKER_PROCESS_DRAINING)
			continue;
		if (worker->state != WORKER_PROCESS_ATTACHED ||
		    worker->age.idle_ns == 0)
			return 0;
		if (worker->age.idle_ns > since)
			since = worker->age.idle_ns;
	}
	return since;
}

static void
look_at_idleness(struct pool *pool, uint64_t now)
{
	const struct settings_pool *settings = pool->settings;
	uint64_t since = idle_since(pool);
	char text[CONFIG_UNIT_TEXT_SIZE], why[128];

	if (settings->idle_timeout == 0 || since == 0 || pool->demand ||
	    pool->recycling.all ||
	    settings->start_mode == SETTINGS_START_ALWAYS_RUNNING ||
	    now - since < settings->idle_timeout)
		return;
	snprintf(why, sizeof why, "idle for %s",
		 config_format_duration(settings->idle_timeout, text,
					sizeof text));
	pool_sleep(pool, why);
}

/* -------------------------------------------------------------------------- */

void
age_begin(struct worker_process *worker)
{
	worker->age = (struct age){ .born_ns = clock_monotonic_ns() };
	/* Its low bits: no two workers are attached in the same one. */
	worker->age.jitter = (uint32_t)(worker->age.born_ns * 2654435761u) ^
			     worker->id;
}

/* At the pace of late. */
static void
foresee(struct age *age, uint64_t limit, uint32_t served, uint64_t now)
{
	uint32_t more = served - age->served;

	age->full_ns = 0;
	if (limit > served && more > 0 && age->heard_ns != 0)
		age->full_ns =
			now + (uint64_t)((double)(now - age->heard_ns) *
					 (double)(limit - served) / more);
	age->heard_ns = now;
}

void
age_on_pong(struct worker_process *worker, const struct control_pong *message)
{
	struct age *age = &worker->age;
	uint64_t limit = worker->pool->settings->recycling.requests;
	char why[128];

	foresee(age, limit, message->served, clock_monotonic_ns());
	if (message->active > 0 || message->served != age->served)
		age->idle_ns = 0;
	else if (age->idle_ns == 0)
		age->idle_ns = clock_monotonic_ns();
	age->served = message->served;
	if (limit == 0 || age->served < limit)
		return;
	snprintf(why, sizeof why,
		 "requests: %" PRIu32 " served, limit %" PRIu64, age->served,
		 limit);
	recycle_worker(worker, RECYCLE_REQUESTS, why);
}

uint64_t
age_due(const struct worker_process *worker, uint64_t now, uint64_t most)
{
	uint64_t limit = jittered(worker->pool->settings->recycling.time,
				  worker->age.jitter);
	uint64_t lived = now - worker->age.born_ns;

	/* One that stays in spite of it is looked at as any other. */
	return limit > lived && limit - lived < most ? limit - lived : most;
}

/* A worker can serve very many requests between two pings. */
static uint64_t
until_full(const struct age *age, uint64_t now, uint64_t most)
{
	uint64_t left = age->full_ns > now ? age->full_ns - now : 0;

	if (age->full_ns == 0 || left > REQUESTS_LOOK_NS)
		left = REQUESTS_LOOK_NS;
	else if (left < REQUESTS_LOOK_LEAST_NS)
		left = REQUESTS_LOOK_LEAST_NS;
	return left < most ? left : most;
}

uint64_t
age_next(const struct worker_process *worker, uint64_t now, uint64_t most)
{
	uint64_t due = age_due(worker, now, most);

	if (worker->pool->settings->recycling.requests == 0 ||
	    worker->marked != RECYCLE_NONE)
		return due;
	return until_full(&worker->age, now, due);
}

void
age_look(struct worker_process *worker, uint64_t now)
{
	uint64_t limit = jittered(worker->pool->settings->recycling.time,
				  worker->age.jitter);
	uint64_t lived = now - worker->age.born_ns;
	char why[64];

	look_at_memory(worker);
	if (limit != 0 && lived >= limit) {
		snprintf(why, sizeof why, "time: it has run for %.1f s",
			 (double)lived / 1e9);
		recycle_worker(worker, RECYCLE_TIME, why);
	}
	module_files_look(worker->pool, now, false);
	look_at_idleness(worker->pool, now);
}
