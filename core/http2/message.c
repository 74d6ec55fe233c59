/* SPDX-License-Identifier: Apache-2.0
 *
 * See message.h.
 */
#include "core/http2/message.h"

#include "core/base/slice.h"
#include "core/http/chars.h"

/* What has been seen. */
enum {
	SEEN_METHOD = 0x001,
	SEEN_SCHEME = 0x002,
	SEEN_AUTHORITY = 0x004,
	SEEN_PATH = 0x008,
	SEEN_PROTOCOL = 0x010,
	SEEN_HOST = 0x020,
	SEEN_LENGTH = 0x040,
	SEEN_FIELD = 0x080, /* one that is no pseudo-header field */
	SEEN_CONNECT = 0x100, /* as method */
	SEEN_OPTIONS = 0x200,
	SEEN_HTTP = 0x400, /* as scheme, or https */
	SEEN_SLASH = 0x800, /* as beginning of the path */
	SEEN_ASTERISK = 0x1000 /* as path */
};

void
http2_message_init(struct http2_message *message)
{
	*message = (struct http2_message){ .length = HTTP2_LENGTH_NONE };
}

/* ---- fields ------------------------------------------------------------------------ */

/* Section 8.2.1: of a token, in lower case. */
static bool
is_name(struct portico_slice name)
{
	for (size_t i = 0; i < name.length; i++) {
		char c = name.data[i];

		if (!http_char_is(c, HTTP_CHAR_TOKEN) || (c >= 'A' && c <= 'Z'))
			return false;
	}
	return name.length > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool
is_value(struct portico_slice value)
{
	const char *end = value.data + value.length;

	return value.length == 0 ||
	       (!is_blank(value.data[0]) && !is_blank(end[-1]) &&
		http_scan_value(value.data, end) == end);
}

static bool
is_connection_field(struct portico_slice name, struct portico_slice value)
{
	switch (name.length) {
	case 2:
		return slice_equal(name, PORTICO_SLICE("te")) &&
		       !slice_equal_nocase(value, PORTICO_SLICE("trailers"));
	case 7:
		return slice_equal(name, PORTICO_SLICE("upgrade"));
	case 10:
		return slice_equal(name, PORTICO_SLICE("connection")) ||
		       slice_equal(name, PORTICO_SLICE("keep-alive"));
	case 16:
		return slice_equal(name, PORTICO_SLICE("proxy-connection"));
	case 17:
		return slice_equal(name, PORTICO_SLICE("transfer-encoding"));
	default:
		return false;
	}
}

/* False: it has been there. */
static bool
see(struct http2_message *message, unsigned what)
{
	bool again = (message->seen & what) != 0;

	message->seen |= (uint16_t)what;
	return !again;
}

static bool
take_length(struct http2_message *message, struct portico_slice value)
{
	uint64_t length;

	if (!see(message, SEEN_LENGTH) || !slice_to_u64(value, &length) ||
	    length > INT64_MAX)
		return false;
	message->length = (int64_t)length;
	return true;
}

/* ---- pseudo-header fields (section 8.3.1) ---------------------------------------------- */

static bool
take_method(struct http2_message *message, struct portico_slice value)
{
	if (slice_equal(value, PORTICO_SLICE("CONNECT")))
		message->seen |= SEEN_CONNECT;
	else if (slice_equal(value, PORTICO_SLICE("OPTIONS")))
		message->seen |= SEEN_OPTIONS;
	return see(message, SEEN_METHOD);
}

static bool
take_scheme(struct http2_message *message, struct portico_slice value)
{
	if (slice_equal_nocase(value, PORTICO_SLICE("https")) ||
	    slice_equal_nocase(value, PORTICO_SLICE("http")))
		message->seen |= SEEN_HTTP;
	return see(message, SEEN_SCHEME);
}

static bool
take_path(struct http2_message *message, struct portico_slice value)
{
	if (value.data[0] == '/')
		message->seen |= SEEN_SLASH;
	else if (slice_equal(value, PORTICO_SLICE("*")))
		message->seen |= SEEN_ASTERISK;
	return see(message, SEEN_PATH);
}

static bool
take_pseudo(struct http2_message *message, struct portico_slice name,
	    struct portico_slice value)
{
	if ((message->seen & SEEN_FIELD) != 0 || value.length == 0 ||
	    !is_value(value))
		return false;
	if (slice_equal(name, PORTICO_SLICE(":method")))
		return take_method(message, value);
	if (slice_equal(name, PORTICO_SLICE(":path")))
		return take_path(message, value);
	if (slice_equal(name, PORTICO_SLICE(":scheme")))
		return take_scheme(message, value);
	if (slice_equal(name, PORTICO_SLICE(":authority")))
		return see(message, SEEN_AUTHORITY);
	return slice_equal(name, PORTICO_SLICE(":protocol")) &&
	       see(message, SEEN_PROTOCOL);
}

/* ---- messages ------------------------------------------------------------------------------ */

bool
http2_message_field(struct http2_message *message, struct portico_slice name,
		    struct portico_slice value)
{
	if (name.length > 0 && name.data[0] == ':')
		return take_pseudo(message, name, value);
	message->seen |= SEEN_FIELD;
	if (!is_name(name) || !is_value(value) ||
	    is_connection_field(name, value))
		return false;
	if (slice_equal(name, PORTICO_SLICE("host")))
		return see(message, SEEN_HOST);
	return !slice_equal(name, PORTICO_SLICE("content-length")) ||
	       take_length(message, value);
}

bool
http2_message_trailer(struct portico_slice name, struct portico_slice value)
{
	return is_name(name) && is_value(value) &&
	       !is_connection_field(name, value);
}

/* Section 8.5; with :protocol it is that of RFC 8441. */
static bool
is_connect(const struct http2_message *message)
{
	return (message->seen & SEEN_CONNECT) != 0 &&
	       (message->seen & SEEN_PROTOCOL) == 0;
}

static bool
is_request(const struct http2_message *message)
{
	const unsigned needed = SEEN_METHOD | SEEN_SCHEME | SEEN_PATH;
	unsigned seen = message->seen;

	if ((seen & needed) != needed ||
	    (seen & (SEEN_AUTHORITY | SEEN_HOST)) == 0)
		return false;
	if ((seen & SEEN_PROTOCOL) != 0 &&
	    ((seen & SEEN_CONNECT) == 0 || (seen & SEEN_AUTHORITY) == 0))
		return false;
	return (seen & SEEN_HTTP) == 0 || (seen & SEEN_SLASH) != 0 ||
	       ((seen & SEEN_OPTIONS) != 0 && (seen & SEEN_ASTERISK) != 0);
}

bool
http2_message_head(struct http2_message *message)
{
	if (!is_connect(message))
		return is_request(message);
	message->length = HTTP2_LENGTH_NONE;
	return (message->seen & (SEEN_SCHEME | SEEN_PATH)) == 0 &&
	       (message->seen & SEEN_AUTHORITY) != 0;
}

bool
http2_message_body(struct http2_message *message, uint32_t bytes)
{
	message->received += bytes;
	return message->length == HTTP2_LENGTH_NONE ||
	       message->received <= message->length;
}

bool
http2_message_end(const struct http2_message *message)
{
	return message->length == HTTP2_LENGTH_NONE ||
	       message->received == message->length;
}
