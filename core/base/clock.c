/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as text.
 */
#include "core/base/clock.h"

#include <stdio.h>

#include "core/base/check.h"

void
clock_format(uint64_t realtime_ns, char *text, size_t size)
{
	time_t seconds = (time_t)(realtime_ns / CLOCK_NS_PER_S);
	unsigned ms =
		(unsigned)(realtime_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_MS);
	struct tm tm;
	size_t length;

	ASSERT(size >= CLOCK_TEXT_SIZE);
	gmtime_r(&seconds, &tm);
	length = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + length, size - length, ".%03uZ", ms);
}
