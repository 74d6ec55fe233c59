/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: opening a module, requests, responses, bodies; the rest is in
 * testkit_world-t.c.
 */
#include "t/unit/sdk/puppet.h"

/* ---- opening ------------------------------------------------------------------ */

static int64_t seen_number;
static char seen_text[64];

static enum portico_verdict
look_at_settings(struct portico_request *request)
{
	const struct puppet_settings *settings =
		portico_request_configuration(request);

	seen_number = settings->number;
	snprintf(seen_text, sizeof(seen_text), "%s",
		 settings->text == NULL ? "-" : settings->text);
	return PORTICO_DONE;
}

static void
settings(void **state)
{
	struct kit_request *request;

	(void)state;
	puppet.begin = look_at_settings;
	request = kit_request(kit, "GET", "/");
	assert_int_equal(kit_event(request, PORTICO_EVENT_BEGIN, 0),
			 PORTICO_DONE);
	assert_int_equal(seen_number, 7);
	assert_string_equal(seen_text, "-");
	kit_free(request);
	assert_clean();
	puppet_open((struct kit_options){
		.settings = "{ \"number\": 3, \"text\": \"abc\" }" });
	request = kit_request(kit, "GET", "/");
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	assert_int_equal(seen_number, 3);
	assert_string_equal(seen_text, "abc");
	kit_free(request);
	assert_clean();
}

static enum portico_status
refuse(struct portico_worker *worker, struct portico_error *err)
{
	assert_string_equal(portico_worker_pool(worker), "test");
	assert_int_equal(portico_worker_loops(worker), 1);
	snprintf(err->message, sizeof(err->message), "no licence");
	return PORTICO_DENIED;
}

static void
refusals(void **state)
{
	struct kit_options options = { .entry = portico_module_entry };
	struct portico_error err;

	(void)state;
	assert_clean();
	options.settings = "{\n  \"number\": 11 }";
	assert_null(kit_open(&options, &err));
	assert_non_null(strstr(err.message, "11"));
	assert_string_equal(err.file, "settings");
	assert_int_equal(err.line, 2);
	assert_int_equal(err.column, 13);
	options.settings = "{ \"nubmer\": 1 }";
	assert_null(kit_open(&options, &err));
	assert_non_null(strstr(err.message, "nubmer"));
	options.settings = NULL;
	puppet.worker_init = refuse;
	assert_null(kit_open(&options, &err));
	assert_non_null(strstr(err.message, "no licence"));
	options = (struct kit_options){ .file = "/nowhere/x.so" };
	assert_null(kit_open(&options, &err));
	assert_int_equal(err.status, PORTICO_NOT_FOUND);
}

/* ---- the request ------------------------------------------------------------------- */

static enum portico_verdict
look_at_request(struct portico_request *request)
{
	struct portico_address client;
	struct portico_slice value = { "", 0 };

	assert_string_equal(
		portico_request_text(request, PORTICO_TEXT_PATH).data,
		"/shop/a b");
	assert_string_equal(
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION)
			.data,
		"/a b");
	assert_int_equal(portico_query_get(request, PORTICO_SLICE("q"), &value),
			 PORTICO_OK);
	assert_string_equal(value.data, "1 2");
	assert_true(portico_cookie_get(request, PORTICO_SLICE("id"), &value));
	assert_memory_equal(value.data, "77", 2);
	portico_request_client(request, &client);
	assert_string_equal(client.text, "2001:db8::7");
	assert_int_equal(client.port, 99);
	assert_string_equal(portico_variable(request, "HTTPS").data, "on");
	assert_string_equal(portico_variable(request, "AUTH_USER").data, "zoe");
	assert_int_equal(portico_variable_set(request, "mine",
					      PORTICO_SLICE("yours")),
			 PORTICO_OK);
	assert_int_equal(portico_request_set_field(request,
						   PORTICO_SLICE("X-New"),
						   PORTICO_SLICE("n")),
			 PORTICO_OK);
	portico_log(request, PORTICO_LOG_WARN, 12, "number %d", 5);
	portico_log(NULL, PORTICO_LOG_INFO, 0, "without");
	portico_trace(request, "puppet.step", "one");
	portico_trace(request, "puppet.step", NULL);
	return PORTICO_NEXT;
}

