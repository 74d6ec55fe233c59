/* SPDX-License-Identifier: Apache-2.0
 *
 * global.h and change.h, as global.t and process-t drive them.  Each event is
 * a line of the log.  Settings say how it starts; the query of a request what
 * it does then:
 *
 *	unhealthy=WHY  reports it      post=NAME  posts a custom event
 *	watch=PATH     files watched by the next watch=, which are started on
 *	               the main thread
 */
#include <portico/portico.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct configuration {
	const char *preload; /* next, error, hold, late-error, never, twice */
	const char *watch, *directory; /* paths, or "" */
	bool sick; /* HEALTH says so */
	const char *stuck; /* HEALTH waits while there is this file */
};

static const struct portico_directive directives[] = {
	{ .name = "preload",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = offsetof(struct configuration, preload),
	  .default_value = "\"next\"",
	  .summary = "what PRELOAD does" },
	{ .name = "watch",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = offsetof(struct configuration, watch),
	  .default_value = "\"\"",
	  .summary = "a file to watch" },
	{ .name = "directory",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = offsetof(struct configuration, directory),
	  .default_value = "\"\"",
	  .summary = "a directory to watch" },
	{ .name = "sick",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = offsetof(struct configuration, sick),
	  .default_value = "false",
	  .summary = "HEALTH is an error" },
	{ .name = "stuck",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = offsetof(struct configuration, stuck),
	  .default_value = "\"\"",
	  .summary = "a file for which HEALTH waits to be gone" },
	{ 0 }
};

static const struct configuration *settings;
static struct portico_worker *the_worker;
static struct portico_token token;
static struct portico_change_watch *file_watch, *directory_watch;
static pthread_t thread;
static bool has_thread;

static void
say(const char *format, const char *text, long long value)
{
	char line[512];

	snprintf(line, sizeof(line), format, text, value);
	portico_log(NULL, PORTICO_LOG_INFO, 0, "%s", line);
}

/* ---- the start ------------------------------------------------------------------ */

static void *
release_later(void *arg)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	enum portico_status status = arg == NULL ? PORTICO_OK :
						   PORTICO_TIMED_OUT;

	nanosleep(&pause, NULL);
	say("hold released%s: %lld", "",
	    portico_global_release(the_worker, token, status));
	if (strcmp(settings->preload, "twice") == 0)
		say("again%s: %lld", "",
		    portico_global_release(the_worker, token, status));
	return NULL;
}

static enum portico_verdict
on_preload(struct portico_worker *worker, const struct portico_global *global)
{
	struct portico_token tokens[65];
	bool fails = strcmp(settings->preload, "late-error") == 0;
	int count = 0;

	(void)global;
	say("PRELOAD %s", settings->preload, 0);
	if (strcmp(settings->preload, "next") == 0)
		return PORTICO_NEXT;
	if (strcmp(settings->preload, "error") == 0)
		return PORTICO_ERROR;
	if (strcmp(settings->preload, "many") == 0) {
		while (count < 65 &&
		       portico_global_hold(worker, &tokens[count]) ==
			       PORTICO_OK)
			count++;
		say("held %s%lld", "", count);
		while (count-- > 0)
			portico_global_release(worker, tokens[count],
					       PORTICO_OK);
		return PORTICO_NEXT;
	}
	if (portico_global_hold(worker, &token) != PORTICO_OK)
		return PORTICO_ERROR;
	if (strcmp(settings->preload, "never") == 0)
		return PORTICO_NEXT;
	has_thread = pthread_create(&thread, NULL, release_later,
				    fails ? &thread : NULL) == 0;
	return PORTICO_NEXT;
}

/* ---- changes ----------------------------------------------------------------------- */

static void
on_file(struct portico_worker *worker, const struct portico_change *change,
	void *arg)
{
	(void)worker;
	(void)arg;
	say("file changed: %s", change->path, 0);
}

static void
on_directory(struct portico_worker *worker, const struct portico_change *change,
	     void *arg)
{
	(void)worker;
	(void)arg;
	say("directory changed: %s, %lld", change->name, change->count);
	if (strcmp(change->name, "stop") == 0) {
		portico_change_stop(directory_watch);
		directory_watch = NULL;
		say("directory%s is watched no more", "", 0);
	}
}

static void
watch_refused(struct portico_worker *worker, const char *path, uint32_t flags,
	      uint64_t delay)
{
	struct portico_change_watch *watch;
	struct portico_error err;
	enum portico_status status = portico_change_start(
		worker, path, flags, delay, on_file, NULL, &watch, &err);

	say("refused %s: %lld", status < 0 ? err.message : "", status);
}

static void
watch_many(struct portico_worker *worker)
{
	struct portico_change_watch *watches[300];
	int count = 0;

	while (count < 300 &&
	       portico_change_start(worker, "/tmp/x", 0, 0, on_file, NULL,
				    &watches[count], NULL) == PORTICO_OK)
		count++;
	say("%s%lld watches", "", count);
	while (count-- > 0)
		portico_change_stop(watches[count]);
}

