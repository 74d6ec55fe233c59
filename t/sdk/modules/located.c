/* SPDX-License-Identifier: Apache-2.0
 *
 * Shows the settings that a request has, and those that application_init had;
 * "X-To: URL" rewrites it first.
 */
#include <portico/portico.h>

#include <inttypes.h>
#include <stdio.h>

struct configuration {
	const char *word;
	int64_t number;
};

static const struct portico_directive directives[] = {
	{ .name = "word",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct configuration, word, const char *),
	  .default_value = "\"none\"",
	  .summary = "A word." },
	{ .name = "number",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = PORTICO_MEMBER(struct configuration, number, int64_t),
	  .default_value = "1",
	  .maximum = 9,
	  .summary = "A number." },
	{ 0 }
};

static int starts; /* application_init calls, on the main thread */

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	(void)application;
	(void)err;
	starts++;
	*state_r = (void *)configuration;
	return PORTICO_OK;
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct portico_slice target;

	if (portico_request_rewrites(request) == 0 &&
	    portico_request_field(request, PORTICO_SLICE("X-To"), &target) &&
	    portico_request_rewrite(request, target) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static enum portico_verdict
show(struct portico_request *request)
{
	const struct configuration *here =
		portico_request_configuration(request);
	const struct configuration *init = portico_application_state(request);
	char text[256];
	size_t written;
	int length = snprintf(text, sizeof(text),
			      "%.50s %" PRId64 ", began with %.50s, %d",
			      here->word, here->number, init->word, starts);

	return portico_response_write(request, text, (size_t)length,
				      &written) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

static const struct portico_handler handlers[] = { { .name = "show",
						     .function = show },
						   { 0 } };

PORTICO_MODULE(.name = "located", .version = "1.0.0",
	       .summary = "shows settings by location",
	       .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .application_init = application_init,
	       .subscriptions = subscriptions, .handlers = handlers);
