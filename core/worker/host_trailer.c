/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: trailer fields, those of a request (of a response:
 * response_trailer.c).  The listener has
 * checked each byte (core/http/chunked.c) and handed over the lines as they
 * are; they are cut into fields when somebody asks.
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/trailer.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/response_trailer.h"

void
trailers_receive(struct portico_request *request, const char *text,
		 uint32_t length)
{
	char *copy = arena_try_alloc(request->arena, length);

	if (copy == NULL) {
		request->body.trailers_lost = true;
		return;
	}
	memcpy(copy, text, length);
	request->body.trailers = copy;
	request->body.trailers_length = length;
}

/* One line, which ends with CRLF, in place; false: it is dropped. */
static bool
cut(char *line, char *end, struct parameter *field)
{
	char *colon = memchr(line, ':', (size_t)(end - line));
	char *value = colon + 1;

	field->name = slice_make(line, (size_t)(colon - line));
	while (value < end && (*value == ' ' || *value == '\t'))
		value++;
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	field->value = slice_make(value, (size_t)(end - value));
	*colon = '\0';
	*end = '\0';
	return !http_trailer_is_forbidden(field->name);
}

static const struct parameters *
cut_all(struct portico_request *request)
{
	struct body *body = &request->body;
	char *at = body->trailers, *end = at + body->trailers_length;
	struct parameters *fields;
	uint32_t lines = 0;

	for (char *c = at; c < end; c++)
		lines += *c == '\n';
	fields = arena_try_alloc(request->arena,
				 sizeof(*fields) +
					 lines * sizeof(fields->items[0]));
	if (fields == NULL)
		return NULL;
	fields->count = 0;
	while (at < end) {
		char *line_end = memchr(at, '\n', (size_t)(end - at));

		if (cut(at, line_end - 1, &fields->items[fields->count]))
			fields->count++;
		at = line_end + 1;
	}
	return fields;
}

static enum portico_status
get_fields(struct portico_request *request, const struct parameters **fields_r)
{
	static const struct parameters none;
	const struct body *body = &request->body;
	struct changes *changes;

	CHECK(request, REQUEST_MAGIC);
	*fields_r = &none;
	if (!body->ended && body->expected)
		return PORTICO_STATE;
	if (body->trailers_lost)
		return PORTICO_NO_MEMORY;
	if (body->trailers == NULL)
		return PORTICO_OK;
	changes = changes_get(request);
	if (changes->trailers == NULL)
		changes->trailers = cut_all(request);
	if (changes->trailers == NULL)
		return PORTICO_NO_MEMORY;
	*fields_r = changes->trailers;
	return PORTICO_OK;
}

static enum portico_status
host_trailer_get(struct portico_request *request, struct portico_slice name,
		 struct portico_slice *value_r)
{
	const struct parameters *fields;
	enum portico_status status = get_fields(request, &fields);

	for (uint32_t i = 0; status == PORTICO_OK && i < fields->count; i++) {
		if (!slice_equal_nocase(fields->items[i].name, name))
			continue;
		*value_r = fields->items[i].value;
		return PORTICO_OK;
	}
	return status == PORTICO_OK ? PORTICO_NOT_FOUND : status;
}

static enum portico_status
host_trailer_each(struct portico_request *request, portico_field_fn *fn,
		  void *arg)
{
	const struct parameters *fields;
	enum portico_status status = get_fields(request, &fields);

	if (status == PORTICO_OK)
		parameters_each(fields, fn, arg);
	return status;
}

const struct portico_host_trailer worker_host_trailer = {
	.size = sizeof(struct portico_host_trailer),
	.get = host_trailer_get,
	.each = host_trailer_each,
	.response_set = host_trailer_set,
	.response_announce = host_trailer_announce,
	.response_each = host_trailer_response_each,
};
