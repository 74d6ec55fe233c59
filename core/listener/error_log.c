/* SPDX-License-Identifier: Apache-2.0
 *
 * See error_log.h.
 */
#include "core/listener/error_log.h"

#include <string.h>

#include "core/base/slice.h"
#include "core/listener/address.h"
#include "core/listener/connection.h"
#include "core/listener/limits.h"
#include "core/listener/log_text.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

/* HTTP.sys: bytes of cs-method and of cs-uri. */
#define METHOD_MAX 255
#define URI_MAX 4096
/* Of HTTP/1; 0 is the connection of HTTP/2 as a whole. */
#define NO_STREAM (-1)

static void
add_address(struct log_text *text, const struct http_address *address)
{
	char name[ADDRESS_TEXT_SIZE];
	size_t length = address_format(address, name);

	log_text_value(text, slice_make(name, length), length);
	log_text_blank(text);
	log_text_number(text, address->port);
	log_text_blank(text);
}

static char *
begin_line(struct listener_loop *loop, struct log_text *text,
	   const struct http_address *client, const struct http_address *server)
{
	char *line = loop_log_reserve(loop, &loop->error_log);

	*text = (struct log_text){ line, line + LOG_LINE_MAX - 1 };
	log_clock_set(&loop->log_clock,
		      (int64_t)(loop_realtime(loop) / CLOCK_NS_PER_S));
	log_text_raw(text, loop->log_clock.date, strlen(loop->log_clock.date));
	log_text_blank(text);
	log_text_raw(text, loop->log_clock.time, strlen(loop->log_clock.time));
	log_text_blank(text);
	add_address(text, client);
	add_address(text, server);
	return line;
}

static void
end_line(struct listener_loop *loop, struct log_text *text, const char *line)
{
	*text->at++ = '\n';
	log_buffer_commit(&loop->error_log, (size_t)(text->at - line));
	loop->counters.errors++;
}

static void
add_text(struct log_text *text, struct portico_slice value, size_t most)
{
	log_text_value(text, value, most);
	log_text_blank(text);
}

/* A head that is none is logged as it came, up to its first line's end. */
static void
add_raw(struct log_text *text, const struct listener_request *request)
{
	struct portico_slice line =
		request_text(request, 0, request->input.end);
	ptrdiff_t end = slice_find_char(line, '\n');

	if (end >= 0)
		line = slice_take(line, (size_t)end);
	while (line.length > 0 && line.data[line.length - 1] == '\r')
		line.length--;
	log_text_raw(text, "- - ", 4);
	add_text(text, line, URI_MAX);
}

static void
add_head(struct log_text *text, const struct listener_request *request)
{
	const struct http_parsed_head *head = &request->head;

	if (!request->head_known) {
		add_raw(text, request);
		return;
	}
	add_text(text, request_protocol(request), 8);
	add_text(text, request_text(request, head->start, head->method_length),
		 METHOD_MAX);
	add_text(text,
		 request_text(request, head->target_offset,
			      head->target_length),
		 URI_MAX);
}

static int64_t
stream_of(const struct listener_request *request)
{
	return request->stream_id == 0 ? NO_STREAM :
					 (int64_t)request->stream_id;
}

static void
add_stream(struct log_text *text, int64_t stream)
{
	if (stream == NO_STREAM)
		log_text_raw(text, "-", 1);
	else
		log_text_number(text, (uint64_t)stream);
	log_text_blank(text);
}

void
error_log_request(const struct listener_request *request)
{
	struct listener_loop *loop = request->loop;
	struct log_text text;
	char *line;

	if (!request->snapshot->shared->settings->listener.error_log.enabled)
		return;
	line = begin_line(loop, &text, &request->client, &request->server);
	add_head(&text, request);
	add_stream(&text, stream_of(request));
	if (request->status != 0)
		log_text_number(&text, request->status);
	else
		log_text_raw(&text, "-", 1);
	log_text_blank(&text);
	if (request->application != NULL)
		log_text_number(&text, request->application->site_id);
	else
		log_text_raw(&text, "-", 1);
	log_text_blank(&text);
	add_text(
		&text,
		slice_from(http_reason_name((enum http_reason)request->reason)),
		64);
	add_text(&text,
		 slice_from(request->pool == NULL ?
				    NULL :
				    request->pool->shared->name),
		 255);
	log_text_value(&text, slice_from(request->detail), 255);
	end_line(loop, &text, line);
}

static void
log_client(struct listener_loop *loop, const struct http_address *client,
	   const struct http_address *server, int64_t stream,
	   enum http_reason reason, const char *detail)
{
	struct log_text text;
	char *line;

	if (!loop->snapshot->shared->settings->listener.error_log.enabled)
		return;
	line = begin_line(loop, &text, client, server);
	log_text_raw(&text, "- - - ", 6);
	add_stream(&text, stream);
	log_text_raw(&text, "- - ", 4);
	add_text(&text, slice_from(http_reason_name(reason)), 64);
	log_text_raw(&text, "- ", 2);
	log_text_value(&text, slice_from(detail), 255);
	end_line(loop, &text, line);
}

void
error_log_client(struct listener_loop *loop, const struct http_address *client,
		 const struct http_address *server, enum http_reason reason)
{
	log_client(loop, client, server, NO_STREAM, reason, NULL);
}

void
error_log_detail(const struct listener_connection *connection,
		 enum http_reason reason, const char *detail)
{
	log_client(connection->loop, &connection->client, &connection->server,
		   NO_STREAM, reason, detail);
}

void
error_log_connection(const struct listener_connection *connection,
		     enum http_reason reason)
{
	log_client(connection->loop, &connection->client, &connection->server,
		   connection->http2 != NULL ? 0 : NO_STREAM, reason, NULL);
}

void
error_log_stream(const struct listener_connection *connection, uint32_t stream,
		 enum http_reason reason, const char *detail)
{
	log_client(connection->loop, &connection->client, &connection->server,
		   stream, reason, detail);
}
