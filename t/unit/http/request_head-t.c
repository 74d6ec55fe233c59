/* SPDX-License-Identifier: Apache-2.0
 *
 * The request head block: what was parsed comes out again, from a block that
 * has been moved, with every string terminated.
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
#include "core/http/request_head.h"

static const char request[] = "\r\nPOST /Shop/a%20b/../c?q=1 HTTP/1.1\r\n"
			      "Host: Shop.Example.COM:8080\r\n"
			      "Cookie: a=1\r\n"
			      "X-Own: \t x y \t\r\n"
			      "cookie: b=2\r\n"
			      "x-own: second\r\n"
			      "Empty:\r\n"
			      "Content-Length: 12\r\n"
			      "\r\nignored";

struct made {
	struct http_parsed_head parsed;
	struct http_url url;
	char path[256];
	struct http_address client;
	struct http_address server;
	struct http_request_source source;
};

/* Parses and cooks `text`, and fills the source with numbers to find again. */
static void
make(struct made *m, const char *text)
{
	struct http_parser parser;
	struct http_request_source *s = &m->source;
	unsigned i;

	memset(m, 0, sizeof(*m));
	http_parser_init(&parser, &http_parser_limits_default);
	assert_int_equal(http_parser_execute(&parser, &m->parsed, text,
					     strlen(text)),
			 HTTP_PARSE_DONE);
	s->raw = text;
	s->parsed = &m->parsed;
	if (m->parsed.target_form == HTTP_TARGET_ASTERISK) {
		s->path = PORTICO_SLICE("*");
	} else {
		assert_int_equal(http_url_cook(text + m->parsed.path_offset,
					       m->parsed.path_length, m->path,
					       &http_url_limits_default,
					       &m->url),
				 HTTP_REASON_NONE);
		s->path.data = m->path;
		s->path.length = m->url.path_length;
		s->url = &m->url;
	}
	m->client.family = HTTP_FAMILY_IPV4;
	m->client.port = 4711;
	memcpy(m->client.bytes, "\x7f\0\0\x01", 4);
	m->server.family = HTTP_FAMILY_IPV6;
	m->server.bytes[15] = 1;
	s->client = &m->client;
	s->server = &m->server;
	s->request_id = 0x1122334455667788;
	s->connection_id = 99;
	s->flags = HTTP_REQUEST_REPLAY;
	s->site_id = 1;
	s->application_id = 2;
	s->pool_generation = 3;
	s->prefix_length = 5;
	s->stream_id = 7;
	s->scheme = HTTP_SCHEME_HTTPS;
	s->major = 1;
	for (i = 0; i < HTTP_TIME_COUNT; i++)
		s->times[i] = 1000 + i;
	for (i = 0; i < HTTP_DEADLINE_COUNT; i++)
		s->deadlines[i] = 2000 + i;
}

/* Writes into exactly fitting memory, and hands out a moved copy. */
static struct http_request_head *
write_and_move(const struct made *m)
{
	size_t size = http_request_head_write(&m->source, NULL, 0);
	void *first = mem_alloc(size);
	void *second = mem_alloc(size);

	memset(first, 0xa5, size);
	assert_int_equal(http_request_head_write(&m->source, first, size),
			 size);
	memcpy(second, first, size);
	memset(first, 0xa5, size);
	mem_free(first);
	assert_true(http_request_head_is_valid(second, size));
	return second;
}

static void
assert_string(struct portico_slice slice, const char *wanted)
{
	assert_int_equal(slice.length, strlen(wanted));
	/* Terminated, so the whole of C's library may read it. */
	assert_string_equal(slice.data, wanted);
}

/* Texts of TLS lie behind all others; what a reader asks for and is not there
 * has no value. */
static void
tells_of_tls(void **unused)
{
	static const char text[] = "TLSv1.3\0cipher\0\0CN=x\0CN=y";
	struct http_request_head *head;
	struct made m;

	(void)unused;
	make(&m, request);
	m.source.tls = (struct portico_slice){ text, sizeof(text) - 1 };
	head = write_and_move(&m);
	assert_string(http_request_head_tls(head, HTTP_TLS_PROTOCOL),
		      "TLSv1.3");
	assert_string(http_request_head_tls(head, HTTP_TLS_CIPHER), "cipher");
	assert_null(http_request_head_tls(head, HTTP_TLS_SERVER_NAME).data);
	assert_string(http_request_head_tls(head, HTTP_TLS_CLIENT_SUBJECT),
		      "CN=x");
	assert_string(http_request_head_tls(head, HTTP_TLS_CLIENT_ISSUER),
		      "CN=y");
	assert_null(http_request_head_tls(head, HTTP_TLS_CLIENT_SERIAL).data);
	assert_string(http_request_head_slice(head, head->host),
		      "shop.example.com");
	mem_free(head);
}

