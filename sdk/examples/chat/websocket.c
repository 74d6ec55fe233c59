/* SPDX-License-Identifier: Apache-2.0
 *
 * See websocket.h.
 */
#include "websocket.h"

#include <string.h>

/* ---- frames ------------------------------------------------------------------ */

static enum ws_event
failed(struct ws_reader *reader, uint16_t code)
{
	reader->code = code;
	return WS_ON_ERROR;
}

/* Bytes of the length behind the first two. */
static unsigned
long_length(const struct ws_reader *reader)
{
	unsigned length = reader->head[1] & 0x7f;

	return length == 126 ? 2 : length == 127 ? 8 : 0;
}

/* Bytes of a head, as far as the first two tell.  One without a mask is
 * refused at once. */
static unsigned
head_size(const struct ws_reader *reader)
{
	if (reader->head_have < 2 || (reader->head[1] & 0x80) == 0)
		return 2;
	return 6 + long_length(reader);
}

static uint64_t
payload_length(const struct ws_reader *reader)
{
	unsigned size = long_length(reader);
	uint64_t length = 0;

	if (size == 0)
		return reader->head[1] & 0x7f;
	for (unsigned i = 0; i < size; i++)
		length = length << 8 | reader->head[2 + i];
	return length;
}

/* Section 5.2: in the fewest bytes that hold it, and below 2^63. */
static bool
length_is_valid(const struct ws_reader *reader)
{
	unsigned size = long_length(reader);

	return size == 0 || (size == 2 && reader->left > 125) ||
	       (size == 8 && reader->left > UINT16_MAX &&
		reader->left <= INT64_MAX);
}

/* The head is complete.  0, or the close code of what is wrong with it. */
static uint16_t
judge_head(struct ws_reader *reader)
{
	unsigned opcode = reader->head[0] & 0x0f;
	bool control = (opcode & 8) != 0;

	reader->fin = (reader->head[0] & 0x80) != 0;
	reader->frame = (uint8_t)opcode;
	reader->left = payload_length(reader);
	reader->masked = 0;
	/* No extension was agreed on, and clients have to mask. */
	if ((reader->head[0] & 0x70) != 0 || (reader->head[1] & 0x80) == 0 ||
	    !length_is_valid(reader))
		return 1002;
	if (control)
		return opcode > WS_PONG || !reader->fin ||
				       reader->left > WS_CONTROL_MAX ?
			       1002 :
			       0;
	if (opcode > WS_BINARY || (opcode == WS_CONTINUATION) != reader->open)
		return 1002;
	if (!reader->open)
		reader->message_length = 0;
	if (reader->left > WS_MESSAGE_MAX - reader->message_length)
		return 1009;
	return 0;
}

static void
begin_payload(struct ws_reader *reader)
{
	reader->in_payload = true;
	if ((reader->frame & 8) != 0) {
		reader->control_type = reader->frame;
		reader->control_length = 0;
		return;
	}
	if (reader->frame != WS_CONTINUATION)
		reader->opcode = reader->frame;
	reader->open = true;
}

static void
take_payload(struct ws_reader *reader, const char *data, size_t length)
{
	const uint8_t *mask = reader->head + head_size(reader) - 4;
	bool control = (reader->frame & 8) != 0;
	size_t *used = control ? &reader->control_length :
				 &reader->message_length;
	char *to = (control ? reader->control : reader->message) + *used;

	for (size_t i = 0; i < length; i++)
		to[i] = (char)((uint8_t)data[i] ^ mask[reader->masked++ & 3]);
	*used += length;
	reader->left -= length;
}

static enum ws_event
end_frame(struct ws_reader *reader)
{
	reader->in_payload = false;
	reader->head_have = 0;
	if ((reader->frame & 8) != 0)
		return WS_ON_CONTROL;
	if (!reader->fin)
		return WS_MORE;
	reader->open = false;
	if (reader->opcode == WS_TEXT &&
	    !ws_is_utf8(reader->message, reader->message_length))
		return failed(reader, 1007);
	return WS_ON_MESSAGE;
}

