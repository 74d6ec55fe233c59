/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about query and cookies.
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/cookie.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"

/* ---- query --------------------------------------------------------------------- */

/* The decoded query, made at the first call. */
static enum portico_status
query(struct portico_request *request, const struct parameters **parameters_r)
{
	struct changes *changes = changes_get(request);
	enum portico_status status = PORTICO_OK;

	if (changes->query == NULL)
		status = parameters_parse(
			request->arena,
			host_request_text(request, PORTICO_TEXT_QUERY),
			QUERY_PARAMETERS_MAX, &changes->query);
	*parameters_r = changes->query;
	return status;
}

enum portico_status
host_query_get(struct portico_request *request, struct portico_slice name,
	       struct portico_slice *value_r)
{
	const struct parameters *parameters;
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = query(request, &parameters);
	if (status != PORTICO_OK)
		return status;
	return parameters_find(parameters, name, value_r) ? PORTICO_OK :
							    PORTICO_NOT_FOUND;
}

enum portico_status
host_query_each(struct portico_request *request, portico_field_fn *fn,
		void *arg)
{
	const struct parameters *parameters;
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	status = query(request, &parameters);
	if (status == PORTICO_OK)
		parameters_each(parameters, fn, arg);
	return status;
}

/* ---- cookies ------------------------------------------------------------------- */

struct cookie_walk {
	portico_field_fn *fn;
	void *arg;
};

/* A field of the request: its cookies, if it is a Cookie field. */
static bool
on_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct cookie_walk *walk = arg;
	struct portico_slice cookie, content;

	if (!slice_equal_nocase(name, PORTICO_SLICE("Cookie")))
		return true;
	while (http_cookie_next(&value, &cookie, &content))
		if (!walk->fn(walk->arg, cookie, content))
			return false;
	return true;
}

void
host_cookie_each(struct portico_request *request, portico_field_fn *fn,
		 void *arg)
{
	struct cookie_walk walk = { fn, arg };

	CHECK(request, REQUEST_MAGIC);
	fields_each(request, on_field, &walk);
}

struct cookie_search {
	struct portico_slice name, value;
	bool found;
};

static bool
on_cookie(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct cookie_search *search = arg;

	if (!slice_equal(name, search->name))
		return true;
	search->value = value;
	search->found = true;
	return false;
}

bool
host_cookie_get(struct portico_request *request, struct portico_slice name,
		struct portico_slice *value_r)
{
	struct cookie_search search = { .name = name };

	host_cookie_each(request, on_cookie, &search);
	if (search.found)
		*value_r = search.value;
	return search.found;
}

enum portico_status
host_cookie_set(struct portico_request *request,
		const struct portico_cookie *cookie, size_t size)
{
	struct portico_cookie known = { .name = { NULL, 0 } };
	char value[HTTP_COOKIE_BYTES_MAX];
	enum portico_status status;
	size_t length;

	CHECK(request, REQUEST_MAGIC);
	/* Members that the caller's build did not know are 0. */
	memcpy(&known, cookie, size < sizeof(known) ? size : sizeof(known));
	status = http_cookie_write(&known, value, &length);
	if (status != PORTICO_OK)
		return status;
	return response_set_field(request, PORTICO_SLICE("Set-Cookie"),
				  slice_make(value, length), true);
}
