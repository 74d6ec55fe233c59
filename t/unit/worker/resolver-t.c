/* SPDX-License-Identifier: Apache-2.0
 *
 * Names when there is no thread to ask with, too many questions, or no memory
 * to answer: a reason, the job is whose it was, and the next one is answered.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>
#include <uv.h>

#include "core/base/memory.h"
#include "core/worker/limits.h"
#include "core/worker/link.h"
#include "core/worker/main_loop.h"
#include "core/worker/resolver.h"

typedef void *thread_fn(void *);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  thread_fn *function, void *arg);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
			  thread_fn *function, void *arg);
int __wrap_getaddrinfo(const char *name, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found_r);
int __real_getaddrinfo(const char *name, const char *service,
		       const struct addrinfo *hints, struct addrinfo **found_r);

static int threads_left; /* that may be made */
static atomic_int made; /* that were */
static atomic_bool waits; /* names have no answer yet */
static atomic_int code; /* what names get, then; 0: the local address */

static uv_loop_t loop;
static struct mailbox mailbox;
static int last_code;
static unsigned told;

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
		      thread_fn *function, void *arg)
{
	if (threads_left == 0)
		return EAGAIN;
	threads_left--;
	atomic_fetch_add(&made, 1);
	return __real_pthread_create(thread, attributes, function, arg);
}

int
__wrap_getaddrinfo(const char *name, const char *service,
		   const struct addrinfo *hints, struct addrinfo **found_r)
{
	if (name[0] >= '0' && name[0] <= '9')
		return __real_getaddrinfo(name, service, hints, found_r);
	if ((hints->ai_flags & AI_NUMERICHOST) != 0)
		return EAI_NONAME;
	while (atomic_load(&waits))
		usleep(1000);
	if (atomic_load(&code) != 0)
		return atomic_load(&code);
	return __real_getaddrinfo("127.0.0.1", service, hints, found_r);
}

static void
on_done(struct resolver_job *job)
{
	told++;
	last_code = job->code;
	assert_true((job->found != NULL) == (job->code == 0));
}

static struct resolver_job *
job_for(const char *name)
{
	struct resolver_job *job = mem_zalloc(sizeof(*job));

	job->done = on_done;
	job->owner = &told;
	snprintf(job->name, sizeof(job->name), "%s", name);
	snprintf(job->service, sizeof(job->service), "80");
	return job;
}

static enum portico_status
ask(const char *name)
{
	struct resolver_job *job = job_for(name);
	enum portico_status status = resolver_ask(job);

	if (status != PORTICO_OK)
		resolver_job_free(job);
	return status;
}

static void
await(unsigned count)
{
	while (told < count)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(told, count);
}

static int
setup(void **state)
{
	(void)state;
	threads_left = 1000;
	atomic_store(&made, 0);
	atomic_store(&waits, false);
	atomic_store(&code, 0);
	told = 0;
	assert_int_equal(uv_loop_init(&loop), 0);
	mailbox_init(&mailbox, &loop);
	main_loop_open(&loop, &mailbox);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	main_loop_stop();
	main_loop_close();
	mailbox_close(&mailbox);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return 0;
}

static void
no_thread(void **state)
{
	(void)state;
	threads_left = 0;
	assert_int_equal(ask("name.example"), PORTICO_SYSTEM);
	/* An address needs none. */
	assert_int_equal(ask("127.0.0.1"), PORTICO_OK);
	await(1);
	assert_int_equal(last_code, 0);
	/* What was refused is not in the queue, and the next one is answered. */
	threads_left = 1;
	assert_int_equal(ask("name.example"), PORTICO_OK);
	await(2);
	assert_int_equal(last_code, 0);
	assert_int_equal(atomic_load(&made), 1);
}

/* Those that there are do the work of all. */
static void
fewer_threads(void **state)
{
	(void)state;
	threads_left = 1;
	atomic_store(&waits, true);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask("name.example"), PORTICO_OK);
	assert_int_equal(atomic_load(&made), 1);
	atomic_store(&waits, false);
	await(20);
}

static void
too_many(void **state)
{
	unsigned asked = 0;

	(void)state;
	atomic_store(&waits, true);
	while (ask("name.example") == PORTICO_OK)
		assert_true(++asked <=
			    RESOLVER_WAITING_MAX + RESOLVER_THREADS_MAX);
	assert_true(asked >= RESOLVER_WAITING_MAX);
	assert_int_equal(ask("name.example"), PORTICO_FULL);
	assert_int_equal(ask("127.0.0.1"), PORTICO_OK);
	await(1);
	atomic_store(&waits, false);
	await(asked + 1);
	assert_int_equal(ask("name.example"), PORTICO_OK);
	await(asked + 2);
}

static void
no_memory_for_the_answer(void **state)
{
	static const int codes[] = { EAI_MEMORY, EAI_SYSTEM, EAI_AGAIN };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		atomic_store(&code, codes[i]);
		assert_int_equal(ask("name.example"), PORTICO_OK);
		await(i + 1);
		assert_int_equal(last_code, codes[i]);
	}
	atomic_store(&code, 0);
	assert_int_equal(ask("name.example"), PORTICO_OK);
	await(4);
	assert_int_equal(last_code, 0);
}

#define RESOLVER_TEST(name)                                                    \
	cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	RESOLVER_TEST(no_thread),
	RESOLVER_TEST(fewer_threads),
	RESOLVER_TEST(too_many),
	RESOLVER_TEST(no_memory_for_the_answer),
};

UNIT_MAIN(tests)
