/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories that are watched, so that the listener may keep files of theirs:
 * when one changes, what was kept of it is flushed.
 *
 * A directory is watched once a file in it was found, and with it all those
 * above it, up to the root: they tell when it is replaced.  Each counts
 * the changes in it.  A look-up notes the count before it opens the file; an
 * entry whose count is not the present one is looked up again before it is
 * used.  So the order is: the file changes, the count, the flush; whoever asks
 * after the flush gets the new file.
 *
 * Not watched, and so not kept: what is reached through a symbolic link or has
 * several names (its changes may be told elsewhere), what lies on file systems
 * that others can write to, and what is beyond the number of watches of a
 * worker.
 *
 * Threads: find, want and fits on the thread pool, the rest on the main thread.  `lock` guards the list and `state`; no function of
 * the host is called under it.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "modules/static/static_priv.h"

/* Directories known, and how long one that failed is left alone. */
#define WATCHES_MAX 1024
#define RETRY_NS UINT64_C(60000000000)
/* What comes in such a time is told together. */
#define DELAY_NS UINT64_C(5000000)

enum watch_state {
	WATCH_IDLE,
	WATCH_WANTED, /* the main thread was asked */
	WATCH_ACTIVE,
	WATCH_FAILED,
};

struct static_watch {
	struct static_watch *next;
	struct static_watch *above; /* NULL: it is the root */
	struct static_watches *all;
	atomic_uint_fast64_t changes; /* seen so far */
	enum watch_state state;
	uint64_t failed_at; /* portico_clock() */
	struct portico_change_watch *change; /* the main thread's */
	size_t length;
	char path[]; /* within the application; ends with a slash */
};

struct static_watches {
	pthread_mutex_t lock;
	struct portico_worker *worker;
	struct portico_application *application;
	char *root; /* without links */
	struct static_watch *first;
	unsigned count;
};

struct static_watches *
static_watches_new(struct portico_worker *worker,
		   struct portico_application *application)
{
	struct portico_slice root =
		portico_application_text(application, PORTICO_TEXT_ROOT);
	struct static_watches *watches = calloc(1, sizeof(*watches));

	if (watches == NULL)
		return NULL;
	pthread_mutex_init(&watches->lock, NULL);
	watches->worker = worker;
	watches->application = application;
	/* NULL: nothing can be watched. */
	watches->root = root.length == 0 ? NULL : realpath(root.data, NULL);
	return watches;
}

void
static_watches_free(struct static_watches **watches_p)
{
	struct static_watches *watches = *watches_p;

	*watches_p = NULL;
	if (watches == NULL)
		return;
	while (watches->first != NULL) {
		struct static_watch *watch = watches->first;

		watches->first = watch->next;
		portico_change_stop(watch->change);
		free(watch);
	}
	pthread_mutex_destroy(&watches->lock);
	free(watches->root);
	free(watches);
}

/* ---- finding ------------------------------------------------------------- */

/* Under the lock. */
static struct static_watch *
find(const struct static_watches *watches, struct portico_slice path)
{
	struct static_watch *watch = watches->first;

	while (watch != NULL &&
	       (watch->length != path.length ||
		memcmp(watch->path, path.data, path.length) != 0))
		watch = watch->next;
	return watch;
}

/* Up to and with the last slash; of a directory that above it. */
static struct portico_slice
directory_of(struct portico_slice path)
{
	while (path.length > 0 && path.data[path.length - 1] != '/')
		path.length--;
	return path;
}

/* Under the lock: that of the directory and of those above it. */
static struct static_watch *
get(struct static_watches *watches, struct portico_slice path)
{
	struct static_watch *watch = find(watches, path), *above = NULL;

	if (watch != NULL)
		return watch;
	if (path.length > 1) {
		struct portico_slice outer = { path.data, path.length - 1 };

		above = get(watches, directory_of(outer));
		if (above == NULL)
			return NULL;
	}
	if (watches->count >= WATCHES_MAX)
		return NULL;
	watch = calloc(1, sizeof(*watch) + path.length + 1);
	if (watch == NULL)
		return NULL;
	watch->all = watches;
	watch->above = above;
	watch->length = path.length;
	memcpy(watch->path, path.data, path.length);
	watch->next = watches->first;
	watches->first = watch;
	watches->count++;
	return watch;
}

