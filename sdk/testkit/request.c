/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of a test: built as the listener builds them, begun, aborted and
 * ended as the worker does.  The first half is what tests call, the second
 * what the worker's files look for in request.h.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/http/parser.h"
#include "core/http/request_head.h"
#include "core/http/url.h"
#include "core/base/clock.h"
#include "core/worker/changes.h"
#include "core/worker/file.h"
#include "core/worker/host_priv.h"
#include "core/worker/program.h"
#include "sdk/testkit/guard.h"
#include "sdk/testkit/tunnel.h"

/* ---- building --------------------------------------------------------------------- */

static struct kit_request *
request_make(struct kit *kit, const char *line)
{
	struct kit_request *made = mem_zalloc(sizeof(*made));

	CHECK(kit, KIT_MAGIC);
	made->magic = KIT_REQUEST_MAGIC;
	made->kit = kit;
	made->line = mem_strdup(line);
	made->body_length = -2;
	made->length = -1;
	buffer_init(&made->fields, 1 << 20);
	buffer_init(&made->sent, SIZE_MAX);
	buffer_init(&made->trailers, 1 << 20);
	list_init(&made->chunks);
	list_init(&made->work);
	list_init(&made->answer_pieces);
	list_init(&made->link);
	list_add_tail(&kit->requests, &made->link);
	made->client = (struct http_address){ .family = HTTP_FAMILY_IPV4,
					      .port = 50000,
					      .bytes = { 192, 0, 2, 1 } };
	return made;
}

/* Has the test said it in time? */
static bool
is_new(const struct kit_request *request, const char *name)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->head == NULL)
		return true;
	kit_fail("%s: the request has begun already", name);
	return false;
}

static size_t
head_parse(struct kit_request *request, const char *text, void *block,
	   size_t size)
{
	static struct http_parsed_head parsed;
	struct portico_slice prefix = request->kit->application->path;
	const struct http_address server = { .family = HTTP_FAMILY_IPV4,
					     .port = 80,
					     .bytes = { 192, 0, 2, 80 } };
	struct http_request_source source = {
		.raw = text,
		.parsed = &parsed,
		.client = &request->client,
		.server = &server,
		.request_id = request->kit->last_id,
		.application_id = 1,
		.scheme = request->secure ? HTTP_SCHEME_HTTPS :
					    HTTP_SCHEME_HTTP,
		.major = 1,
		.prefix_length = prefix.length > 1 ? (uint32_t)prefix.length :
						     0,
	};
	struct http_parser parser;
	struct http_url url;
	char *path = mem_alloc(strlen(text) + 1);
	size_t needed = 0;

	http_parser_init(&parser, &http_parser_limits_default);
	if (http_parser_execute(&parser, &parsed, text, strlen(text)) ==
		    HTTP_PARSE_DONE &&
	    http_url_cook(text + parsed.path_offset, parsed.path_length, path,
			  &http_url_limits_default, &url) == HTTP_REASON_NONE) {
		source.path = (struct portico_slice){ path, url.path_length };
		source.url = &url;
		needed = http_request_head_write(&source, block, size);
	}
	mem_free(path);
	return needed;
}

static const char *
head_text(struct kit_request *request, struct buffer *text)
{
	if (request->raw != NULL)
		buffer_printf(text, "%s", request->raw);
	else
		buffer_printf(text, "%s HTTP/1.1\r\n", request->line);
	buffer_append_slice(text, buffer_slice(&request->fields));
	if (request->raw == NULL &&
	    kit_field_find(request->response_fields, "host") == NULL)
		buffer_append_text(text, "Host: localhost\r\n");
	if (request->body_length >= 0)
		buffer_printf(text, "Content-Length: %" PRId64 "\r\n",
			      request->body_length);
	else if (request->body_length == -1)
		buffer_append_text(text, "Transfer-Encoding: chunked\r\n");
	buffer_append_text(text, "\r\n");
	return buffer_text(text);
}

/* The block that the listener would have written; 0: it would refuse. */
static size_t
head_make(struct kit_request *request)
{
	struct buffer text;
	size_t size;

	buffer_init(&text, 2 << 20);
	head_text(request, &text);
	size = head_parse(request, buffer_text(&text), NULL, 0);
	if (size > 0) {
		request->head = mem_zalloc(size);
		head_parse(request, buffer_text(&text), request->head, size);
	}
	buffer_fini(&text);
	return size;
}

static struct kit_request *
acceptable(struct kit_request *request)
{
	bool good = head_make(request) > 0;

	MEM_FREE(request->head);
	if (good)
		return request;
	kit_request_release(request);
	return NULL;
}

struct kit_request *
kit_request(struct kit *kit, const char *method, const char *target)
{
	char line[16384];

	snprintf(line, sizeof(line), "%s %s", method, target);
	return acceptable(request_make(kit, line));
}

