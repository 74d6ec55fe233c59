/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of modules to other servers: what client.h offers.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/client_engine.h"
#include "core/worker/request.h"

#define EVENTS_STREAM                                                          \
	(PORTICO_CLIENT_HEAD | PORTICO_CLIENT_READ | PORTICO_CLIENT_WRITE)

/* ---- life ------------------------------------------------------------------- */

static void
call_free(struct portico_client_call *call)
{
	struct client_engine *engine = call->engine;

	if (engine != NULL) {
		client_transfer_cancel(call);
		engine->count--;
	}
	list_remove(&call->changed_link);
	list_remove(&call->link);
	if (call->fields_out != NULL)
		curl_library_get()->slist_free_all(call->fields_out);
	arena_free(call->arena);
	arena_free(call->head);
	buffer_fini(&call->out);
	buffer_fini(&call->in);
	buffer_fini(&call->lent);
	call->magic = 0;
	mem_free(call);
}

static void
on_request_end(struct service *service)
{
	struct portico_client_call *call =
		CONTAINER_OF(service, struct portico_client_call, service);

	CHECK(call, CLIENT_CALL_MAGIC);
	call_free(call);
}

static void
on_request_abort(struct service *service)
{
	struct portico_client_call *call =
		CONTAINER_OF(service, struct portico_client_call, service);

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->engine != NULL)
		client_transfer_cancel(call);
}

static bool
method_fits(struct portico_slice method)
{
	return method.length <= CLIENT_METHOD_BYTES_MAX &&
	       http_is_token(method.data, method.length) &&
	       !slice_equal(method, PORTICO_SLICE("CONNECT"));
}

