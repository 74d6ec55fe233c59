/* SPDX-License-Identifier: Apache-2.0
 *
 * See fetch.h.  A proxy is one of the environment (http_proxy).
 */
#include "core/ocsp/fetch.h"

#include <curl/curl.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/ocsp/limits.h"

static size_t
on_body(char *data, size_t one, size_t size, void *arg)
{
	(void)one;
	return buffer_append(arg, data, size) == PORTICO_OK ? size : 0;
}

static bool
set_options(CURL *curl, const char *url, const struct buffer *question,
	    struct curl_slist *headers, struct buffer *answer)
{
	return curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") ==
		       CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) ==
		       CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDS, question->data) ==
		       CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE,
				(long)question->length) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) ==
		       CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_USERAGENT,
				"Portico/" PORTICO_VERSION) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
				(long)OCSP_CONNECT_TIMEOUT_S) == CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)OCSP_TIMEOUT_S) ==
		       CURLE_OK &&
	       curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

static enum portico_status
perform(CURL *curl, const char *url, struct portico_error *err)
{
	CURLcode code = curl_easy_perform(curl);
	long status = 0;

	if (code == CURLE_WRITE_ERROR)
		return error_set(err, PORTICO_TOO_LARGE,
				 "asking %s: the answer has more than %u bytes",
				 url, OCSP_ANSWER_BYTES_MAX);
	if (code != CURLE_OK)
		return error_set(err, PORTICO_SYSTEM, "asking %s: %s", url,
				 curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (status != 200)
		return error_set(err, PORTICO_PROTOCOL,
				 "asking %s: the answer has status %ld", url,
				 status);
	return PORTICO_OK;
}

enum portico_status
ocsp_fetch(const char *url, const struct buffer *question,
	   struct buffer *answer, struct portico_error *err)
{
	struct curl_slist *headers = NULL;
	CURL *curl = NULL;

	error_clear(err);
	if (curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK)
		curl = curl_easy_init();
	headers = curl_slist_append(headers,
				    "Content-Type: application/ocsp-request");
	if (curl == NULL || headers == NULL ||
	    !set_options(curl, url, question, headers, answer))
		error_set(err, PORTICO_NO_MEMORY, "asking %s: out of memory",
			  url);
	else
		perform(curl, url, err);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return err->status;
}
