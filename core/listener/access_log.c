/* SPDX-License-Identifier: Apache-2.0
 *
 * See access_log.h: what a line says of its request.
 */
#include "core/listener/access_log.h"

#include <string.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/http/response_head.h"
#include "core/listener/address.h"
#include "core/listener/error_page.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"
#include "core/listener/log_buffer.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

/* Texts that a line's custom fields are made in. */
struct values {
	struct portico_slice slices[SETTINGS_LOG_COLUMNS_MAX];
	char request_id[17], numbers[2][24];
};

/* NULL: there is no log. */
static const struct settings_access_log *
settings_of(const struct listener_request *request)
{
	return site_of_request(request)->log;
}

static struct portico_slice
field_value(const struct listener_request *request, enum http_header_id id)
{
	const struct http_parsed_head *head = &request->head;

	for (unsigned i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id == id)
			return request_text(request, field->value_offset,
					    field->value_length);
	}
	return (struct portico_slice){ NULL, 0 };
}

static struct portico_slice
named_value(const struct listener_request *request, const char *name)
{
	const struct http_parsed_head *head = &request->head;

	for (unsigned i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];
		struct portico_slice text = request_text(
			request, field->name_offset, field->name_length);

		if (http_equal_names(text.data, text.length, name,
				     strlen(name)))
			return request_text(request, field->value_offset,
					    field->value_length);
	}
	return (struct portico_slice){ NULL, 0 };
}

static struct portico_slice
number_text(char text[24], uint64_t number)
{
	struct log_text out = { text, text + 24 };

	log_text_number(&out, number);
	return slice_make(text, (size_t)(out.at - text));
}

static struct portico_slice
variable(const struct listener_request *request, unsigned number,
	 struct values *values)
{
	switch ((enum settings_log_variable)number) {
	case SETTINGS_LOG_VARIABLE_APP_POOL_ID:
		return slice_from(request->pool->shared->name);
	case SETTINGS_LOG_VARIABLE_APPL_PATH:
		return slice_from(request->application->path);
	case SETTINGS_LOG_VARIABLE_CACHE_HIT:
		return slice_from(request->cache_hit ? "on" : "off");
	case SETTINGS_LOG_VARIABLE_CONNECTION_ID:
		return number_text(values->numbers[0], request->connection_id);
	case SETTINGS_LOG_VARIABLE_HTTPS:
		return slice_from(request->tls ? "on" : "off");
	case SETTINGS_LOG_VARIABLE_INSTANCE_ID:
		return number_text(values->numbers[1],
				   request->application->site_id);
	case SETTINGS_LOG_VARIABLE_REQUEST_ID:
		request_id_format(request->id, values->request_id);
		return slice_from(values->request_id);
	case SETTINGS_LOG_VARIABLES:
		break;
	}
	return (struct portico_slice){ NULL, 0 };
}

/* ---- fields of responses ---------------------------------------------------- */

/* They are kept one behind the other as {u16 length, bytes}. */
#define KEPT_MAX 1024 /* bytes of one */

static struct portico_slice
kept_value(const struct listener_request *request, unsigned number)
{
	const char *at = request->log_values;
	uint16_t length;

	if (at == NULL)
		return (struct portico_slice){ NULL, 0 };
	for (;;) {
		memcpy(&length, at, sizeof(length));
		at += sizeof(length);
		if (number-- == 0)
			return slice_make(at, length);
		at += length;
	}
}

static struct portico_slice
response_value(const void *head, const char *name)
{
	struct http_response_cursor cursor = { 0, 0 };
	struct http_response_slice field;

	while (http_response_head_next(head, &cursor, &field) == 1) {
		if (field.id != HTTP_HEADER_UNKNOWN)
			field.name =
				slice_make(http_header_name(field.id),
					   http_header_name_length(field.id));
		if (http_equal_names(field.name.data, field.name.length, name,
				     strlen(name)))
			return slice_take(field.value, KEPT_MAX);
	}
	return (struct portico_slice){ NULL, 0 };
}

void
access_log_response(struct listener_request *request, const void *head)
{
	const struct settings_access_log *settings = settings_of(request);
	size_t size = 0;

	request->response_head = loop_now(request->loop);
	if (settings == NULL || settings->response_headers == 0)
		return;
	mem_free(request->log_values);
	request->log_values = mem_alloc(settings->response_headers *
					(sizeof(uint16_t) + KEPT_MAX));
	for (size_t i = 0; i < settings->column_count; i++) {
		const struct settings_log_column *column =
			&settings->columns[i];
		struct portico_slice value;
		uint16_t length;

		if (column->field != SETTINGS_LOG_RESPONSE_HEADER)
			continue;
		value = response_value(head, column->source);
		length = (uint16_t)value.length;
		memcpy(request->log_values + size, &length, sizeof(length));
		size += sizeof(length);
		if (length > 0)
			memcpy(request->log_values + size, value.data, length);
		size += length;
	}
}