/* http or https, a host, no blanks or control bytes. */
static bool
url_fits(const struct curl_library *curl, const char *url)
{
	CURLU *parsed = curl->url();
	char *scheme = NULL;
	bool fits =
		parsed != NULL &&
		curl->url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl->url_get(parsed, CURLUPART_SCHEME, &scheme, 0) ==
			CURLUE_OK &&
		(strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

	curl->free(scheme); /* libcurl's */
	curl->url_cleanup(parsed);
	return fits;
}

static struct portico_client_call *
call_new(struct client_engine *engine, struct portico_request *request,
	 struct portico_slice method, struct portico_slice url)
{
	struct portico_client_call *call = mem_try_zalloc(sizeof(*call));

	if (call == NULL)
		return NULL;
	call->magic = CLIENT_CALL_MAGIC;
	call->engine = engine;
	call->request = request;
	call->result = PORTICO_CLIENT_UNFINISHED;
	call->verify = true;
	call->connect_ns = 5 * (int64_t)CLOCK_NS_PER_S;
	call->total_ns = 30 * (int64_t)CLOCK_NS_PER_S;
	call->body_max = CLIENT_BODY_BYTES_DEFAULT;
	call->arena = arena_new("client call", 1024);
	call->head = arena_new("client answer", 0);
	arena_set_limit(call->head,
			CLIENT_HEAD_BYTES_MAX +
				CLIENT_FIELDS_MAX *
					sizeof(struct client_field));
	call->method = arena_slice_dup(call->arena, method).data;
	call->url = arena_slice_dup(call->arena, url).data;
	buffer_init(&call->out, CLIENT_BODY_BYTES_MAX);
	list_init(&call->changed_link);
	list_init(&call->service.link);
	list_init(&call->link);
	list_add_tail(&engine->calls, &call->link);
	engine->count++;
	if (request != NULL) {
		call->service.abort = on_request_abort;
		call->service.end = on_request_end;
		service_add(request, &call->service);
	}
	return call;
}

static enum portico_status
host_client_open(struct portico_request *request, struct portico_slice method,
		 struct portico_slice url, struct portico_client_call **call_r)
{
	struct service_loop here;
	struct client_engine *engine;
	enum portico_status status;

	*call_r = NULL;
	if (request != NULL) {
		CHECK(request, REQUEST_MAGIC);
		if (request->aborted)
			return PORTICO_ABORTED;
		if (request->ended || request->loop != loop_current())
			return PORTICO_STATE;
	}
	if (!service_loop_here(&here))
		return PORTICO_STATE;
	if (!method_fits(method) || url.length > CLIENT_URL_BYTES_MAX ||
	    (url.length > 0 && memchr(url.data, '\0', url.length) != NULL))
		return PORTICO_INVALID;
	engine = client_engine_get(&here, &status);
	if (engine == NULL)
		return status;
	if (engine->closing)
		return PORTICO_STATE;
	if (engine->count >= CLIENT_CALLS_MAX)
		return PORTICO_FULL;
	*call_r = call_new(engine, request, method, url);
	if (*call_r == NULL)
		return PORTICO_NO_MEMORY;
	if (url_fits(engine->curl, (*call_r)->url))
		return PORTICO_OK;
	list_remove(&(*call_r)->service.link);
	call_free(*call_r);
	*call_r = NULL;
	return PORTICO_INVALID;
}

static void
host_client_free(struct portico_client_call *call)
{
	if (call == NULL)
		return;
	CHECK(call, CLIENT_CALL_MAGIC);
	/* Who waits for it would wait for ever. */
	if (call->wanted != 0)
		request_ready(call->request);
	list_remove(&call->service.link);
	call_free(call);
}

/* ---- settings ------------------------------------------------------------------ */

static enum portico_status
note(struct portico_client_call *call, enum portico_status status)
{
	if (status != PORTICO_OK && call->failed == PORTICO_OK)
		call->failed = status;
	return status;
}

static bool
take(int64_t *place, int64_t value, int64_t most)
{
	if (value < 0 || value > most)
		return false;
	*place = value;
	return true;
}

static bool
take_bool(bool *place, int64_t value)
{
	*place = value == 1;
	return value == 0 || value == 1;
}

static bool
set_number(struct portico_client_call *call, enum portico_client_number which,
	   int64_t value)
{
	const int64_t day = 86400 * (int64_t)CLOCK_NS_PER_S;
	int64_t small = 0;
	bool fits = true;

	switch (which) {
	case PORTICO_CLIENT_CONNECT_NS:
		return value > 0 && take(&call->connect_ns, value, day);
	case PORTICO_CLIENT_TOTAL_NS:
		return take(&call->total_ns, value, day);
	case PORTICO_CLIENT_IDLE_NS:
		return take(&call->idle_ns, value, day);
	case PORTICO_CLIENT_BODY_MAX:
		return take(&call->body_max, value, CLIENT_BODY_BYTES_MAX);
	case PORTICO_CLIENT_STREAM:
		return take_bool(&call->is_stream, value);
	case PORTICO_CLIENT_UPLOAD:
		call->uploads = true;
		call->upload_length = value;
		return value >= -1;
	case PORTICO_CLIENT_REDIRECTS_MAX:
		fits = take(&small, value, CLIENT_REDIRECTS_MAX);
		call->redirects_max = (uint16_t)small;
		return fits;
	case PORTICO_CLIENT_VERIFY:
		return take_bool(&call->verify, value);
	}
	return false;
}

static enum portico_status
host_client_set_number(struct portico_client_call *call,
		       enum portico_client_number which, int64_t value)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->state != CLIENT_NEW)
		return PORTICO_STATE;
	return note(call, set_number(call, which, value) ? PORTICO_OK :
							   PORTICO_INVALID);
}

static enum portico_status
host_client_set_text(struct portico_client_call *call,
		     enum portico_client_text which, struct portico_slice value)
{
	const char *text;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->state != CLIENT_NEW)
		return PORTICO_STATE;
	if (value.length == 0 || value.length >= PATH_MAX ||
	    memchr(value.data, '\0', value.length) != NULL)
		return note(call, PORTICO_INVALID);
	text = arena_slice_dup(call->arena, value).data;
	switch (which) {
	case PORTICO_CLIENT_CA_FILE:
		call->ca_file = text;
		return PORTICO_OK;
	case PORTICO_CLIENT_CERTIFICATE_FILE:
		call->certificate_file = text;
		return PORTICO_OK;
	case PORTICO_CLIENT_KEY_FILE:
		call->key_file = text;
		return PORTICO_OK;
	case PORTICO_CLIENT_UNIX_SOCKET:
		call->unix_socket = text;
		return PORTICO_OK;
	}
	return note(call, PORTICO_INVALID);
}

