/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: HTTP calls of a module, with the test as their server.
 */
#include "t/unit/sdk/puppet.h"

#include <portico/testkit_client.h>

static struct portico_client_call *call;
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
make_call(struct portico_request *request)
{
	seen[0] = '\0';
	assert_int_equal(portico_client_new(
				 request, PORTICO_SLICE("POST"),
				 PORTICO_SLICE("http://keys/check?k=1"), &call),
			 PORTICO_OK);
	assert_int_equal(portico_client_add_field(call, PORTICO_SLICE("X-A"),
						  PORTICO_SLICE("1")),
			 PORTICO_OK);
}

/* ---- held bodies -------------------------------------------------------------------- */

static enum portico_verdict
on_answer(struct portico_request *request, void *arg)
{
	struct portico_slice value = PORTICO_SLICE("-");

	(void)request;
	(void)arg;
	portico_client_field(call, PORTICO_SLICE("x-b"), &value);
	see("%d %u %s %s %s", (int)portico_client_result(call),
	    portico_client_status(call), value.data,
	    portico_client_body(call).data, portico_client_message(call));
	return PORTICO_DONE;
}

static enum portico_verdict
ask(struct portico_request *request)
{
	make_call(request);
	portico_client_set_body(call, PORTICO_SLICE("question"));
	portico_client_set_number(call, PORTICO_CLIENT_BODY_MAX, 10);
	return portico_client_run(call, on_answer, NULL) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static struct kit_request *
begin(void)
{
	struct kit_request *request = kit_request(kit, "GET", "/x");

	puppet.begin = ask;
	assert_int_equal(kit_run(request), KIT_SERVICE);
	return request;
}

static void
answers(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	assert_int_equal(kit_calls(kit), 1);
	assert_string_equal(kit_call_method(kit, 0), "POST");
	assert_string_equal(kit_call_url(kit, 0), "http://keys/check?k=1");
	assert_string_equal(kit_call_field(kit, 0, "x-a"), "1");
	assert_null(kit_call_field(kit, 0, "x-b"));
	assert_string_equal(kit_call_body(kit, 0).data, "question");
	assert_true(kit_call_is_sent(kit, 0));
	assert_int_equal(kit_call_number(kit, 0, PORTICO_CLIENT_BODY_MAX), 10);
	assert_int_equal(kit_call_number(kit, 0, PORTICO_CLIENT_TOTAL_NS), -1);
	assert_null(kit_call_url(kit, 1));
	kit_call_answer_field(kit, 0, "X-B", "two");
	assert_int_equal(kit_state(request), KIT_SERVICE);
	kit_call_answer(kit, 0, 403, "no", 2);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_string_equal(seen, "0 403 two no ");
	assert_false(kit_call_is_open(kit, 0));
	kit_free(request);
	assert_clean();
}

static void
failures(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	kit_call_fail(kit, 0, PORTICO_CLIENT_CONNECT, "nobody listens");
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_string_equal(seen, "4 0 -  nobody listens");
	request = begin();
	kit_call_answer(kit, 1, 200, "more than ten bytes", 19);
	assert_string_equal(seen, "8 200 -  the body is too large");
	assert_int_equal(kit_state(request), KIT_ENDED);
	request = begin();
	kit_abort(request);
	assert_string_equal(seen, "2 0 -  the request was aborted");
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_clean();
}

static enum portico_verdict
ask_wrongly(struct portico_request *request)
{
	assert_int_equal(portico_client_new(request, PORTICO_SLICE("GET"),
					    PORTICO_SLICE("ftp://x/"), &call),
			 PORTICO_INVALID);
	assert_null(call);
	make_call(request);
	assert_int_equal(portico_client_add_field(call,
						  PORTICO_SLICE("Connection"),
						  PORTICO_SLICE("close")),
			 PORTICO_INVALID);
	assert_int_equal(portico_client_run(call, on_answer, NULL),
			 PORTICO_INVALID);
	portico_client_free(call);
	return PORTICO_DONE;
}

static void
refusals(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/x");

	(void)state;
	puppet.begin = ask_wrongly;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_calls(kit), 0);
	assert_clean();
}

/* ---- in pieces ------------------------------------------------------------------------- */

static enum portico_verdict
on_piece(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;
	enum portico_status status;

	(void)request;
	do {
		status = portico_client_read(call, &chunk);
		if (status == PORTICO_OK)
			see("%.*s|", (int)chunk.length, chunk.data);
	} while (status == PORTICO_OK);
	see("%d ", (int)status);
	if (status == PORTICO_AGAIN)
		return portico_client_wait(call, PORTICO_CLIENT_READ, on_piece,
					   arg) == PORTICO_OK ?
			       PORTICO_PENDING :
			       PORTICO_ERROR;
	return PORTICO_DONE;
}

static enum portico_verdict
on_head(struct portico_request *request, void *arg)
{
	see("%u ", portico_client_status(call));
	return on_piece(request, arg);
}

