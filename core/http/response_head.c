/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's side of response heads: everything here reads bytes that a
 * worker may have made up, from a private copy that it can't change any more.
 */
#include "core/http/response_head.h"

#include <string.h>

#include "core/http/chars.h"
#include "core/http/date.h"
#include "core/http/trailer.h"

/* "Name: " of every well-known field; all 40 bytes are copied at once. */
#define PREFIX_ROOM 40

static const struct {
	char text[PREFIX_ROOM];
	uint8_t length;
} prefixes[HTTP_HEADER_COUNT] = {
#define PREFIX_ROW(symbol, name)                                               \
	[HTTP_HEADER_##symbol] = { name ": ", sizeof(name ": ") - 1 },
	HTTP_HEADER_MAP(PREFIX_ROW)
#undef PREFIX_ROW
};

/* Everything that is written besides the fields, with slack for copies of
 * constant size: status line, Date, framing, Connection, the blank line. */
#define EMIT_FIXED_ROOM 416

/* What a field can grow by: its prefix and CRLF. */
#define EMIT_FIELD_ROOM (PREFIX_ROOM + 2)

const char *
http_response_fault_text(int fault)
{
	switch (fault) {
#define FAULT_CASE(number, symbol, text)                                       \
	case number:                                                           \
		return text;
		HTTP_RESPONSE_FAULT_MAP(FAULT_CASE)
#undef FAULT_CASE
	}
	return "";
}

/* Fields by which a worker could take over the connection. */
static bool
is_forbidden(unsigned id, unsigned status)
{
	switch (id) {
	case HTTP_HEADER_CONNECTION:
	case HTTP_HEADER_CONTENT_LENGTH:
	case HTTP_HEADER_KEEP_ALIVE:
	case HTTP_HEADER_PROXY_CONNECTION:
	case HTTP_HEADER_TRANSFER_ENCODING:
		return true;
	case HTTP_HEADER_UPGRADE:
		return status != 101;
	}
	return false;
}

static int
check_fixed(const struct http_response_head *head, size_t size,
	    bool allow_upgrade)
{
	if (head->magic != HTTP_RESPONSE_HEAD_MAGIC ||
	    head->version != HTTP_RESPONSE_HEAD_VERSION)
		return HTTP_RESPONSE_FAULT_MAGIC;
	if ((head->flags & ~HTTP_RESPONSE_FLAGS) != 0 ||
	    (head->cache_query != 0 &&
	     (head->flags & HTTP_RESPONSE_CACHE_QUERY) == 0))
		return HTTP_RESPONSE_FAULT_RESERVED;
	if (head->size < sizeof(*head) || head->size > size ||
	    head->size > HTTP_RESPONSE_HEAD_BYTES_MAX)
		return HTTP_RESPONSE_FAULT_SIZE;
	if ((head->status < 200 || head->status > 599) &&
	    !(head->status == 101 && allow_upgrade))
		return HTTP_RESPONSE_FAULT_STATUS;
	if (head->content_length < HTTP_RESPONSE_LENGTH_UNKNOWN)
		return HTTP_RESPONSE_FAULT_LENGTH;
	if (head->count > HTTP_RESPONSE_FIELDS_MAX ||
	    head->count * sizeof(struct http_response_field) >
		    head->size - sizeof(*head) ||
	    head->cache_query > head->size - sizeof(*head))
		return HTTP_RESPONSE_FAULT_COUNT;
	return 0;
}

static void
fill_info(const struct http_response_head *head, const char *copy,
	  struct http_response_info *info_r)
{
	memset(info_r, 0, sizeof(*info_r));
	info_r->status = head->status;
	info_r->substatus = head->substatus;
	info_r->flags = head->flags;
	info_r->content_length = head->content_length;
	info_r->cache_ttl = head->cache_ttl;
	info_r->os_error = head->os_error;
	info_r->size = head->size;
	info_r->cache_query =
		(struct portico_slice){ copy + head->size - head->cache_query,
					head->cache_query };
}

/* It is compared with what clients send, and written nowhere. */
static int
check_query(const struct http_response_head *head, const char *copy)
{
	const char *end = copy + head->size;

	if (head->cache_query == 0 ||
	    http_scan_value(end - head->cache_query, end) == end)
		return 0;
	return HTTP_RESPONSE_FAULT_QUERY;
}

int
http_response_head_open(const void *copy, size_t size, bool allow_upgrade,
			struct http_response_info *info_r)
{
	struct http_response_head head;
	int fault;

	if (size < sizeof(head))
		return HTTP_RESPONSE_FAULT_SIZE;
	memcpy(&head, copy, sizeof(head));
	fault = check_fixed(&head, size, allow_upgrade);
	if (fault == 0)
		fault = check_query(&head, copy);
	if (fault == 0)
		fill_info(&head, copy, info_r);
	return fault;
}

/*
 * The next field: lengths, id and name are checked, the value is not yet.
 * `head` is the copied and checked fixed part.
 */
static inline int
next_field(const struct http_response_head *head, const char *copy,
	   struct http_response_cursor *cursor,
	   struct http_response_slice *field_r)
{
	struct http_response_field field;
	uint32_t at = cursor->offset, end = head->size - head->cache_query;
	uint32_t room;

	if (cursor->index == head->count)
		return at == end ? 0 : HTTP_RESPONSE_FAULT_COUNT;
	room = end - at;
	if (room < sizeof(field))
		return HTTP_RESPONSE_FAULT_SIZE;
	memcpy(&field, copy + at, sizeof(field));
	at += sizeof(field);
	room -= (uint32_t)sizeof(field);
	if (field.name_length > room ||
	    field.value_length > room - field.name_length)
		return HTTP_RESPONSE_FAULT_SIZE;
	if (field.reserved != 0)
		return HTTP_RESPONSE_FAULT_RESERVED;
	if (field.id >= HTTP_HEADER_COUNT)
		return HTTP_RESPONSE_FAULT_ID;
	field_r->id = (enum http_header_id)field.id;
	field_r->name = (struct portico_slice){ copy + at, field.name_length };
	if (field.id != HTTP_HEADER_UNKNOWN) {
		if (field.name_length != 0)
			return HTTP_RESPONSE_FAULT_NAME;
	} else {
		/* A known name in disguise is judged as what it is. */
		field_r->id = http_header_find(copy + at, field.name_length);
		if (field_r->id == HTTP_HEADER_UNKNOWN &&
		    !http_is_token(copy + at, field.name_length))
			return HTTP_RESPONSE_FAULT_NAME;
	}
	if (is_forbidden(field_r->id, head->status))
		return HTTP_RESPONSE_FAULT_FORBIDDEN;
	at += field.name_length;
	field_r->value =
		(struct portico_slice){ copy + at, field.value_length };
	if (field_r->id == HTTP_HEADER_TRAILER &&
	    !http_trailer_list_is_sane(field_r->value))
		return HTTP_RESPONSE_FAULT_FORBIDDEN;
	cursor->offset = at + field.value_length;
	cursor->index++;
	return 1;
}

int
http_response_head_next(const void *copy, struct http_response_cursor *cursor,
			struct http_response_slice *field_r)
{
	struct http_response_head head;
	const char *end;
	int result;

	memcpy(&head, copy, sizeof(head));
	if (cursor->offset == 0)
		cursor->offset = sizeof(head);
	result = next_field(&head, copy, cursor, field_r);
	if (result <= 0)
		return result;
	end = field_r->value.data + field_r->value.length;
	if (http_scan_value(field_r->value.data, end) != end)
		return HTTP_RESPONSE_FAULT_VALUE;
	return result;
}

/* Copies and checks in one go. False when a byte may not be in a value. */
static inline bool
put_value(char *out, const char *in, size_t n)
{
#if defined(__SSE2__)
	size_t i;

	if (n >= 16) {
		unsigned bad = 0;
		__m128i x;

		for (i = 0; i + 16 < n; i += 16) {
			x = _mm_loadu_si128(
				(const __m128i *)(const void *)(in + i));
			_mm_storeu_si128((__m128i *)(void *)(out + i), x);
			bad |= http_bad_value_bits(x);
		}
		i = n - 16; /* overlaps what was copied */
		x = _mm_loadu_si128((const __m128i *)(const void *)(in + i));
		_mm_storeu_si128((__m128i *)(void *)(out + i), x);
		return (bad | http_bad_value_bits(x)) == 0;
	}
	if (n >= 8) {
		__m128i low =
			_mm_loadl_epi64((const __m128i *)(const void *)in);
		__m128i high = _mm_loadl_epi64(
			(const __m128i *)(const void *)(in + n - 8));

		_mm_storel_epi64((__m128i *)(void *)out, low);
		_mm_storel_epi64((__m128i *)(void *)(out + n - 8), high);
		return http_bad_value_bits(_mm_unpacklo_epi64(low, high)) == 0;
	}
#endif
	memcpy(out, in, n);
	return http_scan_plain(in, in + n, HTTP_CHAR_VALUE) == in + n;
}

static inline char *
put(char *out, const char *text, size_t length)
{
	memcpy(out, text, length);
	return out + length;
}

#define PUT_LITERAL(out, text) put(out, text, sizeof(text) - 1)

static char *
put_number(char *out, uint64_t number)
{
	char digits[20];
	size_t n = sizeof(digits);

	do {
		digits[--n] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return put(out, digits + n, sizeof(digits) - n);
}

static char *
put_status_line(char *out, unsigned status)
{
	size_t length;
	const char *line = http_status_line(status, &length);

	out = PUT_LITERAL(out, "HTTP/1.1 ");
	if (line != NULL)
		return put(out, line, length);
	/* The phrase may be empty, the space before it may not. */
	out = put_number(out, status);
	return PUT_LITERAL(out, " \r\n");
}

/* RFC 9112 section 6.3, and what it means for the connection. */
static void
choose_framing(const struct http_emit_options *options,
	       struct http_response_info *info)
{
	info->keep_alive = options->keep_alive &&
			   !(info->flags & HTTP_RESPONSE_CLOSE);
	if (info->status == 101) {
		info->framing = HTTP_FRAMING_TUNNEL;
		info->keep_alive = false;
	} else if (options->head_request || info->status == 204 ||
		   info->status == 205 || info->status == 304) {
		info->framing = HTTP_FRAMING_NONE;
	} else if (info->content_length >= 0) {
		info->framing = HTTP_FRAMING_LENGTH;
	} else if (options->minor > 0) {
		info->framing = HTTP_FRAMING_CHUNKED;
	} else {
		info->framing = HTTP_FRAMING_CLOSE;
		info->keep_alive = false;
	}
}

int
http_response_head_check(const void *copy, size_t size,
			 const struct http_emit_options *options,
			 struct http_response_info *info_r)
{
	struct http_emit_options unframed = *options;
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;
	int fault = http_response_head_open(copy, size, options->allow_upgrade,
					    info_r);

	if (fault != 0)
		return fault;
	do
		fault = http_response_head_next(copy, &cursor, &field);
	while (fault == 1);
	unframed.minor = 0;
	if (fault == 0)
		choose_framing(&unframed, info_r);
	return fault;
}

/* A 204 has none (RFC 9110 section 8.6); in a 304 it would be that of the
 * 200, which a worker that says 0 does not mean. */
static bool
has_content_length(const struct http_response_info *info)
{
	if (info->status == 304)
		return info->content_length > 0;
	return info->content_length >= 0 && info->status != 204;
}

static char *
put_framing(char *out, const struct http_emit_options *options,
	    const struct http_response_info *info)
{
	if (info->framing == HTTP_FRAMING_TUNNEL)
		return PUT_LITERAL(out, "Connection: upgrade\r\n");
	if (info->framing == HTTP_FRAMING_CHUNKED) {
		out = PUT_LITERAL(out, "Transfer-Encoding: chunked\r\n");
	} else if (info->status == 205) {
		out = PUT_LITERAL(out, "Content-Length: 0\r\n");
	} else if (has_content_length(info)) {
		out = PUT_LITERAL(out, "Content-Length: ");
		out = put_number(out, (uint64_t)info->content_length);
		out = PUT_LITERAL(out, "\r\n");
	}
	if (!info->keep_alive)
		out = PUT_LITERAL(out, "Connection: close\r\n");
	else if (options->minor == 0)
		out = PUT_LITERAL(out, "Connection: keep-alive\r\n");
	return out;
}

/* What put_fields() noticed on the way. */
#define SAW_DATE 0x01
#define SAW_SERVER 0x02
#define SAW_UPGRADE 0x04
#define SAW_HSTS 0x08

/* Returns the new end of the output, or NULL with *fault_r set. */
static char *
put_fields(char *out, const struct http_response_head *head, const char *copy,
	   bool chunked, unsigned *saw_r, int *fault_r)
{
	struct http_response_cursor cursor = { sizeof(*head), 0 };
	struct http_response_slice field;
	unsigned saw = 0;
	int result;

	for (;;) {
		result = next_field(head, copy, &cursor, &field);
		if (result <= 0)
			break;
		/* None will come. */
		if (field.id == HTTP_HEADER_TRAILER && !chunked)
			continue;
		if (field.id == HTTP_HEADER_UNKNOWN) {
			out = put(out, field.name.data, field.name.length);
			out = PUT_LITERAL(out, ": ");
		} else {
			memcpy(out, prefixes[field.id].text, PREFIX_ROOM);
			out += prefixes[field.id].length;
			if (field.id == HTTP_HEADER_DATE)
				saw |= SAW_DATE;
			else if (field.id == HTTP_HEADER_SERVER)
				saw |= SAW_SERVER;
			else if (field.id == HTTP_HEADER_UPGRADE)
				saw |= SAW_UPGRADE;
			else if (field.id ==
				 HTTP_HEADER_STRICT_TRANSPORT_SECURITY)
				saw |= SAW_HSTS;
		}
		if (!put_value(out, field.value.data, field.value.length)) {
			*fault_r = HTTP_RESPONSE_FAULT_VALUE;
			return NULL;
		}
		out += field.value.length;
		out = PUT_LITERAL(out, "\r\n");
	}
	*fault_r = result;
	*saw_r = saw;
	return result == 0 ? out : NULL;
}

size_t
http_response_head_emit_bound(size_t size,
			      const struct http_emit_options *options)
{
	return size +
	       size / sizeof(struct http_response_field) * EMIT_FIELD_ROOM +
	       EMIT_FIXED_ROOM + options->server_length + options->hsts.length +
	       options->set_cookie.length;
}

static char *
put_own_fields(char *out, const struct http_emit_options *options,
	       const struct http_response_info *info, unsigned saw)
{
	if (options->date != NULL && !(saw & SAW_DATE)) {
		out = PUT_LITERAL(out, "Date: ");
		out = put(out, options->date, HTTP_DATE_LENGTH);
		out = PUT_LITERAL(out, "\r\n");
	}
	if (options->server != NULL && !(saw & SAW_SERVER) &&
	    !(info->flags & HTTP_RESPONSE_NO_SERVER)) {
		out = PUT_LITERAL(out, "Server: ");
		out = put(out, options->server, options->server_length);
		out = PUT_LITERAL(out, "\r\n");
	}
	if (options->hsts.length > 0 && !(saw & SAW_HSTS)) {
		out = PUT_LITERAL(out, "Strict-Transport-Security: ");
		out = put(out, options->hsts.data, options->hsts.length);
		out = PUT_LITERAL(out, "\r\n");
	}
	if (options->set_cookie.length > 0) {
		out = PUT_LITERAL(out, "Set-Cookie: ");
		out = put(out, options->set_cookie.data,
			  options->set_cookie.length);
		out = PUT_LITERAL(out, "\r\n");
	}
	out = put_framing(out, options, info);
	return PUT_LITERAL(out, "\r\n");
}

ssize_t
http_response_head_emit_h1(const void *copy, size_t size,
			   const struct http_emit_options *options, char *out,
			   size_t capacity, struct http_response_info *info_r)
{
	struct http_response_head head;
	unsigned saw;
	char *p = out;
	int fault;

	if (size < sizeof(head))
		return HTTP_RESPONSE_FAULT_SIZE;
	memcpy(&head, copy, sizeof(head));
	fault = check_fixed(&head, size, options->allow_upgrade);
	if (fault == 0)
		fault = check_query(&head, copy);
	if (fault != 0)
		return fault;
	/* From here on everything fits, so nothing below looks again. */
	if (capacity < (size_t)head.size + head.count * EMIT_FIELD_ROOM +
			       EMIT_FIXED_ROOM + options->server_length +
			       options->hsts.length +
			       options->set_cookie.length)
		return HTTP_RESPONSE_FAULT_ROOM;
	fill_info(&head, copy, info_r);
	choose_framing(options, info_r);
	p = put_status_line(p, head.status);
	p = put_fields(p, &head, copy, info_r->framing == HTTP_FRAMING_CHUNKED,
		       &saw, &fault);
	if (p == NULL)
		return fault;
	if (head.status == 101 && !(saw & SAW_UPGRADE))
		return HTTP_RESPONSE_FAULT_PROTOCOL;
	return put_own_fields(p, options, info_r, saw) - out;
}
