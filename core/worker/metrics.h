/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of modules, as they are told (host_metric.c).
 */
#ifndef CORE_WORKER_METRICS_H
#define CORE_WORKER_METRICS_H

#include <jansson.h>

#include <portico/portico.h>

#include "core/worker/module_load.h"

/* What a module counts, summed over the loops, in the order of declaration:
 * objects {name, kind, unit, help} with value, or count, sum, max and buckets
 * (pairs: greatest value, how many).  Main thread.  OWNERSHIP: the caller's. */
json_t *metrics_describe(const struct portico_worker *worker,
			 const struct portico_self *self);

#endif
