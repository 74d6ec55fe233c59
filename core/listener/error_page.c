/* SPDX-License-Identifier: Apache-2.0
 *
 * See error_page.h.
 */
#include "core/listener/error_page.h"

#include <stdio.h>

#include "core/base/check.h"
#include "core/http/date.h"
#include "core/http/status.h"
#include "core/listener/limits.h"
#include "core/listener/listener.h"

void
request_id_format(uint64_t id, char text[17])
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < 16; i++)
		text[i] = digits[id >> (60 - 4 * i) & 15];
	text[16] = '\0';
}

static const char *
sentence(unsigned status)
{
	switch (status) {
	case 408:
		return "The request did not arrive in time.";
	case 301:
	case 308:
		return "This is to be found by https.";
	case 413:
		return "The request body is larger than allowed.";
	case 414:
	case 431:
		return "The request line or a header field is too long.";
	case 500:
		return "The server could not handle the request.";
	case 502:
		return "The application ended before it had answered.";
	case 503:
		return "The service is not available now.";
	case 504:
		return "The application did not answer in time.";
	default:
		return "The request could not be understood or served.";
	}
}

static size_t
write_page(const struct error_page *page, char *out, size_t capacity)
{
	const char *phrase = http_status_reason(page->status);
	char id[17] = "-";
	int length;

	if (page->request_id != 0)
		request_id_format(page->request_id, id);
	length = snprintf(out, capacity,
			  "<!DOCTYPE html>\n"
			  "<html lang=\"en\"><head><title>%u %s</title></head>"
			  "<body>\n<h1>%u %s</h1>\n<p>%s</p>\n"
			  "<p><small>Request %s</small></p>\n"
			  "</body></html>\n",
			  page->status, phrase, page->status, phrase,
			  sentence(page->status), id);
	ASSERT(length > 0 && (size_t)length < capacity);
	return (size_t)length;
}

size_t
error_page_write(const struct error_page *page, char *out, size_t capacity)
{
	char own[ERROR_PAGE_BYTES_MAX / 2];
	const char *body = page->body != NULL ? page->body : own;
	size_t body_length = page->body != NULL ?
				     page->body_length :
				     write_page(page, own, sizeof(own));
	const char *connection = "";
	int length;

	if (!page->keep_alive)
		connection = "Connection: close\r\n";
	else if (page->minor == 0)
		connection = "Connection: keep-alive\r\n";
	length = snprintf(out, capacity,
			  "HTTP/1.1 %u %s\r\n"
			  "%s%.*s%s"
			  "Server: " LISTENER_SERVER_NAME "\r\n"
			  "Content-Type: text/html; charset=utf-8\r\n"
			  "Content-Length: %zu\r\n"
			  "%s%s%s%s%s%s\r\n%.*s",
			  page->status, http_status_reason(page->status),
			  page->date != NULL ? "Date: " : "",
			  page->date != NULL ? HTTP_DATE_LENGTH : 0,
			  page->date != NULL ? page->date : "",
			  page->date != NULL ? "\r\n" : "", body_length,
			  page->retry_after ?
				  "Retry-After: " RETRY_AFTER_SECONDS "\r\n" :
				  "",
			  page->no_store ? "Cache-Control: no-store\r\n" : "",
			  page->location != NULL ? "Location: " : "",
			  page->location != NULL ? page->location : "",
			  page->location != NULL ? "\r\n" : "", connection,
			  page->head_only ? 0 : (int)body_length, body);
	ASSERT(length > 0 && (size_t)length < capacity);
	return (size_t)length;
}