static enum portico_verdict
on_start(struct portico_worker *worker, const struct portico_global *global)
{
	enum portico_status status = PORTICO_OK;

	(void)global;
	say("START%s, hold %lld", "", portico_global_hold(worker, &token));
	if (settings->watch[0] != '\0')
		status = portico_change_start(worker, settings->watch, 0,
					      50000000, on_file, NULL,
					      &file_watch, NULL);
	if (status == PORTICO_OK && settings->directory[0] != '\0')
		status = portico_change_start(worker, settings->directory,
					      PORTICO_CHANGE_DIRECTORY, 0,
					      on_directory, NULL,
					      &directory_watch, NULL);
	say("watching%s: %lld", "", status);
	if (settings->watch[0] == '\0')
		return PORTICO_NEXT;
	watch_refused(worker, "relative", 0, 0);
	watch_refused(worker, "/tmp/", 0, 0);
	watch_refused(worker, "/no/such/directory/file", 0, 0);
	watch_refused(worker, "/tmp/x", 0, 61000000000);
	watch_many(worker);
	return PORTICO_NEXT;
}

/* ---- what else is told ---------------------------------------------------------------- */

static enum portico_verdict
on_told(struct portico_worker *worker, const struct portico_global *global)
{
	static const char *const names[] = {
		[PORTICO_GLOBAL_STOP] = "STOP (%s) %lld",
		[PORTICO_GLOBAL_CONFIGURATION] = "CONFIGURATION (%s) %lld",
		[PORTICO_GLOBAL_FILE_CHANGE] = "FILE_CHANGE (%s) %lld",
		[PORTICO_GLOBAL_HEALTH] = "HEALTH (%s) %lld",
		[PORTICO_GLOBAL_CLEANUP] = "CLEANUP (%s) %lld",
	};

	const struct timespec pause = { .tv_nsec = 10000000 };

	say(names[global->event], global->text, global->value);
	while (global->event == PORTICO_GLOBAL_HEALTH &&
	       access(settings->stuck, F_OK) == 0)
		nanosleep(&pause, NULL);
	if (global->event == PORTICO_GLOBAL_HEALTH && settings->sick)
		return PORTICO_ERROR;
	if (global->event == PORTICO_GLOBAL_CLEANUP)
		say("raised%s: %lld", "",
		    portico_global_raise(worker, "test.raised", &token));
	return PORTICO_NEXT;
}

static enum portico_verdict
on_custom(struct portico_worker *worker, const struct portico_global *global)
{
	(void)worker;
	say("CUSTOM %s %lld", global->name, global->argument == &token);
	return strcmp(global->name, "test.raised") == 0 ? PORTICO_DONE :
							  PORTICO_NEXT;
}

static enum portico_verdict
on_custom_after(struct portico_worker *worker,
		const struct portico_global *global)
{
	(void)worker;
	say("CUSTOM after %s", global->name, 0);
	return PORTICO_NEXT;
}

static enum portico_status
worker_init(struct portico_worker *worker, struct portico_error *err)
{
	(void)err;
	the_worker = worker;
	say("main loop%s %lld", "", portico_worker_main_loop(worker) != NULL);
	return PORTICO_OK;
}

static void
worker_fini(struct portico_worker *worker)
{
	(void)worker;
	if (has_thread)
		pthread_join(thread, NULL);
	say("fini%s", "", 0);
}

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	(void)application;
	(void)state_r;
	(void)err;
	settings = configuration;
	return PORTICO_OK;
}

/* ---- requests ----------------------------------------------------------------------------- */

static enum portico_verdict
handle(struct portico_request *request)
{
	struct portico_worker *worker = portico_request_worker(request);
	struct portico_change_watch *watch;
	struct portico_slice value;
	char text[128] = "nothing";
	size_t written;

	if (portico_query_get(request, PORTICO_SLICE("unhealthy"), &value) ==
	    PORTICO_OK)
		snprintf(text, sizeof(text), "unhealthy %d",
			 portico_worker_report_unhealthy(worker, value.data));
	else if (portico_query_get(request, PORTICO_SLICE("post"), &value) ==
		 PORTICO_OK)
		snprintf(text, sizeof(text), "post %d, raise %d, watch %d",
			 portico_global_post(worker, value.data, &token),
			 portico_global_raise(worker, "test.raised", NULL),
			 portico_change_start(worker, "/tmp/x", 0, 0, on_file,
					      NULL, &watch, NULL));
	portico_response_write(request, text, strlen(text), &written);
	return PORTICO_DONE;
}

static const struct portico_global_subscription globals[] = {
	{ .event = PORTICO_GLOBAL_PRELOAD, .function = on_preload },
	{ .event = PORTICO_GLOBAL_START, .function = on_start },
	{ .event = PORTICO_GLOBAL_STOP, .function = on_told },
	{ .event = PORTICO_GLOBAL_CONFIGURATION, .function = on_told },
	{ .event = PORTICO_GLOBAL_FILE_CHANGE, .function = on_told },
	{ .event = PORTICO_GLOBAL_HEALTH, .function = on_told },
	{ .event = PORTICO_GLOBAL_CLEANUP, .function = on_told },
	{ .event = PORTICO_GLOBAL_CUSTOM,
	  .function = on_custom,
	  .name = "test.raised" },
	{ .event = PORTICO_GLOBAL_CUSTOM,
	  .function = on_custom_after,
	  .name = "test.raised" },
	{ .event = PORTICO_GLOBAL_CUSTOM,
	  .function = on_custom,
	  .name = "test.posted" },
	{ 0 }
};

static const struct portico_handler handlers[] = { { .name = "global",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "global", .version = "1.0.0",
	       .summary = "hears about the whole worker",
	       .directives = directives,
	       .configuration_size = sizeof(struct configuration),
	       .handlers = handlers, .worker_init = worker_init,
	       .worker_fini = worker_fini, .application_init = application_init,
	       .global_subscriptions = globals);
