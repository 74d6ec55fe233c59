/* SPDX-License-Identifier: Apache-2.0
 *
 * The example api-key on the test kit, with a service that answers when the
 * test says so: the kit has no calls yet, so the module gets a table of this
 * file in their place.
 */
#include "sdk/examples/api-key/api-key.c"

#include <portico/testkit.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- calls ------------------------------------------------------------------- */

struct portico_client_call {
	portico_client_fn *fn;
	void *arg;
	enum portico_client_result result;
	unsigned status;
	const char *body;
	char key[KEY_BYTES_MAX + 1];
	bool freed;
};

static struct portico_client_call calls[16];
static unsigned call_count;
static enum portico_status open_status, start_status;

static enum portico_status
fake_open(struct portico_request *request, struct portico_slice method,
	  struct portico_slice url, struct portico_client_call **call_r)
{
	assert_null(request);
	assert_string_equal(method.data, "GET");
	assert_string_equal(url.data, "http://keys/check");
	if (open_status != PORTICO_OK)
		return open_status;
	assert_true(call_count < 16);
	*call_r = &calls[call_count++];
	**call_r = (struct portico_client_call){ .fn = NULL };
	return PORTICO_OK;
}

static void
fake_free(struct portico_client_call *call)
{
	assert_false(call->freed);
	call->freed = true;
}

static enum portico_status
fake_set_number(struct portico_client_call *call,
		enum portico_client_number which, int64_t value)
{
	(void)call;
	if (which == PORTICO_CLIENT_TOTAL_NS)
		assert_int_equal(value, 2000000000);
	return PORTICO_OK;
}

static enum portico_status
fake_add_field(struct portico_client_call *call, struct portico_slice name,
	       struct portico_slice value)
{
	assert_string_equal(name.data, "X-API-Key");
	memcpy(call->key, value.data, value.length);
	return PORTICO_OK;
}

static enum portico_status
fake_start(struct portico_client_call *call, portico_client_fn *fn, void *arg)
{
	call->fn = fn;
	call->arg = arg;
	return start_status;
}

static enum portico_client_result
fake_result(struct portico_client_call *call)
{
	return call->result;
}

static const char *
fake_message(struct portico_client_call *call)
{
	(void)call;
	return "it is dark";
}

static unsigned
fake_status(struct portico_client_call *call)
{
	return call->status;
}

static struct portico_slice
fake_body(struct portico_client_call *call)
{
	return (struct portico_slice){ call->body, strlen(call->body) };
}

static const struct portico_host_client fake = {
	.size = sizeof(fake),
	.open = fake_open,
	.free = fake_free,
	.set_number = fake_set_number,
	.add_field = fake_add_field,
	.start = fake_start,
	.result = fake_result,
	.message = fake_message,
	.status = fake_status,
	.body = fake_body,
};

static struct portico_host host;

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
	host = *portico_host;
	host.client = &fake;
	portico_host = &host;
	call_count = 0;
	open_status = start_status = PORTICO_OK;
	return kit;
}

/* The n-th call ends. */
static void
answer(struct kit *kit, unsigned n, unsigned status, const char *body)
{
	struct portico_client_call *call = &calls[n];

	assert_true(n < call_count && !call->freed);
	call->result = status == 0 ? PORTICO_CLIENT_TIME : PORTICO_CLIENT_OK;
	call->status = status;
	call->body = body;
	call->fn(call, PORTICO_CLIENT_END, call->arg);
	assert_true(call->freed);
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
	unsigned before = call_count;

	request = begin(kit, key);
	assert_int_equal(call_count - before, service >= 0);
	if (service >= 0) {
		assert_int_equal(kit_state(request), KIT_TOKEN);
		assert_string_equal(calls[before].key, key);
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
	answer(kit, call_count - 2, 200, "d");
	answer(kit, call_count - 1, 200, "e");
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
	assert_int_equal(call_count, 1);
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

static void
test_a_call_that_cannot_be_made(void **state)
{
	struct kit *kit = open_kit("");
	struct kit_request *request;

	(void)state;
	open_status = PORTICO_FULL;
	expect(kit, "a", -1, "", 503, "");
	open_status = PORTICO_OK;
	start_status = PORTICO_NO_MEMORY;
	request = begin(kit, "a");
	assert_int_equal(kit_status(request), 503);
	assert_true(calls[0].freed);
	kit_free(request);
	start_status = PORTICO_OK;
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
