/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: what a module has counted (metric.h), read by name.
 *
 *	assert(kit_metric(kit, "cache.hits") == 2);
 *	assert(kit_metric_count(kit, "wait") == 1);
 *
 * The counting is the worker's own.  Metrics are declared until kit_open
 * returns, later calls get PORTICO_STATE, as in a server whose requests run.
 * A name that the module has not declared, or of another kind, is a failure.
 */
#ifndef PORTICO_TESTKIT_METRIC_H
#define PORTICO_TESTKIT_METRIC_H

#include <portico/testkit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Value of a counter or gauge.  Since 1.0. */
int64_t kit_metric(const struct kit *kit, const char *name);

/* Of a histogram: how many values. */
uint64_t kit_metric_count(const struct kit *kit, const char *name);
/* Their sum. */
uint64_t kit_metric_sum(const struct kit *kit, const char *name);
/* The greatest one; 0: there is none. */
uint64_t kit_metric_max(const struct kit *kit, const char *name);
/* Values that fell into the same bucket as `value` would. */
uint64_t kit_metric_bucket(const struct kit *kit, const char *name,
			   uint64_t value);

/* "us"; NULL: there is no metric of that name, of any kind. */
const char *kit_metric_unit(const struct kit *kit, const char *name);

#ifdef __cplusplus
}
#endif

#endif
