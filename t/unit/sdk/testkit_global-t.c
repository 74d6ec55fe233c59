/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: events of the worker process.
 */
#include <pthread.h>

#include "t/unit/sdk/puppet.h"

#include <portico/testkit_background.h>
#include <portico/testkit_global.h>

#define SECOND UINT64_C(1000000000)

static struct portico_worker *the_worker;
static struct portico_token held;
static enum portico_status release_with;
static char seen[256];

static void
see(const char *format, ...)
{
	size_t used = strlen(seen);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(seen + used, sizeof(seen) - used, format, arguments);
	va_end(arguments);
}

static enum portico_verdict
note(struct portico_worker *worker, const struct portico_global *global)
{
	the_worker = worker;
	see("%u'%s'%s'%d ", (unsigned)global->event, global->name, global->text,
	    (int)global->value);
	return PORTICO_NEXT;
}

/* ---- the life of a worker ---------------------------------------------------------- */

static void
life(void **state)
{
	char expected[256];

	(void)state;
	seen[0] = '\0';
	puppet.global = note;
	assert_false(kit_is_ready(kit));
	assert_true(kit_preload(kit));
	assert_true(kit_is_ready(kit));
	assert_null(kit_preload_error(kit));
	assert_true(kit_global(kit, PORTICO_GLOBAL_START, "", 0));
	assert_true(kit_global(kit, PORTICO_GLOBAL_CONFIGURATION, "", 1));
	assert_true(kit_global(kit, PORTICO_GLOBAL_CLEANUP, "room", 0));
	assert_int_equal(kit_global_raise(kit, "other.news", NULL),
			 PORTICO_NEXT);
	assert_int_equal(kit_global_raise(kit, "unheard", NULL), PORTICO_NEXT);
	assert_clean();
	snprintf(expected, sizeof(expected),
		 "%u'''0 %u'''0 %u'''1 %u''room'0 %u'other.news''0 %u'''0 ",
		 PORTICO_GLOBAL_PRELOAD, PORTICO_GLOBAL_START,
		 PORTICO_GLOBAL_CONFIGURATION, PORTICO_GLOBAL_CLEANUP,
		 PORTICO_GLOBAL_CUSTOM, PORTICO_GLOBAL_STOP);
	assert_string_equal(seen, expected);
	/* STOP, once; and none for a worker that was never ready. */
	seen[0] = '\0';
	puppet_open((struct kit_options){ 0 });
	kit_preload(kit);
	kit_global(kit, PORTICO_GLOBAL_STOP, "because", 0);
	assert_clean();
	snprintf(expected, sizeof(expected), "%u'''0 %u''because'0 ",
		 PORTICO_GLOBAL_PRELOAD, PORTICO_GLOBAL_STOP);
	assert_string_equal(seen, expected);
	seen[0] = '\0';
	puppet_open((struct kit_options){ 0 });
	assert_clean();
	assert_string_equal(seen, "");
}

static void
work(void *arg)
{
	(void)arg;
}

static void
release(void *arg)
{
	(void)arg;
	assert_int_equal(portico_global_release(the_worker, held, release_with),
			 PORTICO_OK);
}

static enum portico_verdict
hold(struct portico_worker *worker, const struct portico_global *global)
{
	struct portico_token token;

	the_worker = worker;
	if (global->event == PORTICO_GLOBAL_START)
		assert_int_equal(portico_global_hold(worker, &token),
				 PORTICO_STATE);
	if (global->event != PORTICO_GLOBAL_PRELOAD)
		return PORTICO_NEXT;
	if (portico_global_hold(worker, &held) != PORTICO_OK)
		return PORTICO_ERROR;
	return portico_worker_offload(work, NULL, release, NULL) == PORTICO_OK ?
		       PORTICO_NEXT :
		       PORTICO_ERROR;
}

static void
holds(void **state)
{
	(void)state;
	puppet.global = hold;
	release_with = PORTICO_OK;
	assert_true(kit_preload(kit));
	assert_false(kit_is_ready(kit));
	assert_true(kit_worker_work(kit));
	assert_true(kit_is_ready(kit));
	assert_true(kit_global(kit, PORTICO_GLOBAL_START, "", 0));
	assert_clean();
	puppet_open((struct kit_options){ 0 });
	release_with = PORTICO_NOT_FOUND;
	assert_true(kit_preload(kit));
	kit_worker_work(kit);
	assert_false(kit_is_ready(kit));
	assert_non_null(strstr(kit_preload_error(kit), "module puppet"));
	assert_clean();
}

static void
misused_holds(void **state)
{
	(void)state;
	puppet.global = hold;
	kit_preload(kit);
	assert_told("a hold on the start was not released");
	puppet_open((struct kit_options){ 0 });
	kit_preload(kit);
	release_with = PORTICO_OK;
	kit_worker_work(kit);
	assert_int_equal(portico_global_release(the_worker, held, PORTICO_OK),
			 PORTICO_STATE);
	assert_told("the hold was released before");
	puppet_open((struct kit_options){ 0 });
	kit_global(kit, PORTICO_GLOBAL_CLEANUP, "", 0);
	portico_global_release(the_worker, (struct portico_token){ 7 },
			       PORTICO_OK);
	assert_told("never gave");
}

