/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules say of keeping a response, and what tells a request from others.
 * Of a request alone: the test kit has it, too.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/child.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/response_trailer.h"

/* ---- policy ---------------------------------------------------------------------- */

static bool
has_user(const struct portico_request *request)
{
	return request->user.length > 0 ||
	       (request->changes != NULL && request->changes->authenticated);
}

/* Whether a flush would name the path that the client asked for. */
static bool
is_rewritten(const struct portico_request *request)
{
	return request->changes != NULL && request->changes->rewrites > 0;
}

bool
response_is_cacheable(const struct portico_request *request)
{
	const struct response *response = &request->response;

	if (!response->cache_allowed || response->cache_denied ||
	    request->child != NULL || has_user(request) ||
	    response_trailers_wanted(request))
		return false;
	return !is_rewritten(request) ||
	       (response->cache_ttl != 0 && !response->cache_while_worker);
}

enum portico_status
host_cache_allow(struct portico_request *request, uint64_t ttl_ns,
		 uint32_t flags)
{
	struct response *response = &request->response;
	uint64_t seconds =
		ttl_ns / CLOCK_NS_PER_S + (ttl_ns % CLOCK_NS_PER_S != 0);

	CHECK(request, REQUEST_MAGIC);
	if ((flags & ~(uint32_t)PORTICO_CACHE_WHILE_WORKER) != 0)
		return PORTICO_INVALID;
	if (response->head_sent)
		return PORTICO_STATE;
	if (response->cache_denied || has_user(request))
		return PORTICO_DENIED;
	if (seconds > UINT32_MAX)
		seconds = UINT32_MAX;
	if (!response->cache_allowed || response->cache_ttl == 0 ||
	    (seconds != 0 && seconds < response->cache_ttl))
		response->cache_ttl = (uint32_t)seconds;
	if ((flags & PORTICO_CACHE_WHILE_WORKER) != 0)
		response->cache_while_worker = true;
	response->cache_allowed = true;
	return PORTICO_OK;
}

enum portico_status
host_cache_deny(struct portico_request *request)
{
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = request->response.head_sent ? PORTICO_STATE : PORTICO_OK;
	while (request != NULL) {
		request->response.cache_denied = true;
		request = request->child == NULL ? NULL :
						   request->child->parent;
	}
	return status;
}

/* ---- what it differs by ------------------------------------------------------------ */

static bool
names(struct portico_slice list, struct portico_slice name)
{
	while (list.length > 0) {
		if (slice_equal_nocase(slice_trim(slice_split(&list, ',')),
				       name))
			return true;
	}
	return false;
}

enum portico_status
host_cache_vary_field(struct portico_request *request,
		      struct portico_slice name)
{
	const struct response *response = &request->response;

	CHECK(request, REQUEST_MAGIC);
	if (response->head_sent)
		return PORTICO_STATE;
	if (!http_is_token(name.data, name.length))
		return PORTICO_INVALID;
	for (uint16_t i = 0; i < response->field_count; i++) {
		if (response->fields[i].id == HTTP_HEADER_VARY &&
		    names(response->fields[i].value, name))
			return PORTICO_OK;
	}
	return response_set_field(request, PORTICO_SLICE("Vary"), name, true);
}

enum portico_status
host_cache_vary_query(struct portico_request *request,
		      struct portico_slice more)
{
	struct response *response = &request->response;
	size_t before = response->cache_query.length;
	size_t length = before + (before > 0) + more.length;
	char *copy;

	CHECK(request, REQUEST_MAGIC);
	if (response->head_sent)
		return PORTICO_STATE;
	if (!field_value_is_sane(more))
		return PORTICO_INVALID;
	if (length > CACHE_QUERY_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	copy = arena_try_alloc(request->arena, length + 1);
	if (copy == NULL)
		return PORTICO_NO_MEMORY;
	if (before > 0) {
		memcpy(copy, response->cache_query.data, before);
		copy[before++] = '&';
	}
	if (more.length > 0)
		memcpy(copy + before, more.data, more.length);
	response->cache_query = slice_make(copy, length);
	response->cache_query_named = true;
	if (response->head_length > 0)
		response->head_stale = true;
	return PORTICO_OK;
}

/* ---- the key of caches in the worker ------------------------------------------------ */

static bool
is_plain(struct portico_slice text)
{
	return http_scan_value(text.data, text.data + text.length) ==
	       text.data + text.length;
}

enum portico_status
host_cache_add_key(struct portico_request *request, struct portico_slice name,
		   struct portico_slice value)
{
	struct changes *changes;
	size_t before, length;
	char *copy, *at;

