/* SPDX-License-Identifier: Apache-2.0
 *
 * The table that a module gets from the kit.  Each entry is guarded; what is
 * behind it is the worker's own function, or the kit's of the same name.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/worker/file.h"
#include "core/worker/host_priv.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/file.h"
#include "sdk/testkit/guard.h"

static const struct portico_slice nothing = { NULL, 0 };

/* ---- the request ------------------------------------------------------------------ */

GUARDED(struct portico_slice, request_text, nothing,
	(struct portico_request * request, enum portico_text which),
	(request, which))
GUARDED(uint64_t, request_id, 0, (struct portico_request * request), (request))
GUARDED(bool, request_field, false,
	(struct portico_request * request, struct portico_slice name,
	 struct portico_slice *value_r),
	(request, name, value_r))
GUARDED_VOID(request_fields,
	     (struct portico_request * request, portico_field_fn *fn,
	      void *arg),
	     (request, fn, arg))
GUARDED(int64_t, request_content_length, 0, (struct portico_request * request),
	(request))
GUARDED(bool, request_has_body, false, (struct portico_request * request),
	(request))
GUARDED_VOID(request_address,
	     (struct portico_request * request, bool client,
	      struct portico_address *address_r),
	     (request, client, address_r))

static void *
guarded_request_alloc(struct portico_request *request, size_t size)
{
	if (!guard_request(request, "portico_request_alloc") ||
	    kit_fault(KIT_FAULT_MEMORY, "portico_request_alloc",
		      PORTICO_NO_MEMORY, NULL))
		return NULL;
	return host_request_alloc(request, size);
}

GUARDED_MEMORY(request_on_free,
	       (struct portico_request * request, portico_cleanup_fn *fn,
		void *arg),
	       (request, fn, arg))
GUARDED(void *, request_state, NULL,
	(struct portico_request * request, struct portico_self *self),
	(request, self))
GUARDED(const void *, request_configuration, NULL,
	(struct portico_request * request, struct portico_self *self),
	(request, self))
GUARDED(void *, application_state, NULL,
	(struct portico_request * request, struct portico_self *self),
	(request, self))
GUARDED_MEMORY(request_set_user,
	       (struct portico_request * request, struct portico_slice user),
	       (request, user))
GUARDED(bool, request_aborted, true, (struct portico_request * request),
	(request))
GUARDED_MEMORY(request_set_field,
	       (struct portico_request * request, struct portico_slice name,
		struct portico_slice value),
	       (request, name, value))
GUARDED_MEMORY(request_add_field,
	       (struct portico_request * request, struct portico_slice name,
		struct portico_slice value),
	       (request, name, value))
GUARDED(struct portico_application *, request_application, NULL,
	(struct portico_request * request), (request))
GUARDED(enum portico_status, request_set_handler, PORTICO_STATE,
	(struct portico_request * request, const char *handler),
	(request, handler))
GUARDED_MEMORY(request_authenticate,
	       (struct portico_request * request, struct portico_slice user,
		struct portico_slice type),
	       (request, user, type))
GUARDED(bool, request_is_authenticated, false,
	(struct portico_request * request), (request))
GUARDED_MEMORY(request_rewrite,
	       (struct portico_request * request, struct portico_slice target),
	       (request, target))
GUARDED(uint32_t, request_rewrites, 0, (struct portico_request * request),
	(request))
GUARDED(uint32_t, request_loop_number, 0, (struct portico_request * request),
	(request))

static struct uv_loop_s *
guarded_request_loop(struct portico_request *request)
{
	struct worker_loop *loop;

	if (!guard_request(request, "portico_request_loop"))
		return NULL;
	loop = request->loop;
	if (!loop->started && uv_loop_init(&loop->uv) == 0)
		loop->started = true;
	return host_request_loop(request);
}

/* ---- parameters ------------------------------------------------------------------------ */

GUARDED_MEMORY(query_get,
	       (struct portico_request * request, struct portico_slice name,
		struct portico_slice *value_r),
	       (request, name, value_r))
GUARDED_MEMORY(query_each,
	       (struct portico_request * request, portico_field_fn *fn,
		void *arg),
	       (request, fn, arg))
GUARDED(bool, cookie_get, false,
	(struct portico_request * request, struct portico_slice name,
	 struct portico_slice *value_r),
	(request, name, value_r))
GUARDED_VOID(cookie_each,
	     (struct portico_request * request, portico_field_fn *fn,
	      void *arg),
	     (request, fn, arg))
