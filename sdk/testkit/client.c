/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP calls of a module, answered by the test.  Records stay until kit_close,
 * so that a call that was freed is known when it is used again.
 */
#include <string.h>

#include <portico/client.h>
#include <portico/testkit_client.h>

#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/service.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

#define CALL_MAGIC 0x4b434c4cu
#define CALL_FIELDS_MAX 128u
#define CALL_NUMBERS (PORTICO_CLIENT_VERIFY + 1)
#define CALL_BODY_BYTES_MAX (64u << 20)

struct portico_client_call {
	unsigned magic;
	struct list link; /* calls */
	struct service service; /* of its request */
	struct portico_request *request; /* NULL: nobody's */
	enum kit_place place; /* where it was started: it is told there */
	bool started, freed, ended, finished, streamed, uploads;
	unsigned number; /* once it is started */
	char *method, *url, *message;
	struct kit_field *fields, *answer_fields;
	unsigned field_count;
	enum portico_status failed; /* the first setter that did */
	struct buffer sent, body;
	struct list chunks; /* of a streamed body: struct kit_piece */
	struct kit_piece *lent;
	size_t window; /* bytes of upload */
	uint64_t body_max;
	int64_t numbers[CALL_NUMBERS]; /* as given; -1: not */
	unsigned status;
	enum portico_client_result result;
	portico_client_fn *fn;
	void *arg;
	uint32_t wanted; /* events that its request waits for */
	uint32_t told;
};

static struct list calls = LIST_INIT(calls);
static unsigned started;

/* ---- what is new --------------------------------------------------------------- */

static uint32_t
events_of(const struct portico_client_call *call)
{
	uint32_t events = 0;

	if (!call->started)
		return 0;
	if (call->ended)
		events |= PORTICO_CLIENT_END;
	if (call->status != 0 && (call->streamed || call->ended))
		events |= PORTICO_CLIENT_HEAD;
	if (call->streamed && (call->ended || !list_empty(&call->chunks)))
		events |= PORTICO_CLIENT_READ;
	if (call->uploads && !call->finished && !call->ended &&
	    call->window > 0)
		events |= PORTICO_CLIENT_WRITE;
	return events;
}

/* Tells it; false: there was nothing. */
static bool
tell(struct portico_client_call *call)
{
	uint32_t now = events_of(call), fresh = now & ~call->told;
	bool woken = (now & call->wanted) != 0;
	enum kit_place outer;

	call->told = now;
	if (woken) {
		call->wanted = 0;
		request_ready(call->request);
	}
	if (!call->streamed)
		fresh &= PORTICO_CLIENT_END | PORTICO_CLIENT_WRITE;
	if (fresh == 0 || call->fn == NULL)
		return woken;
	outer = kit_enter(call->place);
	call->fn(call, fresh, call->arg);
	kit_leave(outer);
	return true;
}

bool
kit_client_turn(void)
{
	LIST_FOREACH(struct portico_client_call, link, call, &calls)
		if (!call->freed && call->started && tell(call))
			return true;
	return false;
}

/* ---- its life --------------------------------------------------------------------- */

static void
end(struct portico_client_call *call, enum portico_client_result result,
    const char *message)
{
	if (call->ended)
		return;
	call->ended = true;
	call->result = result;
	mem_free(call->message);
	call->message = mem_strdup(message);
}

static void
on_abort(struct service *service)
{
	struct portico_client_call *call =
		CONTAINER_OF(service, struct portico_client_call, service);

	if (call->started)
		end(call, PORTICO_CLIENT_CANCELLED, "the request was aborted");
}

static void
on_end(struct service *service)
{
	struct portico_client_call *call =
		CONTAINER_OF(service, struct portico_client_call, service);

	list_remove(&service->link);
	call->freed = true;
	call->request = NULL;
}

static bool
guard_call(const struct portico_client_call *call, const char *name)
{
	if (!guard_thread(name))
		return false;
	LIST_FOREACH(struct portico_client_call, link, known, &calls) {
		if (known != call)
			continue;
		if (!known->freed)
			return true;
		kit_fail("%s: %s %s: the call was freed, or its request has "
			 "ended",
			 name, known->method, known->url);
		return false;
	}
	kit_fail("%s: this is no call", name);
	return false;
}

