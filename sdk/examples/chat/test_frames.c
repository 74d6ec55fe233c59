/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the codec of websocket.h without a server.  Each stream of frames is
 * fed whole, cut at every place, and byte by byte, and has to give the same
 * events each time.
 */
#undef NDEBUG
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "websocket.h"

#define STREAM_MAX 16384
#define LOG_MAX 16384

/* What a client sends. */
static char stream[STREAM_MAX];
static size_t stream_length;

static void
put(unsigned byte)
{
	assert(stream_length < sizeof(stream));
	stream[stream_length++] = (char)byte;
}

/* A head whose length takes `size` bytes behind the first two: 0, 2 or 8. */
static void
put_head(unsigned first, uint64_t length, unsigned size)
{
	put(first);
	put(0x80 | (size == 0 ? (unsigned)length : size == 2 ? 126 : 127));
	for (unsigned i = 0; i < size; i++)
		put((unsigned)(length >> 8 * (size - 1 - i)) & 0xff);
}

static void
put_payload(const char *data, size_t length)
{
	static unsigned seed;
	char mask[4];

	for (unsigned i = 0; i < 4; i++) {
		seed = seed * 1103515245 + 12345;
		mask[i] = (char)(seed >> 16);
		put((unsigned char)mask[i]);
	}
	for (size_t i = 0; i < length; i++)
		put((unsigned char)(data[i] ^ mask[i % 4]));
}

static void
put_frame(unsigned first, const char *data, size_t length)
{
	put_head(first, length, length < 126 ? 0 : length < 65536 ? 2 : 8);
	put_payload(data, length);
}

static void
put_text(unsigned first, const char *text)
{
	put_frame(first, text, strlen(text));
}

/* ---- what the reader says -------------------------------------------------------- */

struct heard {
	size_t length;
	char log[LOG_MAX];
};

static void
note(struct heard *heard, const char *kind, unsigned number, const char *data,
     size_t length)
{
	int used = snprintf(heard->log + heard->length,
			    sizeof(heard->log) - heard->length, "%s%u(", kind,
			    number);

	heard->length += (size_t)used;
	assert(heard->length + length + 3 < sizeof(heard->log));
	if (length > 0)
		memcpy(heard->log + heard->length, data, length);
	heard->length += length;
	memcpy(heard->log + heard->length, ") ", 3);
	heard->length += 2;
}

/* A chunk, in memory of exactly its size.  False: an error came. */
static bool
feed(struct ws_reader *reader, const char *data, size_t length,
     struct heard *heard)
{
	char *copy = malloc(length > 0 ? length : 1);
	const char *at = copy;
	enum ws_event event;

	assert(copy != NULL);
	memcpy(copy, data, length);
	do {
		event = ws_feed(reader, &at, &length);
		if (event == WS_ON_MESSAGE)
			note(heard, "message", reader->opcode, reader->message,
			     reader->message_length);
		else if (event == WS_ON_CONTROL)
			note(heard, "control", reader->control_type,
			     reader->control, reader->control_length);
		else if (event == WS_ON_ERROR)
			note(heard, "error", reader->code, NULL, 0);
		else
			assert(length == 0);
	} while (event == WS_ON_MESSAGE || event == WS_ON_CONTROL);
	free(copy);
	return event == WS_MORE;
}

/* The stream cut in two at `cut`, the second part in pieces of `step`. */
static void
hear(size_t cut, size_t step, struct heard *heard)
{
	static struct ws_reader reader;
	size_t at = cut;

	memset(&reader, 0, sizeof(reader));
	heard->length = 0;
	heard->log[0] = '\0';
	if (!feed(&reader, stream, cut, heard))
		return;
	while (at < stream_length) {
		size_t left = stream_length - at;
		size_t take = left < step ? left : step;

		if (!feed(&reader, stream + at, take, heard))
			return;
		at += take;
	}
}

static void
compare(const struct heard *heard, const char *expected, size_t length,
	size_t cut)
{
	if (heard->length == length &&
	    memcmp(heard->log, expected, length) == 0)
		return;
	fprintf(stderr, "cut at %zu of %zu: \"%.*s\", not \"%.*s\"\n", cut,
		stream_length, (int)heard->length, heard->log, (int)length,
		expected);
	abort();
}