struct static_watch *
static_watch_find(struct static_watches *watches, struct portico_slice path,
		  uint64_t *changes_r)
{
	struct static_watch *watch;

	pthread_mutex_lock(&watches->lock);
	watch = find(watches, directory_of(path));
	if (watch != NULL && watch->state != WATCH_ACTIVE)
		watch = NULL;
	if (watch != NULL)
		*changes_r = atomic_load(&watch->changes);
	pthread_mutex_unlock(&watches->lock);
	return watch;
}

static void
set_failed(struct static_watch *watch)
{
	pthread_mutex_lock(&watch->all->lock);
	watch->state = WATCH_FAILED;
	watch->failed_at = portico_clock();
	pthread_mutex_unlock(&watch->all->lock);
}

/* Only of directories that are there: nobody can fill the list with others. */
bool
static_watch_want(struct static_watches *watches, struct portico_slice path)
{
	struct static_watch *watch;
	bool wanted = false, ask = false;

	pthread_mutex_lock(&watches->lock);
	watch = get(watches, directory_of(path));
	if (watch != NULL)
		wanted = watch->state != WATCH_FAILED ||
			 portico_clock() - watch->failed_at > RETRY_NS;
	if (wanted &&
	    (watch->state == WATCH_IDLE || watch->state == WATCH_FAILED)) {
		watch->state = WATCH_WANTED;
		ask = true;
	}
	pthread_mutex_unlock(&watches->lock);
	if (ask && portico_global_post(watches->worker, STATIC_WATCH_EVENT,
				       watch) != PORTICO_OK) {
		set_failed(watch);
		return false;
	}
	return wanted;
}

/* File systems that change without this kernel being asked. */
static bool
is_remote(int fd)
{
	static const unsigned long types[] = {
		0x6969, /* NFS */
		0x517b, /* SMB */
		0xff534d42, /* CIFS */
		0xfe534d42, /* SMB2 */
		0x01021997, /* 9p */
		0x65735546, /* FUSE */
		0x00c36400, /* Ceph */
		0x5346414f, /* AFS */
		0x01161970, /* GFS2 */
		0x7461636f, /* OCFS2 */
		0x0bd00bd0, /* Lustre */
	};
	struct statfs about;

	if (fstatfs(fd, &about) != 0)
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if ((unsigned long)about.f_type == types[i])
			return true;
	}
	return false;
}

bool
static_watch_fits(const struct static_watches *watches, int fd,
		  const struct stat *stat, struct portico_slice path)
{
	const char *root = watches->root;
	size_t root_length = 0;
	char link[40], found[PATH_MAX];
	ssize_t length;

	if (root == NULL)
		return false;
	if (strcmp(root, "/") != 0)
		root_length = strlen(root);
	if (stat->st_nlink != 1 || is_remote(fd))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, found, sizeof(found));
	return length >= 0 && (size_t)length == root_length + path.length &&
	       memcmp(found, root, root_length) == 0 &&
	       memcmp(found + root_length, path.data, path.length) == 0;
}

uint64_t
static_watch_changes(const struct static_watch *watch)
{
	return atomic_load(&watch->changes);
}

/* ---- changes, on the main thread ----------------------------------------- */

static bool
lies_below(const struct static_watch *watch, const char *path, size_t length)
{
	return watch->length > length && memcmp(watch->path, path, length) == 0;
}

/* One that is watched below the path, which it is not any more. */
static struct portico_change_watch *
take_below(struct static_watches *watches, const char *path, size_t length)
{
	struct portico_change_watch *change = NULL;
	struct static_watch *watch;

	pthread_mutex_lock(&watches->lock);
	watch = watches->first;
	while (watch != NULL &&
	       (watch->change == NULL || !lies_below(watch, path, length)))
		watch = watch->next;
	if (watch != NULL) {
		change = watch->change;
		watch->change = NULL;
		watch->state = WATCH_IDLE;
		atomic_fetch_add(&watch->changes, 1);
	}
	pthread_mutex_unlock(&watches->lock);
	return change;
}

