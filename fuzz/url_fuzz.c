/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the URL cooker.  An accepted path keeps every promise of
 * url.h, agrees with a second, slow and simple cooker, and cooks to itself.
 * The same input serves the date and host readers and that of whole URLs, which
 * are as small.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/http/date.h"
#include "core/http/host.h"
#include "core/http/url.h"
#include "core/http/url_whole.h"
#include "fuzz/fuzz.h"

#define INPUT_MAX 4096

static int
hex(uint8_t c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = c == 0 ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)((at - digits) % 16);
}

/* Decodes the whole path first. Returns its length, or -1. */
static long
decode_path(const uint8_t *raw, size_t length, uint8_t *out)
{
	size_t i, n = 0;

	for (i = 0; i < length && raw[i] != '?'; i++) {
		if (raw[i] != '%') {
			if (raw[i] == '#' || raw[i] == ' ')
				return -1;
			out[n++] = raw[i];
			continue;
		}
		if (length - i < 3 || hex(raw[i + 1]) < 0 ||
		    hex(raw[i + 2]) < 0)
			return -1;
		out[n++] = (uint8_t)(hex(raw[i + 1]) * 16 + hex(raw[i + 2]));
		i += 2;
	}
	return (long)n;
}

/* Then splits it and applies the segments to a stack, as RFC 3986 section
 * 5.2.4 would. Returns the length, or -1. */
static long
normalise(const uint8_t *in, size_t length, uint8_t *out)
{
	static size_t stack[INPUT_MAX];
	size_t depth = 0, at = 0, n = 0;
	bool directory = true;

	out[n++] = '/';
	while (at < length) {
		size_t start, end;

		while (at < length && in[at] == '/')
			at++;
		start = at;
		while (at < length && in[at] != '/')
			at++;
		end = at;
		if (start == end)
			break; /* slashes at the end */
		directory = at < length;
		if (end - start == 1 && in[start] == '.') {
			directory = true;
			continue;
		}
		if (end - start == 2 && memcmp(in + start, "..", 2) == 0) {
			directory = true;
			if (depth == 0)
				return -1;
			n = stack[--depth];
			continue;
		}
		if (end - start > 260 || depth == 255)
			return -1;
		stack[depth++] = n;
		memcpy(out + n, in + start, end - start);
		n += end - start;
		out[n++] = '/';
	}
	if (depth > 0 && !directory)
		n--;
	return (long)n;
}

static void
check_promises(const char *path, size_t length)
{
	size_t i;

	ASSERT(path[0] == '/');
	ASSERT(http_utf8_is_valid(path, length));
	for (i = 0; i < length; i++) {
		uint8_t c = (uint8_t)path[i];

		ASSERT(c >= 0x20 && c != 0x7f);
		if (c != '/' || i == 0)
			continue;
		ASSERT(path[i - 1] != '/');
	}
}

static void
check_again(const char *path, size_t length)
{
	char *escaped = mem_alloc(length * 3);
	char *again = mem_alloc(length * 3 + 1);
	struct http_url url;
	size_t i, n = 0;

	for (i = 0; i < length; i++) {
		if (strchr("%?# ", path[i]) != NULL) {
			escaped[n++] = '%';
			escaped[n++] = "0123456789abcdef"[path[i] >> 4];
			escaped[n++] = "0123456789abcdef"[path[i] & 15];
		} else {
			escaped[n++] = path[i];
		}
	}
	ASSERT(http_url_cook(escaped, n, again, &http_url_limits_default,
			     &url) == HTTP_REASON_NONE);
	ASSERT(url.path_length == length && !url.has_query);
	ASSERT(memcmp(again, path, length) == 0);
	mem_free(escaped);
	mem_free(again);
}

static void
check_small_readers(const char *text, size_t length)
{
	char date[HTTP_DATE_LENGTH + 1];
	uint32_t host_length;
	uint16_t port;
	int64_t second, back;
	struct http_url_whole whole;
	char *path = mem_alloc(length + 1);

	if (http_url_whole_parse((struct portico_slice){ text, length }, path,
				 &whole)) {
		ASSERT(whole.port != 0 && path[0] == '/');
		ASSERT(whole.any_host == (whole.host.length == 0));
		ASSERT(whole.url.path_length < length);
	}
	mem_free(path);
	if (http_host_parse(text, length, &host_length, &port))
		ASSERT(host_length > 0 && host_length <= length);
	if (http_date_parse(text, length, 1767225600, &second)) {
		http_date_format(second, date);
		ASSERT(http_date_parse(date, HTTP_DATE_LENGTH, 0, &back));
		ASSERT(back == second || second > INT64_C(253402300799));
	}
}

/* Why the cooker may refuse what the simple one has let pass. */
static bool
has_cause(const uint8_t *raw, size_t size, const uint8_t *path, size_t length)
{
	const uint8_t *query = memchr(raw, '?', size);
	size_t i;

	if (size > 0 && raw[0] != '/' && raw[0] != '?')
		return true;
	if (!http_utf8_is_valid((const char *)path, length) ||
	    memchr(path, '\\', length) != NULL)
		return true;
	for (i = 0; i < length; i++)
		if (path[i] < 0x20 || path[i] == 0x7f ||
		    (path[i] == 0xc2 && path[i + 1] < 0xa0))
			return true;
	/* What dot segments removed is judged all the same. */
	for (i = 0; i < size; i++) {
		int c = raw[i];

		if (c == '%' && size - i >= 3)
			c = hex(raw[i + 1]) * 16 + hex(raw[i + 2]);
		if (c < 0x20 || c == 0x7f)
			return true;
	}
	for (i = 0; query != NULL && query + i < raw + size; i++)
		if (query[i] <= 0x20 || query[i] == 0x7f || query[i] == '#')
			return true;
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t decoded[INPUT_MAX], wanted[INPUT_MAX + 2];
	enum http_reason reason;
	struct http_url url;
	char *out;
	long n;

	if (size > INPUT_MAX)
		return 0;
	check_small_readers((const char *)data, size);
	out = mem_alloc(size + 1);
	reason = http_url_cook((const char *)data, size, out,
			       &http_url_limits_default, &url);
	n = decode_path(data, size, decoded);
	if (n >= 0)
		n = normalise(decoded, (size_t)n, wanted);
	if (reason == HTTP_REASON_NONE) {
		ASSERT(n == (long)url.path_length);
		ASSERT(memcmp(out, wanted, url.path_length) == 0);
		ASSERT(url.path_length <= (size > 1 ? size : 1));
		ASSERT(url.query_offset + url.query_length == size);
		check_promises(out, url.path_length);
		check_again(out, url.path_length);
	} else {
		ASSERT(reason == HTTP_REASON_URL);
		ASSERT(n < 0 || has_cause(data, size, wanted, (size_t)n));
	}
	mem_free(out);
	return 0;
}
