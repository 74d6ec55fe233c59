/* SPDX-License-Identifier: Apache-2.0
 *
 * Being called when a counter in shared memory has changed.
 *
 * Who changes a counter that somebody has ever watched rings the bell: a word
 * in the memory, on which one thread of each worker that has watches sleeps
 * (futex).  It posts a message to each loop with watches, and the loop looks
 * which of its counters are not as they were.  The thread wakes once a second
 * by itself: a writer may be killed before it could ring.
 *
 * Lock: watch_lock guards the beginning of the thread; nothing is called under
 * it but pthread_create.
 */
#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/calls.h"
#include "core/worker/request.h"
#include "core/worker/shared_priv.h"

#define SHARED_WATCH_MAGIC 0x53575443u
#define LOOK_AGAIN_S 1

struct portico_shared_watch {
	unsigned magic;
	struct shared *shared;
	struct portico_request *request;
	struct portico_shared_counter *counter;
	portico_shared_watch_fn *function;
	void *arg;
	const struct portico_self *self; /* who started it; or NULL */
	uint64_t seen; /* the value when it was told last */
	struct list link; /* loop->shared_watches */
	struct list of_request; /* request->shared_watches */
};

static long
futex(_Atomic uint32_t *word, int operation, uint32_t value,
      const struct timespec *limit)
{
	return syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

void
shared_ring(struct shared *shared, struct portico_shared_counter *counter)
{
	if (atomic_load(&counter->watched) == 0)
		return;
	atomic_fetch_add(&shared->header->bell, 1);
	futex(&shared->header->bell, FUTEX_WAKE, INT_MAX, NULL);
}

/* ---- on the loop ---------------------------------------------------------------- */

/*
 * Functions may stop any watch, end any request.  So each is taken to another
 * list before it is called, where stopping it finds it as well.
 */
static void
look(struct worker_loop *loop)
{
	struct list now;

	list_init(&now);
	list_move_all(&now, &loop->shared_watches);
	for (;;) {
		struct list *first = list_take_first(&now);
		struct portico_shared_watch *watch;
		struct callback callback;
		uint64_t value;

		if (first == NULL)
			break;
		watch = CONTAINER_OF(first, struct portico_shared_watch, link);
		CHECK(watch, SHARED_WATCH_MAGIC);
		list_add_tail(&loop->shared_watches, &watch->link);
		value = atomic_load(&watch->counter->value);
		if (value == watch->seen)
			continue;
		watch->seen = value;
		callback_begin(&callback, loop, watch->self);
		watch->function(watch->request, value, watch->arg);
		callback_end(&callback);
	}
}

static void
on_bell(struct loop_message *message)
{
	struct worker_loop *loop =
		CONTAINER_OF(message, struct worker_loop, bell);

	/* First: what rings from here on is looked at once more. */
	atomic_store(&loop->bell_posted, false);
	look(loop);
}

/* ---- the thread --------------------------------------------------------------------- */

static void
post(struct shared *shared)
{
	for (uint32_t i = 0; i < TOKEN_LOOPS_MAX; i++) {
		struct worker_loop *loop = atomic_load(&shared->loops[i]);

		if (loop == NULL ||
		    atomic_load(&loop->shared_watch_count) == 0 ||
		    atomic_exchange(&loop->bell_posted, true))
			continue;
		loop->bell.run = on_bell;
		loop_post(loop, &loop->bell);
	}
}

static void *
run_thread(void *arg)
{
	const struct timespec limit = { .tv_sec = LOOK_AGAIN_S };
	struct shared *shared = arg;

	while (!atomic_load(&shared->ending)) {
		uint32_t bell = atomic_load(&shared->header->bell);

		post(shared);
		futex(&shared->header->bell, FUTEX_WAIT, bell, &limit);
	}
	return NULL;
}

static bool
thread_start(struct shared *shared)
{
	sigset_t all, before;

	bool watching;

	pthread_mutex_lock(&shared->watch_lock);
	if (!shared->watching && !atomic_load(&shared->ending)) {
		/* Signals are the main thread's. */
		sigfillset(&all);
		pthread_sigmask(SIG_BLOCK, &all, &before);
		shared->watching = pthread_create(&shared->watcher, NULL,
						  run_thread, shared) == 0;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	watching = shared->watching;
	pthread_mutex_unlock(&shared->watch_lock);
	return watching;
}

void
shared_watch_end(struct shared *shared)
{
	bool watching;

	CHECK(shared, SHARED_MAGIC);
	pthread_mutex_lock(&shared->watch_lock);
	atomic_store(&shared->ending, true);
	watching = shared->watching;
	shared->watching = false;
	pthread_mutex_unlock(&shared->watch_lock);
	if (!watching)
		return;
	/* The other workers look once in vain. */
	atomic_fetch_add(&shared->header->bell, 1);
	futex(&shared->header->bell, FUTEX_WAKE, INT_MAX, NULL);
	pthread_join(shared->watcher, NULL);
}

/* ---- beginning and end --------------------------------------------------------------- */

struct portico_shared_watch *
shared_watch_start(struct shared *shared, struct portico_request *request,
		   struct portico_shared_counter *counter,
		   portico_shared_watch_fn *function, void *arg)
{
	struct worker_loop *loop = request->loop;
	struct portico_shared_watch *watch;

	CHECK(shared, SHARED_MAGIC);
	ASSERT(loop->number < TOKEN_LOOPS_MAX);
	if (!thread_start(shared))
		return NULL;
	watch = mem_zalloc(sizeof(*watch));
	watch->magic = SHARED_WATCH_MAGIC;
	watch->shared = shared;
	watch->request = request;
	watch->counter = counter;
	watch->function = function;
	watch->arg = arg;
	watch->self = request->current;
	list_init(&watch->link);
	list_init(&watch->of_request);
	list_add_tail(&loop->shared_watches, &watch->link);
	list_add_tail(&request->shared_watches, &watch->of_request);
	/* Said before the value is read: who changes it after that rings, and
	 * the thread finds this loop. */
	atomic_fetch_add(&loop->shared_watch_count, 1);
	atomic_store(&shared->loops[loop->number], loop);
	atomic_store(&counter->watched, 1);
	watch->seen = atomic_load(&counter->value);
	return watch;
}

void
shared_watch_stop(struct portico_shared_watch *watch)
{
	if (watch == NULL)
		return;
	CHECK(watch, SHARED_WATCH_MAGIC);
	atomic_fetch_sub(&watch->request->loop->shared_watch_count, 1);
	list_remove(&watch->link);
	list_remove(&watch->of_request);
	watch->magic = 0;
	mem_free(watch);
}

void
shared_watches_stop_all(struct portico_request *request)
{
	while (!list_empty(&request->shared_watches))
		shared_watch_stop(LIST_FIRST(struct portico_shared_watch,
					     of_request,
					     &request->shared_watches));
}
