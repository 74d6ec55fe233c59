/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper process.
 */
#include "core/activation/keep.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/activation/events.h"
#include "core/activation/runtime.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/control/connection.h"

/* Whoever connects before porticod has gone waits so long for that. */
#define PENDING_MS 2000
/* Without porticod: how often it is looked whether a child lives. */
#define ALONE_MS 1000
/* ... and how often until whoever waits for the next one is let go. */
#define CLIENT_LOOKS 5

struct entry {
	struct list link;
	char *key;
	json_t *record;
	int fds[IO_MESSAGE_FDS_MAX];
	size_t nfds;
	int watch; /* index of a pidfd, or -1 */
};

struct keeping {
	uv_loop_t loop;
	const char *directory;
	int fd; /* listening; -1: not yet */
	uv_poll_t poll;
	int pending; /* connected, while there is another porticod; -1 */
	uv_timer_t timer; /* of `pending`, or of being alone */
	unsigned looks; /* since porticod is gone */
	struct control_connection *manager; /* NULL: it is gone */
	struct list entries; /* of struct entry */
};

/* ---- what is kept -------------------------------------------------------- */

static void
entry_free(struct entry *entry)
{
	list_remove(&entry->link);
	io_close_foreign(entry->fds, entry->nfds);
	json_decref(entry->record);
	mem_free(entry->key);
	mem_free(entry);
}

static struct entry *
find(struct keeping *keeping, const char *key)
{
	LIST_FOREACH(struct entry, link, entry, &keeping->entries)
		if (strcmp(entry->key, key) == 0)
			return entry;
	return NULL;
}

static void
drop(struct keeping *keeping, const json_t *message)
{
	const char *key = json_string_value(json_object_get(message, "key"));
	struct entry *entry = key == NULL ? NULL : find(keeping, key);

	if (entry != NULL)
		entry_free(entry);
}

static void
keep(struct keeping *keeping, const json_t *message, int *fds, size_t nfds)
{
	const char *key = json_string_value(json_object_get(message, "key"));
	const json_t *watch = json_object_get(message, "watch");
	struct entry *entry;

	if (key == NULL)
		return;
	drop(keeping, message);
	entry = mem_zalloc(sizeof *entry);
	entry->key = mem_strdup(key);
	entry->record = json_incref(json_object_get(message, "record"));
	entry->watch = json_is_integer(watch) &&
				       json_integer_value(watch) < (int)nfds ?
			       (int)json_integer_value(watch) :
			       -1;
	for (size_t i = 0; i < nfds; i++) {
		entry->fds[i] = fds[i];
		fds[i] = -1;
	}
	entry->nfds = nfds;
	list_init(&entry->link);
	list_add_tail(&keeping->entries, &entry->link);
}

static void
list(struct keeping *keeping, const json_t *message)
{
	json_int_t from = json_integer_value(json_object_get(message, "from"));
	json_int_t number = 0;
	bool more = false;

	LIST_FOREACH(struct entry, link, entry, &keeping->entries) {
		if (number++ < from)
			continue;
		more = number > from + KEEP_LIST_MAX;
		if (more)
			break;
		(void)control_send(keeping->manager,
				   json_pack("{s:s, s:s, s:O}", "type", "kept",
					     "key", entry->key, "record",
					     entry->record),
				   entry->fds, entry->nfds);
	}
	(void)control_send(keeping->manager,
			   json_pack("{s:s, s:b, s:i}", "type", "kept-all",
				     "more", more, "pid", (int)getpid()),
			   NULL, 0);
}

/* Whether a process is left that somebody could take over. */
static bool
is_of_use(struct keeping *keeping)
{
	LIST_FOREACH(struct entry, link, entry, &keeping->entries) {
		struct pollfd poll_fd = { .events = POLLIN };

		if (entry->watch < 0)
			continue;
		poll_fd.fd = entry->fds[entry->watch];
		if (poll(&poll_fd, 1, 0) == 0)
			return true;
	}
	return false;
}

/* Of throttle.h: porticod, which would have continued them, is gone. */
static void
continue_throttled(struct keeping *keeping)
{
	LIST_FOREACH(struct entry, link, entry, &keeping->entries) {
		json_int_t pid = json_integer_value(
			json_object_get(entry->record, "pid"));

		if (entry->watch < 0 || pid < 2 ||
		    !json_is_true(json_object_get(entry->record, "throttled")))
			continue;
		if (io_pidfd_signal(entry->fds[entry->watch], SIGCONT) ==
		    PORTICO_OK)
			(void)kill((pid_t)-pid, SIGCONT);
	}
}

/* ---- who may have it ----------------------------------------------------- */

/* Whether the process holds a lock such as that of the process file.  Asked of
 * the kernel: to try the lock would be to hold it, for a moment in which
 * porticod may want it.  (Of which file is not asked: the numbers of inodes are
 * not the same everywhere on overlays.) */
static bool
holds_lock(pid_t pid)
{
	FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	bool holds = false;

	if (locks == NULL)
		return true; /* nobody says; the file does */
	while (!holds && fgets(line, sizeof line, locks) != NULL) {
		const char *at = strstr(line, "FLOCK");
		int owner;

		holds = at != NULL &&
			sscanf(at, "FLOCK %*s WRITE %d", &owner) == 1 &&
			owner == (int)pid;
	}
	fclose(locks);
	return holds;
}