static bool
url_fits(struct portico_slice url)
{
	size_t scheme =
		slice_starts_with_nocase(url, PORTICO_SLICE("http://"))	 ? 7 :
		slice_starts_with_nocase(url, PORTICO_SLICE("https://")) ? 8 :
									   0;

	if (scheme == 0 || url.length == scheme || url.data[scheme] == '/')
		return false;
	for (size_t i = 0; i < url.length; i++)
		if ((unsigned char)url.data[i] <= ' ' || url.data[i] == 0x7f)
			return false;
	return true;
}

static char *
text_of(struct portico_slice slice)
{
	char *copy = mem_alloc(slice.length + 1);

	if (slice.length > 0)
		memcpy(copy, slice.data, slice.length);
	copy[slice.length] = '\0';
	return copy;
}

static enum portico_status
client_open(struct portico_request *request, struct portico_slice method,
	    struct portico_slice url, struct portico_client_call **call_r)
{
	struct portico_client_call *call;
	enum portico_status status;

	*call_r = NULL;
	if (request == NULL ? !guard_thread("portico_client_new") :
			      !guard_request(request, "portico_client_new"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_client_new", PORTICO_NO_MEMORY,
		      &status))
		return status;
	if (request != NULL && request->aborted)
		return PORTICO_ABORTED;
	if (!http_is_token(method.data, method.length) ||
	    slice_equal(method, PORTICO_SLICE("CONNECT")) || !url_fits(url))
		return PORTICO_INVALID;
	call = mem_zalloc(sizeof(*call));
	call->magic = CALL_MAGIC;
	call->request = request;
	call->method = text_of(method);
	call->url = text_of(url);
	call->message = mem_strdup("");
	call->result = PORTICO_CLIENT_UNFINISHED;
	call->window = SIZE_MAX;
	call->body_max = 1u << 20;
	for (unsigned i = 0; i < CALL_NUMBERS; i++)
		call->numbers[i] = -1;
	call->finished = true;
	buffer_init(&call->sent, CALL_BODY_BYTES_MAX);
	buffer_init(&call->body, CALL_BODY_BYTES_MAX);
	list_init(&call->chunks);
	list_init(&call->link);
	list_init(&call->service.link);
	list_add_tail(&calls, &call->link);
	if (request != NULL) {
		call->service.abort = on_abort;
		call->service.end = on_end;
		service_add(request, &call->service);
	}
	*call_r = call;
	return PORTICO_OK;
}

static void
client_free(struct portico_client_call *call)
{
	if (call == NULL || !guard_call(call, "portico_client_free"))
		return;
	if (call->wanted != 0)
		request_ready(call->request);
	list_remove(&call->service.link);
	call->freed = true;
	call->request = NULL;
}

void
kit_client_close(void)
{
	LIST_FOREACH_SAFE(struct portico_client_call, link, call, &calls) {
		if (!call->freed)
			kit_fail("%s %s: the call was not freed "
				 "(portico_client_free)",
				 call->method, call->url);
		list_remove(&call->link);
		LIST_FOREACH_SAFE(struct kit_piece, link, piece, &call->chunks)
			kit_piece_free(piece);
		kit_piece_free(call->lent);
		kit_fields_free(&call->fields);
		kit_fields_free(&call->answer_fields);
		buffer_fini(&call->sent);
		buffer_fini(&call->body);
		mem_free(call->method);
		mem_free(call->url);
		mem_free(call->message);
		call->magic = 0;
		mem_free(call);
	}
	started = 0;
}

/* ---- settings ------------------------------------------------------------------------ */

static enum portico_status
note(struct portico_client_call *call, enum portico_status status)
{
	if (status != PORTICO_OK && call->failed == PORTICO_OK)
		call->failed = status;
	return status;
}

