/* SPDX-License-Identifier: Apache-2.0
 *
 * The request head as it lies in shared memory: one position-independent
 * block, written once by the listener, read in place by the worker and its
 * modules until the request ends.
 *
 *   struct http_request_head     fixed part
 *   struct http_field fields[]   field_count of them
 *   strings                      a copy of the raw head, in which the byte
 *                                after each method, target, name and value
 *                                is NUL; then the cooked path, the host and
 *                                what is known of TLS
 *
 * All offsets count from the start of the block.  Every string is followed by
 * a NUL that its length does not count.  Workers trust the listener, so the
 * accessors do not check; the listener never reads a block back.
 */
#ifndef CORE_HTTP_REQUEST_HEAD_H
#define CORE_HTTP_REQUEST_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/http/header_id.h"
#include "core/http/limits.h"
#include "core/http/method.h"
#include "core/http/parser.h"
#include "core/http/url.h"

#define HTTP_REQUEST_HEAD_MAGIC 0x50485251u /* "PHRQ" */
#define HTTP_REQUEST_HEAD_VERSION 1

enum http_scheme {
	HTTP_SCHEME_HTTP = 1,
	HTTP_SCHEME_HTTPS = 2
};

/* Where a time stamp belongs.  Nanoseconds of CLOCK_MONOTONIC; 0 = not yet.
 * The listener writes those of its own side; append only. */
enum http_time {
	HTTP_TIME_ACCEPTED, /* the connection */
	HTTP_TIME_TLS_DONE,
	HTTP_TIME_FIRST_BYTE, /* of this request */
	HTTP_TIME_HEAD_COMPLETE,
	HTTP_TIME_QUEUED,
	HTTP_TIME_ASSIGNED, /* to a worker */
	HTTP_TIME_WORKER_READY, /* had to be started: when it was */
	HTTP_TIME_REALTIME, /* CLOCK_REALTIME when the head was complete */
	HTTP_TIME_COUNT = 16
};

/* Points on the CLOCK_MONOTONIC time line in ns; 0 = none. */
enum http_deadline {
	HTTP_DEADLINE_QUEUE,
	HTTP_DEADLINE_ACTIVATION,
	HTTP_DEADLINE_EXECUTION,
	HTTP_DEADLINE_RESPONSE_IDLE, /* a duration, not a point */
	HTTP_DEADLINE_COUNT
};

/* flags */
#define HTTP_REQUEST_CHUNKED 0x0001u /* body of unknown length follows */
#define HTTP_REQUEST_KEEP_ALIVE 0x0002u /* the client wants it */
#define HTTP_REQUEST_EXPECT_CONTINUE 0x0004u
#define HTTP_REQUEST_UPGRADE 0x0008u /* may be answered with 101 */
#define HTTP_REQUEST_HAS_QUERY 0x0010u /* a '?', even with nothing after */
#define HTTP_REQUEST_ASTERISK 0x0020u /* OPTIONS *: the path is "*" */
#define HTTP_REQUEST_ABSOLUTE 0x0040u /* the target was in absolute-form */
#define HTTP_REQUEST_BODY_COMPLETE 0x0080u /* whole body follows at once */
#define HTTP_REQUEST_REPLAY 0x0100u /* an earlier worker died with it */
#define HTTP_REQUEST_CLIENT_LOCAL 0x0200u /* the client is on this machine */
#define HTTP_REQUEST_WARMUP 0x0400u /* made by the server itself */
/* Upper half: free for the listener's callers. */

/* What the reference `tls` holds: these texts in this order, with a NUL between
 * them; append only, and a reader takes what it finds.  They are printable
 * UTF-8.  Those of the client's certificate are there if it has been verified. */
enum http_tls {
	HTTP_TLS_PROTOCOL, /* "TLSv1.3" */
	HTTP_TLS_CIPHER, /* OpenSSL's name */
	HTTP_TLS_SERVER_NAME, /* that the client asked for (SNI) */
	HTTP_TLS_CLIENT_SUBJECT, /* RFC 2253 */
	HTTP_TLS_CLIENT_ISSUER,
	HTTP_TLS_CLIENT_SERIAL, /* hexadecimal */
	HTTP_TLS_CLIENT_FINGERPRINT, /* SHA-256 of the certificate */
	/* Lines: how many certificates the verified chain has, then the same
	 * four texts of each but the client's own, up to the authority. */
	HTTP_TLS_CLIENT_CHAIN,
	HTTP_TLS_COUNT
};

/* All together, with what is between. */
#define HTTP_TLS_BYTES_MAX 5120

enum http_family {
	HTTP_FAMILY_NONE = 0,
	HTTP_FAMILY_UNIX = 1, /* no address, no port */
	HTTP_FAMILY_IPV4 = 4, /* the first 4 bytes */
	HTTP_FAMILY_IPV6 = 6
};

struct http_address {
	uint16_t family; /* enum http_family */
	uint16_t port; /* host byte order */
	uint32_t scope; /* IPv6 scope id, or 0 */
	uint8_t bytes[16]; /* network byte order */
};

struct http_reference {
	uint32_t offset;
	uint32_t length;
};

#define HTTP_NO_FIELD 0xff

