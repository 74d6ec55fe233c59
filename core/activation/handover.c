/* SPDX-License-Identifier: Apache-2.0
 *
 * Handing over.
 */
#include "core/activation/handover.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/identity.h"
#include "core/activation/keeper.h"
#include "core/activation/limits.h"
#include "core/activation/listener_process.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/process.h"
#include "core/activation/runtime.h"
#include "core/activation/state.h"
#include "core/activation/takeover.h"
#include "core/activation/worker_process.h"
#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

#define HANDOVER_MAGIC 0x4a9d07e2u

/* What a program says that understands it. */
#define UNDERSTOOD "this program understands the state"

/* Until all that waits to be said is said. */
#define QUIET_LIMIT_MS 5000
#define QUIET_LOOK_MS 2

#define STATE_BYTES_MAX (256u << 20)

struct handover {
	unsigned magic;
	struct manager *manager;
	struct control_connection *client; /* NULL: it is gone */
	handover_failed_fn *failed; /* NULL: nobody listens */
	void *arg;
	char *program; /* its path */
	struct process *process; /* of the check, until it has ended */
	bool understood; /* it said so */
	char complaint[256]; /* or the first that it said */
	uv_timer_t timer; /* limit of the check, then looks for quiet */
	uint64_t deadline_ns;
	bool client_kept;
};

/* ---- its end ------------------------------------------------------------- */

static void
on_timer_closed(uv_handle_t *handle)
{
	struct handover *handover = handle->data;

	handover->magic = 0;
	mem_free(handover->program);
	mem_free(handover);
}

static void
end(struct handover *handover)
{
	handover->manager->handover = NULL;
	process_free(&handover->process);
	uv_close((uv_handle_t *)&handover->timer, on_timer_closed);
}

static void
fail(struct handover *handover, const struct portico_error *why)
{
	struct portico_error err = *why;

	error_prefix(&err, "porticod was not replaced");
	log_write_error(LOG_LEVEL_WARNING, EVENT_HANDOVER_FAILED, NULL, &err);
	if (handover->failed != NULL)
		handover->failed(&err, handover->arg);
	end(handover);
}

void
handover_forget(struct manager *manager, const void *arg)
{
	struct handover *handover = manager->handover;

	if (handover == NULL || handover->arg != arg)
		return;
	handover->failed = NULL;
	handover->client = NULL;
}

void
handover_cancel(struct manager *manager)
{
	if (manager->handover == NULL)
		return;
	if (manager->handover->process != NULL)
		process_signal(manager->handover->process, SIGKILL);
	end(manager->handover);
}

/* ---- exec ------------------------------------------------------------------ */

static bool
is_quiet(const struct manager *manager)
{
	LIST_FOREACH(struct listener_process, link, listener,
		     &manager->listeners.all)
		if (listener->control != NULL &&
		    !control_idle(listener->control))
			return false;
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			if (worker->control != NULL &&
			    !control_idle(worker->control))
				return false;
	return state_is_kept(manager);
}

/* Those that come between wait for the handlers of the new program. */
static void
hold_signals(bool on)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(on ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

/* Returns if it could not be executed. */
static void
replace(struct handover *handover, struct portico_error *err)
{
	struct manager *manager = handover->manager;
	int lock = runtime_fd(manager->runtime);
	char text[PATH_MAX + 32];

	snprintf(text, sizeof text, "%d %s", lock,
		 manager->settings->runtime_directory);
	log_info(NULL, "porticod is replaced by %s, as the same process",
		 handover->program);
	hold_signals(true);
	(void)io_set_cloexec(lock, false);
	(void)setenv(TAKEOVER_ENVIRONMENT, text, 1);
	metering_pause(manager);
	execv(handover->program, manager->options.arguments);
	error_system(err, "executing %s", handover->program);
	(void)unsetenv(TAKEOVER_ENVIRONMENT);
	(void)io_set_cloexec(lock, true);
	hold_signals(false);
}

static enum portico_status
check(const struct manager *manager, struct portico_error *err)
{
	const char *why = NULL;

	if (manager->phase != MANAGER_RUNNING)
		why = "the server is about to end";
	else if (manager->reload != NULL || manager->next != NULL ||
		 manager->finishing)
		why = "a new configuration is being put in force";
	else if (manager->listeners.next != NULL ||
		 !list_empty(&manager->listeners.upgrades))
		why = "the listener is being replaced";
	else if (!listeners_serve(&manager->listeners))
		why = "there is no listener that serves; one is being started";
	else if (!keeper_is_there(manager->keeper))
		why = "there is no keeper that could hold what it has; one is "
		      "being started";
	if (why == NULL)
		return PORTICO_OK;
	return error_set(err, PORTICO_STATE, "replacing porticod: %s", why);
}

static void
keep_client(struct handover *handover)
{
	int fd;

	if (handover->client == NULL || handover->client_kept)
		return;
	fd = control_connection_fd(handover->client);
	keeper_put(handover->manager->keeper, "client", json_object(), &fd, 1,
		   -1);
	handover->client_kept = true;
}

static void
on_look(uv_timer_t *timer)
{
	struct handover *handover = timer->data;
	struct manager *manager = handover->manager;
	struct portico_error err;

	if (check(manager, &err) == PORTICO_OK) {
		state_sweep(manager);
		if (is_quiet(manager)) {
			keep_client(handover);
			if (keeper_is_ready(manager->keeper))
				replace(handover, &err);
			else
				return;
		} else if (clock_monotonic_ns() < handover->deadline_ns) {
			return;
		} else {
			error_set(&err, PORTICO_TIMED_OUT,
				  "a child does not read what it is told");
		}
	}
	if (handover->client_kept && keeper_is_there(manager->keeper))
		keeper_drop(manager->keeper, "client");
	fail(handover, &err);
}

/* ---- whether the program on disk understands us ------------------------------ */

static void
on_line(struct process *process, const char *line, void *arg)
{
	struct handover *handover = arg;

	(void)process;
	if (strcmp(line, UNDERSTOOD) == 0)
		handover->understood = true;
	else if (handover->complaint[0] == '\0')
		snprintf(handover->complaint, sizeof handover->complaint, "%s",
			 line);
}

static void
on_exit_of_check(struct process *process, const struct process_exit *result,
		 void *arg)
{
	struct handover *handover = arg;
	struct portico_error err;
	char how[128];

	(void)process;
	process_free(&handover->process);
	uv_timer_stop(&handover->timer);
	if (handover->understood && !result->signalled && result->status == 0) {
		handover->deadline_ns =
			clock_monotonic_ns() +
			(uint64_t)QUIET_LIMIT_MS * CLOCK_NS_PER_MS;
		uv_timer_start(&handover->timer, on_look, 0, QUIET_LOOK_MS);
		return;
	}
	error_set(&err, PORTICO_UNSUPPORTED,
		  "%s does not say that it can go on with what runs: it %s",
		  handover->program,
		  process_exit_text(result, how, sizeof how));
	if (handover->complaint[0] != '\0')
		error_hint(&err, "It said: %s", handover->complaint);
	fail(handover, &err);
}

static void
on_check_limit(uv_timer_t *timer)
{
	struct handover *handover = timer->data;

	process_signal(handover->process, SIGKILL);
}

/* As it was called, so that a path leads to what is there now. */
static char *
find_program(const struct manager *manager)
{
	static const char deleted[] = " (deleted)";
	const char *name = manager->options.arguments[0];
	char path[PATH_MAX];
	ssize_t length;

	if (strchr(name, '/') != NULL)
		return mem_strdup(name);
	length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length <= 0)
		return mem_strdup(name);
	path[length] = '\0';
	if ((size_t)length > sizeof deleted &&
	    strcmp(path + length - (sizeof deleted - 1), deleted) == 0)
		path[length - (ssize_t)(sizeof deleted - 1)] = '\0';
	return mem_strdup(path);
}