static enum portico_status
host_client_add_field(struct portico_client_call *call,
		      struct portico_slice name, struct portico_slice value)
{
	enum http_header_id id;
	struct curl_slist *more;
	size_t length = name.length + value.length;
	char *line;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->state != CLIENT_NEW || call->engine == NULL)
		return PORTICO_STATE;
	if (!field_is_sane(name, value, &id))
		return note(call, PORTICO_INVALID);
	if (call->field_out_count == CLIENT_FIELDS_MAX ||
	    length > CLIENT_HEAD_BYTES_MAX ||
	    call->field_out_bytes + length > CLIENT_HEAD_BYTES_MAX)
		return note(call, PORTICO_TOO_LARGE);
	/* "Name;" is libcurl's way to say a field without a value. */
	line = arena_printf(call->arena, "%.*s%s%.*s", (int)name.length,
			    name.data, value.length == 0 ? ";" : ": ",
			    (int)value.length,
			    value.length == 0 ? "" : value.data);
	more = call->engine->curl->slist_append(call->fields_out, line);
	if (more == NULL)
		return note(call, PORTICO_NO_MEMORY);
	call->fields_out = more;
	call->field_out_count++;
	call->field_out_bytes += (uint32_t)length;
	if (id == HTTP_HEADER_CONTENT_TYPE)
		call->has_type = true;
	return PORTICO_OK;
}

static enum portico_status
host_client_set_body(struct portico_client_call *call,
		     struct portico_slice body)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->state != CLIENT_NEW)
		return PORTICO_STATE;
	buffer_reset(&call->out);
	return note(call, buffer_append_slice(&call->out, body));
}

/* ---- start, wait, tell ------------------------------------------------------------ */

static enum portico_status
host_client_start(struct portico_client_call *call, portico_client_fn *fn,
		  void *arg)
{
	enum portico_status status = call->failed;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->state != CLIENT_NEW || call->engine == NULL ||
	    call->engine->closing)
		return PORTICO_STATE;
	if (call->request != NULL && call->request->aborted)
		return PORTICO_ABORTED;
	if (status != PORTICO_OK)
		return status;
	if (call->uploads)
		buffer_init(&call->out, CLIENT_UPLOAD_BYTES);
	call->fn = fn;
	call->fn_arg = arg;
	status = client_transfer_start(call);
	if (status != PORTICO_OK)
		return status;
	call->state = CLIENT_RUNNING;
	call->counted = call->request == NULL && call->total_ns > 0;
	if (call->counted)
		client_background_add(1);
	return PORTICO_OK;
}

uint32_t
client_events(const struct portico_client_call *call)
{
	uint32_t events = 0;

	if (call->state == CLIENT_NEW)
		return 0;
	if (call->state == CLIENT_ENDED)
		events |= PORTICO_CLIENT_END;
	if (call->is_stream && call->head_done)
		events |= PORTICO_CLIENT_HEAD;
	if (call->is_stream && call->in.length > 0)
		events |= PORTICO_CLIENT_READ;
	if (call->uploads && !call->upload_finished && call->easy != NULL &&
	    call->out.length < CLIENT_UPLOAD_BYTES)
		events |= PORTICO_CLIENT_WRITE;
	return events;
}

void
client_tell(struct portico_client_call *call)
{
	uint32_t now = client_events(call), fresh = now & ~call->told;

	CHECK(call, CLIENT_CALL_MAGIC);
	call->told = now;
	if ((now & call->wanted) != 0) {
		call->wanted = 0;
		request_ready(call->request);
	}
	if (fresh != 0 && call->fn != NULL)
		call->fn(call, fresh, call->fn_arg);
}

static enum portico_status
host_client_wait(struct portico_client_call *call, uint32_t events,
		 portico_resume_fn *resume, void *arg)
{
	enum portico_status status;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->request == NULL || call->state == CLIENT_NEW)
		return PORTICO_STATE;
	status = wait_begin(call->request, WAIT_SERVICE, resume, arg);
	if (status != PORTICO_OK)
		return status;
	call->wanted = events | PORTICO_CLIENT_END;
	if ((client_events(call) & call->wanted) != 0) {
		call->wanted = 0;
		request_ready(call->request);
	}
	return PORTICO_OK;
}

static void
host_client_cancel(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->engine != NULL)
		client_transfer_cancel(call);
}

