/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of HTTP/2: their heads, and the numbers of RFC 9113 section 6, 6.5.2
 * and 7, RFC 8441 and RFC 9218.
 */
#ifndef CORE_HTTP2_FRAME_H
#define CORE_HTTP2_FRAME_H

#include <stdint.h>

#define HTTP2_FRAME_HEAD_BYTES 9
/* SETTINGS_MAX_FRAME_SIZE unless somebody says otherwise; we do not. */
#define HTTP2_FRAME_BYTES 16384
/* What a window is at first, and the most that it can be. */
#define HTTP2_WINDOW_FIRST 65535
#define HTTP2_WINDOW_MAX 0x7fffffff
#define HTTP2_STREAM_MAX 0x7fffffffu

enum http2_frame_type {
	HTTP2_DATA = 0,
	HTTP2_HEADERS = 1,
	HTTP2_PRIORITY = 2,
	HTTP2_RST_STREAM = 3,
	HTTP2_SETTINGS = 4,
	HTTP2_PUSH_PROMISE = 5,
	HTTP2_PING = 6,
	HTTP2_GOAWAY = 7,
	HTTP2_WINDOW_UPDATE = 8,
	HTTP2_CONTINUATION = 9,
	HTTP2_PRIORITY_UPDATE = 16
};

enum http2_flag {
	HTTP2_FLAG_ACK = 0x01, /* of SETTINGS and PING */
	HTTP2_FLAG_END_STREAM = 0x01,
	HTTP2_FLAG_END_HEADERS = 0x04,
	HTTP2_FLAG_PADDED = 0x08,
	HTTP2_FLAG_PRIORITY = 0x20
};

enum http2_setting {
	HTTP2_SETTING_HEADER_TABLE_SIZE = 1,
	HTTP2_SETTING_ENABLE_PUSH = 2,
	HTTP2_SETTING_MAX_CONCURRENT_STREAMS = 3,
	HTTP2_SETTING_INITIAL_WINDOW_SIZE = 4,
	HTTP2_SETTING_MAX_FRAME_SIZE = 5,
	HTTP2_SETTING_MAX_HEADER_LIST_SIZE = 6,
	HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL = 8,
	HTTP2_SETTING_NO_RFC7540_PRIORITIES = 9
};

enum http2_error {
	HTTP2_NO_ERROR = 0,
	HTTP2_PROTOCOL_ERROR = 1,
	HTTP2_INTERNAL_ERROR = 2,
	HTTP2_FLOW_CONTROL_ERROR = 3,
	HTTP2_SETTINGS_TIMEOUT = 4,
	HTTP2_STREAM_CLOSED = 5,
	HTTP2_FRAME_SIZE_ERROR = 6,
	HTTP2_REFUSED_STREAM = 7,
	HTTP2_CANCEL = 8,
	HTTP2_COMPRESSION_ERROR = 9,
	HTTP2_CONNECT_ERROR = 10,
	HTTP2_ENHANCE_YOUR_CALM = 11,
	HTTP2_INADEQUATE_SECURITY = 12,
	HTTP2_HTTP_1_1_REQUIRED = 13
};

struct http2_frame_head {
	uint32_t length; /* of what follows, < 2^24 */
	uint32_t stream; /* < 2^31 */
	uint8_t type, flags;
};

/* Numbers of the network's order. */

static inline uint32_t
http2_get32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 |
	       (uint32_t)from[2] << 8 | from[3];
}

static inline void
http2_put32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 24);
	to[1] = (uint8_t)(value >> 16);
	to[2] = (uint8_t)(value >> 8);
	to[3] = (uint8_t)value;
}

static inline struct http2_frame_head
http2_frame_read(const uint8_t from[HTTP2_FRAME_HEAD_BYTES])
{
	return (struct http2_frame_head){
		.length = http2_get32(from) >> 8,
		.type = from[3],
		.flags = from[4],
		.stream = http2_get32(from + 5) & HTTP2_STREAM_MAX,
	};
}

static inline void
http2_frame_write(uint8_t to[HTTP2_FRAME_HEAD_BYTES], uint32_t length,
		  enum http2_frame_type type, unsigned flags, uint32_t stream)
{
	http2_put32(to, length << 8 | (uint32_t)type);
	to[4] = (uint8_t)flags;
	http2_put32(to + 5, stream);
}

/* "PROTOCOL_ERROR" and so on; "unknown" for what is none.  Static. */
const char *http2_error_name(uint32_t code);

#endif
