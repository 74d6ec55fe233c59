/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking over.
 */
#include "core/activation/takeover.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/certificates.h"
#include "core/activation/events.h"
#include "core/activation/keeper.h"
#include "core/activation/listener_process.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/reload.h"
#include "core/activation/runtime.h"
#include "core/activation/state.h"
#include "core/activation/takeover_read.h"
#include "core/activation/worker_process.h"
#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

/* Children that nobody understands are ended at once, and waited for. */
#define DISCARD_MS 5000

/* Numbers of workers that are left out after a sudden end. */
#define UNKNOWN_WORKERS 1000

struct takeover {
	char *directory;
	bool handed_over; /* by a program that is replaced; else it has died */
	struct runtime *runtime;
	struct keeper_item *items;
	struct keeper_connection keeper;
	struct settings *settings; /* a reference */
	struct kept_manager kept;
	unsigned workers; /* that go on */
};

/* ---- where to look --------------------------------------------------------- */

/* What a file that cannot be used says, as far as it goes. */
static char *
guess_directory(const char *text)
{
	static const char name[] = "\"runtimeDirectory\"";
	const char *at = strstr(text, name), *end;
	char *found;

	if (at == NULL)
		return mem_strdup(SETTINGS_RUNTIME_DIRECTORY);
	at += sizeof name - 1;
	at += strspn(at, " \t\r\n:");
	end = *at == '"' ? strchr(at + 1, '"') : NULL;
	if (end == NULL)
		return mem_strdup(SETTINGS_RUNTIME_DIRECTORY);
	found = mem_dup(at + 1, (size_t)(end - at));
	found[end - at - 1] = '\0';
	return found;
}

