/* SPDX-License-Identifier: Apache-2.0
 *
 * Response heads that the listener must not send.
 */
#include "t/hostile/hostile.h"

#include <string.h>

#include "core/http/response_head.h"

/* A head with one field, to be spoilt. */
struct spoilt {
	struct http_response_head head;
	struct http_response_field field;
	char text[4096 - sizeof(struct http_response_head) -
		  sizeof(struct http_response_field)];
};

_Static_assert(sizeof(struct spoilt) == 4096, "fills a block");

static uint32_t
good(struct spoilt *s, const char *name, const char *value, size_t value_length)
{
	size_t name_length = strlen(name);

	memset(s, 0, sizeof(*s));
	s->field.name_length = (uint16_t)name_length;
	s->field.value_length = (uint32_t)value_length;
	memcpy(s->text, name, name_length);
	memcpy(s->text + name_length, value, value_length);
	s->head = (struct http_response_head){
		.magic = HTTP_RESPONSE_HEAD_MAGIC,
		.version = HTTP_RESPONSE_HEAD_VERSION,
		.status = 200,
		.size = (uint32_t)(sizeof(s->head) + sizeof(s->field) +
				   name_length + value_length),
		.count = 1,
	};
	return s->head.size;
}

enum {
	HEAD_MAGIC,
	HEAD_VERSION,
	HEAD_FLAGS,
	HEAD_RESERVED,
	HEAD_STATUS_0,
	HEAD_STATUS_99,
	HEAD_STATUS_100,
	HEAD_STATUS_101,
	HEAD_STATUS_600,
	HEAD_STATUS_65535,
	HEAD_SIZE_SMALL,
	HEAD_SIZE_LARGE,
	HEAD_SIZE_HUGE,
	HEAD_COUNT_MORE,
	HEAD_COUNT_LESS,
	HEAD_COUNT_HUGE,
	HEAD_LENGTH_NEGATIVE,
	HEAD_LENGTH_MINIMUM,
	FIELD_ID,
	FIELD_RESERVED,
	FIELD_NAME_AND_ID,
	FIELD_NAME_LONG,
	FIELD_VALUE_LONG,
	FIELD_VALUE_HUGE,
	HEAD_VARIANTS
};

static const char *const numbers[HEAD_VARIANTS] = {
	[HEAD_MAGIC] = "head with another magic",
	[HEAD_VERSION] = "head of another version",
	[HEAD_FLAGS] = "head with unknown flags",
	[HEAD_RESERVED] = "head with reserved bits",
	[HEAD_STATUS_0] = "status 0",
	[HEAD_STATUS_99] = "status 99",
	[HEAD_STATUS_100] = "status 100",
	[HEAD_STATUS_101] = "status 101",
	[HEAD_STATUS_600] = "status 600",
	[HEAD_STATUS_65535] = "status 65535",
	[HEAD_SIZE_SMALL] = "head smaller than itself",
	[HEAD_SIZE_LARGE] = "head larger than announced",
	[HEAD_SIZE_HUGE] = "head of 2^32-1 bytes inside",
	[HEAD_COUNT_MORE] = "more fields than there are",
	[HEAD_COUNT_LESS] = "fewer fields than there are",
	[HEAD_COUNT_HUGE] = "65535 fields",
	[HEAD_LENGTH_NEGATIVE] = "content length -2",
	[HEAD_LENGTH_MINIMUM] = "content length -2^63",
	[FIELD_ID] = "unknown field id",
	[FIELD_RESERVED] = "field with reserved bits",
	[FIELD_NAME_AND_ID] = "field with id and name",
	[FIELD_NAME_LONG] = "field name beyond the head",
	[FIELD_VALUE_LONG] = "field value beyond the head",
	[FIELD_VALUE_HUGE] = "field value of 2^32-1 bytes",
};

