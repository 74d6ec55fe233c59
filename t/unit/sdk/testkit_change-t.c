/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: files that a module watches.
 */
#include "t/unit/sdk/puppet.h"

#include <portico/testkit_change.h>

#define MS UINT64_C(1000000)

static struct portico_change_watch *file, *directory;
static struct portico_worker *the_worker;
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

static void
on_change(struct portico_worker *worker, const struct portico_change *change,
	  void *arg)
{
	assert_ptr_equal(worker, the_worker);
	assert_ptr_equal(arg, &file);
	see("[%s %s %u]", change->path, change->name, change->count);
}

static enum portico_verdict
on_global(struct portico_worker *worker, const struct portico_global *global)
{
	(void)worker;
	if (global->event == PORTICO_GLOBAL_FILE_CHANGE)
		see("(%s)", global->text);
	return PORTICO_NEXT;
}

static enum portico_status
watch(struct portico_worker *worker, struct portico_error *err)
{
	enum portico_status status;

	the_worker = worker;
	status = portico_change_start(worker, "/etc/rules", 0, 0, on_change,
				      &file, &file, err);
	if (status == PORTICO_OK)
		status = portico_change_start(worker, "/srv/t",
					      PORTICO_CHANGE_DIRECTORY, 5 * MS,
					      on_change, &file, &directory,
					      err);
	return status;
}

static void
stop_both(struct portico_worker *worker)
{
	(void)worker;
	portico_change_stop(file);
	portico_change_stop(directory);
}

static void
reopen(void)
{
	if (kit != NULL)
		assert_clean();
	seen[0] = '\0';
	puppet.worker_init = watch;
	puppet.worker_fini = stop_both;
	puppet.global = on_global;
	puppet_open((struct kit_options){ .strict = true });
}

static void
changes(void **state)
{
	(void)state;
	reopen();
	assert_string_equal(kit_change_path(kit, 0), "/etc/rules");
	assert_string_equal(kit_change_path(kit, 1), "/srv/t");
	assert_null(kit_change_path(kit, 2));
	assert_int_equal(kit_change(kit, "/etc/other"), 0);
	assert_int_equal(kit_change(kit, "/etc/rules"), 1);
	kit_advance(kit, 60 * MS);
	assert_int_equal(kit_change(kit, "/etc/rules"), 1);
	kit_advance(kit, 40 * MS - 1);
	assert_string_equal(seen, "");
	kit_advance(kit, 1);
	assert_string_equal(seen, "[/etc/rules  2](/etc/rules)");
	kit_advance(kit, 1000 * MS);
	seen[0] = '\0';
	kit_change(kit, "/etc/rules");
	kit_advance(kit, 100 * MS);
	assert_string_equal(seen, "[/etc/rules  1](/etc/rules)");
	seen[0] = '\0';
	assert_int_equal(kit_change(kit, "/srv/t/a"), 1);
	assert_int_equal(kit_change(kit, "/srv/t/sub/b"), 0);
	assert_int_equal(kit_change(kit, "/srv/tt"), 0);
	assert_int_equal(kit_change(kit, "/srv/t/c"), 1);
	kit_advance(kit, 5 * MS);
	assert_string_equal(seen, "[/srv/t c 2](/srv/t)");
	assert_clean();
}

static void
stopped(void **state)
{
	(void)state;
	reopen();
	puppet.worker_fini = NULL;
	kit_change(kit, "/etc/rules");
	portico_change_stop(file);
	kit_advance(kit, 1000 * MS);
	assert_string_equal(seen, "");
	assert_int_equal(kit_change(kit, "/etc/rules"), 0);
	portico_change_stop(directory);
	assert_null(kit_change_path(kit, 0));
	portico_change_stop(NULL);
	assert_clean();
	reopen();
	portico_change_stop(file); /* worker_fini does, too */
	assert_told("/etc/rules: the watch was stopped before");
	puppet_open((struct kit_options){ .strict = true });
	puppet.worker_fini = NULL;
	portico_change_stop(file);
	assert_told("the watch of \"/srv/t\" was not stopped");
}

static enum portico_verdict
watch_in_request(struct portico_request *request)
{
	(void)request;
	assert_int_equal(portico_change_start(the_worker, "/etc/rules", 0, 0,
					      on_change, &file, &file, NULL),
			 PORTICO_STATE);
	assert_null(file);
	return PORTICO_DONE;
}

static enum portico_status
start(const char *path, uint64_t delay_ns, struct portico_error *err)
{
	struct portico_change_watch *made;
	enum portico_status status = portico_change_start(
		the_worker, path, 0, delay_ns, on_change, &file, &made, err);

	if (status != PORTICO_OK)
		assert_null(made);
	return status;
}

static void
refusals(void **state)
{
	struct kit_request *request;
	struct portico_error err;
	unsigned count = 0;

	(void)state;
	reopen();
	stop_both(the_worker);
	puppet.worker_fini = NULL;
	puppet.handler = watch_in_request;
	request = kit_request(kit, "GET", "/");
	kit_run(request);
	kit_free(request);
	assert_int_equal(start("relative", 0, &err), PORTICO_INVALID);
	assert_non_null(strstr(err.message, "relative"));
	assert_int_equal(start("/slash/", 0, NULL), PORTICO_INVALID);
	assert_int_equal(start("/x", 60001 * MS, NULL), PORTICO_INVALID);
	assert_clean();
	puppet.worker_init = NULL;
	puppet_open((struct kit_options){ 0 });
	while (start("/x", 0, NULL) == PORTICO_OK)
		count++;
	assert_int_equal(count, 256);
	assert_int_equal(kit_change(kit, "/x"), 256);
	assert_clean();
}

static void
faults(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_WAIT };
	struct kit_options options = { .entry = portico_module_entry,
				       .faults = &each };
	struct portico_error err;
	unsigned refused = 0;

	(void)state;
	assert_clean();
	puppet.worker_init = watch;
	while (kit_faults_next(&each)) {
		kit = kit_open(&options, &err);
		assert_int_equal(kit == NULL, each.hit);
		if (kit != NULL)
			assert_clean();
		else
			assert_int_equal(err.status, PORTICO_NOT_FOUND);
		refused += each.hit;
	}
	assert_int_equal(refused, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(changes),
		KIT_TEST(stopped),
		KIT_TEST(refusals),
		KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