/* The process of the process file, which has its lock: porticod. */
static bool
is_porticod(struct keeping *keeping, pid_t pid)
{
	char path[4096], text[32] = "";
	bool is = false;
	int fd;

	snprintf(path, sizeof path, "%s/%s", keeping->directory,
		 RUNTIME_PID_FILE);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	if (pread(fd, text, sizeof text - 1, 0) > 0)
		is = strtol(text, NULL, 10) == (long)pid && holds_lock(pid);
	io_close(&fd);
	return is;
}

static void on_message(struct control_connection *connection, const char *type,
		       json_t *message, int *fds, size_t nfds, void *arg);
static void on_closed(struct control_connection *connection,
		      enum portico_status status, const char *why, void *arg);

static void
serve(struct keeping *keeping, int fd)
{
	uv_timer_stop(&keeping->timer);
	keeping->manager = control_connection_new(
		&keeping->loop, fd, on_message, on_closed, keeping);
}

static void
refuse(int *fd, const char *why)
{
	pid_t pid = 0;
	uid_t uid = 0;

	(void)io_peer(*fd, &pid, &uid, NULL);
	log_warn(EVENT_KEEPER_REFUSED, NULL,
		 "process %d of user %u was turned away from what is kept for "
		 "porticod: %s",
		 (int)pid, (unsigned)uid, why);
	io_close(fd);
}

/* Nobody has come. */
static void
look_alone(struct keeping *keeping)
{
	struct entry *client = find(keeping, "client");

	if (++keeping->looks == CLIENT_LOOKS && client != NULL)
		entry_free(client);
	if (!is_of_use(keeping))
		uv_stop(&keeping->loop);
}

static void
on_timer(uv_timer_t *timer)
{
	struct keeping *keeping = timer->data;

	if (keeping->pending >= 0)
		refuse(&keeping->pending, "there is another porticod");
	else if (keeping->manager == NULL)
		look_alone(keeping);
}

static void
on_connect(uv_poll_t *poll_handle, int status, int events)
{
	struct keeping *keeping = poll_handle->data;
	int fd = accept4(keeping->fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid = 0;
	uid_t uid;

	(void)status;
	(void)events;
	if (fd < 0)
		return;
	if (io_peer(fd, &pid, &uid, NULL) != PORTICO_OK ||
	    (uid != 0 && uid != geteuid())) {
		refuse(&fd, "its user is neither root nor porticod's");
	} else if (!is_porticod(keeping, pid)) {
		refuse(&fd, "it is not porticod");
	} else if (keeping->manager == NULL) {
		serve(keeping, fd);
	} else if (keeping->pending >= 0) {
		refuse(&fd, "there is another porticod");
	} else {
		/* Its last words may be unread. */
		keeping->pending = fd;
		uv_timer_start(&keeping->timer, on_timer, PENDING_MS, 0);
	}
}

static void
listen_on(struct keeping *keeping, int *fds, size_t nfds)
{
	if (keeping->fd >= 0 || nfds == 0)
		return;
	keeping->fd = fds[0];
	fds[0] = -1;
	io_set_nonblock(keeping->fd, true);
	if (uv_poll_init(&keeping->loop, &keeping->poll, keeping->fd) != 0)
		check_panic("the keeper cannot watch its socket");
	keeping->poll.data = keeping;
	uv_poll_start(&keeping->poll, UV_READABLE, on_connect);
}

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct keeping *keeping = arg;

	(void)connection;
	if (strcmp(type, "keep") == 0)
		keep(keeping, message, fds, nfds);
	else if (strcmp(type, "drop") == 0)
		drop(keeping, message);
	else if (strcmp(type, "list") == 0)
		list(keeping, message);
	else if (strcmp(type, "begin") == 0)
		listen_on(keeping, fds, nfds);
	else if (strcmp(type, "end") == 0)
		uv_stop(&keeping->loop);
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct keeping *keeping = arg;
	int fd = keeping->pending;

	(void)connection;
	(void)status;
	(void)why;
	control_connection_free(&keeping->manager);
	keeping->pending = -1;
	keeping->looks = 0;
	continue_throttled(keeping);
	if (fd >= 0)
		serve(keeping, fd);
	else
		uv_timer_start(&keeping->timer, on_timer, ALONE_MS, ALONE_MS);
}

int
keep_run(int fd, const char *directory)
{
	struct keeping keeping = { .directory = directory,
				   .fd = -1,
				   .pending = -1 };

	signal(SIGPIPE, SIG_IGN);
	/* porticod says when; a terminal's or a group's signal is not for it. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	(void)prctl(PR_SET_NAME, "portico-keeper", 0, 0, 0);
#ifndef PORTICO_ASAN
	/* It may hold private keys. */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	list_init(&keeping.entries);
	if (uv_loop_init(&keeping.loop) != 0)
		check_panic("the keeper cannot make a loop");
	uv_timer_init(&keeping.loop, &keeping.timer);
	keeping.timer.data = &keeping;
	serve(&keeping, fd);
	uv_run(&keeping.loop, UV_RUN_DEFAULT);
	/* Its end closes all that it has. */
	_exit(0);
}
