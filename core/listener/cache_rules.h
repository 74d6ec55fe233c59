/* SPDX-License-Identifier: Apache-2.0
 *
 * What the response cache may do with a request and with a response: the
 * rules, without a table and without a connection.  They are those of HTTP.sys
 * where these are stricter than RFC 9111, and those of RFC 9111 otherwise.
 *
 * A response is only looked at when a module has marked it as cacheable.
 */
#ifndef CORE_LISTENER_CACHE_RULES_H
#define CORE_LISTENER_CACHE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/http/parser.h"
#include "core/http/response_head.h"

/* Fields of the request that a response may vary by, and their names. */
#define CACHE_VARY_FIELDS_MAX 8
#define CACHE_VARY_NAME_MAX 64
/* Names of query parameters, with a '&' between two. */
#define CACHE_VARY_QUERY_MAX 256

enum cache_use {
	CACHE_USE_NONE, /* the cache has no part in it */
	CACHE_USE_ANSWER, /* may be answered, its response is not kept */
	CACHE_USE_KEEP, /* and that may be kept too */
};

/* What matters of a request; the indexes are into head->fields, -1: none. */
struct cache_request {
	uint8_t use; /* enum cache_use */
	int16_t if_none_match; /* the first; *_more: there are others */
	int16_t if_modified_since, range, if_range;
	bool if_none_match_more;
};

/* `data` is what the offsets of the head count from. */
void cache_rules_request(const struct http_parsed_head *head, const char *data,
			 struct cache_request *request_r);

struct cache_vary_field {
	uint16_t id; /* enum http_header_id; 0: by name */
	uint8_t length;
	char name[CACHE_VARY_NAME_MAX]; /* lower case */
};

/* What answers to one path differ by.  All zero: by the whole query. */
struct cache_vary {
	uint8_t count; /* fields, in the order of their names */
	bool query_named; /* only these parameters count, if any */
	uint16_t query_length;
	struct cache_vary_field fields[CACHE_VARY_FIELDS_MAX];
	char query[CACHE_VARY_QUERY_MAX]; /* "a&b"; sorted */
};

#define CACHE_UNTIL_FLUSHED UINT64_MAX

/* What matters of a response that may be kept; texts lie in the head. */
struct cache_policy {
	uint64_t lifetime; /* seconds, or CACHE_UNTIL_FLUSHED */
	uint64_t age; /* seconds that it was old when it came */
	struct portico_slice etag; /* data NULL: none */
	int64_t last_modified; /* seconds since 1970 */
	bool has_last_modified;
	bool while_worker; /* no longer than the worker lives */
	struct cache_vary vary;
};

/*
 * NULL if the response may be kept, else why not: a static text.  `copy` is the
 * head of which http_response_head_open() has made `info`; `now` is in seconds
 * since 1970.
 */
const char *cache_rules_response(const void *copy,
				 const struct http_response_info *info,
				 int64_t now, struct cache_policy *policy_r);

/* All that either of them varies by.  False: too much for one. */
bool cache_vary_join(struct cache_vary *to, const struct cache_vary *from);

bool cache_vary_equal(const struct cache_vary *a, const struct cache_vary *b);

static inline bool
cache_vary_is_plain(const struct cache_vary *vary)
{
	return vary->count == 0 && !vary->query_named;
}

/*
 * Writes what tells a request from others to the same path: the query, or the
 * parameters that count, and the fields.  Two requests may share an answer only
 * if it is the same for both.  NULL: by the query alone.  Returns its length,
 * or -1 where it has no room.
 */
long cache_variant_write(const struct cache_vary *vary,
			 const struct http_parsed_head *head, const char *data,
			 struct portico_slice query, char *out,
			 size_t capacity);

/* ---- conditions and ranges (RFC 9110 sections 13 and 14) ------------------- */

/* Whether If-None-Match names the tag: weak comparison; "*" names any. */
bool cache_etag_listed(struct portico_slice field, struct portico_slice etag);

enum cache_range {
	CACHE_RANGE_ALL, /* the field is to be ignored */
	CACHE_RANGE_ONE,
	CACHE_RANGE_OTHER, /* several, or none that can be had: for a worker */
};

/* Of a body of `size` bytes.  ONE: *first_r and *length_r. */
enum cache_range cache_range_parse(struct portico_slice field, uint64_t size,
				   uint64_t *first_r, uint64_t *length_r);

#endif