static int
state_to_memfd(struct manager *manager, struct portico_error *err)
{
	json_t *state = state_to_json(manager);
	size_t length = json_dumpb(state, NULL, 0, JSON_COMPACT);
	char *text = length == 0 ? NULL : mem_try_alloc(length);
	int fd;

	if (text != NULL)
		length = json_dumpb(state, text, length, JSON_COMPACT);
	json_decref(state);
	if (text == NULL)
		return (int)error_set(err, PORTICO_NO_MEMORY,
				      "writing down the state: out of memory");
	fd = io_memfd_from("portico-state", text, length, err);
	mem_free(text);
	return fd;
}

static enum portico_status
ask_program(struct handover *handover, struct portico_error *err)
{
	static const struct identity identity;
	static const char *const arguments[] = { "porticod", "--check-state",
						 NULL };
	struct manager *manager = handover->manager;
	struct process_options options = {
		.path = handover->program,
		.arguments = arguments,
		.identity = &identity,
	};
	enum portico_status status = PORTICO_OK;

	options.control_fd = state_to_memfd(manager, err);
	if (options.control_fd < 0)
		return (enum portico_status)options.control_fd;
	options.environment = environment_new(NULL);
	if (options.environment == NULL)
		status = error_set(err, PORTICO_NO_MEMORY, "out of memory");
	else
		status = process_start(&manager->loop, &options, on_line,
				       on_exit_of_check, handover,
				       &handover->process, err);
	environment_free((const char **)(uintptr_t)options.environment);
	io_close(&options.control_fd);
	return status;
}

enum portico_status
handover_start(struct manager *manager, struct control_connection *client,
	       handover_failed_fn *failed, void *arg, struct portico_error *err)
{
	enum portico_status status = check(manager, err);
	struct handover *handover;

	if (status == PORTICO_OK && manager->handover != NULL)
		status = error_set(err, PORTICO_STATE,
				   "replacing porticod: that goes on already");
	if (status != PORTICO_OK)
		return status;
	handover = mem_zalloc(sizeof *handover);
	handover->magic = HANDOVER_MAGIC;
	handover->manager = manager;
	handover->client = client;
	handover->failed = failed;
	handover->arg = arg;
	handover->program = find_program(manager);
	uv_timer_init(&manager->loop, &handover->timer);
	handover->timer.data = handover;
	manager->handover = handover;
	status = ask_program(handover, err);
	if (status != PORTICO_OK) {
		end(handover);
		return status;
	}
	uv_timer_start(&handover->timer, on_check_limit, CHECK_LIMIT_MS, 0);
	return PORTICO_OK;
}

/* ---- the other side ---------------------------------------------------------- */

int
handover_check_state(int fd)
{
	struct portico_error err;
	struct buffer text;
	json_t *state = NULL;
	char path[64];

	error_clear(&err);
	buffer_init(&text, STATE_BYTES_MAX);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (io_read_file(path, STATE_BYTES_MAX, &text, &err) == PORTICO_OK) {
		state = json_loadb(text.data, text.length,
				   JSON_REJECT_DUPLICATES, NULL);
		if (state == NULL)
			error_set(&err, PORTICO_PROTOCOL,
				  "the state is no JSON");
		else
			(void)takeover_check(state, &err);
	}
	json_decref(state);
	buffer_fini(&text);
	if (err.status != PORTICO_OK) {
		error_print(stderr, &err);
		return 1;
	}
	puts(UNDERSTOOD);
	return 0;
}
