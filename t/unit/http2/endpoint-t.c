/* SPDX-License-Identifier: Apache-2.0
 *
 * The endpoint alone: what it tells its owner and what it sends, whatever the
 * client does.  t/listener/http2-rules.t has the rules one by one, through a
 * real server; here is what needs exact bytes and windows.
 */
#include "t/unit/unit.h"

#include "core/base/memory.h"
#include "t/unit/http2/owner.h"

#define ROOM (1024 * 1024)

/* ---- what a client sends ------------------------------------------------------------ */

static void
put(struct buffer *to, unsigned type, unsigned flags, uint32_t stream,
    const void *payload, size_t length)
{
	uint8_t head[HTTP2_FRAME_HEAD_BYTES];

	http2_frame_write(head, (uint32_t)length, (enum http2_frame_type)type,
			  flags, stream);
	assert_int_equal(buffer_append(to, head, sizeof(head)), PORTICO_OK);
	assert_int_equal(buffer_append(to, payload, length), PORTICO_OK);
}

static void
put_number(struct buffer *to, unsigned type, uint32_t stream, uint32_t number)
{
	uint8_t payload[4];

	http2_put32(payload, number);
	put(to, type, 0, stream, payload, sizeof(payload));
}

static void
put_setting(struct buffer *to, unsigned setting, uint32_t value)
{
	uint8_t payload[6] = { 0, (uint8_t)setting };

	http2_put32(payload + 2, value);
	put(to, HTTP2_SETTINGS, 0, 0, payload, sizeof(payload));
}

/* GET / of http://a */
static const char get[] = "\x82\x86\x84\x41\x01"
			  "a";
#define GET_BYTES (sizeof(get) - 1)

static void
put_get(struct buffer *to, uint32_t stream)
{
	put(to, HTTP2_HEADERS, HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM,
	    stream, get, GET_BYTES);
}

/* POST, whose body follows. */
static void
put_post(struct buffer *to, uint32_t stream)
{
	put(to, HTTP2_HEADERS, HTTP2_FLAG_END_HEADERS, stream,
	    "\x83\x86\x84\x41\x01"
	    "a",
	    GET_BYTES);
}

static void
feed(struct owner *owner, struct buffer *bytes)
{
	assert_true(owner_feed(owner, bytes->data, bytes->length));
	buffer_reset(bytes);
}

/* A connection that has begun; what was said so far is forgotten. */
static void
begin(struct owner *owner, struct buffer *bytes)
{
	owner_init(owner);
	buffer_init(bytes, 0);
	put(bytes, HTTP2_SETTINGS, 0, 0, "", 0);
	put(bytes, HTTP2_SETTINGS, HTTP2_FLAG_ACK, 0, "", 0);
	feed(owner, bytes);
	owner_drain(owner, ROOM);
	buffer_reset(&owner->sent);
}

static void
end(struct owner *owner, struct buffer *bytes)
{
	owner_fini(owner);
	buffer_fini(bytes);
}

/* ---- what it gets ---------------------------------------------------------------------- */

