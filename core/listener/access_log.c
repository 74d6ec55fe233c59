/* SPDX-License-Identifier: Apache-2.0
 *
 * See access_log.h.
 */
#include "core/listener/access_log.h"

#include <string.h>

#include "core/base/slice.h"
#include "core/listener/address.h"
#include "core/listener/limits.h"
#include "core/listener/log_buffer.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"

/* Bytes of one field. */
#define FIELD_MAX 4096

static void
format_field(struct log_text *text, struct log_clock *clock,
	     enum settings_log_field field,
	     const struct access_log_entry *entry)
{
	switch (field) {
	case SETTINGS_LOG_DATE:
		log_text_raw(text, clock->date, strlen(clock->date));
		break;
	case SETTINGS_LOG_TIME:
		log_text_raw(text, clock->time, strlen(clock->time));
		break;
	case SETTINGS_LOG_SITE:
		log_text_value(text, entry->site, FIELD_MAX);
		break;
	case SETTINGS_LOG_SERVER_IP:
		log_text_value(text, entry->server_ip, FIELD_MAX);
		break;
	case SETTINGS_LOG_METHOD:
		log_text_value(text, entry->method, FIELD_MAX);
		break;
	case SETTINGS_LOG_URI_STEM:
		log_text_value(text, entry->stem, FIELD_MAX);
		break;
	case SETTINGS_LOG_URI_QUERY:
		log_text_value(text, entry->query, FIELD_MAX);
		break;
	case SETTINGS_LOG_SERVER_PORT:
		log_text_number(text, entry->port);
		break;
	case SETTINGS_LOG_USER:
		log_text_value(text, entry->user, FIELD_MAX);
		break;
	case SETTINGS_LOG_CLIENT_IP:
		log_text_value(text, entry->client_ip, FIELD_MAX);
		break;
	case SETTINGS_LOG_PROTOCOL:
		log_text_value(text, entry->protocol, FIELD_MAX);
		break;
	case SETTINGS_LOG_HOST:
		log_text_value(text, entry->host, FIELD_MAX);
		break;
	case SETTINGS_LOG_USER_AGENT:
		log_text_value(text, entry->user_agent, FIELD_MAX);
		break;
	case SETTINGS_LOG_REFERER:
		log_text_value(text, entry->referer, FIELD_MAX);
		break;
	case SETTINGS_LOG_STATUS:
		log_text_number(text, entry->status);
		break;
	case SETTINGS_LOG_SUBSTATUS:
		log_text_number(text, entry->substatus);
		break;
	case SETTINGS_LOG_WIN32_STATUS:
		log_text_number(text, (uint64_t)(uint32_t)entry->os_error);
		break;
	case SETTINGS_LOG_BYTES_SENT:
		log_text_number(text, entry->sent);
		break;
	case SETTINGS_LOG_BYTES_RECEIVED:
		log_text_number(text, entry->received);
		break;
	case SETTINGS_LOG_TIME_TAKEN:
		log_text_number(text, entry->milliseconds);
		break;
	case SETTINGS_LOG_CACHE:
		log_text_value(text, entry->cache, FIELD_MAX);
		break;
	case SETTINGS_LOG_FIELD_COUNT:
		break;
	}
}

void
access_log_format(struct log_text *text, struct log_clock *clock,
		  const enum settings_log_field *fields, size_t field_count,
		  const struct access_log_entry *entry)
{
	text->end--; /* the newline has room, whatever is cut */
	log_clock_set(clock, entry->second);
	for (size_t i = 0; i < field_count; i++) {
		if (i > 0)
			log_text_blank(text);
		format_field(text, clock, fields[i], entry);
	}
	text->end++;
	*text->at++ = '\n';
}

void
access_log_fields(struct log_text *text, const enum settings_log_field *fields,
		  size_t field_count)
{
	log_text_raw(text, "#Fields:", 8);
	for (size_t i = 0; i < field_count; i++) {
		const char *name = settings_log_field_name(fields[i]);

		log_text_blank(text);
		log_text_raw(text, name, strlen(name));
	}
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
		.port = request->server.port,
		.status = request->status,
		.substatus = request->substatus,
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
}

void
access_log_request(const struct listener_request *request)
{
	struct listener_loop *loop = request->loop;
	const struct settings_access_log *settings =
		&request->snapshot->shared->settings->listener.access_log;
	char client[ADDRESS_TEXT_SIZE], server[ADDRESS_TEXT_SIZE];
	struct access_log_entry entry;
	struct log_text text;
	char *line;

	if (!settings->enabled)
		return;
	fill(request, &entry);
	entry.client_ip =
		slice_make(client, address_format(&request->client, client));
	entry.server_ip =
		slice_make(server, address_format(&request->server, server));
	line = loop_log_reserve(loop, &loop->access_log);
	text = (struct log_text){ line, line + LOG_LINE_MAX };
	access_log_format(&text, &loop->log_clock, settings->fields,
			  settings->field_count, &entry);
	log_buffer_commit(&loop->access_log, (size_t)(text.at - line));
}
