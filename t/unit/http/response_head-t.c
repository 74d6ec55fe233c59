/* SPDX-License-Identifier: Apache-2.0
 *
 * Response heads: what a worker writes comes out as HTTP/1.1, and whatever
 * it may lie about is noticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/memory.h"
#include "core/http/date.h"
#include "core/http/response_head.h"

static const char date[] = "Sun, 06 Nov 1994 08:49:37 GMT";

static struct http_emit_options options;
static struct http_response_info info;
static char block[8192];
static char out[65536];

static void
set_options(void)
{
	options = (struct http_emit_options){
		.date = date,
		.server = "Portico",
		.server_length = 7,
		.minor = 1,
		.keep_alive = true,
	};
}

/* Emits from memory of exactly `size` bytes into exactly the bound. */
static ssize_t
emit(const void *bytes, size_t size)
{
	char *copy = mem_alloc(size + (size == 0));
	size_t bound = http_response_head_emit_bound(size, &options);
	char *to = mem_alloc(bound);
	ssize_t n;

	memcpy(copy, bytes, size);
	n = http_response_head_emit_h1(copy, size, &options, to, bound, &info);
	if (n >= 0) {
		assert_true((size_t)n <= bound);
		assert_true((size_t)n < sizeof(out));
		memcpy(out, to, (size_t)n);
		out[n] = '\0';
	}
	mem_free(copy);
	mem_free(to);
	return n;
}

static size_t
simple(unsigned status, int64_t length, unsigned flags)
{
	struct http_response_head fixed = { .status = (uint16_t)status,
					    .substatus = 3,
					    .flags = (uint8_t)flags,
					    .content_length = length };
	struct http_response_writer writer;

	http_response_head_begin(&writer, block, sizeof(block));
	http_response_head_add(&writer, HTTP_HEADER_CONTENT_TYPE, "text/html",
			       9);
	http_response_head_add_name(&writer, "x-own", 5, "yes", 3);
	return http_response_head_end(&writer, &fixed);
}

#define FIELDS "Content-Type: text/html\r\nx-own: yes\r\n"
#define OWN "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: Portico\r\n"

static void
emits_a_plain_response(void **unused)
{
	size_t size;

	(void)unused;
	set_options();
	size = simple(200, 1234, 0);
	assert_true(emit(block, size) > 0);
	assert_string_equal(out, "HTTP/1.1 200 OK\r\n" FIELDS OWN
				 "Content-Length: 1234\r\n\r\n");
	assert_int_equal(info.status, 200);
	assert_int_equal(info.substatus, 3);
	assert_int_equal(info.framing, HTTP_FRAMING_LENGTH);
	assert_true(info.keep_alive);
	assert_true(info.content_length == 1234);
	assert_int_equal(info.size, size);
	/* A body may follow in the same block. */
	assert_true(emit(block, size + 100) > 0);
	assert_int_equal(info.size, size);
}

