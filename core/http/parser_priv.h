/* SPDX-License-Identifier: Apache-2.0
 *
 * Between parser.c, which cuts the head into pieces, and parser_field.c,
 * which knows what the pieces mean.
 */
#ifndef CORE_HTTP_PARSER_PRIV_H
#define CORE_HTTP_PARSER_PRIV_H

#include "core/http/header_id.h"
#include "core/http/parser.h"

/* head->seen */
#define SEEN_HOST 0x01
#define SEEN_CONTENT_LENGTH 0x02
#define SEEN_TRANSFER_ENCODING 0x04
#define SEEN_UPGRADE 0x08

/* head->connection: members of the Connection field */
#define CONNECTION_CLOSE 0x01
#define CONNECTION_KEEP_ALIVE 0x02
#define CONNECTION_UPGRADE 0x04

/* Records the error; returns HTTP_PARSE_ERROR. `status` 0: the reason's. */
enum http_parse_result http_parser_fail(struct http_parser *parser,
					enum http_reason reason,
					unsigned status);

/* True for ids that http_parser_field() wants to see. */
static inline bool
http_parser_wants_field(uint16_t id)
{
	switch (id) {
	case HTTP_HEADER_HOST:
	case HTTP_HEADER_CONTENT_LENGTH:
	case HTTP_HEADER_TRANSFER_ENCODING:
	case HTTP_HEADER_CONNECTION:
	case HTTP_HEADER_EXPECT:
	case HTTP_HEADER_UPGRADE:
		return true;
	}
	return false;
}

/* These return HTTP_PARSE_DONE when all is well, else HTTP_PARSE_ERROR. */

/* The target at head->target_offset has been read. */
enum http_parse_result http_parser_target(struct http_parser *parser,
					  struct http_parsed_head *head,
					  const char *data);

/* A field that http_parser_wants_field() has been read. */
enum http_parse_result http_parser_field(struct http_parser *parser,
					 struct http_parsed_head *head,
					 const char *data,
					 const struct http_field *field);

/* The empty line has been read: what only the whole head can tell. */
enum http_parse_result http_parser_finish(struct http_parser *parser,
					  struct http_parsed_head *head);

#endif
