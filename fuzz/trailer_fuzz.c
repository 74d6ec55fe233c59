/* SPDX-License-Identifier: Apache-2.0
 *
 * Trailer sections that a worker may have made up: what is accepted can be cut
 * into fields, and is nothing but lines of them.
 */
#include "fuzz/fuzz.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/chars.h"
#include "core/http/trailer.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of just that size, for AddressSanitizer. */
	char *copy = mem_alloc(size + (size == 0));
	struct portico_slice section = { copy, size }, name, value;
	size_t at = 0, bytes = 0;
	unsigned count = 0;

	if (size > 0)
		memcpy(copy, data, size);
	(void)http_trailer_list_is_sane(section);
	if (http_trailers_fault(section) == NULL) {
		while (http_trailers_next(section, &at, &name, &value)) {
			ASSERT(http_is_token(name.data, name.length));
			ASSERT(!http_trailer_is_forbidden(name));
			ASSERT(memchr(value.data, '\r', value.length) == NULL);
			ASSERT(memchr(value.data, '\n', value.length) == NULL);
			bytes += name.length + value.length + 4;
			count++;
		}
		ASSERT(bytes == size && at == size && count > 0 &&
		       count <= HTTP_TRAILERS_MAX);
	}
	mem_free(copy);
	return 0;
}
