/* SPDX-License-Identifier: Apache-2.0
 *
 * See cache_rules.h.
 */
#include "core/listener/cache_rules.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/slice.h"
#include "core/http/date.h"

/* ---- requests ---------------------------------------------------------------- */

static struct portico_slice
value_of(const struct http_field *field, const char *data)
{
	return (struct portico_slice){ data + field->value_offset,
				       field->value_length };
}

/* Takes the next element of a list "a, b" off *list; quoted commas do not
 * count.  Entity tags are quoted without escapes.  False: there is none. */
static bool
next_element_of(struct portico_slice *list, bool escapes,
		struct portico_slice *element_r)
{
	bool quoted = false;
	size_t at = 0;

	if (list->length == 0)
		return false;
	for (; at < list->length && (quoted || list->data[at] != ','); at++) {
		if (list->data[at] == '"')
			quoted = !quoted;
		else if (escapes && quoted && list->data[at] == '\\')
			at++;
	}
	if (at > list->length)
		at = list->length;
	*element_r = slice_trim(slice_make(list->data, at));
	if (at < list->length)
		at++;
	*list = slice_make(list->data + at, list->length - at);
	return true;
}

static bool
next_element(struct portico_slice *list, struct portico_slice *element_r)
{
	return next_element_of(list, true, element_r);
}

static bool
lists(struct portico_slice list, const char *word)
{
	struct portico_slice element;

	while (next_element(&list, &element)) {
		if (slice_equal_nocase(element, slice_from(word)))
			return true;
	}
	return false;
}

/* IIS's way to ask for the source of a resource; the cache has none. */
static bool
is_translate(const struct http_field *field, const char *data)
{
	return field->name_length == 9 &&
	       slice_equal_nocase(slice_make(data + field->name_offset, 9),
				  PORTICO_SLICE("translate"));
}

/* False: the cache has no part in a request with this field. */
static bool
note_field(const struct http_field *field, int16_t index, const char *data,
	   struct cache_request *request)
{
	int16_t *first = NULL;

	switch (field->id) {
	case HTTP_HEADER_AUTHORIZATION:
	case HTTP_HEADER_PROXY_AUTHORIZATION:
	case HTTP_HEADER_EXPECT:
	case HTTP_HEADER_IF_MATCH:
	case HTTP_HEADER_IF_UNMODIFIED_SINCE:
	case HTTP_HEADER_UPGRADE:
		return false;
	case HTTP_HEADER_UNKNOWN:
		return !is_translate(field, data);
	case HTTP_HEADER_CACHE_CONTROL:
		if (lists(value_of(field, data), "no-store"))
			request->use = CACHE_USE_ANSWER;
		return true;
	case HTTP_HEADER_IF_NONE_MATCH:
		if (request->if_none_match >= 0)
			request->if_none_match_more = true;
		else
			request->if_none_match = index;
		return true;
	case HTTP_HEADER_IF_MODIFIED_SINCE:
		first = &request->if_modified_since;
		break;
	case HTTP_HEADER_RANGE:
		first = &request->range;
		request->use = CACHE_USE_ANSWER;
		break;
	case HTTP_HEADER_IF_RANGE:
		first = &request->if_range;
		request->use = CACHE_USE_ANSWER;
		break;
	default:
		return true;
	}
	/* Twice the same is for somebody who knows what was meant. */
	if (*first >= 0)
		return false;
	*first = index;
	return true;
}

void
cache_rules_request(const struct http_parsed_head *head, const char *data,
		    struct cache_request *request_r)
{
	*request_r =
		(struct cache_request){ CACHE_USE_NONE, -1, -1, -1, -1, false };
	if ((head->method != HTTP_METHOD_GET &&
	     head->method != HTTP_METHOD_HEAD) ||
	    head->target_form != HTTP_TARGET_ORIGIN || head->chunked ||
	    (head->content_length != HTTP_LENGTH_NONE &&
	     head->content_length != 0) ||
	    head->upgrade)
		return;
	request_r->use = head->method == HTTP_METHOD_GET ? CACHE_USE_KEEP :
							   CACHE_USE_ANSWER;
	for (unsigned i = 0; i < head->field_count; i++) {
		if (!note_field(&head->fields[i], (int16_t)i, data,
				request_r)) {
			request_r->use = CACHE_USE_NONE;
			return;
		}
	}
}

