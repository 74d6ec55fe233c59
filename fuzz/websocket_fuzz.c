/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the chat example's frames.  The first byte says how long the
 * chunks are that the rest comes in; whatever they are, the events have to be
 * those of a second decoder, which has all of the bytes at once.
 */
#include <stdbool.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "fuzz/fuzz.h"
#include "sdk/examples/chat/websocket.h"

/* The second decoder. */
struct model {
	const uint8_t *at, *end;
	unsigned type; /* of the message that is open, 0: none */
	size_t length;
	uint8_t message[WS_MESSAGE_MAX];
	uint8_t control[WS_CONTROL_MAX];
};

struct frame {
	unsigned first;
	bool masked;
	uint64_t length;
	const uint8_t *mask;
};

/* False: it is not all there.  Without a mask two bytes are all of it. */
static bool
read_head(struct model *model, struct frame *frame)
{
	const uint8_t *p = model->at;
	size_t left = (size_t)(model->end - p), size = 0;

	if (left < 2)
		return false;
	frame->mask = NULL;
	frame->first = p[0];
	frame->masked = p[1] >= 0x80;
	frame->length = p[1] & 0x7f;
	if (!frame->masked)
		return true;
	if (frame->length > 125)
		size = frame->length == 126 ? 2 : 8;
	if (left < 2 + size + 4)
		return false;
	if (size > 0)
		frame->length = 0;
	for (size_t i = 0; i < size; i++)
		frame->length = frame->length * 256 + p[2 + i];
	/* One that is not the shortest is as wrong as one without a mask. */
	if ((size == 2 && frame->length < 126) ||
	    (size == 8 && (frame->length < 65536 || frame->length >> 63 != 0)))
		frame->masked = false;
	frame->mask = p + 2 + size;
	model->at = frame->mask + 4;
	return true;
}

/* 0, or a close code. */
static unsigned
judge(const struct model *model, const struct frame *frame)
{
	unsigned opcode = frame->first % 16;

	if (!frame->masked || (frame->first / 16) % 8 != 0)
		return 1002;
	switch (opcode) {
	case WS_CLOSE:
	case WS_PING:
	case WS_PONG:
		return frame->first < 0x80 || frame->length > 125 ? 1002 : 0;
	case WS_CONTINUATION:
		if (model->type == 0)
			return 1002;
		return model->length + frame->length > WS_MESSAGE_MAX ? 1009 :
									0;
	case WS_TEXT:
	case WS_BINARY:
		if (model->type != 0)
			return 1002;
		return frame->length > WS_MESSAGE_MAX ? 1009 : 0;
	default:
		return 1002;
	}
}

/* The next event, its type (a message's or a control frame's) or code. */
static enum ws_event
expect_next(struct model *model, unsigned *number, size_t *length)
{
	struct frame frame;

	while (read_head(model, &frame)) {
		bool control = (frame.first & 8) != 0;
		uint8_t *to = control ? model->control :
					model->message + model->length;

		*number = judge(model, &frame);
		if (*number != 0)
			return WS_ON_ERROR;
		if ((uint64_t)(model->end - model->at) < frame.length)
			return WS_MORE;
		for (size_t i = 0; i < frame.length; i++)
			to[i] = model->at[i] ^ frame.mask[i % 4];
		model->at += frame.length;
		*number = frame.first % 16;
		*length = frame.length;
		if (control)
			return WS_ON_CONTROL;
		if (*number != WS_CONTINUATION)
			model->type = *number;
		model->length += frame.length;
		if (frame.first < 0x80)
			continue;
		*number = model->type;
		*length = model->length;
		model->type = 0;
		model->length = 0;
		if (*number == WS_TEXT &&
		    !ws_is_utf8((const char *)model->message, *length)) {
			*number = 1007;
			return WS_ON_ERROR;
		}
		return WS_ON_MESSAGE;
	}
	return WS_MORE;
}

/* A code that may be sent back, whatever the client wrote. */
static void
check_close(const struct ws_reader *reader)
{
	uint16_t code = ws_close_code(reader->control, reader->control_length);

	ASSERT(code >= 1000 && code < 5000);
	ASSERT(code != 1004 && code != 1006 && code != 1015);
	ASSERT((code == 1005) == (reader->control_length == 0));
}

/* False: the reader has failed, as it should. */
static bool
check_event(struct model *model, const struct ws_reader *reader,
	    enum ws_event event)
{
	unsigned number = 0;
	size_t length = 0;

	ASSERT(expect_next(model, &number, &length) == event);
	switch (event) {
	case WS_ON_MESSAGE:
		ASSERT(reader->opcode == number);
		ASSERT(reader->message_length == length);
		ASSERT(memcmp(reader->message, model->message, length) == 0);
		return true;
	case WS_ON_CONTROL:
		ASSERT(reader->control_type == number);
		ASSERT(reader->control_length == length);
		ASSERT(memcmp(reader->control, model->control, length) == 0);
		if (number == WS_CLOSE)
			check_close(reader);
		return true;
	case WS_ON_ERROR:
		ASSERT(reader->code == number);
		return false;
	case WS_MORE:
		break;
	}
	return true;
}

static void
check_chunks(const uint8_t *data, size_t size, size_t step)
{
	static struct ws_reader reader;
	static struct model model;
	enum ws_event event = WS_MORE;

	memset(&reader, 0, sizeof(reader));
	memset(&model, 0, sizeof(model));
	model.at = data;
	model.end = data + size;
	for (size_t at = 0; at < size; at += step) {
		size_t take = size - at < step ? size - at : step, left = take;
		char *chunk = mem_dup(data + at, take);
		const char *p = chunk;
		bool good = true;

		while (good && (event = ws_feed(&reader, &p, &left)) != WS_MORE)
			good = check_event(&model, &reader, event);
		ASSERT(left == (size_t)(chunk + take - p));
		mem_free(chunk);
		if (!good)
			return;
		ASSERT(left == 0);
	}
	/* Nothing is left out, either. */
	check_event(&model, &reader, WS_MORE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	check_chunks(data + 1, size - 1, data[0] % 64 + 1);
	check_chunks(data + 1, size - 1, size);
	return 0;
}
