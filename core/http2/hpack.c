/* SPDX-License-Identifier: Apache-2.0
 *
 * See hpack.h.
 */
#include "core/http2/hpack.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/slice.h"

_Static_assert(HPACK_ENTRIES > HPACK_TABLE_BYTES / (HPACK_ENTRY_COST + 1),
	       "the bytes have to end before the entries do");

/* RFC 7541 appendix A. */
#define STATIC_STATUS 8
#define STATIC_COUNT 61

static const uint8_t static_names[HTTP_HEADER_COUNT] = {
	[HTTP_HEADER_ACCEPT_CHARSET] = 15,
	[HTTP_HEADER_ACCEPT_ENCODING] = 16,
	[HTTP_HEADER_ACCEPT_LANGUAGE] = 17,
	[HTTP_HEADER_ACCEPT_RANGES] = 18,
	[HTTP_HEADER_ACCEPT] = 19,
	[HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN] = 20,
	[HTTP_HEADER_AGE] = 21,
	[HTTP_HEADER_ALLOW] = 22,
	[HTTP_HEADER_AUTHORIZATION] = 23,
	[HTTP_HEADER_CACHE_CONTROL] = 24,
	[HTTP_HEADER_CONTENT_DISPOSITION] = 25,
	[HTTP_HEADER_CONTENT_ENCODING] = 26,
	[HTTP_HEADER_CONTENT_LANGUAGE] = 27,
	[HTTP_HEADER_CONTENT_LENGTH] = 28,
	[HTTP_HEADER_CONTENT_LOCATION] = 29,
	[HTTP_HEADER_CONTENT_RANGE] = 30,
	[HTTP_HEADER_CONTENT_TYPE] = 31,
	[HTTP_HEADER_COOKIE] = 32,
	[HTTP_HEADER_DATE] = 33,
	[HTTP_HEADER_ETAG] = 34,
	[HTTP_HEADER_EXPECT] = 35,
	[HTTP_HEADER_EXPIRES] = 36,
	[HTTP_HEADER_FROM] = 37,
	[HTTP_HEADER_HOST] = 38,
	[HTTP_HEADER_IF_MATCH] = 39,
	[HTTP_HEADER_IF_MODIFIED_SINCE] = 40,
	[HTTP_HEADER_IF_NONE_MATCH] = 41,
	[HTTP_HEADER_IF_RANGE] = 42,
	[HTTP_HEADER_IF_UNMODIFIED_SINCE] = 43,
	[HTTP_HEADER_LAST_MODIFIED] = 44,
	[HTTP_HEADER_LINK] = 45,
	[HTTP_HEADER_LOCATION] = 46,
	[HTTP_HEADER_MAX_FORWARDS] = 47,
	[HTTP_HEADER_PROXY_AUTHENTICATE] = 48,
	[HTTP_HEADER_PROXY_AUTHORIZATION] = 49,
	[HTTP_HEADER_RANGE] = 50,
	[HTTP_HEADER_REFERER] = 51,
	[HTTP_HEADER_RETRY_AFTER] = 53,
	[HTTP_HEADER_SERVER] = 54,
	[HTTP_HEADER_SET_COOKIE] = 55,
	[HTTP_HEADER_STRICT_TRANSPORT_SECURITY] = 56,
	[HTTP_HEADER_TRANSFER_ENCODING] = 57,
	[HTTP_HEADER_USER_AGENT] = 58,
	[HTTP_HEADER_VARY] = 59,
	[HTTP_HEADER_VIA] = 60,
	[HTTP_HEADER_WWW_AUTHENTICATE] = 61,
};

/* How a literal begins, and how many bits of that byte are the name's. */
enum literal {
	LITERAL_TABLED = 0x40,
	LITERAL_PLAIN = 0x00,
	LITERAL_SECRET = 0x10 /* never to be put into a table */
};

