/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578, RFC 2046 section 5.1), parsed as it arrives
 * and in the memory that the caller gives it.  Strict: see portico/form.h.
 */
#ifndef CORE_HTTP_MULTIPART_H
#define CORE_HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#define HTTP_BOUNDARY_LENGTH_MAX 70
#define HTTP_PART_FIELDS_MAX 16

struct http_part_field {
	struct portico_slice name, value; /* each followed by a NUL */
};

enum http_multipart_event {
	HTTP_MULTIPART_MORE, /* all of the input was used */
	HTTP_MULTIPART_PART, /* a part begins; its texts are in the struct */
	HTTP_MULTIPART_DATA, /* a piece of it, never empty */
	HTTP_MULTIPART_PART_END,
	HTTP_MULTIPART_ERROR, /* `status` says which; for ever */
};

struct http_multipart {
	/* of the current part, once it has begun */
	struct portico_slice name;
	struct portico_slice filename, type; /* data NULL: absent */
	struct http_part_field fields[HTTP_PART_FIELDS_MAX];
	uint32_t field_count;

	enum portico_status status;
	int state;
	uint32_t parts, parts_max;
	uint64_t part_bytes, part_bytes_max; /* max 0: no limit */
	char *header; /* caller's */
	uint32_t header_length, header_max;
	bool fresh; /* no data since the header */
	uint8_t matched; /* bytes of the delimiter met and held back */
	uint8_t delimiter_length;
	char delimiter[4 + HTTP_BOUNDARY_LENGTH_MAX]; /* CR LF "--" boundary */
};

/* Bytes of storage for headers of at most `max` bytes. */
#define HTTP_MULTIPART_STORAGE(max) (2 * (size_t)(max) + 4)

/* The media type without parameters, in any case. */
bool http_media_type_is(struct portico_slice content_type,
			struct portico_slice wanted);

/*
 * The boundary in the value of a Content-Type that is multipart/form-data.
 * PORTICO_UNSUPPORTED: it is another type.  PORTICO_SYNTAX: there is no
 * boundary, more than one, or one that is none.  Points into the value.
 */
enum portico_status http_multipart_boundary(struct portico_slice content_type,
					    struct portico_slice *boundary_r);

/* `storage` has HTTP_MULTIPART_STORAGE(header_max) bytes. */
void http_multipart_init(struct http_multipart *parser,
			 struct portico_slice boundary, char *storage,
			 uint32_t header_max, uint32_t parts_max,
			 uint64_t part_bytes_max);

/*
 * Takes bytes off *input until something has happened.  *data_r is set with
 * DATA only, and points into the input or the parser.
 */
enum http_multipart_event http_multipart_next(struct http_multipart *parser,
					      struct portico_slice *input,
					      struct portico_slice *data_r);

/* The body has ended.  PORTICO_END: where it should; else PORTICO_SYNTAX, or
 * the error before. */
enum portico_status http_multipart_finish(struct http_multipart *parser);

#endif
