/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting failures.
 */
#include "core/activation/backoff.h"

#include <string.h>

#include "core/base/check.h"

void
backoff_init(struct backoff *backoff, unsigned maximum, uint64_t interval_ns)
{
	ASSERT(maximum <= RAPID_FAIL_MAX);
	memset(backoff, 0, sizeof *backoff);
	backoff->maximum = maximum;
	backoff->interval_ns = interval_ns;
}

unsigned
backoff_recent(const struct backoff *backoff, uint64_t now_ns)
{
	unsigned recent = 0;

	for (unsigned i = 0; i < backoff->count; i++)
		if (now_ns - backoff->times[i] <= backoff->interval_ns)
			recent++;
	return recent;
}

bool
backoff_failed(struct backoff *backoff, uint64_t now_ns)
{
	backoff->times[backoff->next] = now_ns;
	backoff->next = (backoff->next + 1) % RAPID_FAIL_MAX;
	if (backoff->count < RAPID_FAIL_MAX)
		backoff->count++;
	backoff->in_a_row++;
	backoff->total++;
	return backoff->maximum != 0 &&
	       backoff_recent(backoff, now_ns) >= backoff->maximum;
}

void
backoff_succeeded(struct backoff *backoff)
{
	backoff->in_a_row = 0;
}

uint64_t
backoff_delay_ms(const struct backoff *backoff)
{
	static const uint64_t delays[] = { 0, 0, 100, 500, BACKOFF_MAX_MS };
	unsigned last = sizeof delays / sizeof *delays - 1;

	return delays[backoff->in_a_row < last ? backoff->in_a_row : last];
}
