/* SPDX-License-Identifier: Apache-2.0
 *
 * A module whose functions a test sets: what a test of the test kit drives.
 */
#ifndef T_UNIT_SDK_PUPPET_H
#define T_UNIT_SDK_PUPPET_H

#include "t/unit/unit.h"

#include <portico/portico.h>
#include <portico/testkit.h>

struct puppet_settings {
	int64_t number;
	const char *text;
};

static struct {
	portico_event_fn *begin, *again, *authenticate, *log, *custom, *send,
		*read, *handler, *second, *filter_head;
	enum portico_status (*filter_data)(struct portico_request *request,
					   struct portico_slice chunk,
					   uint32_t flags,
					   struct portico_filter_stream *next);
	enum portico_status (*worker_init)(struct portico_worker *worker,
					   struct portico_error *err);
	portico_global_fn *global; /* all events */
	void (*worker_fini)(struct portico_worker *worker);
	unsigned aborts, finis;
	void (*on_abort)(struct portico_request *request);
} puppet;

#define PUPPET_FUNCTION(member)                                                \
	static enum portico_verdict puppet_##member(                           \
		struct portico_request *request)                               \
	{                                                                      \
		return puppet.member == NULL ? PORTICO_NEXT :                  \
					       puppet.member(request);         \
	}

PUPPET_FUNCTION(begin)
PUPPET_FUNCTION(again)
PUPPET_FUNCTION(authenticate)
PUPPET_FUNCTION(log)
PUPPET_FUNCTION(custom)
PUPPET_FUNCTION(send)
PUPPET_FUNCTION(read)
PUPPET_FUNCTION(handler)
PUPPET_FUNCTION(second)

static enum portico_verdict
puppet_filter_head(struct portico_request *request)
{
	return puppet.filter_head == NULL ? PORTICO_DONE :
					    puppet.filter_head(request);
}

static enum portico_status
puppet_filter_data(struct portico_request *request, struct portico_slice chunk,
		   uint32_t flags, struct portico_filter_stream *next)
{
	return puppet.filter_data(request, chunk, flags, next);
}

static enum portico_status
puppet_worker_init(struct portico_worker *worker, struct portico_error *err)
{
	return puppet.worker_init == NULL ? PORTICO_OK :
					    puppet.worker_init(worker, err);
}

static void
puppet_worker_fini(struct portico_worker *worker)
{
	puppet.finis++;
	if (puppet.worker_fini != NULL)
		puppet.worker_fini(worker);
}

static void
puppet_on_abort(struct portico_request *request)
{
	puppet.aborts++;
	if (puppet.on_abort != NULL)
		puppet.on_abort(request);
}

static const struct portico_directive puppet_directives[] = {
	{ .name = "number",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = PORTICO_MEMBER(struct puppet_settings, number, int64_t),
	  .default_value = "7",
	  .minimum = 1,
	  .maximum = 10,
	  .summary = "A number." },
	{ .name = "text",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct puppet_settings, text, const char *),
	  .summary = "A text." },
	{ 0 }
};

static const struct portico_subscription puppet_subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = puppet_begin },
	{ .event = PORTICO_EVENT_BEGIN, .function = puppet_again },
	{ .event = PORTICO_EVENT_AUTHENTICATE,
	  .function = puppet_authenticate },
	{ .event = PORTICO_EVENT_LOG, .function = puppet_log },
	{ .event = PORTICO_EVENT_CUSTOM,
	  .name = "other.event",
	  .function = puppet_custom },
	{ .event = PORTICO_EVENT_SEND_RESPONSE, .function = puppet_send },
	{ .event = PORTICO_EVENT_READ_ENTITY, .function = puppet_read },
	{ 0 }
};

static enum portico_verdict
puppet_global(struct portico_worker *worker,
	      const struct portico_global *global)
{
	return puppet.global == NULL ? PORTICO_NEXT :
				       puppet.global(worker, global);
}

static const struct portico_global_subscription puppet_globals[] = {
	{ .event = PORTICO_GLOBAL_PRELOAD, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_START, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_STOP, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_CONFIGURATION, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_FILE_CHANGE, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_HEALTH, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_CLEANUP, .function = puppet_global },
	{ .event = PORTICO_GLOBAL_CUSTOM,
	  .function = puppet_global,
	  .name = "other.news" },
	{ 0 }
};

static const struct portico_handler puppet_handlers[] = {
	{ .name = "first", .function = puppet_handler },
	{ .name = "second", .function = puppet_second },
	{ 0 }
};

static const struct portico_filter puppet_filter = {
	.name = "puppet",
	.head = puppet_filter_head,
	.data = puppet_filter_data,
};

PORTICO_MODULE(.name = "puppet", .version = "1.0.0",
	       .summary = "does what a test says",
	       .directives = puppet_directives,
	       .configuration_size = sizeof(struct puppet_settings),
	       .request_size = 64, .subscriptions = puppet_subscriptions,
	       .handlers = puppet_handlers, .filter = &puppet_filter,
	       .global_subscriptions = puppet_globals,
	       .worker_init = puppet_worker_init,
	       .worker_fini = puppet_worker_fini, .on_abort = puppet_on_abort);

static struct kit *kit;

/* ---- failures ---------------------------------------------------------------- */

static unsigned told; /* failures so far */
static char first_failure[1024];

static inline void
puppet_on_failure(void *arg, const char *sentence)
{
	(void)arg;
	if (told++ == 0)
		snprintf(first_failure, sizeof(first_failure), "%s", sentence);
}

static inline void
puppet_open(struct kit_options options)
{
	struct portico_error err;

	told = 0;
	first_failure[0] = '\0';
	options.entry = portico_module_entry;
	options.on_failure = puppet_on_failure;
	kit = kit_open(&options, &err);
	if (kit == NULL)
		fail_msg("%s", err.message);
}

static inline int
puppet_setup(void **state)
{
	(void)state;
	memset(&puppet, 0, sizeof(puppet));
	puppet_open((struct kit_options){ 0 });
	return 0;
}

static inline int
puppet_teardown(void **state)
{
	(void)state;
	if (kit != NULL)
		kit_close(kit);
	kit = NULL;
	return 0;
}

/* A row of the tests: each has a kit of its own. */
#define KIT_TEST(name)                                                         \
	cmocka_unit_test_setup_teardown(name, puppet_setup, puppet_teardown)

/* Closes the kit: nothing was wrong. */
static inline void
assert_clean(void)
{
	kit_close(kit);
	kit = NULL;
	if (told > 0)
		fail_msg("%s", first_failure);
}

/* ... or just this. */
static inline void
assert_told(const char *sentence)
{
	if (kit != NULL)
		kit_close(kit);
	kit = NULL;
	if (told == 0 || strstr(first_failure, sentence) == NULL)
		fail_msg("not told: \"%s\", but: \"%s\"", sentence,
			 first_failure);
	assert_int_equal(told, 1);
}

/* What the client got. */
static inline void
assert_body(struct kit_request *request, const char *expected)
{
	struct portico_slice body = kit_response_body(request);

	assert_int_equal(body.length, strlen(expected));
	assert_string_equal(body.data, expected);
}

static inline enum portico_status
puppet_write(struct portico_request *request, const char *text)
{
	size_t written;

	return portico_response_write(request, text, strlen(text), &written);
}

#endif