/* Whatever is watched at the path (of a directory, without its slash), or
 * below it, may be another one now.  True: there was something. */
static bool
forget_below(struct static_watches *watches, const char *path, size_t length)
{
	bool found = false;

	for (;;) {
		struct portico_change_watch *change =
			take_below(watches, path, length);

		if (change == NULL)
			return found;
		portico_change_stop(change);
		found = true;
	}
}

static void
flush(const struct static_watches *watches, const char *path, size_t length,
      uint32_t flags)
{
	struct portico_slice text = { path, length };

	/* When there is no memory to say it, nothing else goes on either. */
	(void)portico_cache_flush(watches->application, text, flags);
}

/* More than one entry, or itself. */
static void
all_changed(struct static_watch *watch)
{
	struct static_watches *watches = watch->all;

	forget_below(watches, watch->path, watch->length);
	flush(watches, watch->path, watch->length, PORTICO_CACHE_BELOW);
}

static void
entry_changed(struct static_watch *watch, const char *name)
{
	struct static_watches *watches = watch->all;
	size_t name_length = strlen(name);
	size_t length = watch->length + name_length;
	char path[PATH_MAX + NAME_MAX + 2];

	if (length + 2 > sizeof(path)) {
		all_changed(watch);
		return;
	}
	memcpy(path, watch->path, watch->length);
	memcpy(path + watch->length, name, name_length);
	path[length] = '/';
	if (forget_below(watches, path, length))
		flush(watches, path, length, PORTICO_CACHE_BELOW);
	else
		flush(watches, path, length, 0);
	/* It may be the default document, or come before it. */
	flush(watches, watch->path, watch->length, 0);
}

/* Of the directory itself events come with its own name. */
static bool
is_own_name(const struct static_watch *watch, const char *name)
{
	size_t length = strlen(name);

	if (watch->above == NULL) {
		const char *slash = strrchr(watch->all->root, '/');

		return slash == NULL || strcmp(slash + 1, name) == 0;
	}
	return watch->length > length + 1 &&
	       watch->path[watch->length - length - 2] == '/' &&
	       memcmp(watch->path + watch->length - length - 1, name, length) ==
		       0;
}

static void
on_change(struct portico_worker *worker, const struct portico_change *change,
	  void *arg)
{
	struct static_watch *watch = arg;

	(void)worker;
	atomic_fetch_add(&watch->changes, 1);
	if (change->several || *change->name == '\0' ||
	    is_own_name(watch, change->name))
		all_changed(watch);
	else
		entry_changed(watch, change->name);
}

/* Those above first: what happens to this one meanwhile is told by them. */
static bool
start(struct static_watch *watch)
{
	struct static_watches *watches = watch->all;
	bool active;
	char *path;

	pthread_mutex_lock(&watches->lock);
	active = watch->state == WATCH_ACTIVE;
	pthread_mutex_unlock(&watches->lock);
	if (active)
		return true;
	if (watch->above != NULL && !start(watch->above))
		return false;
	if (asprintf(&path, "%s%.*s",
		     watch->above == NULL	     ? watches->root :
		     strcmp(watches->root, "/") == 0 ? "" :
						       watches->root,
		     (int)watch->length - 1, watch->path) < 0)
		return false;
	active = portico_change_start(watches->worker, path,
				      PORTICO_CHANGE_DIRECTORY, DELAY_NS,
				      on_change, watch, &watch->change,
				      NULL) == PORTICO_OK;
	free(path);
	if (!active) {
		set_failed(watch);
		return false;
	}
	pthread_mutex_lock(&watches->lock);
	watch->state = WATCH_ACTIVE;
	pthread_mutex_unlock(&watches->lock);
	return true;
}

enum portico_verdict
static_watch_on_wanted(struct portico_worker *worker,
		       const struct portico_global *global)
{
	struct static_watch *watch = global->argument;

	(void)worker;
	/* One above it may be the one that failed. */
	if (!start(watch))
		set_failed(watch);
	return PORTICO_NEXT;
}