	CHECK(request, REQUEST_MAGIC);
	changes = changes_get(request);
	before = changes->cache_key.length;
	length = before + name.length + value.length + 2;
	if (name.length == 0 || !is_plain(name) || !is_plain(value))
		return PORTICO_INVALID;
	if (length > CACHE_KEY_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	copy = at = arena_try_alloc(request->arena, length);
	if (copy == NULL)
		return PORTICO_NO_MEMORY;
	if (before > 0)
		memcpy(at, changes->cache_key.data, before);
	at += before;
	*at++ = '\n';
	memcpy(at, name.data, name.length);
	at += name.length;
	*at++ = '=';
	if (value.length > 0)
		memcpy(at, value.data, value.length);
	changes->cache_key = slice_make(copy, length);
	/* The listener does not know it. */
	request->response.cache_denied = true;
	return PORTICO_OK;
}

struct key {
	struct buffer text;
	enum portico_status status; /* the first failure stays */
};

static void
put(struct key *key, struct portico_slice text)
{
	if (key->status == PORTICO_OK)
		key->status = buffer_append_slice(&key->text, text);
}

/* As the listener does it (listener/cache_rules.c). */
static void
put_query(struct key *key, const struct portico_request *request)
{
	const struct response *response = &request->response;
	struct portico_slice query = request_query(request);

	if (!response->cache_query_named) {
		put(key, query);
		return;
	}
	while (query.length > 0) {
		struct portico_slice parameter = slice_split(&query, '&');
		struct portico_slice rest = parameter;
		struct portico_slice name = slice_split(&rest, '=');
		struct portico_slice list = response->cache_query;
		bool counts = slice_find_char(name, '%') >= 0 ||
			      slice_find_char(name, '+') >= 0;

		while (!counts && list.length > 0)
			counts = slice_equal(slice_split(&list, '&'), name);
		if (!counts)
			continue;
		put(key, parameter);
		put(key, PORTICO_SLICE("&"));
	}
}

struct named_field {
	struct key *key;
	struct portico_slice name;
};

static bool
put_value(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct named_field *wanted = arg;

	if (slice_equal_nocase(name, wanted->name)) {
		put(wanted->key, PORTICO_SLICE("="));
		put(wanted->key, value);
		put(wanted->key, PORTICO_SLICE("\r"));
	}
	return true;
}

static void
put_fields(struct key *key, const struct portico_request *request)
{
	const struct response *response = &request->response;

	for (uint16_t i = 0; i < response->field_count; i++) {
		struct portico_slice list = response->fields[i].value;

		if (response->fields[i].id != HTTP_HEADER_VARY)
			continue;
		while (list.length > 0) {
			struct named_field wanted = {
				key, slice_trim(slice_split(&list, ','))
			};

			put(key, PORTICO_SLICE("\n"));
			put(key, wanted.name);
			put(key, PORTICO_SLICE(":"));
			fields_each(request, put_value, &wanted);
		}
	}
}

enum portico_status
host_cache_key(struct portico_request *request, struct portico_slice *key_r)
{
	struct key key = { .status = PORTICO_OK };
	char number[16];
	char *copy = NULL;

	CHECK(request, REQUEST_MAGIC);
	buffer_init(&key.text, CACHE_KEY_BYTES_MAX);
	snprintf(number, sizeof(number), "%u ", request->application->id);
	put(&key, slice_from(number));
	put(&key, host_request_text(request, PORTICO_TEXT_SCHEME));
	put(&key, PORTICO_SLICE("://"));
	put(&key, host_request_text(request, PORTICO_TEXT_HOST));
	put(&key, request_path(request));
	put(&key, PORTICO_SLICE("?"));
	put_query(&key, request);
	put_fields(&key, request);
	if (request->changes != NULL)
		put(&key, request->changes->cache_key);
	if (key.status == PORTICO_OK) {
		copy = arena_try_alloc(request->arena, key.text.length);
		key.status = copy == NULL ? PORTICO_NO_MEMORY : PORTICO_OK;
	}
	if (copy != NULL) {
		memcpy(copy, key.text.data, key.text.length);
		*key_r = slice_make(copy, key.text.length);
	}
	buffer_fini(&key.text);
	return key.status;
}
