/* SPDX-License-Identifier: Apache-2.0
 *
 * What modules cost by event, and what they count themselves.
 */
#include <stdio.h>

#include "core/command/show_metrics.h"
#include "core/command/table.h"

static void
print(struct table *table)
{
	printf("\n");
	table_print(table, stdout);
	table_free(table);
}

void
show_events(const json_t *events)
{
	struct table *table;
	json_t *event;
	size_t i;

	if (json_array_size(events) == 0)
		return;
	table = table_new("MODULE EVENT >CALLS >ERRORS >TIME-MS >CPU-MS");
	json_array_foreach(events, i, event)
	{
		table_member(table, event, "module");
		table_member(table, event, "event");
		table_member(table, event, "calls");
		table_member(table, event, "errors");
		table_milliseconds(table, event, "wallUs");
		table_milliseconds(table, event, "cpuUs");
	}
	print(table);
}

static void
describe_value(const json_t *metric, char *text, size_t size)
{
	static const char *const names[] = { "value", "count", "sum", "p50",
					     "p90",   "p99",   "max" };
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const json_t *value = json_object_get(metric, names[i]);
		int got;

		if (value == NULL || length >= size)
			continue;
		got = snprintf(text + length, size - length,
			       "%s%s%s%" JSON_INTEGER_FORMAT, i > 1 ? " " : "",
			       i > 0 ? names[i] : "", i > 0 ? "=" : "",
			       json_integer_value(value));
		length += got < 0 ? 0 : (size_t)got;
	}
}

void
show_metrics(const json_t *metrics)
{
	struct table *table;
	json_t *metric;
	size_t i;

	if (json_array_size(metrics) == 0)
		return;
	table = table_new("MODULE METRIC VALUE UNIT");
	json_array_foreach(metrics, i, metric)
	{
		char text[256];

		describe_value(metric, text, sizeof text);
		table_member(table, metric, "module");
		table_member(table, metric, "name");
		table_text(table, text);
		table_member(table, metric, "unit");
	}
	print(table);
}
