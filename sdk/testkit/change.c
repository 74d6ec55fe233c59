/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that a module watches; they change when the test says so.  Watches
 * stay in memory until kit_close, so that late uses are known.
 */
#include <stdio.h>
#include <string.h>

#include <portico/change.h>
#include <portico/testkit_change.h>

#include "core/base/error.h"
#include "core/worker/globals.h"
#include "core/worker/limits.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/clock.h"
#include "sdk/testkit/guard.h"

struct portico_change_watch {
	struct list link; /* watches */
	struct kit_due due;
	struct portico_worker *worker;
	const char *over; /* how; NULL: it is set */
	bool directory;
	uint32_t count; /* events since the last call */
	uint64_t delay_ns;
	portico_change_fn *fn;
	void *arg;
	char *path;
	char name[256]; /* the last that changed */
};

static struct list watches = LIST_INIT(watches);

static unsigned
count_set(void)
{
	unsigned count = 0;

	LIST_FOREACH(struct portico_change_watch, link, watch, &watches)
		count += watch->over == NULL;
	return count;
}

static void
on_due(struct kit_due *due)
{
	struct portico_change_watch *watch =
		CONTAINER_OF(due, struct portico_change_watch, due);
	const struct portico_change change = {
		.size = sizeof(change),
		.count = watch->count,
		.path = watch->path,
		.name = watch->name,
	};
	enum kit_place outer = kit_enter(KIT_PLACE_MAIN);

	watch->count = 0;
	watch->fn(watch->worker, &change, watch->arg);
	globals_tell(watch->worker, PORTICO_GLOBAL_FILE_CHANGE, watch->path, 0);
	kit_leave(outer);
}

/* ---- what modules call -------------------------------------------------------- */

/* In the order of the server's. */
static enum portico_status
check(const char *path, uint32_t flags, uint64_t delay_ns,
      struct portico_error *err)
{
	size_t length = strlen(path);
	enum portico_status status;

	if (!kit_is_main())
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
	if (count_set() >= CHANGE_WATCHES_MAX)
		return error_set(err, PORTICO_FULL,
				 "watching \"%s\": %d files are watched", path,
				 CHANGE_WATCHES_MAX);
	if (kit_fault(KIT_FAULT_WAIT, "portico_change_start", PORTICO_NOT_FOUND,
		      &status))
		return error_set(err, status,
				 "watching \"%s\": the test says "
				 "no",
				 path);
	return PORTICO_OK;
}

static enum portico_status
change_start(struct portico_worker *worker, const char *path, uint32_t flags,
	     uint64_t delay_ns, portico_change_fn *fn, void *arg,
	     struct portico_change_watch **watch_r, struct portico_error *err)
{
	enum portico_status status = check(path, flags, delay_ns, err);
	struct portico_change_watch *watch;

	*watch_r = NULL;
	if (status != PORTICO_OK)
		return status;
	watch = mem_zalloc(sizeof(*watch));
	watch->worker = worker;
	watch->directory = (flags & PORTICO_CHANGE_DIRECTORY) != 0;
	watch->delay_ns = delay_ns == 0 ? CHANGE_DELAY_DEFAULT_NS : delay_ns;
	watch->fn = fn;
	watch->arg = arg;
	watch->path = mem_strdup(path);
	list_init(&watch->link);
	list_add_tail(&watches, &watch->link);
	*watch_r = watch;
	return PORTICO_OK;
}

static void
end(struct portico_change_watch *watch, const char *how)
{
	kit_due_unset(&watch->due);
	watch->over = how;
}

static void
change_stop(struct portico_change_watch *watch)
{
	if (watch == NULL)
		return;
	if (!kit_is_main()) {
		kit_fail("portico_change_stop: called elsewhere than on the "
			 "main loop");
		return;
	}
	LIST_FOREACH(struct portico_change_watch, link, known, &watches) {
		if (known != watch)
			continue;
		if (watch->over != NULL)
			kit_fail("portico_change_stop: %s: %s", watch->path,
				 watch->over);
		end(watch, "the watch was stopped before");
		return;
	}
	kit_fail("portico_change_stop: this is no watch");
}

const struct portico_host_change kit_host_change = {
	.size = sizeof(struct portico_host_change),
	.start = change_start,
	.stop = change_stop,
};

/* ---- what tests call ------------------------------------------------------------ */

const char *
kit_change_path(const struct kit *kit, unsigned index)
{
	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH(struct portico_change_watch, link, watch, &watches)
		if (watch->over == NULL && index-- == 0)
			return watch->path;
	return NULL;
}

/* The name in the directory that is watched; NULL: it is elsewhere. */
static const char *
name_in(const struct portico_change_watch *watch, const char *path)
{
	const char *name = strrchr(path, '/');
	size_t length = strlen(watch->path);

	if (!watch->directory)
		return strcmp(watch->path, path) == 0 ? "" : NULL;
	if (name == NULL)
		return NULL;
	if (length == 1)
		length = 0;
	return (size_t)(name - path) == length &&
			       strncmp(watch->path, path, length) == 0 ?
		       name + 1 :
		       NULL;
}

unsigned
kit_change(struct kit *kit, const char *path)
{
	unsigned count = 0;

	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH(struct portico_change_watch, link, watch, &watches) {
		const char *name = name_in(watch, path);

		if (watch->over != NULL || name == NULL)
			continue;
		snprintf(watch->name, sizeof(watch->name), "%s", name);
		watch->count++;
		count++;
		if (!kit_due_is_set(&watch->due))
			kit_due_set(&watch->due, watch->delay_ns, on_due);
	}
	return count;
}

/* ---- the end ----------------------------------------------------------------------- */

/* The modules have ended. */
void
changes_stop_all(struct portico_worker *worker)
{
	(void)worker;
	LIST_FOREACH(struct portico_change_watch, link, watch, &watches) {
		if (watch->over != NULL)
			continue;
		if (kit_now->options.strict)
			kit_fail("the watch of \"%s\" was not stopped "
				 "(portico_change_stop)",
				 watch->path);
		end(watch, "the worker has ended");
	}
}

void
kit_change_close(void)
{
	LIST_FOREACH_SAFE(struct portico_change_watch, link, watch, &watches) {
		list_remove(&watch->link);
		mem_free(watch->path);
		mem_free(watch);
	}
}
