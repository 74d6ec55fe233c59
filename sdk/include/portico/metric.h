/* SPDX-License-Identifier: Apache-2.0
 *
 * Metrics of a module: counters, gauges and histograms by name, which
 * `portico module list --stats` shows.
 *
 *	static struct portico_metric *hits, *kept, *waited;
 *
 *	static enum portico_status
 *	worker_init(struct portico_worker *worker, struct portico_error *err)
 *	{
 *		portico_metric_counter("cache.hits", "", "answers kept", &hits);
 *		portico_metric_gauge("cache.kept", "entries", "", &kept);
 *		portico_metric_histogram("wait", "us", "for an answer",
 *					 &waited);
 *		return PORTICO_OK;
 *	}
 *
 *	portico_metric_add(hits, 1);
 *	portico_metric_set(kept, entries);
 *	portico_metric_observe(waited, microseconds);
 *
 * Each loop has cells of its own, so that adding and observing take no lock, no
 * memory and no atomic instruction; who reads sums them up, and sees a histogram that
 * is being written maybe half a step apart.  Values begin at 0 in each worker.
 *
 * Buckets of histograms: 0, 1, 2 and 3 have one each; from 4 on each power of
 * two is divided in 4 of equal width, so that a percentile, which is told as
 * the upper end of its bucket (and never above the greatest value), is at most
 * a quarter too high.  All 64 bits have a bucket: there are 252.
 */
#ifndef PORTICO_METRIC_H
#define PORTICO_METRIC_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PORTICO_METRICS_MAX 64 /* of a module */

/* What a metric is.  Since 1.0. */
enum portico_metric_kind {
	PORTICO_METRIC_COUNTER, /* only grows */
	PORTICO_METRIC_GAUGE, /* goes up and down */
	PORTICO_METRIC_HISTOGRAM /* how often which value */
};

struct portico_metric;

struct portico_host_metric {
	uint32_t size;
	enum portico_status (*declare)(struct portico_self *,
				       enum portico_metric_kind,
				       const char *name, const char *unit,
				       const char *help,
				       struct portico_metric **metric_r);
	void (*add)(struct portico_metric *, int64_t delta);
	void (*observe)(struct portico_metric *, uint64_t value);
	void (*set)(struct portico_metric *, int64_t value);
};

/*
 * Declare a counter.  name: [a-z0-9_.]{1,64}, the module's own: others may use
 * it, too.  unit: what is shown behind the value, up to 16 bytes ("us",
 * "bytes", or "").  help: a few words, up to 200 bytes.  All are copied; NULL
 * is "".  The same name and kind again gives the same metric.
 *   PORTICO_INVALID      name, unit or help is not as above
 *   PORTICO_EXISTS       the name is of a metric of another kind
 *   PORTICO_FULL         the module has PORTICO_METRICS_MAX
 *   PORTICO_STATE        requests may run already
 *   PORTICO_UNSUPPORTED  there is no worker
 * With an error *metric_r is NULL, which may be counted with: nothing happens.
 * Main thread, in load, worker_init and application_init.  The metric lives as
 * long as the process.  Since 1.0.
 */
static inline enum portico_status
portico_metric_counter(const char *name, const char *unit, const char *help,
		       struct portico_metric **metric_r)
{
	return portico_host->metric->declare(portico_self,
					     PORTICO_METRIC_COUNTER, name, unit,
					     help, metric_r);
}

/* The same for a gauge.  Its value is that of this worker; what is shown is
 * the sum of all workers that have answered.  Since 1.0. */
static inline enum portico_status
portico_metric_gauge(const char *name, const char *unit, const char *help,
		     struct portico_metric **metric_r)
{
	return portico_host->metric->declare(portico_self, PORTICO_METRIC_GAUGE,
					     name, unit, help, metric_r);
}

/* The same for a histogram.  Since 1.0. */
static inline enum portico_status
portico_metric_histogram(const char *name, const char *unit, const char *help,
			 struct portico_metric **metric_r)
{
	return portico_host->metric->declare(portico_self,
					     PORTICO_METRIC_HISTOGRAM, name,
					     unit, help, metric_r);
}

/*
 * Add to a counter (a negative delta does nothing) or a gauge; with a
 * histogram or NULL nothing happens.  Any thread: loops write their own cells,
 * all other threads share one with atomic instructions.  Since 1.0.
 */
static inline void
portico_metric_add(struct portico_metric *metric, int64_t delta)
{
	portico_host->metric->add(metric, delta);
}

/*
 * A gauge's value from now on, in this worker: whatever any thread has added
 * or set before is gone, what is added meanwhile counts.  It looks at the
 * cells of all threads under a lock that only set takes, so what is counted up
 * and down by each request is for portico_metric_add; set is for what is
 * measured now and then.  With another kind or NULL nothing happens.  Any
 * thread, also in worker_init; never from a signal handler.  Since 1.0.
 */
static inline void
portico_metric_set(struct portico_metric *metric, int64_t value)
{
	portico_host->metric->set(metric, value);
}

/* One value for a histogram; with others or NULL nothing happens.  Threads as
 * above.  Since 1.0. */
static inline void
portico_metric_observe(struct portico_metric *metric, uint64_t value)
{
	portico_host->metric->observe(metric, value);
}

#ifdef __cplusplus
}
#endif

#endif
