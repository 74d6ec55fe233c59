/* SPDX-License-Identifier: Apache-2.0
 *
 * The frames of WebSocket (RFC 6455), the server's side: incremental, without
 * allocation, any split of the bytes.  Knows nothing of the server.
 */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_MESSAGE_MAX 4096 /* bytes of a message, all its fragments */
#define WS_CONTROL_MAX 125 /* RFC 6455 section 5.5 */
#define WS_HEAD_MAX 10 /* bytes before what we send */
#define WS_ACCEPT_SIZE 29 /* of Sec-WebSocket-Accept, with its NUL */

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

enum ws_event {
	WS_MORE, /* all was used, nothing is complete */
	WS_ON_MESSAGE, /* `message`, `message_length`, of type `opcode` */
	WS_ON_CONTROL, /* `control`, `control_length`, of type `control_type` */
	WS_ON_ERROR, /* `code` says why; nothing may be fed any more */
};

struct ws_reader {
	uint8_t head[14]; /* of the frame, as far as it came */
	uint8_t head_have;
	bool in_payload;
	bool open; /* a message has begun and is not complete */
	uint8_t frame; /* opcode of this frame */
	bool fin;
	uint8_t opcode; /* of the message */
	uint8_t control_type;
	uint16_t code; /* of an error: a close code */
	uint64_t left; /* of this frame's payload */
	uint32_t masked; /* bytes of it so far */
	size_t message_length, control_length;
	char message[WS_MESSAGE_MAX];
	char control[WS_CONTROL_MAX];
};

/* All zero is a reader at its beginning.  Uses bytes from *data up to the next
 * event and moves *data and *length on. */
enum ws_event ws_feed(struct ws_reader *reader, const char **data,
		      size_t *length);

/* The head of an unmasked, unfragmented frame; its size. */
size_t ws_head(char head[WS_HEAD_MAX], enum ws_opcode opcode, size_t length);

/* The code in a control frame of type WS_CLOSE; 1005: none, 1002: it is one
 * that may not be sent, or the frame is malformed; 1007: no UTF-8. */
uint16_t ws_close_code(const char *payload, size_t length);

bool ws_is_utf8(const char *text, size_t length);

/* Whether the client's key has its form: base64 of 16 bytes. */
bool ws_key_is_valid(const char *key, size_t length);

/* What answers it (section 4.2.2). */
void ws_accept(const char *key, size_t length, char accept[WS_ACCEPT_SIZE]);

#endif