static enum portico_verdict
say_error(struct portico_worker *worker, const struct portico_global *global)
{
	(void)worker;
	(void)global;
	return PORTICO_ERROR;
}

static void
preload_fails(void **state)
{
	(void)state;
	puppet.global = say_error;
	assert_false(kit_preload(kit));
	assert_false(kit_is_ready(kit));
	assert_non_null(kit_preload_error(kit));
	assert_clean();
}

/* ---- health -------------------------------------------------------------------------- */

static void
health(void **state)
{
	(void)state;
	assert_true(kit_global(kit, PORTICO_GLOBAL_HEALTH, "", 0));
	assert_null(kit_unhealthy(kit, 0));
	puppet.global = say_error;
	assert_false(kit_global(kit, PORTICO_GLOBAL_HEALTH, "", 0));
	assert_string_equal(kit_unhealthy(kit, 0),
			    "puppet: its health check failed");
	puppet.global = note;
	kit_global(kit, PORTICO_GLOBAL_CLEANUP, "", 0);
	assert_int_equal(portico_worker_report_unhealthy(the_worker, "ill"),
			 PORTICO_STATE);
	kit_advance(kit, 11 * SECOND);
	assert_int_equal(portico_worker_report_unhealthy(the_worker, "ill"),
			 PORTICO_OK);
	kit_advance(kit, 0);
	assert_string_equal(kit_unhealthy(kit, 1), "puppet: ill");
	assert_null(kit_unhealthy(kit, 2));
	assert_clean();
}

/* ---- events of modules ------------------------------------------------------------------ */

static void *
post(void *arg)
{
	assert_int_equal(portico_global_post(the_worker, "other.news", arg),
			 PORTICO_OK);
	return NULL;
}

static enum portico_verdict
raise_in_request(struct portico_request *request)
{
	struct portico_worker *worker = portico_request_worker(request);

	assert_ptr_equal(worker, the_worker);
	assert_int_equal(portico_global_raise(worker, "other.news", NULL),
			 PORTICO_ERROR);
	assert_int_equal(portico_global_post(worker, "other.news", NULL),
			 PORTICO_OK);
	return PORTICO_DONE;
}

static void
posted(void **state)
{
	struct kit_request *request;
	pthread_t thread;

	(void)state;
	puppet.global = note;
	kit_global(kit, PORTICO_GLOBAL_START, "", 0);
	assert_null(portico_worker_main_loop(the_worker));
	seen[0] = '\0';
	assert_int_equal(pthread_create(&thread, NULL, post, NULL), 0);
	pthread_join(thread, NULL);
	assert_string_equal(seen, "");
	kit_advance(kit, 0);
	assert_non_null(strstr(seen, "other.news"));
	seen[0] = '\0';
	puppet.handler = raise_in_request;
	request = kit_request(kit, "GET", "/");
	kit_run(request);
	assert_non_null(strstr(seen, "other.news"));
	kit_free(request);
	/* Lost, and no leak. */
	portico_global_post(the_worker, "other.news", NULL);
	portico_worker_report_unhealthy(the_worker, "late");
	assert_clean();
}

static void
wrong_events(void **state)
{
	(void)state;
	kit_global(kit, PORTICO_GLOBAL_PRELOAD, "", 0);
	assert_told("none of kit_global's");
	puppet_open((struct kit_options){ 0 });
	kit_preload(kit);
	kit_preload(kit);
	assert_told("kit_preload: it was called before");
	puppet_open((struct kit_options){ 0 });
	kit_global(kit, PORTICO_GLOBAL_STOP, "", 0);
	kit_global(kit, PORTICO_GLOBAL_STOP, "", 0);
	assert_told("was stopped before");
}

static void
faults(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_WAIT };
	unsigned runs = 0;
	bool good;

	(void)state;
	puppet.global = hold;
	release_with = PORTICO_OK;
	assert_clean();
	while (kit_faults_next(&each)) {
		puppet_open((struct kit_options){ .faults = &each });
		good = kit_preload(kit);
		assert_int_equal(good, !each.hit);
		if (each.hit && strcmp(each.where, "portico_global_hold") != 0)
			release(NULL); /* its work was refused */
		else if (!each.hit)
			kit_worker_work(kit);
		assert_int_equal(kit_is_ready(kit), !each.hit);
		assert_clean();
		runs++;
	}
	assert_int_equal(runs, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(life),		 KIT_TEST(holds),
		KIT_TEST(misused_holds), KIT_TEST(preload_fails),
		KIT_TEST(health),	 KIT_TEST(posted),
		KIT_TEST(wrong_events),	 KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
