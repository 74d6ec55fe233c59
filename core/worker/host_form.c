/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about forms in the request body.  They live here and
 * not in the SDK's headers, so that one parser is mended for all modules.
 */
#include "core/base/buffer.h"
#include "core/base/slice.h"
#include "core/http/multipart.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"

#include <string.h>

#define FORM_MAGIC 0x464f524du
#define MULTIPART_MAGIC 0x4d504152u

static struct portico_slice
content_type(const struct portico_request *request)
{
	struct portico_slice value = { "", 0 };

	fields_find(request, PORTICO_SLICE("Content-Type"), &value);
	return value;
}

/* ---- application/x-www-form-urlencoded -------------------------------------------- */

struct portico_form {
	unsigned magic;
	struct portico_request *request;
	struct buffer body; /* until it is decoded */
	uint32_t fields_max;
	enum portico_status status; /* AGAIN: not complete yet */
	const struct parameters *fields;
};

static void
form_fini(void *arg)
{
	struct portico_form *form = arg;

	buffer_fini(&form->body);
	form->magic = 0;
}

enum portico_status
host_form_open(struct portico_request *request, size_t bytes_max,
	       uint32_t fields_max, struct portico_form **form_r)
{
	struct portico_form *form;
	int64_t announced;

	CHECK(request, REQUEST_MAGIC);
	if (bytes_max > FORM_BYTES_MAX)
		return PORTICO_INVALID;
	if (bytes_max == 0)
		bytes_max = FORM_BYTES_DEFAULT;
	if (!http_media_type_is(
		    content_type(request),
		    PORTICO_SLICE("application/x-www-form-urlencoded")))
		return PORTICO_UNSUPPORTED;
	announced = host_request_content_length(request);
	if (announced > 0 && (uint64_t)announced > bytes_max)
		return PORTICO_TOO_LARGE;
	form = arena_zalloc(request->arena, sizeof(*form));
	form->magic = FORM_MAGIC;
	form->request = request;
	form->status = PORTICO_AGAIN;
	form->fields_max = fields_max == 0 ? QUERY_PARAMETERS_MAX : fields_max;
	buffer_init(&form->body, bytes_max);
	arena_on_free(request->arena, form_fini, form);
	*form_r = form;
	return PORTICO_OK;
}

static enum portico_status
decode(struct portico_form *form)
{
	enum portico_status status = parameters_parse(form->request->arena,
						      buffer_slice(&form->body),
						      form->fields_max,
						      &form->fields);

	buffer_fini(&form->body);
	return status;
}

enum portico_status
host_form_read(struct portico_form *form)
{
	CHECK(form, FORM_MAGIC);
	while (form->status == PORTICO_AGAIN) {
		struct portico_slice chunk;
		enum portico_status status = body_read(form->request, &chunk);

		if (status == PORTICO_AGAIN)
			break;
		if (status == PORTICO_OK) {
			status = buffer_append_slice(&form->body, chunk);
			if (status != PORTICO_OK)
				form->status = status;
			continue;
		}
		form->status = status == PORTICO_END ? decode(form) : status;
	}
	return form->status;
}

bool
host_form_get(struct portico_form *form, struct portico_slice name,
	      struct portico_slice *value_r)
{
	CHECK(form, FORM_MAGIC);
	return form->status == PORTICO_OK &&
	       parameters_find(form->fields, name, value_r);
}

void
host_form_each(struct portico_form *form, portico_field_fn *fn, void *arg)
{
	CHECK(form, FORM_MAGIC);
	if (form->status == PORTICO_OK)
		parameters_each(form->fields, fn, arg);
}

/* ---- multipart/form-data ------------------------------------------------------------- */

struct portico_multipart {
	unsigned magic;
	struct portico_request *request;
	struct http_multipart parser;
	struct portico_slice rest; /* of the chunk lent by body_read */
	enum portico_status status; /* OK, or what every call says now */
	bool has_part; /* the texts are of one */
	bool in_part; /* its data has not ended */
};

/* Limits with the defaults filled in. */
static enum portico_status
limits_of(const struct portico_multipart_limits *limits, size_t size,
	  struct portico_multipart_limits *known)
{
	memset(known, 0, sizeof(*known));
	/* Members that the caller's build did not know are 0. */
	if (limits != NULL)
		memcpy(known, limits,
		       size < sizeof(*known) ? size : sizeof(*known));
	if (known->parts == 0)
		known->parts = MULTIPART_PARTS_DEFAULT;
	if (known->header_bytes == 0)
		known->header_bytes = MULTIPART_HEADER_BYTES_DEFAULT;
	return known->header_bytes > MULTIPART_HEADER_BYTES_MAX ?
		       PORTICO_INVALID :
		       PORTICO_OK;
}

