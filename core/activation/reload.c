/* SPDX-License-Identifier: Apache-2.0
 *
 * Reloading.
 */
#include "core/activation/reload.h"

#include "core/activation/check.h"
#include "core/activation/events.h"
#include "core/activation/manager.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

struct reload {
	struct manager *manager;
	struct check *check;
	char *worker;
	json_t *problems; /* lines */
	uv_idle_t later; /* the verdict of a check that was over at once */
	struct settings *settings; /* what it found, then */
	reload_done_fn *done; /* or NULL */
	void *arg;
};

static void
on_problem(const char *line, void *arg)
{
	struct manager *manager = arg;

	json_array_append_new(manager->reload->problems, json_string(line));
	log_error(EVENT_CONFIG_REFUSED, NULL, "%s", line);
}

static void
on_closed(uv_handle_t *handle)
{
	struct reload *reload = handle->data;

	settings_unref(&reload->settings);
	json_decref(reload->problems);
	mem_free(reload->worker);
	mem_free(reload);
}

/* With its verdict. */
static void
end(struct manager *manager)
{
	struct reload *reload = manager->reload;

	manager->reload = NULL;
	if (manager->phase == MANAGER_RUNNING)
		manager_reload_ended(manager);
	if (reload->done != NULL)
		reload->done(reload->problems, reload->arg);
	uv_close((uv_handle_t *)&reload->later, on_closed);
}

void
reload_applied(struct manager *manager)
{
	log_write(LOG_LEVEL_INFO, EVENT_CONFIG_APPLIED, NULL,
		  "the new configuration is in force (generation %u)",
		  manager->generation);
	end(manager);
}

/* False after the reason was told. */
static bool
apply(struct manager *manager, struct settings *settings)
{
	struct portico_error err;
	char line[1024];

	if (manager_apply(manager, settings, &err) == PORTICO_OK)
		return true;
	json_array_append_new(
		manager->reload->problems,
		json_string(error_format(&err, line, sizeof line)));
	error_prefix(&err, "the new configuration was not applied");
	log_write_error(LOG_LEVEL_ERROR, EVENT_CONFIG_REFUSED, NULL, &err);
	return false;
}

static void
judge(struct manager *manager)
{
	struct reload *reload = manager->reload;
	struct settings *settings = reload->settings;
	size_t problems = json_array_size(reload->problems);

	reload->settings = NULL;
	if (settings != NULL && apply(manager, settings))
		return; /* reload_applied() follows */
	if (problems > 0)
		log_error(EVENT_CONFIG_NOT_APPLIED, NULL,
			  "the new configuration was not applied: %zu "
			  "problem%s; the old one stays",
			  problems, problems == 1 ? "" : "s");
	end(manager);
}

static void
on_later(uv_idle_t *idle)
{
	struct reload *reload = idle->data;

	uv_idle_stop(idle);
	judge(reload->manager);
}

static void
on_done(struct settings *settings, void *arg)
{
	struct manager *manager = arg;
	struct reload *reload = manager->reload;

	reload->settings = settings;
	reload->check = NULL;
	/* May be from within reload_start(). */
	uv_idle_start(&reload->later, on_later);
}

enum portico_status
reload_start(struct manager *manager, reload_done_fn *done, void *arg,
	     struct portico_error *err)
{
	struct check_options options = {
		.file = manager->options.config_file,
		.on_problem = on_problem,
		.on_done = on_done,
		.arg = manager,
	};
	struct reload *reload;

	if (manager->phase != MANAGER_RUNNING)
		return error_set(err, PORTICO_STATE,
				 "reloading: the server is about to end");
	if (manager->reload != NULL)
		return error_set(err, PORTICO_STATE,
				 "reloading: it goes on already");
	log_info(NULL, "reading the configuration again");
	service_reloading(&manager->service);
	reload = manager->reload = mem_zalloc(sizeof *reload);
	reload->manager = manager;
	reload->done = done;
	reload->arg = arg;
	reload->problems = json_array();
	reload->worker = manager_program(manager, "portico-worker");
	uv_idle_init(&manager->loop, &reload->later);
	reload->later.data = reload;
	options.worker = reload->worker;
	check_start(&manager->loop, &options, &reload->check);
	return PORTICO_OK;
}

void
reload_forget(struct manager *manager, const void *arg)
{
	if (manager->reload != NULL && manager->reload->arg == arg)
		manager->reload->done = NULL;
}

void
reload_cancel(struct manager *manager)
{
	if (manager->reload == NULL)
		return;
	check_cancel(&manager->reload->check);
	manager->reload->done = NULL;
	end(manager);
}
