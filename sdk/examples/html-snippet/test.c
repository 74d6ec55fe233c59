/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives html-snippet without a server: pages cut at every byte, responses
 * that are none of its business, and failures one after the other.
 */
#define _POSIX_C_SOURCE 200809L /* mkstemp() */
#undef NDEBUG
#include <portico/testkit.h>

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct kit *kit;

static void
begin(const char *settings)
{
	struct portico_error err;

	kit = kit_open(&(struct kit_options){ .entry = portico_module_entry,
					      .settings = settings },
		       &err);
	if (kit == NULL)
		fprintf(stderr, "%s\n", err.message);
	assert(kit != NULL);
}

static void
end(void)
{
	assert(kit_close(kit) == 0);
}

/* A page of another handler, of no chunk yet. */
static struct kit_request *
page(const char *method, unsigned status, int64_t length, const char *type)
{
	struct kit_request *request = kit_request(kit, method, "/");

	kit_answer(request, status, length);
	kit_answer_field(request, "Content-Type", type);
	return request;
}

static void
chunk(struct kit_request *request, const char *text)
{
	kit_answer_chunk(request, text, strlen(text));
}

static void
expect(struct kit_request *request, const char *expected)
{
	assert(kit_state(request) == KIT_ENDED);
	if (strcmp(kit_response_body(request).data, expected) != 0) {
		fprintf(stderr, "\"%s\", not \"%s\"\n",
			kit_response_body(request).data, expected);
		abort();
	}
	kit_free(request);
}

/* ---- borders of chunks ------------------------------------------------------------- */

/* What it must come to, found in the simplest way. */
static char *
inserted(const char *text, const char *marker, const char *snippet, int after)
{
	size_t length = strlen(marker), at = 0;
	char *made = calloc(1, strlen(text) + strlen(snippet) + 1);

	while (text[at] != '\0' && strncasecmp(text + at, marker, length) != 0)
		at++;
	if (text[at] == '\0') {
		memcpy(made, text, strlen(text));
		return made;
	}
	if (after)
		at += length;
	memcpy(made, text, at);
	memcpy(made + at, snippet, strlen(snippet));
	memcpy(made + at + strlen(snippet), text + at, strlen(text + at));
	return made;
}

static void
cut_at(const char *text, size_t first, size_t second, const char *expected)
{
	struct kit_request *request =
		page("GET", 200, (int64_t)strlen(text), "text/html");

	kit_answer_chunk(request, text, first);
	kit_answer_chunk(request, text + first, second - first);
	kit_answer_chunk(request, text + second, strlen(text) - second);
	kit_run(request);
	expect(request, expected);
}

static void
every_border(const char *settings, const char *text, const char *marker,
	     const char *snippet, int after)
{
	char *expected = inserted(text, marker, snippet, after);
	size_t length = strlen(text);
	struct kit_request *request;

	begin(settings);
	for (size_t i = 0; i <= length; i++)
		for (size_t j = i; j <= length; j++)
			cut_at(text, i, j, expected);
	/* A byte at a time, with a flush between them, to a slow client. */
	request = page("GET", 200, -1, "text/html");
	for (size_t i = 0; i < length; i++) {
		kit_answer_chunk(request, text + i, 1);
		kit_answer_flush(request);
	}
	kit_window(request, 3);
	kit_run(request);
	while (kit_state(request) != KIT_ENDED)
		kit_window(request, 3);
	expect(request, expected);
	free(expected);
	end();
}

static void
borders(void)
{
	every_border("{ \"snippet\": \"<i>\" }", "<p>a</b</BoDy></body>b</bod",
		     "</body>", "<i>", 0);
	every_border("{ \"snippet\": \"<i>\", \"place\": \"after\" }",
		     "<p>a</b</BoDy></body>b", "</body>", "<i>", 1);
	every_border("{ \"snippet\": \"+\", \"marker\": \"aabaaac\" }",
		     "aaBAAbaAABaaac.aab", "aabaaac", "+", 0);
	every_border("{ \"snippet\": \"+\", \"marker\": \"aabaaac\","
		     " \"place\": \"after\" }",
		     "aaBAAbaAABaaac.aab", "aabaaac", "+", 1);
	every_border("{ \"snippet\": \"longer than the marker\","
		     " \"marker\": \"x\" }",
		     "ab<x></x>", "x", "longer than the marker", 0);
	every_border("{ \"snippet\": \"<i>\" }", "no place for it </bod",
		     "</body>", "<i>", 0);
	every_border("{ \"snippet\": \"<i>\" }", "", "</body>", "<i>", 0);
}

