/* SPDX-License-Identifier: Apache-2.0
 *
 * See form.h.
 */
#include "core/http/form.h"

#include <string.h>

#include "core/base/slice.h"
#include "core/http/chars.h"

bool
http_form_next(struct portico_slice *rest, struct portico_slice *name_r,
	       struct portico_slice *value_r)
{
	while (rest->length > 0) {
		struct portico_slice piece = slice_split(rest, '&');
		const char *equals;

		if (piece.length == 0)
			continue;
		equals = memchr(piece.data, '=', piece.length);
		if (equals == NULL) {
			*name_r = piece;
			*value_r = slice_make(piece.data + piece.length, 0);
			return true;
		}
		*name_r = slice_make(piece.data, (size_t)(equals - piece.data));
		*value_r = slice_make(equals + 1,
				      piece.length - name_r->length - 1);
		return true;
	}
	return false;
}

size_t
http_form_decode(struct portico_slice text, char *out)
{
	size_t length = 0;

	for (size_t i = 0; i < text.length; i++) {
		char c = text.data[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%' && text.length - i > 2) {
			int high = http_hex_value(text.data[i + 1]);
			int low = http_hex_value(text.data[i + 2]);

			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			}
		}
		out[length++] = c;
	}
	return length;
}
