/* SPDX-License-Identifier: Apache-2.0
 *
 * regex.h, as regex.t drives it: the setting's pattern, or that of the query
 * parameter `pattern`, against `text`; `flags`, `capacity` and the name of a
 * `group`.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct configuration {
	const char *pattern;
};

static const struct portico_directive directives[] = {
	{ .name = "pattern",
	  .type = PORTICO_DIRECTIVE_REGEX,
	  .offset = PORTICO_MEMBER(struct configuration, pattern, const char *),
	  .default_value = "\"^/(\\\\w+)(?:/(?<rest>.*))?$\"",
	  .summary = "What is matched." },
	{ 0 }
};

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	const struct configuration *settings = configuration;

	(void)application;
	return portico_regex_compile(settings->pattern, 0,
				     (struct portico_regex **)state_r, err);
}

static void
application_fini(struct portico_application *application, void *state)
{
	(void)application;
	portico_regex_free(state);
}

static void
put(struct portico_request *request, const char *text, size_t length)
{
	size_t written;

	portico_response_write(request, text, length, &written);
}

static struct portico_slice
parameter(struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value = { "", 0 };

	portico_query_get(request, name, &value);
	return value;
}

static uint32_t
number(struct portico_slice text)
{
	return (uint32_t)strtoul(text.data, NULL, 10);
}

static void
match(struct portico_request *request, const struct portico_regex *regex)
{
	struct portico_slice captures[32];
	struct portico_slice wanted =
		parameter(request, PORTICO_SLICE("capacity"));
	uint32_t count, capacity = wanted.length == 0 ? 32 : number(wanted);
	enum portico_status status = portico_regex_match(
		regex, parameter(request, PORTICO_SLICE("text")), captures,
		capacity, &count);
	char text[64];

	snprintf(text, sizeof(text), "%d %u %u", status, count,
		 portico_regex_group(
			 regex,
			 parameter(request, PORTICO_SLICE("group")).data));
	put(request, text, strlen(text));
	for (uint32_t i = 0; i < count; i++) {
		put(request, "|", 1);
		if (captures[i].data == NULL)
			put(request, "NULL", 4);
		else
			put(request, captures[i].data, captures[i].length);
	}
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_slice pattern =
		parameter(request, PORTICO_SLICE("pattern"));
	struct portico_regex *regex;
	struct portico_error err;

	if (pattern.length == 0) {
		match(request, portico_application_state(request));
		return PORTICO_DONE;
	}
	if (portico_regex_compile(
		    pattern.data,
		    number(parameter(request, PORTICO_SLICE("flags"))), &regex,
		    &err) != PORTICO_OK) {
		put(request, err.message, strlen(err.message));
		portico_regex_free(regex);
		return PORTICO_DONE;
	}
	match(request, regex);
	portico_regex_free(regex);
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = { { .name = "regex",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "regex", .version = "1.0.0", .summary = "matches texts",
	       .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .handlers = handlers, .application_init = application_init,
	       .application_fini = application_fini);
