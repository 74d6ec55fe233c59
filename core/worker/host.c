/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the host's services, as modules get it.
 */
#include "core/worker/client_engine.h"
#include "core/worker/file.h"
#include "core/worker/host_background.h"
#include "core/worker/host_priv.h"
#include "core/worker/host_process.h"
#include "core/worker/host_resolve.h"
#include "core/worker/request.h"
#include "core/worker/token.h"
#include "core/worker/tunnel.h"
#include "core/worker/worker.h"

const struct portico_host worker_host = {
	.size = sizeof(struct portico_host),
	.abi_major = PORTICO_ABI_MAJOR,
	.abi_minor = PORTICO_ABI_MINOR,

	.request_text = host_request_text,
	.request_id = host_request_id,
	.request_field = host_request_field,
	.request_fields = host_request_fields,
	.request_content_length = host_request_content_length,
	.request_has_body = host_request_has_body,
	.request_address = host_request_address,
	.request_alloc = host_request_alloc,
	.request_on_free = host_request_on_free,
	.request_state = host_request_state,
	.request_configuration = host_request_configuration,
	.application_state = host_application_state,
	.request_set_user = host_request_set_user,
	.request_aborted = host_request_aborted,
	.body_read = host_body_read,
	.body_wait = host_body_wait,

	.response_set_status = host_response_set_status,
	.response_status = host_response_status,
	.response_set_field = host_response_set_field,
	.response_add_field = host_response_add_field,
	.response_field = host_response_field,
	.response_set_length = host_response_set_length,
	.response_write = response_write,
	.response_reserve = response_reserve,
	.response_commit = response_commit,
	.response_flush = response_flush,
	.response_wait = host_response_wait,
	.response_send_file = response_send_file,
	.response_head_sent = host_response_head_sent,
	.response_error = response_error,
	.filter_pass = filter_pass,

	.suspend = host_suspend,
	.complete = token_complete,
	.offload = host_offload,
	.timer_start = host_timer_start,
	.timer_stop = host_timer_stop,
	.watch_start = host_watch_start,
	.watch_stop = host_watch_stop,
	.request_loop = host_request_loop,

	.worker_pool = host_worker_pool,
	.worker_loops = host_worker_loops,
	.worker_alloc = host_worker_alloc,
	.clock = host_clock,
	.request_loop_number = host_request_loop_number,

	.log = host_log,

	.file_open = host_file_open,
	.file_adopt = file_adopt,
	.file_ref = file_ref,
	.file_unref = file_unref,
	.file_fd = file_fd,
	.request_application = host_request_application,
	.application_text = host_application_text,
	.request_set_handler = host_request_set_handler,

	.query_get = host_query_get,
	.query_each = host_query_each,
	.cookie_get = host_cookie_get,
	.cookie_each = host_cookie_each,
	.cookie_set = host_cookie_set,
	.request_set_field = host_request_set_field,
	.request_add_field = host_request_add_field,
	.response_fields = host_response_fields,
	.response_substatus = host_response_substatus,
	.response_set_reason = host_response_set_reason,
	.response_reason = host_response_reason,

	.variable = host_variable,
	.variable_set = host_variable_set,
	.request_authenticate = host_request_authenticate,
	.request_is_authenticated = host_request_is_authenticated,
	.trace = host_trace,

	.form_open = host_form_open,
	.form_read = host_form_read,
	.form_get = host_form_get,
	.form_each = host_form_each,
	.multipart_open = host_multipart_open,
	.multipart_next = host_multipart_next,
	.multipart_read = host_multipart_read,
	.multipart_text = host_multipart_text,
	.multipart_field = host_multipart_field,

	.event_raise = host_event_raise,
	.event_argument = host_event_argument,

	.request_rewrite = host_request_rewrite,
	.request_rewrites = host_request_rewrites,

	.child = &worker_host_child,
	.regex = &worker_host_regex,
	.change = &worker_host_change,
	.global = &worker_host_global,
	.trailer = &worker_host_trailer,
	.abort = &worker_host_abort,
	.client = &worker_host_client,
	.shared = &worker_host_shared,
	.resolve = &worker_host_resolve,
	.process = &worker_host_process,
	.background = &worker_host_background,
	.tunnel = &worker_host_tunnel,
	.metric = &worker_host_metric,
	.cache = &worker_host_cache,
};
