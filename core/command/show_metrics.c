/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of modules, summed over the workers that have answered.
 */
#include <stdio.h>
#include <string.h>

#include "core/command/show_metrics.h"
#include "core/command/table.h"

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

static void
add_member(json_t *sum, const json_t *metric, const char *name)
{
	json_object_set_new(
		sum, name,
		json_integer(integer_of(sum, name) + integer_of(metric, name)));
}

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
			n += json_integer_value(json_array_get(x, 1));
			i++;
		}
		if (y != NULL && y_end == end) {
			n += json_integer_value(json_array_get(y, 1));
			k++;
		}
		json_array_append_new(merged, json_pack("[I, I]", end, n));
	}
	return merged;
}

static void
join(json_t *sum, const json_t *metric)
{
	if (json_object_get(metric, "buckets") == NULL) {
		add_member(sum, metric, "value");
		return;
	}
	add_member(sum, metric, "count");
	if (integer_of(metric, "max") > integer_of(sum, "max"))
		json_object_set(sum, "max", json_object_get(metric, "max"));
	json_object_set_new(sum, "buckets",
			    merge_buckets(json_object_get(sum, "buckets"),
					  json_object_get(metric, "buckets")));
}

/* The same name may be of another kind in workers that have another file of
 * the module: a line of its own. */
static void
sum_up(json_t *sums, const json_t *module, json_t *metric)
{
	char key[256];
	json_t *sum;

	snprintf(key, sizeof key, "%s %s %s", text_of(module, "name"),
		 text_of(metric, "name"), text_of(metric, "kind"));
	sum = json_object_get(sums, key);
	if (sum != NULL) {
		join(sum, metric);
		return;
	}
	sum = json_copy(metric);
	json_object_set(sum, "module", json_object_get(module, "name"));
	json_object_set_new(sums, key, sum);
}

/* The end of the bucket in which so much of all values is reached. */
static json_int_t
percentile(const json_t *sum, json_int_t percent)
{
	json_int_t seen = 0, total = integer_of(sum, "count");
	json_int_t max = integer_of(sum, "max");
	json_t *bucket;
	size_t i;

	json_array_foreach(json_object_get(sum, "buckets"), i, bucket)
	{
		json_int_t end = json_integer_value(json_array_get(bucket, 0));

		seen += json_integer_value(json_array_get(bucket, 1));
		if ((double)seen * 100 >= (double)total * (double)percent)
			return end < max ? end : max;
	}
	return max;
}

static void
describe_value(const json_t *sum, char *text, size_t size)
{
	if (json_object_get(sum, "buckets") == NULL)
		snprintf(text, size, "%" JSON_INTEGER_FORMAT,
			 integer_of(sum, "value"));
	else
		snprintf(text, size,
			 "count=%" JSON_INTEGER_FORMAT
			 " p50=%" JSON_INTEGER_FORMAT
			 " p90=%" JSON_INTEGER_FORMAT
			 " p99=%" JSON_INTEGER_FORMAT
			 " max=%" JSON_INTEGER_FORMAT,
			 integer_of(sum, "count"), percentile(sum, 50),
			 percentile(sum, 90), percentile(sum, 99),
			 integer_of(sum, "max"));
}

void
show_metrics(const json_t *modules)
{
	json_t *sums = json_object(), *module, *metric, *sum;
	const char *key;
	size_t i, k;

	json_array_foreach(modules, i, module)
		json_array_foreach(json_object_get(module, "metrics"), k,
				   metric) sum_up(sums, module, metric);
	if (json_object_size(sums) > 0) {
		struct table *table = table_new("MODULE METRIC VALUE UNIT");

		json_object_foreach(sums, key, sum)
		{
			char text[160];

			describe_value(sum, text, sizeof text);
			table_member(table, sum, "module");
			table_member(table, sum, "name");
			table_text(table, text);
			table_member(table, sum, "unit");
		}
		printf("\n");
		table_print(table, stdout);
		table_free(table);
	}
	json_decref(sums);
}