/* ---- a line ------------------------------------------------------------------- */

static void
fill_custom(const struct listener_request *request, struct values *values)
{
	const struct settings_access_log *settings = settings_of(request);

	for (size_t i = 0; i < settings->column_count; i++) {
		const struct settings_log_column *column =
			&settings->columns[i];

		if (!column->custom)
			continue;
		if (column->field == SETTINGS_LOG_REQUEST_HEADER)
			values->slices[i] =
				named_value(request, column->source);
		else if (column->field == SETTINGS_LOG_RESPONSE_HEADER)
			values->slices[i] = kept_value(request, column->number);
		else
			values->slices[i] =
				variable(request, column->number, values);
	}
}

static void
fill_moments(const struct listener_request *request, uint64_t *moments)
{
	moments[SETTINGS_LOG_MOMENT_FIRST_BYTE] = request->first_byte;
	moments[SETTINGS_LOG_MOMENT_HEAD] = request->head_complete;
	moments[SETTINGS_LOG_MOMENT_QUEUED] = request->queued;
	moments[SETTINGS_LOG_MOMENT_WORKER] = request->worker_ready;
	moments[SETTINGS_LOG_MOMENT_ASSIGNED] = request->assigned;
	moments[SETTINGS_LOG_MOMENT_RESPONSE] = request->response_head;
	moments[SETTINGS_LOG_MOMENT_FINISHED] = request->finished;
}

static void
fill(const struct listener_request *request, struct access_log_entry *entry)
{
	const struct http_parsed_head *head = &request->head;
	struct portico_slice query =
		request_text(request, head->path_offset, head->path_length);

	*entry = (struct access_log_entry){
		.second = (int64_t)(request->realtime / CLOCK_NS_PER_S),
		.site = slice_from(request->application->site_name),
		.method =
			request_text(request, head->start, head->method_length),
		.user = slice_from(request->user),
		.protocol = request_protocol(request),
		.host = request_text(request, head->host_offset,
				     head->host_length),
		.user_agent = field_value(request, HTTP_HEADER_USER_AGENT),
		.referer = field_value(request, HTTP_HEADER_REFERER),
		.cookie = field_value(request, HTTP_HEADER_COOKIE),
		.port = request->server.port,
		.client_port = request->client.port,
		.status = request->status,
		.substatus = request->substatus,
		.stream = request->stream_id,
		.os_error = request->os_error,
		.cache = request->cache_hit    ? PORTICO_SLICE("HIT") :
			 request->cache_missed ? PORTICO_SLICE("MISS") :
						 PORTICO_SLICE(""),
		.sent = request->output.sent,
		.received = head->length + request->body_received,
		.milliseconds = (request->finished - request->first_byte) /
				CLOCK_NS_PER_MS,
	};
	/* Raw, as it was sent: no byte of it can be mistaken for another. */
	entry->stem = slice_split(&query, '?');
	entry->query = query;
	if (request->reason != HTTP_REASON_NONE)
		entry->reason = slice_from(
			http_reason_name((enum http_reason)request->reason));
	fill_moments(request, entry->moments);
}

void
access_log_request(const struct listener_request *request)
{
	struct listener_loop *loop = request->loop;
	const struct snapshot_site *site = site_of_request(request);
	const struct settings_access_log *settings = site->log;
	char client[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE];
	struct access_log_entry entry;
	struct values values;
	struct log_text text;
	char *line;

	if (settings == NULL)
		return;
	fill(request, &entry);
	entry.computer = slice_from(loop->listener->host_name);
	entry.client_ip =
		slice_make(client, address_format(&request->client, client));
	entry.server_ip =
		slice_make(server, address_format(&request->server, server));
	if (settings->custom) {
		entry.custom = values.slices;
		fill_custom(request, &values);
	}
	line = loop_log_reserve(loop, &loop->access_log);
	text = (struct log_text){ line, line + LOG_LINE_MAX };
	access_log_format(&text, &loop->log_clock, settings, &entry);
	log_buffer_commit_to(&loop->access_log, (size_t)(text.at - line),
			     site->log_target, site->log_fields);
}
