/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: metrics of modules.  Declared and read on the main
 * thread, before the loops start and afterwards; in between each loop writes
 * its own cells, and all threads that are no loops share one row of them.  A
 * gauge that is set gets in that row what the others lack.
 */
#include "core/worker/metrics.h"

#include <pthread.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/worker/calls.h"
#include "core/worker/host_priv.h"
#include "core/worker/worker.h"

#define METRIC_MAGIC 0x4d455452u
#define NAME_BYTES_MAX 64
#define UNIT_BYTES_MAX 16
#define HELP_BYTES_MAX 200

#define SUB_BITS 2 /* a power of two has 4 buckets */
#define SUBS (1u << SUB_BITS)
#define BUCKETS ((64 - SUB_BITS + 1) * SUBS)

#define LINE_CELLS 8 /* of a cache line: rows do not share one */
#define MAX_CELL 1 /* of a histogram; 0: sum, or the value of others */
#define BUCKET_CELL 2

struct portico_metric {
	unsigned magic;
	enum portico_metric_kind kind;
	const struct portico_self *self;
	const char *name, *unit, *help;
	struct portico_metric *next; /* of the worker */
	uint32_t rows, row_cells; /* a row for each loop, then the others' */
	_Atomic uint64_t *cells;
};

static bool
name_is_valid(const char *name)
{
	size_t length = name == NULL ? 0 : strlen(name);

	return length > 0 && length <= NAME_BYTES_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == length;
}

static const char *
copy(struct portico_worker *worker, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(arena_alloc(worker->arena, size), text, size);
}

static struct portico_metric *
metric_new(const struct portico_self *self, enum portico_metric_kind kind,
	   const char *name, const char *unit, const char *help)
{
	struct portico_worker *worker = self->worker;
	struct portico_metric *metric =
		arena_alloc(worker->arena, sizeof(*metric));
	size_t size;

	*metric = (struct portico_metric){
		.magic = METRIC_MAGIC,
		.kind = kind,
		.self = self,
		.name = copy(worker, name),
		.unit = copy(worker, unit),
		.help = copy(worker, help),
		.rows = worker->loop_count + 1,
		.row_cells = LINE_CELLS,
	};
	if (kind == PORTICO_METRIC_HISTOGRAM)
		metric->row_cells +=
			(BUCKETS + LINE_CELLS - 1) / LINE_CELLS * LINE_CELLS;
	/* One more line: the arena does not align to them. */
	size = ((size_t)metric->rows * metric->row_cells + LINE_CELLS) *
	       sizeof(*metric->cells);
	metric->cells = arena_alloc(worker->arena, size);
	memset((void *)metric->cells, 0, size);
	metric->cells += LINE_CELLS - (uintptr_t)metric->cells /
					      sizeof(*metric->cells) %
					      LINE_CELLS;
	return metric;
}

static enum portico_status
host_metric_declare(struct portico_self *self, enum portico_metric_kind kind,
		    const char *name, const char *unit, const char *help,
		    struct portico_metric **metric_r)
{
	struct portico_metric **at;
	uint32_t count = 0;

	CHECK(self, MODULE_SELF_MAGIC);
	*metric_r = NULL;
	unit = unit == NULL ? "" : unit;
	help = help == NULL ? "" : help;
	if (self->worker == NULL)
		return PORTICO_UNSUPPORTED;
	if (!name_is_valid(name) || strlen(unit) > UNIT_BYTES_MAX ||
	    strlen(help) > HELP_BYTES_MAX)
		return PORTICO_INVALID;
	if (self->worker->loop_count > 0 && self->worker->loops[0].started)
		return PORTICO_STATE;
	for (at = &self->worker->metrics; *at != NULL; at = &(*at)->next) {
		if ((*at)->self != self)
			continue;
		count++;
		if (strcmp((*at)->name, name) != 0)
			continue;
		if ((*at)->kind != kind)
			return PORTICO_EXISTS;
		*metric_r = *at;
		return PORTICO_OK;
	}
	if (count >= PORTICO_METRICS_MAX)
		return PORTICO_FULL;
	*metric_r = *at = metric_new(self, kind, name, unit, help);
	return PORTICO_OK;
}

/* ---- counting -------------------------------------------------------------------- */

/* The row of this thread; *alone_r: nobody else writes it. */
static _Atomic uint64_t *
row_of(const struct portico_metric *metric, bool *alone_r)
{
	const struct worker_loop *loop = loop_current();
	uint32_t row = loop == NULL ? metric->rows - 1 : loop->number;

	*alone_r = loop != NULL;
	return metric->cells + (size_t)row * metric->row_cells;
}

static void
cell_add(_Atomic uint64_t *cell, uint64_t n, bool alone)
{
	if (alone)
		calls_add(cell, n);
	else
		atomic_fetch_add_explicit(cell, n, memory_order_relaxed);
}

static void
cell_raise(_Atomic uint64_t *cell, uint64_t value)
{
	uint64_t now = atomic_load_explicit(cell, memory_order_relaxed);

	while (now < value && !atomic_compare_exchange_weak(cell, &now, value))
		;
}

