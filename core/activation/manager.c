/* SPDX-License-Identifier: Apache-2.0
 *
 * The activation manager.
 */
#include "core/activation/manager.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/activation/certificates.h"
#include "core/activation/commands.h"
#include "core/activation/event_log.h"
#include "core/activation/events.h"
#include "core/activation/handover.h"
#include "core/activation/keeper.h"
#include "core/activation/limits.h"
#include "core/activation/cgroup.h"
#include "core/activation/pool.h"
#include "core/activation/temporary.h"
#include "core/activation/reload.h"
#include "core/activation/runtime.h"
#include "core/activation/state.h"
#include "core/activation/takeover.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

#define MANAGER_MAGIC 0x3a9a6e44u
#define NS_PER_MS 1000000ull

/* Said in the log at the start; the others are counted. */
#define BINDINGS_PRINTED_MAX 50

struct pool *
manager_find_pool(const struct manager *manager, const char *name)
{
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (!pool->removed && strcmp(pool->name, name) == 0)
			return pool;
	return NULL;
}

struct worker_process *
manager_find_worker(const struct manager *manager, uint32_t id)
{
	LIST_FOREACH(struct pool, link, pool, &manager->pools) {
		struct worker_process *worker = pool_find_worker(pool, id);

		if (worker != NULL)
			return worker;
	}
	return NULL;
}

char *
manager_program(const struct manager *manager, const char *name)
{
	size_t size = strlen(manager->libexec) + strlen(name) + 2;
	char *path = mem_alloc(size);

	snprintf(path, size, "%s/%s", manager->libexec, name);
	return path;
}

/* ---- signals ------------------------------------------------------------- */

