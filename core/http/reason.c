/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and statuses of the error log's reasons.
 */
#include "core/http/reason.h"

#include <stdint.h>

static const struct {
	const char *name;
	uint16_t status;
} reasons[HTTP_REASON_COUNT] = { [HTTP_REASON_NONE] = { "-", 0 },
#define REASON_ROW(symbol, name, status)                                       \
	[HTTP_REASON_##symbol] = { name, status },
				 HTTP_REASON_MAP(REASON_ROW)
#undef REASON_ROW
};

const char *
http_reason_name(enum http_reason reason)
{
	return (unsigned)reason < HTTP_REASON_COUNT ? reasons[reason].name :
						      "-";
}

unsigned
http_reason_status(enum http_reason reason)
{
	return (unsigned)reason < HTTP_REASON_COUNT ? reasons[reason].status :
						      0;
}
