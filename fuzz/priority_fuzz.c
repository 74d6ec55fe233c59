/* SPDX-License-Identifier: Apache-2.0
 *
 * Priorities: what is read is in bounds, and merged always complete.
 */
#include "fuzz/fuzz.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/priority.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of just that size, for AddressSanitizer. */
	char *copy = mem_alloc(size + (size == 0));
	struct http_priority one = { 0 }, none = { 0 }, merged;

	if (size > 0)
		memcpy(copy, data, size);
	if (!http_priority_read((struct portico_slice){ copy, size }, &one))
		ASSERT(!one.has_urgency && !one.has_incremental);
	ASSERT(one.urgency <= HTTP_PRIORITY_URGENCY_LEAST);
	ASSERT(one.has_incremental || !one.incremental);
	merged = http_priority_merge(none, one);
	ASSERT(merged.has_urgency && merged.has_incremental);
	ASSERT(merged.urgency ==
	       (one.has_urgency ? one.urgency : HTTP_PRIORITY_URGENCY_USUAL));
	mem_free(copy);
	return 0;
}
