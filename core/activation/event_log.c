/* SPDX-License-Identifier: Apache-2.0
 *
 * See event_log.h.
 */
#include "core/activation/event_log.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/event_ring.h"
#include "core/activation/event_sink.h"
#include "core/activation/events.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

#define PAGE_EVENTS 200
#define FIELDS_MAX 16
#define FILE_NAME "events"

struct event_log {
	struct event_ring ring;
	struct event_sink sink;
	struct list followers; /* of struct follower */
	uv_async_t recorded; /* an event: the followers are told on the loop */
	pid_t owner; /* a child that has not executed yet records nothing */
};

struct follower {
	struct list link;
	struct control_connection *client;
	uint64_t after;
};

/* ---- recording ----------------------------------------------------------- */

/* Control bytes and what is not UTF-8 become '?': others read it as text. */
static json_t *
clean_text(const char *text)
{
	json_t *json;
	char *copy = mem_strdup(text);

	for (char *c = copy; *c != '\0'; c++)
		memset(c, '?', slice_control(c));
	json = json_string(copy);
	for (char *c = copy; json == NULL && *c != '\0'; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	if (json == NULL)
		json = json_string(copy);
	mem_free(copy);
	return json;
}

/* Of all links; what is nearer to the message counts. */
static json_t *
fields_of(const struct log_context *context)
{
	json_t *fields = json_object();

	for (int i = 0; context != NULL && i < FIELDS_MAX;
	     context = context->parent, i++)
		if (context->name != NULL && context->value != NULL &&
		    json_object_get(fields, context->name) == NULL)
			json_object_set_new(fields, context->name,
					    clean_text(context->value));
	return fields;
}

static void
on_message(enum log_level level, unsigned number,
	   const struct log_context *context, const char *message, void *arg)
{
	struct event_log *log = arg;
	char time[CLOCK_TEXT_SIZE];
	json_t *event;

	if (getpid() != log->owner)
		return;
	clock_format(clock_realtime_ns(), time, sizeof time);
	event = json_pack("{s:s, s:i, s:s, s:o, s:o}", "time", time, "number",
			  (int)number, "level", log_level_name(level),
			  "message", clean_text(message), "fields",
			  fields_of(context));
	if (event == NULL) {
		log->ring.lost++;
		return;
	}
	event_ring_put(&log->ring, event);
	event_sink_put(&log->sink, event, level);
	json_decref(event);
	uv_async_send(&log->recorded);
}

/* ---- telling ------------------------------------------------------------- */

/* From `first` on.  OWNERSHIP: the caller's. */
static json_t *
page_from(const struct event_log *log, uint64_t first)
{
	json_t *events = json_array();
	uint64_t i = first;

	for (; i < log->ring.next && json_array_size(events) < PAGE_EVENTS;
	     i++) {
		json_t *event = event_ring_get(&log->ring, i);

		if (event != NULL)
			json_array_append_new(events, event);
	}
	return json_pack("{s:s, s:b, s:o, s:I, s:b}", "type", "answer", "ok", 1,
			 "events", events, "last", (json_int_t)i - 1, "more",
			 i < log->ring.next);
}

/* The first one that is not older; clocks may be set back, so from the end. */
static uint64_t
first_since(const struct event_log *log, const char *since)
{
	uint64_t first = log->ring.next;

	while (first > event_ring_oldest(&log->ring)) {
		json_t *event = event_ring_get(&log->ring, first - 1);
		const char *time =
			json_string_value(json_object_get(event, "time"));
		bool older = time != NULL && strcmp(time, since) < 0;

		json_decref(event);
		if (older)
			break;
		first--;
	}
	return first;
}

void
event_log_ask(struct event_log *log, struct control_connection *client,
	      const json_t *request)
{
	const char *since =
		json_string_value(json_object_get(request, "since"));
	json_int_t after =
		json_integer_value(json_object_get(request, "after"));
	uint64_t first = event_ring_oldest(&log->ring);
	struct follower *follower;

	if (after > 0 && (uint64_t)after + 1 > first)
		first = (uint64_t)after + 1;
	else if (since != NULL)
		first = first_since(log, since);
	if (first < log->ring.next ||
	    !json_is_true(json_object_get(request, "wait"))) {
		control_send(client, page_from(log, first), NULL, 0);
		return;
	}
	follower = mem_zalloc(sizeof *follower);
	follower->client = client;
	/* One that asks for what is not written yet gets what comes next. */
	follower->after = log->ring.next - 1;
	list_init(&follower->link);
	list_add_tail(&log->followers, &follower->link);
}

static void
on_recorded(uv_async_t *async)
{
	struct event_log *log = async->data;

	LIST_FOREACH_SAFE(struct follower, link, follower, &log->followers) {
		struct control_connection *client = follower->client;
		json_t *page = page_from(log, follower->after + 1);

		list_remove(&follower->link);
		mem_free(follower);
		control_send(client, page, NULL, 0);
	}
}

void
event_log_forget(struct event_log *log, const struct control_connection *client)
{
	LIST_FOREACH_SAFE(struct follower, link, follower, &log->followers) {
		if (follower->client != client)
			continue;
		list_remove(&follower->link);
		mem_free(follower);
	}
}

json_t *
event_log_to_json(const struct event_log *log)
{
	return json_pack("{s:I, s:I, s:I}", "next", (json_int_t)log->ring.next,
			 "lost", (json_int_t)log->ring.lost, "notHandedOn",
			 (json_int_t)log->sink.lost);
}

/* ---- life ---------------------------------------------------------------- */

struct event_log *
event_log_open(uv_loop_t *loop, const struct settings *settings)
{
	struct event_log *log = mem_zalloc(sizeof *log);
	struct portico_error err;
	enum portico_status status;
	char path[PATH_MAX];

	list_init(&log->followers);
	log->owner = getpid();
	uv_async_init(loop, &log->recorded, on_recorded);
	log->recorded.data = log;
	/* It alone does not keep the loop alive. */
	uv_unref((uv_handle_t *)&log->recorded);
	snprintf(path, sizeof path, "%s/%s", settings->runtime_directory,
		 FILE_NAME);
	status = event_ring_open(&log->ring, path, &err);
	event_sink_init(&log->sink);
	event_log_configure(log, settings);
	log_observe(on_message, log);
	if (status != PORTICO_OK)
		log_write_error(LOG_LEVEL_WARNING, EVENT_RUNTIME, NULL, &err);
	return log;
}

void
event_log_configure(struct event_log *log, const struct settings *settings)
{
	event_sink_configure(&log->sink, &settings->events);
}

static void
on_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

void
event_log_close(struct event_log **log_p)
{
	struct event_log *log = *log_p;

	if (log == NULL)
		return;
	*log_p = NULL;
	log_observe(NULL, NULL);
	LIST_FOREACH_SAFE(struct follower, link, follower, &log->followers) {
		list_remove(&follower->link);
		mem_free(follower);
	}
	event_ring_close(&log->ring);
	event_sink_fini(&log->sink);
	uv_close((uv_handle_t *)&log->recorded, on_closed);
}
