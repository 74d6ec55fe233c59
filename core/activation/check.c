/* SPDX-License-Identifier: Apache-2.0
 *
 * Checking a configuration.
 */
#include "core/activation/check.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "core/activation/certificates.h"
#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/confinement.h"
#include "core/activation/identity.h"
#include "core/activation/limits.h"
#include "core/activation/log_check.h"
#include "core/activation/process.h"
#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"

#define LINES_BYTES_MAX (256u << 10)

struct check {
	struct check_options options;
	struct settings *settings;
	struct buffer text; /* of the file: checked here and there alike */
	struct process *process;
	uv_timer_t timer;
	struct buffer lines; /* what portico-worker said, if it matters */
	bool told; /* a problem */
	bool over; /* its time */
};

static void
tell(struct check *check, const char *line)
{
	check->told = true;
	check->options.on_problem(line, check->options.arg);
}

static void
check_identity(const struct settings *settings,
	       const struct settings_pool *pool,
	       struct config_problems *problems)
{
	struct identity identity;
	struct portico_error err;

	if (identity_resolve(settings, pool, &identity, &err) == PORTICO_OK)
		return;
	config_problem_at(problems,
			  err.file[0] != '\0' ? err.file : settings->file,
			  err.line, err.column, "%s%s%s%s",
			  pool == NULL ? "" : "pools.",
			  pool == NULL ? "" : pool->name,
			  pool == NULL ? "" : ".identity: ", err.message);
}

/* The file is read once. */
static struct settings *
read_text(struct check *check, struct config_problems *problems)
{
	const char *file = check->options.file;
	struct portico_error err;

	if (io_read_file(file, CONFIG_FILE_BYTES_MAX, &check->text, &err) !=
	    PORTICO_OK) {
		config_problem_at(problems, file, 0, 0, "%s", err.message);
		return NULL;
	}
	return settings_read_text(check->text.data, check->text.length, file,
				  problems);
}

