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
#include <jansson.h>

#include "core/base/slice.h"
#include "core/http/log_record.h"
#include "core/listener/access_log.h"
#include "core/listener/address.h"
#include "core/listener/limits.h"

#define COLUMN(symbol, text)                                                   \
	{                                                                      \
		.name = (text), .field = SETTINGS_LOG_##symbol                 \
	}

static const struct settings_log_column columns[] = {
	COLUMN(DATE, "date"),
	COLUMN(TIME, "time"),
	COLUMN(SITE, "s-sitename"),
	COLUMN(SERVER_IP, "s-ip"),
	COLUMN(METHOD, "cs-method"),
	COLUMN(URI_STEM, "cs-uri-stem"),
	COLUMN(URI_QUERY, "cs-uri-query"),
	COLUMN(SERVER_PORT, "s-port"),
	COLUMN(USER, "cs-username"),
	COLUMN(CLIENT_IP, "c-ip"),
	COLUMN(PROTOCOL, "cs-version"),
	COLUMN(HOST, "cs-host"),
	COLUMN(USER_AGENT, "cs(User-Agent)"),
	COLUMN(REFERER, "cs(Referer)"),
	COLUMN(STATUS, "sc-status"),
	COLUMN(SUBSTATUS, "sc-substatus"),
	COLUMN(WIN32_STATUS, "sc-win32-status"),
	COLUMN(BYTES_SENT, "sc-bytes"),
	COLUMN(BYTES_RECEIVED, "cs-bytes"),
	COLUMN(TIME_TAKEN, "time-taken"),
};

#define FIELD_COUNT (sizeof(columns) / sizeof(columns[0]))

static size_t
format_as(enum settings_log_format format, size_t first, size_t count,
	  const struct access_log_entry *entry, char *line)
{
	static struct log_clock clock;
	const struct settings_access_log settings = {
		.format = format,
		.columns = columns + first,
		.column_count = count,
	};
	struct log_text text = { line, line + LOG_LINE_MAX };

	access_log_format(&text, &clock, &settings, entry);
	return (size_t)(text.at - line);
}

static size_t
format(const struct access_log_entry *entry, char *line)
{
	return format_as(SETTINGS_LOG_W3C, 0, FIELD_COUNT, entry, line);
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
		assert_true(line[i] >= 0x20 && line[i] < 0x7f &&
			    line[i] != '"');
}

/* A line that begins with '#' would be one of the file's own. */
static void
test_no_line_is_a_directive(void **state)
{
	static char line[LOG_LINE_MAX];
	struct access_log_entry entry = { .method = PORTICO_SLICE("#Date") };
	size_t length = format_as(SETTINGS_LOG_W3C, 4, 2, &entry, line);

	(void)state;
	line[length] = '\0';
	assert_string_equal(line, "+Date -\n");
}

static json_t *
read_line(const char *line, size_t length)
{
	json_error_t error;
	json_t *json = json_loadb(line, length, JSON_ALLOW_NUL, &error);

	if (json == NULL)
		fail_msg("%s in %.*s", error.text, (int)length, line);
	return json;
}

static void
test_json(void **state)
{
	static char line[LOG_LINE_MAX];
	struct access_log_entry entry = {
		.method = PORTICO_SLICE("GET"),
		.stem = PORTICO_SLICE("/\"\\\n\x7f"),
		.host = PORTICO_SLICE("caf\xc3\xa9 \xe9 \xf0\x9f\x98\x80"),
		.port = 80,
		.status = 200,
	};
	size_t length =
		format_as(SETTINGS_LOG_JSON, 4, FIELD_COUNT - 4, &entry, line);

	(void)state;
	line[length] = '\0';
	assert_string_equal(
		line,
		"{\"cs-method\":\"GET\","
		"\"cs-uri-stem\":\"/\\\"\\\\\\u000a\\u007f\",\"s-port\":80,"
		"\"cs-host\":\"caf\\u00e9 \\u00e9 \\ud83d\\ude00\","
		"\"sc-status\":200,\"sc-substatus\":0,\"sc-win32-status\":0,"
		"\"sc-bytes\":0,\"cs-bytes\":0,\"time-taken\":0}\n");
	json_decref(read_line(line, length));
}

/* Whatever the values are, and wherever the room ends. */
static void
test_json_is_always_an_object(void **state)
{
	static char line[LOG_LINE_MAX], all[3000];
	struct access_log_entry entry = { .second = 1, .milliseconds = 77 };

	(void)state;
	for (unsigned round = 0; round < 300; round++) {
		struct portico_slice evil = { all, round * 10 };
		size_t length;
		json_t *json;

		for (unsigned i = 0; i < sizeof(all); i++)
			all[i] = (char)(i * (round + 1) / 3);
		entry.stem = entry.query = entry.user = evil;
		entry.host = entry.user_agent = entry.referer = evil;
		length = format_as(SETTINGS_LOG_JSON, 0, FIELD_COUNT, &entry,
				   line);
		assert_true(length <= LOG_LINE_MAX);
		assert_int_equal(line[length - 1], '\n');
		assert_int_equal(count(line, length, '\n'), 1);
		json = read_line(line, length);
		/* No text leaves none for what comes behind it. */
		assert_int_equal(
			json_integer_value(json_object_get(json, "time-taken")),
			77);
		json_decref(json);
	}
}

static void
test_times_between(void **state)
{
	static const struct settings_log_column between[] = {
		{ .name = "a",
		  .field = SETTINGS_LOG_BETWEEN,
		  .from = SETTINGS_LOG_MOMENT_HEAD,
		  .to = SETTINGS_LOG_MOMENT_FINISHED },
		{ .name = "b",
		  .field = SETTINGS_LOG_BETWEEN,
		  .from = SETTINGS_LOG_MOMENT_HEAD,
		  .to = SETTINGS_LOG_MOMENT_QUEUED },
	};
	const struct settings_access_log settings = {
		.columns = between,
		.column_count = 2,
	};
	const struct access_log_entry entry = {
		.moments = { [SETTINGS_LOG_MOMENT_HEAD] = 1000000,
			     [SETTINGS_LOG_MOMENT_FINISHED] = 4500000 },
	};
	static char line[LOG_LINE_MAX];
	struct log_text text = { line, line + LOG_LINE_MAX };
	struct log_clock clock = { .second = 0 };

	(void)state;
	access_log_format(&text, &clock, &settings, &entry);
	*text.at = '\0';
	assert_string_equal(line, "3500 -\n");
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
	const struct settings_access_log settings = { .columns = columns,
						      .column_count = 3 };
	struct log_text text = { line, line + sizeof(line) - 1 };

	(void)state;
	access_log_fields(&text, &settings);
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
		cmocka_unit_test(test_no_line_is_a_directive),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_is_always_an_object),
		cmocka_unit_test(test_times_between),
		cmocka_unit_test(test_long_values_are_cut),
		cmocka_unit_test(test_fields_line),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_records),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
