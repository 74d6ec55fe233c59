/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: shared state and trailer fields; and that an area which it
 * does not have yet says so.
 */
#include "t/unit/sdk/puppet.h"

#include <portico/testkit_abort.h>
#include <portico/testkit_cache.h>
#include <portico/testkit_trailer.h>

#define SECOND UINT64_C(1000000000)

static const struct portico_slice key = { "key", 3 };

static void
keys_and_values(void **state)
{
	char text[8] = "";
	size_t length;
	uint64_t sum;

	(void)state;
	assert_int_equal(portico_shared_get(key, text, 8, &length),
			 PORTICO_NOT_FOUND);
	assert_int_equal(portico_shared_put(key, PORTICO_SLICE("abc"),
					    2 * SECOND, PORTICO_SHARED_ADD),
			 PORTICO_OK);
	assert_int_equal(portico_shared_put(key, PORTICO_SLICE("x"), 0,
					    PORTICO_SHARED_ADD),
			 PORTICO_EXISTS);
	assert_int_equal(portico_shared_get(key, text, 2, &length),
			 PORTICO_TOO_LARGE);
	assert_int_equal(length, 3);
	assert_int_equal(portico_shared_get(key, text, 8, &length), PORTICO_OK);
	assert_string_equal(text, "abc");
	assert_int_equal(portico_shared_swap(key, PORTICO_SLICE("no"),
					     PORTICO_SLICE("x"), 0),
			 PORTICO_STATE);
	kit_advance(kit, 2 * SECOND);
	assert_int_equal(portico_shared_get(key, text, 8, NULL),
			 PORTICO_NOT_FOUND);
	assert_int_equal(portico_shared_increment(key, 2, SECOND, &sum),
			 PORTICO_OK);
	kit_advance(kit, SECOND / 2);
	assert_int_equal(portico_shared_increment(key, 3, SECOND, &sum),
			 PORTICO_OK);
	assert_int_equal(sum, 5);
	kit_advance(kit, SECOND / 2); /* it was not prolonged */
	assert_int_equal(portico_shared_remove(key), PORTICO_NOT_FOUND);
	assert_int_equal(portico_shared_put((struct portico_slice){ "", 0 },
					    key, 0, PORTICO_SHARED_SET),
			 PORTICO_INVALID);
	assert_clean();
}

static uint64_t seen;

static void
on_change(struct portico_request *request, uint64_t value, void *arg)
{
	(void)request;
	(void)arg;
	seen = value;
}

static enum portico_verdict
watch(struct portico_request *request)
{
	struct portico_shared_counter *counter;

	assert_int_equal(portico_shared_counter("hits", &counter), PORTICO_OK);
	assert_non_null(
		portico_shared_watch_start(request, counter, on_change, NULL));
	return PORTICO_NEXT;
}

static void
counters(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");
	struct portico_shared_counter *counter;
	uint64_t expected = 1;

	(void)state;
	puppet.begin = watch;
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	assert_int_equal(portico_shared_counter("hits", &counter), PORTICO_OK);
	assert_int_equal(portico_shared_add(counter, 3), 3);
	assert_false(portico_shared_exchange(counter, &expected, 9));
	assert_int_equal(expected, 3);
	assert_true(portico_shared_exchange(counter, &expected, 9));
	assert_int_equal(portico_shared_value(counter), 9);
	seen = 0;
	kit_advance(kit, 0); /* whoever watches is told */
	assert_int_equal(seen, 9);
	kit_free(request);
	portico_shared_set(counter, 10);
	kit_advance(kit, 0);
	assert_int_equal(seen, 9);
	assert_clean();
}

static char trailer[64];
static struct kit_request *current; /* that runs */

static enum portico_verdict
read_trailer(struct portico_request *request)
{
	struct portico_slice chunk, value = PORTICO_SLICE("-");

	assert_int_equal(portico_request_trailer(
				 request, PORTICO_SLICE("X-Sum"), &value),
			 PORTICO_STATE);
	while (portico_body_read(request, &chunk) == PORTICO_OK)
		continue;
	assert_int_equal(portico_request_trailer(request, PORTICO_SLICE("Host"),
						 &value),
			 PORTICO_NOT_FOUND);
	assert_int_equal(portico_request_trailer(
				 request, PORTICO_SLICE("x-sum"), &value),
			 PORTICO_OK);
	snprintf(trailer, sizeof(trailer), "%s", value.data);
	return PORTICO_DONE;
}

static void
trailers(void **state)
{
	struct kit_request *request = kit_request(kit, "POST", "/");

	(void)state;
	puppet.handler = read_trailer;
	kit_body(request, "abc", 3);
	kit_trailer(request, "X-Sum", "42");
	kit_trailer(request, "Host", "evil");
	kit_body_end(request);
	assert_int_equal(kit_handle(request, NULL), PORTICO_DONE);
	assert_string_equal(trailer, "42");
	kit_free(request);
	assert_clean();
}

