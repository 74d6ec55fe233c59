/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: files that modules watch.
 *
 * inotify, by libuv, on the directory in any case: a watch on the file itself
 * would stay with what was there before it was replaced.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/worker/globals.h"
#include "core/worker/host_priv.h"
#include "core/worker/worker.h"

#define CHANGE_WATCH_MAGIC 0x43484757u

struct portico_change_watch {
	unsigned magic;
	bool stopped;
	unsigned open_handles; /* 2, until they are closed */
	uint32_t count; /* events since the last call */
	uv_fs_event_t event;
	uv_timer_t timer;
	uint64_t delay_ms;
	struct portico_worker *worker;
	portico_change_fn *function;
	void *arg;
	char *path; /* as given */
	const char *entry; /* in it: the name in its directory; NULL: all */
	char name[256]; /* the last that changed */
	bool several; /* others, too, since the last call */
	struct list link; /* globals.watches */
};

static void
watch_free(struct portico_change_watch *watch)
{
	watch->magic = 0;
	mem_free(watch->path);
	mem_free(watch);
}

static void
on_closed(uv_handle_t *handle)
{
	struct portico_change_watch *watch = handle->data;

	CHECK(watch, CHANGE_WATCH_MAGIC);
	if (--watch->open_handles == 0)
		watch_free(watch);
}

static void
host_change_stop(struct portico_change_watch *watch)
{
	if (watch == NULL)
		return;
	CHECK(watch, CHANGE_WATCH_MAGIC);
	ASSERT(!watch->stopped);
	watch->stopped = true;
	list_remove(&watch->link);
	watch->worker->globals.watch_count--;
	uv_close((uv_handle_t *)&watch->event, on_closed);
	uv_close((uv_handle_t *)&watch->timer, on_closed);
}

void
changes_stop_all(struct portico_worker *worker)
{
	while (!list_empty(&worker->globals.watches))
		host_change_stop(LIST_FIRST(struct portico_change_watch, link,
					    &worker->globals.watches));
}

/* ---- events ------------------------------------------------------------------ */

/* The memory stays until libuv has closed the handles: `fn` may stop it. */
static void
on_timer(uv_timer_t *timer)
{
	struct portico_change_watch *watch = timer->data;
	struct portico_worker *worker = watch->worker;
	const struct portico_change change = {
		.size = sizeof(change),
		.count = watch->count,
		.path = watch->path,
		.name = watch->name,
		.several = watch->several,
	};

	CHECK(watch, CHANGE_WATCH_MAGIC);
	watch->count = 0;
	watch->several = false;
	watch->function(worker, &change, watch->arg);
	globals_tell(worker, PORTICO_GLOBAL_FILE_CHANGE, watch->path, 0);
}

static void
on_event(uv_fs_event_t *event, const char *name, int events, int status)
{
	struct portico_change_watch *watch = event->data;

	(void)events;
	CHECK(watch, CHANGE_WATCH_MAGIC);
	if (status < 0)
		name = NULL; /* lost some: something may have changed */
	if (watch->entry != NULL && name != NULL &&
	    strcmp(name, watch->entry) != 0)
		return;
	if (watch->entry == NULL && watch->count > 0 &&
	    strcmp(watch->name, name == NULL ? "" : name) != 0)
		watch->several = true;
	if (watch->entry == NULL)
		snprintf(watch->name, sizeof(watch->name), "%s",
			 name == NULL ? "" : name);
	watch->count++;
	if (uv_is_active((uv_handle_t *)&watch->timer))
		return;
	uv_update_time(watch->timer.loop);
	uv_timer_start(&watch->timer, on_timer, watch->delay_ms, 0);
}

/* ---- beginning ----------------------------------------------------------------- */