/* ---- responses --------------------------------------------------------------- */

static bool
is_kept_status(unsigned status)
{
	switch (status) {
	case 200:
	case 203:
	case 301:
	case 302:
	case 307:
	case 308:
	case 404:
	case 410:
		return true;
	}
	return false;
}

/* Seconds; false: not a number (RFC 9111 section 1.2.2). */
static bool
parse_seconds(struct portico_slice text, uint64_t *seconds_r)
{
	uint64_t seconds = 0;

	if (text.length >= 2 && text.data[0] == '"' &&
	    text.data[text.length - 1] == '"')
		text = slice_make(text.data + 1, text.length - 2);
	if (text.length == 0)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return false;
		if (seconds <= INT32_MAX)
			seconds = seconds * 10 + (uint64_t)(text.data[i] - '0');
	}
	*seconds_r = seconds;
	return true;
}

/* What the fields said on the way. */
struct reading {
	struct cache_policy *policy;
	bool has_max_age, has_shared_age, has_expires;
	bool encoded;
	uint64_t max_age, shared_age;
	int64_t expires, now;
};

static const char *
read_cache_control(struct reading *reading, struct portico_slice list)
{
	struct portico_slice element;

	while (next_element(&list, &element)) {
		struct portico_slice value = element;
		struct portico_slice name =
			slice_trim(slice_split(&value, '='));

		value = slice_trim(value);
		if (slice_equal_nocase(name, PORTICO_SLICE("no-store")) ||
		    slice_equal_nocase(name, PORTICO_SLICE("private")) ||
		    slice_equal_nocase(name, PORTICO_SLICE("no-cache")))
			return "Cache-Control forbids it";
		if (slice_equal_nocase(name, PORTICO_SLICE("s-maxage"))) {
			reading->has_shared_age = true;
			if (!parse_seconds(value, &reading->shared_age))
				return "s-maxage is not a number";
		} else if (slice_equal_nocase(name, PORTICO_SLICE("max-age"))) {
			reading->has_max_age = true;
			if (!parse_seconds(value, &reading->max_age))
				return "max-age is not a number";
		}
	}
	return NULL;
}

/* In the order of names, each once.  False: too many. */
static bool
add_vary(struct cache_vary *vary, const struct cache_vary_field *field)
{
	unsigned at = 0;

	while (at < vary->count) {
		const struct cache_vary_field *other = &vary->fields[at];
		int order =
			slice_compare(slice_make(other->name, other->length),
				      slice_make(field->name, field->length));

		if (order == 0)
			return true;
		if (order > 0)
			break;
		at++;
	}
	if (vary->count == CACHE_VARY_FIELDS_MAX)
		return false;
	memmove(&vary->fields[at + 1], &vary->fields[at],
		(vary->count - at) * sizeof(*field));
	vary->fields[at] = *field;
	vary->count++;
	return true;
}

static const char *
read_vary(struct reading *reading, struct portico_slice list)
{
	struct portico_slice name;

	while (next_element(&list, &name)) {
		struct cache_vary_field field = {
			.length = (uint8_t)name.length
		};

		if (name.length == 0)
			continue;
		if (slice_equal(name, PORTICO_SLICE("*")))
			return "it varies by everything";
		if (name.length > CACHE_VARY_NAME_MAX)
			return "it varies by too much";
		for (size_t i = 0; i < name.length; i++)
			field.name[i] = slice_lower(name.data[i]);
		field.id = (uint16_t)http_header_find(name.data, name.length);
		if (!add_vary(&reading->policy->vary, &field))
			return "it varies by too much";
	}
	return NULL;
}