struct http_request_head {
	uint32_t magic;
	uint16_t version;
	uint16_t fixed_size; /* sizeof this struct when it was written */
	uint32_t size; /* of the whole block */
	uint32_t flags;
	uint64_t request_id;
	uint64_t connection_id;
	uint64_t content_length; /* HTTP_LENGTH_NONE: none or chunked */
	uint32_t site_id;
	uint32_t application_id;
	uint32_t pool_generation;
	uint32_t prefix_length; /* bytes of `path` that are the application's;
				   0 for the root application */
	uint8_t method; /* enum http_method */
	uint8_t major; /* 1, 2 */
	uint8_t minor;
	uint8_t scheme; /* enum http_scheme */
	uint16_t field_count;
	uint16_t host_port; /* as the client wrote it; 0: did not */
	uint32_t stream_id; /* HTTP/2; else 0 */
	uint32_t reserved;
	struct http_address client;
	struct http_address server;
	struct http_reference method_name;
	struct http_reference target; /* raw */
	struct http_reference path; /* cooked, begins with '/' */
	struct http_reference query; /* raw, without '?' */
	struct http_reference host; /* lower case, without port */
	struct http_reference tls; /* see enum http_tls; empty: none */
	uint64_t deadlines[HTTP_DEADLINE_COUNT]; /* enum http_deadline */
	uint64_t times[HTTP_TIME_COUNT]; /* enum http_time */
	/* First field of each well-known id, or HTTP_NO_FIELD. */
	uint8_t index[HTTP_HEADER_ID_LIMIT];
	struct http_field fields[];
};

_Static_assert(sizeof(struct http_address) == 24, "lies in shared memory");
_Static_assert(sizeof(struct http_reference) == 8, "lies in shared memory");
_Static_assert(offsetof(struct http_request_head, request_id) == 16, "layout");
_Static_assert(offsetof(struct http_request_head, method) == 56, "layout");
_Static_assert(offsetof(struct http_request_head, client) == 72, "layout");
_Static_assert(offsetof(struct http_request_head, method_name) == 120,
	       "layout");
_Static_assert(offsetof(struct http_request_head, deadlines) == 168, "layout");
_Static_assert(offsetof(struct http_request_head, times) == 200, "layout");
_Static_assert(offsetof(struct http_request_head, index) == 328, "layout");
_Static_assert(offsetof(struct http_request_head, fields) == 456, "layout");
_Static_assert(sizeof(struct http_request_head) == 456, "layout");
_Static_assert(HTTP_FIELDS_MAX < HTTP_NO_FIELD, "index entries are one byte");

/*
 * What the writer needs.  All pointers are borrowed for the call.
 *
 * HTTP/1: `raw` is the connection's buffer and `parsed` what the parser said
 * about it.  HTTP/2: the caller lays method, target, names and values one
 * after the other into `raw`, each followed by one byte that may be
 * overwritten, and fills a struct http_parsed_head (start, length, method*,
 * target*, path*, host*, port, content_length, flags, fields) to match.
 */
struct http_request_source {
	const char *raw;
	const struct http_parsed_head *parsed;
	struct portico_slice path; /* cooked */
	struct portico_slice tls; /* HTTP_TLS_BYTES_MAX at most */
	const struct http_url *url; /* of the same cooking; NULL for "*" */
	const struct http_address *client;
	const struct http_address *server;
	uint64_t request_id;
	uint64_t connection_id;
	uint64_t deadlines[HTTP_DEADLINE_COUNT];
	uint64_t times[HTTP_TIME_COUNT];
	uint32_t flags; /* added to those that `parsed` implies */
	uint32_t site_id;
	uint32_t application_id;
	uint32_t pool_generation;
	uint32_t prefix_length;
	uint32_t stream_id;
	uint8_t scheme;
	uint8_t major;
};

/*
 * Writes the block and returns its size.  When `capacity` is too small it
 * returns the size that is needed and has written nothing, so a call with
 * (NULL, 0) measures.  `block` is aligned to 8.  The block may be moved
 * afterwards.
 */
size_t http_request_head_write(const struct http_request_source *source,
			       void *block, size_t capacity);

/*
 * A cheap sanity check for the reader: magic, version, size and that every
 * offset lies inside.  For tests, tools and a worker's debug build.
 */
bool http_request_head_is_valid(const void *block, size_t size);

/* Text at a reference; NUL-terminated, lives as long as the block. */
static inline struct portico_slice
http_request_head_slice(const struct http_request_head *head,
			struct http_reference reference)
{
	return (struct portico_slice){ (const char *)head + reference.offset,
				       reference.length };
}

static inline struct portico_slice
http_request_head_name(const struct http_request_head *head,
		       const struct http_field *field)
{
	return (struct portico_slice){ (const char *)head + field->name_offset,
				       field->name_length };
}

static inline struct portico_slice
http_request_head_value(const struct http_request_head *head,
			const struct http_field *field)
{
	return (struct portico_slice){ (const char *)head + field->value_offset,
				       field->value_length };
}

/* {NULL, 0} where it is not known or does not apply. */
struct portico_slice http_request_head_tls(const struct http_request_head *head,
					   enum http_tls which);

/* The first field with a well-known id, or NULL. */
static inline const struct http_field *
http_request_head_find(const struct http_request_head *head,
		       enum http_header_id id)
{
	uint8_t i;

	if ((unsigned)id >= HTTP_HEADER_ID_LIMIT)
		return NULL;
	i = head->index[id];
	return i == HTTP_NO_FIELD ? NULL : &head->fields[i];
}

/* The next field of the same id after `field`, or NULL. */
const struct http_field *
http_request_head_find_next(const struct http_request_head *head,
			    const struct http_field *field);

/* The first field of any name, in any case, or NULL. */
const struct http_field *
http_request_head_find_name(const struct http_request_head *head,
			    const char *name, size_t length);

/* The value of the first field with this id; {NULL, 0} when there is none. */
static inline struct portico_slice
http_request_head_field(const struct http_request_head *head,
			enum http_header_id id)
{
	const struct http_field *field = http_request_head_find(head, id);

	if (field == NULL)
		return (struct portico_slice){ NULL, 0 };
	return http_request_head_value(head, field);
}

#endif