static void
chooses_the_framing(void **unused)
{
	static const struct {
		unsigned status;
		int64_t length;
		unsigned flags;
		int minor;
		bool keep_alive;
		bool head;
		enum http_response_framing framing;
		bool stays;
		const char *fields;
	} cases[] = {
		{ 200, -1, 0, 1, true, false, HTTP_FRAMING_CHUNKED, true,
		  "Transfer-Encoding: chunked\r\n" },
		{ 200, -1, 0, 1, false, false, HTTP_FRAMING_CHUNKED, false,
		  "Transfer-Encoding: chunked\r\nConnection: close\r\n" },
		{ 200, -1, 0, 0, true, false, HTTP_FRAMING_CLOSE, false,
		  "Connection: close\r\n" },
		{ 200, 0, 0, 0, true, false, HTTP_FRAMING_LENGTH, true,
		  "Content-Length: 0\r\nConnection: keep-alive\r\n" },
		{ 200, 5, HTTP_RESPONSE_CLOSE, 1, true, false,
		  HTTP_FRAMING_LENGTH, false,
		  "Content-Length: 5\r\nConnection: close\r\n" },
		{ 200, 5, 0, 1, true, true, HTTP_FRAMING_NONE, true,
		  "Content-Length: 5\r\n" },
		{ 200, -1, 0, 1, true, true, HTTP_FRAMING_NONE, true, "" },
		{ 204, -1, 0, 1, true, false, HTTP_FRAMING_NONE, true, "" },
		{ 204, 7, 0, 1, true, false, HTTP_FRAMING_NONE, true, "" },
		{ 205, 7, 0, 1, true, false, HTTP_FRAMING_NONE, true,
		  "Content-Length: 0\r\n" },
		{ 304, 0, 0, 1, true, false, HTTP_FRAMING_NONE, true, "" },
		{ 304, 9, 0, 1, true, false, HTTP_FRAMING_NONE, true,
		  "Content-Length: 9\r\n" },
		{ 200, INT64_MAX, 0, 1, true, false, HTTP_FRAMING_LENGTH, true,
		  "Content-Length: 9223372036854775807\r\n" },
	};
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char wanted[512];

		set_options();
		options.minor = (uint8_t)cases[i].minor;
		options.keep_alive = cases[i].keep_alive;
		options.head_request = cases[i].head;
		assert_true(emit(block, simple(cases[i].status, cases[i].length,
					       cases[i].flags)) > 0);
		snprintf(wanted, sizeof(wanted),
			 "HTTP/1.1 %u %s\r\n" FIELDS OWN "%s\r\n",
			 cases[i].status, http_status_reason(cases[i].status),
			 cases[i].fields);
		assert_string_equal(out, wanted);
		assert_int_equal(info.framing, cases[i].framing);
		assert_int_equal(info.keep_alive, cases[i].stays);
	}
}

static void
adds_date_and_server_once(void **unused)
{
	struct http_response_head fixed = { .status = 299 };
	struct http_response_writer writer;
	size_t size;

	(void)unused;
	set_options();
	http_response_head_begin(&writer, block, sizeof(block));
	http_response_head_add_name(&writer, "SERVER", 6, "mine", 4);
	http_response_head_add(&writer, HTTP_HEADER_DATE, "then", 4);
	http_response_head_add(&writer, HTTP_HEADER_VARY, "", 0);
	size = http_response_head_end(&writer, &fixed);
	assert_true(emit(block, size) > 0);
	assert_string_equal(out, "HTTP/1.1 299 \r\nServer: mine\r\nDate: then"
				 "\r\nVary: \r\nContent-Length: 0\r\n\r\n");
	options.date = NULL;
	options.server = NULL;
	assert_true(emit(block, simple(200, 0, 0)) > 0);
	assert_string_equal(out, "HTTP/1.1 200 OK\r\n" FIELDS
				 "Content-Length: 0\r\n\r\n");
	set_options();
	assert_true(emit(block, simple(200, 0, HTTP_RESPONSE_NO_SERVER)) > 0);
	assert_null(strstr(out, "Server:"));
	assert_non_null(strstr(out, "Date:"));
}

static void
emits_every_known_field(void **unused)
{
	unsigned id;

	(void)unused;
	set_options();
	for (id = 1; id < HTTP_HEADER_COUNT; id++) {
		struct http_response_head fixed = {
			.status = 200,
			.content_length = HTTP_RESPONSE_LENGTH_UNKNOWN
		};
		struct http_response_writer writer;
		char wanted[128];
		size_t size;
		ssize_t n;

		http_response_head_begin(&writer, block, sizeof(block));
		http_response_head_add(&writer, id, "v", 1);
		size = http_response_head_end(&writer, &fixed);
		n = emit(block, size);
		if (n == HTTP_RESPONSE_FAULT_FORBIDDEN)
			continue;
		assert_true(n > 0);
		snprintf(wanted, sizeof(wanted), "\r\n%s: v\r\n",
			 http_header_name(id));
		assert_non_null(strstr(out, wanted));
	}
}

