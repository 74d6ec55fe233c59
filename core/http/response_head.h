/* SPDX-License-Identifier: Apache-2.0
 *
 * The response head on its way from worker to listener.
 *
 * The worker writes it into a block that it can change at any time, so the
 * listener copies it once into private memory and then believes nothing:
 * http_response_head_emit_h1() checks every byte while it turns the copy into
 * an HTTP/1.1 head.
 *
 *   struct http_response_head            32 bytes
 *   then `count` times, without padding:
 *   struct http_response_field           8 bytes
 *   name (when the id is 0), value       bytes
 *   then, with HTTP_RESPONSE_CACHE_QUERY:
 *   names of query parameters            cache_query bytes, "a&b"
 *
 * Framing belongs to the listener: Content-Length comes from the struct, and
 * Connection, Keep-Alive, Transfer-Encoding and Proxy-Connection are refused.
 * So is Upgrade, and the status 101, but in the head of a tunnel
 * (allow_upgrade), where 101 has to come with it.  Trailer has a list of names
 * (http_trailer_list_is_sane) and is emitted where trailers can follow.
 */
#ifndef CORE_HTTP_RESPONSE_HEAD_H
#define CORE_HTTP_RESPONSE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <portico/types.h>

#include "core/http/header_id.h"
#include "core/http/limits.h"
#include "core/http/status.h"

#define HTTP_RESPONSE_HEAD_MAGIC 0x5250u /* "PR" */
#define HTTP_RESPONSE_HEAD_VERSION 1

#define HTTP_RESPONSE_LENGTH_UNKNOWN (-1)

/* flags */
#define HTTP_RESPONSE_CLOSE 0x01u /* end the connection afterwards */
#define HTTP_RESPONSE_CACHEABLE 0x02u /* the listener may keep it, see ttl */
#define HTTP_RESPONSE_NO_SERVER 0x04u /* add no Server field */
/* With CACHEABLE: no longer than the worker lives, which will flush it. */
#define HTTP_RESPONSE_CACHE_WORKER 0x08u
/* With CACHEABLE: of the query only the parameters named at the end count. */
#define HTTP_RESPONSE_CACHE_QUERY 0x10u
#define HTTP_RESPONSE_FLAGS 0x1fu /* all that are defined */

struct http_response_head {
	uint16_t magic;
	uint8_t version;
	uint8_t flags;
	uint16_t status; /* 200..599; 101 when an upgrade was offered */
	uint16_t substatus; /* for logs only */
	uint32_t size; /* of all, this struct included */
	uint16_t count; /* fields */
	uint16_t cache_query; /* bytes of names; 0 without CACHE_QUERY */
	int64_t content_length; /* HTTP_RESPONSE_LENGTH_UNKNOWN */
	uint32_t cache_ttl; /* seconds, with CACHEABLE; 0: until flushed */
	int32_t os_error; /* sc-win32-status of the access log; 0: none */
};

struct http_response_field {
	uint8_t id; /* enum http_header_id; 0: a name follows */
	uint8_t reserved; /* 0 */
	uint16_t name_length; /* 0 when the id is not 0 */
	uint32_t value_length;
};

_Static_assert(sizeof(struct http_response_head) == 32, "shared memory");
_Static_assert(offsetof(struct http_response_head, content_length) == 16,
	       "shared memory");
_Static_assert(sizeof(struct http_response_field) == 8, "shared memory");

/*
 * Writing, in the worker.  The writer counts on when the room ends and writes
 * nothing more; _end() then returns 0 and `needed` says how much it takes.
 */
struct http_response_writer {
	char *block; /* borrowed */
	size_t capacity;
	size_t needed; /* bytes so far, written or not */
	uint32_t count;
	bool overflow;
};

/* `block` needs no alignment. */
void http_response_head_begin(struct http_response_writer *writer, void *block,
			      size_t capacity);

/* Adds a field by id.  The value is not checked here: the listener does. */
void http_response_head_add(struct http_response_writer *writer,
			    enum http_header_id id, const char *value,
			    size_t value_length);

/* Adds a field by name; a well-known name is turned into its id. */
void http_response_head_add_name(struct http_response_writer *writer,
				 const char *name, size_t name_length,
				 const char *value, size_t value_length);

/* Writes the fixed part from `fixed` (status, substatus, flags,
 * content_length, cache_ttl and os_error count; the rest is filled in).
 * Returns the bytes written, or 0 when they did not fit. */
size_t http_response_head_end(struct http_response_writer *writer,
			      const struct http_response_head *fixed);

/* After the last field: with HTTP_RESPONSE_CACHE_QUERY among the flags of
 * `fixed`, whose cache_query is then names.length. */
void http_response_head_add_query(struct http_response_writer *writer,
				  struct portico_slice names);