static const char *
frame_name(unsigned type)
{
	static const char *const names[] = { "DATA",	      "HEADERS",
					     "PRIORITY",      "RST_STREAM",
					     "SETTINGS",      "PUSH_PROMISE",
					     "PING",	      "GOAWAY",
					     "WINDOW_UPDATE", "CONTINUATION" };

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

/* "HEADERS 1 4 DATA 1 1 100": type, stream, flags, and of DATA the bytes. */
static const char *
sent(struct owner *owner)
{
	static struct buffer text;
	const uint8_t *at = (const uint8_t *)owner->sent.data;
	size_t left = owner->sent.length;

	owner_drain(owner, ROOM);
	at = (const uint8_t *)owner->sent.data;
	left = owner->sent.length;
	buffer_reset(&text);
	while (left > 0) {
		struct http2_frame_head head;

		assert_true(left >= HTTP2_FRAME_HEAD_BYTES);
		head = http2_frame_read(at);
		assert_true(left >= HTTP2_FRAME_HEAD_BYTES + head.length);
		(void)buffer_printf(&text, "%s%s %u %u",
				    text.length > 0 ? " " : "",
				    frame_name(head.type), head.stream,
				    head.flags);
		if (head.type == HTTP2_DATA)
			(void)buffer_printf(&text, " %u", head.length);
		if (head.type == HTTP2_RST_STREAM)
			(void)buffer_printf(
				&text, " %s",
				http2_error_name(http2_get32(at + 9)));
		if (head.type == HTTP2_WINDOW_UPDATE)
			(void)buffer_printf(&text, " %u", http2_get32(at + 9));
		if (head.type == HTTP2_GOAWAY)
			(void)buffer_printf(
				&text, " %u %s", http2_get32(at + 9),
				http2_error_name(http2_get32(at + 13)));
		at += HTTP2_FRAME_HEAD_BYTES + head.length;
		left -= HTTP2_FRAME_HEAD_BYTES + head.length;
	}
	buffer_reset(&owner->sent);
	return buffer_text(&text);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void
introduces_itself(void **unused)
{
	struct owner owner;

	(void)unused;
	owner_init(&owner);
	assert_string_equal(sent(&owner), "SETTINGS 0 0");
	owner_fini(&owner);
}

static void
a_request_and_its_answer(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.body = 100;
	put_get(&bytes, 1);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "HEADERS 1 4 DATA 1 1 100");
	assert_string_equal(buffer_text(&owner.told),
			    "open 1\nfield 1 :method: GET\n"
			    "field 1 :scheme: http\nfield 1 :path: /\n"
			    "field 1 :authority: a\nhead 1 ended\nclosed 1\n");
	owner.body = 0;
	put_get(&bytes, 3);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "HEADERS 3 5");
	owner.trailers = true;
	put_get(&bytes, 5);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "HEADERS 5 4 HEADERS 5 5");
	assert_int_equal(owner.endpoint.streams, 0);
	end(&owner, &bytes);
}

/* The same, whatever pieces it comes in: of this everything follows. */
static void
pieces_make_no_difference(void **unused)
{
	struct owner whole, pieces;
	struct buffer bytes, padded;
	size_t length;
	char *data;

	(void)unused;
	begin(&whole, &bytes);
	whole.body = 20;
	put_get(&bytes, 1);
	put(&bytes, 99, 0xff, 7, "unknown", 7);
	put_post(&bytes, 3);
	buffer_init(&padded, 0);
	(void)buffer_append(&padded, "\3data\0\0\0", 8);
	put(&bytes, HTTP2_DATA, HTTP2_FLAG_PADDED, 3, padded.data,
	    padded.length);
	put(&bytes, HTTP2_DATA, 0, 3, "", 0);
	put(&bytes, HTTP2_PING, 0, 0, "12345678", 8);
	put(&bytes, HTTP2_DATA, HTTP2_FLAG_PADDED | HTTP2_FLAG_END_STREAM, 3,
	    padded.data, padded.length);
	put(&bytes, HTTP2_HEADERS, HTTP2_FLAG_END_STREAM, 5, get, 2);
	put(&bytes, HTTP2_CONTINUATION, 0, 5, "", 0);
	put(&bytes, HTTP2_CONTINUATION, HTTP2_FLAG_END_HEADERS, 5, get + 2,
	    GET_BYTES - 2);
	data = buffer_take(&bytes, &length);
	assert_true(owner_feed(&whole, data, length));
	owner_drain(&whole, ROOM);

	begin(&pieces, &bytes);
	pieces.body = 20;
	for (size_t i = 0; i < length; i++)
		assert_true(owner_feed(&pieces, data + i, 1));
	owner_drain(&pieces, ENDPOINT_LEAST_ROOM);
	assert_string_equal(buffer_text(&whole.told),
			    buffer_text(&pieces.told));
	assert_int_equal(whole.sent.length, pieces.sent.length);
	assert_memory_equal(whole.sent.data, pieces.sent.data,
			    whole.sent.length);
	assert_int_equal(whole.data, 8);
	assert_int_equal(pieces.data, 8);
	mem_free(data);
	buffer_fini(&padded);
	owner_fini(&whole);
	end(&pieces, &bytes);
}

