/* SPDX-License-Identifier: Apache-2.0
 *
 * portico events.  Asks page by page; with --follow the last answer comes when
 * something happens, and one that goes away for a moment is asked again.
 */
#include "core/command/events.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/command/client.h"
#include "core/command/options.h"
#include "core/config/config.h"

/* How long a porticod that is being replaced is waited for. */
#define RETRY_MS 200
#define RETRIES 50

/* A duration ago, or what looks like the beginning of a time. */
static bool
parse_since(const char *text, char *time, size_t size)
{
	uint64_t ago, now = clock_realtime_ns();

	if (config_parse_duration(slice_from(text), &ago)) {
		clock_format(ago > now ? 0 : now - ago, time, size);
		return true;
	}
	for (int i = 0; i < 4; i++)
		if (!isdigit((unsigned char)text[i]))
			return false;
	if (strspn(text, "0123456789-:.TZ") != strlen(text) ||
	    strlen(text) >= size)
		return false;
	snprintf(time, size, "%s", text);
	return true;
}

static bool
is_of_pool(const json_t *event, const char *pool)
{
	const char *name = json_string_value(
		json_object_get(json_object_get(event, "fields"), "pool"));

	return pool == NULL || (name != NULL && strcmp(name, pool) == 0);
}

static const char *
text_of(const json_t *event, const char *name)
{
	const char *text = json_string_value(json_object_get(event, name));

	return text == NULL ? "-" : text;
}

static void
print_event(json_t *event, bool as_json)
{
	const char *name, *before = " (";
	json_t *value;

	if (as_json) {
		json_dumpf(event, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		printf("\n");
		return;
	}
	printf("%s %-7s %lld %s", text_of(event, "time"),
	       text_of(event, "level"),
	       (long long)json_integer_value(json_object_get(event, "number")),
	       text_of(event, "message"));
	json_object_foreach(json_object_get(event, "fields"), name, value)
	{
		printf("%s%s=%s", before, name, json_string_value(value));
		before = " ";
	}
	printf("%s\n", before[1] == '\0' ? ")" : "");
}

/* One page; *last_r: what it ends with, *more_r: there is another one, *any_r:
 * true if something of it was printed. */
static enum portico_status
print_page(const struct options *options, json_t *request, bool waits,
	   json_int_t *last_r, bool *more_r, bool *any_r,
	   struct portico_error *err)
{
	json_t *answer, *event;
	size_t i;
	enum portico_status status = client_ask(options->socket, request,
						waits ? 0 : CLIENT_TIMEOUT_S,
						&answer, err);

	if (status != PORTICO_OK)
		return status;
	json_array_foreach(json_object_get(answer, "events"), i, event)
	{
		if (!is_of_pool(event, options->pool))
			continue;
		print_event(event, options->json);
		*any_r = true;
	}
	fflush(stdout);
	if (!json_is_true(json_object_get(answer, "ok")))
		status = error_set(err, PORTICO_UNSUPPORTED, "%s",
				   text_of(answer, "error"));
	*last_r = json_integer_value(json_object_get(answer, "last"));
	*more_r = json_is_true(json_object_get(answer, "more"));
	json_decref(answer);
	return status;
}

/* Nothing was said of this pool: because nothing happened, or because there is
 * no such pool? */
static enum portico_status
check_pool(const struct options *options, struct portico_error *err)
{
	json_t *answer;
	enum portico_status status =
		client_ask(options->socket,
			   json_pack("{s:s, s:s}", "type", "pool-show", "pool",
				     options->pool),
			   CLIENT_TIMEOUT_S, &answer, err);

	if (status != PORTICO_OK)
		return status;
	if (!json_is_true(json_object_get(answer, "ok")))
		status = error_set(err, PORTICO_INVALID, "%s",
				   text_of(answer, "error"));
	json_decref(answer);
	return status;
}

static int
fail(struct portico_error *err)
{
	error_prefix(err, "portico");
	error_print(stderr, err);
	return err->status == PORTICO_NOT_FOUND ? EXIT_NO_SERVER : EXIT_FAILED;
}

int
events_run(const struct options *options, const char *argument)
{
	const struct timespec retry = { .tv_nsec = RETRY_MS * 1000000l };
	bool follow = (options->given & OPTION_FOLLOW) != 0, more = true;
	bool any = options->pool == NULL;
	char since[CLOCK_TEXT_SIZE] = "";
	json_int_t last = 0;
	unsigned tries = 0;
	struct portico_error err;

	(void)argument;
	if (options->since != NULL &&
	    !parse_since(options->since, since, sizeof since)) {
		fprintf(stderr,
			"portico: --since wants a time like 2026-01-02T03:04 or "
			"how long ago, like 15m; found %s\n",
			options->since);
		return EXIT_USAGE;
	}
	while (more || follow) {
		json_t *request = json_pack("{s:s, s:I, s:b}", "type", "events",
					    "after", last, "wait",
					    follow && !more);

		if (since[0] != '\0')
			json_object_set_new(request, "since",
					    json_string(since));
		if (print_page(options, request, follow && !more, &last, &more,
			       &any, &err) == PORTICO_OK) {
			tries = 0;
			if (any || more)
				continue;
			if (check_pool(options, &err) != PORTICO_OK)
				return fail(&err);
			any = true;
			continue;
		}
		/* It had answered: it may be about to be back. */
		if (!follow || last == 0 || ++tries > RETRIES)
			return fail(&err);
		more = true;
		nanosleep(&retry, NULL);
	}
	return 0;
}
