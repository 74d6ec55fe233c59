/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over workers: metrics by module, name and kind (another file of the
 * module may have another kind of the same name), events by module and name.
 */
#include "core/activation/stats_sum.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES_MAX 64 /* of a metric, or of an event */
#define KEY_BYTES 512

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

static json_int_t
integer_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* At most the greatest, at least the least. */
static json_int_t
sum(json_int_t a, json_int_t b)
{
	json_int_t result;

	if (__builtin_add_overflow(a, b, &result))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return result;
}

static void
add_member(json_t *total, const json_t *one, const char *name)
{
	json_object_set_new(total, name,
			    json_integer(sum(integer_of(total, name),
					     integer_of(one, name))));
}

/* The row of `key` in `totals`, new ones with the module's name and the texts
 * of `names`; NULL: it is none, since the first of them is missing. */
static json_t *
total_of(json_t *totals, const json_t *module, const json_t *one,
	 const char *const *names)
{
	char key[KEY_BYTES];
	const char *first = text_of(one, names[0]);
	json_t *total;

	if (*first == '\0' || strlen(first) > NAME_BYTES_MAX)
		return NULL;
	/* A module's name is the configuration's, and bounded there. */
	snprintf(key, sizeof key, "%s %.80s %.20s", text_of(module, "name"),
		 first, text_of(one, "kind"));
	total = json_object_get(totals, key);
	if (total != NULL)
		return total;
	total = json_object();
	json_object_set(total, "module", json_object_get(module, "name"));
	for (size_t i = 0; names[i] != NULL; i++)
		if (json_is_string(json_object_get(one, names[i])))
			json_object_set(total, names[i],
					json_object_get(one, names[i]));
	json_object_set_new(totals, key, total);
	return total;
}

/* Takes the object; its values in their order. */
static json_t *
values_of(json_t *totals)
{
	json_t *array = json_array(), *total;
	const char *key;

	json_object_foreach(totals, key, total) json_array_append(array, total);
	json_decref(totals);
	return array;
}

/* ---- histograms ---------------------------------------------------------- */

/* Both are in the order of the buckets, and without those that are empty. */
static json_t *
merge_buckets(const json_t *a, const json_t *b)
{
	json_t *merged = json_array();
	size_t i = 0, k = 0;

	while (i < json_array_size(a) || k < json_array_size(b)) {
		json_t *x = json_array_get(a, i), *y = json_array_get(b, k);
		json_int_t x_end = json_integer_value(json_array_get(x, 0));
		json_int_t y_end = json_integer_value(json_array_get(y, 0));
		json_int_t n = 0, end;

		end = y == NULL || (x != NULL && x_end <= y_end) ? x_end :
								   y_end;
		if (x != NULL && x_end == end) {
			n = json_integer_value(json_array_get(x, 1));
			i++;
		}
		if (y != NULL && y_end == end) {
			n = sum(n, json_integer_value(json_array_get(y, 1)));
			k++;
		}
		json_array_append_new(merged, json_pack("[I, I]", end, n));
	}
	return merged;
}

static void
add_histogram(json_t *total, const json_t *one)
{
	json_int_t max = integer_of(one, "max");

	add_member(total, one, "count");
	add_member(total, one, "sum");
	if (max < integer_of(total, "max"))
		max = integer_of(total, "max");
	json_object_set_new(total, "max", json_integer(max));
	json_object_set_new(total, "buckets",
			    merge_buckets(json_object_get(total, "buckets"),
					  json_object_get(one, "buckets")));
}

/* The end of the bucket in which so much of all values is reached. */
static json_int_t
percentile(const json_t *total, unsigned percent)
{
	json_int_t seen = 0, count = integer_of(total, "count");
	json_int_t max = integer_of(total, "max");
	json_t *bucket;
	size_t i;

	json_array_foreach(json_object_get(total, "buckets"), i, bucket)
	{
		json_int_t end = json_integer_value(json_array_get(bucket, 0));

		seen = sum(seen, json_integer_value(json_array_get(bucket, 1)));
		if ((double)seen * 100 >= (double)count * percent)
			return end < max ? end : max;
	}
	return max;
}

static void
add_percentiles(json_t *totals)
{
	static const struct {
		const char *name;
		unsigned percent;
	} wanted[] = { { "p50", 50 }, { "p90", 90 }, { "p99", 99 } };
	json_t *total;
	const char *key;

	json_object_foreach(totals, key, total)
	{
		if (json_object_get(total, "buckets") == NULL)
			continue;
		for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
			json_object_set_new(total, wanted[i].name,
					    json_integer(percentile(
						    total, wanted[i].percent)));
	}
}

/* ---- rows ---------------------------------------------------------------- */

static void
add_metric(json_t *totals, const json_t *module, const json_t *metric)
{
	static const char *const names[] = { "name", "kind", "unit", "help",
					     NULL };
	const char *kind = text_of(metric, "kind");
	bool histogram = strcmp(kind, "histogram") == 0;
	json_t *total;

	if (!histogram && strcmp(kind, "counter") != 0 &&
	    strcmp(kind, "gauge") != 0)
		return;
	total = total_of(totals, module, metric, names);
	if (total == NULL)
		return;
	if (histogram)
		add_histogram(total, metric);
	else
		add_member(total, metric, "value");
}

json_t *
stats_sum_metrics(const json_t *modules)
{
	json_t *totals = json_object(), *module, *metric;
	size_t i, k;

	json_array_foreach(modules, i, module)
		json_array_foreach(json_object_get(module, "metrics"), k,
				   metric) add_metric(totals, module, metric);
	add_percentiles(totals);
	return values_of(totals);
}

json_t *
stats_sum_events(const json_t *modules)
{
	static const char *const names[] = { "event", NULL };
	static const char *const counts[] = { "calls", "errors", "wallUs",
					      "cpuUs" };
	json_t *totals = json_object(), *module, *event;
	size_t i, k;

	json_array_foreach(modules, i, module)
		json_array_foreach(json_object_get(module, "events"), k, event)
	{
		json_t *total = total_of(totals, module, event, names);

		for (size_t n = 0; total != NULL && n < 4; n++)
			add_member(total, event, counts[n]);
	}
	return values_of(totals);
}
