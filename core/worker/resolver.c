/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that ask the system's resolver.
 *
 * Lock: resolver.lock guards the queue, the counts and the owners of jobs that
 * were handed over.  An answer is posted while it is held, so that a loop
 * which has forgotten its jobs gets no more and can end.
 */
#include "core/worker/resolver.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/worker/limits.h"
#include "core/worker/main_loop.h"

static struct {
	pthread_mutex_t lock;
	struct list queue;
	uint32_t threads, waiting;
} resolver = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.queue = LIST_INIT(resolver.queue),
};

void
resolver_job_free(struct resolver_job *job)
{
	if (job->found != NULL)
		freeaddrinfo(job->found);
	mem_free(job);
}

static void
on_answer(struct loop_message *message)
{
	struct resolver_job *job =
		CONTAINER_OF(message, struct resolver_job, message);

	/* Only its loop forgets it, and that is here. */
	if (job->owner != NULL)
		job->done(job);
	resolver_job_free(job);
}

static void
answer(struct resolver_job *job)
{
	job->message.run = on_answer;
	if (job->loop != NULL)
		loop_post(job->loop, &job->message);
	else if (!main_loop_post(&job->message))
		resolver_job_free(job);
}

static void
look_up(struct resolver_job *job, int flags)
{
	const struct addrinfo hints = { .ai_flags = flags | AI_NUMERICSERV,
					.ai_socktype = SOCK_STREAM };

	job->code = getaddrinfo(job->name, job->service, &hints, &job->found);
	if (job->code != 0)
		job->found = NULL;
}

static void *
run_thread(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&resolver.lock);
	for (;;) {
		struct list *first = list_take_first(&resolver.queue);
		struct resolver_job *job;

		if (first == NULL)
			break;
		job = CONTAINER_OF(first, struct resolver_job, link);
		resolver.waiting--;
		if (job->owner != NULL) {
			pthread_mutex_unlock(&resolver.lock);
			look_up(job, 0);
			pthread_mutex_lock(&resolver.lock);
		}
		if (job->owner != NULL)
			answer(job);
		else
			resolver_job_free(job);
	}
	resolver.threads--;
	pthread_mutex_unlock(&resolver.lock);
	return NULL;
}

/* With the lock. */
static bool
add_thread(void)
{
	sigset_t all, before;
	pthread_t thread;
	int status;

	if (resolver.threads == RESOLVER_THREADS_MAX)
		return true;
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	status = pthread_create(&thread, NULL, run_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status != 0)
		return resolver.threads > 0;
	pthread_detach(thread);
	resolver.threads++;
	return true;
}

enum portico_status
resolver_ask(struct resolver_job *job)
{
	enum portico_status status = PORTICO_OK;

	/* An address needs nobody to be asked. */
	look_up(job, AI_NUMERICHOST);
	if (job->code == 0) {
		answer(job);
		return PORTICO_OK;
	}
	pthread_mutex_lock(&resolver.lock);
	if (resolver.waiting >= RESOLVER_WAITING_MAX)
		status = PORTICO_FULL;
	else if (!add_thread())
		status = PORTICO_SYSTEM;
	if (status == PORTICO_OK) {
		list_init(&job->link);
		list_add_tail(&resolver.queue, &job->link);
		resolver.waiting++;
	}
	pthread_mutex_unlock(&resolver.lock);
	return status;
}

void
resolver_forget(struct resolver_job *job)
{
	pthread_mutex_lock(&resolver.lock);
	job->owner = NULL;
	pthread_mutex_unlock(&resolver.lock);
}
