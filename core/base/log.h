/* SPDX-License-Identifier: Apache-2.0
 *
 * Diagnostics log of a process: one line per message, written whole by one
 * write(), from any thread.  When the descriptor takes no more (a full pipe, a
 * full disk, nobody reads) the line is lost and counted; nobody waits, and the
 * next line that can be written is preceded by one that says how many are
 * missing.
 *
 *   2026-01-02T03:04:05.678Z warning portico-worker[812]: text (pool=shop
 *   request=17) while reading body [P0123]
 *
 * (on one line).  Messages carry a context: a chain of key=value pairs from
 * process to request, and what was being done.  Errors and warnings carry a
 * permanent number (docs/messages.md): the text may change, the number may
 * not and is never used again.  Control bytes are escaped as \xNN.
 */
#ifndef CORE_BASE_LOG_H
#define CORE_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>

#include <portico/types.h>

enum log_level {
	LOG_LEVEL_ERROR, /* something failed that somebody must look at */
	LOG_LEVEL_WARNING, /* it goes on, but not as configured */
	LOG_LEVEL_INFO, /* life and death; the default */
	LOG_LEVEL_DEBUG, /* for us */
};

/*
 * One link of a context, usually on the stack or in the object it names.
 * Printed from the outermost parent inwards.
 */
struct log_context {
	const struct log_context *parent; /* may be NULL */
	const char *name; /* key, or NULL for no pair */
	const char *value;
	const char *action; /* "reading request header"; the innermost is said */
};

/*
 * Once, from main() before threads start.  `program` must outlive the
 * process; `fd` is borrowed.  Before it messages go to stderr as "portico".
 */
void log_open(const char *program, enum log_level level, int fd);

/* Any thread. */
void log_set_level(enum log_level level);

/* After fork(), so that lines carry the child's number. */
void log_update_pid(void);

/* "error", "warning", "info", "debug"; false if it is none of them. */
bool log_level_parse(struct portico_slice text, enum log_level *level_r);
const char *log_level_name(enum log_level level);

extern atomic_int log_level_now;

static inline bool
log_enabled(enum log_level level)
{
	return (int)level <=
	       atomic_load_explicit(&log_level_now, memory_order_relaxed);
}

/*
 * Told of each message that has a number, whatever the level, in the thread
 * that logs it; what it is given lives only during the call, and errno is kept
 * for it.  It must not log with a number.  One observer; NULL: none.
 */
typedef void log_observe_fn(enum log_level level, unsigned number,
			    const struct log_context *context,
			    const char *message, void *arg);
void log_observe(log_observe_fn *observe, void *arg);

/* A line as it is, with its newline; at most a page. */
void log_put_line(const char *text, size_t length);

/* How many lines could not be written, since the process began. */
uint64_t log_lost_lines(void);

/* `number` 0 = none.  Called through the names below. */
void log_write(enum log_level level, unsigned number,
	       const struct log_context *context, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A filled error record: its message, place, detail and hint on one line. */
void log_write_error(enum log_level level, unsigned number,
		     const struct log_context *context,
		     const struct portico_error *err);

/* `number`: permanent, above 0.  `ctx` may be NULL. */
#define log_error(number, ctx, ...)                                            \
	log_write(LOG_LEVEL_ERROR, (number), (ctx), __VA_ARGS__)
#define log_warn(number, ctx, ...)                                             \
	log_write(LOG_LEVEL_WARNING, (number), (ctx), __VA_ARGS__)

/* The arguments are evaluated only when the level is on. */
#define log_info(ctx, ...)                                                     \
	(log_enabled(LOG_LEVEL_INFO) ?                                         \
		 log_write(LOG_LEVEL_INFO, 0, (ctx), __VA_ARGS__) :            \
		 (void)0)
#define log_debug(ctx, ...)                                                    \
	(log_enabled(LOG_LEVEL_DEBUG) ?                                        \
		 log_write(LOG_LEVEL_DEBUG, 0, (ctx), __VA_ARGS__) :           \
		 (void)0)

#endif
