/* SPDX-License-Identifier: Apache-2.0
 *
 * Status codes and their reason phrases.
 */
#include "core/http/status.h"

#include <stdint.h>

#define STATUS_FIRST 100
#define STATUS_LAST 599

/* "200 OK\r\n" keeps the number, the phrase and the line in one string. */
static const struct {
	const char *line;
	const char *phrase;
	uint8_t line_length;
} statuses[STATUS_LAST - STATUS_FIRST + 1] = {
#define STATUS_ROW(number, text)                                               \
	[number - STATUS_FIRST] = { #number " " text "\r\n", text,             \
				    sizeof(#number " " text "\r\n") - 1 },
	HTTP_STATUS_MAP(STATUS_ROW)
#undef STATUS_ROW
};

#define STATUS_CHECK(number, text)                                             \
	_Static_assert(sizeof(#number " " text "\r\n") - 1 <=                  \
			       HTTP_STATUS_LINE_MAX,                           \
		       "HTTP_STATUS_LINE_MAX");
HTTP_STATUS_MAP(STATUS_CHECK)
#undef STATUS_CHECK

const char *
http_status_reason(unsigned status)
{
	const char *phrase;

	if (status < STATUS_FIRST || status > STATUS_LAST)
		return "";
	phrase = statuses[status - STATUS_FIRST].phrase;
	return phrase == NULL ? "" : phrase;
}

const char *
http_status_line(unsigned status, size_t *length_r)
{
	if (status < STATUS_FIRST || status > STATUS_LAST)
		return NULL;
	*length_r = statuses[status - STATUS_FIRST].line_length;
	return statuses[status - STATUS_FIRST].line;
}
