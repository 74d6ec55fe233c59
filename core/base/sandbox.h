/* SPDX-License-Identifier: Apache-2.0
 *
 * Which system calls this process may make from now on: an allow-list, by the
 * kernel's seccomp.  Any other fails with EPERM; the first of each is told in
 * the log, by name.  It holds for all threads, and for programs that are
 * started, which have no handler of ours: they are killed by SIGSYS.
 */
#ifndef CORE_BASE_SANDBOX_H
#define CORE_BASE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include <portico/types.h>

enum sandbox_kind {
	SANDBOX_WORKER, /* what programs usually do */
	SANDBOX_LISTENER, /* no programs, no processes */
};

struct sandbox_options {
	enum sandbox_kind kind;
	const char *const *allow; /* names of calls, besides */
	size_t allow_count;
	const char *setting; /* which says what is allowed besides */
};

/*
 * PORTICO_OK; PORTICO_CONFIG for a name that is none; PORTICO_UNSUPPORTED with
 * err where the kernel cannot; both leave everything as it is.
 */
enum portico_status sandbox_enter(const struct sandbox_options *options,
				  struct portico_error *err);

/* From now on sandbox_enter() does nothing: two parts share the process. */
void sandbox_disable(void);

#endif
