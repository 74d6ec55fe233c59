/* SPDX-License-Identifier: Apache-2.0
 *
 * When OCSP responders are asked again.
 */
#ifndef CORE_ACTIVATION_STAPLE_TIMES_H
#define CORE_ACTIVATION_STAPLE_TIMES_H

#include <stdint.h>

/* Questions on their way. */
#define STAPLES_AT_ONCE 4

/* Looked at so often, for clocks that are set. */
#define STAPLE_LOOK_S 600

/* The last second that is believed in: of the year 9999. */
#define STAPLE_TIME_MAX 253402300799

/* Between two questions that are answered, if the answer holds so long. */
#define STAPLE_REFRESH_LEAST_S 60

/* After failures in a row: 1, 2, 4 seconds, an hour at most. */
#define STAPLE_RETRY_MAX_S 3600

/* When an answer that holds from then until then is to be asked for again: at
 * half of its time; of one that has come late, after an eighth of what is left. */
int64_t staple_refresh(int64_t from, int64_t until, int64_t now);

/* Seconds to wait after so many failures, at least 1. */
uint64_t staple_retry_s(unsigned failures);

#endif
