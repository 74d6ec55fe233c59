/* SPDX-License-Identifier: Apache-2.0
 *
 * A module with a setting of every type; its handler answers with what it was
 * given, one line per setting.
 */
#include <portico/portico.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum colour {
	RED,
	GREEN,
	BLUE,
};

struct configuration {
	bool enabled;
	int64_t count;
	uint64_t limit;
	uint64_t wait;
	const char *text;
	int colour;
	const char *const *list;
	const struct portico_pair *map;
	const char *json;
	const char *path;
	const char *pattern;
	const char *password;
};

static const char *const colours[] = { "red", "green", "blue", NULL };

static const struct portico_directive directives[] = {
	{ .name = "enabled",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = PORTICO_MEMBER(struct configuration, enabled, bool),
	  .default_value = "true",
	  .summary = "A truth." },
	{ .name = "count",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = PORTICO_MEMBER(struct configuration, count, int64_t),
	  .default_value = "7",
	  .minimum = -10,
	  .maximum = 100,
	  .summary = "A number." },
	{ .name = "limit",
	  .type = PORTICO_DIRECTIVE_SIZE,
	  .offset = PORTICO_MEMBER(struct configuration, limit, uint64_t),
	  .default_value = "\"64KiB\"",
	  .minimum = 1,
	  .maximum = 1024 * 1024,
	  .summary = "A size." },
	{ .name = "wait",
	  .type = PORTICO_DIRECTIVE_DURATION,
	  .offset = PORTICO_MEMBER(struct configuration, wait, uint64_t),
	  .default_value = "\"90s\"",
	  .summary = "A time." },
	{ .name = "text",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct configuration, text, const char *),
	  .summary = "A text." },
	{ .name = "colour",
	  .type = PORTICO_DIRECTIVE_ENUM,
	  .offset = PORTICO_MEMBER(struct configuration, colour, int),
	  .default_value = "\"green\"",
	  .values = colours,
	  .summary = "A choice." },
	{ .name = "list",
	  .type = PORTICO_DIRECTIVE_LIST,
	  .offset = PORTICO_MEMBER(struct configuration, list,
				   const char *const *),
	  .summary = "Some texts." },
	{ .name = "map",
	  .type = PORTICO_DIRECTIVE_MAP,
	  .offset = PORTICO_MEMBER(struct configuration, map,
				   const struct portico_pair *),
	  .summary = "Names with texts." },
	{ .name = "json",
	  .type = PORTICO_DIRECTIVE_JSON,
	  .offset = PORTICO_MEMBER(struct configuration, json, const char *),
	  .default_value = "null",
	  .summary = "Anything." },
	{ .name = "path",
	  .type = PORTICO_DIRECTIVE_PATH,
	  .offset = PORTICO_MEMBER(struct configuration, path, const char *),
	  .default_value = "\"/nowhere\"",
	  .summary = "A file." },
	{ .name = "pattern",
	  .type = PORTICO_DIRECTIVE_REGEX,
	  .offset = PORTICO_MEMBER(struct configuration, pattern, const char *),
	  .default_value = "\"^/[a-z]+$\"",
	  .summary = "An expression." },
	{ .name = "password",
	  .type = PORTICO_DIRECTIVE_SECRET,
	  .offset =
		  PORTICO_MEMBER(struct configuration, password, const char *),
	  .minimum = 4,
	  .maximum = 16,
	  .summary = "A secret." },
	{ 0 }
};

static enum portico_verdict
write_all(struct portico_request *request, const char *text, int length)
{
	size_t written;

	return portico_response_write(request, text, (size_t)length,
				      &written) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static enum portico_verdict
show(struct portico_request *request)
{
	const struct configuration *c = portico_request_configuration(request);
	char text[4096];
	size_t used = 0;

	used += (size_t)snprintf(text, sizeof(text),
				 "enabled %d\ncount %" PRId64 "\nlimit %" PRIu64
				 "\nwait %" PRIu64
				 "\ntext %s\ncolour %d\njson %s\npath %.500s"
				 "\npattern %.100s\npassword of %zu bytes\n",
				 c->enabled, c->count, c->limit, c->wait,
				 c->text == NULL ? "(none)" : c->text,
				 c->colour, c->json, c->path, c->pattern,
				 c->password == NULL ? 0 : strlen(c->password));
	for (size_t i = 0; c->list[i] != NULL && used < sizeof(text) / 2; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "list %.200s\n", c->list[i]);
	for (size_t i = 0; c->map[i].name != NULL && used < sizeof(text) / 2;
	     i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "map %.100s=%.100s\n", c->map[i].name,
					 c->map[i].value);
	return write_all(request, text, (int)used);
}

static const struct portico_handler handlers[] = {
	{ .name = "show", .methods = "GET,HEAD", .function = show },
	{ 0 }
};

PORTICO_MODULE(.name = "every-directive", .version = "1.0.0",
	       .summary = "shows its settings", .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .handlers = handlers);
