/* SPDX-License-Identifier: Apache-2.0
 *
 * What workers have counted, summed over all of them.
 */
#ifndef CORE_ACTIVATION_STATS_SUM_H
#define CORE_ACTIVATION_STATS_SUM_H

#include <jansson.h>

/*
 * `modules`: the rows of worker_answers_fn.  A worker may have said anything:
 * what is no metric or event is left out, and a sum ends at the greatest
 * number there is.
 */

/* [{module, name, kind, unit, help, value}], of histograms {count, sum, max,
 * p50, p90, p99, buckets} instead of value.  OWNERSHIP: the caller's. */
json_t *stats_sum_metrics(const json_t *modules);

/* [{module, event, calls, errors, wallUs, cpuUs}]. */
json_t *stats_sum_events(const json_t *modules);

#endif