static void
windows_keep_bodies_back(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	put_setting(&bytes, HTTP2_SETTING_INITIAL_WINDOW_SIZE, 1000);
	put_get(&bytes, 1);
	owner.body = 3000;
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "SETTINGS 0 1 HEADERS 1 4 DATA 1 0 1000");
	assert_false(endpoint_has_output(&owner.endpoint));
	put_number(&bytes, HTTP2_WINDOW_UPDATE, 1, 500);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "DATA 1 0 500");
	/* Below nothing, and up again (RFC 9113 section 6.9.2). */
	put_setting(&bytes, HTTP2_SETTING_INITIAL_WINDOW_SIZE, 0);
	put_number(&bytes, HTTP2_WINDOW_UPDATE, 1, 1000);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "SETTINGS 0 1");
	put_number(&bytes, HTTP2_WINDOW_UPDATE, 1, 1);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "DATA 1 0 1");
	put_setting(&bytes, HTTP2_SETTING_INITIAL_WINDOW_SIZE, 10000);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "SETTINGS 0 1 DATA 1 1 1499");
	end(&owner, &bytes);
}

static void
the_window_of_the_connection(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.body = 60000;
	put_get(&bytes, 1);
	put_get(&bytes, 3);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "HEADERS 1 4 HEADERS 3 4"
			    " DATA 1 0 16384 DATA 1 0 16384 DATA 1 0 16384"
			    " DATA 1 1 10848 DATA 3 0 5535");
	assert_false(endpoint_has_output(&owner.endpoint));
	/* What is empty needs no window: an answer without a body, and the end
	 * of one whose body is through. */
	owner.body = 0;
	put_get(&bytes, 5);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "HEADERS 5 5");
	owner.hold = true;
	put_get(&bytes, 7);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "HEADERS 7 4");
	owner_find(&owner, 7)->held = false;
	endpoint_body_ready(&owner.endpoint, &owner_find(&owner, 7)->flow);
	assert_string_equal(sent(&owner), "DATA 7 1 0");
	put_number(&bytes, HTTP2_WINDOW_UPDATE, 0, 100000);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "DATA 3 0 16384 DATA 3 0 16384 DATA 3 0 16384"
			    " DATA 3 1 5313");
	end(&owner, &bytes);
}

/* The end of a body that has used up its stream's window. */
static void
the_end_needs_no_window(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	put_setting(&bytes, HTTP2_SETTING_INITIAL_WINDOW_SIZE, 10);
	put_get(&bytes, 1);
	owner.body = 10;
	owner.hold = true;
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "SETTINGS 0 1 HEADERS 1 4 DATA 1 0 10");
	owner_find(&owner, 1)->held = false;
	endpoint_body_ready(&owner.endpoint, &owner_find(&owner, 1)->flow);
	assert_string_equal(sent(&owner), "DATA 1 1 0");
	end(&owner, &bytes);
}

/* All bytes of DATA count, padding too, and all are given back. */
static void
what_the_client_may_send(void **unused)
{
	static const uint8_t data[HTTP2_FRAME_BYTES] = { 255 };
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	put_post(&bytes, 1);
	put(&bytes, HTTP2_DATA, HTTP2_FLAG_PADDED, 1, data, sizeof(data));
	feed(&owner, &bytes);
	assert_int_equal(owner.data, sizeof(data) - 256);
	assert_string_equal(sent(&owner), "");
	put(&bytes, HTTP2_DATA, 0, 1, data, sizeof(data));
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "WINDOW_UPDATE 0 0 32768 WINDOW_UPDATE 1 0 32768");
	/* Of a stream that is gone only the connection's. */
	put_number(&bytes, HTTP2_RST_STREAM, 1, HTTP2_CANCEL);
	put(&bytes, HTTP2_DATA, 0, 1, data, sizeof(data));
	put(&bytes, HTTP2_DATA, HTTP2_FLAG_PADDED, 1, data, sizeof(data));
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "WINDOW_UPDATE 0 0 32768");
	assert_int_equal(owner.endpoint.receive_left, HTTP2_WINDOW_FIRST);
	end(&owner, &bytes);
}