/* Of a field that is there once. */
static const char *
read_validator(struct reading *reading, const struct http_response_slice *field)
{
	struct cache_policy *policy = reading->policy;

	if (field->id == HTTP_HEADER_ETAG) {
		policy->etag = slice_trim(field->value);
		return NULL;
	}
	if (policy->has_last_modified ||
	    !http_date_parse(field->value.data, field->value.length,
			     reading->now, &policy->last_modified))
		return "Last-Modified is no date";
	policy->has_last_modified = true;
	return NULL;
}

static const char *
read_field(struct reading *reading, const struct http_response_slice *field)
{
	switch (field->id) {
	case HTTP_HEADER_SET_COOKIE:
		return "it sets a cookie";
	case HTTP_HEADER_WWW_AUTHENTICATE:
	case HTTP_HEADER_CONTENT_RANGE:
		return "it is not for everybody";
	case HTTP_HEADER_PRAGMA:
		return lists(field->value, "no-cache") ? "Pragma forbids it" :
							 NULL;
	case HTTP_HEADER_CACHE_CONTROL:
		return read_cache_control(reading, field->value);
	case HTTP_HEADER_VARY:
		return read_vary(reading, field->value);
	case HTTP_HEADER_ETAG:
	case HTTP_HEADER_LAST_MODIFIED:
		return read_validator(reading, field);
	case HTTP_HEADER_CONTENT_ENCODING:
		reading->encoded = true;
		return NULL;
	case HTTP_HEADER_AGE:
		return parse_seconds(slice_trim(field->value),
				     &reading->policy->age) ?
			       NULL :
			       "Age is not a number";
	case HTTP_HEADER_EXPIRES:
		/* What is no date has passed (RFC 9111 section 5.3). */
		reading->has_expires = true;
		if (!http_date_parse(field->value.data, field->value.length,
				     reading->now, &reading->expires))
			reading->expires = 0;
		return NULL;
	default:
		return NULL;
	}
}

/* Never longer than the response says that it may be used. */
static const char *
settle_lifetime(const struct reading *reading)
{
	struct cache_policy *policy = reading->policy;
	uint64_t most = UINT64_MAX;

	if (reading->has_shared_age)
		most = reading->shared_age;
	else if (reading->has_max_age)
		most = reading->max_age;
	else if (reading->has_expires)
		most = reading->expires <= reading->now ?
			       0 :
			       (uint64_t)(reading->expires - reading->now);
	if (most != UINT64_MAX)
		most = most <= policy->age ? 0 : most - policy->age;
	if (most < policy->lifetime)
		policy->lifetime = most;
	return policy->lifetime == 0 ? "it is stale already" : NULL;
}

static bool
varies_by(const struct cache_vary *vary, enum http_header_id id)
{
	for (unsigned i = 0; i < vary->count; i++) {
		if (vary->fields[i].id == id)
			return true;
	}
	return false;
}

/* The parameters that the module named, sorted, each once. */
static int
by_text(const void *a, const void *b)
{
	const struct portico_slice *x = a, *y = b;

	return slice_compare(*x, *y);
}

static bool
set_query(struct cache_vary *vary, struct portico_slice names)
{
	struct portico_slice all[CACHE_VARY_QUERY_MAX / 2 + 1];
	size_t count = 0;
	char *at = vary->query;

	vary->query_length = 0;
	if (names.length > CACHE_VARY_QUERY_MAX)
		return false;
	while (names.length > 0) {
		struct portico_slice name = slice_split(&names, '&');

		if (name.length > 0)
			all[count++] = name;
	}
	if (count > 1)
		qsort(all, count, sizeof(all[0]), by_text);
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && slice_equal(all[i], all[i - 1]))
			continue;
		if (at > vary->query)
			*at++ = '&';
		memcpy(at, all[i].data, all[i].length);
		at += all[i].length;
	}
	vary->query_length = (uint16_t)(at - vary->query);
	return true;
}

