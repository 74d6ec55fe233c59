/* SPDX-License-Identifier: Apache-2.0
 *
 * Between multipart.c and multipart_header.c.
 */
#ifndef CORE_HTTP_MULTIPART_PRIV_H
#define CORE_HTTP_MULTIPART_PRIV_H

#include "core/http/multipart.h"

/* Reads the header of a part, complete in parser->header with the empty line
 * at its end, into the parser's texts. */
enum portico_status multipart_header_read(struct http_multipart *parser);

#endif
