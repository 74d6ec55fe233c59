/* SPDX-License-Identifier: Apache-2.0
 *
 * metric.h, as metric.t drives it.  The query of a request says what is
 * counted: count=N, gauge=N, set=N, observe=N; thread=N counts on another thread,
 * and sets if it also has level=N.
 * Without one the answer is what was said to bad declarations, and the worker.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct portico_metric *counter, *gauge, *level, *histogram, *nothing;
static char verdicts[128];
static bool same;

static enum portico_status
load(struct portico_error *err)
{
	(void)err;
	return portico_metric_counter("requests.count", "", "counted",
				      &counter);
}

static enum portico_status
worker_init(struct portico_worker *worker, struct portico_error *err)
{
	struct portico_metric *again, *other;
	char name[PORTICO_METRICS_MAX + 2];
	enum portico_status empty, upper, length, kind, full = PORTICO_OK;
	unsigned declared = 4;

	(void)worker;
	(void)err;
	portico_metric_gauge("open", "items", "how many are open", &gauge);
	portico_metric_gauge("level", "", "what was set last", &level);
	portico_metric_set(level, 7);
	portico_metric_histogram("wait", "us", "time waited", &histogram);
	portico_metric_counter("requests.count", NULL, NULL, &again);
	same = again == counter;
	empty = portico_metric_counter("", "", "", &other);
	upper = portico_metric_counter("Upper", "", "", &other);
	memset(name, 'a', sizeof(name));
	name[65] = '\0';
	length = portico_metric_counter(name, "", "", &other);
	kind = portico_metric_gauge("requests.count", "", "", &nothing);
	while (full == PORTICO_OK && declared < 1000) {
		snprintf(name, sizeof(name), "filler_%u", declared);
		full = portico_metric_counter(name, "", "", &other);
		declared += full == PORTICO_OK;
	}
	snprintf(verdicts, sizeof(verdicts), "%d %d %d %d %d %d %u", same,
		 empty == PORTICO_INVALID, upper == PORTICO_INVALID,
		 length == PORTICO_INVALID, kind == PORTICO_EXISTS,
		 full == PORTICO_FULL, declared);
	return PORTICO_OK;
}

/* On a thread of the pool: one at a time, so that threads meet. */
static void
count_elsewhere(void *arg)
{
	long *n = arg;

	for (; n[0] > 0; --n[0]) {
		if (n[1] != 0)
			portico_metric_set(level, n[1]);
		portico_metric_add(counter, 1);
		portico_metric_observe(histogram, 7);
	}
}

static enum portico_verdict
answer(struct portico_request *request, void *arg)
{
	char text[192];
	struct portico_metric *late;
	size_t written;
	enum portico_status status =
		portico_metric_counter("late", "", "", &late);

	(void)arg;
	/* Nothing happens. */
	portico_metric_add(nothing, 1);
	portico_metric_add(late, 1);
	portico_metric_observe(nothing, 1);
	portico_metric_observe(counter, 1);
	portico_metric_add(histogram, 1);
	portico_metric_set(nothing, 1);
	portico_metric_set(counter, 1);
	portico_metric_set(histogram, 1);
	portico_metric_add(counter, -1);
	snprintf(text, sizeof(text), "%s %d %d %u", verdicts,
		 status == PORTICO_STATE, (int)getpid(),
		 portico_request_loop_number(request));
	portico_response_write(request, text, strlen(text), &written);
	return PORTICO_DONE;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_slice value;
	long *n;

	if (portico_query_get(request, PORTICO_SLICE("count"), &value) ==
	    PORTICO_OK)
		portico_metric_add(counter, strtol(value.data, NULL, 10));
	if (portico_query_get(request, PORTICO_SLICE("gauge"), &value) ==
	    PORTICO_OK)
		portico_metric_add(gauge, strtol(value.data, NULL, 10));
	if (portico_query_get(request, PORTICO_SLICE("set"), &value) ==
	    PORTICO_OK)
		portico_metric_set(level, strtol(value.data, NULL, 10));
	if (portico_query_get(request, PORTICO_SLICE("raise"), &value) ==
	    PORTICO_OK)
		portico_metric_add(level, strtol(value.data, NULL, 10));
	if (portico_query_get(request, PORTICO_SLICE("observe"), &value) ==
	    PORTICO_OK)
		portico_metric_observe(histogram,
				       strtoull(value.data, NULL, 10));
	if (portico_query_get(request, PORTICO_SLICE("thread"), &value) !=
	    PORTICO_OK)
		return answer(request, NULL);
	n = portico_request_alloc(request, 2 * sizeof(*n));
	n[0] = strtol(value.data, NULL, 10);
	n[1] = 0;
	if (portico_query_get(request, PORTICO_SLICE("level"), &value) ==
	    PORTICO_OK)
		n[1] = strtol(value.data, NULL, 10);
	return portico_offload(request, count_elsewhere, n, answer, NULL) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static const struct portico_handler handlers[] = { { .name = "metric",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "metric", .version = "1.0.0", .summary = "counts",
	       .handlers = handlers, .load = load, .worker_init = worker_init);