/* A client that has not seen our SETTINGS keeps to 65535 bytes. */
static void
settings_count_when_acknowledged(void **unused)
{
	static const uint8_t data[8192];
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	owner_init(&owner);
	buffer_init(&bytes, 0);
	owner.endpoint.limits.stream_window = 4096;
	put(&bytes, HTTP2_SETTINGS, 0, 0, "", 0);
	put_post(&bytes, 1);
	put(&bytes, HTTP2_DATA, 0, 1, data, sizeof(data));
	feed(&owner, &bytes);
	assert_null(strstr(buffer_text(&owner.told), "broken"));
	put(&bytes, HTTP2_SETTINGS, HTTP2_FLAG_ACK, 0, "", 0);
	put_post(&bytes, 3);
	put(&bytes, HTTP2_DATA, 0, 3, data, 4096);
	feed(&owner, &bytes);
	assert_null(strstr(buffer_text(&owner.told), "broken"));
	put_post(&bytes, 5);
	put(&bytes, HTTP2_DATA, 0, 5, data, 4097);
	feed(&owner, &bytes);
	assert_non_null(strstr(buffer_text(&owner.told),
			       "broken 5 FLOW_CONTROL_ERROR"));
	put(&bytes, HTTP2_SETTINGS, HTTP2_FLAG_ACK, 0, "", 0);
	feed(&owner, &bytes);
	assert_non_null(
		strstr(buffer_text(&owner.told), "failed PROTOCOL_ERROR"));
	end(&owner, &bytes);
}

/* RFC 9113 section 5.1.1. */
static void
numbers_that_were_passed_over(void **unused)
{
	static const struct {
		unsigned type, flags;
		const char *payload;
		unsigned length;
		bool fault;
	} cases[] = {
		{ HTTP2_HEADERS, 5, get, GET_BYTES, true },
		{ HTTP2_DATA, 0, "x", 1, true },
		{ HTTP2_RST_STREAM, 0, "\0\0\0\10", 4, true },
		{ HTTP2_WINDOW_UPDATE, 0, "\0\0\0\1", 4, true },
		{ HTTP2_PRIORITY, 0, "\0\0\0\0\1", 5, false },
	};
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&owner, &bytes);
		put_get(&bytes, 1);
		put_get(&bytes, 9);
		put(&bytes, cases[i].type, cases[i].flags, 5, cases[i].payload,
		    cases[i].length);
		feed(&owner, &bytes);
		assert_int_equal(strstr(buffer_text(&owner.told),
					"failed PROTOCOL_ERROR") != NULL,
				 cases[i].fault);
		end(&owner, &bytes);
	}
	/* What was opened and is closed is something else. */
	begin(&owner, &bytes);
	put_get(&bytes, 1);
	put_get(&bytes, 9);
	feed(&owner, &bytes);
	owner_drain(&owner, ROOM);
	put(&bytes, HTTP2_WINDOW_UPDATE, 0, 1, "\0\0\0\1", 4);
	put_get(&bytes, 9);
	put_get(&bytes, 11);
	feed(&owner, &bytes);
	assert_null(strstr(buffer_text(&owner.told), "failed"));
	assert_non_null(strstr(buffer_text(&owner.told), "open 11"));
	end(&owner, &bytes);
}

static void
too_many_streams(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.silent = true;
	owner.endpoint.limits.streams = 2;
	put_get(&bytes, 1);
	put_get(&bytes, 3);
	put_get(&bytes, 5);
	put_number(&bytes, HTTP2_RST_STREAM, 1, HTTP2_CANCEL);
	put_get(&bytes, 7);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "RST_STREAM 5 0 REFUSED_STREAM");
	assert_non_null(strstr(buffer_text(&owner.told), "head 7 ended"));
	end(&owner, &bytes);
}

/* The decoder's table is that of the connection: what is put into it by a head
 * that nobody wants is there for the next one. */