struct kit_request *
kit_request_head(struct kit *kit, const char *head)
{
	struct kit_request *request;
	size_t length = strlen(head), end = strcspn(head, "\r\n");
	char *line = mem_alloc(end + 1);

	memcpy(line, head, end);
	line[end] = '\0';
	request = request_make(kit, line);
	mem_free(line);
	/* The empty line comes with what the test adds. */
	request->raw = mem_strdup(head);
	if (length >= 4 && strcmp(head + length - 4, "\r\n\r\n") == 0)
		request->raw[length - 2] = '\0';
	return acceptable(request);
}

void
kit_field(struct kit_request *request, const char *name, const char *value)
{
	if (!is_new(request, "kit_field"))
		return;
	buffer_printf(&request->fields, "%s: %s\r\n", name, value);
	kit_field_add(&request->response_fields, slice_from(name),
		      slice_from(value));
}

void
kit_client(struct kit_request *request, const char *address, uint16_t port)
{
	struct http_address *client = &request->client;

	if (!is_new(request, "kit_client"))
		return;
	*client = (struct http_address){ .port = port };
	if (inet_pton(AF_INET, address, client->bytes) == 1)
		client->family = HTTP_FAMILY_IPV4;
	else if (inet_pton(AF_INET6, address, client->bytes) == 1)
		client->family = HTTP_FAMILY_IPV6;
	else
		kit_fail("kit_client: \"%s\" is no address", address);
}

void
kit_secure(struct kit_request *request)
{
	if (is_new(request, "kit_secure"))
		request->secure = true;
}

void
kit_user(struct kit_request *request, const char *user, const char *type)
{
	if (!is_new(request, "kit_user"))
		return;
	mem_free(request->user);
	mem_free(request->user_type);
	request->user = mem_strdup(user);
	request->user_type = mem_strdup(type);
}

/* ---- beginning ------------------------------------------------------------------- */

static void
begin(struct kit_request *request)
{
	struct portico_request *inner = &request->request;
	struct worker_loop *loop = &request->kit->worker->loops[0];

	inner->magic = REQUEST_MAGIC;
	inner->loop = loop;
	inner->attachment = &request->kit->attachment;
	inner->arena = arena_new("request", REQUEST_ARENA_FIRST_BYTES);
	arena_set_limit(inner->arena, REQUEST_ARENA_LIMIT_BYTES);
	inner->head = request->head;
	inner->application = request->kit->application;
	inner->user = PORTICO_SLICE("");
	list_init(&inner->timers);
	list_init(&inner->watches);
	list_init(&inner->children);
	list_init(&inner->services);
	list_init(&inner->link);
	list_init(&inner->ready_link);
	list_init(&inner->room_link);
	inner->body.expected |= request->body_length >= 0 ||
				request->body_length == -1 ||
				!list_empty(&request->chunks);
	if (request->body_length == 0)
		inner->body.complete = true;
	response_init(inner);
}

bool
kit_begin(struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->started)
		return !request->ended;
	request->kit->last_id++;
	if (request->head == NULL && head_make(request) == 0) {
		kit_fail("%s: the listener would refuse these fields",
			 request->line);
		return false;
	}
	request->started = true;
	kit_fields_free(&request->response_fields);
	begin(request);
	if (request->user != NULL)
		host_request_authenticate(&request->request,
					  slice_from(request->user),
					  slice_from(request->user_type));
	return true;
}

struct portico_request *
kit_portico_request(struct kit_request *request)
{
	kit_begin(request);
	return &request->request;
}

/* ---- ending ------------------------------------------------------------------------ */

static const char *const waits[] = {
	[WAIT_NONE] = "nothing",
	[WAIT_TOKEN] = "its token, which nobody has completed",
	[WAIT_OFFLOAD] = "offloaded work (kit_work)",
	[WAIT_BODY] = "more of the body (kit_body, kit_body_end)",
	[WAIT_RESPONSE] = "room in the response (kit_window)",
	[WAIT_CHILD] = "a child request (kit_child_answer)",
	[WAIT_SERVICE] = "an HTTP call (kit_call_answer)",
	[WAIT_TUNNEL] = "its client (kit_tunnel_end, kit_abort)",
};

void
kit_free(struct kit_request *request)
{
	struct portico_request *inner = &request->request;
	enum kit_place outer;

	CHECK(request, KIT_REQUEST_MAGIC);
	if (request->freed)
		kit_fail("%s: kit_free was called twice", request->line);
	request->freed = true;
	if (!request->started || request->ended)
		return;
	if (inner->wait.kind != WAIT_NONE)
		kit_fail("%s: the request was freed while it waits for %s",
			 request->line, waits[inner->wait.kind]);
	outer = kit_enter(KIT_PLACE_REQUEST);
	request_end(inner);
	kit_leave(outer);
}