enum portico_status
host_multipart_open(struct portico_request *request,
		    const struct portico_multipart_limits *limits, size_t size,
		    struct portico_multipart **multipart_r)
{
	struct portico_multipart_limits known;
	struct portico_multipart *multipart;
	struct portico_slice boundary;
	enum portico_status status;
	char *storage;

	CHECK(request, REQUEST_MAGIC);
	status = limits_of(limits, size, &known);
	if (status == PORTICO_OK)
		status = http_multipart_boundary(content_type(request),
						 &boundary);
	if (status != PORTICO_OK)
		return status;
	multipart = arena_try_alloc(request->arena, sizeof(*multipart));
	storage = arena_try_alloc(request->arena,
				  HTTP_MULTIPART_STORAGE(known.header_bytes));
	if (multipart == NULL || storage == NULL)
		return PORTICO_NO_MEMORY;
	memset(multipart, 0, sizeof(*multipart));
	multipart->magic = MULTIPART_MAGIC;
	multipart->request = request;
	http_multipart_init(&multipart->parser, boundary, storage,
			    known.header_bytes, known.parts, known.part_bytes);
	*multipart_r = multipart;
	return PORTICO_OK;
}

/* The next event other than MORE: OK; else why there is none. */
static enum portico_status
next_event(struct portico_multipart *multipart,
	   enum http_multipart_event *event_r, struct portico_slice *data_r)
{
	while (multipart->status == PORTICO_OK) {
		enum portico_status status;

		*event_r = http_multipart_next(&multipart->parser,
					       &multipart->rest, data_r);
		if (*event_r == HTTP_MULTIPART_ERROR)
			multipart->status = multipart->parser.status;
		else if (*event_r != HTTP_MULTIPART_MORE)
			return PORTICO_OK;
		if (multipart->status != PORTICO_OK)
			break;
		status = body_read(multipart->request, &multipart->rest);
		if (status == PORTICO_OK)
			continue;
		multipart->rest = slice_make("", 0);
		if (status == PORTICO_AGAIN)
			return status;
		multipart->status =
			status == PORTICO_END ?
				http_multipart_finish(&multipart->parser) :
				status;
	}
	return multipart->status;
}

enum portico_status
host_multipart_next(struct portico_multipart *multipart)
{
	CHECK(multipart, MULTIPART_MAGIC);
	multipart->has_part = multipart->in_part = false;
	for (;;) {
		enum http_multipart_event event;
		struct portico_slice unused;
		enum portico_status status =
			next_event(multipart, &event, &unused);

		if (status != PORTICO_OK)
			return status;
		if (event != HTTP_MULTIPART_PART)
			continue; /* what is left of the one before */
		multipart->has_part = multipart->in_part = true;
		return PORTICO_OK;
	}
}

enum portico_status
host_multipart_read(struct portico_multipart *multipart,
		    struct portico_slice *chunk_r)
{
	enum http_multipart_event event;
	enum portico_status status;

	CHECK(multipart, MULTIPART_MAGIC);
	if (!multipart->has_part)
		return multipart->status < PORTICO_OK &&
				       multipart->status != PORTICO_END ?
			       multipart->status :
			       PORTICO_STATE;
	if (!multipart->in_part)
		return PORTICO_END;
	status = next_event(multipart, &event, chunk_r);
	/* The parser ends a part before anything else can come. */
	if (status != PORTICO_OK || event == HTTP_MULTIPART_DATA)
		return status;
	multipart->in_part = false;
	return PORTICO_END;
}

struct portico_slice
host_multipart_text(struct portico_multipart *multipart,
		    enum portico_part_text which)
{
	CHECK(multipart, MULTIPART_MAGIC);
	if (multipart->has_part) {
		switch (which) {
		case PORTICO_PART_NAME:
			return multipart->parser.name;
		case PORTICO_PART_FILENAME:
			return multipart->parser.filename;
		case PORTICO_PART_TYPE:
			return multipart->parser.type;
		}
	}
	return slice_make(NULL, 0);
}

bool
host_multipart_field(struct portico_multipart *multipart,
		     struct portico_slice name, struct portico_slice *value_r)
{
	const struct http_multipart *parser = &multipart->parser;

	CHECK(multipart, MULTIPART_MAGIC);
	for (uint32_t i = 0; multipart->has_part && i < parser->field_count;
	     i++) {
		if (slice_equal_nocase(parser->fields[i].name, name)) {
			*value_r = parser->fields[i].value;
			return true;
		}
	}
	return false;
}
