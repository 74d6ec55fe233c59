/* SPDX-License-Identifier: Apache-2.0
 *
 * Closing descriptors of other processes.
 *
 * Detached threads take batches from one queue.  A batch whose close() hangs
 * keeps its thread and nothing else: the next one gets another thread, up to
 * THREADS_MAX.  A thread without work ends after a while.
 *
 * lock: everything static here.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/io.h"
#include "core/base/memory.h"

#define THREADS_MAX 64
#define IDLE_SECONDS 2
#define STACK_BYTES (64u * 1024)

struct batch {
	struct batch *next;
	size_t count;
	int fds[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct batch *first, **last = &first;
static unsigned waiting; /* batches */
static unsigned threads, idle;

/* NULL: none came for a while. */
static struct batch *
take_batch(void)
{
	struct timespec until;
	struct batch *batch;
	int status = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_SECONDS;
	idle++;
	while (first == NULL && status == 0)
		status = pthread_cond_timedwait(&more, &lock, &until);
	idle--;
	batch = first;
	if (batch == NULL)
		return NULL;
	first = batch->next;
	if (first == NULL)
		last = &first;
	waiting--;
	return batch;
}

/* A socket that lingers waits in close() until its peer has taken all. */
static void
close_batch(struct batch *batch)
{
	const struct linger none = { 0, 0 };

	for (size_t i = 0; i < batch->count; i++) {
		(void)setsockopt(batch->fds[i], SOL_SOCKET, SO_LINGER, &none,
				 sizeof(none));
		io_close(&batch->fds[i]);
	}
	mem_free(batch);
}

static void *
run(void *arg)
{
	struct batch *batch;

	(void)arg;
	pthread_mutex_lock(&lock);
	while ((batch = take_batch()) != NULL) {
		pthread_mutex_unlock(&lock);
		close_batch(batch);
		pthread_mutex_lock(&lock);
	}
	threads--;
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* ---- fork: the child has none of the threads -------------------------------- */

static void
before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void
after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void
in_child(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&more, NULL);
	/* What waits there the parent closes; these copies go with exec. */
	first = NULL;
	last = &first;
	waiting = threads = idle = 0;
}

static void
watch_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork, in_child);
}

/* ---- threads ---------------------------------------------------------------- */

static bool
start_thread(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	sigset_t all, old;
	pthread_attr_t attributes;
	pthread_t thread;
	bool started;

	(void)pthread_once(&once, watch_fork);
	if (pthread_attr_init(&attributes) != 0)
		return false;
	(void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	/* Signals are for the threads that expect them. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	started = pthread_create(&thread, &attributes, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return started;
}

static void
hand_over(struct batch *batch)
{
	pthread_mutex_lock(&lock);
	batch->next = NULL;
	*last = batch;
	last = &batch->next;
	waiting++;
	/* Those that are idle have been promised to the batches before. */
	if (idle < waiting && threads < THREADS_MAX && start_thread())
		threads++;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

bool
io_close_foreign_done(void)
{
	bool done;

	pthread_mutex_lock(&lock);
	done = waiting == 0 && idle == threads;
	pthread_mutex_unlock(&lock);
	return done;
}

void
io_close_foreign(int *fds, size_t count)
{
	struct batch *batch;
	int saved = errno;
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		used += fds[i] >= 0;
	if (used == 0)
		return;
	batch = mem_try_alloc(sizeof(*batch) + used * sizeof(int));
	if (batch != NULL)
		batch->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (fds[i] < 0)
			continue;
		if (batch == NULL) {
			io_close(&fds[i]);
			continue;
		}
		batch->fds[batch->count++] = fds[i];
		fds[i] = -1;
	}
	if (batch != NULL)
		hand_over(batch);
	errno = saved;
}
