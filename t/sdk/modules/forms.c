/* SPDX-License-Identifier: Apache-2.0
 *
 * form.h, as forms.t drives it: /form reads a form whole and answers with its
 * fields, /parts reads one in parts and answers with what each part was: its
 * texts, length and checksum.  Limits are in the query.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 16384

struct state {
	char *text;
	size_t length;
	struct portico_form *form;
	struct portico_multipart *multipart;
	bool in_part, skip;
	uint64_t bytes;
	uint32_t sum; /* Adler-32 */
};

__attribute__((format(printf, 2, 3))) static void
add(struct state *state, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	state->length += (size_t)vsnprintf(state->text + state->length,
					   TEXT_SIZE - state->length, format,
					   arguments);
	va_end(arguments);
	if (state->length >= TEXT_SIZE)
		state->length = TEXT_SIZE - 1;
}

static enum portico_verdict
answer(struct portico_request *request, enum portico_status status)
{
	struct state *state = portico_request_state(request);
	size_t written;

	add(state, "status %d\n", status);
	return portico_response_write(request, state->text, state->length,
				      &written) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static unsigned long
number(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value;

	if (portico_query_get(request, name, &value) != PORTICO_OK)
		return 0;
	return strtoul(value.data, NULL, 10);
}

/* ---- a form whole -------------------------------------------------------------- */

static bool
on_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	add(arg, "%s=%s\n", name.data, value.data);
	return true;
}

static enum portico_verdict
form_go_on(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	struct portico_slice value = { NULL, 0 };
	enum portico_status status = portico_form_read(state->form);

	/* Nothing is seen of a form that is not complete. */
	if (status != PORTICO_OK)
		portico_form_each(state->form, on_field, state);
	if (status == PORTICO_AGAIN) {
		if (portico_body_wait(request, form_go_on, state) != PORTICO_OK)
			return PORTICO_ERROR;
		return PORTICO_PENDING;
	}
	if (status != PORTICO_OK) {
		/* An error is final. */
		if (portico_form_read(state->form) != status ||
		    portico_form_get(state->form, PORTICO_SLICE("q"), &value))
			return PORTICO_ERROR;
		return answer(request, status);
	}
	portico_form_each(state->form, on_field, state);
	if (portico_form_get(state->form, PORTICO_SLICE("q"), &value))
		add(state, "q is %s\n", value.data);
	return answer(request, status);
}

static enum portico_verdict
form(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	enum portico_status status;

	state->text = portico_request_alloc(request, TEXT_SIZE);
	if (state->text == NULL)
		return PORTICO_ERROR;
	status = portico_form_open(
		request, number(request, PORTICO_SLICE("bytes")),
		(uint32_t)number(request, PORTICO_SLICE("fields")),
		&state->form);
	if (status != PORTICO_OK) {
		add(state, "open\n");
		return answer(request, status);
	}
	return form_go_on(request, state);
}

/* ---- in parts ------------------------------------------------------------------- */

static void
sum(struct state *state, struct portico_slice chunk)
{
	uint32_t a = state->sum & 0xffff, b = state->sum >> 16;

	for (size_t i = 0; i < chunk.length; i++) {
		a = (a + (unsigned char)chunk.data[i]) % 65521;
		b = (b + a) % 65521;
	}
	state->sum = b << 16 | a;
	state->bytes += chunk.length;
}

static void
begin(struct state *state)
{
	struct portico_slice name =
		portico_multipart_text(state->multipart, PORTICO_PART_NAME);
	struct portico_slice file =
		portico_multipart_text(state->multipart, PORTICO_PART_FILENAME);
	struct portico_slice type =
		portico_multipart_text(state->multipart, PORTICO_PART_TYPE);
	struct portico_slice mine;

	add(state, "part [%s]", name.data);
	if (file.data != NULL)
		add(state, " file [%s]", file.data);
	if (type.data != NULL)
		add(state, " type [%s]", type.data);
	if (portico_multipart_field(state->multipart, PORTICO_SLICE("x-mine"),
				    &mine))
		add(state, " mine [%s]", mine.data);
	state->skip = strcmp(name.data, "skip") == 0;
	state->in_part = true;
	state->bytes = 0;
	state->sum = 1;
}

/* One step; OK: there is another. */
static enum portico_status
parts_step(struct state *state)
{
	struct portico_slice chunk;
	enum portico_status status;

	if (!state->in_part || state->skip) {
		status = portico_multipart_next(state->multipart);
		if (status != PORTICO_AGAIN && state->in_part)
			add(state, " skipped\n");
		if (status != PORTICO_AGAIN)
			state->in_part = state->skip = false;
		if (status == PORTICO_OK)
			begin(state);
		return status;
	}
	status = portico_multipart_read(state->multipart, &chunk);
	if (status == PORTICO_OK)
		sum(state, chunk);
	if (status != PORTICO_END)
		return status;
	add(state, " %llu %08x\n", (unsigned long long)state->bytes,
	    state->sum);
	state->in_part = false;
	return portico_multipart_read(state->multipart, &chunk) == PORTICO_END ?
		       PORTICO_OK :
		       PORTICO_INVALID;
}

static enum portico_verdict
parts_go_on(struct portico_request *request, void *arg)
{
	struct state *state = arg;
	struct portico_slice chunk;
	enum portico_status status;

	do
		status = parts_step(state);
	while (status == PORTICO_OK);
	if (status == PORTICO_AGAIN) {
		if (portico_body_wait(request, parts_go_on, state) !=
		    PORTICO_OK)
			return PORTICO_ERROR;
		return PORTICO_PENDING;
	}
	/* The end is final, and so is an error. */
	if (portico_multipart_next(state->multipart) != status ||
	    portico_multipart_read(state->multipart, &chunk) !=
		    (status == PORTICO_END ? PORTICO_STATE : status) ||
	    portico_multipart_text(state->multipart, PORTICO_PART_NAME).data !=
		    NULL)
		return PORTICO_ERROR;
	return answer(request, status);
}

static enum portico_verdict
parts(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_multipart_limits limits = {
		.parts = (uint32_t)number(request, PORTICO_SLICE("parts")),
		.header_bytes =
			(uint32_t)number(request, PORTICO_SLICE("header")),
		.part_bytes = number(request, PORTICO_SLICE("bytes")),
	};
	struct portico_slice unused;
	bool limited = (limits.parts | limits.header_bytes |
			(uint32_t)limits.part_bytes) != 0;
	enum portico_status status;

	state->text = portico_request_alloc(request, TEXT_SIZE);
	if (state->text == NULL)
		return PORTICO_ERROR;
	status = portico_multipart_open(request, limited ? &limits : NULL,
					&state->multipart);
	if (status != PORTICO_OK) {
		add(state, "open\n");
		return answer(request, status);
	}
	if (portico_multipart_read(state->multipart, &unused) != PORTICO_STATE)
		return PORTICO_ERROR;
	return parts_go_on(request, state);
}

static const struct portico_handler handlers[] = {
	{ .name = "form", .function = form },
	{ .name = "parts", .function = parts },
	{ 0 }
};

PORTICO_MODULE(.name = "forms", .version = "1.0.0", .summary = "reads forms",
	       .request_size = sizeof(struct state), .handlers = handlers);
