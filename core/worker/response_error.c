/* SPDX-License-Identifier: Apache-2.0
 *
 * Error pages: small, self-contained, without a word about the server.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/http/status.h"
#include "core/worker/request.h"
#include "core/worker/response_trailer.h"

#define PAGE_BYTES_MAX 2048
#define EXPLANATION_BYTES_MAX 512

/* Escaped for HTML text; cut to what fits. */
static void
escape(char *out, size_t size, const char *text)
{
	size_t used = 0;

	for (; *text != '\0'; text++) {
		char one[2] = { *text, '\0' };
		const char *add = one;
		size_t length;

		if (*text == '<')
			add = "&lt;";
		else if (*text == '>')
			add = "&gt;";
		else if (*text == '&')
			add = "&amp;";
		else if (*text == '"')
			add = "&quot;";
		else if ((unsigned char)*text < 0x20 || *text == 0x7f)
			add = " ";
		length = strlen(add);
		if (used + length + 1 > size)
			break;
		memcpy(out + used, add, length);
		used += length;
	}
	out[used] = '\0';
}

static size_t
page_make(const struct portico_request *request, char *page, size_t size,
	  const char *explanation)
{
	const struct response *response = &request->response;
	const char *reason = http_status_reason(response->status);
	char text[EXPLANATION_BYTES_MAX] = "";
	char code[16];
	int length;

	if (explanation != NULL)
		escape(text, sizeof(text), explanation);
	if (response->substatus != 0)
		snprintf(code, sizeof(code), "%u.%u", response->status,
			 response->substatus);
	else
		snprintf(code, sizeof(code), "%u", response->status);
	length = snprintf(page, size,
			  "<!DOCTYPE html>\n<html lang=\"en\">\n<head>"
			  "<meta charset=\"utf-8\"><title>%u %s</title></head>"
			  "\n<body>\n<h1>%s %s</h1>\n%s%s%s"
			  "<p><small>Request %016" PRIx64 "</small></p>\n"
			  "</body>\n</html>\n",
			  response->status, reason, code, reason,
			  text[0] != '\0' ? "<p>" : "", text,
			  text[0] != '\0' ? "</p>\n" : "",
			  request->head->request_id);
	return length < 0	     ? 0 :
	       (size_t)length < size ? (size_t)length :
				       size - 1;
}

static void
page_write(struct portico_request *request, const char *explanation)
{
	struct response *response = &request->response;
	char page[PAGE_BYTES_MAX];
	size_t length = page_make(request, page, sizeof(page), explanation);
	size_t written;

	response_set_field(request, PORTICO_SLICE("Content-Type"),
			   PORTICO_SLICE("text/html; charset=utf-8"), false);
	response->length = (int64_t)length;
	response_write(request, page, length, &written);
	/* No block now: a page is not worth waiting for. */
	if (written < length && !response_is_bodiless(request)) {
		out_discard(request);
		response->length = 0;
	}
}

enum portico_status
response_error(struct portico_request *request, unsigned status,
	       unsigned substatus, const char *explanation)
{
	struct response *response = &request->response;

	if (request->aborted)
		return PORTICO_ABORTED;
	if (response->head_sent || response->finished || response->leaving ||
	    response->filtering)
		return PORTICO_STATE;
	if (status < 200 || status > 599 || substatus > UINT16_MAX)
		return PORTICO_INVALID;
	response->reserved = false;
	response->cache_allowed = false;
	out_discard(request);
	response_trailers_forget(request);
	response->length = -1;
	response->status = (uint16_t)status;
	response->substatus = (uint16_t)substatus;
	response->made = true;
	if (status != 204 && status != 304)
		page_write(request, explanation);
	return PORTICO_OK;
}

/* What described a body that will not come. */
static const enum http_header_id body_fields[] = {
	HTTP_HEADER_CACHE_CONTROL,    HTTP_HEADER_CONTENT_DISPOSITION,
	HTTP_HEADER_CONTENT_ENCODING, HTTP_HEADER_CONTENT_LANGUAGE,
	HTTP_HEADER_CONTENT_LOCATION, HTTP_HEADER_CONTENT_RANGE,
	HTTP_HEADER_CONTENT_TYPE,     HTTP_HEADER_ETAG,
	HTTP_HEADER_EXPIRES,	      HTTP_HEADER_LAST_MODIFIED,
};

void
response_fail(struct portico_request *request, unsigned status,
	      unsigned substatus)
{
	struct response *response = &request->response;

	if (request->aborted || response->finished)
		return;
	if (response->head_sent) {
		response->cut = true;
		return;
	}
	/* The module's own error answer stands, page or not. */
	if (response->made && response->status >= 400 && !response->cut) {
		if (response->body_bytes > 0)
			return;
		status = response->status;
		substatus = response->substatus;
	}
	if (response->filters != NULL)
		filter_fini(request);
	response->cut = false;
	response->leaving = response->filtering = false;
	for (size_t i = 0; i < sizeof(body_fields) / sizeof(body_fields[0]);
	     i++)
		response_remove_id(request, body_fields[i]);
	response_error(request, status, substatus, NULL);
}