/* Each byte value at the places that the three copy loops treat apart. */
static void
checks_every_byte_of_a_value(void **unused)
{
	static const size_t lengths[] = { 1,  2,  7,  8,  9,  15, 16,
					  17, 31, 32, 33, 48, 50 };
	struct http_response_head fixed = { .status = 200 };
	struct http_response_writer writer;
	size_t i, at, size;
	unsigned c;

	(void)unused;
	set_options();
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (at = 0; at < lengths[i]; at++) {
			for (c = 0; c < 256; c++) {
				bool good = c == '\t' ||
					    (c >= 0x20 && c != 0x7f);
				char value[64];
				ssize_t n;

				memset(value, 'v', sizeof(value));
				value[at] = (char)c;
				http_response_head_begin(&writer, block,
							 sizeof(block));
				http_response_head_add(&writer,
						       HTTP_HEADER_VARY, value,
						       lengths[i]);
				size = http_response_head_end(&writer, &fixed);
				n = http_response_head_emit_h1(block, size,
							       &options, out,
							       sizeof(out),
							       &info);
				if (!good) {
					assert_int_equal(
						n, HTTP_RESPONSE_FAULT_VALUE);
					continue;
				}
				assert_true(n > 0);
				assert_memory_equal(out + 17 + 6, value,
						    lengths[i]);
			}
		}
	}
}

/* A list of names, where trailers can follow. */
static void
announces_trailers(void **unused)
{
	static const struct {
		const char *list;
		int64_t length;
		bool sane, emitted;
	} cases[] = {
		{ "X-A", -1, true, true },
		{ "X-A, X-B", -1, true, true },
		{ "X-A", 5, true, false },
		{ "X A", -1, false, false },
		{ "", -1, false, false },
		{ "X-A, Content-Length", -1, false, false },
		{ "Set-Cookie", 5, false, false },
	};

	(void)unused;
	set_options();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_response_head fixed = {
			.status = 200, .content_length = cases[i].length
		};
		struct http_response_writer writer;
		size_t size;

		http_response_head_begin(&writer, block, sizeof(block));
		http_response_head_add(&writer, HTTP_HEADER_TRAILER,
				       cases[i].list, strlen(cases[i].list));
		size = http_response_head_end(&writer, &fixed);
		if (!cases[i].sane) {
			assert_int_equal(emit(block, size),
					 HTTP_RESPONSE_FAULT_FORBIDDEN);
			continue;
		}
		assert_true(emit(block, size) > 0);
		assert_true((strstr(out, "\r\nTrailer: X-A") != NULL) ==
			    cases[i].emitted);
	}
}

static void
refuses_fields_of_the_listener(void **unused)
{
	static const char *const names[] = {
		"Connection",	     "connection",	  "Content-Length",
		"Transfer-Encoding", "TRANSFER-ENCODING", "Keep-Alive",
		"Upgrade",	     "Proxy-Connection"
	};
	struct http_response_head fixed = { .status = 200 };
	size_t i;

	(void)unused;
	set_options();
	options.allow_upgrade = true;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct http_response_field field = { 0 };
		struct http_response_writer writer;
		size_t size, n = strlen(names[i]);

		http_response_head_begin(&writer, block, sizeof(block));
		http_response_head_add_name(&writer, names[i], n, "x", 1);
		size = http_response_head_end(&writer, &fixed);
		assert_int_equal(emit(block, size),
				 HTTP_RESPONSE_FAULT_FORBIDDEN);
		/* In disguise: by name although it has an id. */
		field.name_length = (uint16_t)n;
		field.value_length = 1;
		memcpy(block + 32, &field, sizeof(field));
		memcpy(block + 40, names[i], n);
		block[40 + n] = 'x';
		((struct http_response_head *)(void *)block)->size =
			(uint32_t)(41 + n);
		assert_int_equal(emit(block, 41 + n),
				 HTTP_RESPONSE_FAULT_FORBIDDEN);
	}
}

static void
refuses_names_that_are_no_tokens(void **unused)
{
	static const char *const names[] = { "",     "a b", "a:",      "a\r\nb",
					     "a\tb", "(a)", "\xc3\xa4" };
	struct http_response_head fixed = { .status = 200 };
	size_t i;

	(void)unused;
	set_options();
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct http_response_writer writer;
		size_t size;

		http_response_head_begin(&writer, block, sizeof(block));
		http_response_head_add_name(&writer, names[i], strlen(names[i]),
					    "x", 1);
		size = http_response_head_end(&writer, &fixed);
		assert_int_equal(emit(block, size), HTTP_RESPONSE_FAULT_NAME);
	}
}