static enum portico_status
number_take(struct portico_client_call *call, enum portico_client_number which,
	    int64_t value)
{
	switch (which) {
	case PORTICO_CLIENT_BODY_MAX:
		if (value < 0 || value > (int64_t)CALL_BODY_BYTES_MAX)
			return PORTICO_INVALID;
		call->body_max = (uint64_t)value;
		return PORTICO_OK;
	case PORTICO_CLIENT_STREAM:
		call->streamed = value != 0;
		return PORTICO_OK;
	case PORTICO_CLIENT_UPLOAD:
		if (value < -1)
			return PORTICO_INVALID;
		call->uploads = true;
		call->finished = false;
		return PORTICO_OK;
	case PORTICO_CLIENT_REDIRECTS_MAX:
		return value < 0 || value > 20 ? PORTICO_INVALID : PORTICO_OK;
	case PORTICO_CLIENT_CONNECT_NS:
	case PORTICO_CLIENT_TOTAL_NS:
	case PORTICO_CLIENT_IDLE_NS:
		return value < 0 ? PORTICO_INVALID : PORTICO_OK;
	case PORTICO_CLIENT_VERIFY:
		return value < 0 || value > 1 ? PORTICO_INVALID : PORTICO_OK;
	}
	return PORTICO_INVALID;
}

static enum portico_status
client_set_number(struct portico_client_call *call,
		  enum portico_client_number which, int64_t value)
{
	enum portico_status status;

	if (!guard_call(call, "portico_client_set_number") || call->started)
		return PORTICO_STATE;
	status = number_take(call, which, value);
	if (status == PORTICO_OK)
		call->numbers[which] = value;
	return note(call, status);
}

static enum portico_status
client_set_text(struct portico_client_call *call,
		enum portico_client_text which, struct portico_slice value)
{
	(void)value;
	if (!guard_call(call, "portico_client_set_text") || call->started)
		return PORTICO_STATE;
	return note(call, (unsigned)which > PORTICO_CLIENT_UNIX_SOCKET ?
				  PORTICO_INVALID :
				  PORTICO_OK);
}

static enum portico_status
client_add_field(struct portico_client_call *call, struct portico_slice name,
		 struct portico_slice value)
{
	enum http_header_id id;

	if (!guard_call(call, "portico_client_add_field") || call->started)
		return PORTICO_STATE;
	if (!field_is_sane(name, value, &id))
		return note(call, PORTICO_INVALID);
	if (++call->field_count > CALL_FIELDS_MAX)
		return note(call, PORTICO_TOO_LARGE);
	kit_field_add(&call->fields, name, value);
	return PORTICO_OK;
}

static enum portico_status
client_set_body(struct portico_client_call *call, struct portico_slice body)
{
	if (!guard_call(call, "portico_client_set_body") || call->started)
		return PORTICO_STATE;
	buffer_reset(&call->sent);
	return note(call, buffer_append_slice(&call->sent, body));
}

/* ---- under way -------------------------------------------------------------------------- */

static enum portico_status
client_start(struct portico_client_call *call, portico_client_fn *fn, void *arg)
{
	enum portico_status status;

	if (!guard_call(call, "portico_client_start") || call->started)
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_IO, "portico_client_start", PORTICO_SYSTEM,
		      &status))
		return status;
	if (call->failed != PORTICO_OK)
		return call->failed;
	call->started = true;
	call->place = kit_place();
	call->number = started++;
	call->fn = fn;
	call->arg = arg;
	return PORTICO_OK;
}

static enum portico_status
client_wait(struct portico_client_call *call, uint32_t events,
	    portico_resume_fn *resume, void *arg)
{
	enum portico_status status;

	if (!guard_call(call, "portico_client_wait") || call->request == NULL ||
	    !call->started)
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_client_wait", PORTICO_STATE,
		      &status))
		return status;
	status = wait_begin(call->request, WAIT_SERVICE, resume, arg);
	if (status != PORTICO_OK)
		return status;
	call->wanted = events | PORTICO_CLIENT_END;
	if ((events_of(call) & call->wanted) != 0) {
		call->wanted = 0;
		request_ready(call->request);
	}
	return PORTICO_OK;
}

static void
client_cancel(struct portico_client_call *call)
{
	if (guard_call(call, "portico_client_cancel") && call->started)
		end(call, PORTICO_CLIENT_CANCELLED, "cancelled");
}

static uint32_t
client_events(struct portico_client_call *call)
{
	return guard_call(call, "portico_client_events") ? events_of(call) : 0;
}

