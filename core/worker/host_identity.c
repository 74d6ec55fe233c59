/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about who the user of a request is.
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"

/* The user's name, with a NUL behind it.  False: no memory. */
static bool
set_user(struct portico_request *request, struct portico_slice user)
{
	char *copy = arena_try_alloc(request->arena, user.length + 1);

	if (copy == NULL)
		return false;
	if (user.length > 0)
		memcpy(copy, user.data, user.length);
	copy[user.length] = '\0';
	request->user = slice_make(copy, user.length);
	return true;
}

enum portico_status
host_request_set_user(struct portico_request *request,
		      struct portico_slice user)
{
	CHECK(request, REQUEST_MAGIC);
	return set_user(request, user) ? PORTICO_OK : PORTICO_NO_MEMORY;
}

void
request_make_anonymous(struct portico_request *request)
{
	request->user = PORTICO_SLICE("");
	if (request->changes == NULL)
		return;
	request->changes->authenticated = false;
	request->changes->authentication = PORTICO_SLICE("");
}

enum portico_status
host_request_authenticate(struct portico_request *request,
			  struct portico_slice user, struct portico_slice type)
{
	struct changes *changes;
	char *copy;

	CHECK(request, REQUEST_MAGIC);
	if (type.data == NULL) {
		request_make_anonymous(request);
		return PORTICO_OK;
	}
	if (user.length > USER_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	if (type.length > AUTHENTICATION_BYTES_MAX ||
	    !http_is_token(type.data, type.length) ||
	    !field_value_is_sane(user))
		return PORTICO_INVALID;
	copy = arena_try_alloc(request->arena, type.length + 1);
	if (copy == NULL || !set_user(request, user))
		return PORTICO_NO_MEMORY;
	memcpy(copy, type.data, type.length);
	copy[type.length] = '\0';
	changes = changes_get(request);
	changes->authenticated = true;
	changes->authentication = slice_make(copy, type.length);
	return PORTICO_OK;
}

bool
host_request_is_authenticated(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->changes != NULL && request->changes->authenticated;
}