/* What a worker can have got wrong.  X(number, symbol, text). */
#define HTTP_RESPONSE_FAULT_MAP(X)                                             \
	X(-1, ROOM, "output buffer too small")                                 \
	X(-2, SIZE, "size does not match")                                     \
	X(-3, MAGIC, "magic or version does not match")                        \
	X(-4, STATUS, "status is not a final one")                             \
	X(-5, RESERVED, "reserved bits are set")                               \
	X(-6, LENGTH, "content length is negative")                            \
	X(-7, COUNT, "number of fields does not match")                        \
	X(-8, ID, "no such header id")                                         \
	X(-9, NAME, "field name is not a token")                               \
	X(-10, VALUE, "field value holds a control byte")                      \
	X(-11, FORBIDDEN, "field belongs to the listener")                     \
	X(-12, QUERY, "names of query parameters are none")                    \
	X(-13, PROTOCOL, "status 101 without a protocol")

enum http_response_fault {
#define HTTP_RESPONSE_FAULT_ENUM(number, symbol, text)                         \
	HTTP_RESPONSE_FAULT_##symbol = (number),
	HTTP_RESPONSE_FAULT_MAP(HTTP_RESPONSE_FAULT_ENUM)
#undef HTTP_RESPONSE_FAULT_ENUM
};

/* The sentence for a negative result; "" for others. Static. */
const char *http_response_fault_text(int fault);

/* How the body is delimited (RFC 9112 section 6.3). */
enum http_response_framing {
	HTTP_FRAMING_NONE, /* no body follows; drop what the worker sends */
	HTTP_FRAMING_LENGTH, /* content_length bytes */
	HTTP_FRAMING_CHUNKED,
	HTTP_FRAMING_CLOSE, /* until the connection ends */
	HTTP_FRAMING_TUNNEL /* 101: bytes both ways */
};

struct http_emit_options {
	const char *date; /* HTTP_DATE_LENGTH bytes; NULL: add none */
	const char *server; /* value of Server; NULL: add none */
	size_t server_length;
	struct portico_slice set_cookie; /* of a Set-Cookie of ours; or empty */
	struct portico_slice hsts; /* of Strict-Transport-Security; empty: none */
	uint8_t minor; /* version the client spoke, HTTP/1.minor */
	bool keep_alive; /* client and listener would go on */
	bool head_request; /* answer to HEAD: no body */
	bool allow_upgrade; /* status 101 and an Upgrade field may come */
};

/* One field in the private copy. */
struct http_response_slice {
	enum http_header_id id;
	struct portico_slice name; /* empty for a well-known one */
	struct portico_slice value;
};

struct http_response_info {
	uint16_t status;
	uint16_t substatus;
	uint8_t flags; /* HTTP_RESPONSE_* */
	bool keep_alive; /* what the Connection field now says */
	enum http_response_framing framing;
	int64_t content_length; /* as the worker gave it */
	uint32_t cache_ttl;
	struct portico_slice cache_query; /* with CACHE_QUERY; in the copy */
	int32_t os_error;
	uint32_t size; /* bytes of the head in the block: a body in the same
			  block begins there */
};

/*
 * Emits the head, blank line included, and fills info_r.  `copy` is private
 * memory holding `size` bytes, of which the head takes the first; what
 * follows may be body.  Returns the bytes written to `out`, or a negative
 * http_response_fault (info_r is then undefined and `out` scribbled on).
 */
ssize_t http_response_head_emit_h1(const void *copy, size_t size,
				   const struct http_emit_options *options,
				   char *out, size_t capacity,
				   struct http_response_info *info_r);

/*
 * The same without emitting, for those who frame in another way: every field
 * is checked, and a body of unknown length has HTTP_FRAMING_CLOSE.  Returns 0
 * or a fault.
 */
int http_response_head_check(const void *copy, size_t size,
			     const struct http_emit_options *options,
			     struct http_response_info *info_r);

/* Room with which emitting a head of `size` bytes never fails for ROOM. */
size_t http_response_head_emit_bound(size_t size,
				     const struct http_emit_options *options);

/*
 * Checks the fixed part alone and fills info_r's facts (framing and
 * keep_alive excepted).  Returns 0 or a fault.  For readers that walk the
 * fields themselves (HTTP/2, cache).
 */
int http_response_head_open(const void *copy, size_t size, bool allow_upgrade,
			    struct http_response_info *info_r);

/* Where the walk stands; all zero is its start. */
struct http_response_cursor {
	uint32_t offset; /* in the copy, 0 before the first field */
	uint32_t index; /* fields seen */
};

/*
 * Walks the fields of a copy that _open() accepted.  Returns 1 and a checked
 * field, 0 at the end, or a negative fault.
 */
int http_response_head_next(const void *copy,
			    struct http_response_cursor *cursor,
			    struct http_response_slice *field_r);

#endif