const char *
cache_rules_response(const void *copy, const struct http_response_info *info,
		     int64_t now, struct cache_policy *policy_r)
{
	struct reading reading = { .policy = policy_r, .now = now };
	struct http_response_cursor cursor = { 0 };
	struct http_response_slice field;
	const char *why = NULL;

	memset(policy_r, 0, sizeof(*policy_r));
	if ((info->flags & HTTP_RESPONSE_CACHEABLE) == 0)
		return "no module has allowed it";
	if (!is_kept_status(info->status))
		return "its status";
	if ((info->flags & HTTP_RESPONSE_CLOSE) != 0)
		return "it ends the connection";
	policy_r->lifetime = info->cache_ttl == 0 ? CACHE_UNTIL_FLUSHED :
						    info->cache_ttl;
	policy_r->while_worker = (info->flags & HTTP_RESPONSE_CACHE_WORKER) !=
				 0;
	if ((info->flags & HTTP_RESPONSE_CACHE_QUERY) != 0) {
		policy_r->vary.query_named = true;
		if (!set_query(&policy_r->vary, info->cache_query))
			return "it varies by too much";
	}
	while (why == NULL &&
	       http_response_head_next(copy, &cursor, &field) > 0)
		why = read_field(&reading, &field);
	if (why == NULL && reading.encoded &&
	    !varies_by(&policy_r->vary, HTTP_HEADER_ACCEPT_ENCODING))
		why = "it is encoded, and does not vary by Accept-Encoding";
	return why != NULL ? why : settle_lifetime(&reading);
}

/* ---- variants ---------------------------------------------------------------- */

bool
cache_vary_join(struct cache_vary *to, const struct cache_vary *from)
{
	char both[2 * CACHE_VARY_QUERY_MAX + 1];
	size_t length = to->query_length;

	for (unsigned i = 0; i < from->count; i++) {
		if (!add_vary(to, &from->fields[i]))
			return false;
	}
	/* The whole query is more than any part of it. */
	if (!to->query_named || !from->query_named) {
		to->query_named = false;
		to->query_length = 0;
		return true;
	}
	memcpy(both, to->query, length);
	if (length > 0)
		both[length++] = '&';
	memcpy(both + length, from->query, from->query_length);
	length += from->query_length;
	return set_query(to, slice_make(both, length));
}

bool
cache_vary_equal(const struct cache_vary *a, const struct cache_vary *b)
{
	if (a->count != b->count || a->query_named != b->query_named ||
	    a->query_length != b->query_length ||
	    memcmp(a->query, b->query, a->query_length) != 0)
		return false;
	for (unsigned i = 0; i < a->count; i++) {
		if (a->fields[i].length != b->fields[i].length ||
		    memcmp(a->fields[i].name, b->fields[i].name,
			   a->fields[i].length) != 0)
			return false;
	}
	return true;
}

struct writer {
	char *at, *end;
	bool full;
};

static void
put(struct writer *writer, const char *data, size_t length)
{
	if (length > (size_t)(writer->end - writer->at)) {
		writer->full = true;
		return;
	}
	if (length > 0)
		memcpy(writer->at, data, length);
	writer->at += length;
}

static bool
counts(const struct cache_vary *vary, struct portico_slice name)
{
	struct portico_slice names =
		slice_make(vary->query, vary->query_length);

	/* Encoded, it may be any name to who decodes it. */
	if (memchr(name.data, '%', name.length) != NULL ||
	    memchr(name.data, '+', name.length) != NULL)
		return true;
	while (names.length > 0) {
		if (slice_equal(slice_split(&names, '&'), name))
			return true;
	}
	return false;
}

static void
put_parameters(struct writer *writer, const struct cache_vary *vary,
	       struct portico_slice query)
{
	while (query.length > 0) {
		struct portico_slice parameter = slice_split(&query, '&');
		struct portico_slice rest = parameter;
		struct portico_slice name = slice_split(&rest, '=');

		if (name.length == 0 || !counts(vary, name))
			continue;
		put(writer, parameter.data, parameter.length);
		put(writer, "&", 1);
	}
}

