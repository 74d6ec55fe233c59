/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h, as process.t drives it.  A request's fields say what is done:
 *
 *	X-Start: COMMAND   of /bin/sh, with $PORT free and $KEPT, without
 *	                   $GONE; X-Restart is a number of the enum
 *	X-Directory, X-Grace (ms), X-Failures, X-Lines
 *	X-Do: stop, free   what was started last
 *
 * It answers with the child's process, once it runs.  What is told goes to the
 * log.  $AT_INIT is started when the worker begins.
 */
#include <portico/portico.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS (1000ull * 1000)

static struct portico_process *last;

static const char *
field(struct portico_request *request, const char *name)
{
	struct portico_slice value;

	return portico_request_field(
		       request, (struct portico_slice){ name, strlen(name) },
		       &value) ?
		       value.data :
		       NULL;
}

static uint64_t
number(struct portico_request *request, const char *name)
{
	const char *text = field(request, name);

	return text == NULL ? 0 : strtoull(text, NULL, 10);
}

static void
on_news(struct portico_process *process,
	const struct portico_process_news *news, void *arg)
{
	static const char *const words[] = { "started", "exited", "ended" };
	const char *lines = news->last_lines;
	size_t length = strcspn(lines, "\n");

	(void)process;
	portico_log(NULL, PORTICO_LOG_INFO, 0,
		    "news %s %s status %d signal %d times %d gave up %d: %.*s",
		    (const char *)arg, words[news->event], news->status,
		    news->signal, (int)news->started, news->gave_up,
		    (int)length, lines);
}

static enum portico_status
start(const char *command, struct portico_process_options *options,
      struct portico_error *err)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	char port[32];
	const char *const environment[] = { port, "KEPT=yes", "GONE", NULL };

	snprintf(port, sizeof(port), "PORT=%u", portico_process_port());
	options->argv = argv;
	options->environment = environment;
	options->fn = on_news;
	return portico_process_start(options, &last, err);
}

struct state {
	struct portico_token token;
	unsigned tries; /* it may have ended already */
};

static void on_timer(struct portico_request *request, void *arg);

static enum portico_verdict
answer(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);
	int64_t pid = portico_process_pid(last);
	size_t written;
	char text[64];

	(void)arg;
	if (pid == 0 && state->tries++ < 100) {
		portico_suspend(request, answer, NULL, &state->token);
		portico_timer_start(request, 5 * MS, on_timer, NULL);
		return PORTICO_PENDING;
	}
	snprintf(text, sizeof(text), "%lld", (long long)pid);
	portico_response_write(request, text, strlen(text), &written);
	return PORTICO_DONE;
}

static void
on_timer(struct portico_request *request, void *arg)
{
	struct state *state = portico_request_state(request);

	(void)arg;
	portico_complete(state->token);
}

static enum portico_verdict
handle(struct portico_request *request)
{
	const char *command = field(request, "X-Start");
	const char *what = field(request, "X-Do");
	struct portico_process_options options = {
		.restart = (enum portico_process_restart)number(request,
								"X-Restart"),
		.directory = field(request, "X-Directory"),
		.grace_ns = number(request, "X-Grace") * MS,
		.failures_max = (uint32_t)number(request, "X-Failures"),
		.lines_max = (uint32_t)number(request, "X-Lines"),
		.backoff_ns = 10 * MS,
		.arg = (void *)"request",
	};
	struct portico_error err = { .status = PORTICO_OK };
	size_t written;

	if (what != NULL && strcmp(what, "stop") == 0)
		portico_process_stop(last);
	else if (what != NULL)
		portico_process_free(last);
	if (what != NULL || command == NULL)
		return PORTICO_DONE;
	if (start(command, &options, &err) == PORTICO_OK)
		return answer(request, NULL);
	portico_response_write(request, err.message, strlen(err.message),
			       &written);
	return PORTICO_DONE;
}

static enum portico_status
on_worker_init(struct portico_worker *worker, struct portico_error *err)
{
	const char *command = getenv("AT_INIT");
	struct portico_process_options options = {
		.restart = PORTICO_PROCESS_ALWAYS,
		.arg = (void *)"init",
	};

	(void)worker;
	/* A descriptor as careless libraries have them. */
	if (dup(STDERR_FILENO) < 0)
		return PORTICO_SYSTEM;
	portico_process_free(NULL);
	return command == NULL ? PORTICO_OK : start(command, &options, err);
}

static const struct portico_handler handlers[] = { { .name = "process",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "process", .version = "1.0.0",
	       .summary = "runs other programs",
	       .request_size = sizeof(struct state), .handlers = handlers,
	       .worker_init = on_worker_init);