/* Forgets the stream afterwards. */
static void
expect_bytes(const char *expected, size_t length)
{
	static struct heard heard;

	for (size_t cut = 0; cut <= stream_length; cut++) {
		hear(cut, STREAM_MAX, &heard);
		compare(&heard, expected, length, cut);
	}
	for (size_t step = 1; step < 8; step++) {
		hear(0, step, &heard);
		compare(&heard, expected, length, step);
	}
	stream_length = 0;
}

static void
expect(const char *expected)
{
	expect_bytes(expected, strlen(expected));
}

/* ---- frames ---------------------------------------------------------------------- */

static void
test_messages(void)
{
	expect("");
	put_text(0x81, "Hello");
	expect("message1(Hello) ");
	put_text(0x82, "\xff\xfe");
	expect("message2(\xff\xfe) ");
	put_text(0x81, "");
	put_text(0x82, "");
	put_text(0x81, "x");
	expect("message1() message2() message1(x) ");
	/* What is incomplete is no event. */
	put_text(0x81, "whole");
	put_text(0x81, "cut");
	stream_length--;
	expect("message1(whole) ");
}

/* Section 5.7's own bytes. */
static void
test_mask(void)
{
	static const char hello[] = "\x81\x85\x37\xfa\x21\x3d"
				    "\x7f\x9f\x4d\x51\x58";

	for (size_t i = 0; i < sizeof(hello) - 1; i++)
		put((unsigned char)hello[i]);
	expect("message1(Hello) ");
	/* Each frame has a mask of its own and begins it anew. */
	put_text(0x01, "abcde");
	put_text(0x00, "fg");
	put_text(0x80, "hijklmnop");
	expect("message1(abcdefghijklmnop) ");
	put_head(0x81, 2, 0);
	stream[stream_length - 1] &= 0x7f;
	put('h');
	put('i');
	expect("error1002() ");
	put(0x89);
	put(0x00);
	expect("error1002() ");
}

static void
test_fragments(void)
{
	put_text(0x01, "");
	put_text(0x00, "");
	put_text(0x00, "a");
	put_text(0x80, "");
	put_text(0x02, "b");
	put_text(0x80, "c");
	expect("message1(a) message2(bc) ");
	/* Nothing to go on with; after a message, too. */
	put_text(0x80, "a");
	expect("error1002() ");
	put_text(0x81, "a");
	put_text(0x00, "b");
	expect("message1(a) error1002() ");
	/* A message inside of a message. */
	put_text(0x01, "a");
	put_text(0x81, "b");
	expect("error1002() ");
	put_text(0x01, "a");
	put_text(0x02, "b");
	expect("error1002() ");
}

static void
test_control(void)
{
	char longest[WS_CONTROL_MAX + 2], expected[WS_CONTROL_MAX + 32];

	put_text(0x01, "one ");
	put_text(0x89, "ping");
	put_text(0x00, "two ");
	put_text(0x8a, "");
	put_text(0x88, "\x03\xe8");
	put_text(0x80, "three");
	expect("control9(ping) control10() control8(\x03\xe8) "
	       "message1(one two three) ");

	memset(longest, 'p', sizeof(longest));
	put_frame(0x89, longest, WS_CONTROL_MAX);
	snprintf(expected, sizeof(expected), "control9(%.*s) ", WS_CONTROL_MAX,
		 longest);
	expect(expected);
	for (unsigned opcode = WS_CLOSE; opcode <= WS_PONG; opcode++) {
		put_frame(0x80 | opcode, longest, WS_CONTROL_MAX + 1);
		expect("error1002() ");
		put_head(0x80 | opcode, WS_CONTROL_MAX + 1, 8);
		put_payload("", 0);
		expect("error1002() ");
		/* Never in fragments. */
		put_text(opcode, "a");
		expect("error1002() ");
	}
}

static void
test_reserved(void)
{
	static const unsigned opcodes[] = { 3, 4, 5, 6, 7, 11, 12, 13, 14, 15 };

	for (unsigned bit = 0x10; bit <= 0x40; bit <<= 1) {
		put_text(0x81 | bit, "a");
		expect("error1002() ");
		put_text(0x89 | bit, "a");
		expect("error1002() ");
	}
	for (size_t i = 0; i < sizeof(opcodes) / sizeof(opcodes[0]); i++) {
		put_text(0x80 | opcodes[i], "a");
		expect("error1002() ");
	}
}

/* ---- lengths --------------------------------------------------------------------- */