/* OWNERSHIP: the caller's. */
static char *
find_directory(const char *config_file)
{
	struct arena *arena = arena_new("problems", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings = settings_read_file(config_file, problems);
	struct buffer text;
	char *directory;

	buffer_init(&text, CONFIG_FILE_BYTES_MAX);
	if (settings != NULL)
		directory = mem_strdup(settings->runtime_directory);
	else if (io_read_file(config_file, CONFIG_FILE_BYTES_MAX, &text,
			      NULL) == PORTICO_OK &&
		 buffer_append(&text, "", 1) == PORTICO_OK)
		directory = guess_directory(text.data);
	else
		directory = mem_strdup(SETTINGS_RUNTIME_DIRECTORY);
	buffer_fini(&text);
	settings_unref(&settings);
	arena_free(arena);
	return directory;
}

/* ---- whether it can be taken ------------------------------------------------ */

static enum portico_status
understand(struct takeover *takeover, struct portico_error *err)
{
	struct keeper_item *manager =
		keeper_items_find(takeover->items, "manager");
	struct keeper_item *settings =
		keeper_items_find(takeover->items, "settings");
	enum portico_status status;

	if (manager == NULL || settings == NULL || settings->nfds == 0)
		return error_set(err, PORTICO_PROTOCOL, "it is not complete");
	status = takeover_read_manager(manager->record, &takeover->kept, err);
	for (const struct keeper_item *item = takeover->items;
	     item != NULL && status == PORTICO_OK; item = item->next)
		status = takeover_read_check(item->key, item->record,
					     item->nfds, err);
	if (status != PORTICO_OK)
		return status;
	takeover->settings = settings_read_memfd(settings->fds[0], err);
	if (takeover->settings == NULL)
		return err->status == PORTICO_OK ? PORTICO_PROTOCOL :
						   err->status;
	takeover->settings->generation = (uint32_t)json_integer_value(
		json_object_get(settings->record, "generation"));
	return PORTICO_OK;
}

static bool
is_child(const struct keeper_item *item)
{
	return item->nfds > 0 && (strncmp(item->key, "worker/", 7) == 0 ||
				  strncmp(item->key, "listener/", 9) == 0);
}

/* What nobody can go on with must not hold the ports: neither do those who
 * listen there, nor the keeper. */
static void
discard(struct takeover *takeover, const struct portico_error *why)
{
	struct portico_error err = *why;

	error_prefix(&err, "what another porticod has left behind cannot be "
			   "taken over, its listener and workers are ended");
	log_write_error(LOG_LEVEL_ERROR, EVENT_TAKE_OVER_FAILED, NULL, &err);
	for (struct keeper_item *item = takeover->items; item != NULL;
	     item = item->next)
		if (is_child(item))
			(void)io_pidfd_signal(item->fds[0], SIGKILL);
	for (struct keeper_item *item = takeover->items; item != NULL;
	     item = item->next) {
		struct pollfd end = { .fd = item->fds[0], .events = POLLIN };

		if (is_child(item))
			(void)poll(&end, 1, DISCARD_MS);
	}
	keeper_dismiss(&takeover->keeper);
}

static void
take_environment(struct takeover *takeover, int *lock_r)
{
	const char *text = getenv(TAKEOVER_ENVIRONMENT);
	char *rest;

	*lock_r = -1;
	if (text == NULL)
		return;
	*lock_r = (int)strtol(text, &rest, 10);
	if (*rest == ' ')
		takeover->directory = mem_strdup(rest + 1);
	takeover->handed_over = true;
	(void)io_set_cloexec(*lock_r, true);
	unsetenv(TAKEOVER_ENVIRONMENT);
}

enum portico_status
takeover_find(const char *config_file, struct takeover **takeover_r,
	      struct portico_error *err)
{
	struct takeover *takeover = mem_zalloc(sizeof *takeover);
	enum portico_status status;
	int lock;

	*takeover_r = NULL;
	takeover->keeper.fd = -1;
	take_environment(takeover, &lock);
	if (takeover->directory == NULL)
		takeover->directory = find_directory(config_file);
	status = runtime_lock(takeover->directory, lock, &takeover->runtime,
			      err);
	if (status == PORTICO_OK)
		status = keeper_read(takeover->directory, &takeover->items,
				     &takeover->keeper, err);
	else if (status != PORTICO_EXISTS)
		/* It is said again when the directory is wanted. */
		status = PORTICO_NOT_FOUND;
	if (status == PORTICO_OK && takeover->items == NULL)
		status = PORTICO_NOT_FOUND;
	if (status == PORTICO_OK) {
		if (understand(takeover, err) == PORTICO_OK) {
			takeover->settings->file = config_file;
			*takeover_r = takeover;
			return PORTICO_OK;
		}
		discard(takeover, err);
		status = PORTICO_NOT_FOUND;
	}
	takeover_free(&takeover);
	return status == PORTICO_NOT_FOUND ? PORTICO_OK : status;
}

void
takeover_free(struct takeover **takeover_p)
{
	struct takeover *takeover = *takeover_p;

	if (takeover == NULL)
		return;
	*takeover_p = NULL;
	keeper_items_free(&takeover->items);
	io_close(&takeover->keeper.fd);
	runtime_unlock(&takeover->runtime);
	settings_unref(&takeover->settings);
	mem_free(takeover->directory);
	mem_free(takeover);
}

bool
takeover_is_handed_over(const struct takeover *takeover)
{
	return takeover->handed_over;
}

struct settings *
takeover_settings(struct takeover *takeover)
{
	return settings_ref(takeover->settings);
}

/* ---- restoring -------------------------------------------------------------- */

void
takeover_begin(struct takeover *takeover, struct manager *manager)
{
	const struct kept_manager *kept = &takeover->kept;

	manager->runtime = takeover->runtime;
	takeover->runtime = NULL;
	manager->generation = kept->generation;
	/* Workers that were started in its last moment are not known. */
	manager->next_worker = kept->next_worker;
	if (!takeover->handed_over)
		manager->next_worker += UNKNOWN_WORKERS;
	manager->listeners.count = kept->listeners;
	manager->take_overs = kept->take_overs + 1;
	manager->began_ns = kept->began_ns;
}

/* Out of the item: the manager's from now on.  -1: there is none. */
static int
take_fd(struct keeper_item *item, size_t index)
{
	int fd = index < item->nfds ? item->fds[index] : -1;

	if (fd >= 0)
		item->fds[index] = -1;
	return fd;
}

void
takeover_sockets(struct takeover *takeover, struct manager *manager)
{
	for (struct keeper_item *item = takeover->items; item != NULL;
	     item = item->next) {
		struct sockets_entry entry;
		struct portico_error err;
		const char *address;

		if (strncmp(item->key, "given/", 6) == 0 &&
		    list_empty(&manager->sockets.given)) {
			(void)sockets_adopt(&manager->sockets, take_fd(item, 0),
					    &err);
			continue;
		}
		if (strncmp(item->key, "socket/", 7) != 0 ||
		    takeover_read_socket(item->record, &entry, &address,
					 NULL) != PORTICO_OK)
			continue;
		entry.fd = take_fd(item, 0);
		sockets_restore(&manager->sockets, address, &entry);
	}
}

int
takeover_certificates(const struct takeover *takeover)
{
	const struct keeper_item *item =
		keeper_items_find(takeover->items, "certificates");

	return item == NULL || item->nfds == 0 ? -1 : item->fds[0];
}

struct keeper_connection
takeover_keeper(struct takeover *takeover)
{
	struct keeper_connection connection = takeover->keeper;

	takeover->keeper.fd = -1;
	return connection;
}

static void
restore_pool(struct manager *manager, struct keeper_item *item)
{
	struct kept_pool kept;
	struct pool *pool;

	if (takeover_read_pool(item->record, &kept, NULL) != PORTICO_OK)
		return;
	pool = kept.removed ? NULL : manager_find_pool(manager, kept.name);
	if (pool == NULL) {
		/* Its settings are gone with its requests: those of any other
		 * say how long it may take to finish them. */
		if (manager->settings->pool_count == 0)
			return;
		pool = pool_new(manager, manager->settings,
				&manager->settings->pools[0]);
		MEM_FREE(pool->name);
		pool->name = mem_strdup(kept.name);
		pool->removed = true;
		list_add_tail(&manager->pools, &pool->link);
		manager->pool_count++;
	}
	takeover_set_pool(pool, &kept);
	pool->shared_fd = take_fd(item, 0);
	if (pool->shared_fd < 0)
		pool->shared_bytes = 0;
}

static struct pool *
pool_of(struct manager *manager, const struct kept_worker *kept)
{
	if (!kept->removed)
		return manager_find_pool(manager, kept->pool);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		if (pool->removed &&
		    pool->generation == kept->pool_generation &&
		    strcmp(pool->name, kept->pool) == 0)
			return pool;
	return NULL;
}

/* The descriptors in the order of put_process() (state_write.c). */
static void
take_process(struct keeper_item *item, const struct kept_process *kept,
	     struct process_adoption *process_r, int *control_r)
{
	size_t next = 0;

	process_r->pid = kept->pid;
	process_r->pidfd = take_fd(item, next++);
	*control_r = kept->control ? take_fd(item, next++) : -1;
	process_r->output = kept->output ? take_fd(item, next++) : -1;
}

static void
restore_worker(struct takeover *takeover, struct manager *manager,
	       struct keeper_item *item)
{
	struct worker_adoption from = { .control = -1 };
	struct kept_worker kept;
	struct portico_error err;
	struct pool *pool;

	if (takeover_read_worker(item->record, &kept, NULL) != PORTICO_OK)
		return;
	pool = pool_of(manager, &kept);
	if (pool == NULL)
		return; /* its control socket closes, and that ends it */
	takeover_set_worker(&from.like, &kept);
	from.limit_ms = kept.limit_ms;
	take_process(item, &kept.process, &from.process, &from.control);
	if (worker_process_adopt(pool, &from, &err) == PORTICO_OK)
		takeover->workers++;
	else
		log_write_error(LOG_LEVEL_ERROR, EVENT_TAKE_OVER_FAILED, NULL,
				&err);
}

static void
restore_listener(struct takeover *takeover, struct manager *manager,
		 struct keeper_item *item)
{
	struct listener_adoption from = { .control = -1 };
	struct listener_process *listener;
	struct kept_process process;
	struct portico_error err;

	if (takeover_read_listener(item->record, &from, &process, NULL) !=
	    PORTICO_OK)
		return;
	take_process(item, &process, &from.process, &from.control);
	listener = listener_process_adopt(manager, &from, &err);
	if (listener == NULL)
		log_write_error(LOG_LEVEL_ERROR, EVENT_TAKE_OVER_FAILED, NULL,
				&err);
	else
		listeners_adopt(&manager->listeners, listener,
				from.number == takeover->kept.serving);
}

static unsigned long
number_in(const struct keeper_item *item)
{
	const char *slash = strchr(item->key, '/');

	return slash == NULL ? 0 : strtoul(slash + 1, NULL, 10);
}

/* Of one kind, the oldest first: their lists are so ordered. */
static void
for_each(struct takeover *takeover, struct manager *manager, const char *kind,
	 void (*restore)(struct takeover *takeover, struct manager *manager,
			 struct keeper_item *item))
{
	unsigned long after = 0;

	for (;;) {
		struct keeper_item *next = NULL;

		for (struct keeper_item *item = takeover->items; item != NULL;
		     item = item->next)
			if (strncmp(item->key, kind, strlen(kind)) == 0 &&
			    number_in(item) > after &&
			    (next == NULL || number_in(item) < number_in(next)))
				next = item;
		if (next == NULL)
			return;
		after = number_in(next);
		restore(takeover, manager, next);
	}
}

void
takeover_restore(struct takeover *takeover, struct manager *manager)
{
	const struct keeper_item *sites =
		keeper_items_find(takeover->items, "sites");

	if (sites != NULL)
		sites_restore(&manager->sites,
			      json_object_get(sites->record, "stopped"));
	for (struct keeper_item *item = takeover->items; item != NULL;
	     item = item->next)
		if (strncmp(item->key, "pool/", 5) == 0 ||
		    strncmp(item->key, "removed/", 8) == 0)
			restore_pool(manager, item);
	for_each(takeover, manager, "worker/", restore_worker);
	for_each(takeover, manager, "listener/", restore_listener);
	LIST_FOREACH_SAFE(struct pool, link, pool, &manager->pools)
		if (pool->removed && list_empty(&pool->workers) &&
		    list_empty(&pool->orphans)) {
			manager->pool_count--;
			pool_free(pool);
		}
	log_info(NULL,
		 "porticod %s: %s, and %u worker%s, go on under process %d",
		 takeover->handed_over ? "was replaced" :
					 "had ended without its children",
		 manager->listeners.serving == NULL ? "no listener" :
						      "the listener",
		 takeover->workers, takeover->workers == 1 ? "" : "s",
		 (int)getpid());
}

/* The command that asked for it. */
static void
answer_client(struct takeover *takeover, struct manager *manager)
{
	struct keeper_item *item = keeper_items_find(takeover->items, "client");
	struct control_connection *client;

	if (item == NULL || item->nfds == 0 || !takeover->handed_over)
		return;
	client = control_connection_new(&manager->loop, take_fd(item, 0), NULL,
					NULL, NULL);
	(void)control_send(
		client,
		json_pack("{s:s, s:b, s:{s:i, s:s, s:I, s:i}}", "type",
			  "answer", "ok", 1, "manager", "pid", (int)getpid(),
			  "version", PORTICO_VERSION, "workers",
			  (json_int_t)takeover->workers, "listener",
			  listeners_serving_pid(&manager->listeners)),
		NULL, 0);
	control_connection_free(&client);
}

void
takeover_finish(struct takeover *takeover, struct manager *manager)
{
	struct portico_error err;
	int memory = settings_to_memfd(manager->settings, SETTINGS_FOR_LISTENER,
				       NULL, &err);

	for (const struct keeper_item *item = takeover->items; item != NULL;
	     item = item->next)
		state_adopt(manager, item->key);
	listeners_resume(&manager->listeners, memory);
	io_close(&memory);
	answer_client(takeover, manager);
	/* It may have changed meanwhile. */
	if (reload_start(manager, NULL, NULL, &err) != PORTICO_OK)
		log_write_error(LOG_LEVEL_WARNING, EVENT_CONFIG_REFUSED, NULL,
				&err);
}