static enum portico_status
check(const struct portico_worker *worker, const char *path, uint32_t flags,
      uint64_t delay_ns, struct portico_error *err)
{
	size_t length = strlen(path);

	if (worker->globals.uv == NULL)
		return error_set(err, PORTICO_UNSUPPORTED,
				 "watching \"%s\": there is no main thread",
				 path);
	if (!globals_is_main(worker))
		return error_set(err, PORTICO_STATE,
				 "watching \"%s\": not on the main thread",
				 path);
	if (path[0] != '/' || (length > 1 && path[length - 1] == '/') ||
	    (length == 1 && (flags & PORTICO_CHANGE_DIRECTORY) == 0))
		return error_set(err, PORTICO_INVALID,
				 "watching \"%s\": not the absolute path of a "
				 "file or directory",
				 path);
	if (delay_ns > CHANGE_DELAY_MAX_NS)
		return error_set(err, PORTICO_INVALID,
				 "watching \"%s\": the delay is longer than a "
				 "minute",
				 path);
	if (worker->globals.watch_count >= CHANGE_WATCHES_MAX)
		return error_set(err, PORTICO_FULL,
				 "watching \"%s\": %d files are watched", path,
				 CHANGE_WATCHES_MAX);
	return PORTICO_OK;
}

static enum portico_status
status_of(int uv_status)
{
	switch (uv_status) {
	case UV_ENOENT:
	case UV_ENOTDIR:
		return PORTICO_NOT_FOUND;
	case UV_EACCES:
	case UV_EPERM:
		return PORTICO_DENIED;
	case UV_ENOSPC:
	case UV_EMFILE:
	case UV_ENFILE:
	case UV_ENOMEM:
		return PORTICO_FULL;
	}
	return PORTICO_SYSTEM;
}

static enum portico_status
begin(struct portico_change_watch *watch, uint32_t flags,
      struct portico_error *err)
{
	uv_loop_t *uv = watch->worker->globals.uv;
	char *directory = mem_strdup(watch->path);
	char *slash = strrchr(directory, '/');
	int status;

	if ((flags & PORTICO_CHANGE_DIRECTORY) == 0) {
		watch->entry = watch->path + (slash + 1 - directory);
		slash[slash == directory] = '\0';
	}
	uv_timer_init(uv, &watch->timer);
	uv_fs_event_init(uv, &watch->event);
	watch->timer.data = watch->event.data = watch;
	watch->open_handles = 2;
	/* Nothing ends only because a file is watched. */
	uv_unref((uv_handle_t *)&watch->event);
	uv_unref((uv_handle_t *)&watch->timer);
	status = uv_fs_event_start(&watch->event, on_event, directory, 0);
	mem_free(directory);
	if (status == 0)
		return PORTICO_OK;
	return error_set(err, status_of(status), "watching \"%s\": %s",
			 watch->path, uv_strerror(status));
}

static enum portico_status
host_change_start(struct portico_worker *worker, const char *path,
		  uint32_t flags, uint64_t delay_ns,
		  portico_change_fn *function, void *arg,
		  struct portico_change_watch **watch_r,
		  struct portico_error *err)
{
	struct portico_change_watch *watch;
	enum portico_status status;

	CHECK(worker, WORKER_MAGIC);
	*watch_r = NULL;
	status = check(worker, path, flags, delay_ns, err);
	if (status != PORTICO_OK)
		return status;
	watch = mem_zalloc(sizeof(*watch));
	watch->magic = CHANGE_WATCH_MAGIC;
	watch->worker = worker;
	watch->path = mem_strdup(path);
	watch->function = function;
	watch->arg = arg;
	watch->delay_ms = (delay_ns == 0 ? CHANGE_DELAY_DEFAULT_NS : delay_ns) /
			  CLOCK_NS_PER_MS;
	list_init(&watch->link);
	list_add_tail(&worker->globals.watches, &watch->link);
	worker->globals.watch_count++;
	status = begin(watch, flags, err);
	if (status == PORTICO_OK)
		*watch_r = watch;
	else
		host_change_stop(watch);
	return status;
}

const struct portico_host_change worker_host_change = {
	.size = sizeof(struct portico_host_change),
	.start = host_change_start,
	.stop = host_change_stop,
};
