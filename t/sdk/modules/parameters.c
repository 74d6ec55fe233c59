/* SPDX-License-Identifier: Apache-2.0
 *
 * query.h and cookie.h, as parameters.t drives them.  Bytes that are not
 * printable are written as \xNN.
 *
 *	/query...    the status, each parameter, and the one that is named "q"
 *	/cookies     each cookie, and the one that is named "q"
 *	/set?...     a cookie made of the query's parameters
 */
#include <portico/portico.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
	char bytes[4096];
	size_t length;
};

static void
add(struct text *text, struct portico_slice slice)
{
	for (size_t i = 0; i < slice.length; i++) {
		unsigned char c = (unsigned char)slice.data[i];

		text->length += (size_t)snprintf(
			text->bytes + text->length,
			sizeof(text->bytes) - text->length,
			c < 0x20 || c > 0x7e ? "\\x%02x" : "%c", c);
		if (text->length >= sizeof(text->bytes))
			text->length = sizeof(text->bytes) - 1;
	}
}

static void
add_line(struct text *text, struct portico_slice name,
	 struct portico_slice value)
{
	add(text, name);
	add(text, PORTICO_SLICE("="));
	add(text, value);
	if (text->length < sizeof(text->bytes))
		text->bytes[text->length++] = '\n';
}

static bool
on_pair(void *arg, struct portico_slice name, struct portico_slice value)
{
	add_line(arg, name, value);
	/* A parameter or cookie of this name ends the walk. */
	return name.length != 4 || memcmp(name.data, "stop", 4) != 0;
}

static enum portico_verdict
answer(struct portico_request *request, const struct text *text)
{
	size_t written;

	return portico_response_write(request, text->bytes, text->length,
				      &written) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static enum portico_verdict
query(struct portico_request *request)
{
	struct text text = { .length = 0 };
	struct portico_slice value = PORTICO_SLICE("untouched");
	enum portico_status all, one;

	all = portico_query_each(request, on_pair, &text);
	one = portico_query_get(request, PORTICO_SLICE("q"), &value);
	text.length += (size_t)snprintf(text.bytes + text.length,
					sizeof(text.bytes) - text.length,
					"each %d get %d ", all, one);
	add_line(&text, PORTICO_SLICE("q"), value);
	if (one == PORTICO_OK && value.data[value.length] != '\0')
		return PORTICO_ERROR;
	return answer(request, &text);
}

static enum portico_verdict
cookies(struct portico_request *request)
{
	struct text text = { .length = 0 };
	struct portico_slice value = PORTICO_SLICE("untouched");
	bool found;

	portico_cookie_each(request, on_pair, &text);
	found = portico_cookie_get(request, PORTICO_SLICE("q"), &value);
	add_line(&text,
		 found ? PORTICO_SLICE("found") : PORTICO_SLICE("absent"),
		 value);
	return answer(request, &text);
}

static bool
has(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value;

	return portico_query_get(request, name, &value) == PORTICO_OK;
}

static struct portico_slice
get(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value = { NULL, 0 };

	portico_query_get(request, name, &value);
	return value;
}

static enum portico_verdict
set(struct portico_request *request)
{
	struct portico_slice age = get(request, PORTICO_SLICE("age"));
	struct portico_slice site = get(request, PORTICO_SLICE("site"));
	struct portico_cookie cookie = {
		.name = get(request, PORTICO_SLICE("name")),
		.value = get(request, PORTICO_SLICE("value")),
		.path = get(request, PORTICO_SLICE("path")),
		.domain = get(request, PORTICO_SLICE("domain")),
		.max_age = age.data == NULL ? 0 : strtoll(age.data, NULL, 10),
		.same_site = site.data == NULL ? PORTICO_SAME_SITE_UNSET :
						 (enum portico_same_site)(
							 site.data[0] - '0'),
		.secure = has(request, PORTICO_SLICE("secure")),
		.http_only = has(request, PORTICO_SLICE("hidden")),
		.partitioned = has(request, PORTICO_SLICE("partitioned")),
	};
	struct text text = { .length = 0 };

	text.length = (size_t)snprintf(text.bytes, sizeof(text.bytes), "%d",
				       portico_cookie_set(request, &cookie));
	return answer(request, &text);
}

static const struct portico_handler handlers[] = {
	{ .name = "query", .function = query },
	{ .name = "cookies", .function = cookies },
	{ .name = "set", .function = set },
	{ 0 }
};

PORTICO_MODULE(.name = "parameters", .version = "1.0.0",
	       .summary = "shows query and cookies", .handlers = handlers);
