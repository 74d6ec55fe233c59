/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of requests to test modules, as they stand in the query: those
 * have nothing that is escaped.
 */
#ifndef T_WORKER_ARGUMENT_H
#define T_WORKER_ARGUMENT_H

#include <stdint.h>
#include <string.h>

#include <portico/portico.h>

/* The value of `name` in the query, or an empty slice. */
static inline struct portico_slice
argument(struct portico_request *request, const char *name)
{
	struct portico_slice query =
		portico_request_text(request, PORTICO_TEXT_QUERY);
	size_t length = strlen(name);
	const char *at = query.data;
	const char *end = at + query.length;

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));

		if (stop == NULL)
			stop = end;
		if ((size_t)(stop - at) > length &&
		    memcmp(at, name, length) == 0 && at[length] == '=')
			return (struct portico_slice){ at + length + 1,
						       (size_t)(stop - at) -
							       length - 1 };
		at = stop + 1;
	}
	return (struct portico_slice){ "", 0 };
}

/* The same as a number; `otherwise` when it is none. */
static inline uint64_t
number(struct portico_request *request, const char *name, uint64_t otherwise)
{
	struct portico_slice text = argument(request, name);
	uint64_t value = 0;

	if (text.length == 0)
		return otherwise;
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] < '0' || text.data[i] > '9')
			return otherwise;
		value = value * 10 + (uint64_t)(text.data[i] - '0');
	}
	return value;
}

#endif