static void
gives_back_what_was_parsed(void **unused)
{
	struct http_request_head *head;
	struct made m;

	(void)unused;
	make(&m, request);
	head = write_and_move(&m);
	assert_string(http_request_head_slice(head, head->method_name), "POST");
	assert_string(http_request_head_slice(head, head->target),
		      "/Shop/a%20b/../c?q=1");
	assert_string(http_request_head_slice(head, head->path), "/Shop/c");
	assert_string(http_request_head_slice(head, head->query), "q=1");
	assert_string(http_request_head_slice(head, head->host),
		      "shop.example.com");
	assert_string(http_request_head_slice(head, head->tls), "");
	assert_int_equal(head->host_port, 8080);
	assert_int_equal(head->method, HTTP_METHOD_POST);
	assert_int_equal(head->minor, 1);
	assert_true(head->content_length == 12);
	assert_int_equal(head->field_count, 7);
	mem_free(head);
}

static void
gives_back_the_facts(void **unused)
{
	struct http_request_head *head;
	struct made m;
	unsigned i;

	(void)unused;
	make(&m, request);
	head = write_and_move(&m);
	assert_true(head->request_id == 0x1122334455667788);
	assert_true(head->connection_id == 99);
	assert_int_equal(head->site_id, 1);
	assert_int_equal(head->application_id, 2);
	assert_int_equal(head->pool_generation, 3);
	assert_int_equal(head->prefix_length, 5);
	assert_int_equal(head->stream_id, 7);
	assert_int_equal(head->scheme, HTTP_SCHEME_HTTPS);
	assert_int_equal(head->major, 1);
	assert_int_equal(head->client.port, 4711);
	assert_int_equal(head->client.family, HTTP_FAMILY_IPV4);
	assert_memory_equal(&head->server, &m.server, sizeof(m.server));
	assert_int_equal(head->flags, HTTP_REQUEST_REPLAY |
					      HTTP_REQUEST_KEEP_ALIVE |
					      HTTP_REQUEST_HAS_QUERY);
	for (i = 0; i < HTTP_TIME_COUNT; i++)
		assert_true(head->times[i] == 1000 + i);
	for (i = 0; i < HTTP_DEADLINE_COUNT; i++)
		assert_true(head->deadlines[i] == 2000 + i);
	mem_free(head);
}

static void
finds_fields(void **unused)
{
	const struct http_field *field;
	struct http_request_head *head;
	struct made m;

	(void)unused;
	make(&m, request);
	head = write_and_move(&m);
	assert_string(http_request_head_field(head, HTTP_HEADER_HOST),
		      "Shop.Example.COM:8080");
	assert_null(http_request_head_field(head, HTTP_HEADER_RANGE).data);
	assert_null(http_request_head_find(head, HTTP_HEADER_UNKNOWN));
	assert_null(http_request_head_find(head, (enum http_header_id)500));

	field = http_request_head_find(head, HTTP_HEADER_COOKIE);
	assert_non_null(field);
	assert_string(http_request_head_value(head, field), "a=1");
	field = http_request_head_find_next(head, field);
	assert_non_null(field);
	assert_string(http_request_head_name(head, field), "cookie");
	assert_string(http_request_head_value(head, field), "b=2");
	assert_null(http_request_head_find_next(head, field));

	field = http_request_head_find_name(head, "X-OWN", 5);
	assert_non_null(field);
	assert_string(http_request_head_name(head, field), "X-Own");
	assert_string(http_request_head_value(head, field), "x y");
	field = http_request_head_find_next(head, field);
	assert_non_null(field);
	assert_string(http_request_head_value(head, field), "second");
	assert_null(http_request_head_find_next(head, field));

	field = http_request_head_find_name(head, "empty", 5);
	assert_non_null(field);
	assert_string(http_request_head_value(head, field), "");
	field = http_request_head_find_name(head, "CONTENT-LENGTH", 14);
	assert_non_null(field);
	assert_string(http_request_head_value(head, field), "12");
	assert_null(http_request_head_find_name(head, "absent", 6));
	assert_null(http_request_head_find_name(head, "range", 5));
	mem_free(head);
}

static void
flags_follow_the_request(void **unused)
{
	static const struct {
		const char *text;
		uint32_t flags;
		const char *path;
		const char *host;
	} cases[] = {
		{ "GET /x HTTP/1.0\r\n\r\n", 0, "/x", "" },
		{ "GET /x? HTTP/1.0\r\n\r\n", HTTP_REQUEST_HAS_QUERY, "/x",
		  "" },
		{ "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		  HTTP_REQUEST_ASTERISK | HTTP_REQUEST_KEEP_ALIVE, "*", "a" },
		{ "GET http://B/%79?z HTTP/1.1\r\nHost: a\r\n\r\n",
		  HTTP_REQUEST_ABSOLUTE | HTTP_REQUEST_KEEP_ALIVE |
			  HTTP_REQUEST_HAS_QUERY,
		  "/y", "b" },
		{ "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		  "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
		  HTTP_REQUEST_CHUNKED | HTTP_REQUEST_EXPECT_CONTINUE, "/",
		  "a" },
		{ "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
		  "Upgrade: websocket\r\n\r\n",
		  HTTP_REQUEST_UPGRADE | HTTP_REQUEST_KEEP_ALIVE, "/", "a" },
	};
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_request_head *head;
		struct made m;

		make(&m, cases[i].text);
		m.source.flags = 0;
		head = write_and_move(&m);
		assert_int_equal(head->flags, cases[i].flags);
		assert_string(http_request_head_slice(head, head->path),
			      cases[i].path);
		assert_string(http_request_head_slice(head, head->host),
			      cases[i].host);
		mem_free(head);
	}
}

