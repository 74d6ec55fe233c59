/* SPDX-License-Identifier: Apache-2.0
 *
 * What goes into logs: nobody can write a line or a field of his own, long
 * values are cut, dates are right; and the records that workers add.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/slice.h"
#include "core/http/log_record.h"
#include "core/listener/access_log.h"
#include "core/listener/address.h"
#include "core/listener/limits.h"

static const enum settings_log_field fields[] = {
	SETTINGS_LOG_DATE,	     SETTINGS_LOG_TIME,
	SETTINGS_LOG_SITE,	     SETTINGS_LOG_SERVER_IP,
	SETTINGS_LOG_METHOD,	     SETTINGS_LOG_URI_STEM,
	SETTINGS_LOG_URI_QUERY,	     SETTINGS_LOG_SERVER_PORT,
	SETTINGS_LOG_USER,	     SETTINGS_LOG_CLIENT_IP,
	SETTINGS_LOG_PROTOCOL,	     SETTINGS_LOG_HOST,
	SETTINGS_LOG_USER_AGENT,     SETTINGS_LOG_REFERER,
	SETTINGS_LOG_STATUS,	     SETTINGS_LOG_SUBSTATUS,
	SETTINGS_LOG_WIN32_STATUS,   SETTINGS_LOG_BYTES_SENT,
	SETTINGS_LOG_BYTES_RECEIVED, SETTINGS_LOG_TIME_TAKEN,
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static size_t
format(const struct access_log_entry *entry, char *line)
{
	static struct log_clock clock;
	struct log_text text = { line, line + LOG_LINE_MAX };

	access_log_format(&text, &clock, fields, FIELD_COUNT, entry);
	return (size_t)(text.at - line);
}

static unsigned
count(const char *line, size_t length, char c)
{
	unsigned found = 0;

	for (size_t i = 0; i < length; i++)
		found += line[i] == c;
	return found;
}

static void
test_a_line(void **state)
{
	static char line[LOG_LINE_MAX];
	struct access_log_entry entry = {
		.second = 1700000000,
		.site = PORTICO_SLICE("shop"),
		.server_ip = PORTICO_SLICE("192.0.2.1"),
		.method = PORTICO_SLICE("GET"),
		.stem = PORTICO_SLICE("/a%20b"),
		.query = PORTICO_SLICE("c=d"),
		.client_ip = PORTICO_SLICE("2001:db8::1"),
		.protocol = PORTICO_SLICE("HTTP/1.1"),
		.host = PORTICO_SLICE("example.com"),
		.user_agent = PORTICO_SLICE("Mozilla/5.0 (X11; Linux)"),
		.port = 8080,
		.status = 404,
		.substatus = 3,
		.os_error = 2,
		.sent = 12345678901,
		.received = 99,
		.milliseconds = 7,
	};
	size_t length = format(&entry, line);

	(void)state;
	line[length] = '\0';
	assert_string_equal(
		line, "2023-11-14 22:13:20 shop 192.0.2.1 GET /a%20b c=d 8080 "
		      "- 2001:db8::1 HTTP/1.1 example.com "
		      "Mozilla/5.0+(X11;+Linux) - 404 3 2 12345678901 99 7\n");
}

static void
test_injection_is_impossible(void **state)
{
	static char line[LOG_LINE_MAX], all[256];
	struct portico_slice evil = { all, sizeof(all) };
	struct access_log_entry entry = {
		.second = 1,
		.site = evil,
		.server_ip = evil,
		.method = evil,
		.stem = evil,
		.query = evil,
		.user = evil,
		.client_ip = evil,
		.protocol = evil,
		.host = evil,
		.user_agent = evil,
		.referer = evil,
	};
	size_t length;

	(void)state;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	length = format(&entry, line);
	assert_int_equal(count(line, length, '\n'), 1);
	assert_int_equal(line[length - 1], '\n');
	assert_int_equal(count(line, length, ' '), FIELD_COUNT - 1);
	for (size_t i = 0; i < length - 1; i++)
		assert_true(line[i] >= 0x20 && line[i] < 0x7f);
}

static void
test_long_values_are_cut(void **state)
{
	static char line[LOG_LINE_MAX + 1], many[60000];
	struct portico_slice huge = { many, sizeof(many) };
	struct access_log_entry entry = { .second = 1,
					  .stem = huge,
					  .query = huge,
					  .host = huge,
					  .user_agent = huge,
					  .referer = huge };
	size_t length;

	(void)state;
	memset(many, 'x', sizeof(many));
	line[LOG_LINE_MAX] = 'Z';
	length = format(&entry, line);
	assert_true(length <= LOG_LINE_MAX);
	assert_int_equal(line[length - 1], '\n');
	assert_int_equal(line[LOG_LINE_MAX], 'Z');
}

static void
test_fields_line(void **state)
{
	char line[1024];
	struct log_text text = { line, line + sizeof(line) - 1 };

	(void)state;
	access_log_fields(&text, fields, 3);
	*text.at = '\0';
	assert_string_equal(line, "#Fields: date time s-sitename");
}

static void
test_addresses(void **state)
{
	struct http_address address = { .family = HTTP_FAMILY_IPV4,
					.bytes = { 10, 0, 200, 255 } };
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_int_equal(address_format(&address, text), 12);
	assert_string_equal(text, "10.0.200.255");
	address = (struct http_address){ .family = HTTP_FAMILY_IPV6,
					 .scope = 3,
					 .bytes = { 0xfe, 0x80, [15] = 1 } };
	address_format(&address, text);
	assert_string_equal(text, "fe80::1%3");
	address.family = HTTP_FAMILY_UNIX;
	assert_int_equal(address_format(&address, text), 1);
	assert_string_equal(text, "-");
}

static void
test_records(void **state)
{
	char data[64];
	size_t used, cursor = 0;
	struct portico_slice value;
	unsigned kind;

	(void)state;
	used = http_log_record_add(data, sizeof(data), 0, HTTP_LOG_USER,
				   PORTICO_SLICE("alice"));
	assert_int_equal(used, 7);
	used = http_log_record_add(data, sizeof(data), used,
				   (enum http_log_kind)9, PORTICO_SLICE(""));
	assert_int_equal(used, 9);
	/* No room: left out, not cut. */
	assert_int_equal(http_log_record_add(data, 10, used, HTTP_LOG_USER,
					     PORTICO_SLICE("bob")),
			 used);
	assert_true(http_log_record_next(data, used, &cursor, &kind, &value));
	assert_int_equal(kind, HTTP_LOG_USER);
	assert_true(slice_equal(value, PORTICO_SLICE("alice")));
	assert_true(http_log_record_next(data, used, &cursor, &kind, &value));
	assert_int_equal(kind, 9);
	assert_int_equal(value.length, 0);
	assert_false(http_log_record_next(data, used, &cursor, &kind, &value));
	/* Cut short by a liar. */
	for (size_t length = 0; length < 7; length++) {
		cursor = 0;
		assert_false(http_log_record_next(data, length, &cursor, &kind,
						  &value));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_line),
		cmocka_unit_test(test_injection_is_impossible),
		cmocka_unit_test(test_long_values_are_cut),
		cmocka_unit_test(test_fields_line),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_records),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