static void
on_stop_signal(uv_signal_t *handle, int number)
{
	manager_stop(handle->data, number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void
on_reload_signal(uv_signal_t *handle, int number)
{
	struct portico_error err;

	(void)number;
	if (reload_start(handle->data, NULL, NULL, &err) != PORTICO_OK)
		log_write_error(LOG_LEVEL_WARNING, EVENT_CONFIG_REFUSED, NULL,
				&err);
}

static void
catch_signal(struct manager *manager, uv_signal_t *handle, int number,
	     uv_signal_cb on_signal)
{
	uv_signal_init(&manager->loop, handle);
	handle->data = manager;
	uv_signal_start(handle, on_signal, number);
}

static void
release_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- beginning ----------------------------------------------------------- */

static struct pool *
add_pool(struct manager *manager, const struct settings_pool *settings)
{
	struct pool *pool = pool_new(manager, manager->settings, settings);

	list_add_tail(&manager->pools, &pool->link);
	manager->pool_count++;
	return pool;
}

/* Of another porticod, or new. */
static enum portico_status
open_certificates(struct manager *manager, struct portico_error *err)
{
	struct takeover *takeover = manager->options.takeover;
	enum portico_status status = certificates_open(
		manager,
		takeover == NULL ? -1 : takeover_certificates(takeover),
		&manager->certificates, err);

	if (status == PORTICO_OK || takeover == NULL)
		return status;
	log_write_error(LOG_LEVEL_ERROR, EVENT_CERTIFICATE_REFUSED, NULL, err);
	return PORTICO_OK;
}

enum portico_status
manager_init(struct manager *manager, const struct manager_options *options,
	     struct settings *settings, struct portico_error *err)
{
	const char *libexec = getenv("PORTICO_LIBEXEC_DIR");
	struct takeover *takeover = options->takeover;
	struct keeper_connection connection = { .fd = -1 };
	enum portico_status status;

	memset(manager, 0, sizeof *manager);
	manager->magic = MANAGER_MAGIC;
	manager->options = *options;
	manager->libexec =
		mem_strdup(libexec != NULL ? libexec : PORTICO_LIBEXECDIR);
	manager->settings = settings;
	if (settings->generation == 0)
		settings->generation = 1;
	manager->generation = settings->generation;
	manager->began_ns = clock_monotonic_ns();
	uv_loop_init(&manager->loop);
	service_init(&manager->service, &manager->loop);
	sockets_init(&manager->sockets);
	sites_init(&manager->sites, settings);
	service_take_sockets(&manager->sockets);
	list_init(&manager->pools);
	listeners_init(&manager->listeners, manager);
	figures_init(&manager->figures);
	crashes_init(&manager->crashes);
	metering_init(manager);
	worker_queries_init(&manager->queries);
	uv_timer_init(&manager->loop, &manager->limit);
	manager->limit.data = manager;
	uv_idle_init(&manager->loop, &manager->settle);
	manager->settle.data = manager;
	catch_signal(manager, &manager->on_term, SIGTERM, on_stop_signal);
	catch_signal(manager, &manager->on_int, SIGINT, on_stop_signal);
	catch_signal(manager, &manager->on_hup, SIGHUP, on_reload_signal);
	signal(SIGPIPE, SIG_IGN);
	/* A log that may not grow is an error of write(), not our end. */
	signal(SIGXFSZ, SIG_IGN);
	for (size_t i = 0; i < settings->pool_count; i++)
		add_pool(manager, &settings->pools[i]);
	if (takeover != NULL)
		takeover_begin(takeover, manager);
	status = runtime_open(settings, &manager->runtime, err);
	if (takeover != NULL)
		takeover_sockets(takeover, manager);
	if (status == PORTICO_OK) {
		manager->events = event_log_open(&manager->loop, settings);
		temporary_sweep(manager);
		status = sockets_open(&manager->sockets, settings, err);
	}
	if (status == PORTICO_OK)
		status = open_certificates(manager, err);
	if (status == PORTICO_OK)
		sockets_tell_unused(&manager->sockets);
	if (status == PORTICO_OK)
		status = commands_open(manager, &manager->commands, err);
	if (status != PORTICO_OK)
		return status;
	if (takeover != NULL)
		takeover_restore(takeover, manager);
	state_open(manager, &manager->state);
	if (takeover != NULL)
		connection = takeover_keeper(takeover);
	keeper_open(manager, &connection, &manager->keeper);
	return PORTICO_OK;
}

int
manager_run(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	/* A program that is replaced by this one holds them (handover.c). */
	release_signals();
	if (manager->options.takeover != NULL)
		takeover_finish(manager->options.takeover, manager);
	else
		listeners_start(&manager->listeners);
	takeover_free(&manager->options.takeover);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		pool_ensure(pool);
	uv_run(&manager->loop, UV_RUN_DEFAULT);
	return manager->result;
}

static void
print_bindings(const struct manager *manager)
{
	const struct settings *settings = manager->settings;
	unsigned printed = 0, more = 0;

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++) {
			const struct settings_binding *binding =
				&site->bindings[k];
			const char *host = binding->url;
			size_t length;

			if (printed == BINDINGS_PRINTED_MAX) {
				more++;
				continue;
			}
			printed++;
			/* As written, with the real port. */
			host = strstr(host, "//") + 2;
			length = host[0] == '[' ? strcspn(host, "]") + 1 :
						  strcspn(host, ":/");
			log_info(NULL,
				 "listening on %s://%.*s:%u%s (site \"%s\")",
				 binding->tls ? "https" : "http", (int)length,
				 host,
				 sockets_real_port(&manager->sockets,
						   binding->address,
						   binding->port),
				 strcmp(binding->path, "/") == 0 ?
					 "" :
					 binding->path,
				 site->name);
		}
	}
	if (more > 0)
		log_info(NULL, "listening for %u more bindings", more);
}

/* To the service manager: we serve. */
static void
tell_bindings(const struct manager *manager)
{
	size_t count = 0;

	for (size_t i = 0; i < manager->settings->site_count; i++)
		count += manager->settings->sites[i].binding_count;
	service_ready(&manager->service, count);
}

void
manager_reload_ended(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	tell_bindings(manager);
}

void
manager_listener_serving(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	if (manager->served) {
		log_write(
			LOG_LEVEL_INFO, EVENT_LISTENER_SERVES, NULL,
			"the listener (process %d) serves on the same sockets",
			listeners_serving_pid(&manager->listeners));
		return;
	}
	manager->served = true;
	print_bindings(manager);
	log_write(LOG_LEVEL_INFO, EVENT_SERVING, NULL,
		  "serving (version %s, configuration %s)", PORTICO_VERSION,
		  manager->settings->file);
	runtime_tell_ready(&manager->options.ready_fd);
	tell_bindings(manager);
}

/* ---- new settings -------------------------------------------------------- */

/* The pools that have to be ready before a request is routed to them. */
static void
prepare_pools(struct manager *manager)
{
	LIST_FOREACH(struct pool, link, pool, &manager->pools) {
		const struct settings_pool *now =
			settings_find_pool(manager->next, pool->name);

		if (!pool->removed && now != NULL)
			pool_reconfigure(pool, manager->next, now, true);
	}
}

