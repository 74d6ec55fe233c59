/* SPDX-License-Identifier: Apache-2.0
 *
 * portico module run: a server of its own for the module, new workers whenever
 * its file changes, until Ctrl-C.
 */
#include "core/command/module.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/command/options.h"
#include "core/command/sandbox.h"

/* A linker writes for a while; the file is looked at when it is quiet. */
#define QUIET_MS 150

struct run {
	struct sandbox sandbox;
	bool json;
	const char *base; /* the file's name without directory */
	int signals; /* signalfd of SIGINT and SIGTERM */
	int changes; /* inotify of the file's directory; -1: not watched */
	int host; /* to the process that has all in it; -1: there is none */
};

/* One line of what happens; as JSON an object in a line. */
static void say(const struct run *run, const char *event, const char *format,
		...) __attribute__((format(printf, 3, 4)));

static void
say(const struct run *run, const char *event, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	json_t *json;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (run->json) {
		json = json_pack(
			"{s:s, s:s, s:s, s:o, s:i, s:s}", "event", event,
			"text", text, "module", run->sandbox.name, "url",
			json_sprintf("http://127.0.0.1:%d/", run->sandbox.port),
			"pid", (int)run->sandbox.pid, "socket",
			run->sandbox.socket);
		json_dumpf(json, stdout, JSON_COMPACT);
		json_decref(json);
		printf("\n");
	} else {
		printf("portico: %s\n", text);
	}
	fflush(stdout);
}

static int
fail(const struct run *run, const struct portico_error *err)
{
	fprintf(stderr, "portico: %s%s%s\n", err->message,
		err->hint[0] == '\0' ? "" : "; ", err->hint);
	if (run->json)
		say(run, "failed", "%s", err->message);
	return EXIT_FAILED;
}

/* ---- watching -------------------------------------------------------------- */

static enum portico_status
watch(struct run *run, struct portico_error *err)
{
	const char *slash = strrchr(run->sandbox.file, '/');
	char directory[4096];

	snprintf(directory, sizeof directory, "%.*s",
		 slash == NULL		    ? 1 :
		 slash == run->sandbox.file ? 1 :
					      (int)(slash - run->sandbox.file),
		 slash == NULL ? "." : run->sandbox.file);
	run->base = slash == NULL ? run->sandbox.file : slash + 1;
	run->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (run->changes < 0 ||
	    inotify_add_watch(run->changes, directory,
			      IN_CLOSE_WRITE | IN_MOVED_TO) < 0)
		return error_system(err, "watching %s", directory);
	return PORTICO_OK;
}

/* Whether one of the changes that are there is of our file. */
static bool
take_changes(const struct run *run)
{
	char bytes[4096]
		__attribute__((aligned(__alignof__(struct inotify_event))));
	bool ours = false;

	for (;;) {
		ssize_t count = read(run->changes, bytes, sizeof bytes);

		if (count <= 0)
			return ours;
		for (ssize_t at = 0; at < count;) {
			const struct inotify_event *event =
				(const void *)(bytes + at);

			if ((event->mask & IN_Q_OVERFLOW) != 0 ||
			    (event->len > 0 &&
			     strcmp(event->name, run->base) == 0))
				ours = true;
			at += (ssize_t)sizeof *event + event->len;
		}
	}
}

static void
renew(struct run *run)
{
	char before[sizeof run->sandbox.name];
	struct portico_error err;

	memcpy(before, run->sandbox.name, sizeof before);
	error_clear(&err);
	if (!sandbox_check(&run->sandbox)) {
		say(run, "refused",
		    "%s is not fit for use; the former one "
		    "goes on",
		    run->sandbox.file);
		return;
	}
	if (strcmp(before, run->sandbox.name) != 0) {
		memcpy(run->sandbox.name, before, sizeof before);
		say(run, "refused",
		    "%s has another name now; run it again for that",
		    run->sandbox.file);
		return;
	}
	if (sandbox_renew(&run->sandbox, &err) != PORTICO_OK)
		fail(run, &err);
	else
		say(run, "renewed", "%s has changed: new workers take it",
		    run->sandbox.file);
}

/* ---- the whole -------------------------------------------------------------- */

/* Until a signal (true), or until porticod has ended. */
static bool
serve(struct run *run)
{
	struct pollfd waiters[4] = {
		{ .fd = run->signals, .events = POLLIN },
		{ .fd = run->sandbox.pidfd, .events = POLLIN },
		{ .fd = run->changes, .events = POLLIN },
		{ .fd = run->host, .events = POLLIN },
	};
	bool pending = false;

	for (;;) {
		int count = poll(waiters, 4, pending ? QUIET_MS : -1);

		if (count < 0 && errno != EINTR)
			return false;
		if (count > 0 &&
		    (waiters[0].revents != 0 || waiters[3].revents != 0))
			return true;
		if (count > 0 && waiters[1].revents != 0)
			return false;
		if (count > 0 && waiters[2].revents != 0) {
			if (take_changes(run))
				pending = true;
		} else if (count == 0 && pending) {
			pending = false;
			renew(run);
		}
	}
}

static int
start(struct run *run, bool single, struct portico_error *err)
{
	enum portico_status status;

	if (!sandbox_check(&run->sandbox))
		return EXIT_FAILED;
	/* Before it is copied: no change is missed.  One process has one
	 * worker, and that has the module that it has loaded. */
	status = single ? sandbox_split(&run->sandbox, &run->host, err) :
			  watch(run, err);
	if (status == PORTICO_OK)
		status = sandbox_start(&run->sandbox, err);
	return status == PORTICO_OK ? 0 : fail(run, err);
}

int
module_run(const struct options *options, const char *file)
{
	struct run run = {
		.sandbox = { .file = file,
			     .root = options->root,
			     .settings = options->settings,
			     .user = options->user,
			     .port = options->port,
			     .pidfd = -1 },
		.json = options->json,
		.signals = -1,
		.changes = -1,
		.host = -1,
	};
	struct portico_error err;
	bool asked = false;
	sigset_t set;
	int result;

	error_clear(&err);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL); /* the children undo it */
	run.signals = signalfd(-1, &set, SFD_CLOEXEC);
	result = start(&run, (options->given & OPTION_SINGLE_PROCESS) != 0,
		       &err);
	if (result == 0) {
		if (!run.json)
			say(&run, "socket",
			    "portico module list --stats --socket %s asks it",
			    run.sandbox.socket);
		say(&run, "serving",
		    "module %s at http://127.0.0.1:%d/, Ctrl-C ends it",
		    run.sandbox.name, run.sandbox.port);
		asked = serve(&run);
		if (!asked)
			fprintf(stderr, "portico: porticod has ended\n");
	}
	if (!sandbox_stop(&run.sandbox) && asked) {
		fprintf(stderr, "portico: porticod did not end as it should\n");
		asked = false;
	}
	if (run.signals >= 0)
		io_close(&run.signals);
	if (run.changes >= 0)
		io_close(&run.changes);
	if (run.host >= 0)
		io_close(&run.host);
	return asked ? 0 : EXIT_FAILED;
}