/* Changes one number in a good head. */
#define LIE(member, value, fault)                                              \
	do {                                                                   \
		struct http_response_head head;                                \
		size_t size = simple(200, 5, 0);                               \
		memcpy(&head, block, sizeof(head));                            \
		head.member = value;                                           \
		memcpy(block, &head, sizeof(head));                            \
		assert_int_equal(emit(block, size),                            \
				 HTTP_RESPONSE_FAULT_##fault);                 \
	} while (0)

static void
refuses_lies_in_the_fixed_part(void **unused)
{
	size_t size, n;

	(void)unused;
	set_options();
	LIE(magic, 0, MAGIC);
	LIE(version, 2, MAGIC);
	LIE(flags, 0x80, RESERVED);
	LIE(cache_query, 1, RESERVED);
	LIE(status, 0, STATUS);
	LIE(status, 100, STATUS);
	LIE(status, 101, STATUS);
	LIE(status, 199, STATUS);
	LIE(status, 600, STATUS);
	LIE(status, 65535, STATUS);
	LIE(content_length, -2, LENGTH);
	LIE(content_length, INT64_MIN, LENGTH);
	LIE(count, 0, COUNT);
	LIE(count, 1, COUNT);
	LIE(count, 3, SIZE);
	LIE(count, 1000, COUNT);
	LIE(count, 65535, COUNT);
	LIE(size, 0, SIZE);
	LIE(size, 31, SIZE);
	LIE(size, 32, COUNT);
	LIE(size, head.size - 1, SIZE);
	LIE(size, head.size + 1, SIZE);
	LIE(size, UINT32_MAX, SIZE);
	size = simple(200, 5, 0);
	for (n = 0; n < size; n++)
		assert_int_equal(emit(block, n), HTTP_RESPONSE_FAULT_SIZE);
	/* One byte between the last field and the end. */
	((struct http_response_head *)(void *)block)->size++;
	assert_int_equal(emit(block, size + 1), HTTP_RESPONSE_FAULT_COUNT);
}

static void
refuses_lies_in_a_field(void **unused)
{
	static const struct {
		struct http_response_field field;
		int fault;
	} cases[] = {
		{ { HTTP_HEADER_COUNT, 0, 0, 9 }, HTTP_RESPONSE_FAULT_ID },
		{ { 255, 0, 0, 9 }, HTTP_RESPONSE_FAULT_ID },
		{ { HTTP_HEADER_VARY, 1, 0, 9 }, HTTP_RESPONSE_FAULT_RESERVED },
		{ { HTTP_HEADER_VARY, 0, 1, 8 }, HTTP_RESPONSE_FAULT_NAME },
		{ { 0, 0, 0, 9 }, HTTP_RESPONSE_FAULT_NAME },
		{ { HTTP_HEADER_VARY, 0, 0, 4000 }, HTTP_RESPONSE_FAULT_SIZE },
		{ { HTTP_HEADER_VARY, 0, 0, UINT32_MAX },
		  HTTP_RESPONSE_FAULT_SIZE },
		{ { 0, 0, UINT16_MAX, UINT32_MAX }, HTTP_RESPONSE_FAULT_SIZE },
		{ { 0, 0, UINT16_MAX, 0 }, HTTP_RESPONSE_FAULT_SIZE },
	};
	size_t i;

	(void)unused;
	set_options();
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = simple(200, 5, 0);

		memcpy(block + 32, &cases[i].field, sizeof(cases[i].field));
		assert_int_equal(emit(block, size), cases[i].fault);
	}
}

static void
says_when_room_is_short(void **unused)
{
	size_t size, capacity;

	(void)unused;
	set_options();
	size = simple(200, 5, 0);
	for (capacity = 0; capacity < 64; capacity++)
		assert_int_equal(http_response_head_emit_h1(block, size,
							    &options, out,
							    capacity, &info),
				 HTTP_RESPONSE_FAULT_ROOM);
}