/* ---- what is ours ------------------------------------------------------------------------ */

static void
untouched(struct kit_request *request)
{
	kit_answer_field(request, "ETag", "\"x\"");
	chunk(request, "a</body>b");
	kit_run(request);
	assert(strcmp(kit_response_field(request, "ETag"), "\"x\"") == 0);
	assert(kit_response_length(request) == 9);
	expect(request, "a</body>b");
}

static void
others(void)
{
	static const char *const types[] = { "text/plain", "text/htmlx",
					     "application/xhtml+xml",
					     "text/html; charset=UTF-16LE",
					     "text/htm" };
	struct kit_request *request;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		untouched(page("GET", 200, 9, types[i]));
	request = page("GET", 200, 9, "text/html");
	kit_answer_field(request, "Content-Encoding", "gzip");
	untouched(request);
	request = page("GET", 200, 9, "text/html");
	kit_answer_field(request, "Cache-Control", "public, No-Transform");
	untouched(request);
	request = page("GET", 206, 9, "text/html");
	kit_answer_field(request, "Content-Range", "bytes 0-8/100");
	untouched(request);
	/* No type at all. */
	request = kit_request(kit, "GET", "/");
	kit_answer(request, 200, 9);
	untouched(request);
}

static void
without_body(void)
{
	struct kit_request *request = page("GET", 204, -1, "text/html");

	kit_run(request);
	assert(kit_status(request) == 204);
	expect(request, "");
	request = page("GET", 304, -1, "text/html");
	kit_answer_field(request, "ETag", "\"x\"");
	kit_run(request);
	assert(strcmp(kit_response_field(request, "ETag"), "\"x\"") == 0);
	expect(request, "");
	/* One that has the page from us. */
	request = page("GET", 304, -1, "text/html");
	kit_field(request, "If-None-Match", "W/\"x\"");
	kit_answer_field(request, "ETag", "\"x\"");
	kit_run(request);
	assert(strcmp(kit_response_field(request, "ETag"), "W/\"x\"") == 0);
	expect(request, "");
}

static void
heads(const char *method)
{
	struct kit_request *request =
		page(method, 200, 9, "Text/HTML ; charset=utf-8");
	const int is_get = strcmp(method, "GET") == 0;

	kit_answer_field(request, "Content-Encoding", "identity");
	kit_answer_field(request, "ETag", "\"x\"");
	kit_answer_field(request, "Last-Modified", "yesterday");
	kit_answer_field(request, "Accept-Ranges", "bytes");
	kit_answer_field(request, "Content-MD5", "abc");
	kit_answer_field(request, "X-Other", "stays");
	chunk(request, "a</body>b");
	kit_run(request);
	assert(kit_status(request) == 200);
	assert(strcmp(kit_response_field(request, "ETag"), "W/\"x\"") == 0);
	assert(kit_response_field(request, "Last-Modified") == NULL);
	assert(kit_response_field(request, "Accept-Ranges") == NULL);
	assert(kit_response_field(request, "Content-MD5") == NULL);
	assert(kit_response_field(request, "X-Other") != NULL);
	/* Never the length of the page as it was. */
	assert(kit_response_length(request) == -1 ||
	       kit_response_length(request) == 12);
	expect(request, is_get ? "a<i></body>b" : "");
}

