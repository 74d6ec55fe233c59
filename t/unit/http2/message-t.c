/* SPDX-License-Identifier: Apache-2.0
 *
 * Which requests of HTTP/2 are malformed (RFC 9113 sections 8.1.1 to 8.3.1 and
 * 8.5, RFC 8441 section 4): none of them may reach a worker.
 */
#include "t/unit/unit.h"

#include "core/base/slice.h"
#include "core/http2/message.h"

#define FIELDS 6

struct example {
	const char *what;
	bool good;
	const char *fields[FIELDS * 2]; /* name, value ...; NULL ends them */
};

#define GET ":method", "GET", ":scheme", "https", ":path", "/"

static const struct example examples[] = {
	{ "a request", true, { GET, ":authority", "a" } },
	{ "a host instead of an authority", true, { GET, "host", "a" } },
	{ "both", true, { GET, ":authority", "a", "host", "a" } },
	{ "neither", false, { GET } },
	{ "two hosts", false, { GET, "host", "a", "host", "a" } },
	{ "no method",
	  false,
	  { ":scheme", "https", ":path", "/", "host", "a" } },
	{ "no scheme", false, { ":method", "GET", ":path", "/", "host", "a" } },
	{ "no path",
	  false,
	  { ":method", "GET", ":scheme", "http", "host", "a" } },
	{ "an empty path",
	  false,
	  { ":method", "GET", ":scheme", "http", ":path", "", "host", "a" } },
	{ "a path without slash",
	  false,
	  { ":method", "GET", ":scheme", "http", ":path", "a", "host", "a" } },
	{ "another scheme's, too",
	  true,
	  { ":method", "GET", ":scheme", "urn", ":path", "a", "host", "a" } },
	{ "OPTIONS *",
	  true,
	  { ":method", "OPTIONS", ":scheme", "http", ":path", "*", "host",
	    "a" } },
	{ "GET *",
	  false,
	  { ":method", "GET", ":scheme", "http", ":path", "*", "host", "a" } },
	{ "a method twice", false, { GET, ":method", "GET", "host", "a" } },
	{ "a scheme twice", false, { GET, ":scheme", "http", "host", "a" } },
	{ "a path twice", false, { GET, ":path", "/", "host", "a" } },
	{ "an authority twice",
	  false,
	  { GET, ":authority", "a", ":authority", "a" } },
	{ "a pseudo-header field behind others",
	  false,
	  { GET, "host", "a", ":authority", "a" } },
	{ "one of responses", false, { GET, "host", "a", ":status", "200" } },
	{ "an unknown one", false, { GET, ":authority", "a", ":other", "b" } },
	{ "an empty name", false, { GET, "host", "a", "", "b" } },
	{ "a name in upper case", false, { GET, "host", "a", "X-A", "b" } },
	{ "a space in a name", false, { GET, "host", "a", "x a", "b" } },
	{ "a colon in a name", false, { GET, "host", "a", "x:a", "b" } },
	{ "a line feed in a value", false, { GET, "host", "a", "x", "b\nc" } },
	{ "a carriage return", false, { GET, "host", "a", "x", "b\rc" } },
	{ "a space before a value", false, { GET, "host", "a", "x", " b" } },
	{ "a tab behind one", false, { GET, "host", "a", "x", "b\t" } },
	{ "one within", true, { GET, "host", "a", "x", "b\tc" } },
	{ "bytes beyond ASCII", true, { GET, "host", "a", "x", "\xc3\xa4" } },
	{ "a line feed in a path",
	  false,
	  { ":method", "GET", ":scheme", "http", ":path", "/\n", "host",
	    "a" } },
	{ "an empty value", true, { GET, "host", "a", "x", "" } },
	{ "Connection", false, { GET, "host", "a", "connection", "close" } },
	{ "Keep-Alive", false, { GET, "host", "a", "keep-alive", "1" } },
	{ "Proxy-Connection",
	  false,
	  { GET, "host", "a", "proxy-connection", "close" } },
	{ "Transfer-Encoding",
	  false,
	  { GET, "host", "a", "transfer-encoding", "chunked" } },
	{ "Upgrade", false, { GET, "host", "a", "upgrade", "websocket" } },
	{ "TE: trailers", true, { GET, "host", "a", "te", "trailers" } },
	{ "TE: gzip", false, { GET, "host", "a", "te", "gzip" } },
	{ "a length", true, { GET, "host", "a", "content-length", "0" } },
	{ "a length that is no number",
	  false,
	  { GET, "host", "a", "content-length", "+1" } },
	{ "a list of lengths",
	  false,
	  { GET, "host", "a", "content-length", "1, 1" } },
	{ "a length beyond all",
	  false,
	  { GET, "host", "a", "content-length", "9223372036854775808" } },
	{ "two lengths",
	  false,
	  { GET, ":authority", "a", "content-length", "1", "content-length",
	    "1" } },
	{ "CONNECT", true, { ":method", "CONNECT", ":authority", "a:1" } },
	{ "CONNECT without authority", false, { ":method", "CONNECT" } },
	{ "CONNECT with a path",
	  false,
	  { ":method", "CONNECT", ":authority", "a:1", ":path", "/" } },
	{ "CONNECT with a scheme",
	  false,
	  { ":method", "CONNECT", ":authority", "a:1", ":scheme", "http" } },
	{ "extended CONNECT",
	  true,
	  { ":method", "CONNECT", ":scheme", "https", ":path", "/",
	    ":authority", "a", ":protocol", "websocket" } },
	{ "without a path",
	  false,
	  { ":method", "CONNECT", ":scheme", "https", ":authority", "a",
	    ":protocol", "websocket" } },
	{ "without an authority",
	  false,
	  { ":method", "CONNECT", ":scheme", "https", ":path", "/", "host", "a",
	    ":protocol", "websocket" } },
	{ "a protocol without CONNECT",
	  false,
	  { GET, ":authority", "a", ":protocol", "websocket" } },
};

