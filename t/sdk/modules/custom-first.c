/* SPDX-License-Identifier: Apache-2.0
 *
 * event.h, together with custom-second.c: the handler raises the event that
 * the query names (?event=NAME) and answers with who was called, in order, and
 * the verdict.  This module wants to be before the other on "test.sold" and
 * after it on "test.other".
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>

/* The argument of all events here: one line that grows. */
struct line {
	char text[1024];
	size_t length;
};

static void
add(struct line *line, const char *text)
{
	line->length += (size_t)snprintf(line->text + line->length,
					 sizeof(line->text) - line->length,
					 "%s ", text);
}

static enum portico_verdict
on_event(struct portico_request *request)
{
	struct line *line = portico_event_argument(request);

	if (line == NULL)
		return PORTICO_ERROR;
	add(line, "first");
	return PORTICO_NEXT;
}

/* Raises another with an argument of its own; its own is back afterwards. */
static enum portico_verdict
on_nested(struct portico_request *request)
{
	struct line *line = portico_event_argument(request);
	struct line inner = { .length = 0 };
	enum portico_verdict verdict;

	verdict = portico_event_raise(request, "test.sold", &inner);
	add(line, portico_event_argument(request) == line ? "same" : "lost");
	add(line, inner.text);
	return verdict;
}

/* Without an end of its own. */
static enum portico_verdict
on_deep(struct portico_request *request)
{
	struct line *line = portico_event_argument(request);

	add(line, "deeper");
	return portico_event_raise(request, "test.deep", line);
}

static enum portico_verdict
resumed(struct portico_request *request, void *arg)
{
	(void)request;
	(void)arg;
	return PORTICO_NEXT;
}

static enum portico_verdict
on_wait(struct portico_request *request)
{
	struct portico_token token;

	if (portico_suspend(request, resumed, NULL, &token) != PORTICO_STATE)
		return PORTICO_NEXT;
	return PORTICO_PENDING;
}

static enum portico_verdict
raise_event(struct portico_request *request)
{
	struct line line = { .length = 0 };
	struct portico_slice name;
	enum portico_verdict verdict;
	char verdict_text[32];
	size_t written;

	if (portico_query_get(request, PORTICO_SLICE("event"), &name) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	verdict = portico_event_raise(request, name.data, &line);
	snprintf(verdict_text, sizeof(verdict_text), "verdict %d%s", verdict,
		 portico_event_argument(request) == NULL ? "" : " argument");
	add(&line, verdict_text);
	return portico_response_write(request, line.text, line.length,
				      &written) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static const char *const second[] = { "custom-second", NULL };

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.sold",
	  .function = on_event,
	  .before = second },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.other",
	  .function = on_event,
	  .after = second },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.stop",
	  .function = on_event,
	  .after = second },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.fail",
	  .function = on_event,
	  .after = second },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.nested",
	  .function = on_nested },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.deep",
	  .function = on_deep },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "test.wait",
	  .function = on_wait },
	{ 0 }
};

static const struct portico_handler handlers[] = { { .name = "raise",
						     .function = raise_event },
						   { 0 } };

PORTICO_MODULE(.name = "custom-first", .version = "1.0.0",
	       .summary = "raises events", .subscriptions = subscriptions,
	       .handlers = handlers);