/* What is left to do when the routes have changed. */
static void
finish_pools(struct manager *manager)
{
	struct settings *settings = manager->settings;

	LIST_FOREACH_SAFE(struct pool, link, pool, &manager->pools) {
		const struct settings_pool *now =
			settings_find_pool(settings, pool->name);

		if (pool->removed)
			continue;
		if (now != NULL) {
			pool_reconfigure(pool, settings, now, false);
			continue;
		}
		log_info(NULL, "pool \"%s\" is not configured any more",
			 pool->name);
		pool_remove(pool);
	}
	for (size_t i = 0; i < settings->pool_count; i++)
		if (manager_find_pool(manager, settings->pools[i].name) == NULL)
			pool_ensure(add_pool(manager, &settings->pools[i]));
}

/* It serves by the new settings, or a new listener does. */
void
manager_listener_configured(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	if (!manager->confirming)
		return;
	manager->confirming = false;
	uv_timer_stop(&manager->limit);
	manager_pool_settled(manager);
}

static void
on_confirm_limit(uv_timer_t *timer)
{
	log_warn(EVENT_LISTENER_SLOW, NULL,
		 "the listener did not confirm the new configuration within "
		 "%d s",
		 CONFIRM_LIMIT_MS / 1000);
	manager_listener_configured(timer->data);
}

static void
on_tell_again(uv_timer_t *timer)
{
	manager_pool_settled(timer->data);
}

/* The next settings as the listener gets them; -1: there is no descriptor for
 * them, and everything stays as it is until there is one. */
static int
next_settings(struct manager *manager)
{
	struct portico_error err;
	int memory = settings_to_memfd(manager->next, SETTINGS_FOR_LISTENER,
				       NULL, &err);

	if (memory >= 0)
		return memory;
	if (!manager->waiting)
		log_write_error(LOG_LEVEL_WARNING, EVENT_RELOAD_WAITS, NULL,
				&err);
	manager->waiting = true;
	uv_timer_start(&manager->limit, on_tell_again, TELL_AGAIN_MS, 0);
	return -1;
}

/* The routes change: every pool that needed it has workers that know. */
static void
finish_apply(struct manager *manager)
{
	int memory = next_settings(manager);

	if (memory < 0)
		return;
	manager->waiting = false;
	settings_unref(&manager->settings);
	manager->settings = manager->next;
	manager->next = NULL;
	/* All are open: this says which are wanted. */
	(void)sockets_open(&manager->sockets, manager->settings, NULL);
	certificates_apply(manager->certificates);
	event_log_configure(manager->events, manager->settings);
	listeners_configure(&manager->listeners, memory);
	sites_apply(&manager->sites, manager->settings, &manager->listeners);
	io_close(&memory);
	sockets_sweep(&manager->sockets);
	finish_pools(manager);
	manager->confirming = manager->finishing = true;
	uv_timer_start(&manager->limit, on_confirm_limit, CONFIRM_LIMIT_MS, 0);
}

static void
on_settle(uv_idle_t *idle)
{
	struct manager *manager = idle->data;

	CHECK(manager, MANAGER_MAGIC);
	uv_idle_stop(idle);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (pool->recycling.together)
			return;
	if (manager->next != NULL) {
		finish_apply(manager);
	} else if (manager->finishing && !manager->confirming) {
		manager->finishing = false;
		reload_applied(manager);
	}
}

void
manager_pool_settled(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	if (manager->next != NULL || manager->finishing)
		uv_idle_start(&manager->settle, on_settle);
}

/* What is read once, at the start. */
static enum portico_status
check_fixed(const struct settings *old, const struct settings *new,
	    struct portico_error *err)
{
	const char *what = NULL;

	if (strcmp(old->runtime_directory, new->runtime_directory) != 0)
		what = "runtimeDirectory";
	else if (strcmp(old->control_socket, new->control_socket) != 0)
		what = "controlSocket";
	else if (old->listener.threads != new->listener.threads)
		what = "listener.threads";
	if (what == NULL)
		return PORTICO_OK;
	error_set(err, PORTICO_CONFIG, "%s cannot change while the server runs",
		  what);
	error_hint(err, "Restart porticod.");
	return PORTICO_CONFIG;
}

enum portico_status
manager_apply(struct manager *manager, struct settings *settings,
	      struct portico_error *err)
{
	enum portico_status status =
		check_fixed(manager->settings, settings, err);

	CHECK(manager, MANAGER_MAGIC);
	ASSERT(manager->next == NULL);
	if (status == PORTICO_OK)
		status = sockets_open(&manager->sockets, settings, err);
	if (status != PORTICO_OK) {
		settings_unref(&settings);
		return status;
	}
	/* A listener that starts meanwhile needs the old ones, too. */
	sockets_keep_all(&manager->sockets);
	settings_keep_numbers(settings, manager->settings);
	settings->generation = ++manager->generation;
	manager->next = settings;
	prepare_pools(manager);
	manager_pool_settled(manager);
	return PORTICO_OK;
}

