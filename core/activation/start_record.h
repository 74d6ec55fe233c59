/* SPDX-License-Identifier: Apache-2.0
 *
 * The record of one start of a worker: which step it reached when, what it
 * wrote to stderr meanwhile, how it ended.  The answer to "why did it not
 * start".  A pool keeps the last few.
 */
#ifndef CORE_ACTIVATION_START_RECORD_H
#define CORE_ACTIVATION_START_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/activation/limits.h"

/* X(symbol, name in JSON) in the order in which they are reached. */
#define START_STEPS(X)                                                         \
	X(FORK, "fork") /* the process exists */                               \
	X(EXEC, "exec") /* the program runs */                                 \
	X(CONFIGURED, "configured") /* its settings were sent */               \
	X(INITIALIZING, "initializing") /* pages are requested in it */        \
	X(READY, "ready") /* modules are loaded, pages requested */            \
	X(ATTACHED, "attached") /* the listener gives it requests */

enum start_step {
#define START_STEP_ENUM(symbol, name) START_STEP_##symbol,
	START_STEPS(START_STEP_ENUM)
#undef START_STEP_ENUM
	START_STEP_COUNT
};

struct start_record {
	uint32_t worker; /* id; 0 = unused */
	int32_t pid;
	uint64_t began_realtime_ns;
	uint64_t began_ns; /* monotonic */
	uint64_t step_ns[START_STEP_COUNT]; /* since began; 0 = not reached */
	uint64_t ended_ns; /* since began; 0 = still going on */
	bool succeeded;
	char outcome[512]; /* sentence, when ended without success */
	char lines[START_LINES_MAX][START_LINE_BYTES]; /* ring */
	unsigned line_count; /* ever; the ring holds the last of them */
};

/* The last START_RECORDS_MAX of a pool. */
struct start_history {
	struct start_record *records[START_RECORDS_MAX]; /* newest first */
};

const char *start_step_name(enum start_step step);

/* OWNERSHIP: the history's.  NULL when memory is exhausted: the functions
 * below accept that, a start goes on without its record. */
struct start_record *start_history_begin(struct start_history *history,
					 uint32_t worker, uint64_t now_ns,
					 uint64_t realtime_ns);
void start_history_fini(struct start_history *history);

/* NULL when it is not kept any more. */
struct start_record *start_history_find(const struct start_history *history,
					uint32_t worker);

void start_record_step(struct start_record *record, enum start_step step,
		       uint64_t now_ns);
void start_record_line(struct start_record *record, const char *line);
/* NULL: none yet. */
const char *start_record_last_line(const struct start_record *record);
void start_record_succeed(struct start_record *record, uint64_t now_ns);
/* The first outcome stays. */
void start_record_fail(struct start_record *record, uint64_t now_ns,
		       const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* One of another porticod (state_write.c); what is missing stays 0. */
void start_history_restore(struct start_history *history, const json_t *json);

/* OWNERSHIP: the caller's; NULL when memory is exhausted. */
json_t *start_history_to_json(const struct start_history *history);

#endif