static void
spoil_fixed(struct http_response_head *head, int variant)
{
	switch (variant) {
	case HEAD_MAGIC:
		head->magic ^= 1;
		break;
	case HEAD_VERSION:
		head->version++;
		break;
	case HEAD_FLAGS:
		head->flags = 0x80;
		break;
	case HEAD_RESERVED:
		head->cache_query = 1;
		break;
	case HEAD_STATUS_0:
		head->status = 0;
		break;
	case HEAD_STATUS_99:
		head->status = 99;
		break;
	case HEAD_STATUS_100:
		head->status = 100;
		break;
	case HEAD_STATUS_101:
		head->status = 101;
		break;
	case HEAD_STATUS_600:
		head->status = 600;
		break;
	case HEAD_STATUS_65535:
		head->status = 65535;
		break;
	}
}

static void
spoil_sizes(struct spoilt *s, int variant)
{
	switch (variant) {
	case HEAD_SIZE_SMALL:
		s->head.size = sizeof(s->head) - 1;
		break;
	case HEAD_SIZE_LARGE:
		s->head.size++;
		break;
	case HEAD_SIZE_HUGE:
		s->head.size = UINT32_MAX;
		break;
	case HEAD_COUNT_MORE:
		s->head.count++;
		break;
	case HEAD_COUNT_LESS:
		s->head.count--;
		break;
	case HEAD_COUNT_HUGE:
		s->head.count = UINT16_MAX;
		break;
	case HEAD_LENGTH_NEGATIVE:
		s->head.content_length = -2;
		break;
	case HEAD_LENGTH_MINIMUM:
		s->head.content_length = INT64_MIN;
		break;
	case FIELD_ID:
		s->field.id = HTTP_HEADER_COUNT;
		break;
	case FIELD_RESERVED:
		s->field.reserved = 1;
		break;
	case FIELD_NAME_AND_ID:
		s->field.id = 1;
		break;
	case FIELD_NAME_LONG:
		s->field.name_length = UINT16_MAX;
		break;
	case FIELD_VALUE_LONG:
		s->field.value_length++;
		break;
	case FIELD_VALUE_HUGE:
		s->field.value_length = UINT32_MAX;
		break;
	}
}

/* `size` is what the descriptor says. */
static bool
send_head(struct evil *evil, struct evil_request *request,
	  const struct spoilt *s, uint32_t size)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor descriptor =
		evil_describe(request, CHANNEL_RESPONSE,
			      evil_chance(evil, 2) ? CHANNEL_FLAG_LAST : 0);

	descriptor.refs[0] = evil_block(channel, CHANNEL_BLOCK_4K, s, 4096);
	if (descriptor.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	descriptor.count = 1;
	descriptor.extra = size;
	if (evil_chance(evil, 2))
		descriptor.refs[0].length = size;
	evil_forge(channel->channel, &descriptor);
	return true;
}

static bool
lie_in_numbers(struct evil *evil, struct evil_request *request, int variant)
{
	struct spoilt s;
	uint32_t size = good(&s, "X-Field", "value", 5);

	/* A request that is not answered any more has its heads thrown away. */
	if (request->state == EVIL_RESPONDING || request->aborted)
		return false;
	spoil_fixed(&s.head, variant);
	spoil_sizes(&s, variant);
	return send_head(evil, request, &s, size);
}

/* ---- text ------------------------------------------------------------------------- */