static const uint8_t literals[HTTP_HEADER_COUNT] = {
	[HTTP_HEADER_ACCEPT_RANGES] = LITERAL_TABLED,
	[HTTP_HEADER_ACCESS_CONTROL_ALLOW_CREDENTIALS] = LITERAL_TABLED,
	[HTTP_HEADER_ACCESS_CONTROL_ALLOW_HEADERS] = LITERAL_TABLED,
	[HTTP_HEADER_ACCESS_CONTROL_ALLOW_METHODS] = LITERAL_TABLED,
	[HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN] = LITERAL_TABLED,
	[HTTP_HEADER_ACCESS_CONTROL_EXPOSE_HEADERS] = LITERAL_TABLED,
	[HTTP_HEADER_ACCESS_CONTROL_MAX_AGE] = LITERAL_TABLED,
	[HTTP_HEADER_ALT_SVC] = LITERAL_TABLED,
	[HTTP_HEADER_CACHE_CONTROL] = LITERAL_TABLED,
	[HTTP_HEADER_CONTENT_ENCODING] = LITERAL_TABLED,
	[HTTP_HEADER_CONTENT_LANGUAGE] = LITERAL_TABLED,
	[HTTP_HEADER_CONTENT_SECURITY_POLICY] = LITERAL_TABLED,
	[HTTP_HEADER_CONTENT_TYPE] = LITERAL_TABLED,
	[HTTP_HEADER_DATE] = LITERAL_TABLED,
	[HTTP_HEADER_REFERRER_POLICY] = LITERAL_TABLED,
	[HTTP_HEADER_SERVER] = LITERAL_TABLED,
	[HTTP_HEADER_SET_COOKIE] = LITERAL_SECRET,
	[HTTP_HEADER_STRICT_TRANSPORT_SECURITY] = LITERAL_TABLED,
	[HTTP_HEADER_VARY] = LITERAL_TABLED,
	[HTTP_HEADER_WWW_AUTHENTICATE] = LITERAL_SECRET,
	[HTTP_HEADER_X_CONTENT_TYPE_OPTIONS] = LITERAL_TABLED,
	[HTTP_HEADER_X_FRAME_OPTIONS] = LITERAL_TABLED,
	[HTTP_HEADER_X_POWERED_BY] = LITERAL_TABLED,
};

/* ---- the table ------------------------------------------------------------------ */

static struct hpack_entry *
entry_at(struct hpack_encoder *encoder, uint32_t number)
{
	return &encoder->entries[number % HPACK_ENTRIES];
}

/* Entries leave in the order in which they came. */
static void
shrink(struct hpack_encoder *encoder, uint32_t limit)
{
	while (encoder->cost > limit) {
		uint32_t oldest = encoder->newest - encoder->count + 1;

		encoder->cost -= entry_at(encoder, oldest)->cost;
		encoder->count--;
	}
}

/* Texts lie as old as they are: the oldest that is left begins the rest. */
static void
pack(struct hpack_encoder *encoder)
{
	uint32_t oldest = encoder->newest - encoder->count + 1;
	uint32_t gone = encoder->count == 0 ? encoder->used :
					      entry_at(encoder, oldest)->at;

	memmove(encoder->text, encoder->text + gone, encoder->used - gone);
	encoder->used -= gone;
	for (uint32_t i = 0; i < encoder->count; i++) {
		struct hpack_entry *entry = entry_at(encoder, oldest + i);

		entry->at = (uint16_t)(entry->at - gone);
	}
}

static void
insert(struct hpack_encoder *encoder, enum http_header_id id,
       struct portico_slice value)
{
	uint32_t cost = (uint32_t)(http_header_name_length(id) + value.length) +
			HPACK_ENTRY_COST;

	ASSERT(cost <= encoder->limit);
	shrink(encoder, encoder->limit - cost);
	if (value.length > sizeof(encoder->text) - encoder->used)
		pack(encoder);
	encoder->newest++;
	encoder->count++;
	encoder->cost += cost;
	*entry_at(encoder, encoder->newest) = (struct hpack_entry){
		.at = (uint16_t)encoder->used,
		.length = (uint16_t)value.length,
		.cost = (uint16_t)cost,
		.id = (uint8_t)id,
	};
	memcpy(encoder->text + encoder->used, value.data, value.length);
	encoder->used += (uint32_t)value.length;
}

/* Its number on the wire; 0: it is not there. */
static uint32_t
find(struct hpack_encoder *encoder, enum http_header_id id,
     struct portico_slice value)
{
	for (uint32_t i = 0; i < encoder->count; i++) {
		const struct hpack_entry *entry =
			entry_at(encoder, encoder->newest - i);

		if (entry->id == id && entry->length == value.length &&
		    memcmp(encoder->text + entry->at, value.data,
			   value.length) == 0)
			return STATIC_COUNT + 1 + i;
	}
	return 0;
}

void
hpack_encoder_init(struct hpack_encoder *encoder)
{
	encoder->limit = encoder->lowest = HPACK_TABLE_BYTES;
	encoder->moved = true; /* the client believes in 4096 */
	encoder->cost = encoder->newest = encoder->count = encoder->used = 0;
}

