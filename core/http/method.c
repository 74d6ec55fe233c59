/* SPDX-License-Identifier: Apache-2.0
 *
 * Request methods by number.
 */
#include "core/http/method.h"

#include <stdint.h>
#include <string.h>

static const struct {
	const char *name;
	uint8_t length;
	bool safe;
	bool idempotent;
} methods[HTTP_METHOD_COUNT] = {
	[HTTP_METHOD_UNKNOWN] = { "", 0, false, false },
#define METHOD_ROW(symbol, name, safe, idempotent)                             \
	[HTTP_METHOD_##symbol] = { name, sizeof(name) - 1, safe, idempotent },
	HTTP_METHOD_MAP(METHOD_ROW)
#undef METHOD_ROW
};

enum http_method
http_method_find(const char *name, size_t length)
{
	unsigned i;

	/* The list begins with the frequent ones. */
	for (i = 1; i < HTTP_METHOD_COUNT; i++)
		if (methods[i].length == length &&
		    memcmp(methods[i].name, name, length) == 0)
			return (enum http_method)i;
	return HTTP_METHOD_UNKNOWN;
}

const char *
http_method_name(enum http_method method)
{
	return (unsigned)method < HTTP_METHOD_COUNT ? methods[method].name : "";
}

bool
http_method_is_safe(enum http_method method)
{
	return (unsigned)method < HTTP_METHOD_COUNT && methods[method].safe;
}

bool
http_method_is_idempotent(enum http_method method)
{
	return (unsigned)method < HTTP_METHOD_COUNT &&
	       methods[method].idempotent;
}
