/* SPDX-License-Identifier: Apache-2.0
 *
 * See response_trailer.h.
 */
#include "core/worker/response_trailer.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/slice.h"
#include "core/http/trailer.h"
#include "core/worker/request.h"

/* ": " and CRLF. */
#define LINE_EXTRA_BYTES 4

static struct response_trailers *
trailers_of(const struct portico_request *request)
{
	return request->changes == NULL ? NULL :
					  request->changes->response_trailers;
}

/* Made when there is none; NULL: no memory. */
static struct response_trailers *
trailers_get(struct portico_request *request)
{
	struct changes *changes = changes_get(request);
	struct response_trailers *trailers = changes->response_trailers;

	if (trailers != NULL)
		return trailers;
	trailers = arena_try_alloc(request->arena, sizeof(*trailers));
	if (trailers == NULL)
		return NULL;
	trailers->count = trailers->bytes = 0;
	trailers->announced = PORTICO_SLICE("");
	changes->response_trailers = trailers;
	return trailers;
}

/* May some be set now?  OK, or why not. */
static enum portico_status
check_open(const struct portico_request *request)
{
	const struct response *response = &request->response;

	if (request->aborted || response->cut)
		return PORTICO_ABORTED;
	if (response->finished || response->tunnel || request->ended)
		return PORTICO_STATE;
	return PORTICO_OK;
}

static struct portico_slice
trim(struct portico_slice value)
{
	while (value.length > 0 &&
	       (value.data[0] == ' ' || value.data[0] == '\t')) {
		value.data++;
		value.length--;
	}
	while (value.length > 0 && (value.data[value.length - 1] == ' ' ||
				    value.data[value.length - 1] == '\t'))
		value.length--;
	return value;
}

/* ---- announcing -------------------------------------------------------------- */

static bool
is_announced(struct portico_slice list, struct portico_slice name)
{
	const char *at = list.data, *end = at + list.length;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		const char *name_end = comma == NULL ? end : comma;

		if (slice_equal_nocase(slice_make(at, (size_t)(name_end - at)),
				       name))
			return true;
		at = comma == NULL ? end : comma + 2;
	}
	return false;
}

static enum portico_status
announce(struct portico_request *request, struct response_trailers *trailers,
	 struct portico_slice name)
{
	struct portico_slice list = trailers->announced;
	size_t length = list.length + (list.length > 0 ? 2 : 0) + name.length;
	enum portico_status status;
	char *text;

	if (is_announced(list, name))
		return PORTICO_OK;
	if (length > HTTP_TRAILER_BYTES_MAX)
		return PORTICO_TOO_LARGE;
	text = arena_try_alloc(request->arena, length + 1);
	if (text == NULL)
		return PORTICO_NO_MEMORY;
	memcpy(text, list.data, list.length);
	if (list.length > 0)
		memcpy(text + list.length, ", ", 2);
	memcpy(text + length - name.length, name.data, name.length);
	text[length] = '\0';
	list = slice_make(text, length);
	status = response_set_id(request, HTTP_HEADER_TRAILER, list);
	trailers->announced = status == PORTICO_OK ? list : PORTICO_SLICE("");
	return status;
}

enum portico_status
host_trailer_announce(struct portico_request *request,
		      struct portico_slice name)
{
	struct response_trailers *trailers;
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	if (!http_trailer_name_is_sane(name))
		return PORTICO_INVALID;
	status = check_open(request);
	if (status != PORTICO_OK)
		return status;
	if (request->response.head_sent)
		return PORTICO_STATE;
	trailers = trailers_get(request);
	if (trailers == NULL)
		return PORTICO_NO_MEMORY;
	return announce(request, trailers, name);
}

/* ---- setting ------------------------------------------------------------------- */

static uint32_t
item_bytes(const struct parameter *item)
{
	return (uint32_t)(item->name.length + item->value.length +
			  LINE_EXTRA_BYTES);
}

/* Bytes and number of those of that name. */
static void
count_named(const struct response_trailers *trailers, struct portico_slice name,
	    uint32_t *count_r, uint32_t *bytes_r)
{
	*count_r = *bytes_r = 0;
	for (uint32_t i = 0; i < trailers->count; i++) {
		if (!slice_equal_nocase(trailers->items[i].name, name))
			continue;
		++*count_r;
		*bytes_r += item_bytes(&trailers->items[i]);
	}
}

static void
remove_named(struct response_trailers *trailers, struct portico_slice name)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < trailers->count; i++) {
		if (slice_equal_nocase(trailers->items[i].name, name))
			trailers->bytes -= item_bytes(&trailers->items[i]);
		else
			trailers->items[kept++] = trailers->items[i];
	}
	trailers->count = kept;
}

