/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest useful module: one handler, one setting.
 *
 *	"hello": { "greeting": "Good morning" }
 */
#include <portico/portico.h>

#include <string.h>

struct configuration {
	const char *greeting;
};

static const struct portico_directive directives[] = {
	{ .name = "greeting",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset =
		  PORTICO_MEMBER(struct configuration, greeting, const char *),
	  .default_value = "\"Hello, world\"",
	  .summary = "The text that every request is answered with." },
	{ 0 }
};

static enum portico_verdict
hello(struct portico_request *request)
{
	const struct configuration *configuration =
		portico_request_configuration(request);
	const char *text = configuration->greeting;
	size_t length = strlen(text), written;

	if (portico_response_set_field(request, PORTICO_SLICE("Content-Type"),
				       PORTICO_SLICE("text/plain")) !=
		    PORTICO_OK ||
	    portico_response_set_length(request, (int64_t)length + 1) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	/* So short a response always fits, unless the client has left. */
	if (portico_response_write(request, text, length, &written) !=
		    PORTICO_OK ||
	    portico_response_write(request, "\n", 1, &written) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = {
	{ .name = "hello", .methods = "GET,HEAD", .function = hello },
	{ 0 }
};

PORTICO_MODULE(.name = "hello", .version = "1.0.0",
	       .summary = "answers every request with a greeting",
	       .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .handlers = handlers);
