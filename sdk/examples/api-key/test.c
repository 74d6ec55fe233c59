/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives api-key without a server: the test is the service that knows the
 * keys, and answers when it likes.
 */
#undef NDEBUG
#include <portico/testkit_client.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define KEY_BYTES_MAX 256 /* as in api-key.c */

static struct kit *kit;

static const char *
settings_with(const char *more)
{
	static char text[256];

	snprintf(text, sizeof(text), "{ \"url\": \"http://keys/check\"%s }",
		 more);
	return text;
}

static void
open_kit(const char *more)
{
	kit = kit_open(&(struct kit_options){ .entry = portico_module_entry,
					      .settings = settings_with(more),
					      .strict = true },
		       NULL);
	assert(kit != NULL);
}

static void
close_kit(void)
{
	assert(kit_close(kit) == 0);
}

/* The n-th call ends; status 0: it does not answer in time. */
static void
answer(unsigned n, unsigned status, const char *body)
{
	assert(kit_call_is_open(kit, n));
	if (status == 0)
		kit_call_fail(kit, n, PORTICO_CLIENT_TIME, "it is dark");
	else
		kit_call_answer(kit, n, status, body, strlen(body));
	assert(!kit_call_is_open(kit, n));
}

static struct kit_request *
begin(const char *key)
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
expect(const char *key, int service, const char *body, unsigned status,
       const char *user)
{
	struct kit_request *request;
	unsigned before = kit_calls(kit);

	request = begin(key);
	assert(kit_calls(kit) - before == (service >= 0));
	if (service >= 0) {
		assert(kit_state(request) == KIT_TOKEN);
		assert(strcmp(kit_call_url(kit, before), "http://keys/check") ==
		       0);
		assert(strcmp(kit_call_field(kit, before, "X-API-Key"), key) ==
		       0);
		answer(before, (unsigned)service, body);
	}
	assert(kit_state(request) == KIT_ENDED);
	assert(kit_status(request) == status);
	assert(strcmp(user_of(request), user) == 0);
	kit_free(request);
}

/* ---- tests ---------------------------------------------------------------------- */