static bool
is_named(const struct http_field *field, const char *data,
	 const struct cache_vary_field *name)
{
	if (name->id != HTTP_HEADER_UNKNOWN)
		return field->id == name->id;
	return field->id == HTTP_HEADER_UNKNOWN &&
	       slice_equal_nocase(slice_make(data + field->name_offset,
					     field->name_length),
				  slice_make(name->name, name->length));
}

static void
put_field(struct writer *writer, const struct http_parsed_head *head,
	  const char *data, const struct cache_vary_field *name)
{
	/* No field has a line's end in it, nor has the query. */
	put(writer, "\n", 1);
	for (unsigned i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (!is_named(field, data, name))
			continue;
		put(writer, "=", 1);
		put(writer, data + field->value_offset, field->value_length);
		put(writer, "\r", 1);
	}
}

long
cache_variant_write(const struct cache_vary *vary,
		    const struct http_parsed_head *head, const char *data,
		    struct portico_slice query, char *out, size_t capacity)
{
	struct writer writer = { out, out + capacity, false };

	if (vary == NULL || !vary->query_named)
		put(&writer, query.data, query.length);
	else
		put_parameters(&writer, vary, query);
	for (unsigned i = 0; vary != NULL && i < vary->count; i++)
		put_field(&writer, head, data, &vary->fields[i]);
	return writer.full ? -1 : writer.at - out;
}

/* ---- conditions and ranges --------------------------------------------------- */

static struct portico_slice
without_weakness(struct portico_slice tag)
{
	if (tag.length >= 2 && tag.data[0] == 'W' && tag.data[1] == '/')
		return slice_make(tag.data + 2, tag.length - 2);
	return tag;
}

bool
cache_etag_listed(struct portico_slice field, struct portico_slice etag)
{
	struct portico_slice element;

	if (slice_equal(slice_trim(field), PORTICO_SLICE("*")))
		return true;
	if (etag.data == NULL)
		return false;
	etag = without_weakness(etag);
	while (next_element_of(&field, false, &element)) {
		if (slice_equal(without_weakness(element), etag))
			return true;
	}
	return false;
}

/* Digits; UINT64_MAX when there are none, or something else. */
static uint64_t
parse_position(struct portico_slice text)
{
	uint64_t value = 0;

	if (text.length == 0 || text.length > 18)
		return UINT64_MAX;
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return UINT64_MAX;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	return value;
}

enum cache_range
cache_range_parse(struct portico_slice field, uint64_t size, uint64_t *first_r,
		  uint64_t *length_r)
{
	struct portico_slice rest = slice_trim(field), from;
	struct portico_slice unit = slice_split(&rest, '=');
	uint64_t first, last;

	if (!slice_equal_nocase(unit, PORTICO_SLICE("bytes")))
		return CACHE_RANGE_ALL;
	if (memchr(rest.data, ',', rest.length) != NULL ||
	    memchr(rest.data, '-', rest.length) == NULL)
		return CACHE_RANGE_OTHER;
	from = slice_split(&rest, '-');
	last = parse_position(rest);
	if (last == UINT64_MAX && rest.length > 0)
		return CACHE_RANGE_OTHER;
	if (from.length == 0) {
		/* The last so many bytes. */
		if (last == UINT64_MAX || last == 0 || size == 0)
			return CACHE_RANGE_OTHER;
		*length_r = last < size ? last : size;
		*first_r = size - *length_r;
		return CACHE_RANGE_ONE;
	}
	first = parse_position(from);
	if (first == UINT64_MAX || first >= size || last < first)
		return CACHE_RANGE_OTHER;
	*first_r = first;
	*length_r = (last < size ? last : size - 1) - first + 1;
	return CACHE_RANGE_ONE;
}