static const struct {
	const char *kind, *name, *value;
	size_t length;
} texts[] = {
#define TEXT(kind, name, value)                                                \
	{                                                                      \
		kind, name, value, sizeof(value) - 1                           \
	}
	TEXT("value with CR LF", "X-Field", "a\r\nSet-Cookie: stolen=1"),
	TEXT("value with LF", "X-Field", "a\nb: c"),
	TEXT("value with CR", "X-Field", "a\rb"),
	TEXT("value with NUL", "X-Field", "a\0b"),
	TEXT("long value that ends in LF", "X-Field",
	     "0123456789abcdef0123456789abcdef0123456789abcdef\n"),
	TEXT("value with a whole response", "X-Field",
	     "a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
	TEXT("name with CR LF", "X\r\nEvil", "a"),
	TEXT("name with a blank", "X Evil", "a"),
	TEXT("name with a colon", "X:Evil", "a"),
	TEXT("name of no bytes", "", "a"),
	TEXT("Content-Length as a field", "Content-Length", "5"),
	TEXT("content-length in small letters", "content-length", "5"),
	TEXT("Transfer-Encoding as a field", "Transfer-Encoding", "chunked"),
	TEXT("Connection as a field", "Connection", "close"),
	TEXT("Upgrade as a field", "Upgrade", "websocket"),
	TEXT("Trailer that announces framing", "Trailer", "X, Content-Length"),
	TEXT("Trailer that is no list", "Trailer", "X; Y"),
#undef TEXT
};

#define TEXTS (sizeof(texts) / sizeof(texts[0]))

static bool
lie_in_text(struct evil *evil, struct evil_request *request, int variant)
{
	struct spoilt s;
	uint32_t size = good(&s, texts[variant].name, texts[variant].value,
			     texts[variant].length);

	if (request->state == EVIL_RESPONDING || request->aborted)
		return false;
	return send_head(evil, request, &s, size);
}

/* ---- by chance ------------------------------------------------------------------------ */

enum {
	HEAD_RANDOM,
	HEAD_RANDOM_FIELDS,
	HEAD_TURNED_BIT
};

static bool
head_by_chance(struct evil *evil, struct evil_request *request, int variant)
{
	struct spoilt s;
	uint32_t size = good(&s, "X-Field", "value", 5);
	size_t bit = evil_draw(evil, 8 * size);

	switch (variant) {
	case HEAD_RANDOM:
		evil_fill(evil, &s, 64);
		break;
	case HEAD_RANDOM_FIELDS:
		size = 32 + (uint32_t)evil_draw(evil, 300);
		s.head.size = size;
		s.head.count = (uint16_t)evil_draw(evil, 4);
		evil_fill(evil, &s.field, 300);
		break;
	case HEAD_TURNED_BIT:
		((unsigned char *)&s)[bit / 8] ^=
			(unsigned char)(1u << bit % 8);
		break;
	}
	return send_head(evil, request, &s, size);
}

/* The head ends where it says, but the descriptor says something else. */
static bool
lie_about_size(struct evil *evil, struct evil_request *request, int variant)
{
	struct spoilt s;
	uint32_t size = good(&s, "X-Field", "value", 5);

	if (request->state == EVIL_RESPONDING || request->aborted)
		return false;
	return send_head(evil, request, &s, size + (uint32_t)variant);
}

static const struct evil_kind others[] = {
	{ "head of random bytes", head_by_chance, HEAD_RANDOM, EVIL_MAYBE, true,
	  0 },
	{ "random fields", head_by_chance, HEAD_RANDOM_FIELDS, EVIL_MAYBE, true,
	  0 },
	{ "a bit of a head", head_by_chance, HEAD_TURNED_BIT, EVIL_MAYBE, true,
	  0 },
	{ "descriptor longer than head", lie_about_size, 1, EVIL_CAUGHT, true,
	  0 },
	{ "descriptor shorter than head", lie_about_size, -1, EVIL_CAUGHT, true,
	  0 },
};

#define OTHERS (sizeof(others) / sizeof(others[0]))

struct evil_kinds
evil_head_kinds(void)
{
	static struct evil_kind kinds[HEAD_VARIANTS + TEXTS + OTHERS];
	struct evil_kind *next = kinds;

	for (int i = 0; i < HEAD_VARIANTS; i++)
		*next++ = (struct evil_kind){ numbers[i],  lie_in_numbers, i,
					      EVIL_CAUGHT, true,	   0 };
	for (size_t i = 0; i < TEXTS; i++)
		*next++ = (struct evil_kind){ texts[i].kind, lie_in_text,
					      (int)i,	     EVIL_CAUGHT,
					      true,	     0 };
	memcpy(next, others, sizeof(others));
	return EVIL_KINDS(kinds);
}