void
hpack_encoder_limit(struct hpack_encoder *encoder, uint32_t bytes)
{
	if (bytes > HPACK_TABLE_BYTES)
		bytes = HPACK_TABLE_BYTES;
	encoder->limit = bytes;
	encoder->moved = true;
	if (bytes < encoder->lowest)
		encoder->lowest = bytes;
	shrink(encoder, bytes);
}

/* ---- writing --------------------------------------------------------------------- */

/* Section 5.1: `first` has the bits in front of the number. */
static uint8_t *
put_integer(uint8_t *at, unsigned first, unsigned bits, size_t value)
{
	const size_t most = (1u << bits) - 1;

	if (value < most) {
		*at = (uint8_t)(first | value);
		return at + 1;
	}
	*at++ = (uint8_t)(first | most);
	for (value -= most; value >= 0x80; value >>= 7)
		*at++ = (uint8_t)(0x80 | (value & 0x7f));
	*at = (uint8_t)value;
	return at + 1;
}

static uint8_t *
put_text(uint8_t *at, struct portico_slice text)
{
	at = put_integer(at, 0, 7, text.length);
	if (text.length > 0)
		memcpy(at, text.data, text.length);
	return at + text.length;
}

static uint8_t *
put_name(uint8_t *at, struct portico_slice name)
{
	at = put_integer(at, 0, 7, name.length);
	for (size_t i = 0; i < name.length; i++)
		*at++ = (uint8_t)slice_lower(name.data[i]);
	return at;
}

/* RFC 7541 section 4.2: the smallest that it has been, and what it is. */
static void
put_limit(struct hpack_block *block)
{
	struct hpack_encoder *encoder = block->encoder;

	if (encoder->lowest < encoder->limit)
		block->at = put_integer(block->at, 0x20, 5, encoder->lowest);
	block->at = put_integer(block->at, 0x20, 5, encoder->limit);
	encoder->lowest = encoder->limit;
	encoder->moved = false;
}

void
hpack_begin_trailers(struct hpack_block *block)
{
	if (block->encoder->moved)
		put_limit(block);
}

/* In the static table there are these of :status. */
static unsigned
static_status(unsigned status)
{
	switch (status) {
	case 200:
		return STATIC_STATUS;
	case 204:
		return STATIC_STATUS + 1;
	case 206:
		return STATIC_STATUS + 2;
	case 304:
		return STATIC_STATUS + 3;
	case 400:
		return STATIC_STATUS + 4;
	case 404:
		return STATIC_STATUS + 5;
	case 500:
		return STATIC_STATUS + 6;
	default:
		return 0;
	}
}

void
hpack_begin_response(struct hpack_block *block, unsigned status)
{
	const char digits[] = { (char)('0' + status / 100 % 10),
				(char)('0' + status / 10 % 10),
				(char)('0' + status % 10) };
	unsigned known = static_status(status);

	hpack_begin_trailers(block);
	if (known != 0) {
		*block->at++ = (uint8_t)(0x80 | known);
		return;
	}
	*block->at++ = STATIC_STATUS;
	block->at = put_text(block->at, slice_make(digits, sizeof(digits)));
}

/* All of it is worth a place in the table, but not half of the table. */
static bool
is_tabled(const struct hpack_encoder *encoder, enum http_header_id id,
	  struct portico_slice value)
{
	return literals[id] == LITERAL_TABLED &&
	       http_header_name_length(id) + value.length + HPACK_ENTRY_COST <=
		       encoder->limit / 2;
}

void
hpack_field(struct hpack_block *block, enum http_header_id id,
	    struct portico_slice name, struct portico_slice value)
{
	struct hpack_encoder *encoder = block->encoder;
	bool tabled = is_tabled(encoder, id, value);
	uint32_t known = tabled ? find(encoder, id, value) : 0;
	unsigned first = tabled ? LITERAL_TABLED :
				  literals[id] & ~(unsigned)LITERAL_TABLED;

	if (known != 0) {
		block->at = put_integer(block->at, 0x80, 7, known);
		return;
	}
	block->at =
		put_integer(block->at, first, tabled ? 6 : 4, static_names[id]);
	if (static_names[id] == 0)
		block->at = put_name(
			block->at,
			id == HTTP_HEADER_UNKNOWN ?
				name :
				slice_make(http_header_name(id),
					   http_header_name_length(id)));
	block->at = put_text(block->at, value);
	if (tabled)
		insert(encoder, id, value);
}
