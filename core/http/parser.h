/* SPDX-License-Identifier: Apache-2.0
 *
 * Incremental parser for an HTTP/1.x request head (RFC 9112).
 *
 * It is handed the connection's input buffer, from the first byte of the
 * request, again and again while that grows, and goes on where it stopped.
 * It allocates nothing and keeps no pointer into the buffer, which may move
 * between calls.  The verdict does not depend on how the bytes were cut.
 *
 * Strict on purpose: whatever two servers in a row could read in two ways is
 * an error, never repaired.
 */
#ifndef CORE_HTTP_PARSER_H
#define CORE_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/http/limits.h"
#include "core/http/method.h"
#include "core/http/reason.h"

enum http_parse_result {
	HTTP_PARSE_MORE, /* call again when there are more bytes */
	HTTP_PARSE_DONE, /* the head is complete */
	HTTP_PARSE_ERROR /* answer parser->status, then close */
};

struct http_parser_limits {
	uint32_t request_line; /* bytes, with its CRLF */
	uint32_t field; /* bytes of one field line, with its CRLF */
	uint32_t head; /* bytes of the whole head */
	uint16_t fields; /* number of fields, at most HTTP_FIELDS_MAX */
	/* 411 for POST, PUT and PATCH of HTTP/1.1 that declare no body at
	 * all, as HTTP.sys does; otherwise such a body is empty (RFC 9112
	 * section 6.3). */
	bool require_length;
};

#define HTTP_PARSER_LIMITS_DEFAULT                                             \
	{                                                                      \
		.request_line = HTTP_REQUEST_LINE_BYTES_DEFAULT,               \
		.field = HTTP_FIELD_BYTES_DEFAULT,                             \
		.head = HTTP_HEAD_BYTES_DEFAULT, .fields = HTTP_FIELDS_MAX     \
	}

extern const struct http_parser_limits http_parser_limits_default;

/* One field line.  The same in parser and request head: only the base of
 * the offsets differs. */
struct http_field {
	uint32_t name_offset;
	uint16_t name_length;
	uint16_t id; /* enum http_header_id */
	uint32_t value_offset;
	uint32_t value_length; /* without surrounding white space */
};

_Static_assert(sizeof(struct http_field) == 16, "lies in shared memory");

/* RFC 9112 section 3.2. Authority-form belongs to CONNECT alone. */
enum http_target_form {
	HTTP_TARGET_ORIGIN, /* /path?query */
	HTTP_TARGET_ABSOLUTE, /* http://host/path?query */
	HTTP_TARGET_ASTERISK /* *, only with OPTIONS */
};

#define HTTP_LENGTH_NONE UINT64_MAX

/*
 * What was read.  Plain data without pointers: 2 KiB, so an idle connection
 * should hold none.  It may be moved between calls (copy it with
 * http_parsed_head_copy(), or keep one per loop for heads that arrive in one
 * piece).  Offsets count from the `data` handed to the parser.
 */
struct http_parsed_head {
	uint32_t start; /* the request line; 0 unless blank lines came first */
	uint32_t length; /* bytes up to and with the last CRLF; the body
			    begins here */
	uint32_t target_offset;
	uint32_t target_length;
	uint32_t path_offset; /* path and query: the target without scheme and
				 authority; may be empty in absolute-form */
	uint32_t path_length;
	uint32_t host_offset; /* of the target, else of Host; without port;
				 not lower-cased */
	uint32_t host_length; /* 0: none (HTTP/1.0) */
	uint64_t content_length; /* HTTP_LENGTH_NONE: no such field */
	uint16_t port; /* 0: none was given */
	uint16_t field_count;
	uint8_t method_length; /* at `start` */
	uint8_t method; /* enum http_method */
	uint8_t minor; /* 0 or 1; HTTP/1.2 and up count as 1 */
	uint8_t target_form; /* enum http_target_form */
	bool chunked;
	bool keep_alive; /* what the client wants */
	bool expect_continue;
	bool upgrade; /* Connection: upgrade and an Upgrade field */
	bool absolute_https; /* absolute-form with https: */
	uint8_t seen; /* private to the parser */
	uint16_t connection; /* private to the parser */
	struct http_field fields[HTTP_FIELDS_MAX];
};

/*
 * Whether 101 may be an answer.  RFC 9110 section 7.8 lets a server ignore the
 * wish: it is ignored where a body would come before what is upgraded to, and
 * where the answer has no content.
 */
static inline bool
http_parsed_may_upgrade(const struct http_parsed_head *head)
{
	return head->upgrade && !head->chunked &&
	       (head->content_length == 0 ||
		head->content_length == HTTP_LENGTH_NONE) &&
	       head->method != HTTP_METHOD_HEAD &&
	       head->method != HTTP_METHOD_CONNECT;
}

/* Embedded in a connection. */
struct http_parser {
	const struct http_parser_limits *limits; /* borrowed */
	uint32_t position; /* bytes judged */
	uint32_t mark; /* where the current element began */
	uint32_t line; /* where the current line began */
	uint8_t state;
	uint8_t blank_lines;
	uint16_t status; /* after an error: the status to answer */
	enum http_reason reason; /* after an error */
};

/* Ready for a new request.  `limits` must outlive the parse. */
void http_parser_init(struct http_parser *parser,
		      const struct http_parser_limits *limits);

/*
 * Reads on.  `data` is the whole buffer since the request began, `length` its
 * bytes so far (never fewer than in the call before).  `head` must be that of
 * the calls before, or a copy; its content counts after HTTP_PARSE_DONE.
 * After an error every further call returns it again.
 */
enum http_parse_result http_parser_execute(struct http_parser *parser,
					   struct http_parsed_head *head,
					   const char *data, size_t length);

/* True when nothing but blank lines has come so far: a connection in this
 * state is idle, not in the middle of a head. */
bool http_parser_is_idle(const struct http_parser *parser);

/* Copies only the fields in use. */
void http_parsed_head_copy(struct http_parsed_head *to,
			   const struct http_parsed_head *from);

#endif