static void
heads_that_nobody_wants_are_decoded(void **unused)
{
	/* GET / of http://a, with "x: y" into the table, or from it. */
	static const char into[] = "\x82\x86\x84\x41\x01"
				   "a\x40\x01x\x01y";
	static const char from[] = "\x82\x86\x84\xbf\xbe";
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.silent = true;
	owner.endpoint.limits.streams = 1;
	put_get(&bytes, 1);
	put(&bytes, HTTP2_HEADERS, 5, 3, into, sizeof(into) - 1);
	put_number(&bytes, HTTP2_RST_STREAM, 1, HTTP2_CANCEL);
	put(&bytes, HTTP2_HEADERS, 5, 5, from, sizeof(from) - 1);
	feed(&owner, &bytes);
	assert_non_null(strstr(buffer_text(&owner.told), "field 5 x: y"));
	end(&owner, &bytes);
}

static void
long_heads_go_on_in_continuation(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.head_bytes = 40000;
	owner.body = 1;
	put_get(&bytes, 1);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "HEADERS 1 0 CONTINUATION 1 0 CONTINUATION 1 4"
			    " DATA 1 1 1");
	put_setting(&bytes, HTTP2_SETTING_MAX_FRAME_SIZE, 1 << 20);
	owner.body = 0;
	put_get(&bytes, 3);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "SETTINGS 0 1 HEADERS 3 5");
	end(&owner, &bytes);
}

static void
the_most_urgent_is_first(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.body = 20000;
	for (uint32_t id = 1; id <= 9; id += 2)
		put_get(&bytes, id);
	put(&bytes, HTTP2_PRIORITY_UPDATE, 0, 0,
	    "\0\0\0\x07"
	    "1",
	    5);
	put(&bytes, HTTP2_PRIORITY_UPDATE, 0, 0,
	    "\0\0\0\1"
	    "5i",
	    6);
	put(&bytes, HTTP2_PRIORITY_UPDATE, 0, 0,
	    "\0\0\0\5"
	    "5i",
	    6);
	put_number(&bytes, HTTP2_WINDOW_UPDATE, 0, 100000);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner),
			    "HEADERS 1 4 HEADERS 3 4 HEADERS 5 4 HEADERS 7 4"
			    " HEADERS 9 4"
			    " DATA 7 0 16384 DATA 7 1 3616"
			    " DATA 3 0 16384 DATA 3 1 3616"
			    " DATA 9 0 16384 DATA 9 1 3616"
			    " DATA 1 0 16384 DATA 5 0 16384"
			    " DATA 1 1 3616 DATA 5 1 3616");
	end(&owner, &bytes);
}

static void
it_ends_in_three_ways(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	owner.silent = true;
	put_get(&bytes, 1);
	feed(&owner, &bytes);
	endpoint_warn(&owner.endpoint);
	assert_string_equal(sent(&owner), "GOAWAY 0 0 2147483647 NO_ERROR");
	assert_false(endpoint_is_over(&owner.endpoint));
	put_get(&bytes, 3);
	feed(&owner, &bytes);
	endpoint_refuse(&owner.endpoint);
	endpoint_refuse(&owner.endpoint);
	/* What was on the way is not seen, but no fault. */
	put_post(&bytes, 5);
	put(&bytes, HTTP2_DATA, 0, 5, "x", 1);
	put_number(&bytes, HTTP2_WINDOW_UPDATE, 5, 1);
	put_number(&bytes, HTTP2_RST_STREAM, 5, HTTP2_CANCEL);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "GOAWAY 0 0 3 NO_ERROR");
	assert_null(strstr(buffer_text(&owner.told), "open 5"));
	put_number(&bytes, HTTP2_RST_STREAM, 1, HTTP2_CANCEL);
	feed(&owner, &bytes);
	assert_false(endpoint_is_over(&owner.endpoint));
	endpoint_head_ready(&owner.endpoint, &owner_find(&owner, 3)->flow);
	assert_string_equal(sent(&owner), "HEADERS 3 5");
	assert_true(endpoint_is_over(&owner.endpoint));
	end(&owner, &bytes);

	begin(&owner, &bytes);
	put_get(&bytes, 1);
	put(&bytes, HTTP2_PING, 0, 1, "12345678", 8);
	put_get(&bytes, 3);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "GOAWAY 0 0 1 PROTOCOL_ERROR");
	assert_true(endpoint_is_over(&owner.endpoint));
	assert_null(strstr(buffer_text(&owner.told), "open 3"));
	end(&owner, &bytes);
}