static enum portico_verdict
set_trailers(struct portico_request *request)
{
	size_t written;

	assert_int_equal(portico_response_set_trailer(request,
						      PORTICO_SLICE("X-Sum"),
						      PORTICO_SLICE("42")),
			 PORTICO_OK);
	assert_int_equal(portico_response_add_trailer(request,
						      PORTICO_SLICE("X-Sum"),
						      PORTICO_SLICE("43")),
			 PORTICO_OK);
	assert_int_equal(portico_response_set_trailer(request,
						      PORTICO_SLICE("Host"),
						      PORTICO_SLICE("x")),
			 PORTICO_INVALID);
	assert_null(kit_response_trailer(current, "X-Sum"));
	portico_response_write(request, "abc", 3, &written);
	return PORTICO_DONE;
}

/* As a client would get them. */
static void
response_trailers(void **state)
{
	(void)state;
	puppet.handler = set_trailers;
	current = kit_request(kit, "GET", "/");
	assert_int_equal(kit_run(current), KIT_ENDED);
	assert_string_equal(kit_response_trailer(current, "x-sum"), "42");
	assert_int_equal(kit_response_trailer_count(current, "X-Sum"), 2);
	assert_int_equal(kit_response_trailer_count(current, NULL), 2);
	assert_string_equal(kit_response_field(current, "Trailer"), "X-Sum");
	current = kit_request(kit, "HEAD", "/");
	assert_int_equal(kit_run(current), KIT_ENDED);
	assert_null(kit_response_trailer(current, "X-Sum"));
	assert_int_equal(kit_response_trailer_count(current, NULL), 0);
	assert_clean();
}

static enum portico_verdict
keep_it(struct portico_request *request)
{
	struct portico_slice key_now;

	assert_int_equal(portico_cache_vary_field(request,
						  PORTICO_SLICE("X-Kind")),
			 PORTICO_OK);
	assert_int_equal(portico_cache_vary_query(request, PORTICO_SLICE("a")),
			 PORTICO_OK);
	assert_int_equal(portico_cache_key(request, &key_now), PORTICO_OK);
	assert_true(key_now.length > 0);
	assert_int_equal(
		portico_cache_flush(portico_request_application(request),
				    PORTICO_SLICE("/x/"), PORTICO_CACHE_BELOW),
		PORTICO_OK);
	assert_int_equal(portico_cache_allow(request, 3 * SECOND / 2, 0),
			 PORTICO_OK);
	portico_response_set_status(request, 200, 0);
	return PORTICO_DONE;
}

static enum portico_verdict
deny_it(struct portico_request *request)
{
	assert_int_equal(portico_cache_add_key(request, PORTICO_SLICE("g"),
					       PORTICO_SLICE("1")),
			 PORTICO_OK);
	assert_int_equal(portico_cache_deny(request), PORTICO_OK);
	assert_int_equal(portico_cache_allow(request, SECOND, 0),
			 PORTICO_DENIED);
	portico_response_set_status(request, 200, 0);
	return PORTICO_DONE;
}

static void
kept_responses(void **state)
{
	struct kit_request *request;
	uint32_t flags = 0;

	(void)state;
	puppet.handler = keep_it;
	request = kit_request(kit, "GET", "/x?a=1");
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_true(kit_cache_is_allowed(request));
	assert_true(kit_cache_ttl(request) == 2 * SECOND);
	assert_string_equal(kit_cache_flushed(kit, 0, &flags), "/x/");
	assert_int_equal(flags, PORTICO_CACHE_BELOW);
	assert_null(kit_cache_flushed(kit, 1, NULL));
	puppet.handler = deny_it;
	request = kit_request(kit, "GET", "/x");
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_false(kit_cache_is_allowed(request));
	assert_clean();
}

static enum portico_abort told_why;

static void
on_abort(struct portico_request *request)
{
	told_why = portico_request_abort_reason(request);
}

static enum portico_verdict
over(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	return PORTICO_DONE;
}

static enum portico_verdict
wait_for_a_token(struct portico_request *request)
{
	struct portico_token token;

	assert_int_equal(portico_request_abort_reason(request),
			 PORTICO_ABORT_NONE);
	assert_int_equal(portico_suspend(request, over, NULL, &token),
			 PORTICO_OK);
	return PORTICO_PENDING;
}

/* Each of them reaches the module. */
static void
reasons_to_abort(void **state)
{
	(void)state;
	puppet.handler = wait_for_a_token;
	puppet.on_abort = on_abort;
	for (int why = PORTICO_ABORT_CLIENT; why <= PORTICO_ABORT_OTHER;
	     why++) {
		struct kit_request *request = kit_request(kit, "GET", "/");

		assert_int_equal(kit_run(request), KIT_TOKEN);
		kit_abort_for(request, (enum portico_abort)why);
		assert_int_equal(told_why, why);
		/* The first one counts. */
		kit_abort(request);
		assert_int_equal(told_why, why);
		kit_complete(request);
		kit_free(request);
	}
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(keys_and_values),  KIT_TEST(counters),
		KIT_TEST(trailers),	    KIT_TEST(response_trailers),
		KIT_TEST(reasons_to_abort), KIT_TEST(kept_responses),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