static void
writes_nothing_when_it_does_not_fit(void **unused)
{
	struct made m;
	size_t size, capacity;
	char *block;

	(void)unused;
	make(&m, request);
	size = http_request_head_write(&m.source, NULL, 0);
	block = mem_alloc(size);
	for (capacity = 0; capacity < size; capacity++) {
		size_t i;

		memset(block, 0x5a, size);
		assert_int_equal(http_request_head_write(&m.source, block,
							 capacity),
				 size);
		for (i = 0; i < size; i++)
			assert_int_equal(block[i], 0x5a);
	}
	mem_free(block);
}

static void
holds_as_many_fields_as_the_parser(void **unused)
{
	static char text[16384];
	struct http_request_head *head;
	struct made m;
	char *p = text;
	unsigned i;

	(void)unused;
	p += snprintf(p, 64, "GET / HTTP/1.1\r\nHost: a\r\n");
	for (i = 1; i < HTTP_FIELDS_MAX; i++)
		p += snprintf(p, 32, "X-%u: %u\r\n", i, i * i);
	snprintf(p, 4, "\r\n");
	make(&m, text);
	head = write_and_move(&m);
	assert_int_equal(head->field_count, HTTP_FIELDS_MAX);
	for (i = 1; i < HTTP_FIELDS_MAX; i++) {
		char name[16], value[16];
		const struct http_field *field;

		snprintf(name, sizeof(name), "x-%u", i);
		snprintf(value, sizeof(value), "%u", i * i);
		field = http_request_head_find_name(head, name, strlen(name));
		assert_non_null(field);
		assert_string(http_request_head_value(head, field), value);
	}
	mem_free(head);
}

/* As a caller that does not come from our parser (HTTP/2) would fill it. */
static void
takes_a_hand_made_source(void **unused)
{
	static const char raw[] = "GET /p ;a.example;cookie;x=y;";
	struct http_request_head *head;
	struct http_parsed_head *parsed;
	struct made m;

	(void)unused;
	make(&m, request);
	parsed = &m.parsed;
	memset(parsed, 0, sizeof(*parsed));
	parsed->length = sizeof(raw) - 1;
	parsed->method = HTTP_METHOD_GET;
	parsed->method_length = 3;
	parsed->target_offset = parsed->path_offset = 4;
	parsed->target_length = parsed->path_length = 2;
	parsed->host_offset = 8;
	parsed->host_length = 9;
	parsed->content_length = HTTP_LENGTH_NONE;
	parsed->field_count = 1;
	parsed->fields[0] =
		(struct http_field){ 18, 6, HTTP_HEADER_COOKIE, 25, 3 };
	m.source.raw = raw;
	m.source.path = PORTICO_SLICE("/p");
	m.source.url = NULL;
	m.source.major = 2;
	head = write_and_move(&m);
	assert_string(http_request_head_slice(head, head->method_name), "GET");
	assert_string(http_request_head_slice(head, head->target), "/p");
	assert_string(http_request_head_slice(head, head->host), "a.example");
	assert_string(http_request_head_field(head, HTTP_HEADER_COOKIE), "x=y");
	assert_int_equal(head->major, 2);
	mem_free(head);
}

static void
validity_check_sees_damage(void **unused)
{
	struct http_request_head *head;
	struct made m;
	size_t size;

	(void)unused;
	make(&m, request);
	head = write_and_move(&m);
	size = head->size;
	assert_false(http_request_head_is_valid(head, size - 1));
	assert_false(http_request_head_is_valid(head, 10));
	head->magic ^= 1;
	assert_false(http_request_head_is_valid(head, size));
	head->magic ^= 1;
	head->version++;
	assert_false(http_request_head_is_valid(head, size));
	head->version--;
	head->path.offset = (uint32_t)size;
	assert_false(http_request_head_is_valid(head, size));
	head->path = head->target;
	head->fields[2].value_length = UINT32_MAX;
	assert_false(http_request_head_is_valid(head, size));
	head->fields[2].value_length = 0;
	head->index[5] = 200;
	assert_false(http_request_head_is_valid(head, size));
	mem_free(head);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_back_what_was_parsed),
		cmocka_unit_test(tells_of_tls),
		cmocka_unit_test(gives_back_the_facts),
		cmocka_unit_test(finds_fields),
		cmocka_unit_test(flags_follow_the_request),
		cmocka_unit_test(writes_nothing_when_it_does_not_fit),
		cmocka_unit_test(holds_as_many_fields_as_the_parser),
		cmocka_unit_test(takes_a_hand_made_source),
		cmocka_unit_test(validity_check_sees_damage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