static enum portico_status
client_write(struct portico_client_call *call, const void *data, size_t length,
	     size_t *written_r)
{
	*written_r = 0;
	if (!guard_call(call, "portico_client_write") || !call->uploads ||
	    !call->started || call->finished)
		return PORTICO_STATE;
	if (call->ended)
		return PORTICO_CLOSED;
	if (length > call->window)
		length = call->window;
	if (length == 0)
		return PORTICO_AGAIN;
	buffer_append(&call->sent, data, length);
	if (call->window != SIZE_MAX)
		call->window -= length;
	if (call->window == 0)
		call->told &= ~(uint32_t)PORTICO_CLIENT_WRITE;
	*written_r = length;
	return PORTICO_OK;
}

static enum portico_status
client_finish(struct portico_client_call *call)
{
	if (!guard_call(call, "portico_client_finish") || !call->uploads ||
	    !call->started || call->finished)
		return PORTICO_STATE;
	call->finished = true;
	return PORTICO_OK;
}

static enum portico_status
client_read(struct portico_client_call *call, struct portico_slice *chunk_r)
{
	enum portico_status status;

	*chunk_r = (struct portico_slice){ NULL, 0 };
	if (!guard_call(call, "portico_client_read") || !call->streamed ||
	    !call->started)
		return PORTICO_STATE;
	kit_piece_free(call->lent);
	call->lent = NULL;
	if (kit_fault(KIT_FAULT_IO, "portico_client_read", PORTICO_CLOSED,
		      &status)) {
		end(call, PORTICO_CLIENT_CLOSED, "the test says so");
		return status;
	}
	call->lent = LIST_FIRST(struct kit_piece, link, &call->chunks);
	if (call->lent != NULL) {
		list_remove(&call->lent->link);
		call->told &= ~(uint32_t)PORTICO_CLIENT_READ;
		*chunk_r = (struct portico_slice){ call->lent->data,
						   call->lent->length };
		return PORTICO_OK;
	}
	if (!call->ended)
		return PORTICO_AGAIN;
	return call->result == PORTICO_CLIENT_OK ? PORTICO_END : PORTICO_CLOSED;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static enum portico_client_result
client_result(struct portico_client_call *call)
{
	return guard_call(call, "portico_client_result") ?
		       call->result :
		       PORTICO_CLIENT_FAILED;
}

static const char *
client_message(struct portico_client_call *call)
{
	return guard_call(call, "portico_client_message") ? call->message : "";
}

static unsigned
client_status(struct portico_client_call *call)
{
	return guard_call(call, "portico_client_status") ? call->status : 0;
}

static bool
client_field(struct portico_client_call *call, struct portico_slice name,
	     struct portico_slice *value_r)
{
	return guard_call(call, "portico_client_field") && call->status != 0 &&
	       kit_field_get(call->answer_fields, name, value_r);
}

static void
client_fields(struct portico_client_call *call, portico_field_fn *fn, void *arg)
{
	if (guard_call(call, "portico_client_fields") && call->status != 0)
		kit_fields_each(call->answer_fields, fn, arg);
}

static struct portico_slice
client_body(struct portico_client_call *call)
{
	if (!guard_call(call, "portico_client_body") || !call->ended ||
	    call->streamed || call->result != PORTICO_CLIENT_OK)
		return PORTICO_SLICE("");
	return slice_make(buffer_text(&call->body), call->body.length);
}

const struct portico_host_client kit_host_client = {
	.size = sizeof(struct portico_host_client),
	.open = client_open,
	.free = client_free,
	.set_number = client_set_number,
	.set_text = client_set_text,
	.add_field = client_add_field,
	.set_body = client_set_body,
	.start = client_start,
	.wait = client_wait,
	.cancel = client_cancel,
	.events = client_events,
	.write = client_write,
	.finish = client_finish,
	.read = client_read,
	.result = client_result,
	.message = client_message,
	.status = client_status,
	.field = client_field,
	.fields = client_fields,
	.body = client_body,
};

/* ---- what tests call ---------------------------------------------------------------------------- */

static struct portico_client_call *
find(const struct kit *kit, unsigned number)
{
	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH(struct portico_client_call, link, call, &calls)
		if (call->started && call->number == number)
			return call;
	return NULL;
}

unsigned
kit_calls(const struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	return started;
}

const char *
kit_call_method(const struct kit *kit, unsigned number)
{
	const struct portico_client_call *call = find(kit, number);

	return call == NULL ? NULL : call->method;
}

const char *
kit_call_url(const struct kit *kit, unsigned number)
{
	const struct portico_client_call *call = find(kit, number);

	return call == NULL ? NULL : call->url;
}

const char *
kit_call_field(const struct kit *kit, unsigned number, const char *name)
{
	const struct portico_client_call *call = find(kit, number);
	const struct kit_field *field =
		call == NULL ? NULL : kit_field_find(call->fields, name);

	return field == NULL ? NULL : field->value;
}

struct portico_slice
kit_call_body(const struct kit *kit, unsigned number)
{
	struct portico_client_call *call = find(kit, number);

	if (call == NULL)
		return PORTICO_SLICE("");
	return slice_make(buffer_text(&call->sent), call->sent.length);
}

int64_t
kit_call_number(const struct kit *kit, unsigned number,
		enum portico_client_number which)
{
	const struct portico_client_call *call = find(kit, number);

	return call == NULL || (unsigned)which >= CALL_NUMBERS ?
		       -1 :
		       call->numbers[which];
}

bool
kit_call_is_open(const struct kit *kit, unsigned number)
{
	const struct portico_client_call *call = find(kit, number);

	return call != NULL && !call->ended && !call->freed;
}

bool
kit_call_is_sent(const struct kit *kit, unsigned number)
{
	const struct portico_client_call *call = find(kit, number);

	return call != NULL && call->finished;
}

static struct portico_client_call *
find_open(struct kit *kit, unsigned number, const char *name)
{
	if (kit_call_is_open(kit, number))
		return find(kit, number);
	kit_fail("%s: there is no open call %u", name, number);
	return NULL;
}

void
kit_call_answer_field(struct kit *kit, unsigned number, const char *name,
		      const char *value)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_answer_field");

	if (call != NULL)
		kit_field_add(&call->answer_fields, slice_from(name),
			      slice_from(value));
}