static void
request_and_looks(void **state)
{
	struct kit_request *request;

	(void)state;
	assert_clean();
	puppet_open((struct kit_options){ .path = "/shop" });
	puppet.begin = look_at_request;
	request = kit_request(kit, "GET", "/shop/a%20b?q=1+2");
	kit_field(request, "Cookie", "id=77");
	kit_client(request, "2001:db8::7", 99);
	kit_secure(request);
	kit_user(request, "zoe", "Basic");
	assert_int_equal(kit_event(request, PORTICO_EVENT_BEGIN, 0),
			 PORTICO_NEXT);
	assert_string_equal(kit_variable(request, "mine"), "yours");
	assert_null(kit_variable(request, "none"));
	assert_string_equal(kit_request_field(request, "x-new"), "n");
	assert_string_equal(kit_user_name(request), "zoe");
	assert_null(kit_rewritten(request));
	assert_string_equal(kit_log(kit, 0), "warn 12: number 5");
	assert_string_equal(kit_log(kit, 1), "info: without");
	assert_null(kit_log(kit, 2));
	assert_string_equal(kit_trace(kit, 0), "puppet.step: one");
	assert_string_equal(kit_trace(kit, 1), "puppet.step");
	kit_free(request);
	assert_string_equal(kit_user_name(request), "zoe");
	assert_null(kit_request(kit, "GET", "no path"));
	request = kit_request_head(kit, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_int_equal(kit_state(request), KIT_NEW);
	assert_string_equal(portico_request_text(kit_portico_request(request),
						 PORTICO_TEXT_HOST)
				    .data,
			    "x");
	kit_free(request);
	assert_clean();
}

static enum portico_verdict
rewrite(struct portico_request *request)
{
	assert_int_equal(portico_request_rewrite(request,
						 PORTICO_SLICE("/b%20c?x=1")),
			 PORTICO_OK);
	return PORTICO_NEXT;
}

static void
rewriting(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.begin = rewrite;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_status(request), 404);
	assert_string_equal(kit_rewritten(request), "/b c?x=1");
	kit_free(request);
	assert_clean();
}

/* ---- the response ---------------------------------------------------------------------- */

static enum portico_verdict
answer(struct portico_request *request)
{
	portico_response_set_status(request, 203, 4);
	portico_response_set_reason(request, PORTICO_SLICE("because"));
	portico_response_add_field(request, PORTICO_SLICE("X-A"),
				   PORTICO_SLICE("1"));
	portico_response_add_field(request, PORTICO_SLICE("x-a"),
				   PORTICO_SLICE("2"));
	return puppet_write(request, "hello") == PORTICO_OK ? PORTICO_DONE :
							      PORTICO_ERROR;
}

static void
assert_answer(struct kit_request *request)
{
	assert_int_equal(kit_status(request), 203);
	assert_int_equal(kit_substatus(request), 4);
	assert_string_equal(kit_reason(request), "because");
	assert_string_equal(kit_response_field(request, "X-a"), "1");
	assert_int_equal(kit_response_field_count(request, "X-A"), 2);
	assert_null(kit_response_field(request, "X-B"));
}

static void
responses(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.handler = answer;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_answer(request);
	assert_body(request, "hello");
	assert_int_equal(kit_response_length(request), 5);
	assert_false(kit_was_cut(request));
	kit_free(request);
	assert_answer(request);
	/* The same by a single call. */
	request = kit_request(kit, "GET", "/");
	assert_int_equal(kit_handle(request, NULL), PORTICO_DONE);
	assert_int_equal(kit_state(request), KIT_OPEN);
	assert_answer(request);
	assert_false(kit_head_sent(request));
	assert_int_equal(kit_end(request), KIT_ENDED);
	assert_body(request, "hello");
	assert_answer(request);
	/* No body for HEAD. */
	request = kit_request(kit, "HEAD", "/");
	kit_run(request);
	assert_body(request, "");
	assert_int_equal(kit_response_length(request), 5);
	assert_clean();
}

static enum portico_verdict
fail_late(struct portico_request *request)
{
	portico_response_set_length(request, 10);
	puppet_write(request, "half");
	assert_int_equal(portico_response_flush(request), PORTICO_OK);
	return PORTICO_ERROR;
}

static void
cut_responses(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.handler = fail_late;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_true(kit_was_cut(request));
	assert_body(request, "half");
	assert_clean();
}

static enum portico_verdict
big_go_on(struct portico_request *request, void *arg)
{
	unsigned *left = arg;

	while (*left > 0) {
		size_t written;
		enum portico_status status = portico_response_write(
			request, "0123456789", 1, &written);

		if (status == PORTICO_AGAIN)
			return portico_response_wait(request, big_go_on, arg) ==
					       PORTICO_OK ?
				       PORTICO_PENDING :
				       PORTICO_ERROR;
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
		--*left;
	}
	return PORTICO_DONE;
}

static unsigned big_left;

static enum portico_verdict
big(struct portico_request *request)
{
	return big_go_on(request, &big_left);
}

