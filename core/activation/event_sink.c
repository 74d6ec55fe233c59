/* SPDX-License-Identifier: Apache-2.0
 *
 * See event_sink.h.
 */
#include "core/activation/event_sink.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"
#define DATAGRAM_MAX 16384

static const int priorities[] = {
	[LOG_LEVEL_ERROR] = LOG_ERR,
	[LOG_LEVEL_WARNING] = LOG_WARNING,
	[LOG_LEVEL_INFO] = LOG_INFO,
	[LOG_LEVEL_DEBUG] = LOG_DEBUG,
};

void
event_sink_init(struct event_sink *sink)
{
	*sink = (struct event_sink){ .fd = -1 };
}

void
event_sink_configure(struct event_sink *sink,
		     const struct settings_events *settings)
{
	MEM_FREE(sink->socket);
	sink->target = settings->target;
	if (settings->socket != NULL)
		sink->socket = mem_strdup(settings->socket);
	if (sink->target == SETTINGS_EVENTS_NONE)
		io_close(&sink->fd);
}

void
event_sink_fini(struct event_sink *sink)
{
	io_close(&sink->fd);
	MEM_FREE(sink->socket);
}

/* NAME=value; a value with a newline in it would need another form, and the
 * ring has none: they were escaped. */
static void
put_field(struct buffer *text, const char *prefix, const char *name,
	  const char *value)
{
	buffer_append(text, prefix, strlen(prefix));
	for (; *name != '\0'; name++) {
		char c = (char)(isalnum((unsigned char)*name) ?
					toupper((unsigned char)*name) :
					'_');

		buffer_append(text, &c, 1);
	}
	buffer_append(text, "=", 1);
	for (; *value != '\0'; value++)
		buffer_append(text, *value == '\n' ? " " : value, 1);
	buffer_append(text, "\n", 1);
}

static void
put_number(struct buffer *text, const char *name, long long number)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%lld", number);
	put_field(text, "", name, digits);
}

static const char *
text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text == NULL ? "" : text;
}

static void
write_for_journal(struct buffer *text, const json_t *event, int priority)
{
	const char *name;
	json_t *value;

	put_field(text, "", "MESSAGE", text_of(event, "message"));
	put_number(text, "PRIORITY", priority);
	put_field(text, "", "SYSLOG_IDENTIFIER", "porticod");
	put_number(text, "PORTICO_EVENT",
		   json_integer_value(json_object_get(event, "number")));
	json_object_foreach(json_object_get(event, "fields"), name, value)
		put_field(text, "PORTICO_", name, json_string_value(value));
}

/* The time is local, without a zone: so /dev/log wants it. */
static void
write_for_syslog(struct buffer *text, const json_t *event, int priority)
{
	char head[96], stamp[32];
	time_t now = time(NULL);
	struct tm local;
	const char *name, *message = text_of(event, "message");
	json_t *value;

	localtime_r(&now, &local);
	strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &local);
	snprintf(head, sizeof head,
		 "<%d>%s porticod[%d]: ", LOG_DAEMON | priority, stamp,
		 (int)getpid());
	buffer_append(text, head, strlen(head));
	buffer_append(text, message, strlen(message));
	json_object_foreach(json_object_get(event, "fields"), name, value)
	{
		buffer_append(text, " ", 1);
		buffer_append(text, name, strlen(name));
		buffer_append(text, "=", 1);
		buffer_append(text, json_string_value(value),
			      json_string_length(value));
	}
	snprintf(head, sizeof head, " [P%04lld]",
		 json_integer_value(json_object_get(event, "number")));
	buffer_append(text, head, strlen(head));
}

static bool
try_send(struct event_sink *sink, const struct buffer *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = sink->socket;

	if (path == NULL)
		path = sink->target == SETTINGS_EVENTS_JOURNAL ?
			       JOURNAL_SOCKET :
			       SYSLOG_SOCKET;
	if (strlen(path) >= sizeof address.sun_path)
		return false;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (sink->fd < 0)
		sink->fd = socket(AF_UNIX,
				  SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* To the name each time: its reader may have been started again. */
	return sink->fd >= 0 &&
	       sendto(sink->fd, text->data, text->length,
		      MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
		      sizeof address) >= 0;
}

void
event_sink_put(struct event_sink *sink, const json_t *event,
	       enum log_level level)
{
	struct buffer text;

	if (sink->target == SETTINGS_EVENTS_NONE)
		return;
	buffer_init(&text, DATAGRAM_MAX);
	if (sink->target == SETTINGS_EVENTS_JOURNAL)
		write_for_journal(&text, event, priorities[level]);
	else
		write_for_syslog(&text, event, priorities[level]);
	if (!try_send(sink, &text))
		sink->lost++;
	buffer_fini(&text);
}
