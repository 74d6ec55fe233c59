/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the urlencoded decoder against a second one, cookies taken
 * apart, and cookies put together: what is accepted cannot add an attribute.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/cookie.h"
#include "core/http/form.h"
#include "fuzz/fuzz.h"

static int
hex(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)((at - digits) % 16);
}

/* From behind: each byte is an escape's, or stands for itself. */
static void
check_decoded(struct portico_slice text, const char *out, size_t length)
{
	size_t at = 0;

	for (size_t i = 0; i < length; i++) {
		ASSERT(at < text.length);
		if (text.data[at] == '+') {
			ASSERT(out[i] == ' ');
			at++;
		} else if (text.data[at] == '%' && at + 2 < text.length &&
			   hex(text.data[at + 1]) >= 0 &&
			   hex(text.data[at + 2]) >= 0) {
			ASSERT((unsigned char)out[i] ==
			       hex(text.data[at + 1]) * 16 +
				       hex(text.data[at + 2]));
			at += 3;
		} else {
			ASSERT(out[i] == text.data[at]);
			at++;
		}
	}
	ASSERT(at == text.length);
}

static void
check_form(struct portico_slice text)
{
	struct portico_slice rest = text, name, value;
	char *out = mem_alloc(text.length + 1);
	size_t seen = 0;

	while (http_form_next(&rest, &name, &value)) {
		ASSERT(memchr(name.data, '&', name.length) == NULL);
		ASSERT(memchr(name.data, '=', name.length) == NULL);
		check_decoded(name, out, http_form_decode(name, out));
		check_decoded(value, out, http_form_decode(value, out));
		seen += name.length + value.length;
	}
	ASSERT(seen <= text.length && rest.length == 0);
	check_decoded(text, out, http_form_decode(text, out));
	mem_free(out);
}

static size_t
count(const char *text, size_t length, char c)
{
	size_t found = 0;

	for (size_t i = 0; i < length; i++)
		found += text[i] == c;
	return found;
}

static void
check_cookies(struct portico_slice text)
{
	static char out[HTTP_COOKIE_BYTES_MAX];
	struct portico_slice rest = text, name, value;
	struct portico_cookie cookie = { .path = PORTICO_SLICE("") };
	size_t length, attributes;

	while (http_cookie_next(&rest, &name, &value))
		ASSERT(name.length > 0 &&
		       memchr(value.data, ';', value.length) == NULL);
	/* Four lines: name, value, path, domain. */
	cookie.name = slice_split(&text, '\n');
	cookie.value = slice_split(&text, '\n');
	cookie.path = slice_split(&text, '\n');
	cookie.domain = text;
	if (http_cookie_write(&cookie, out, &length) != PORTICO_OK)
		return;
	attributes = (cookie.path.length > 0) + (cookie.domain.length > 0);
	ASSERT(length <= sizeof(out));
	ASSERT(count(out, length, ';') == attributes);
	for (size_t i = 0; i < length; i++)
		ASSERT(out[i] >= 0x20 && out[i] < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct portico_slice text = { (const char *)data, size };

	check_form(text);
	check_cookies(text);
	return 0;
}