/* ---- ending -------------------------------------------------------------- */

static uint64_t
longest_shutdown_ms(const struct manager *manager)
{
	uint64_t longest = 1000;

	LIST_FOREACH(struct pool, link, pool, &manager->pools) {
		uint64_t own = pool->settings->shutdown_time_limit / NS_PER_MS;

		if (own > longest)
			longest = own;
	}
	return longest;
}

static void
kill_everything(struct manager *manager)
{
	listeners_kill(&manager->listeners);
	LIST_FOREACH_SAFE(struct pool, link, pool, &manager->pools)
		pool_kill(pool);
}

static void
on_shutdown_limit(uv_timer_t *timer)
{
	struct manager *manager = timer->data;

	log_warn(EVENT_SHUTDOWN_LIMIT, NULL,
		 "the server did not stop in time and is killed");
	kill_everything(manager);
}

void
manager_stop(struct manager *manager, const char *why)
{
	uint64_t limit = longest_shutdown_ms(manager);

	CHECK(manager, MANAGER_MAGIC);
	if (manager->phase != MANAGER_RUNNING) {
		log_warn(EVENT_SHUTDOWN_LIMIT, NULL,
			 "stopping at once (%s again)", why);
		if (manager->phase == MANAGER_DRAINING)
			manager_listener_drained(manager);
		kill_everything(manager);
		return;
	}
	log_write(LOG_LEVEL_INFO, EVENT_STOPPING, NULL,
		  "stopping (%s): finishing what is in progress", why);
	service_stopping(&manager->service);
	manager->phase = MANAGER_DRAINING;
	reload_cancel(manager);
	settings_unref(&manager->next);
	manager->confirming = manager->finishing = false;
	/* Drain, stop the workers, and a little for each to be noticed. */
	uv_timer_start(&manager->limit, on_shutdown_limit, 2 * limit + 5000, 0);
	listeners_drain(&manager->listeners, limit);
}

void
manager_listener_drained(struct manager *manager)
{
	uint64_t limit = longest_shutdown_ms(manager);

	CHECK(manager, MANAGER_MAGIC);
	if (manager->phase != MANAGER_DRAINING)
		return;
	manager->phase = MANAGER_STOPPING;
	listeners_end(&manager->listeners);
	LIST_FOREACH_SAFE(struct pool, link, pool, &manager->pools)
		pool_shutdown(pool, limit);
	manager_something_ended(manager);
}

static void
close_handles(struct manager *manager)
{
	commands_close(&manager->commands);
	handover_cancel(manager);
	state_close(&manager->state);
	keeper_close(&manager->keeper);
	certificates_free(&manager->certificates);
	metering_close(manager);
	LIST_FOREACH_SAFE(struct pool, link, pool, &manager->pools)
		pool_free(pool);
	listeners_fini(&manager->listeners);
	figures_fini(manager);
	crashes_fini(&manager->crashes);
	worker_queries_fini(manager);
	service_fini(&manager->service);
	event_log_close(&manager->events);
	uv_close((uv_handle_t *)&manager->limit, NULL);
	uv_close((uv_handle_t *)&manager->settle, NULL);
	uv_close((uv_handle_t *)&manager->on_term, NULL);
	uv_close((uv_handle_t *)&manager->on_int, NULL);
	uv_close((uv_handle_t *)&manager->on_hup, NULL);
}

void
manager_something_ended(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	if (manager->phase != MANAGER_STOPPING ||
	    !list_empty(&manager->listeners.all))
		return;
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (!list_empty(&pool->workers) || !list_empty(&pool->orphans))
			return;
	manager->phase = MANAGER_DONE;
	log_info(NULL, "stopped");
	close_handles(manager);
}

void
manager_fini(struct manager *manager)
{
	CHECK(manager, MANAGER_MAGIC);
	if (manager->phase != MANAGER_DONE) {
		manager->phase = MANAGER_DONE;
		close_handles(manager);
	}
	uv_run(&manager->loop, UV_RUN_DEFAULT);
	uv_loop_close(&manager->loop);
	sockets_fini(&manager->sockets);
	sites_fini(&manager->sites);
	temporary_close(manager->settings);
	cgroup_close(manager->settings);
	runtime_close(&manager->runtime);
	settings_unref(&manager->settings);
	MEM_FREE(manager->libexec);
	manager->magic = 0;
}
