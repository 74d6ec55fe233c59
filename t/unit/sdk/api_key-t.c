/* SPDX-License-Identifier: Apache-2.0
 *
 * The example api-key on the test kit, with a service that answers when the
 * test says so.
 */
#include "sdk/examples/api-key/api-key.c"

#include <portico/testkit_client.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct kit *
open_kit(const char *more)
{
	struct portico_error err;
	struct kit *kit;
	char settings[256];

	snprintf(settings, sizeof(settings),
		 "{ \"url\": \"http://keys/check\"%s }", more);
	kit = kit_open(&(struct kit_options){ .entry = portico_module_entry,
					      .settings = settings,
					      .strict = true },
		       &err);
	assert_non_null(kit);
	return kit;
}

/* The n-th call ends; status 0: the service is down. */
static void
answer(struct kit *kit, unsigned n, unsigned status, const char *body)
{
	assert_string_equal(kit_call_method(kit, n), "GET");
	assert_string_equal(kit_call_url(kit, n), "http://keys/check");
	assert_int_equal(kit_call_number(kit, n, PORTICO_CLIENT_TOTAL_NS),
			 2000000000);
	assert_true(kit_call_is_open(kit, n));
	if (status == 0)
		kit_call_fail(kit, n, PORTICO_CLIENT_TIME, "it is dark");
	else
		kit_call_answer(kit, n, status, body, strlen(body));
	kit_await(kit, 0);
}

static struct kit_request *
begin(struct kit *kit, const char *key)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	if (key != NULL)
		kit_field(request, "X-API-Key", key);
	kit_run(request);
	return request;
}

static const char *
user_of(struct kit_request *request)
{
	const char *name = kit_user_name(request);

	return name == NULL ? "" : name;
}

/* What somebody with that key gets; `service` 0: down, -1: not asked. */
static void
expect(struct kit *kit, const char *key, int service, const char *body,
       unsigned status, const char *user)
{
	struct kit_request *request;
	unsigned before = kit_calls(kit);

	request = begin(kit, key);
	assert_int_equal(kit_calls(kit) - before, service >= 0);
	if (service >= 0) {
		assert_int_equal(kit_state(request), KIT_TOKEN);
		assert_string_equal(kit_call_field(kit, before, "X-API-Key"),
				    key);
		answer(kit, before, (unsigned)service, body);
	}
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(kit_status(request), status);
	assert_string_equal(user_of(request), user);
	kit_free(request);
}

/* ---- tests ---------------------------------------------------------------------- */