GUARDED_STATUS(guard_response, KIT_FAULT_MEMORY, PORTICO_NO_MEMORY, cookie_set,
	       host_cookie_set,
	       (struct portico_request * request,
		const struct portico_cookie *cookie, size_t size),
	       (request, cookie, size))
GUARDED(struct portico_slice, variable, nothing,
	(struct portico_request * request, const char *name), (request, name))
GUARDED_MEMORY(variable_set,
	       (struct portico_request * request, const char *name,
		struct portico_slice value),
	       (request, name, value))

/* ---- bodies and forms ------------------------------------------------------------------- */

GUARDED_STATUS(guard_request, KIT_FAULT_IO, PORTICO_ABORTED, body_read,
	       host_body_read,
	       (struct portico_request * request,
		struct portico_slice *chunk_r),
	       (request, chunk_r))
GUARDED_STATUS(guard_request, KIT_FAULT_WAIT, PORTICO_STATE, body_wait,
	       host_body_wait,
	       (struct portico_request * request, portico_resume_fn *resume,
		void *arg),
	       (request, resume, arg))

static enum portico_status
guarded_form_open(struct portico_request *request, size_t bytes_max,
		  uint32_t fields_max, struct portico_form **form_r)
{
	enum portico_status status;

	if (!guard_request(request, "portico_form_open"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_form_open", PORTICO_NO_MEMORY,
		      &status))
		return status;
	status = host_form_open(request, bytes_max, fields_max, form_r);
	if (status == PORTICO_OK)
		guard_keep(request, *form_r);
	return status;
}

static enum portico_status
guarded_form_read(struct portico_form *form)
{
	enum portico_status status;

	if (!guard_kept(form, "portico_form_read"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_IO, "portico_form_read", PORTICO_ABORTED,
		      &status))
		return status;
	return host_form_read(form);
}

static bool
guarded_form_get(struct portico_form *form, struct portico_slice name,
		 struct portico_slice *value_r)
{
	return guard_kept(form, "portico_form_get") &&
	       host_form_get(form, name, value_r);
}

static void
guarded_form_each(struct portico_form *form, portico_field_fn *fn, void *arg)
{
	if (guard_kept(form, "portico_form_each"))
		host_form_each(form, fn, arg);
}

static enum portico_status
guarded_multipart_open(struct portico_request *request,
		       const struct portico_multipart_limits *limits,
		       size_t size, struct portico_multipart **multipart_r)
{
	enum portico_status status;

	if (!guard_request(request, "portico_multipart_open"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_multipart_open",
		      PORTICO_NO_MEMORY, &status))
		return status;
	status = host_multipart_open(request, limits, size, multipart_r);
	if (status == PORTICO_OK)
		guard_keep(request, *multipart_r);
	return status;
}

static enum portico_status
guarded_multipart_next(struct portico_multipart *multipart)
{
	enum portico_status status;

	if (!guard_kept(multipart, "portico_multipart_next"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_IO, "portico_multipart_next", PORTICO_ABORTED,
		      &status))
		return status;
	return host_multipart_next(multipart);
}

static enum portico_status
guarded_multipart_read(struct portico_multipart *multipart,
		       struct portico_slice *chunk_r)
{
	enum portico_status status;

	if (!guard_kept(multipart, "portico_multipart_read"))
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_IO, "portico_multipart_read", PORTICO_ABORTED,
		      &status))
		return status;
	return host_multipart_read(multipart, chunk_r);
}

static struct portico_slice
guarded_multipart_text(struct portico_multipart *multipart,
		       enum portico_part_text which)
{
	if (!guard_kept(multipart, "portico_multipart_text"))
		return nothing;
	return host_multipart_text(multipart, which);
}

static bool
guarded_multipart_field(struct portico_multipart *multipart,
			struct portico_slice name,
			struct portico_slice *value_r)
{
	return guard_kept(multipart, "portico_multipart_field") &&
	       host_multipart_field(multipart, name, value_r);
}

/* ---- the response --------------------------------------------------------------------------- */

GUARDED(unsigned, response_status, 0, (struct portico_request * request),
	(request))
GUARDED(unsigned, response_substatus, 0, (struct portico_request * request),
	(request))
GUARDED_MEMORY(response_set_reason,
	       (struct portico_request * request, struct portico_slice reason),
	       (request, reason))
GUARDED(struct portico_slice, response_reason, nothing,
	(struct portico_request * request), (request))