static void
test_keys_are_checked(void)
{
	struct kit_request *request;
	char text[KEY_BYTES_MAX + 2];

	open_kit("");
	request = begin(NULL);
	assert(kit_status(request) == 401);
	assert(strcmp(kit_response_field(request, "WWW-Authenticate"),
		      "ApiKey") == 0);
	kit_free(request);
	memset(text, 'k', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	expect(text, -1, "", 401, "");
	/* 404: nobody behind it has an answer. */
	expect("a", 200, "zoe\nmore", 404, "zoe");
	expect("b", 204, "", 404, "");
	expect("c", 401, "", 401, "");
	expect("d", 403, "", 403, "");
	expect("e", 404, "", 401, "");
	expect("f", 500, "", 503, "");
	expect("g", 0, "", 503, "");
	close_kit();
}

static void
test_answers_are_kept_for_a_while(void)
{
	open_kit(", \"cache\": \"10s\"");
	expect("a", 200, "zoe", 404, "zoe");
	expect("b", 401, "", 401, "");
	expect("c", 500, "", 503, "");
	kit_advance(kit, 9 * SECOND);
	expect("a", -1, "", 404, "zoe");
	expect("b", -1, "", 401, "");
	expect("c", 200, "lee", 404, "lee");
	kit_advance(kit, 2 * SECOND);
	expect("a", 403, "", 403, "");
	close_kit();
}

static void
test_no_more_keys_are_kept_than_may_be(void)
{
	struct kit_request *first, *second;

	open_kit(", \"cacheSize\": 2");
	expect("a", 200, "a", 404, "a");
	expect("b", 200, "b", 404, "b");
	expect("c", 200, "c", 404, "c");
	expect("b", -1, "", 404, "b");
	expect("a", 200, "a", 404, "a");
	/* Those that are asked for cannot go. */
	first = begin("d");
	second = begin("e");
	expect("f", -1, "", 503, "");
	answer(kit_calls(kit) - 2, 200, "d");
	answer(kit_calls(kit) - 1, 200, "e");
	assert(strcmp(user_of(first), "d") == 0);
	assert(strcmp(user_of(second), "e") == 0);
	kit_free(first);
	kit_free(second);
	close_kit();
}

static void
test_one_call_for_all_who_wait(void)
{
	struct kit_request *waiting[4];

	open_kit("");
	for (int i = 0; i < 4; i++)
		waiting[i] = begin("same");
	assert(kit_calls(kit) == 1);
	/* The one that made the call leaves, and one in between. */
	kit_abort(waiting[0]);
	kit_abort(waiting[2]);
	assert(kit_state(waiting[0]) == KIT_ENDED);
	assert(kit_state(waiting[1]) == KIT_TOKEN);
	answer(0, 200, "zoe");
	for (int i = 0; i < 4; i++) {
		assert(kit_state(waiting[i]) == KIT_ENDED);
		if (i % 2 == 1)
			assert(strcmp(user_of(waiting[i]), "zoe") == 0);
		kit_free(waiting[i]);
	}
	/* Nobody is left to hear it; it is kept. */
	waiting[0] = begin("alone");
	kit_abort(waiting[0]);
	kit_free(waiting[0]);
	answer(1, 200, "lee");
	expect("alone", -1, "", 404, "lee");
	close_kit();
}

static void
test_when_the_service_is_down(void)
{
	open_kit(", \"whenDown\": \"oldAnswer\", \"cache\": \"1s\"");
	expect("a", 200, "zoe", 404, "zoe");
	kit_advance(kit, 2 * SECOND);
	expect("a", 0, "", 404, "zoe");
	expect("a", 401, "", 401, "");
	expect("b", 0, "", 503, "");
	close_kit();
	open_kit(", \"whenDown\": \"letIn\"");
	expect("a", 0, "", 404, "");
	expect("a", 401, "", 401, "");
	close_kit();
}

/* Whatever fails, the service is down for this one, and asked by the next. */
static void
test_a_call_that_cannot_be_made(void)
{
	struct kit_faults faults = { .kinds = KIT_FAULT_MEMORY |
					      KIT_FAULT_WAIT };
	unsigned refused = 0;

	while (kit_faults_next(&faults)) {
		struct kit_request *request;
		unsigned call;

		open_kit("");
		call = kit_calls(kit);
		kit_set_faults(kit, &faults);
		request = begin("a");
		if (kit_calls(kit) > call && kit_call_is_open(kit, call))
			answer(call, 200, "zoe");
		kit_set_faults(kit, NULL);
		assert(kit_state(request) == KIT_ENDED);
		assert(faults.hit ? kit_status(request) >= 500 &&
					    kit_status(request) <= 503 :
				    kit_status(request) == 404);
		refused += kit_status(request) == 503;
		kit_free(request);
		call = kit_calls(kit);
		request = begin("a");
		if (kit_calls(kit) > call)
			answer(call, 200, "zoe");
		assert(strcmp(user_of(request), "zoe") == 0);
		kit_free(request);
		close_kit();
	}
	assert(faults.n > 3 && refused > 0);
}

static void
test_the_url_must_be_one(void)
{
	struct portico_error err;

	assert(kit_open(&(struct kit_options){ .entry = portico_module_entry,
					       .settings =
						       "{ \"url\": \"keys\" }" },
			&err) == NULL);
	assert(strstr(err.message, "http or https URL") != NULL);
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "keys are checked", test_keys_are_checked },
		{ "answers are kept for a while",
		  test_answers_are_kept_for_a_while },
		{ "no more keys are kept than may be",
		  test_no_more_keys_are_kept_than_may_be },
		{ "one call for all who wait", test_one_call_for_all_who_wait },
		{ "the service is down", test_when_the_service_is_down },
		{ "each call fails once", test_a_call_that_cannot_be_made },
		{ "the URL must be one", test_the_url_must_be_one },
	};
	size_t count = sizeof(tests) / sizeof(tests[0]);

	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		tests[i].run();
		printf("ok %zu - %s\n", i + 1, tests[i].name);
		fflush(stdout);
	}
	return 0;
}