static void
what_goes_out_before_the_answer(void **unused)
{
	struct owner owner;
	struct buffer bytes;

	(void)unused;
	begin(&owner, &bytes);
	put_post(&bytes, 1);
	feed(&owner, &bytes);
	endpoint_inform(&owner.endpoint, &owner_find(&owner, 1)->flow, 100);
	assert_string_equal(sent(&owner), "HEADERS 1 4");
	put(&bytes, HTTP2_DATA, HTTP2_FLAG_END_STREAM, 1, "x", 1);
	feed(&owner, &bytes);
	assert_string_equal(sent(&owner), "HEADERS 1 5");
	end(&owner, &bytes);
}

/* What is sent in small rooms is what is sent in a large one. */
static void
rooms_make_no_difference(void **unused)
{
	struct owner large, small;
	struct buffer bytes;
	struct owner *const both[] = { &large, &small };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		begin(both[i], &bytes);
		both[i]->body = 5000;
		both[i]->trailers = true;
		for (uint32_t id = 1; id < 20; id += 2)
			put_get(&bytes, id);
		for (unsigned n = 0; n < 1000; n++)
			put(&bytes, HTTP2_PING, 0, 0, "12345678", 8);
		feed(both[i], &bytes);
		buffer_fini(&bytes);
	}
	owner_drain(&large, 1 << 20);
	owner_drain(&small, ENDPOINT_LEAST_ROOM);
	/* Only the cuts of bodies differ. */
	assert_true(small.sent.length >= large.sent.length);
	assert_int_equal(large.endpoint.streams, 0);
	assert_int_equal(small.endpoint.streams, 0);
	assert_int_equal(large.endpoint.window, small.endpoint.window);
	owner_fini(&large);
	owner_fini(&small);
}

static void
fields_without_end(void **unused)
{
	static const uint8_t references[16384] = { 0x82 };
	struct owner owner;
	struct buffer bytes;
	bool good = true;

	(void)unused;
	begin(&owner, &bytes);
	put(&bytes, HTTP2_HEADERS, 0, 1, references, sizeof(references));
	for (unsigned i = 0; i < 4; i++)
		put(&bytes, HTTP2_CONTINUATION, 0, 1, references,
		    sizeof(references));
	good = owner_feed(&owner, bytes.data, bytes.length);
	assert_false(good);
	end(&owner, &bytes);
	/* Few bytes that stand for many. */
	begin(&owner, &bytes);
	put(&bytes, HTTP2_HEADERS, HTTP2_FLAG_END_HEADERS, 1, get, GET_BYTES);
	feed(&owner, &bytes);
	{
		uint8_t bomb[4096];

		memset(bomb, 0xbe, sizeof(bomb));
		put(&bytes, HTTP2_HEADERS, HTTP2_FLAG_END_HEADERS, 3, bomb,
		    sizeof(bomb));
	}
	assert_false(owner_feed(&owner, bytes.data, bytes.length));
	end(&owner, &bytes);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(introduces_itself),
	cmocka_unit_test(a_request_and_its_answer),
	cmocka_unit_test(pieces_make_no_difference),
	cmocka_unit_test(windows_keep_bodies_back),
	cmocka_unit_test(the_window_of_the_connection),
	cmocka_unit_test(the_end_needs_no_window),
	cmocka_unit_test(what_the_client_may_send),
	cmocka_unit_test(settings_count_when_acknowledged),
	cmocka_unit_test(numbers_that_were_passed_over),
	cmocka_unit_test(too_many_streams),
	cmocka_unit_test(heads_that_nobody_wants_are_decoded),
	cmocka_unit_test(long_heads_go_on_in_continuation),
	cmocka_unit_test(the_most_urgent_is_first),
	cmocka_unit_test(it_ends_in_three_ways),
	cmocka_unit_test(what_goes_out_before_the_answer),
	cmocka_unit_test(rooms_make_no_difference),
	cmocka_unit_test(fields_without_end),
};

UNIT_MAIN(tests)