GUARDED_STATUS(guard_response, KIT_FAULT_MEMORY, PORTICO_NO_MEMORY,
	       response_set_field, host_response_set_field,
	       (struct portico_request * request, struct portico_slice name,
		struct portico_slice value),
	       (request, name, value))
GUARDED_STATUS(guard_response, KIT_FAULT_MEMORY, PORTICO_NO_MEMORY,
	       response_add_field, host_response_add_field,
	       (struct portico_request * request, struct portico_slice name,
		struct portico_slice value),
	       (request, name, value))
GUARDED(bool, response_field, false,
	(struct portico_request * request, struct portico_slice name,
	 struct portico_slice *value_r),
	(request, name, value_r))
GUARDED_VOID(response_fields,
	     (struct portico_request * request, portico_field_fn *fn,
	      void *arg),
	     (request, fn, arg))
GUARDED(bool, response_head_sent, false, (struct portico_request * request),
	(request))
GUARDED_STATUS(guard_request, KIT_FAULT_WAIT, PORTICO_STATE, response_wait,
	       host_response_wait,
	       (struct portico_request * request, portico_resume_fn *resume,
		void *arg),
	       (request, resume, arg))

static enum portico_status
guarded_response_set_status(struct portico_request *request, unsigned status,
			    unsigned substatus)
{
	if (!guard_response(request, "portico_response_set_status"))
		return PORTICO_STATE;
	return host_response_set_status(request, status, substatus);
}

static enum portico_status
guarded_response_set_length(struct portico_request *request, int64_t length)
{
	if (!guard_response(request, "portico_response_set_length"))
		return PORTICO_STATE;
	return host_response_set_length(request, length);
}

static enum portico_status
guarded_response_error(struct portico_request *request, unsigned status,
		       unsigned substatus, const char *explanation)
{
	if (!guard_response(request, "portico_response_error"))
		return PORTICO_STATE;
	return response_error(request, status, substatus, explanation);
}

/* A response that could not be written is not complete. */
static bool
io_fails(struct portico_request *request, const char *name,
	 enum portico_status *status_r)
{
	if (!kit_fault(KIT_FAULT_IO, name, PORTICO_ABORTED, status_r))
		return false;
	request->response.cut = true;
	return true;
}

static enum portico_status
guarded_response_write(struct portico_request *request, const void *data,
		       size_t length, size_t *written_r)
{
	enum portico_status failed;

	*written_r = 0;
	if (!guard_response(request, "portico_response_write"))
		return PORTICO_STATE;
	if (io_fails(request, "portico_response_write", &failed))
		return failed;
	return response_write(request, data, length, written_r);
}

static enum portico_status
guarded_response_reserve(struct portico_request *request, size_t wanted,
			 void **data_r, size_t *size_r)
{
	enum portico_status failed;

	*data_r = NULL;
	*size_r = 0;
	if (!guard_response(request, "portico_response_reserve"))
		return PORTICO_STATE;
	if (io_fails(request, "portico_response_reserve", &failed))
		return failed;
	return response_reserve(request, wanted, data_r, size_r);
}

static enum portico_status
guarded_response_commit(struct portico_request *request, size_t length)
{
	enum portico_status failed;

	if (!guard_response(request, "portico_response_commit"))
		return PORTICO_STATE;
	if (!request->response.reserved) {
		kit_fail("portico_response_commit: %s: nothing was reserved",
			 kit_of(request)->line);
		return PORTICO_STATE;
	}
	if (io_fails(request, "portico_response_commit", &failed))
		return failed;
	return response_commit(request, length);
}

static enum portico_status
guarded_response_flush(struct portico_request *request)
{
	enum portico_status failed;

	if (!guard_response(request, "portico_response_flush"))
		return PORTICO_STATE;
	if (io_fails(request, "portico_response_flush", &failed))
		return failed;
	return response_flush(request);
}

static enum portico_status
guarded_filter_pass(struct portico_filter_stream *next,
		    struct portico_slice chunk, uint32_t flags)
{
	bool running = false;
	enum portico_status failed;

	if (!guard_thread("portico_filter_pass"))
		return PORTICO_STATE;
	LIST_FOREACH(struct kit_request, link, request, &kit_now->requests)
		if (request->started && !request->ended)
			running = running ||
				  request->request.response.filtering;
	if (!running) {
		kit_fail("portico_filter_pass: called outside of a filter's "
			 "data function");
		return PORTICO_STATE;
	}
	if (kit_fault(KIT_FAULT_IO, "portico_filter_pass", PORTICO_TOO_LARGE,
		      &failed))
		return failed;
	return filter_pass(next, chunk, flags);
}

