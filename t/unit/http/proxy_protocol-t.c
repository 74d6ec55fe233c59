/* SPDX-License-Identifier: Apache-2.0
 *
 * The PROXY header: what is taken from it, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/http/proxy_protocol.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static enum proxy_protocol_result
read_text(const char *text, size_t length, struct proxy_protocol *header)
{
	return proxy_protocol_read((const uint8_t *)text, length, header);
}

/* Every piece of a header is a beginning, and what follows it does not count.
 */
static void
test_versions_and_pieces(void **state)
{
	static const struct {
		const char *text;
		size_t length; /* of the header */
		size_t size;
		bool known;
	} cases[] = {
#define CASE(header, more, known)                                              \
	{ header more, sizeof(header) - 1, sizeof(header more) - 1, known }
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n",
		     "GET / HTTP/1.1\r\n", true),
		CASE("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "x", true),
		CASE("PROXY UNKNOWN\r\n", "G", false),
		CASE("PROXY UNKNOWN ffff:: what ever 1 2\r\n", "G", false),
		CASE(SIGNATURE "\x21\x11\0\x0c"
			       "\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb",
		     "GET", true),
		/* With a TLV behind the addresses. */
		CASE(SIGNATURE "\x21\x11\0\x10"
			       "\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb"
			       "\x04\0\x01x",
		     "GET", true),
		CASE(SIGNATURE "\x20\0\0\0", "GET", false),
		CASE(SIGNATURE "\x20\x11\0\x03"
			       "abc",
		     "GET", false),
		CASE(SIGNATURE "\x21\0\0\0", "", false),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct proxy_protocol header;

		for (size_t n = 0; n < cases[i].length; n++)
			assert_int_equal(read_text(cases[i].text, n, &header),
					 PROXY_PROTOCOL_MORE);
		for (size_t n = cases[i].length; n <= cases[i].size; n++) {
			assert_int_equal(read_text(cases[i].text, n, &header),
					 PROXY_PROTOCOL_DONE);
			assert_int_equal(header.length, cases[i].length);
			assert_int_equal(header.known, cases[i].known);
		}
	}
}

static void
test_addresses(void **state)
{
	static const char v1[] =
		"PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n";
	static const char v2[] = SIGNATURE
		"\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x07\xdc\x04\x01\xbb";
	static const char six[] = SIGNATURE
		"\x21\x21\0\x24"
		"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
		"\x12\x34\0\x50";
	static const uint8_t source[] = { 192, 0, 2, 1 };
	static const uint8_t destination[] = { 198, 51, 100, 7 };
	struct proxy_protocol one, two;

	(void)state;
	assert_int_equal(read_text(v1, sizeof v1 - 1, &one),
			 PROXY_PROTOCOL_DONE);
	assert_int_equal(one.source.family, HTTP_FAMILY_IPV4);
	assert_memory_equal(one.source.bytes, source, sizeof source);
	assert_int_equal(one.source.port, 56324);
	assert_memory_equal(one.destination.bytes, destination,
			    sizeof destination);
	assert_int_equal(one.destination.port, 443);
	/* Both versions say the same. */
	assert_int_equal(read_text(v2, sizeof v2 - 1, &two),
			 PROXY_PROTOCOL_DONE);
	assert_memory_equal(&one.source, &two.source, sizeof one.source);
	assert_memory_equal(&one.destination, &two.destination,
			    sizeof one.destination);
	assert_int_equal(read_text(six, sizeof six - 1, &two),
			 PROXY_PROTOCOL_DONE);
	assert_int_equal(two.source.family, HTTP_FAMILY_IPV6);
	assert_int_equal(two.source.bytes[15], 5);
	assert_int_equal(two.source.port, 0x1234);
	assert_int_equal(two.destination.port, 80);
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} cases[] = {
#define CASE(text) { text, sizeof(text) - 1 }
		CASE("GET / HTTP/1.1\r\n"),
		CASE("PROXY\tTCP4"),
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n"),
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n"),
		CASE("PROXY TCP4 192.0.2.1  198.51.100.7 56324 443\r\n"),
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 056324 443\r\n"),
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n"),
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 +1 443\r\n"),
		CASE("PROXY TCP4 192.0.2.1 198.51.100.7 1 443 \r\n"),
		CASE("PROXY TCP4 192.0.2.1\0x 198.51.100.7 1 443\r\n"),
		CASE("PROXY TCP4 ::1 ::1 1 443\r\n"),
		CASE("PROXY TCP6 192.0.2.1 192.0.2.1 1 443\r\n"),
		CASE("PROXY TCP4 999.0.2.1 198.51.100.7 1 443\r\n"),
		CASE("PROXY UDP4 192.0.2.1 198.51.100.7 1 443\r\n"),
		CASE("PROXY UNKNOWNX\r\n"),
		CASE("PROXY \r\n"),
		/* Longer than any line can be. */
		CASE("PROXY UNKNOWN 0123456789012345678901234567890123456789"
		     "0123456789012345678901234567890123456789"
		     "01234567890123456789"),
		/* A version and a command that do not exist. */
		CASE(SIGNATURE "\x31\x11\0\0"),
		CASE(SIGNATURE "\x22\x11\0\0"),
		/* Too short for its addresses. */
		CASE(SIGNATURE "\x21\x11\0\x0b"
			       "01234567890"),
		CASE(SIGNATURE "\x21\x21\0\x0c"
			       "012345678901"),
		/* UDP, and a UNIX socket. */
		CASE(SIGNATURE "\x21\x12\0\x0c"
			       "012345678901"),
		CASE(SIGNATURE "\x21\x31\0\0"),
		/* Longer than we read. */
		CASE(SIGNATURE "\x21\x11\x0f\xf1"),
#undef CASE
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct proxy_protocol header;

		if (read_text(cases[i].text, cases[i].length, &header) !=
		    PROXY_PROTOCOL_ERROR)
			fail_msg("case %zu: %s", i, cases[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions_and_pieces),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