/* Takes a part of the body; false: it is more than the module takes. */
static bool
take_chunk(struct portico_client_call *call, const void *data, size_t length)
{
	if (length == 0)
		return true;
	if (call->streamed) {
		kit_piece_add(&call->chunks, data, length);
		return true;
	}
	if (call->body.length + length > call->body_max)
		return false;
	return buffer_append(&call->body, data, length) == PORTICO_OK;
}

void
kit_call_head(struct kit *kit, unsigned number, unsigned status)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_head");

	if (call == NULL)
		return;
	call->status = status;
	kit_turn(kit);
}

void
kit_call_chunk(struct kit *kit, unsigned number, const void *data,
	       size_t length)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_chunk");

	if (call == NULL)
		return;
	if (!take_chunk(call, data, length))
		end(call, PORTICO_CLIENT_TOO_LARGE, "the body is too large");
	kit_turn(kit);
}

void
kit_call_end(struct kit *kit, unsigned number)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_end");

	if (call == NULL)
		return;
	end(call, PORTICO_CLIENT_OK, "");
	kit_turn(kit);
}

void
kit_call_answer(struct kit *kit, unsigned number, unsigned status,
		const void *body, size_t length)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_answer");

	if (call == NULL)
		return;
	call->status = status;
	if (take_chunk(call, body, length))
		end(call, PORTICO_CLIENT_OK, "");
	else
		end(call, PORTICO_CLIENT_TOO_LARGE, "the body is too large");
	kit_turn(kit);
}

void
kit_call_fail(struct kit *kit, unsigned number,
	      enum portico_client_result result, const char *message)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_fail");

	if (call == NULL)
		return;
	end(call, result, message);
	kit_turn(kit);
}

void
kit_call_window(struct kit *kit, unsigned number, size_t bytes)
{
	struct portico_client_call *call =
		find_open(kit, number, "kit_call_window");

	if (call == NULL)
		return;
	call->window = bytes;
	kit_turn(kit);
}