static void
windows(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/");

	(void)state;
	puppet.handler = big;
	big_left = 25;
	kit_window(request, 10);
	assert_int_equal(kit_run(request), KIT_ROOM);
	assert_int_equal(big_left, 15);
	assert_true(kit_head_sent(request));
	assert_int_equal(kit_response_body(request).length, 10);
	kit_window(request, 4);
	assert_int_equal(kit_state(request), KIT_ROOM);
	assert_int_equal(big_left, 11);
	kit_window(request, 100);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(kit_response_body(request).length, 25);
	assert_int_equal(kit_response_length(request), -1);
	assert_clean();
}

static enum portico_verdict
send_file(struct portico_request *request)
{
	struct portico_error err;
	struct portico_file *file;
	int fd;

	if (portico_file_open(request, PORTICO_SLICE("/passwd"), &fd, &err) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	file = portico_file_adopt(fd);
	if (portico_response_send_file(request, file, 1, 6) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_file_unref(file);
	return PORTICO_DONE;
}

static void
files(void **state)
{
	struct kit_request *request;

	(void)state;
	assert_clean();
	puppet_open((struct kit_options){ .root = "/etc" });
	puppet.handler = send_file;
	request = kit_request(kit, "GET", "/");
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_status(request), 200);
	assert_int_equal(kit_files(request), 1);
	assert_int_equal(kit_file_bytes(request, 0), 6);
	assert_true(kit_file_bytes(request, 1) == UINT64_MAX);
	assert_int_equal(kit_response_body(request).length, 6);
	assert_int_equal(kit_response_length(request), 6);
	assert_clean();
}

/* ---- bodies -------------------------------------------------------------------------------- */

static char body_text[256];

static enum portico_verdict
read_all(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;
	enum portico_status status;

	(void)arg;
	for (;;) {
		size_t used = strlen(body_text);

		status = portico_body_read(request, &chunk);
		if (status != PORTICO_OK)
			break;
		snprintf(body_text + used, sizeof(body_text) - used, "%.*s|",
			 (int)chunk.length, chunk.data);
	}
	if (status == PORTICO_AGAIN)
		return portico_body_wait(request, read_all, NULL) ==
				       PORTICO_OK ?
			       PORTICO_PENDING :
			       PORTICO_ERROR;
	return status == PORTICO_END ? PORTICO_DONE : PORTICO_ERROR;
}

static enum portico_verdict
read_body(struct portico_request *request)
{
	body_text[0] = '\0';
	assert_true(portico_request_has_body(request));
	return read_all(request, NULL);
}

static unsigned reads;

static enum portico_verdict
count_reads(struct portico_request *request)
{
	(void)request;
	reads++;
	return PORTICO_NEXT;
}

static void
bodies(void **state)
{
	struct kit_request *request = kit_request(kit, "POST", "/");

	(void)state;
	puppet.handler = read_body;
	puppet.read = count_reads;
	reads = 0;
	kit_whole_body(request, "abc", 3);
	assert_int_equal(kit_handle(request, "first"), PORTICO_DONE);
	assert_string_equal(body_text, "abc|");
	assert_int_equal(reads, 1);
	kit_free(request);
	request = kit_request(kit, "POST", "/");
	kit_expect_body(request, -1);
	kit_body(request, "a", 1);
	assert_int_equal(kit_run(request), KIT_BODY);
	kit_body(request, "bc", 2);
	assert_string_equal(body_text, "a|bc|");
	assert_int_equal(kit_state(request), KIT_BODY);
	kit_body_end(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	/* The client leaves in the middle. */
	request = kit_request(kit, "POST", "/");
	kit_expect_body(request, 9);
	assert_int_equal(kit_run(request), KIT_BODY);
	kit_abort(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(puppet.aborts, 1);
	assert_clean();
}

static enum portico_verdict
read_form(struct portico_request *request)
{
	struct portico_form *form;
	struct portico_slice value;

	if (portico_form_open(request, 0, 0, &form) != PORTICO_OK ||
	    portico_form_read(form) != PORTICO_OK ||
	    !portico_form_get(form, PORTICO_SLICE("name"), &value))
		return PORTICO_ERROR;
	return puppet_write(request, value.data) == PORTICO_OK ? PORTICO_DONE :
								 PORTICO_ERROR;
}

static void
forms(void **state)
{
	struct kit_request *request = kit_request(kit, "POST", "/");

	(void)state;
	puppet.handler = read_form;
	kit_field(request, "Content-Type", "application/x-www-form-urlencoded");
	kit_whole_body(request, "x=1&name=a+b", 12);
	kit_run(request);
	assert_body(request, "a b");
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(settings),
		KIT_TEST(refusals),
		KIT_TEST(request_and_looks),
		KIT_TEST(rewriting),
		KIT_TEST(responses),
		KIT_TEST(cut_responses),
		KIT_TEST(windows),
		KIT_TEST(files),
		KIT_TEST(bodies),
		KIT_TEST(forms),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
