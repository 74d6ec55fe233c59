/* SPDX-License-Identifier: Apache-2.0
 *
 * See pressure.h.
 */
#include "core/listener/pressure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"

static void
tell_begin(struct listener *listener, enum pressure_kind kind)
{
	char text[160];
	bool descriptors =
		atomic_load(&listener->pressures.kinds[kind].os_error) ==
		EMFILE;

	(void)pressure_text(listener, kind, text, sizeof(text));
	switch (kind) {
	case PRESSURE_ACCEPT:
		log_warn(2002, NULL,
			 "accepting pauses: %s; clients wait in the backlog%s",
			 text,
			 descriptors ? ". Raise LimitNOFILE of the service, or "
				       "ulimit -n" :
				       "");
		break;
	case PRESSURE_CONNECTIONS:
		log_warn(2030, NULL, "%s: new connections are closed at once",
			 text);
		break;
	case PRESSURE_MEMORY:
		log_warn(2035, NULL,
			 "%s: requests wait, or are answered slowly", text);
		break;
	case PRESSURE_KINDS:
		break;
	}
}

static void
tell_end(struct listener *listener, enum pressure_kind kind)
{
	const struct pressure *pressure = &listener->pressures.kinds[kind];
	double seconds =
		(double)(atomic_load(&pressure->last) - pressure->began) /
		(double)CLOCK_NS_PER_S;
	unsigned long long times =
		(unsigned long long)(atomic_load(&pressure->count) -
				     pressure->count_before);

	switch (kind) {
	case PRESSURE_ACCEPT:
		log_warn(2031, NULL,
			 "accepting goes on after %.1f s (it was tried %llu "
			 "time%s)",
			 seconds, times, times == 1 ? "" : "s");
		break;
	case PRESSURE_CONNECTIONS:
		log_warn(2032, NULL,
			 "there is room for connections again: %llu %s closed "
			 "within %.1f s",
			 times, times == 1 ? "was" : "were", seconds);
		break;
	case PRESSURE_MEMORY:
		log_warn(2036, NULL,
			 "there is memory to share with workers again after "
			 "%.1f s",
			 seconds);
		break;
	case PRESSURE_KINDS:
		break;
	}
}

static bool
end_if_over(struct listener *listener, enum pressure_kind kind, uint64_t now)
{
	struct pressure *pressure = &listener->pressures.kinds[kind];

	if (now - atomic_load(&pressure->last) < pressure->quiet)
		return false;
	tell_end(listener, kind);
	pressure->ended = now;
	pressure->began = 0;
	/* Whoever notes from now on begins another. */
	atomic_store(&pressure->on, false);
	return true;
}

static void
on_timer(uv_timer_t *timer)
{
	struct listener *listener = timer->data;
	uint64_t now = clock_monotonic_ns();
	bool more = false;

	CHECK(listener, LISTENER_MAGIC);
	for (unsigned i = 0; i < PRESSURE_KINDS; i++) {
		if (listener->pressures.kinds[i].began != 0 &&
		    !end_if_over(listener, (enum pressure_kind)i, now))
			more = true;
	}
	if (!more)
		uv_timer_stop(timer);
}

struct begin_task {
	struct task task;
	enum pressure_kind kind;
};

/* Memory is tried again at trims only. */
static uint64_t
first_quiet(enum pressure_kind kind)
{
	return kind == PRESSURE_MEMORY ?
		       2 * TRIM_TICKS * TICK_MS * CLOCK_NS_PER_MS :
		       PRESSURE_QUIET_NS;
}

static void
run_begin(struct task *base, void *owner)
{
	struct begin_task *task = (struct begin_task *)base;
	struct listener *listener = owner;
	struct pressure *pressure = &listener->pressures.kinds[task->kind];
	uint64_t now = clock_monotonic_ns();

	if (pressure->ended == 0 || now - pressure->ended > PRESSURE_FORGET_NS)
		pressure->quiet = first_quiet(task->kind);
	else if (pressure->quiet < PRESSURE_QUIET_MAX_NS)
		pressure->quiet *= 2;
	pressure->began = now;
	tell_begin(listener, task->kind);
	uv_timer_start(&listener->pressures.timer, on_timer, PRESSURE_CHECK_MS,
		       PRESSURE_CHECK_MS);
	mem_free(task);
}

void
pressure_init(struct listener *listener)
{
	uv_timer_init(listener->uv, &listener->pressures.timer);
	listener->pressures.timer.data = listener;
}

void
pressure_note(struct listener *listener, enum pressure_kind kind, int os_error)
{
	struct pressure *pressure = &listener->pressures.kinds[kind];
	struct begin_task *task;
	bool on = false;

	atomic_store(&pressure->os_error, os_error);
	atomic_store(&pressure->last, clock_monotonic_ns());
	atomic_fetch_add(&pressure->count, 1);
	if (!atomic_compare_exchange_strong(&pressure->on, &on, true))
		return;
	/* The main thread learns of it, with the count as it was before. */
	pressure->count_before = atomic_load(&pressure->count) - 1;
	task = mem_zalloc(sizeof(*task));
	task->kind = kind;
	listener_post(listener, &task->task, run_begin);
}

uint64_t
pressure_reserve(uint64_t limit)
{
	return limit / 4 < DESCRIPTOR_RESERVE_MAX ? limit / 4 :
						    DESCRIPTOR_RESERVE_MAX;
}

const char *
pressure_text(struct listener *listener, enum pressure_kind kind, char *text,
	      size_t size)
{
	struct pressure *pressure = &listener->pressures.kinds[kind];
	int os_error = atomic_load(&pressure->os_error);
	unsigned long long limit = (unsigned long long)io_descriptor_limit();

	if (!atomic_load(&pressure->on))
		return NULL;
	if (kind == PRESSURE_CONNECTIONS)
		snprintf(text, size, "maxConnections (%u) are open",
			 atomic_load(&listener->connections_max));
	else if (kind == PRESSURE_MEMORY)
		snprintf(text, size, "no memory to share with workers");
	else if (os_error == EMFILE)
		snprintf(text, size,
			 "no descriptors (limit %llu, of which %llu are kept "
			 "for workers, files and logs)",
			 limit, (unsigned long long)pressure_reserve(limit));
	else if (os_error == ENOSPC)
		snprintf(text, size,
			 "no more connections can be watched "
			 "(fs.epoll.max_user_watches)");
	else if (os_error == ENFILE)
		snprintf(text, size,
			 "no descriptors in the whole system (fs.file-max)");
	else
		snprintf(text, size, "%s", strerror(os_error));
	return text;
}