/* ---- asynchrony ---------------------------------------------------------------------------- */

GUARDED_STATUS(guard_request, KIT_FAULT_WAIT, PORTICO_FULL, suspend,
	       host_suspend,
	       (struct portico_request * request, portico_resume_fn *resume,
		void *arg, struct portico_token *token_r),
	       (request, resume, arg, token_r))
GUARDED_STATUS(guard_request, KIT_FAULT_WAIT, PORTICO_STATE, offload,
	       host_offload,
	       (struct portico_request * request, portico_work_fn *work,
		void *work_arg, portico_resume_fn *resume, void *resume_arg),
	       (request, work, work_arg, resume, resume_arg))

static struct portico_timer *
guarded_timer_start(struct portico_request *request, uint64_t delay_ns,
		    portico_timer_fn *function, void *arg)
{
	if (!guard_request(request, "portico_timer_start") ||
	    kit_fault(KIT_FAULT_WAIT, "portico_timer_start", PORTICO_FULL,
		      NULL))
		return NULL;
	return host_timer_start(request, delay_ns, function, arg);
}

static void
guarded_timer_stop(struct portico_timer *timer)
{
	if (guard_thread("portico_timer_stop"))
		host_timer_stop(timer);
}

static struct portico_watch *
guarded_watch_start(struct portico_request *request, int fd, int events,
		    portico_watch_fn *function, void *arg)
{
	if (!guard_request(request, "portico_watch_start") ||
	    kit_fault(KIT_FAULT_WAIT, "portico_watch_start", PORTICO_SYSTEM,
		      NULL))
		return NULL;
	return host_watch_start(request, fd, events, function, arg);
}

static void
guarded_watch_stop(struct portico_watch *watch)
{
	if (guard_thread("portico_watch_stop"))
		host_watch_stop(watch);
}

/* ---- events, logs, traces ------------------------------------------------------------------- */

static enum portico_verdict
guarded_event_raise(struct portico_request *request, const char *name,
		    void *argument)
{
	enum portico_verdict verdict;

	if (!guard_request(request, "portico_event_raise"))
		return PORTICO_ERROR;
	kit_texts_add(&kit_now->raised, name);
	verdict = host_event_raise(request, name, argument);
	if (verdict == PORTICO_NEXT && kit_now->subscriber != NULL)
		verdict = kit_now->subscriber(request, name, argument,
					      kit_now->subscriber_arg);
	return verdict;
}

GUARDED(void *, event_argument, NULL, (struct portico_request * request),
	(request))

static uint64_t
guarded_clock(void)
{
	return kit_now == NULL ? 0 : kit_now->now;
}

static void
guarded_log(struct portico_self *self, struct portico_request *request,
	    enum portico_log_level level, uint32_t number, const char *text)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	char line[1200];

	(void)self;
	if (request != NULL && !guard_request(request, "portico_log"))
		return;
	if ((unsigned)level > PORTICO_LOG_DEBUG) {
		kit_fail("portico_log: %d is no level", (int)level);
		return;
	}
	if (number == 0)
		snprintf(line, sizeof(line), "%s: %s", names[level], text);
	else
		snprintf(line, sizeof(line), "%s %u: %s", names[level], number,
			 text);
	kit_texts_add(&kit_now->logs, line);
}

static void
guarded_trace(struct portico_self *self, struct portico_request *request,
	      const char *name, const char *text)
{
	char line[1200];

	(void)self;
	if (!guard_request(request, "portico_trace"))
		return;
	snprintf(line, sizeof(line), "%s%s%s", name, text == NULL ? "" : ": ",
		 text == NULL ? "" : text);
	kit_texts_add(&kit_now->traces, line);
}

/* ---- the worker ------------------------------------------------------------------------------ */

static const char *
guarded_worker_pool(struct portico_worker *worker)
{
	return worker->pool.data;
}

static uint32_t
guarded_worker_loops(struct portico_worker *worker)
{
	return worker->loop_count;
}

static void *
guarded_worker_alloc(struct portico_worker *worker, size_t size)
{
	if (!guard_thread("portico_worker_alloc") ||
	    kit_fault(KIT_FAULT_WORKER_MEMORY, "portico_worker_alloc",
		      PORTICO_NO_MEMORY, NULL))
		return NULL;
	return arena_zalloc(worker->arena, size);
}

