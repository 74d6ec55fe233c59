/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the PROXY header.  What is accepted is accepted at its last byte
 * and not before, whatever follows; what is refused stays refused.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/proxy_protocol.h"
#include "fuzz/fuzz.h"

static enum proxy_protocol_result
read_copy(const uint8_t *data, size_t length, struct proxy_protocol *header)
{
	/* Of the very size, so that the sanitizer sees a byte too many. */
	uint8_t *copy = mem_dup(data, length);
	enum proxy_protocol_result result =
		proxy_protocol_read(copy, length, header);

	mem_free(copy);
	return result;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy_protocol whole, part;
	enum proxy_protocol_result result = read_copy(data, size, &whole);
	size_t length = 0;

	while (length < size &&
	       read_copy(data, length, &part) == PROXY_PROTOCOL_MORE)
		length++;
	switch (result) {
	case PROXY_PROTOCOL_MORE:
		ASSERT(length == size && size < PROXY_PROTOCOL_BYTES_MAX);
		break;
	case PROXY_PROTOCOL_DONE:
		ASSERT(length == whole.length && length <= size);
		ASSERT(read_copy(data, length, &part) == PROXY_PROTOCOL_DONE);
		ASSERT(memcmp(&part, &whole, sizeof part) == 0);
		break;
	case PROXY_PROTOCOL_ERROR:
		ASSERT(read_copy(data, length, &part) == PROXY_PROTOCOL_ERROR);
		break;
	}
	return 0;
}