/* NULL after problems were told. */
static struct settings *
read_settings(struct check *check)
{
	struct arena *arena = arena_new("problems", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings = read_text(check, problems);
	const char *line;

	if (settings != NULL) {
		settings_check_world(settings, problems);
		certificates_check(settings, problems);
		check_identity(settings, NULL, problems);
		for (size_t i = 0; i < settings->pool_count; i++)
			if (settings->pools[i].identity_place.file != NULL)
				check_identity(settings, &settings->pools[i],
					       problems);
		if (check->options.logs)
			log_check(settings, problems);
	}
	for (size_t i = 0;; i++) {
		line = config_problem_text(problems, i);
		if (line == NULL)
			break;
		tell(check, line);
	}
	arena_free(arena);
	if (check->told)
		settings_unref(&settings);
	return settings;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

static void
check_free(struct check *check)
{
	process_free(&check->process);
	settings_unref(&check->settings);
	buffer_fini(&check->text);
	buffer_fini(&check->lines);
	uv_close((uv_handle_t *)&check->timer, on_timer_closed);
}

/* Kept until its exit says whether it is a complaint. */
static void
on_line(struct process *process, const char *line, void *arg)
{
	struct check *check = arg;

	(void)process;
	(void)buffer_printf(&check->lines, "%s\n", line);
}

static void
tell_lines(struct check *check)
{
	struct portico_slice rest = buffer_slice(&check->lines);

	while (rest.length > 0) {
		struct portico_slice line = slice_split(&rest, '\n');
		char text[CHILD_LINE_BYTES + 1];

		snprintf(text, sizeof text, "%.*s", SLICE_ARGS(line));
		tell(check, text);
	}
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct check *check = arg;
	struct check_options options = check->options;
	struct settings *settings = check->settings;
	bool good = !result->signalled && result->status == 0;
	char how[128], line[512];

	(void)process;
	if (!good)
		tell_lines(check);
	if (!good && !check->told) {
		snprintf(line, sizeof line,
			 "checking the modules' sections of %s: "
			 "portico-worker %s%s",
			 options.file,
			 process_exit_text(result, how, sizeof how),
			 check->over ? " (it took too long)" : "");
		tell(check, line);
	}
	check->settings = NULL;
	check_free(check);
	if (!good)
		settings_unref(&settings);
	options.on_done(settings, options.arg);
}

static void
on_limit(uv_timer_t *timer)
{
	struct check *check = timer->data;

	check->over = true;
	process_signal(check->process, SIGKILL);
}

static enum portico_status
ask_worker(struct check *check, uv_loop_t *loop, struct portico_error *err)
{
	const char *const arguments[] = { "portico-worker",
					  "--check-config",
					  check->options.file,
					  "--control-fd",
					  "3",
					  NULL };
	const char **environment;
	struct identity identity;
	struct process_options options = {
		.path = check->options.worker,
		.arguments = arguments,
		.identity = &identity,
		.confinement = &confinement_plain,
	};
	enum portico_status status =
		identity_resolve(check->settings, NULL, &identity, err);

	if (status != PORTICO_OK)
		return status;
	options.control_fd = io_memfd_from("portico-configuration",
					   check->text.data, check->text.length,
					   err);
	if (options.control_fd < 0)
		return (enum portico_status)options.control_fd;
	environment = environment_new(NULL);
	options.environment = environment;
	if (environment == NULL)
		status = error_set(err, PORTICO_NO_MEMORY,
				   "checking the configuration: out of memory");
	else
		status = process_start(loop, &options, on_line, on_end, check,
				       &check->process, err);
	environment_free(environment);
	io_close(&options.control_fd);
	return status;
}

void
check_start(uv_loop_t *loop, const struct check_options *options,
	    struct check **check_r)
{
	struct check *check = mem_zalloc(sizeof *check);
	struct settings *settings;
	struct portico_error err;
	char line[1024];

	*check_r = NULL;
	check->options = *options;
	buffer_init(&check->text, 0);
	buffer_init(&check->lines, LINES_BYTES_MAX);
	uv_timer_init(loop, &check->timer);
	check->timer.data = check;
	check->settings = read_settings(check);
	if (check->settings != NULL && access(options->worker, X_OK) != 0) {
		log_warn(EVENT_CHECK_INCOMPLETE, NULL,
			 "the modules' sections are not checked: %s cannot be "
			 "executed",
			 options->worker);
	} else if (check->settings != NULL) {
		if (ask_worker(check, loop, &err) == PORTICO_OK) {
			uv_timer_start(&check->timer, on_limit, CHECK_LIMIT_MS,
				       0);
			*check_r = check;
			return;
		}
		tell(check, error_format(&err, line, sizeof line));
		settings_unref(&check->settings);
	}
	settings = check->settings;
	check->settings = NULL;
	check_free(check);
	options->on_done(settings, options->arg);
}

void
check_cancel(struct check **check_p)
{
	struct check *check = *check_p;

	if (check == NULL)
		return;
	*check_p = NULL;
	process_signal(check->process, SIGKILL);
	check_free(check);
}

/* ---- waiting ------------------------------------------------------------- */

struct verdict {
	json_t *problems; /* NULL: they are printed at once */
	struct settings *settings;
};

static void
take_problem(const char *line, void *arg)
{
	struct verdict *verdict = arg;

	if (verdict->problems != NULL)
		json_array_append_new(verdict->problems, json_string(line));
	else
		fprintf(stderr, "%s\n", line);
}

static void
take_settings(struct settings *settings, void *arg)
{
	struct verdict *verdict = arg;

	verdict->settings = settings;
}

struct settings *
check_now(const char *file, const char *worker, bool all, bool json)
{
	struct verdict verdict = { .problems = json ? json_array() : NULL };
	const struct check_options options = {
		.file = file,
		.worker = worker,
		.logs = all,
		.on_problem = take_problem,
		.on_done = take_settings,
		.arg = &verdict,
	};
	struct check *check;
	uv_loop_t loop;

	uv_loop_init(&loop);
	check_start(&loop, &options, &check);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	if (json) {
		json_t *answer = json_pack("{s:b, s:o}", "ok",
					   verdict.settings != NULL, "problems",
					   verdict.problems);

		json_dumpf(answer, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(answer);
	}
	return verdict.settings;
}