/* Both with a NUL behind them. */
static bool
copy_item(struct portico_request *request, struct portico_slice name,
	  struct portico_slice value, struct parameter *item_r)
{
	char *copy =
		arena_try_alloc(request->arena, name.length + value.length + 2);
	char *value_copy = copy + name.length + 1;

	if (copy == NULL)
		return false;
	memcpy(copy, name.data, name.length);
	copy[name.length] = '\0';
	if (value.length > 0)
		memcpy(value_copy, value.data, value.length);
	value_copy[value.length] = '\0';
	item_r->name = slice_make(copy, name.length);
	item_r->value = slice_make(value_copy, value.length);
	return true;
}

/* Everything that may fail comes before the first thing that changes. */
static enum portico_status
change(struct portico_request *request, struct portico_slice name,
       struct portico_slice value, bool add)
{
	struct response_trailers *trailers = trailers_get(request);
	uint32_t count = 0, bytes = 0;
	struct parameter item;

	if (trailers == NULL)
		return PORTICO_NO_MEMORY;
	if (!add)
		count_named(trailers, name, &count, &bytes);
	if (value.data != NULL) {
		if (trailers->count - count >= HTTP_TRAILERS_MAX ||
		    value.length > HTTP_TRAILER_BYTES_MAX ||
		    trailers->bytes - bytes + name.length + value.length +
				    LINE_EXTRA_BYTES >
			    HTTP_TRAILER_BYTES_MAX)
			return PORTICO_TOO_LARGE;
		if (!copy_item(request, name, value, &item))
			return PORTICO_NO_MEMORY;
	}
	if (count > 0)
		remove_named(trailers, name);
	if (value.data == NULL)
		return PORTICO_OK;
	trailers->items[trailers->count++] = item;
	trailers->bytes += item_bytes(&item);
	/* Only a hint to clients, and it may find no room in the head. */
	if (!request->response.head_sent)
		(void)announce(request, trailers, name);
	return PORTICO_OK;
}

enum portico_status
host_trailer_set(struct portico_request *request, struct portico_slice name,
		 struct portico_slice value, bool add)
{
	enum portico_status status;

	CHECK(request, REQUEST_MAGIC);
	if (value.data != NULL)
		value = trim(value);
	else if (add)
		value = PORTICO_SLICE("");
	if (!http_trailer_name_is_sane(name) ||
	    !http_trailer_value_is_sane(value))
		return PORTICO_INVALID;
	status = check_open(request);
	if (status != PORTICO_OK)
		return status;
	return change(request, name, value, add);
}

void
host_trailer_response_each(struct portico_request *request,
			   portico_field_fn *fn, void *arg)
{
	CHECK(request, REQUEST_MAGIC);
	response_trailers_each(request, fn, arg);
}

/* ---- leaving --------------------------------------------------------------------- */

void
response_trailers_forget(struct portico_request *request)
{
	struct response_trailers *trailers = trailers_of(request);

	if (trailers == NULL)
		return;
	trailers->count = trailers->bytes = 0;
	trailers->announced = PORTICO_SLICE("");
	response_remove_id(request, HTTP_HEADER_TRAILER);
}

bool
response_trailers_wanted(const struct portico_request *request)
{
	const struct response_trailers *trailers = trailers_of(request);

	return trailers != NULL &&
	       (trailers->count > 0 || trailers->announced.length > 0);
}

uint32_t
response_trailers_bytes(const struct portico_request *request)
{
	const struct response_trailers *trailers = trailers_of(request);

	/* A child's are read by its parent where they are; HTTP/1.0 has no
	 * place for them. */
	if (trailers == NULL || request->child != NULL ||
	    response_is_bodiless(request) ||
	    (request->head->major == 1 && request->head->minor == 0))
		return 0;
	return trailers->bytes;
}

static char *
put(char *to, struct portico_slice text)
{
	if (text.length > 0)
		memcpy(to, text.data, text.length);
	return to + text.length;
}

void
response_trailers_write(const struct portico_request *request, char *to)
{
	const struct response_trailers *trailers = trailers_of(request);

	for (uint32_t i = 0; i < trailers->count; i++) {
		to = put(to, trailers->items[i].name);
		to = put(to, PORTICO_SLICE(": "));
		to = put(to, trailers->items[i].value);
		to = put(to, PORTICO_SLICE("\r\n"));
	}
}

void
response_trailers_each(const struct portico_request *request,
		       portico_field_fn *fn, void *arg)
{
	const struct response_trailers *trailers = trailers_of(request);

	if (trailers == NULL)
		return;
	for (uint32_t i = 0; i < trailers->count; i++)
		if (!fn(arg, trailers->items[i].name, trailers->items[i].value))
			return;
}
