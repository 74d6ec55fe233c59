/* SPDX-License-Identifier: Apache-2.0
 *
 * @NAME@: a module for Portico.  It answers /hello below its applications and
 * adds a field to every response.  What a module may do is in the headers
 * that portico/portico.h includes.
 */
#include <portico/portico.h>

#include <string.h>

struct configuration {
	const char *greeting;
};

/* The settings, as an operator writes them into portico.json. */
static const struct portico_directive directives[] = {
	{ .name = "greeting",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset =
		  PORTICO_MEMBER(struct configuration, greeting, const char *),
	  .default_value = "\"Hello from @NAME@\"",
	  .summary = "What /hello answers." },
	{ 0 }
};

/* An event: called for every request, before it is handled. */
static enum portico_verdict
on_begin(struct portico_request *request)
{
	if (portico_response_set_field(request, PORTICO_SLICE("X-Module"),
				       PORTICO_SLICE("@NAME@")) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

/* A handler: makes the response, or passes on to the next one. */
static enum portico_verdict
handle(struct portico_request *request)
{
	const struct configuration *configuration =
		portico_request_configuration(request);
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION);
	size_t length = strlen(configuration->greeting), written;

	if (path.length != 6 || memcmp(path.data, "/hello", 6) != 0)
		return PORTICO_NEXT;
	if (portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				       PORTICO_SLICE("text/plain")) !=
		    PORTICO_OK ||
	    portico_response_set_length(request, (int64_t)length) !=
		    PORTICO_OK ||
	    portico_response_write(request, configuration->greeting, length,
				   &written) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = {
	{ .name = "@NAME@", .methods = "GET,HEAD", .function = handle },
	{ 0 }
};

PORTICO_MODULE(.name = "@NAME@", .version = "0.1.0",
	       .summary = "answers /hello and signs every response",
	       .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .subscriptions = subscriptions, .handlers = handlers);
