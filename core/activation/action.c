/* SPDX-License-Identifier: Apache-2.0
 *
 * Running programs for the administrator.
 */
#include "core/activation/action.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/identity.h"
#include "core/activation/limits.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/process.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

#define ACTION_MAGIC 0xac7104e5u

/* OWNERSHIP: its own; it is freed when the process has ended and the timer is
 * closed.  It does not refer to its pool, which may be gone. */
struct action {
	unsigned magic;
	struct list link; /* in pool.actions */
	char *pool;
	const char *what; /* static */
	struct process *process;
	uv_timer_t limit;
};

static struct log_context
about(const struct action *action)
{
	return (struct log_context){ .name = "pool", .value = action->pool };
}

static void
on_closed(uv_handle_t *handle)
{
	struct action *action = handle->data;

	mem_free(action->pool);
	action->magic = 0;
	mem_free(action);
}

static void
on_limit(uv_timer_t *timer)
{
	struct action *action = timer->data;
	const struct log_context ctx = about(action);

	CHECK(action, ACTION_MAGIC);
	log_warn(EVENT_ACTION_FAILED, &ctx,
		 "%s (process %d) has run for %d s and is killed", action->what,
		 (int)process_pid(action->process), ACTION_LIMIT_MS / 1000);
	process_signal(action->process, SIGKILL);
}

static void
on_line(struct process *process, const char *line, void *arg)
{
	struct action *action = arg;
	const struct log_context ctx = about(action);

	(void)process;
	CHECK(action, ACTION_MAGIC);
	log_info(&ctx, "%s: %s", action->what, line);
}

static void
on_end(struct process *process, const struct process_exit *result, void *arg)
{
	struct action *action = arg;
	const struct log_context ctx = about(action);
	char how[128];

	(void)process;
	CHECK(action, ACTION_MAGIC);
	process_exit_text(result, how, sizeof how);
	if (result->signalled || result->status != 0)
		log_warn(EVENT_ACTION_FAILED, &ctx, "%s failed: it %s",
			 action->what, how);
	else
		log_info(&ctx, "%s has been run", action->what);
	list_remove(&action->link);
	process_free(&action->process);
	uv_close((uv_handle_t *)&action->limit, on_closed);
}

/* A copy with `value` where "%1%" is.  OWNERSHIP: the caller's. */
static char *
expand(const char *text, const char *value)
{
	size_t count = 0, length = strlen(value);
	const char *at;
	char *copy, *end;

	for (at = text; (at = strstr(at, "%1%")) != NULL; at += 3)
		count++;
	copy = end = mem_zalloc(strlen(text) + count * length + 1);
	while ((at = strstr(text, "%1%")) != NULL) {
		memcpy(end, text, (size_t)(at - text));
		end += at - text;
		memcpy(end, value, length);
		end += length;
		text = at + 3;
	}
	memcpy(end, text, strlen(text));
	return copy;
}

static enum portico_status
start(struct pool *pool, struct action *action,
      const struct settings_action *settings, const struct action_facts *facts,
      struct portico_error *err)
{
	static const struct identity ourselves = { .change = false };
	char pid[16];
	const struct settings_pair pairs[] = {
		{ "PORTICO_POOL", pool->name },
		{ "PORTICO_REASON", facts->reason },
		{ "PORTICO_PID", pid },
	};
	const struct settings_pool more = {
		.environment = pairs,
		.environment_count = facts->pid == 0 ? 2 : 3,
	};
	char **arguments =
		mem_zalloc((settings->count + 2) * sizeof *arguments);
	struct process_options options = {
		.path = settings->path,
		.arguments = (const char *const *)arguments,
		.control_fd = -1,
		.identity = &ourselves,
	};
	const char **environment;
	enum portico_status status;

	snprintf(pid, sizeof pid, "%d", facts->pid);
	environment = environment_new(&more);
	if (environment == NULL) {
		mem_free(arguments);
		return error_set(err, PORTICO_NO_MEMORY, "out of memory");
	}
	options.environment = environment;
	arguments[0] = mem_strdup(settings->path);
	for (size_t i = 0; i < settings->count; i++)
		arguments[i + 1] = expand(settings->arguments[i], facts->value);
	status = process_start(&pool->manager->loop, &options, on_line, on_end,
			       action, &action->process, err);
	for (size_t i = 0; i <= settings->count; i++)
		mem_free(arguments[i]);
	mem_free(arguments);
	environment_free(environment);
	return status;
}

void
action_run(struct pool *pool, const struct settings_action *settings,
	   const struct action_facts *facts)
{
	struct action *action;
	struct portico_error err;
	struct log_context ctx;

	if (settings->path == NULL)
		return;
	action = mem_zalloc(sizeof *action);
	action->magic = ACTION_MAGIC;
	action->pool = mem_strdup(pool->name);
	action->what = facts->what;
	list_init(&action->link);
	uv_timer_init(&pool->manager->loop, &action->limit);
	action->limit.data = action;
	ctx = about(action);
	if (start(pool, action, settings, facts, &err) != PORTICO_OK) {
		error_prefix(&err, "%s", facts->what);
		log_write_error(LOG_LEVEL_WARNING, EVENT_ACTION_FAILED, &ctx,
				&err);
		uv_close((uv_handle_t *)&action->limit, on_closed);
		return;
	}
	log_info(&ctx, "running %s, process %d", facts->what,
		 (int)process_pid(action->process));
	list_add_tail(&pool->actions, &action->link);
	uv_timer_start(&action->limit, on_limit, ACTION_LIMIT_MS, 0);
}

void
action_end_all(struct pool *pool)
{
	LIST_FOREACH_SAFE(struct action, link, action, &pool->actions) {
		list_remove(&action->link);
		process_signal(action->process, SIGKILL);
	}
}