static uint32_t
host_client_events(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	return client_events(call);
}

/* ---- bodies ------------------------------------------------------------------------- */

static enum portico_status
host_client_write(struct portico_client_call *call, const void *data,
		  size_t length, size_t *written_r)
{
	size_t room = CLIENT_UPLOAD_BYTES - call->out.length;
	enum portico_status status;

	CHECK(call, CLIENT_CALL_MAGIC);
	*written_r = 0;
	if (!call->uploads || call->state == CLIENT_NEW ||
	    call->upload_finished)
		return PORTICO_STATE;
	if (call->easy == NULL)
		return PORTICO_CLOSED;
	if (length == 0)
		return PORTICO_OK;
	if (room == 0)
		return PORTICO_AGAIN;
	if (length > room)
		length = room;
	status = buffer_append(&call->out, data, length);
	if (status != PORTICO_OK)
		return status;
	*written_r = length;
	if (call->out.length == CLIENT_UPLOAD_BYTES)
		call->told &= ~(uint32_t)PORTICO_CLIENT_WRITE;
	client_transfer_resume(call);
	return PORTICO_OK;
}

static enum portico_status
host_client_finish(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (!call->uploads || call->state == CLIENT_NEW ||
	    call->upload_finished)
		return PORTICO_STATE;
	call->upload_finished = true;
	client_transfer_resume(call);
	return PORTICO_OK;
}

static enum portico_status
host_client_read(struct portico_client_call *call,
		 struct portico_slice *chunk_r)
{
	struct buffer empty = call->lent;

	CHECK(call, CLIENT_CALL_MAGIC);
	*chunk_r = (struct portico_slice){ NULL, 0 };
	if (!call->is_stream || call->state == CLIENT_NEW)
		return PORTICO_STATE;
	buffer_reset(&empty);
	call->lent = call->in;
	call->in = empty;
	call->told &= ~(uint32_t)PORTICO_CLIENT_READ;
	if (call->lent.length > 0) {
		*chunk_r = buffer_slice(&call->lent);
		client_transfer_resume(call);
		return PORTICO_OK;
	}
	if (call->state != CLIENT_ENDED)
		return PORTICO_AGAIN;
	return call->result == PORTICO_CLIENT_OK ? PORTICO_END : PORTICO_CLOSED;
}

/* ---- the answer ----------------------------------------------------------------------- */

static enum portico_client_result
host_client_result(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	return call->state == CLIENT_ENDED ? call->result :
					     PORTICO_CLIENT_UNFINISHED;
}

static const char *
host_client_message(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	return call->state == CLIENT_ENDED ? call->message : "";
}

static unsigned
host_client_status(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	return call->head_done ? call->status : 0;
}

static bool
host_client_field(struct portico_client_call *call, struct portico_slice name,
		  struct portico_slice *value_r)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	for (uint32_t i = 0; call->head_done && i < call->field_count; i++) {
		if (slice_equal_nocase(call->fields[i].name, name)) {
			*value_r = call->fields[i].value;
			return true;
		}
	}
	return false;
}

static void
host_client_fields(struct portico_client_call *call, portico_field_fn *fn,
		   void *arg)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	for (uint32_t i = 0; call->head_done && i < call->field_count; i++) {
		if (!fn(arg, call->fields[i].name, call->fields[i].value))
			return;
	}
}

static struct portico_slice
host_client_body(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->state != CLIENT_ENDED || call->is_stream ||
	    call->result != PORTICO_CLIENT_OK || buffer_text(&call->in) == NULL)
		return PORTICO_SLICE("");
	return buffer_slice(&call->in);
}

const struct portico_host_client worker_host_client = {
	.size = sizeof(struct portico_host_client),
	.open = host_client_open,
	.free = host_client_free,
	.set_number = host_client_set_number,
	.set_text = host_client_set_text,
	.add_field = host_client_add_field,
	.set_body = host_client_set_body,
	.start = host_client_start,
	.wait = host_client_wait,
	.cancel = host_client_cancel,
	.events = host_client_events,
	.write = host_client_write,
	.finish = host_client_finish,
	.read = host_client_read,
	.result = host_client_result,
	.message = host_client_message,
	.status = host_client_status,
	.field = host_client_field,
	.fields = host_client_fields,
	.body = host_client_body,
};