static void
expect_message(unsigned opcode, const char *payload, size_t length)
{
	static struct heard heard;

	heard.length = 0;
	note(&heard, "message", opcode, payload, length);
	expect_bytes(heard.log, heard.length);
}

static void
test_lengths(void)
{
	static const size_t sizes[] = { 124, 125, 126, 127,
					128, 255, 256, WS_MESSAGE_MAX };
	static char payload[WS_MESSAGE_MAX + 1];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		put_frame(0x81, payload, sizes[i]);
		expect_message(WS_TEXT, payload, sizes[i]);
	}
	/* A message's length is that of all its fragments. */
	put_frame(0x01, payload, WS_MESSAGE_MAX - 1);
	put_frame(0x80, payload + WS_MESSAGE_MAX - 1, 1);
	expect_message(WS_TEXT, payload, WS_MESSAGE_MAX);
	put_frame(0x01, payload, WS_MESSAGE_MAX);
	put_frame(0x80, "", 0);
	expect_message(WS_TEXT, payload, WS_MESSAGE_MAX);
	put_frame(0x01, payload, WS_MESSAGE_MAX);
	put_frame(0x80, "x", 1);
	expect("error1009() ");
	/* Refused by its head: nothing of the payload has come. */
	put_head(0x82, WS_MESSAGE_MAX + 1, 2);
	put_payload("", 0);
	expect("error1009() ");
	put_head(0x82, 65536, 8);
	put_payload("", 0);
	expect("error1009() ");
	put_head(0x82, INT64_MAX, 8);
	put_payload("", 0);
	expect("error1009() ");
}

/* Section 5.2: the fewest bytes that hold it, and never the highest bit. */
static void
test_long_lengths(void)
{
	static const uint64_t in_two[] = { 0, 1, 125 };
	static const uint64_t in_eight[] = { 0, 125, 126, 65535 };

	for (size_t i = 0; i < sizeof(in_two) / sizeof(in_two[0]); i++) {
		put_head(0x82, in_two[i], 2);
		put_payload("", 0);
		expect("error1002() ");
		put_head(0x8a, in_two[i], 2);
		put_payload("", 0);
		expect("error1002() ");
	}
	for (size_t i = 0; i < sizeof(in_eight) / sizeof(in_eight[0]); i++) {
		put_head(0x82, in_eight[i], 8);
		put_payload("", 0);
		expect("error1002() ");
	}
	put_head(0x82, UINT64_C(1) << 63, 8);
	put_payload("", 0);
	expect("error1002() ");
	put_head(0x82, UINT64_MAX, 8);
	put_payload("", 0);
	expect("error1002() ");
}

