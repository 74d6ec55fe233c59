/* SPDX-License-Identifier: Apache-2.0
 *
 * See access_log.h: lines in W3C extended format and as JSON.
 */
#include "core/listener/access_log.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/slice.h"

/* Bytes of one field. */
#define FIELD_MAX 4096

/* One value: a text, or else a number; none is an empty text. */
struct value {
	bool is_number;
	uint64_t number;
	struct portico_slice text;
};

static struct value
text_value(struct portico_slice text)
{
	return (struct value){ .text = text };
}

static struct value
number_value(uint64_t number)
{
	return (struct value){ .is_number = true, .number = number };
}

static struct value
between(const struct settings_log_column *column,
	const struct access_log_entry *entry)
{
	uint64_t from = entry->moments[column->from];
	uint64_t to = entry->moments[column->to];

	if (from == 0 || to == 0 || to < from)
		return text_value((struct portico_slice){ NULL, 0 });
	return number_value((to - from) / (CLOCK_NS_PER_MS / 1000));
}

static struct value
value_of(const struct settings_access_log *settings, size_t i,
	 const struct log_clock *clock, const struct access_log_entry *entry)
{
	const struct settings_log_column *column = &settings->columns[i];

	switch (column->field) {
	case SETTINGS_LOG_DATE:
		return text_value(slice_from(clock->date));
	case SETTINGS_LOG_TIME:
		return text_value(slice_from(clock->time));
	case SETTINGS_LOG_SITE:
		return text_value(entry->site);
	case SETTINGS_LOG_COMPUTER:
		return text_value(entry->computer);
	case SETTINGS_LOG_SERVER_IP:
		return text_value(entry->server_ip);
	case SETTINGS_LOG_METHOD:
		return text_value(entry->method);
	case SETTINGS_LOG_URI_STEM:
		return text_value(entry->stem);
	case SETTINGS_LOG_URI_QUERY:
		return text_value(entry->query);
	case SETTINGS_LOG_SERVER_PORT:
		return number_value(entry->port);
	case SETTINGS_LOG_USER:
		return text_value(entry->user);
	case SETTINGS_LOG_CLIENT_IP:
		return text_value(entry->client_ip);
	case SETTINGS_LOG_CLIENT_PORT:
		return number_value(entry->client_port);
	case SETTINGS_LOG_PROTOCOL:
		return text_value(entry->protocol);
	case SETTINGS_LOG_HOST:
		return text_value(entry->host);
	case SETTINGS_LOG_USER_AGENT:
		return text_value(entry->user_agent);
	case SETTINGS_LOG_COOKIE:
		return text_value(entry->cookie);
	case SETTINGS_LOG_REFERER:
		return text_value(entry->referer);
	case SETTINGS_LOG_STATUS:
		return number_value(entry->status);
	case SETTINGS_LOG_SUBSTATUS:
		return number_value(entry->substatus);
	case SETTINGS_LOG_WIN32_STATUS:
		return number_value((uint32_t)entry->os_error);
	case SETTINGS_LOG_REASON:
		return text_value(entry->reason);
	case SETTINGS_LOG_BYTES_SENT:
		return number_value(entry->sent);
	case SETTINGS_LOG_BYTES_RECEIVED:
		return number_value(entry->received);
	case SETTINGS_LOG_TIME_TAKEN:
		return number_value(entry->milliseconds);
	case SETTINGS_LOG_STREAM:
		if (entry->stream != 0)
			return number_value(entry->stream);
		break;
	case SETTINGS_LOG_CACHE:
		return text_value(entry->cache);
	case SETTINGS_LOG_BETWEEN:
		return between(column, entry);
	case SETTINGS_LOG_REQUEST_HEADER:
	case SETTINGS_LOG_RESPONSE_HEADER:
	case SETTINGS_LOG_VARIABLE:
		if (entry->custom != NULL)
			return text_value(entry->custom[i]);
		break;
	case SETTINGS_LOG_FIELD_COUNT:
		break;
	}
	return text_value((struct portico_slice){ NULL, 0 });
}

/* Long texts leave room for a number in each of the columns behind them. */
#define NUMBER_MAX 21 /* with a blank */

static void
add_w3c(struct log_text *text, const struct settings_access_log *settings,
	const struct log_clock *clock, const struct access_log_entry *entry)
{
	char *line = text->at;

	text->end -= settings->column_count * NUMBER_MAX;
	for (size_t i = 0; i < settings->column_count; i++) {
		struct value value = value_of(settings, i, clock, entry);

		text->end += NUMBER_MAX;
		if (i > 0)
			log_text_blank(text);
		if (value.is_number)
			log_text_number(text, value.number);
		else
			log_text_value(text, value.text, FIELD_MAX);
	}
	/* It would be read as a directive. */
	if (line[0] == '#')
		line[0] = '+';
}

/* Comma, name in quotes, colon, and a number or the quotes of a text. */
static size_t
least_room(const struct settings_log_column *column)
{
	return strlen(column->name) + 4 + NUMBER_MAX;
}

static void
add_json(struct log_text *text, const struct settings_access_log *settings,
	 const struct log_clock *clock, const struct access_log_entry *entry)
{
	const char *comma = "";
	size_t behind = 1; /* the brace */

	for (size_t i = 0; i < settings->column_count; i++)
		behind += least_room(&settings->columns[i]);
	text->end -= behind;
	log_text_raw(text, "{", 1);
	for (size_t i = 0; i < settings->column_count; i++) {
		const char *name = settings->columns[i].name;
		struct value value = value_of(settings, i, clock, entry);

		text->end += least_room(&settings->columns[i]);
		if (!value.is_number && value.text.length == 0)
			continue;
		log_text_raw(text, comma, strlen(comma));
		log_text_json(text, slice_from(name), strlen(name));
		log_text_raw(text, ":", 1);
		if (value.is_number)
			log_text_number(text, value.number);
		else
			log_text_json(text, value.text, FIELD_MAX);
		comma = ",";
	}
	text->end++;
	log_text_raw(text, "}", 1);
}

void
access_log_format(struct log_text *text, struct log_clock *clock,
		  const struct settings_access_log *settings,
		  const struct access_log_entry *entry)
{
	text->end--; /* the newline has room, whatever is cut */
	log_clock_set(clock, entry->second);
	switch (settings->format) {
	case SETTINGS_LOG_W3C:
		add_w3c(text, settings, clock, entry);
		break;
	case SETTINGS_LOG_JSON:
		add_json(text, settings, clock, entry);
		break;
	}
	text->end++;
	*text->at++ = '\n';
}

void
access_log_fields(struct log_text *text,
		  const struct settings_access_log *settings)
{
	log_text_raw(text, "#Fields:", 8);
	for (size_t i = 0; i < settings->column_count; i++) {
		const char *name = settings->columns[i].name;

		log_text_blank(text);
		log_text_raw(text, name, strlen(name));
	}
}