static void
tags(void)
{
	char long_tag[400];
	struct kit_request *request = page("GET", 200, -1, "text/html");

	memset(long_tag, 'x', sizeof(long_tag));
	long_tag[0] = long_tag[sizeof(long_tag) - 2] = '"';
	long_tag[sizeof(long_tag) - 1] = '\0';
	kit_answer_field(request, "ETag", "W/\"y\"");
	kit_run(request);
	assert(strcmp(kit_response_field(request, "ETag"), "W/\"y\"") == 0);
	expect(request, "");
	request = page("GET", 200, -1, "text/html");
	kit_answer_field(request, "ETag", long_tag);
	kit_run(request);
	assert(kit_response_field(request, "ETag") == NULL);
	expect(request, "");
}

/* Also pages of errors, and files that would not go through the worker. */
static void
sources(void)
{
	char name[] = "/tmp/html-snippet-XXXXXX";
	int fd = mkstemp(name);
	struct kit_request *request = page("GET", 404, -1, "text/html");

	chunk(request, "no</body>");
	kit_run(request);
	assert(kit_status(request) == 404);
	expect(request, "no<i></body>");
	assert(fd >= 0 && unlink(name) == 0);
	assert(write(fd, "--a</bo", 7) == 7);
	request = page("GET", 200, -1, "text/html");
	kit_answer_file(request, fd, 2, 5);
	chunk(request, "dy>b");
	kit_run(request);
	assert(kit_files(request) == 0);
	expect(request, "a<i></body>b");
}

static void
appends(void)
{
	struct kit_request *request;

	begin("{ \"snippet\": \"<i>\", \"append\": true }");
	request = page("GET", 200, -1, "text/html");
	chunk(request, "ab</bod");
	kit_run(request);
	expect(request, "ab</bod<i>");
	request = page("GET", 200, -1, "text/html");
	chunk(request, "ab</body>");
	kit_run(request);
	expect(request, "ab<i></body>");
	end();
}

static void
asks_for_plain(void)
{
	struct kit_request *request;

	begin("{ \"plain\": true }");
	request = kit_request(kit, "GET", "/");
	kit_field(request, "Accept-Encoding", "gzip");
	assert(kit_event(request, PORTICO_EVENT_BEGIN, 0) == PORTICO_NEXT);
	assert(kit_request_field(request, "Accept-Encoding") == NULL);
	kit_free(request);
	/* Nothing to put in: pages are left alone. */
	untouched(page("GET", 200, 9, "text/html"));
	end();
	begin(NULL);
	request = kit_request(kit, "GET", "/");
	kit_field(request, "Accept-Encoding", "gzip");
	kit_event(request, PORTICO_EVENT_BEGIN, 0);
	assert(kit_request_field(request, "Accept-Encoding") != NULL);
	kit_free(request);
	end();
}

static void
refuses(const char *settings)
{
	assert(kit_open(&(struct kit_options){ .entry = portico_module_entry,
					       .settings = settings },
			NULL) == NULL);
}

/* ---- failures ---------------------------------------------------------------------------------- */

static void
fails_well(void)
{
	struct kit_faults faults = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO };
	unsigned whole = 0;

	begin("{ \"snippet\": \"<i>\", \"plain\": true }");
	kit_set_faults(kit, &faults);
	while (kit_faults_next(&faults)) {
		struct kit_request *request = page("GET", 200, 12, "text/html");

		kit_answer_field(request, "ETag", "\"x\"");
		chunk(request, "ab</bo");
		kit_answer_flush(request);
		chunk(request, "dy>b");
		kit_run(request);
		/* A page without its end never looks complete. */
		if (kit_status(request) == 200 && !kit_was_cut(request)) {
			assert(strcmp(kit_response_body(request).data,
				      "ab<i></body>b") == 0);
			whole++;
		}
		kit_free(request);
	}
	kit_set_faults(kit, NULL);
	assert(whole == 1 && faults.n > 8);
	end();
}

int
main(void)
{
	borders();
	begin("{ \"snippet\": \"<i>\" }");
	others();
	without_body();
	heads("GET");
	heads("HEAD");
	tags();
	sources();
	end();
	appends();
	asks_for_plain();
	refuses("{ \"marker\": \"\" }");
	refuses("{ \"place\": \"between\" }");
	fails_well();
	puts("1..1\nok 1 - html-snippet");
	return 0;
}
