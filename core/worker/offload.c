/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads for blocking work: one queue, one lock.
 *
 * Lock: pool->lock guards queue and stopping; no other lock is taken and no
 * module is called while it is held.
 */
#include "core/worker/offload.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/main_loop.h"

#define OFFLOAD_MAGIC 0x4f46464cu

struct offload_pool {
	unsigned magic;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list queue; /* of struct offload_work */
	bool stopping;
	uint32_t thread_count;
	pthread_t threads[];
};

static void
on_done(struct loop_message *message)
{
	struct offload_work *work =
		CONTAINER_OF(message, struct offload_work, message);

	work->done(work);
}

static void *
run_thread(void *arg)
{
	struct offload_pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		struct list *first;
		struct offload_work *work;

		while (list_empty(&pool->queue) && !pool->stopping)
			pthread_cond_wait(&pool->changed, &pool->lock);
		if (pool->stopping)
			break;
		first = list_take_first(&pool->queue);
		pthread_mutex_unlock(&pool->lock);
		work = CONTAINER_OF(first, struct offload_work, link);
		work->work(work);
		work->message.run = on_done;
		if (work->loop != NULL)
			loop_post(work->loop, &work->message);
		else
			main_loop_post(&work->message);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct offload_pool *
offload_pool_new(uint32_t threads, struct portico_error *err)
{
	struct offload_pool *pool =
		mem_zalloc(sizeof(*pool) + threads * sizeof(pool->threads[0]));
	sigset_t all, before;
	int status = 0;

	pool->magic = OFFLOAD_MAGIC;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	list_init(&pool->queue);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	while (pool->thread_count < threads && status == 0) {
		status = pthread_create(&pool->threads[pool->thread_count],
					NULL, run_thread, pool);
		if (status == 0)
			pool->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status == 0)
		return pool;
	if (pool->thread_count > 0) {
		log_warn(4061, NULL,
			 "only %u of %u threads for blocking work could be "
			 "started: %s",
			 pool->thread_count, threads, strerror(status));
		return pool;
	}
	error_os(err, status, "starting a thread for blocking work");
	offload_pool_free(pool);
	return NULL;
}

void
offload_submit(struct offload_pool *pool, struct offload_work *work)
{
	CHECK(pool, OFFLOAD_MAGIC);
	pthread_mutex_lock(&pool->lock);
	list_add_tail(&pool->queue, &work->link);
	pthread_cond_signal(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
}

void
offload_pool_free(struct offload_pool *pool)
{
	if (pool == NULL)
		return;
	CHECK(pool, OFFLOAD_MAGIC);
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	for (uint32_t i = 0; i < pool->thread_count; i++)
		pthread_join(pool->threads[i], NULL);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	pool->magic = 0;
	mem_free(pool);
}
