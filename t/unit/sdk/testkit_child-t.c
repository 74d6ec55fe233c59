/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: child requests, with the test as who answers them.
 */
#include "t/unit/sdk/puppet.h"

#include <portico/testkit_child.h>

static struct portico_child *child;
static struct portico_child_options options;
static enum portico_status started;
static size_t collect_max;
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

/* ---- collected ---------------------------------------------------------------- */

static enum portico_verdict
on_collected(struct portico_request *request, void *arg)
{
	struct portico_slice value = PORTICO_SLICE("-"), chunk;
	struct portico_slice body = portico_child_body(child);

	(void)request;
	(void)arg;
	portico_child_field(child, PORTICO_SLICE("x-b"), &value);
	see("%u.%u %s [%.*s] %d", portico_child_status(child),
	    portico_child_substatus(child), value.data, (int)body.length,
	    body.data, (int)portico_child_read(child, &chunk));
	return PORTICO_DONE;
}

static enum portico_verdict
collect(struct portico_request *request)
{
	started = portico_child_start(request, &options, &child);
	if (started != PORTICO_OK)
		return PORTICO_DONE;
	return portico_child_collect(child, collect_max, on_collected, NULL) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static struct kit_request *
begin(const char *target)
{
	struct kit_request *request = kit_request(kit, "GET", "/page");

	seen[0] = '\0';
	collect_max = 10;
	options.target = (struct portico_slice){ target, strlen(target) };
	puppet.handler = collect;
	kit_field(request, "Cookie", "a=1");
	kit_field(request, "Range", "bytes=0-1");
	kit_user(request, "zoe", "Basic");
	return request;
}

static void
reset(void)
{
	memset(&options, 0, sizeof(options));
}

static void
answers(void **state)
{
	static const struct portico_child_field fields[] = {
		{ { "X-A", 3 }, { "1", 1 } },
	};
	struct kit_request *request;
	char expected[64];

	(void)state;
	reset();
	options.fields = fields;
	options.field_count = 1;
	options.flags = PORTICO_CHILD_INHERIT_FIELDS;
	options.method = PORTICO_SLICE("POST");
	options.body = PORTICO_SLICE("question");
	request = begin("/part?n=1");
	assert_int_equal(kit_run(request), KIT_CHILD);
	assert_int_equal(kit_children(kit), 1);
	assert_string_equal(kit_child_method(kit, 0), "POST");
	assert_string_equal(kit_child_target(kit, 0), "/part?n=1");
	assert_string_equal(kit_child_field(kit, 0, "x-a"), "1");
	assert_string_equal(kit_child_field(kit, 0, "Cookie"), "a=1");
	assert_string_equal(kit_child_field(kit, 0, "Host"), "localhost");
	assert_null(kit_child_field(kit, 0, "Range"));
	assert_string_equal(kit_child_body(kit, 0).data, "question");
	assert_string_equal(kit_child_user(kit, 0), "zoe");
	assert_null(kit_child_target(kit, 1));
	assert_true(kit_child_is_open(kit, 0));
	kit_child_answer_field(kit, 0, "X-B", "two");
	assert_int_equal(kit_state(request), KIT_CHILD);
	kit_child_answer(kit, 0, 203, "yes", 3);
	assert_int_equal(kit_state(request), KIT_ENDED);
	snprintf(expected, sizeof(expected), "203.0 two [yes] %d", PORTICO_END);
	assert_string_equal(seen, expected);
	assert_false(kit_child_is_open(kit, 0));
	kit_free(request);
	assert_clean();
}

static void
failures(void **state)
{
	struct kit_request *request;
	char expected[64];

	(void)state;
	reset();
	options.flags = PORTICO_CHILD_ANONYMOUS;
	request = begin("/part");
	kit_run(request);
	assert_string_equal(kit_child_method(kit, 0), "GET");
	assert_string_equal(kit_child_user(kit, 0), "");
	assert_null(kit_child_field(kit, 0, "Cookie"));
	kit_child_fail(kit, 0);
	assert_int_equal(kit_state(request), KIT_ENDED);
	snprintf(expected, sizeof(expected), "0.0 - [] %d", PORTICO_ABORTED);
	assert_string_equal(seen, expected);
	request = begin("/part");
	kit_run(request);
	kit_child_answer(kit, 1, 200, "more than ten", 13);
	snprintf(expected, sizeof(expected), "200.0 - [] %d",
		 PORTICO_TOO_LARGE);
	assert_string_equal(seen, expected);
	request = begin("/part");
	kit_run(request);
	kit_abort(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	snprintf(expected, sizeof(expected), "0.0 - [] %d", PORTICO_ABORTED);
	assert_string_equal(seen, expected);
	assert_false(kit_child_is_open(kit, 2));
	assert_clean();
}

static void
refused(const char *target, enum portico_status status)
{
	kit_run(begin(target));
	assert_int_equal(started, status);
	assert_null(child);
}

static void
refusals(void **state)
{
	static const struct portico_child_field host[] = {
		{ { "Host", 4 }, { "x", 1 } },
	};
	struct kit_request *request;

	(void)state;
	reset();
	refused("no path", PORTICO_SYNTAX);
	refused("/%zz", PORTICO_SYNTAX);
	options.method = PORTICO_SLICE("CONNECT");
	refused("/", PORTICO_INVALID);
	reset();
	options.fields = host;
	options.field_count = 1;
	refused("/", PORTICO_INVALID);
	reset();
	options.window = 1;
	refused("/", PORTICO_INVALID);
	reset();
	request = begin("/");
	kit_child_depth(request, 10);
	kit_run(request);
	assert_int_equal(started, PORTICO_FULL);
	assert_int_equal(kit_children(kit), 0);
	assert_clean();
}

static enum portico_verdict
start_many(struct portico_request *request)
{
	unsigned count = 0;

	while (portico_child_start(request, &options, &child) == PORTICO_OK)
		count++;
	assert_int_equal(count, 16);
	return PORTICO_DONE;
}

static enum portico_verdict
see_depth(struct portico_request *request)
{
	see("%u", portico_child_depth(request));
	return PORTICO_NEXT;
}

static void
many(void **state)
{
	struct kit_request *request;

	(void)state;
	reset();
	request = begin("/");
	kit_child_depth(request, 2);
	puppet.begin = see_depth;
	puppet.handler = start_many;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_string_equal(seen, "2");
	assert_false(kit_child_is_open(kit, 15));
	kit_free(request);
	assert_clean();
}

/* ---- read in pieces ------------------------------------------------------------- */

static bool
see_trailer(void *arg, struct portico_slice name, struct portico_slice value)
{
	(void)arg;
	see(" %.*s=%.*s", (int)name.length, name.data, (int)value.length,
	    value.data);
	return name.data[2] != 'B';
}

static enum portico_verdict
on_news(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;
	enum portico_status status;

	(void)arg;
	see("<%u", portico_child_status(child));
	for (;;) {
		status = portico_child_read(child, &chunk);
		if (status != PORTICO_OK)
			break;
		see(" %.*s", (int)chunk.length, chunk.data);
	}
	portico_child_trailers(child, see_trailer, NULL);
	if (portico_child_trailer(child, PORTICO_SLICE("x-b"), &chunk))
		see(" %.*s", (int)chunk.length, chunk.data);
	see(">");
	if (status == PORTICO_AGAIN &&
	    portico_child_wait(child, on_news, NULL) == PORTICO_OK)
		return PORTICO_PENDING;
	see("%s", status == PORTICO_END ? "END" : "?");
	portico_child_close(child);
	portico_response_set_status(request, 204, 0);
	return PORTICO_DONE;
}

static enum portico_verdict
stream(struct portico_request *request)
{
	if (portico_child_start(request, &options, &child) != PORTICO_OK ||
	    portico_child_wait(child, on_news, NULL) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static void
pieces(void **state)
{
	struct kit_request *request;

	(void)state;
	reset();
	request = begin("/");
	puppet.handler = stream;
	assert_int_equal(kit_run(request), KIT_CHILD);
	kit_child_head(kit, 0, 404, 7);
	kit_child_chunk(kit, 0, "a", 1);
	kit_child_chunk(kit, 0, "bc", 2);
	kit_child_answer_trailer(kit, 0, "X-A", "one");
	kit_child_answer_trailer(kit, 0, "X-B", "two");
	kit_child_answer_trailer(kit, 0, "X-B", "three");
	assert_int_equal(kit_state(request), KIT_CHILD);
	kit_child_end(kit, 0);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_string_equal(seen, "<404><404 a><404 bc>"
				  "<404 X-A=one X-B=two two>END");
	assert_int_equal(kit_status(request), 204);
	kit_free(request);
	assert_clean();
}

/* ---- misuse and faults ------------------------------------------------------------- */

static enum portico_verdict
use_after_close(struct portico_request *request)
{
	portico_child_start(request, &options, &child);
	portico_child_close(child);
	assert_int_equal(portico_child_status(child), 0);
	return PORTICO_DONE;
}

static void
used_after_close(void **state)
{
	struct kit_request *request;

	(void)state;
	reset();
	request = begin("/");
	puppet.handler = use_after_close;
	kit_run(request);
	kit_free(request);
	assert_told("the child was closed, or its parent has ended");
}

static void
used_after_parent(void **state)
{
	struct kit_request *request;

	(void)state;
	reset();
	request = begin("/");
	kit_run(request);
	kit_child_answer(kit, 0, 200, "", 0);
	assert_clean();
	puppet_open((struct kit_options){ 0 });
	request = begin("/");
	kit_run(request);
	kit_child_answer(kit, 0, 200, "", 0);
	portico_child_body(child);
	assert_told("GET /: the child was closed, or its parent has ended");
}

static void
not_open(void **state)
{
	struct kit_request *request;

	(void)state;
	reset();
	request = begin("/");
	kit_run(request);
	kit_child_answer(kit, 0, 200, "", 0);
	kit_child_answer(kit, 0, 200, "", 0);
	kit_free(request);
	assert_told("there is no open child 0");
}

static void
on_close_while_waiting(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	portico_child_close(child);
}

static enum portico_verdict
just_done(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	return PORTICO_DONE;
}

static enum portico_verdict
close_later(struct portico_request *request)
{
	portico_child_start(request, &options, &child);
	portico_timer_start(request, 1, on_close_while_waiting, NULL);
	portico_child_wait(child, just_done, NULL);
	return PORTICO_PENDING;
}

static void
closed_while_waiting(void **state)
{
	struct kit_request *request;

	(void)state;
	reset();
	request = begin("/");
	puppet.handler = close_later;
	kit_run(request);
	kit_advance(kit, 1);
	assert_int_equal(kit_state(request), KIT_ENDED);
	kit_free(request);
	assert_told("its parent waits for it");
}

static void
faults(void **state)
{
	struct kit_faults each = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_WAIT |
					    KIT_FAULT_IO };
	unsigned runs = 0;

	(void)state;
	reset();
	kit_set_faults(kit, &each);
	while (kit_faults_next(&each)) {
		struct kit_request *request = begin("/");

		puppet.handler = stream;
		if (kit_run(request) == KIT_CHILD)
			kit_child_answer(kit, kit_children(kit) - 1, 200, "x",
					 1);
		assert_int_equal(kit_state(request), KIT_ENDED);
		if (each.hit && strcmp(each.where, "portico_child_read") != 0)
			assert_int_equal(kit_status(request), 500);
		kit_free(request);
		runs++;
	}
	kit_set_faults(kit, NULL);
	assert_in_range(runs, 5, 8); /* start, wait, read twice, none */
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(answers),
		KIT_TEST(failures),
		KIT_TEST(refusals),
		KIT_TEST(many),
		KIT_TEST(pieces),
		KIT_TEST(used_after_close),
		KIT_TEST(used_after_parent),
		KIT_TEST(not_open),
		KIT_TEST(closed_while_waiting),
		KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