static void
test_keys_are_checked(void **state)
{
	struct kit *kit = open_kit("");
	struct kit_request *request = begin(kit, NULL);
	char text[KEY_BYTES_MAX + 2];

	(void)state;
	assert_int_equal(kit_status(request), 401);
	assert_string_equal(kit_response_field(request, "WWW-Authenticate"),
			    "ApiKey");
	kit_free(request);
	memset(text, 'k', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	expect(kit, text, -1, "", 401, "");
	/* 404: nobody behind it has an answer. */
	expect(kit, "a", 200, "zoe\nmore", 404, "zoe");
	expect(kit, "b", 204, "", 404, "");
	expect(kit, "c", 401, "", 401, "");
	expect(kit, "d", 403, "", 403, "");
	expect(kit, "e", 404, "", 401, "");
	expect(kit, "f", 500, "", 503, "");
	expect(kit, "g", 0, "", 503, "");
	assert_int_equal(kit_close(kit), 0);
}

static void
test_answers_are_kept_for_a_while(void **state)
{
	struct kit *kit = open_kit(", \"cache\": \"10s\"");

	(void)state;
	expect(kit, "a", 200, "zoe", 404, "zoe");
	expect(kit, "b", 401, "", 401, "");
	expect(kit, "c", 500, "", 503, "");
	kit_advance(kit, 9 * 1000000000ull);
	expect(kit, "a", -1, "", 404, "zoe");
	expect(kit, "b", -1, "", 401, "");
	expect(kit, "c", 200, "lee", 404, "lee");
	kit_advance(kit, 2 * 1000000000ull);
	expect(kit, "a", 403, "", 403, "");
	assert_int_equal(kit_close(kit), 0);
}

static void
test_no_more_keys_are_kept_than_may_be(void **state)
{
	struct kit *kit = open_kit(", \"cacheSize\": 2");
	struct kit_request *first, *second;

	(void)state;
	expect(kit, "a", 200, "a", 404, "a");
	expect(kit, "b", 200, "b", 404, "b");
	expect(kit, "c", 200, "c", 404, "c");
	expect(kit, "b", -1, "", 404, "b");
	expect(kit, "a", 200, "a", 404, "a");
	/* Those that are asked for cannot go. */
	first = begin(kit, "d");
	second = begin(kit, "e");
	expect(kit, "f", -1, "", 503, "");
	answer(kit, kit_calls(kit) - 2, 200, "d");
	answer(kit, kit_calls(kit) - 1, 200, "e");
	assert_string_equal(user_of(first), "d");
	assert_string_equal(user_of(second), "e");
	kit_free(first);
	kit_free(second);
	assert_int_equal(kit_close(kit), 0);
}

static void
test_one_call_for_all_who_wait(void **state)
{
	struct kit *kit = open_kit("");
	struct kit_request *waiting[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		waiting[i] = begin(kit, "same");
	assert_int_equal(kit_calls(kit), 1);
	/* The one that made the call leaves, and one in between. */
	kit_abort(waiting[0]);
	kit_abort(waiting[2]);
	assert_int_equal(kit_state(waiting[0]), KIT_ENDED);
	assert_int_equal(kit_state(waiting[1]), KIT_TOKEN);
	answer(kit, 0, 200, "zoe");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(kit_state(waiting[i]), KIT_ENDED);
		if (i % 2 == 1)
			assert_string_equal(user_of(waiting[i]), "zoe");
		kit_free(waiting[i]);
	}
	/* Nobody is left to hear it; it is kept. */
	waiting[0] = begin(kit, "alone");
	kit_abort(waiting[0]);
	kit_free(waiting[0]);
	answer(kit, 1, 200, "lee");
	expect(kit, "alone", -1, "", 404, "lee");
	assert_int_equal(kit_close(kit), 0);
}

static void
test_when_the_service_is_down(void **state)
{
	struct kit *kit =
		open_kit(", \"whenDown\": \"oldAnswer\", \"cache\": \"1s\"");

	(void)state;
	expect(kit, "a", 200, "zoe", 404, "zoe");
	kit_advance(kit, 2 * 1000000000ull);
	expect(kit, "a", 0, "", 404, "zoe");
	expect(kit, "a", 401, "", 401, "");
	expect(kit, "b", 0, "", 503, "");
	assert_int_equal(kit_close(kit), 0);
	kit = open_kit(", \"whenDown\": \"letIn\"");
	expect(kit, "a", 0, "", 404, "");
	expect(kit, "a", 401, "", 401, "");
	assert_int_equal(kit_close(kit), 0);
}

/* Each call of these kinds fails once; true: `where` was among them. */
static bool
fails_well(struct kit *kit, unsigned kinds, const char *where)
{
	struct kit_faults faults = { .kinds = kinds };
	bool met = false;

	kit_set_faults(kit, &faults);
	while (kit_faults_next(&faults)) {
		unsigned before = kit_calls(kit);
		struct kit_request *request = begin(kit, "a");

		if (kit_calls(kit) > before)
			answer(kit, before, 401, "");
		assert_int_equal(kit_state(request), KIT_ENDED);
		if (faults.hit && strcmp(faults.where, where) == 0) {
			assert_int_equal(kit_calls(kit), before);
			assert_int_equal(kit_status(request), 503);
			met = true;
		}
		kit_free(request);
		kit_advance(kit, 3600 * 1000000000ull); /* nothing is kept */
	}
	kit_set_faults(kit, NULL);
	return met;
}

static void
test_a_call_that_cannot_be_made(void **state)
{
	struct kit *kit = open_kit("");

	(void)state;
	assert_true(fails_well(kit, KIT_FAULT_MEMORY, "portico_client_new"));
	assert_true(fails_well(kit, KIT_FAULT_IO, "portico_client_start"));
	expect(kit, "a", 200, "zoe", 404, "zoe");
	assert_int_equal(kit_close(kit), 0);
}

static void
test_the_url_must_be_one(void **state)
{
	struct portico_error err;

	(void)state;
	assert_null(kit_open(
		&(struct kit_options){ .entry = portico_module_entry,
				       .settings = "{ \"url\": \"keys\" }" },
		&err));
	assert_non_null(strstr(err.message, "http or https URL"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_are_checked),
		cmocka_unit_test(test_answers_are_kept_for_a_while),
		cmocka_unit_test(test_no_more_keys_are_kept_than_may_be),
		cmocka_unit_test(test_one_call_for_all_who_wait),
		cmocka_unit_test(test_when_the_service_is_down),
		cmocka_unit_test(test_a_call_that_cannot_be_made),
		cmocka_unit_test(test_the_url_must_be_one),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