void
kit_request_release(struct kit_request *request)
{
	CHECK(request, KIT_REQUEST_MAGIC);
	list_remove(&request->link);
	kit_body_drop(request);
	LIST_FOREACH_SAFE(struct kit_piece, link, piece,
			  &request->answer_pieces)
		kit_piece_free(piece);
	kit_fields_free(&request->answer_fields);
	kit_fields_free(&request->response_trailers);
	kit_fields_free(&request->response_fields);
	buffer_fini(&request->fields);
	buffer_fini(&request->sent);
	buffer_fini(&request->trailers);
	mem_free(request->line);
	mem_free(request->raw);
	mem_free(request->user);
	mem_free(request->user_type);
	mem_free(request->head);
	kit_texts_free(&request->texts);
	kit_tunnel_release(request);
	request->magic = 0;
	mem_free(request);
}

/* ---- what the worker's files look for ----------------------------------------------- */

struct changes *
changes_get(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	if (request->changes == NULL)
		request->changes =
			arena_zalloc(request->arena, sizeof(*request->changes));
	return request->changes;
}

void
request_ready(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	if (request->wait.kind == WAIT_NONE || request->wait.ready)
		return;
	request->wait.ready = true;
	list_add_tail(&request->loop->ready, &request->ready_link);
}

void
request_unhold(struct portico_request *request)
{
	ASSERT(request->holds > 0);
	request->holds--;
}

void
request_tell_abort(struct portico_request *request,
		   const struct module_record *record)
{
	const struct portico_self *outer = request->current;

	if (record->module.on_abort == NULL)
		return;
	request->cannot_wait++;
	request->current = &record->self;
	record->module.on_abort(request);
	request->cannot_wait--;
	request->current = outer;
}

void
request_abort(struct portico_request *request, enum portico_abort why)
{
	const struct pipeline *pipeline = request->application->pipeline;

	CHECK(request, REQUEST_MAGIC);
	if (request->aborted || request->ended)
		return;
	request->aborted = true;
	request->abort_reason = why;
	for (uint32_t i = 0; i < pipeline->module_count; i++)
		if ((request->took_part & program_part_of(i)) != 0)
			request_tell_abort(request, pipeline->modules[i]);
	services_abort(request);
	if (request->wait.kind == WAIT_BODY ||
	    request->wait.kind == WAIT_RESPONSE ||
	    request->wait.kind == WAIT_TUNNEL)
		request_ready(request);
}

void
request_blame(const struct portico_request *request, unsigned number,
	      const char *what)
{
	kit_fail("%s: %s (P%u)", kit_of(request)->line, what, number);
}

/* Of errors that onError skips: a kit has no configuration for that. */
void
request_warn(const struct portico_request *request, unsigned number,
	     const char *what)
{
	(void)request;
	(void)number;
	(void)what;
	UNREACHABLE();
}

static bool
keep_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	kit_field_add(arg, name, value);
	return true;
}

/* What a test may look at when the request's memory is gone. */
static void
remember(struct kit_request *request)
{
	struct portico_request *inner = &request->request;

	request->status = host_response_status(inner);
	request->cache_allowed = response_is_cacheable(inner);
	request->cache_ttl = inner->response.cache_ttl * CLOCK_NS_PER_S;
	request->substatus = host_response_substatus(inner);
	request->aborted = inner->aborted;
	request->cut = inner->response.cut || inner->failed;
	/* Each keeps its text. */
	kit_reason(request);
	kit_user_name(request);
	kit_rewritten(request);
	if (!inner->response.head_sent) {
		request->length = inner->response.length;
		kit_fields_free(&request->response_fields);
		host_response_fields(inner, keep_field,
				     &request->response_fields);
	}
}

static void
check_left(struct kit_request *request)
{
	unsigned timers = kit_timers(request), watches = kit_watches(request);

	if (request->kit->options.strict && timers > 0)
		kit_fail("%s: %u timers are left at the end of the request",
			 request->line, timers);
	if (request->kit->options.strict && watches > 0)
		kit_fail("%s: %u watches are left at the end of the request",
			 request->line, watches);
}

void
request_end(struct portico_request *inner)
{
	struct kit_request *request = kit_of(inner);

	CHECK(inner, REQUEST_MAGIC);
	if (inner->wait.kind != WAIT_NONE)
		wait_cancel(inner);
	check_left(request);
	timers_stop_all(inner);
	watches_stop_all(inner);
	kit_work_drop(request);
	kit_tunnel_over(request);
	services_end(inner);
	remember(request);
	response_fini(inner);
	body_discard(inner);
	inner->ended = true;
	request->ended = true;
	arena_free(inner->arena);
	inner->arena = NULL;
	inner->changes = NULL;
	/* The bytes stay until kit_close, so that late callers are known. */
	inner->magic = 0;
}
