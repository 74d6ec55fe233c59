/* SPDX-License-Identifier: Apache-2.0
 *
 * Control messages: each one survives encoding and decoding, and none is
 * accepted with a member missing, of a wrong type or out of range.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"
#include "core/control/messages.h"

/* Sends one value through text and back. */
#define PASS(name, value, result)                                              \
	do {                                                                   \
		json_t *first_ = control_encode_##name(&(value));              \
		char *text_ = json_dumps(first_, JSON_COMPACT);                \
		struct portico_error err_;                                     \
		assert_non_null(text_);                                        \
		json_decref(first_);                                           \
		kept = json_loads(text_, 0, NULL);                             \
		free(text_);                                                   \
		assert_int_equal(control_type_find(json_string_value(          \
					 json_object_get(kept, "type"))),      \
				 CONTROL_TYPE_##name);                         \
		assert_int_equal(control_decode_##name(kept, &(result),        \
						       &err_),                 \
				 PORTICO_OK);                                  \
	} while (0)

/* Decoded texts are borrowed from it. */
static json_t *kept;

static int
drop(void **state)
{
	(void)state;
	json_decref(kept);
	kept = NULL;
	return 0;
}

/* A reason that was cut inside of a character must not cost the message. */
static void
test_text_that_is_not_utf8(void **state)
{
	static const struct {
		const char *text, *arrives;
	} cases[] = {
		{ "\xe2\x82\xac and \xe2\x82", "\xe2\x82\xac and ??" },
		{ "a\xff"
		  "b\xc3\xa9\xc3",
		  "a?b\xc3\xa9?" },
		{ "\xed\xa0\x80", "???" }, /* a surrogate */
		{ "\xc0\xaf", "??" }, /* overlong */
		{ "\xf0\x9f\x98\x80\xf0\x9f", "\xf0\x9f\x98\x80??" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct control_worker_lost value = {
			.worker = 7, .reason = cases[i].text, .lied = true
		};
		struct control_worker_lost result;

		PASS(worker_lost, value, result);
		assert_string_equal(result.reason, cases[i].arrives);
		assert_true(result.lied);
		drop(state);
	}
}

static void
test_configure(void **state)
{
	const struct control_configure value = { .generation = 4000000000u,
						 .pool = "shop" };
	struct control_configure result;

	(void)state;
	PASS(configure, value, result);
	assert_int_equal(result.generation, 4000000000u);
	assert_string_equal(result.pool, "shop");
}

static void
test_secrets(void **state)
{
	const struct control_configure value = { .generation = 7, .pool = "" };
	struct control_configure result;

	(void)state;
	PASS(secrets, value, result);
	assert_int_equal(result.generation, 7);
}

static void
test_socket(void **state)
{
	const struct control_socket value = { .address = "::1",
					      .port = 0,
					      .real_port = 65535,
					      .family = 10,
					      .thread = 3,
					      .tls = true };
	struct control_socket result;

	(void)state;
	PASS(socket, value, result);
	assert_string_equal(result.address, "::1");
	assert_int_equal(result.port, 0);
	assert_int_equal(result.real_port, 65535);
	assert_int_equal(result.family, 10);
	assert_int_equal(result.thread, 3);
	assert_true(result.tls);
}

static void
test_worker(void **state)
{
	const struct control_worker value = { .pool = "a",
					      .worker = 7,
					      .pid = 1234,
					      .loops = 2,
					      .generation = 9 };
	struct control_worker result;

	(void)state;
	PASS(worker, value, result);
	assert_string_equal(result.pool, "a");
	assert_int_equal(result.worker, 7);
	assert_int_equal(result.pid, 1234);
	assert_int_equal(result.loops, 2);
	assert_int_equal(result.generation, 9);
}

static void
test_pool_state(void **state)
{
	(void)state;
	for (int i = CONTROL_POOL_STARTED; i <= CONTROL_POOL_DISABLED; i++) {
		const struct control_pool_state_message value = {
			.pool = "a",
			.state = (enum control_pool_state)i,
			.reason = "5 failures"
		};
		struct control_pool_state_message result;

		PASS(pool_state, value, result);
		assert_int_equal(result.state, i);
		assert_string_equal(result.reason, "5 failures");
		json_object_set_new(kept, "state", json_string("maybe"));
		assert_int_equal(control_decode_pool_state(kept, &result, NULL),
				 PORTICO_PROTOCOL);
		json_decref(kept);
		kept = NULL;
	}
}

static void
test_query_and_reply(void **state)
{
	const struct control_query query = { .id = 5, .what = "pools" };
	struct control_query query_result;
	json_t *body = json_pack("{s:i}", "x", 1);
	struct control_reply reply = { .id = 5, .body = body };
	struct control_reply reply_result;

	(void)state;
	PASS(query, query, query_result);
	assert_int_equal(query_result.id, 5);
	assert_string_equal(query_result.what, "pools");
	json_decref(kept);
	PASS(reply, reply, reply_result);
	assert_int_equal(reply_result.id, 5);
	assert_true(json_equal(reply_result.body, body));
	json_decref(body);
	json_decref(kept);
	reply.body = NULL;
	PASS(reply, reply, reply_result);
	assert_true(json_is_null(reply_result.body));
}

static void
test_worker_lost(void **state)
{
	const struct control_worker_lost value = {
		.worker = 8,
		.reason = "lies",
		.lied = true,
		.exhausted = true,
		.refused = true,
	};
	const struct control_worker_gone gone = { .worker = 6,
						  .reason = "died" };
	struct control_worker_lost result;
	struct control_worker_gone gone_result;

	(void)state;
	PASS(worker_lost, value, result);
	assert_int_equal(result.worker, 8);
	assert_string_equal(result.reason, "lies");
	assert_true(result.lied);
	assert_true(result.exhausted);
	assert_true(result.refused);
	/* An older listener does not say so. */
	json_object_del(kept, "refused");
	assert_int_equal(control_decode_worker_lost(kept, &result, NULL),
			 PORTICO_OK);
	assert_false(result.refused);
	json_decref(kept);
	PASS(worker_gone, gone, gone_result);
	assert_int_equal(gone_result.worker, 6);
	assert_string_equal(gone_result.reason, "died");
}

static void
test_failed(void **state)
{
	struct portico_error err = { .status = PORTICO_OK }, back;
	struct control_failed value, result;

	(void)state;
	error_set(&err, PORTICO_ABI, "loading module x: abi 2");
	error_detail(&err, "Detail.");
	error_hint(&err, "Hint.");
	error_place(&err, "/etc/p.json", 12, 34);
	control_failed_from_error(&value, &err);
	PASS(failed, value, result);
	control_failed_to_error(&result, &back);
	assert_string_equal(back.message, err.message);
	assert_string_equal(back.detail, "Detail.");
	assert_string_equal(back.hint, "Hint.");
	assert_string_equal(back.file, "/etc/p.json");
	assert_int_equal(back.line, 12);
	assert_int_equal(back.column, 34);
}

static void
test_channel(void **state)
{
	const struct control_channel value = { .index = 1,
					       .count = 4,
					       .version = 3 };
	const struct control_refused refused = { .index = 2,
						 .message = "version 9" };
	struct control_channel result;
	struct control_refused refused_result;

	(void)state;
	PASS(channel, value, result);
	assert_int_equal(result.index, 1);
	assert_int_equal(result.count, 4);
	assert_int_equal(result.version, 3);
	json_decref(kept);
	PASS(refused, refused, refused_result);
	assert_int_equal(refused_result.index, 2);
	assert_string_equal(refused_result.message, "version 9");
}

/* Those with one number, and the times. */
#define ONE_NUMBER(name, type, member, number)                                 \
	do {                                                                   \
		const struct type value_ = { .member = (number) };             \
		struct type result_;                                           \
		PASS(name, value_, result_);                                   \
		assert_true(result_.member == (number));                       \
		json_decref(kept);                                             \
		kept = NULL;                                                   \
	} while (0)

static void
test_numbers(void **state)
{
	(void)state;
	ONE_NUMBER(sockets_done, control_sockets_done, count, 3);
	ONE_NUMBER(worker_drain, control_worker_drain, worker, 4);
	ONE_NUMBER(worker_drained, control_worker_drained, worker, 5);
	ONE_NUMBER(worker_drain, control_worker_drain, round, 4000000001u);
	ONE_NUMBER(worker_drained, control_worker_drained, round, 4000000001u);
	ONE_NUMBER(drain, control_drain, deadline_ms, 90000);
	ONE_NUMBER(drain, control_drain, idle_ms, 10000);
	ONE_NUMBER(ready, control_ready, generation, 4000000000u);
	ONE_NUMBER(ready, control_ready, loops, 2);
	ONE_NUMBER(worker_attached, control_worker_attached, worker, 6);
	ONE_NUMBER(drained, control_drained, aborted, 7);
	ONE_NUMBER(link, control_link, listener, 8);
	ONE_NUMBER(stop, control_stop, deadline_ms, 0x7fffffffffffffffull);
	ONE_NUMBER(ping, control_ping, id, 9);
	ONE_NUMBER(ping, control_ping, quiet, true);
	ONE_NUMBER(pong, control_pong, id, 10);
	ONE_NUMBER(stopped, control_stopped, served, 11);
	ONE_NUMBER(link_done, control_link_done, count, 12);
	ONE_NUMBER(attached, control_attached, index, 13);
}

static void
test_demand(void **state)
{
	const struct control_demand value = { .pool = "shop" };
	struct control_demand result;

	(void)state;
	PASS(demand, value, result);
	assert_string_equal(result.pool, "shop");
}

static void
test_notices(void **state)
{
	const struct control_notice notice = { .what = "configuration",
					       .text = "why",
					       .value = 1 };
	const struct control_replace wanted = { .reason = "unhealthy",
						.module = "shop",
						.text = "leaks" };
	const struct control_late late = { .id = 7, .text = "loop 1" };
	struct control_late late_result;
	struct control_notice told;
	struct control_replace reported;

	(void)state;
	PASS(notice, notice, told);
	assert_string_equal(told.what, "configuration");
	assert_string_equal(told.text, "why");
	assert_int_equal(told.value, 1);
	json_decref(kept);
	PASS(late, late, late_result);
	assert_int_equal(late_result.id, 7);
	assert_string_equal(late_result.text, "loop 1");
	json_decref(kept);
	PASS(replace, wanted, reported);
	assert_string_equal(reported.reason, "unhealthy");
	assert_string_equal(reported.module, "shop");
	assert_string_equal(reported.text, "leaks");
}

/* What a hostile or older peer may send. */
static void
test_refused(void **state)
{
	static const char *const texts[] = {
		"{}",
		"{\"pool\":\"a\",\"worker\":1,\"pid\":1,\"loops\":1}",
		"{\"pool\":1,\"worker\":1,\"pid\":1,\"loops\":1,"
		"\"generation\":1}",
		"{\"pool\":\"a\",\"worker\":-1,\"pid\":1,\"loops\":1,"
		"\"generation\":1}",
		"{\"pool\":\"a\",\"worker\":4294967296,\"pid\":1,\"loops\":1,"
		"\"generation\":1}",
		"{\"pool\":\"a\",\"worker\":1.5,\"pid\":1,\"loops\":1,"
		"\"generation\":1}",
		"{\"pool\":\"a\",\"worker\":null,\"pid\":1,\"loops\":1,"
		"\"generation\":1}",
		"{\"pool\":\"a\",\"worker\":1,\"pid\":3000000000,\"loops\":1,"
		"\"generation\":1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		json_t *json = json_loads(texts[i], 0, NULL);
		struct control_worker result;
		struct portico_error err;

		assert_non_null(json);
		assert_int_equal(control_decode_worker(json, &result, &err),
				 PORTICO_PROTOCOL);
		assert_non_null(strstr(err.message, "\"worker\" message"));
		json_decref(json);
	}
}

/* Members that are not known are no fault; optional ones may be absent. */
static void
test_other_versions(void **state)
{
	struct control_worker_lost result;

	(void)state;
	kept = json_loads("{\"worker\":3,\"colour\":\"red\"}", 0, NULL);
	assert_int_equal(control_decode_worker_lost(kept, &result, NULL),
			 PORTICO_OK);
	assert_int_equal(result.worker, 3);
	assert_string_equal(result.reason, "");
	assert_false(result.lied);
	assert_int_equal(control_type_find("colour"), CONTROL_UNKNOWN);
}

static void
test_types(void **state)
{
	(void)state;
	for (int i = CONTROL_UNKNOWN + 1; i < CONTROL_TYPE_COUNT; i++)
		assert_int_equal(control_type_find(control_type_text(
					 (enum control_type)i)),
				 i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_that_is_not_utf8),
		cmocka_unit_test_teardown(test_configure, drop),
		cmocka_unit_test_teardown(test_secrets, drop),
		cmocka_unit_test_teardown(test_socket, drop),
		cmocka_unit_test_teardown(test_worker, drop),
		cmocka_unit_test_teardown(test_pool_state, drop),
		cmocka_unit_test_teardown(test_query_and_reply, drop),
		cmocka_unit_test_teardown(test_worker_lost, drop),
		cmocka_unit_test_teardown(test_failed, drop),
		cmocka_unit_test_teardown(test_channel, drop),
		cmocka_unit_test_teardown(test_numbers, drop),
		cmocka_unit_test_teardown(test_demand, drop),
		cmocka_unit_test_teardown(test_notices, drop),
		cmocka_unit_test(test_refused),
		cmocka_unit_test_teardown(test_other_versions, drop),
		cmocka_unit_test(test_types),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
