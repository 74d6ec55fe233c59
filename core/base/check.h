/* SPDX-License-Identifier: Apache-2.0
 *
 * Self-defence: assertions that stay on in production.
 *
 *   CHECK(object, MAGIC)  the object is there and is what it claims to be
 *   ASSERT(expression)    a cheap truth of ours; never about a peer's data
 *   DIAG(expression)      a costly one, compiled in by --enable-diagnostics
 *   UNREACHABLE()         this line is not reached
 *
 * A failure prints expression, place, backtrace and what the thread was
 * working on (check_set_dump), then aborts.
 */
#ifndef CORE_BASE_CHECK_H
#define CORE_BASE_CHECK_H

#include <stddef.h>

/* Says on descriptor `fd` what the thread was doing; writes with dprintf().
 * -1: nobody reads it. */
typedef void check_dump_fn(int fd, void *arg);

/*
 * Sets what this thread prints after a failed assertion; NULL for nothing.
 * One per thread; the caller restores the earlier one if it nests.
 */
void check_set_dump(check_dump_fn *dump, void *arg);

/* Never returns.  Called by the macros only. */
void check_failed(const char *expression, const char *file, int line,
		  const char *function)
	__attribute__((noreturn, cold, nonnull(1, 2, 4)));

/* Prints message and backtrace as a failed assertion does, then aborts. */
void check_panic(const char *format, ...)
	__attribute__((noreturn, cold, format(printf, 1, 2)));

/* Installs handlers that print a backtrace on SIGSEGV, SIGBUS, SIGILL, SIGFPE
 * and then let the signal do its work.  Once, from main(). */
void check_install_handlers(void);

#define ASSERT(expression)                                                     \
	(__builtin_expect(!!(expression), 1) ?                                 \
		 (void)0 :                                                     \
		 check_failed(#expression, __FILE__, __LINE__, __func__))

#define CHECK(object, value)                                                   \
	(__builtin_expect((object) != NULL && (object)->magic == (value), 1) ? \
		 (void)0 :                                                     \
		 check_failed(#object "->magic == " #value, __FILE__,          \
			      __LINE__, __func__))

#define UNREACHABLE() check_failed("not reached", __FILE__, __LINE__, __func__)

#ifdef PORTICO_DIAGNOSTICS
#define DIAG(expression) ASSERT(expression)
#else
#define DIAG(expression) ((void)sizeof(!(expression)))
#endif

#endif
