/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: metrics of a module.
 */
#include <pthread.h>

#include "t/unit/sdk/puppet.h"

#include <portico/testkit_metric.h>

static struct portico_metric *hits, *open_now, *waited;

static enum portico_status
declare(struct portico_worker *worker, struct portico_error *err)
{
	enum portico_status status;

	(void)worker;
	(void)err;
	status = portico_metric_counter("hits", NULL, "answers kept", &hits);
	if (status == PORTICO_OK)
		status = portico_metric_gauge("open", "", NULL, &open_now);
	if (status == PORTICO_OK)
		status = portico_metric_histogram("wait", "us", "", &waited);
	return status;
}

/* The main thread has no cells of a loop. */
static void
count_at_the_end(struct portico_worker *worker)
{
	(void)worker;
	portico_metric_add(hits, 1);
}

static void
reopen(void)
{
	assert_clean();
	puppet.worker_init = declare;
	puppet.worker_fini = count_at_the_end;
	puppet_open((struct kit_options){ 0 });
}

static void
other_thread_counts(void *arg)
{
	(void)arg;
	portico_metric_add(hits, 100);
	portico_metric_observe(waited, 9);
}

static enum portico_verdict
resumed(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	return PORTICO_DONE;
}

static enum portico_verdict
count(struct portico_request *request)
{
	portico_metric_add(hits, 2);
	portico_metric_add(hits, -1);
	portico_metric_add(open_now, 5);
	portico_metric_add(open_now, -7);
	portico_metric_observe(waited, 8);
	portico_metric_observe(waited, 1000);
	portico_metric_observe(hits, 1);
	portico_metric_add(waited, 1);
	if (portico_offload(request, other_thread_counts, NULL, resumed,
			    NULL) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static void
counted(void **state)
{
	struct kit_request *request;

	(void)state;
	reopen();
	assert_int_equal(kit_metric(kit, "hits"), 0);
	request = kit_request(kit, "GET", "/");
	puppet.handler = count;
	assert_int_equal(kit_run(request), KIT_OFFLOAD);
	assert_int_equal(kit_metric(kit, "hits"), 2);
	assert_int_equal(kit_metric(kit, "open"), -2);
	assert_true(kit_work_on_thread(request));
	assert_int_equal(kit_metric(kit, "hits"), 102);
	assert_int_equal(kit_metric_count(kit, "wait"), 3);
	assert_int_equal(kit_metric_sum(kit, "wait"), 1017);
	assert_int_equal(kit_metric_max(kit, "wait"), 1000);
	assert_int_equal(kit_metric_bucket(kit, "wait", 8), 2); /* 8 and 9 */
	assert_int_equal(kit_metric_bucket(kit, "wait", 10), 0);
	assert_int_equal(kit_metric_bucket(kit, "wait", 1001), 1);
	assert_string_equal(kit_metric_unit(kit, "wait"), "us");
	assert_string_equal(kit_metric_unit(kit, "hits"), "");
	assert_null(kit_metric_unit(kit, "none"));
	kit_free(request);
	reopen(); /* a new worker begins at 0 */
	assert_int_equal(kit_metric(kit, "hits"), 0);
	assert_int_equal(kit_metric_count(kit, "wait"), 0);
	assert_clean();
}

/* Threads of a module, which the kit does not know. */
#define THREADS 4
#define TIMES 20000

static void *
count_often(void *arg)
{
	for (unsigned i = 0; i < TIMES; i++)
		portico_metric_add(hits, 1);
	return arg;
}

static void
threads_of_the_module(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	reopen();
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_often,
						NULL),
				 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(kit_metric(kit, "hits"), THREADS * TIMES);
	assert_clean();
}

static void
refusals(void **state)
{
	struct portico_metric *late = hits;

	(void)state;
	reopen();
	assert_int_equal(portico_metric_counter("late", "", "", &late),
			 PORTICO_STATE);
	assert_null(late);
	portico_metric_add(late, 1);
	assert_null(kit_metric_unit(kit, "late"));
	assert_int_equal(kit_metric(kit, "late"), 0);
	assert_told("no metric \"late\"");
	puppet_open((struct kit_options){ 0 });
	assert_int_equal(kit_metric(kit, "wait"), 0);
	assert_told("\"wait\" is a histogram");
	puppet_open((struct kit_options){ 0 });
	assert_int_equal(kit_metric_count(kit, "hits"), 0);
	assert_told("\"hits\" is no histogram");
}

static enum portico_status
declare_badly(struct portico_worker *worker, struct portico_error *err)
{
	struct portico_metric *metric;

	(void)worker;
	(void)err;
	assert_int_equal(portico_metric_counter("Hits", "", "", &metric),
			 PORTICO_INVALID);
	assert_int_equal(portico_metric_counter("a", "", "", &metric),
			 PORTICO_OK);
	assert_int_equal(portico_metric_gauge("a", "", "", &metric),
			 PORTICO_EXISTS);
	return PORTICO_OK;
}

static void
faults(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_MEMORY };
	struct kit_options options = { .entry = portico_module_entry,
				       .faults = &each };
	unsigned refused = 0;

	(void)state;
	assert_clean();
	puppet.worker_init = declare_badly;
	puppet_open((struct kit_options){ 0 });
	assert_clean();
	puppet.worker_init = declare;
	while (kit_faults_next(&each)) {
		kit = kit_open(&options, NULL);
		assert_int_equal(kit == NULL, each.hit);
		refused += kit == NULL;
		if (kit != NULL)
			assert_clean();
	}
	assert_int_equal(refused, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(counted),
		KIT_TEST(threads_of_the_module),
		KIT_TEST(refusals),
		KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