static void
host_metric_add(struct portico_metric *metric, int64_t delta)
{
	_Atomic uint64_t *row;
	bool alone;

	if (metric == NULL || metric->kind == PORTICO_METRIC_HISTOGRAM ||
	    (metric->kind == PORTICO_METRIC_COUNTER && delta < 0))
		return;
	CHECK(metric, METRIC_MAGIC);
	row = row_of(metric, &alone);
	cell_add(row, (uint64_t)delta, alone);
}

static uint64_t sum_of(const struct portico_metric *metric, uint32_t cell);

/* Between two that set, else both would add what lacks; held for as long as it
 * takes to read the rows, with no call of anything. */
static pthread_mutex_t set_lock = PTHREAD_MUTEX_INITIALIZER;

static void
host_metric_set(struct portico_metric *metric, int64_t value)
{
	_Atomic uint64_t *others;

	if (metric == NULL || metric->kind != PORTICO_METRIC_GAUGE)
		return;
	CHECK(metric, METRIC_MAGIC);
	others = metric->cells + (size_t)(metric->rows - 1) * metric->row_cells;
	pthread_mutex_lock(&set_lock);
	cell_add(others, (uint64_t)value - sum_of(metric, 0), false);
	pthread_mutex_unlock(&set_lock);
}

static uint32_t
bucket_of(uint64_t value)
{
	unsigned power;

	if (value < SUBS)
		return (uint32_t)value;
	power = 63 - (unsigned)__builtin_clzll(value);
	return (power - SUB_BITS + 1) * SUBS +
	       (uint32_t)(value >> (power - SUB_BITS) & (SUBS - 1));
}

/* The greatest value of a bucket. */
static uint64_t
bucket_end(uint32_t bucket)
{
	unsigned shift;

	if (bucket < SUBS)
		return bucket;
	shift = bucket / SUBS - 1;
	return ((uint64_t)(SUBS + bucket % SUBS) << shift) +
	       (((uint64_t)1 << shift) - 1);
}

static void
host_metric_observe(struct portico_metric *metric, uint64_t value)
{
	_Atomic uint64_t *row;
	bool alone;

	if (metric == NULL || metric->kind != PORTICO_METRIC_HISTOGRAM)
		return;
	CHECK(metric, METRIC_MAGIC);
	row = row_of(metric, &alone);
	cell_add(row, value, alone);
	cell_raise(row + MAX_CELL, value);
	cell_add(row + BUCKET_CELL + bucket_of(value), 1, alone);
}

/* ---- reading ---------------------------------------------------------------------- */

static uint64_t
sum_of(const struct portico_metric *metric, uint32_t cell)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < metric->rows; i++)
		sum += atomic_load(
			&metric->cells[(size_t)i * metric->row_cells + cell]);
	return sum;
}

/* JSON's integers are signed. */
static json_t *
number(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static void
describe_histogram(const struct portico_metric *metric, json_t *object)
{
	json_t *buckets = json_array();
	uint64_t max = 0, count = 0;

	for (uint32_t i = 0; i < metric->rows; i++) {
		uint64_t one = atomic_load(
			&metric->cells[(size_t)i * metric->row_cells +
				       MAX_CELL]);

		max = one > max ? one : max;
	}
	for (uint32_t i = 0; i < BUCKETS; i++) {
		uint64_t n = sum_of(metric, BUCKET_CELL + i);

		if (n == 0)
			continue;
		count += n;
		json_array_append_new(buckets,
				      json_pack("[o, o]", number(bucket_end(i)),
						number(n)));
	}
	json_object_set_new(object, "count", number(count));
	json_object_set_new(object, "sum", number(sum_of(metric, 0)));
	json_object_set_new(object, "max", number(max));
	json_object_set_new(object, "buckets", buckets);
}

json_t *
metrics_describe(const struct portico_worker *worker,
		 const struct portico_self *self)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };
	json_t *all = json_array();

	for (const struct portico_metric *metric = worker->metrics;
	     metric != NULL; metric = metric->next) {
		json_t *object;

		if (metric->self != self)
			continue;
		/* Texts that are not UTF-8 are left out. */
		object = json_pack("{s:s, s:s, s:o*, s:o*}", "name",
				   metric->name, "kind", kinds[metric->kind],
				   "unit", json_string(metric->unit), "help",
				   json_string(metric->help));
		if (metric->kind == PORTICO_METRIC_HISTOGRAM)
			describe_histogram(metric, object);
		else if (metric->kind == PORTICO_METRIC_COUNTER)
			json_object_set_new(object, "value",
					    number(sum_of(metric, 0)));
		else
			json_object_set_new(
				object, "value",
				json_integer((json_int_t)sum_of(metric, 0)));
		json_array_append_new(all, object);
	}
	return all;
}

const struct portico_host_metric worker_host_metric = {
	.size = sizeof(struct portico_host_metric),
	.declare = host_metric_declare,
	.add = host_metric_add,
	.observe = host_metric_observe,
	.set = host_metric_set,
};
