/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole URLs as an operator writes them: "http://host:port/path", "*" standing
 * for any host.
 */
#ifndef CORE_HTTP_URL_WHOLE_H
#define CORE_HTTP_URL_WHOLE_H

#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/http/url.h"

struct http_url_whole {
	bool tls;
	bool any_host;
	struct portico_slice host; /* as in the text; a final dot is left out */
	uint16_t port; /* else that of the scheme */
	struct http_url url; /* its query counts from the path */
};

/*
 * False: it is none, or has no path.  `path` gets the cooked one, without NUL,
 * and has room for `text`.
 */
bool http_url_whole_parse(struct portico_slice text, char *path,
			  struct http_url_whole *whole_r);

#endif