static void
allows_an_upgrade_only_when_offered(void **unused)
{
	struct http_response_head fixed = { .status = 101,
					    .content_length = -1 };
	struct http_response_writer writer;
	size_t size;

	(void)unused;
	set_options();
	http_response_head_begin(&writer, block, sizeof(block));
	http_response_head_add(&writer, HTTP_HEADER_UPGRADE, "websocket", 9);
	size = http_response_head_end(&writer, &fixed);
	assert_int_equal(emit(block, size), HTTP_RESPONSE_FAULT_STATUS);
	options.allow_upgrade = true;
	options.server = NULL;
	options.date = NULL;
	assert_true(emit(block, size) > 0);
	assert_string_equal(out, "HTTP/1.1 101 Switching Protocols\r\n"
				 "Upgrade: websocket\r\n"
				 "Connection: upgrade\r\n\r\n");
	assert_int_equal(info.framing, HTTP_FRAMING_TUNNEL);
	http_response_head_begin(&writer, block, sizeof(block));
	size = http_response_head_end(&writer, &fixed);
	assert_int_equal(emit(block, size), HTTP_RESPONSE_FAULT_PROTOCOL);
}

static void
writer_counts_on_when_room_ends(void **unused)
{
	struct http_response_head fixed = { .status = 200 };
	struct http_response_writer writer;
	size_t size, capacity;

	(void)unused;
	size = simple(200, 5, 0);
	for (capacity = 0; capacity < size; capacity++) {
		char *room = mem_alloc(capacity + (capacity == 0));

		http_response_head_begin(&writer, room, capacity);
		http_response_head_add(&writer, HTTP_HEADER_CONTENT_TYPE,
				       "text/html", 9);
		http_response_head_add_name(&writer, "x-own", 5, "yes", 3);
		assert_int_equal(http_response_head_end(&writer, &fixed), 0);
		assert_int_equal(writer.needed, size);
		mem_free(room);
	}
	http_response_head_begin(&writer, block, sizeof(block));
	http_response_head_add(&writer, HTTP_HEADER_VARY, "", (size_t)1 << 40);
	assert_int_equal(http_response_head_end(&writer, &fixed), 0);
}

static void
walks_the_fields(void **unused)
{
	struct http_response_cursor cursor = { 0, 0 };
	struct http_response_slice field;
	size_t size = simple(200, 5, 0);

	(void)unused;
	assert_int_equal(http_response_head_open(block, size, false, &info), 0);
	assert_int_equal(info.status, 200);
	assert_int_equal(http_response_head_next(block, &cursor, &field), 1);
	assert_int_equal(field.id, HTTP_HEADER_CONTENT_TYPE);
	assert_int_equal(field.value.length, 9);
	assert_int_equal(http_response_head_next(block, &cursor, &field), 1);
	assert_int_equal(field.id, HTTP_HEADER_UNKNOWN);
	assert_memory_equal(field.name.data, "x-own", 5);
	assert_memory_equal(field.value.data, "yes", 3);
	assert_int_equal(http_response_head_next(block, &cursor, &field), 0);
	assert_int_equal(http_response_head_open(block, 10, false, &info),
			 HTTP_RESPONSE_FAULT_SIZE);
	block[40] = '\n';
	cursor = (struct http_response_cursor){ 0, 0 };
	assert_int_equal(http_response_head_next(block, &cursor, &field),
			 HTTP_RESPONSE_FAULT_VALUE);
	assert_string_equal(http_response_fault_text(HTTP_RESPONSE_FAULT_VALUE),
			    "field value holds a control byte");
	assert_string_equal(http_response_fault_text(0), "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(emits_a_plain_response),
		cmocka_unit_test(chooses_the_framing),
		cmocka_unit_test(adds_date_and_server_once),
		cmocka_unit_test(emits_every_known_field),
		cmocka_unit_test(checks_every_byte_of_a_value),
		cmocka_unit_test(announces_trailers),
		cmocka_unit_test(refuses_fields_of_the_listener),
		cmocka_unit_test(refuses_names_that_are_no_tokens),
		cmocka_unit_test(refuses_lies_in_the_fixed_part),
		cmocka_unit_test(refuses_lies_in_a_field),
		cmocka_unit_test(says_when_room_is_short),
		cmocka_unit_test(allows_an_upgrade_only_when_offered),
		cmocka_unit_test(writer_counts_on_when_room_ends),
		cmocka_unit_test(walks_the_fields),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
