/* SPDX-License-Identifier: Apache-2.0
 *
 * The other module of a kit: its handler answers what the test has said, so
 * that a filter has something to work on.
 */
#include "core/worker/file.h"
#include "sdk/testkit/kit_priv.h"

#define CHUNK_BYTES_MAX 65536u

/* OK: the piece is through. */
static enum portico_status
piece_write(struct portico_request *inner, struct kit_piece *piece)
{
	enum portico_status status;
	size_t written = 0;

	switch (piece->kind) {
	case KIT_PIECE_FLUSH:
		return response_flush(inner);
	case KIT_PIECE_FILE:
		return response_send_file(inner, piece->file, piece->offset,
					  piece->length);
	case KIT_PIECE_CHUNK:
		break;
	}
	status = response_write(inner, piece->data + piece->done,
				piece->length - piece->done, &written);
	piece->done += written;
	return status;
}

static enum portico_verdict
answer_go_on(struct portico_request *inner, void *arg)
{
	struct kit_request *request = kit_of(inner);

	(void)arg;
	while (!list_empty(&request->answer_pieces)) {
		struct kit_piece *piece = LIST_FIRST(struct kit_piece, link,
						     &request->answer_pieces);
		enum portico_status status = piece_write(inner, piece);

		if (status == PORTICO_AGAIN) {
			wait_begin(inner, WAIT_RESPONSE, answer_go_on, NULL);
			if (response_writable(inner))
				request_ready(inner);
			return PORTICO_PENDING;
		}
		if (status != PORTICO_OK)
			return PORTICO_ERROR;
		kit_piece_free(piece);
	}
	return PORTICO_DONE;
}

static enum portico_verdict
answer(struct portico_request *inner)
{
	struct kit_request *request = kit_of(inner);

	if (!request->answers)
		return PORTICO_NEXT;
	response_set_status(inner, request->answer_status, 0);
	response_set_length(inner, request->answer_length);
	for (const struct kit_field *field = request->answer_fields;
	     field != NULL; field = field->next)
		if (response_set_field(inner, slice_from(field->name),
				       slice_from(field->value),
				       true) != PORTICO_OK)
			kit_fail("kit_answer_field: no handler may say %s: %s",
				 field->name, field->value);
	/* Else the first chunks would reach a filter in one. */
	response_decide(inner);
	return answer_go_on(inner, NULL);
}

static const struct portico_handler handlers[] = {
	{ .name = "answer", .function = answer },
	{ 0 },
};

const struct portico_module kit_answer_module = {
	.size = sizeof(struct portico_module),
	.magic = PORTICO_MODULE_MAGIC,
	.abi_major = PORTICO_ABI_MAJOR,
	.abi_minor = PORTICO_ABI_MINOR,
	.name = "test-kit-answer",
	.version = "1.0.0",
	.summary = "answers what a test has said",
	.handlers = handlers,
};

/* ---- what tests call ---------------------------------------------------------------- */

void
kit_answer(struct kit_request *request, unsigned status, int64_t length)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started)
		kit_fail("kit_answer: the request has begun already");
	request->answers = true;
	request->answer_status = status;
	request->answer_length = length;
}

static bool
has_answer(const struct kit_request *request, const char *name)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->answers && !request->started)
		return true;
	kit_fail("%s: comes after kit_answer and before kit_run", name);
	return false;
}

void
kit_answer_field(struct kit_request *request, const char *name,
		 const char *value)
{
	if (has_answer(request, "kit_answer_field"))
		kit_field_add(&request->answer_fields, slice_from(name),
			      slice_from(value));
}

void
kit_answer_chunk(struct kit_request *request, const void *data, size_t length)
{
	const char *from = data;

	if (!has_answer(request, "kit_answer_chunk"))
		return;
	while (length > 0) {
		size_t some = length < CHUNK_BYTES_MAX ? length :
							 CHUNK_BYTES_MAX;

		kit_piece_add(&request->answer_pieces, from, some);
		from += some;
		length -= some;
	}
}

void
kit_answer_flush(struct kit_request *request)
{
	if (has_answer(request, "kit_answer_flush"))
		kit_piece_add(&request->answer_pieces, NULL, 0)->kind =
			KIT_PIECE_FLUSH;
}

void
kit_answer_file(struct kit_request *request, int fd, uint64_t offset,
		uint64_t length)
{
	struct kit_piece *piece;

	if (!has_answer(request, "kit_answer_file"))
		return;
	piece = kit_piece_add(&request->answer_pieces, NULL, 0);
	piece->kind = KIT_PIECE_FILE;
	piece->file = file_adopt(fd);
	piece->offset = offset;
	piece->length = length;
}
