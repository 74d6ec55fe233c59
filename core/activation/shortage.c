/* SPDX-License-Identifier: Apache-2.0
 *
 * Shortages.
 */
#include "core/activation/shortage.h"

#include <stdio.h>
#include <string.h>

#define TELL_AGAIN_NS 60000000000ull

bool
shortage_note(struct shortage *shortage, const char *why, uint64_t now_ns)
{
	bool tell = shortage->count == 0 ||
		    now_ns - shortage->told_ns >= TELL_AGAIN_NS;

	if (shortage->count == 0)
		shortage->began_ns = now_ns;
	shortage->count++;
	snprintf(shortage->why, sizeof shortage->why, "%s", why);
	if (tell)
		shortage->told_ns = now_ns;
	return tell;
}

uint64_t
shortage_delay_ms(const struct shortage *shortage)
{
	static const uint64_t delays[] = { 0, 100, 300, 1000, 2000 };
	unsigned last = sizeof delays / sizeof *delays - 1;

	return delays[shortage->count < last ? shortage->count : last];
}

void
shortage_end(struct shortage *shortage)
{
	memset(shortage, 0, sizeof *shortage);
}
