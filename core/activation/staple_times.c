/* SPDX-License-Identifier: Apache-2.0
 *
 * See staple_times.h.
 */
#include "core/activation/staple_times.h"

int64_t
staple_refresh(int64_t from, int64_t until, int64_t now)
{
	int64_t half = from + (until - from) / 2;
	int64_t late = now + (until - now) / 8;
	int64_t least = (until - from) / 16;
	int64_t when = half > late ? half : late;

	if (least > STAPLE_REFRESH_LEAST_S)
		least = STAPLE_REFRESH_LEAST_S;
	if (least < 1)
		least = 1;
	return when > now + least ? when : now + least;
}

uint64_t
staple_retry_s(unsigned failures)
{
	uint64_t wait = 1;

	while (failures-- > 1 && wait < STAPLE_RETRY_MAX_S)
		wait *= 2;
	return wait < STAPLE_RETRY_MAX_S ? wait : STAPLE_RETRY_MAX_S;
}