/* ---- the table ------------------------------------------------------------------------------- */

const struct portico_host worker_host = {
	.size = sizeof(struct portico_host),
	.abi_major = PORTICO_ABI_MAJOR,
	.abi_minor = PORTICO_ABI_MINOR,

	.request_text = guarded_request_text,
	.request_id = guarded_request_id,
	.request_field = guarded_request_field,
	.request_fields = guarded_request_fields,
	.request_content_length = guarded_request_content_length,
	.request_has_body = guarded_request_has_body,
	.request_address = guarded_request_address,
	.request_alloc = guarded_request_alloc,
	.request_on_free = guarded_request_on_free,
	.request_state = guarded_request_state,
	.request_configuration = guarded_request_configuration,
	.application_state = guarded_application_state,
	.request_set_user = guarded_request_set_user,
	.request_aborted = guarded_request_aborted,
	.body_read = guarded_body_read,
	.body_wait = guarded_body_wait,
	.response_set_status = guarded_response_set_status,
	.response_status = guarded_response_status,
	.response_set_field = guarded_response_set_field,
	.response_add_field = guarded_response_add_field,
	.response_field = guarded_response_field,
	.response_set_length = guarded_response_set_length,
	.response_write = guarded_response_write,
	.response_reserve = guarded_response_reserve,
	.response_commit = guarded_response_commit,
	.response_flush = guarded_response_flush,
	.response_wait = guarded_response_wait,
	.response_send_file = kit_file_send,
	.response_head_sent = guarded_response_head_sent,
	.response_error = guarded_response_error,
	.filter_pass = guarded_filter_pass,
	.suspend = guarded_suspend,
	.complete = kit_token_complete,
	.offload = guarded_offload,
	.timer_start = guarded_timer_start,
	.timer_stop = guarded_timer_stop,
	.watch_start = guarded_watch_start,
	.watch_stop = guarded_watch_stop,
	.request_loop = guarded_request_loop,
	.worker_pool = guarded_worker_pool,
	.worker_loops = guarded_worker_loops,
	.worker_alloc = guarded_worker_alloc,
	.clock = guarded_clock,
	.request_loop_number = guarded_request_loop_number,
	.log = guarded_log,
	.file_open = kit_file_open,
	.file_adopt = kit_file_adopt,
	.file_ref = kit_file_ref,
	.file_unref = kit_file_unref,
	.file_fd = kit_file_fd,
	.request_application = guarded_request_application,
	.application_text = host_application_text,
	.request_set_handler = guarded_request_set_handler,
	.query_get = guarded_query_get,
	.query_each = guarded_query_each,
	.cookie_get = guarded_cookie_get,
	.cookie_each = guarded_cookie_each,
	.cookie_set = guarded_cookie_set,
	.request_set_field = guarded_request_set_field,
	.request_add_field = guarded_request_add_field,
	.response_fields = guarded_response_fields,
	.response_substatus = guarded_response_substatus,
	.response_set_reason = guarded_response_set_reason,
	.response_reason = guarded_response_reason,
	.variable = guarded_variable,
	.variable_set = guarded_variable_set,
	.request_authenticate = guarded_request_authenticate,
	.request_is_authenticated = guarded_request_is_authenticated,
	.trace = guarded_trace,
	.form_open = guarded_form_open,
	.form_read = guarded_form_read,
	.form_get = guarded_form_get,
	.form_each = guarded_form_each,
	.multipart_open = guarded_multipart_open,
	.multipart_next = guarded_multipart_next,
	.multipart_read = guarded_multipart_read,
	.multipart_text = guarded_multipart_text,
	.multipart_field = guarded_multipart_field,
	.event_raise = guarded_event_raise,
	.event_argument = guarded_event_argument,
	.request_rewrite = guarded_request_rewrite,
	.request_rewrites = guarded_request_rewrites,

	.child = &kit_host_child,
	.global = &kit_host_global,
	.change = &kit_host_change,
	.process = &kit_host_process,
	.background = &kit_host_background,
	.trailer = &kit_host_trailer,
	.client = &kit_host_client,
	.shared = &kit_host_shared,
	.resolve = &kit_host_resolve,
	.regex = &worker_host_regex,
	.tunnel = &kit_host_tunnel,
	.metric = &kit_host_metric,
	.cache = &kit_host_cache,
	.abort = &worker_host_abort,
};
