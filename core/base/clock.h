/* SPDX-License-Identifier: Apache-2.0
 *
 * The clocks, in nanoseconds.  A loop that needs the time often keeps its own
 * copy; nothing is cached here.
 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLOCK_NS_PER_US UINT64_C(1000)
#define CLOCK_NS_PER_MS UINT64_C(1000000)
#define CLOCK_NS_PER_S UINT64_C(1000000000)

/* Never goes back; its zero is the machine's start.  Equal in all processes. */
static inline uint64_t
clock_monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Since 1970, may be set back by the administrator. */
static inline uint64_t
clock_realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* CPU time of the whole process. */
static inline uint64_t
clock_process_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Bytes for clock_format(), with the NUL. */
#define CLOCK_TEXT_SIZE sizeof("2026-01-02T03:04:05.678Z")

/* RFC 3339 in UTC with milliseconds.  `size` at least CLOCK_TEXT_SIZE. */
void clock_format(uint64_t realtime_ns, char *text, size_t size);

#endif