static void
test_our_heads(void)
{
	static const struct {
		size_t length, size;
		const char *head;
	} cases[] = {
		{ 0, 2, "\x81\x00" },
		{ 125, 2, "\x81\x7d" },
		{ 126, 4, "\x81\x7e\x00\x7e" },
		{ 65535, 4, "\x81\x7e\xff\xff" },
		{ 65536, 10, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00" },
	};
	char head[WS_HEAD_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert(ws_head(head, WS_TEXT, cases[i].length) ==
		       cases[i].size);
		assert(memcmp(head, cases[i].head, cases[i].size) == 0);
	}
	assert(ws_head(head, WS_CLOSE, 2) == 2 && head[0] == (char)0x88);
}

/* ---- text and close codes -------------------------------------------------------- */

/* U+10FFFF, U+20AC, U+E4: each character cut by a fragment's end. */
static void
test_utf8_in_fragments(void)
{
	static const char text[] = "\xf4\x8f\xbf\xbf\xe2\x82\xac\xc3\xa4";
	size_t length = sizeof(text) - 1;

	for (size_t cut = 0; cut <= length; cut++) {
		put_frame(0x01, text, cut);
		put_text(0x89, "\xff");
		put_frame(0x80, text + cut, length - cut);
		expect("control9(\xff) "
		       "message1(\xf4\x8f\xbf\xbf\xe2\x82\xac\xc3\xa4) ");
	}
	put_text(0x01, "\xe2\x82");
	put_text(0x80, "");
	expect("error1007() ");
	put_text(0x01, "\xe2");
	put_text(0x80, "\x82x");
	expect("error1007() ");
	/* Bytes are no text. */
	put_text(0x02, "\xe2");
	put_text(0x80, "\x82");
	expect("message2(\xe2\x82) ");
}

/* Every sequence of up to three bytes and the borders of four, against what
 * their code points are. */
static void
test_utf8(void)
{
	static const char *const good[] = { "\xf0\x90\x80\x80",
					    "\xf1\x80\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = {
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf0\x90\x80",
		"\xf0\x90\x80x",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
	};

	for (unsigned a = 0x80; a < 0x100; a++)
		for (unsigned b = 0; b < 0x100; b++) {
			bool tail = (b & 0xc0) == 0x80;
			char two[2] = { (char)a, (char)b };

			assert(ws_is_utf8(two, 2) ==
			       (a >= 0xc2 && a <= 0xdf && tail));
			for (unsigned c = 0; c < 0x100; c++) {
				char three[3] = { (char)a, (char)b, (char)c };
				unsigned point = (a & 0xf) << 12 |
						 (b & 0x3f) << 6 | (c & 0x3f);

				assert(ws_is_utf8(three, 3) ==
				       ((a >> 4 == 0xe && tail &&
					 (c & 0xc0) == 0x80 && point >= 0x800 &&
					 point >> 11 != 0x1b) ||
					(a >= 0xc2 && a <= 0xdf && tail &&
					 c < 0x80)));
			}
		}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert(ws_is_utf8(good[i], 4));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert(!ws_is_utf8(bad[i], strlen(bad[i])));
	assert(ws_is_utf8("", 0) && ws_is_utf8("a\0b", 3));
	assert(!ws_is_utf8("\x80", 1) && !ws_is_utf8("a\xc3", 2));
}

static void
test_close_codes(void)
{
	for (unsigned code = 0; code < 65536; code++) {
		char payload[2] = { (char)(code >> 8), (char)code };
		/* Section 7.4 and the registry: 1004 means nothing, 1005, 1006
		 * and 1015 are never sent. */
		bool allowed = (code >= 1000 && code < 1015 && code != 1004 &&
				code != 1005 && code != 1006) ||
			       (code >= 3000 && code < 5000);

		assert(ws_close_code(payload, 2) == (allowed ? code : 1002));
	}
	assert(ws_close_code("", 0) == 1005);
	assert(ws_close_code("\x03\xe8", 1) == 1002);
	assert(ws_close_code("\x03\xe8"
			     "bye \xc3\xa4",
			     8) == 1000);
	assert(ws_close_code("\x03\xe8\xc3", 3) == 1007);
}

/* ---- the handshake --------------------------------------------------------------- */

static void
test_handshake(void)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
	char accept[WS_ACCEPT_SIZE], wrong[25];

	/* Section 1.3's own example; one whose digest other tools made. */
	ws_accept(key, 24, accept);
	assert(strcmp(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0);
	ws_accept("AAAAAAAAAAAAAAAAAAAAAA==", 24, accept);
	assert(strcmp(accept, "ICX+Yqv66kxgM0FcWaLWlFLwTAI=") == 0);

	assert(ws_key_is_valid(key, 24));
	assert(!ws_key_is_valid(key, 23) && !ws_key_is_valid("", 0));
	for (size_t i = 0; i < 24; i++) {
		static const char never[] = { '\0', '-', ' ', '\xff' };

		for (size_t j = 0; j < sizeof(never); j++) {
			memcpy(wrong, key, sizeof(wrong));
			wrong[i] = never[j];
			assert(!ws_key_is_valid(wrong, 24));
		}
		wrong[i] = i < 22 ? '=' : 'A';
		assert(!ws_key_is_valid(wrong, 24));
	}
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "messages", test_messages },
		{ "masks", test_mask },
		{ "fragments", test_fragments },
		{ "control frames", test_control },
		{ "reserved bits and opcodes", test_reserved },
		{ "lengths", test_lengths },
		{ "lengths in more bytes than it takes", test_long_lengths },
		{ "heads of what we send", test_our_heads },
		{ "text across fragments", test_utf8_in_fragments },
		{ "UTF-8", test_utf8 },
		{ "close codes", test_close_codes },
		{ "handshake", test_handshake },
	};
	size_t count = sizeof(tests) / sizeof(tests[0]);

	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		tests[i].run();
		printf("ok %zu - %s\n", i + 1, tests[i].name);
		fflush(stdout);
	}
	return 0;
}