static enum portico_verdict
stream(struct portico_request *request)
{
	make_call(request);
	portico_client_set_number(call, PORTICO_CLIENT_STREAM, 1);
	if (portico_client_start(call, NULL, NULL) != PORTICO_OK ||
	    portico_client_wait(call, PORTICO_CLIENT_HEAD, on_head, NULL) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

static void
pieces(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/x");

	(void)state;
	puppet.begin = stream;
	assert_int_equal(kit_run(request), KIT_SERVICE);
	kit_call_head(kit, 0, 200);
	assert_string_equal(seen, "200 -7 ");
	kit_call_chunk(kit, 0, "ab", 2);
	kit_call_chunk(kit, 0, "c", 1);
	assert_string_equal(seen, "200 -7 ab|-7 c|-7 ");
	kit_call_end(kit, 0);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_string_equal(seen, "200 -7 ab|-7 c|-7 -19 ");
	/* One that breaks off. */
	request = kit_request(kit, "GET", "/x");
	kit_run(request);
	kit_call_head(kit, 1, 200);
	kit_call_fail(kit, 1, PORTICO_CLIENT_CLOSED, "hung up");
	assert_string_equal(seen, "200 -7 -8 ");
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_clean();
}

static enum portico_verdict
on_room(struct portico_request *request, void *arg)
{
	const char *const text = "0123456789";
	size_t sent = kit_call_body(kit, 0).length, written;
	enum portico_status status;

	(void)request;
	status = portico_client_write(call, text + sent, 10 - sent, &written);
	if (status == PORTICO_AGAIN || sent + written < 10)
		return portico_client_wait(call, PORTICO_CLIENT_WRITE, on_room,
					   arg) == PORTICO_OK ?
			       PORTICO_PENDING :
			       PORTICO_ERROR;
	assert_int_equal(portico_client_finish(call), PORTICO_OK);
	return portico_client_wait(call, PORTICO_CLIENT_END, on_answer, arg) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static enum portico_verdict
upload(struct portico_request *request)
{
	make_call(request);
	portico_client_set_number(call, PORTICO_CLIENT_UPLOAD, 10);
	if (portico_client_start(call, NULL, NULL) != PORTICO_OK)
		return PORTICO_ERROR;
	kit_call_window(kit, 0, 4);
	return on_room(request, NULL);
}

static void
uploads(void **state)
{
	struct kit_request *request = kit_request(kit, "GET", "/x");

	(void)state;
	puppet.begin = upload;
	assert_int_equal(kit_run(request), KIT_SERVICE);
	assert_string_equal(kit_call_body(kit, 0).data, "0123");
	assert_false(kit_call_is_sent(kit, 0));
	kit_call_window(kit, 0, 3);
	assert_string_equal(kit_call_body(kit, 0).data, "0123456");
	kit_call_window(kit, 0, 100);
	assert_string_equal(kit_call_body(kit, 0).data, "0123456789");
	assert_true(kit_call_is_sent(kit, 0));
	kit_call_answer(kit, 0, 204, NULL, 0);
	assert_string_equal(seen, "0 204 -  ");
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_clean();
}

/* ---- of nobody -------------------------------------------------------------------------- */

static void
on_event(struct portico_client_call *which, uint32_t events, void *arg)
{
	assert_ptr_equal(which, call);
	assert_ptr_equal(arg, seen);
	see("%u", events);
	portico_client_free(which);
}

static enum portico_status
call_in_background(struct portico_worker *worker, struct portico_error *err)
{
	(void)worker;
	(void)err;
	make_call(NULL);
	return portico_client_start(call, on_event, seen);
}

static void
background(void **state)
{
	(void)state;
	assert_clean();
	puppet.worker_init = call_in_background;
	puppet_open((struct kit_options){ 0 });
	assert_true(kit_call_is_open(kit, 0));
	kit_call_answer(kit, 0, 200, "x", 1);
	assert_string_equal(seen, "8");
	assert_clean();
}

static void
background_left(void **state)
{
	(void)state;
	assert_clean();
	puppet.worker_init = call_in_background;
	puppet_open((struct kit_options){ 0 });
	assert_told("POST http://keys/check?k=1: the call was not freed");
}

static void
use_after_the_end(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	kit_call_answer(kit, 0, 200, NULL, 0);
	kit_free(request);
	assert_int_equal(portico_client_status(call), 0);
	assert_told("portico_client_status: POST http://keys/check?k=1: the "
		    "call was freed");
}

static void
waiting_request_freed(void **state)
{
	(void)state;
	kit_free(begin());
	assert_told("the request was freed while it waits for an HTTP call");
}

static void
answer_to_nobody(void **state)
{
	(void)state;
	kit_call_answer(kit, 0, 200, NULL, 0);
	assert_told("kit_call_answer: there is no open call 0");
}

static void
faults(void **state)
{
	struct kit_faults all = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO |
					   KIT_FAULT_WAIT };

	(void)state;
	puppet.begin = ask;
	kit_set_faults(kit, &all);
	all.n = 1; /* the call of make_call() itself asserts */
	all.hit = true;
	while (kit_faults_next(&all)) {
		struct kit_request *request = kit_request(kit, "GET", "/x");
		unsigned number = kit_calls(kit);

		kit_run(request);
		if (kit_call_is_open(kit, number))
			kit_call_answer(kit, number, 200, NULL, 0);
		assert_int_equal(kit_state(request), KIT_ENDED);
		assert_int_equal(kit_status(request), all.hit ? 500 : 404);
		kit_free(request);
	}
	assert_int_equal(all.n, 4);
	assert_clean();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(answers),
		KIT_TEST(failures),
		KIT_TEST(refusals),
		KIT_TEST(pieces),
		KIT_TEST(uploads),
		KIT_TEST(background),
		KIT_TEST(background_left),
		KIT_TEST(use_after_the_end),
		KIT_TEST(waiting_request_freed),
		KIT_TEST(answer_to_nobody),
		KIT_TEST(faults),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