enum ws_event
ws_feed(struct ws_reader *reader, const char **data, size_t *length)
{
	for (;;) {
		enum ws_event event;
		size_t take;

		while (!reader->in_payload &&
		       reader->head_have < head_size(reader)) {
			if (*length == 0)
				return WS_MORE;
			reader->head[reader->head_have++] =
				(uint8_t) * (*data)++;
			(*length)--;
		}
		if (!reader->in_payload) {
			uint16_t code = judge_head(reader);

			if (code != 0)
				return failed(reader, code);
			begin_payload(reader);
		}
		take = *length < reader->left ? *length : (size_t)reader->left;
		take_payload(reader, *data, take);
		*data += take;
		*length -= take;
		if (reader->left > 0)
			return WS_MORE;
		event = end_frame(reader);
		if (event != WS_MORE)
			return event;
	}
}

size_t
ws_head(char head[WS_HEAD_MAX], enum ws_opcode opcode, size_t length)
{
	unsigned size = length < 126 ? 0 : length < 65536 ? 2 : 8;

	head[0] = (char)(0x80 | opcode);
	head[1] = (char)(size == 0 ? length : size == 2 ? 126 : 127);
	for (unsigned i = 0; i < size; i++)
		head[2 + i] = (char)((uint64_t)length >> 8 * (size - 1 - i));
	return 2 + size;
}

uint16_t
ws_close_code(const char *payload, size_t length)
{
	unsigned code;

	if (length == 0)
		return 1005;
	if (length == 1)
		return 1002;
	code = (unsigned)(uint8_t)payload[0] << 8 | (uint8_t)payload[1];
	if (!ws_is_utf8(payload + 2, length - 2))
		return 1007;
	/* Section 7.4: those of the protocol that may be sent, and private
	 * ones. */
	if ((code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	    (code >= 3000 && code <= 4999))
		return (uint16_t)code;
	return 1002;
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool
ws_is_utf8(const char *text, size_t length)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + length;

	while (p < end) {
		unsigned low = 0x80, high = 0xbf, more;
		uint8_t c = *p++;

		if (c < 0x80)
			continue;
		if (c < 0xc2 || c > 0xf4)
			return false;
		more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		if (c == 0xe0)
			low = 0xa0;
		else if (c == 0xed)
			high = 0x9f;
		else if (c == 0xf0)
			low = 0x90;
		else if (c == 0xf4)
			high = 0x8f;
		for (; more > 0; more--, low = 0x80, high = 0xbf)
			if (p == end || *p < low || *p++ > high)
				return false;
	}
	return true;
}

/* ---- the handshake ----------------------------------------------------------- */

static uint32_t
rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static void
sha1_block(uint32_t h[5], const uint8_t *block)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (unsigned i = 0; i < 16; i++, block += 4)
		w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 |
		       (uint32_t)block[2] << 8 | block[3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t f = i < 20 ? (b & c) | (~b & d) :
			     i < 40 ? b ^ c ^ d :
			     i < 60 ? (b & c) | (b & d) | (c & d) :
				      b ^ c ^ d;
		uint32_t k = i < 20 ? 0x5a827999u :
			     i < 40 ? 0x6ed9eba1u :
			     i < 60 ? 0x8f1bbcdcu :
				      0xca62c1d6u;
		uint32_t next = rotate(a, 5) + f + e + k + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789+/";

bool
ws_key_is_valid(const char *key, size_t length)
{
	if (length != 24 || key[22] != '=' || key[23] != '=')
		return false;
	for (size_t i = 0; i < 22; i++)
		if (key[i] == '\0' || strchr(base64, key[i]) == NULL)
			return false;
	return true;
}

/* The key has 24 bytes and the text 36: one block and 4 bytes of a second. */
void
ws_accept(const char *key, size_t length, char accept[WS_ACCEPT_SIZE])
{
	static const char text[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
	uint32_t h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u,
			  0xc3d2e1f0u };
	uint8_t blocks[128] = { 0 }, digest[21] = { 0 };
	size_t total = length + sizeof(text) - 1;

	memcpy(blocks, key, length);
	memcpy(blocks + length, text, sizeof(text) - 1);
	blocks[total] = 0x80;
	blocks[126] = (uint8_t)(total * 8 >> 8);
	blocks[127] = (uint8_t)(total * 8);
	sha1_block(h, blocks);
	sha1_block(h, blocks + 64);
	for (unsigned i = 0; i < 20; i++)
		digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
	for (unsigned i = 0, o = 0; i < 21; i += 3, o += 4) {
		uint32_t n = (uint32_t)digest[i] << 16 |
			     (uint32_t)digest[i + 1] << 8 | digest[i + 2];

		for (unsigned j = 0; j < 4; j++)
			accept[o + j] = base64[n >> (18 - 6 * j) & 63];
	}
	accept[27] = '=';
	accept[28] = '\0';
}
