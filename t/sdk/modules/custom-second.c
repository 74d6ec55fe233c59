/* SPDX-License-Identifier: Apache-2.0
 *
 * The other module of custom-first.c: subscribes to its events, and knows of
 * their argument no more than that it begins with a text and its length.
 */
#include <portico/portico.h>

#include <string.h>

struct line {
	char text[1024];
	size_t length;
};

static void
add(struct portico_request *request)
{
	static const char mine[] = "second ";
	struct line *line = portico_event_argument(request);

	memcpy(line->text + line->length, mine, sizeof(mine));
	line->length += sizeof(mine) - 1;
}

static enum portico_verdict
on_event(struct portico_request *request)
{
	add(request);
	return PORTICO_NEXT;
}

static enum portico_verdict
on_stop(struct portico_request *request)
{
	add(request);
	return PORTICO_DONE;
}

static enum portico_verdict
on_fail(struct portico_request *request)
{
	add(request);
	return PORTICO_ERROR;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.sold",
	  .function = on_event },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.other",
	  .function = on_event },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.stop",
	  .function = on_stop },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.fail",
	  .function = on_fail },
	{ 0 }
};

PORTICO_MODULE(.name = "custom-second", .version = "1.0.0",
	       .summary = "hears events", .subscriptions = subscriptions);
