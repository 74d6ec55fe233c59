/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of the HTTP vocabulary.  Defaults follow HTTP.sys where it has one;
 * the listener's configuration may lower or raise those named DEFAULT.
 */
#ifndef CORE_HTTP_LIMITS_H
#define CORE_HTTP_LIMITS_H

/* Fields of one head; the arrays have this size, so it is a hard ceiling. */
#define HTTP_FIELDS_MAX 128

/* Header ids are below this; it sizes the index in a request head. */
#define HTTP_HEADER_ID_LIMIT 128

/* Bytes of a method; longer ones are no method of anybody's. */
#define HTTP_METHOD_LENGTH_MAX 64

/* Bytes of a field name. */
#define HTTP_NAME_LENGTH_MAX 256

/* Empty lines tolerated before a request line (RFC 9112 section 2.2). */
#define HTTP_BLANK_LINES_MAX 2

/* HTTP.sys: MaxRequestBytes, MaxFieldLength. Bytes. */
#define HTTP_HEAD_BYTES_DEFAULT 16384
#define HTTP_REQUEST_LINE_BYTES_DEFAULT 16384
#define HTTP_FIELD_BYTES_DEFAULT 16384

/* No configuration may raise a head above this. Bytes. */
#define HTTP_HEAD_BYTES_MAX (1024 * 1024)

/* HTTP.sys: UrlSegmentMaxCount, UrlSegmentMaxLength (bytes, decoded). */
#define HTTP_URL_SEGMENTS_DEFAULT 255
#define HTTP_URL_SEGMENT_BYTES_DEFAULT 260

/* Bytes of a host name without its port (RFC 1035 section 2.3.4). */
#define HTTP_HOST_LENGTH_MAX 255

/* Chunk extensions of one body together, and its trailer section. Bytes. */
#define HTTP_CHUNK_EXTENSION_BYTES_MAX 16384
#define HTTP_CHUNK_LINE_BYTES_MAX 1024
#define HTTP_TRAILER_BYTES_MAX 8192
/* Fields in the trailer section of a response. */
#define HTTP_TRAILERS_MAX 32

/* A response head that a worker wrote: all of it, and its fields. */
#define HTTP_RESPONSE_HEAD_BYTES_MAX 65536
#define HTTP_RESPONSE_FIELDS_MAX 1024

#endif