static bool
is_good(const struct example *example, struct http2_message *message)
{
	http2_message_init(message);
	for (unsigned i = 0; i < FIELDS && example->fields[i * 2]; i++)
		if (!http2_message_field(
			    message, slice_from(example->fields[i * 2]),
			    slice_from(example->fields[i * 2 + 1])))
			return false;
	return http2_message_head(message);
}

static void
heads(void **unused)
{
	struct http2_message message;

	(void)unused;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (is_good(&examples[i], &message) != examples[i].good)
			fail_msg("%s: %s", examples[i].what,
				 examples[i].good ? "refused" : "taken");
}

static void
a_zero_byte(void **unused)
{
	struct http2_message message;

	(void)unused;
	http2_message_init(&message);
	assert_false(http2_message_field(&message, slice_from("x"),
					 slice_make("a\0b", 3)));
	assert_false(http2_message_field(&message, slice_make("x\0", 2),
					 slice_from("a")));
}

static void
with_length(struct http2_message *message, const char *length)
{
	const struct example example = {
		"", true, { GET, "host", "a", "content-length", length }
	};

	assert_true(is_good(&example, message));
}

static void
bodies_are_as_long_as_was_said(void **unused)
{
	struct http2_message message;

	(void)unused;
	with_length(&message, "5");
	assert_false(http2_message_end(&message));
	assert_true(http2_message_body(&message, 2));
	assert_false(http2_message_end(&message));
	assert_true(http2_message_body(&message, 3));
	assert_true(http2_message_end(&message));
	assert_false(http2_message_body(&message, 1));
	with_length(&message, "0");
	assert_true(http2_message_end(&message));
	is_good(&examples[0], &message);
	assert_true(http2_message_body(&message, 1000));
	assert_true(http2_message_end(&message));
}

/* Section 8.5: its bytes are none of a body. */
static void
a_length_says_nothing_of_a_tunnel(void **unused)
{
	static const struct example connect = { "",
						true,
						{ ":method", "CONNECT",
						  ":authority", "a:1",
						  "content-length", "5" } };
	struct http2_message message;

	(void)unused;
	assert_true(is_good(&connect, &message));
	assert_true(http2_message_body(&message, 1000));
	assert_true(http2_message_end(&message));
}

static void
trailers(void **unused)
{
	(void)unused;
	assert_true(
		http2_message_trailer(slice_from("x-sum"), slice_from("1")));
	assert_false(
		http2_message_trailer(slice_from(":path"), slice_from("/")));
	assert_false(
		http2_message_trailer(slice_from("X-Sum"), slice_from("1")));
	assert_false(http2_message_trailer(slice_from("connection"),
					   slice_from("close")));
	assert_false(http2_message_trailer(slice_from("x"),
					   slice_from("a\r\nb: c")));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(heads),
	cmocka_unit_test(a_zero_byte),
	cmocka_unit_test(bodies_are_as_long_as_was_said),
	cmocka_unit_test(a_length_says_nothing_of_a_tunnel),
	cmocka_unit_test(trailers),
};

UNIT_MAIN(tests)
