/* SPDX-License-Identifier: Apache-2.0
 *
 * application/x-www-form-urlencoded, as the WHATWG URL standard parses it:
 * for queries and for bodies of forms.
 */
#ifndef CORE_HTTP_FORM_H
#define CORE_HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include <portico/types.h>

/*
 * Takes the next pair off *rest: name and value as they stand there, not
 * decoded.  Empty pieces are passed over; without '=' the value is empty, but
 * its data is not NULL.  False at the end.
 */
bool http_form_next(struct portico_slice *rest, struct portico_slice *name_r,
		    struct portico_slice *value_r);

/*
 * Decodes '+' and %XX into `out`, which has room for as many bytes and may be
 * the text itself, and returns the length.  What is no escape stays as it is.
 */
size_t http_form_decode(struct portico_slice text, char *out);

#endif
