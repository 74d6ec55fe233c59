/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of the worker itself.
 */
#include "core/worker/internal_request.h"

#include <stddef.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/settings.h"
#include "core/worker/changes.h"
#include "core/worker/child_priv.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

/* Nothing of it is kept; larger pieces of a response cost fewer turns. */
#define INTERNAL_WINDOW_BYTES (256u << 10)

struct making {
	struct buffer raw;
	struct http_parsed_head parsed;
	enum portico_status status; /* of what was appended */
};

/* The bytes, and one that the writer makes a NUL. */
static uint32_t
append(struct making *making, const char *text)
{
	uint32_t offset = (uint32_t)making->raw.length;

	if (making->status == PORTICO_OK)
		making->status =
			buffer_append_slice(&making->raw, slice_from(text));
	if (making->status == PORTICO_OK)
		making->status = buffer_append_char(&making->raw, ' ');
	return offset;
}

static void
add_field(struct making *making, enum http_header_id id, const char *name,
	  const char *value)
{
	struct http_parsed_head *parsed = &making->parsed;
	struct http_field *field = &parsed->fields[parsed->field_count++];

	field->id = (uint16_t)id;
	field->name_offset = append(making, name);
	field->name_length = (uint16_t)strlen(name);
	field->value_offset = append(making, value);
	field->value_length = (uint32_t)strlen(value);
}

static void
lay_out(struct making *making, const struct internal_options *options)
{
	struct http_parsed_head *parsed = &making->parsed;

	parsed->method = HTTP_METHOD_GET;
	parsed->start = append(making, "GET");
	parsed->method_length = 3;
	parsed->target_offset = append(making, options->target);
	parsed->target_length = (uint32_t)strlen(options->target);
	parsed->path_offset = parsed->target_offset;
	parsed->path_length = parsed->target_length;
	parsed->target_form = HTTP_TARGET_ORIGIN;
	parsed->minor = 1;
	parsed->keep_alive = true;
	parsed->content_length = HTTP_LENGTH_NONE;
	add_field(making, HTTP_HEADER_HOST, "Host", options->host);
	add_field(making, HTTP_HEADER_USER_AGENT, "User-Agent", options->agent);
	add_field(making, HTTP_HEADER_ACCEPT, "Accept", "*/*");
	parsed->host_offset = append(making, options->host);
	parsed->host_length = (uint32_t)strlen(options->host);
	parsed->port = options->port;
	parsed->length = (uint32_t)making->raw.length;
}

static enum portico_status
write_head(const struct making *making, const struct internal_options *options,
	   struct arena *arena, const struct http_request_head **head_r)
{
	const struct http_address loopback = {
		.family = HTTP_FAMILY_IPV4,
		.bytes = { 127, 0, 0, 1 },
	};
	struct http_address here = loopback;
	struct portico_slice target = slice_from(options->target);
	char *path = arena_try_alloc(arena, target.length + 1);
	struct portico_application *application;
	uint64_t now = clock_monotonic_ns();
	struct http_request_source source = {
		.raw = making->raw.data,
		.parsed = &making->parsed,
		.client = &loopback,
		.server = &here,
		.flags = HTTP_REQUEST_CLIENT_LOCAL |
			 (options->warm_up ? HTTP_REQUEST_WARMUP : 0),
		.scheme = options->tls ? HTTP_SCHEME_HTTPS : HTTP_SCHEME_HTTP,
		.major = 1,
	};
	enum portico_status status;
	struct http_url url;
	size_t size;
	void *head;

	if (path == NULL)
		return PORTICO_NO_MEMORY;
	here.port = options->port != 0 ? options->port :
		    options->tls       ? 443 :
					 80;
	if (http_url_cook(target.data, target.length, path,
			  &http_url_limits_default, &url) != HTTP_REASON_NONE)
		return PORTICO_SYNTAX;
	source.url = &url;
	source.path = slice_make(path, url.path_length);
	status = rewrite_resolve(options->application, source.path,
				 &application, &source.prefix_length);
	if (status != PORTICO_OK)
		return status;
	source.application_id = application->id;
	source.times[HTTP_TIME_ACCEPTED] = now;
	source.times[HTTP_TIME_FIRST_BYTE] = now;
	source.times[HTTP_TIME_HEAD_COMPLETE] = now;
	source.times[HTTP_TIME_ASSIGNED] = now;
	source.times[HTTP_TIME_REALTIME] = clock_realtime_ns();
	size = http_request_head_write(&source, NULL, 0);
	head = arena_try_alloc(arena, size);
	if (head == NULL)
		return PORTICO_NO_MEMORY;
	http_request_head_write(&source, head, size);
	DIAG(http_request_head_is_valid(head, size));
	*head_r = head;
	return PORTICO_OK;
}

static enum portico_status
make_head(const struct internal_options *options, struct arena *arena,
	  const struct http_request_head **head_r)
{
	struct making making;
	enum portico_status status;

	memset(&making, 0, offsetof(struct making, parsed.fields));
	making.status = PORTICO_OK;
	buffer_init(&making.raw, 2 * CHILD_FIELDS_BYTES_MAX);
	lay_out(&making, options);
	status = making.status;
	if (status == PORTICO_OK)
		status = write_head(&making, options, arena, head_r);
	buffer_fini(&making.raw);
	return status;
}

void
internal_options_for(struct internal_options *options_r,
		     struct portico_worker *worker,
		     const struct settings_application *application,
		     const struct settings_page *page)
{
	const struct settings_site *site = application->site;
	const struct settings_binding *binding =
		site->binding_count == 0 ? NULL : &site->bindings[0];
	bool is_root = strcmp(application->path, "/") == 0;
	const char *host = page->host;

	if (host == NULL && binding != NULL && binding->host[0] != '\0')
		host = binding->host;
	*options_r = (struct internal_options){
		.application = worker_find_application(worker, application->id),
		.target = arena_printf(worker->arena, "%s%s",
				       is_root ? "" : application->path,
				       page->path),
		.host = arena_strdup(worker->arena,
				     host == NULL ? "localhost" : host),
		.port = binding == NULL ? 0 : binding->port,
		.tls = binding != NULL && binding->tls,
	};
}

enum portico_status
internal_start(struct worker_loop *loop, const struct internal_options *options,
	       struct portico_child **child_r)
{
	struct portico_child *child = child_new(loop);
	struct portico_request *request = child->request;
	const struct http_request_head *head;
	enum portico_status status = make_head(options, request->arena, &head);

	if (status != PORTICO_OK) {
		child_never_began(child);
		return status;
	}
	request->slot = request->generation = 0;
	request->head_block = CHANNEL_BLOCK_NONE;
	request_prepare(request, NULL, head, false);
	request->body.complete = request->body.asked = true;
	request->response.window = INTERNAL_WINDOW_BYTES;
	request->child = child;
	child->on_end = options->on_end;
	child->arg = options->arg;
	child->depth = 1;
	/* As one whose parent has let go of it. */
	atomic_fetch_add_explicit(&loop->active, 1, memory_order_relaxed);
	list_add_tail(&loop->children, &child->loop_link);
	request->wait.kind = WAIT_CHILD;
	request_ready(request);
	*child_r = child;
	return PORTICO_OK;
}

void
internal_abort(struct portico_child *child)
{
	request_abort(child->request, PORTICO_ABORT_OTHER);
}
