/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics: the worker's own, which are included so that they can be looked at.
 */
#include "core/worker/host_metric.c" /* for its static functions */

#include <portico/testkit_metric.h>

#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

static enum portico_status
metric_declare(struct portico_self *self, enum portico_metric_kind kind,
	       const char *name, const char *unit, const char *help,
	       struct portico_metric **metric_r)
{
	enum portico_status failed;

	*metric_r = NULL;
	if (kit_now->opened)
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_MEMORY, "portico_metric_declare", PORTICO_FULL,
		      &failed))
		return failed;
	return host_metric_declare(self, kind, name, unit, help, metric_r);
}

const struct portico_host_metric kit_host_metric = {
	.size = sizeof(struct portico_host_metric),
	.declare = metric_declare,
	.add = host_metric_add,
	.set = host_metric_set,
	.observe = host_metric_observe,
};

/* ---- what tests call ------------------------------------------------------------ */

static const struct portico_metric *
find(const struct kit *kit, const char *name)
{
	const struct portico_metric *metric;

	CHECK(kit, KIT_MAGIC);
	for (metric = kit->worker->metrics; metric != NULL;
	     metric = metric->next)
		if (strcmp(metric->name, name) == 0)
			return metric;
	return NULL;
}

/* One that fits; NULL: a failure was told. */
static const struct portico_metric *
find_kind(const struct kit *kit, const char *name, bool histogram,
	  const char *caller)
{
	const struct portico_metric *metric = find(kit, name);

	if (metric == NULL)
		kit_fail("%s: the module has declared no metric \"%s\"", caller,
			 name);
	else if ((metric->kind == PORTICO_METRIC_HISTOGRAM) == histogram)
		return metric;
	else
		kit_fail("%s: \"%s\" is %s histogram", caller, name,
			 histogram ? "no" : "a");
	return NULL;
}

int64_t
kit_metric(const struct kit *kit, const char *name)
{
	const struct portico_metric *metric =
		find_kind(kit, name, false, "kit_metric");

	return metric == NULL ? 0 : (int64_t)sum_of(metric, 0);
}

uint64_t
kit_metric_count(const struct kit *kit, const char *name)
{
	const struct portico_metric *metric =
		find_kind(kit, name, true, "kit_metric_count");
	uint64_t count = 0;

	for (uint32_t i = 0; metric != NULL && i < BUCKETS; i++)
		count += sum_of(metric, BUCKET_CELL + i);
	return count;
}

uint64_t
kit_metric_sum(const struct kit *kit, const char *name)
{
	const struct portico_metric *metric =
		find_kind(kit, name, true, "kit_metric_sum");

	return metric == NULL ? 0 : sum_of(metric, 0);
}

uint64_t
kit_metric_max(const struct kit *kit, const char *name)
{
	const struct portico_metric *metric =
		find_kind(kit, name, true, "kit_metric_max");
	uint64_t max = 0;

	for (uint32_t i = 0; metric != NULL && i < metric->rows; i++) {
		uint64_t one =
			metric->cells[(size_t)i * metric->row_cells + MAX_CELL];

		max = one > max ? one : max;
	}
	return max;
}

uint64_t
kit_metric_bucket(const struct kit *kit, const char *name, uint64_t value)
{
	const struct portico_metric *metric =
		find_kind(kit, name, true, "kit_metric_bucket");

	return metric == NULL ? 0 :
				sum_of(metric, BUCKET_CELL + bucket_of(value));
}

const char *
kit_metric_unit(const struct kit *kit, const char *name)
{
	const struct portico_metric *metric = find(kit, name);

	return metric == NULL ? NULL : metric->unit;
}
