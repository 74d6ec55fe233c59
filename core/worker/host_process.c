/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes of modules: start, restart, stop.
 *
 * Everything is the main thread's but `pid`, which any thread reads, and the
 * copied options, which do not change; other loops post what they want.
 */
#include "core/worker/host_process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/worker/child_process.h"
#include "core/worker/limits.h"
#include "core/worker/loop.h"
#include "core/worker/main_loop.h"
#include "core/worker/module_load.h"

#define PROCESS_MAGIC 0x50524f43u

enum process_state {
	PROCESS_WAITING, /* for its first start, or for a restart */
	PROCESS_RUNNING,
	PROCESS_STOPPING, /* SIGTERM was sent */
	PROCESS_ENDED,
};

struct portico_process {
	unsigned magic;
	enum process_state state;
	bool freed; /* by its module */
	struct arena *arena;
	const struct portico_self *self;
	struct portico_process_options options;
	struct child_command command;
	struct child_process *child; /* NULL: none runs */
	_Atomic int64_t pid;
	uint64_t started, started_at; /* times; ns */
	uint64_t failures[PROCESS_FAILURES_MAX]; /* ns, a circle */
	uint32_t failure_next, failures_in_row;
	uint64_t lines_since; /* ns: the second that is counted */
	uint32_t lines, lines_lost;
	char last[2048]; /* lines of output, newest last */
	size_t last_length;
	uv_timer_t timer; /* restart, or the end of the grace */
	struct list link;
};

static struct {
	struct list all;
	_Atomic uint32_t count;
	atomic_bool stopping;
	bool closed; /* no module is told of anything any more */
} processes = { .all = LIST_INIT(processes.all) };

static void run(struct portico_process *process);

/* ---- what it says ------------------------------------------------------------ */

static struct log_context
context_of(const struct portico_process *process)
{
	return (struct log_context){ .name = "module",
				     .value = process->self->record->name };
}

static void
remember(struct portico_process *process, const char *line)
{
	size_t length = strlen(line) + 1;

	while (process->last_length + length >= sizeof(process->last)) {
		const char *end =
			memchr(process->last, '\n', process->last_length);
		size_t gone = end == NULL ? process->last_length :
					    (size_t)(end - process->last) + 1;

		process->last_length -= gone;
		memmove(process->last, process->last + gone,
			process->last_length);
	}
	memcpy(process->last + process->last_length, line, length - 1);
	process->last_length += length;
	process->last[process->last_length - 1] = '\n';
	process->last[process->last_length] = '\0';
}

static void
tell_lost(struct portico_process *process)
{
	struct log_context context = context_of(process);

	if (process->lines_lost > 0)
		log_warn(4122, &context,
			 "%u lines of %s are not in this log: there were more "
			 "than %u in a second",
			 process->lines_lost, process->command.argv[0],
			 process->options.lines_max);
	process->lines_lost = 0;
}

static void
on_line(struct child_process *child, const char *line, void *arg)
{
	struct portico_process *process = arg;
	struct log_context context = context_of(process);
	uint64_t now = clock_monotonic_ns();

	CHECK(process, PROCESS_MAGIC);
	remember(process, line);
	if (now - process->lines_since >= CLOCK_NS_PER_S) {
		tell_lost(process);
		process->lines_since = now;
		process->lines = 0;
	}
	if (process->lines >= process->options.lines_max) {
		process->lines_lost++;
		return;
	}
	process->lines++;
	log_info(&context, "%s[%d]: %s", process->command.argv[0],
		 (int)child->pid, line);
}

static void
tell(struct portico_process *process, struct portico_process_news *news)
{
	if (process->options.fn == NULL || process->freed || processes.closed)
		return;
	news->started = process->started;
	process->options.fn(process, news, process->options.arg);
}

/* ---- its end -------------------------------------------------------------------- */

static void
on_timer_closed(uv_handle_t *handle)
{
	struct portico_process *process = handle->data;

	process->magic = 0;
	arena_free(process->arena);
	mem_free(process);
}

/* Ended and freed: nobody knows it any more. */
static void
release(struct portico_process *process)
{
	list_remove(&process->link);
	atomic_fetch_sub(&processes.count, 1);
	uv_close((uv_handle_t *)&process->timer, on_timer_closed);
}

static void
finish(struct portico_process *process, bool gave_up)
{
	uv_timer_stop(&process->timer);
	process->state = PROCESS_ENDED;
	tell(process,
	     &(struct portico_process_news){ .event = PORTICO_PROCESS_ENDED,
					     .last_lines = process->last,
					     .gave_up = gave_up });
	if (process->freed)
		release(process);
}

/* Notes a failure; true: they were too many in too short a time. */
static bool
fails_too_often(struct portico_process *process, uint64_t now)
{
	uint32_t most = process->options.failures_max;
	uint64_t oldest;

	process->failures[process->failure_next] = now;
	process->failure_next = (process->failure_next + 1) % most;
	oldest = process->failures[process->failure_next];
	return oldest != 0 && now - oldest < process->options.failures_ns;
}

static void
on_restart(uv_timer_t *timer)
{
	run(timer->data);
}

static void
restart_later(struct portico_process *process, bool failed)
{
	struct log_context context = context_of(process);
	uint64_t now = clock_monotonic_ns();
	uint64_t wait = process->options.backoff_ns;

	if (failed && fails_too_often(process, now)) {
		log_error(4121, &context,
			  "%s is given up: it has failed %u times in %llu s",
			  process->command.argv[0],
			  process->options.failures_max,
			  (unsigned long long)(process->options.failures_ns /
					       CLOCK_NS_PER_S));
		finish(process, true);
		return;
	}
	if (now - process->started_at > process->options.failures_ns)
		process->failures_in_row = 0;
	for (uint32_t i = 0; i < process->failures_in_row &&
			     wait < process->options.backoff_max_ns;
	     i++)
		wait *= 2;
	if (wait > process->options.backoff_max_ns)
		wait = process->options.backoff_max_ns;
	process->failures_in_row++;
	process->state = PROCESS_WAITING;
	uv_timer_start(&process->timer, on_restart, wait / CLOCK_NS_PER_MS, 0);
}

/* A function that was told of the exit may have stopped or freed it. */
static void
go_on(struct portico_process *process, bool stopped, bool failed)
{
	bool again =
		process->options.restart == PORTICO_PROCESS_ALWAYS ||
		(failed && process->options.restart == PORTICO_PROCESS_FAILED);

	if (process->state == PROCESS_ENDED)
		return;
	if (stopped || !again || atomic_load(&processes.stopping))
		finish(process, false);
	else
		restart_later(process, failed);
}

static void
on_exit(struct child_process *child, int how, void *arg)
{
	struct portico_process *process = arg;
	struct log_context context = context_of(process);
	struct portico_process_news news = {
		.event = PORTICO_PROCESS_EXITED,
		.pid = child->pid,
		.status = WIFEXITED(how) ? WEXITSTATUS(how) : -1,
		.signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0,
		.last_lines = process->last,
	};
	bool failed = news.status != 0;
	bool stopped = process->state == PROCESS_STOPPING;

	CHECK(process, PROCESS_MAGIC);
	uv_timer_stop(&process->timer);
	atomic_store(&process->pid, 0);
	tell_lost(process);
	process->state = PROCESS_WAITING;
	if (failed && !stopped)
		log_warn(4120, &context, "%s[%d] ended: %s %d",
			 process->command.argv[0], (int)child->pid,
			 news.signal != 0 ? "signal" : "exit status",
			 news.signal != 0 ? news.signal : news.status);
	child_process_free(&process->child);
	tell(process, &news);
	go_on(process, stopped, failed);
}

/* ---- its start -------------------------------------------------------------------- */

static void
run(struct portico_process *process)
{
	struct log_context context = context_of(process);
	int error;

	CHECK(process, PROCESS_MAGIC);
	process->started++;
	process->started_at = clock_monotonic_ns();
	process->last_length = 0;
	process->last[0] = '\0';
	error = child_process_start(main_loop_uv(), &process->command,
				    &process->child);
	if (error != 0) {
		log_warn(4123, &context, "%s cannot be started: %s",
			 process->command.argv[0], strerror(error));
		tell(process, &(struct portico_process_news){
				      .event = PORTICO_PROCESS_EXITED,
				      .status = -1,
				      .last_lines = strerror(error) });
		go_on(process, false, true);
		return;
	}
	process->child->on_line = on_line;
	process->child->on_exit = on_exit;
	process->child->arg = process;
	process->state = PROCESS_RUNNING;
	atomic_store(&process->pid, process->child->pid);
	tell(process,
	     &(struct portico_process_news){ .event = PORTICO_PROCESS_STARTED,
					     .pid = process->child->pid,
					     .last_lines = "" });
}

static void
on_grace_over(uv_timer_t *timer)
{
	struct portico_process *process = timer->data;

	if (process->child != NULL)
		child_process_signal(process->child, SIGKILL);
}

static void
stop(struct portico_process *process)
{
	CHECK(process, PROCESS_MAGIC);
	switch (process->state) {
	case PROCESS_WAITING:
		finish(process, false);
		return;
	case PROCESS_RUNNING:
		process->state = PROCESS_STOPPING;
		child_process_signal(process->child, SIGTERM);
		uv_timer_start(&process->timer, on_grace_over,
			       process->options.grace_ns / CLOCK_NS_PER_MS, 0);
		return;
	case PROCESS_STOPPING:
	case PROCESS_ENDED:
		return;
	}
}

/* ---- from any loop ------------------------------------------------------------------ */

enum wish {
	WISH_START,
	WISH_STOP,
	WISH_FREE,
};

struct wish_message {
	struct loop_message message;
	struct portico_process *process;
	enum wish wish;
};

static void
grant(struct portico_process *process, enum wish wish)
{
	switch (wish) {
	case WISH_START:
		uv_timer_init(main_loop_uv(), &process->timer);
		process->timer.data = process;
		list_add_tail(&processes.all, &process->link);
		if (atomic_load(&processes.stopping))
			finish(process, false);
		else
			/* Not within the function that starts it. */
			uv_timer_start(&process->timer, on_restart, 0, 0);
		return;
	case WISH_STOP:
		stop(process);
		return;
	case WISH_FREE:
		process->freed = true;
		if (process->state == PROCESS_ENDED)
			release(process);
		else
			stop(process);
		return;
	}
}

static void
on_wish(struct loop_message *message)
{
	struct wish_message *mine =
		CONTAINER_OF(message, struct wish_message, message);

	grant(mine->process, mine->wish);
	mem_free(mine);
}

static void
wish(struct portico_process *process, enum wish wish)
{
	struct wish_message *message;

	if (main_loop_is_here()) {
		grant(process, wish);
		return;
	}
	message = mem_zalloc(sizeof(*message));
	message->message.run = on_wish;
	message->process = process;
	message->wish = wish;
	if (!main_loop_post(&message->message))
		mem_free(message);
}

/* ---- options -------------------------------------------------------------------------- */

static bool
replaces(const char *name, size_t length, const char *const *wanted)
{
	for (; wanted != NULL && *wanted != NULL; wanted++) {
		size_t other = strcspn(*wanted, "=");

		if (other == length && memcmp(*wanted, name, length) == 0)
			return true;
	}
	return false;
}

static size_t
count(const char *const *texts, size_t *bytes)
{
	size_t number = 0;

	for (; texts != NULL && texts[number] != NULL; number++)
		*bytes += strlen(texts[number]) + 1;
	return number;
}

static char **
copy_environment(struct arena *arena, const char *const *wanted)
{
	const char *const *ours = (const char *const *)environ;
	size_t bytes = 0, used = 0;
	char **copy = arena_zalloc(
		arena, (count(ours, &bytes) + count(wanted, &bytes) + 1) *
			       sizeof(char *));

	for (; *ours != NULL; ours++) {
		if (!replaces(*ours, strcspn(*ours, "="), wanted))
			copy[used++] = arena_strdup(arena, *ours);
	}
	for (; wanted != NULL && *wanted != NULL; wanted++) {
		if (strchr(*wanted, '=') != NULL)
			copy[used++] = arena_strdup(arena, *wanted);
	}
	return copy;
}

static void
copy_options(struct portico_process *process,
	     const struct portico_process_options *options, size_t size)
{
	struct portico_process_options *mine = &process->options;
	size_t bytes = 0, words;
	char **argv;

	memcpy(mine, options, size < sizeof(*mine) ? size : sizeof(*mine));
	words = count(mine->argv, &bytes);
	argv = arena_zalloc(process->arena, (words + 1) * sizeof(char *));
	for (size_t i = 0; i < words; i++)
		argv[i] = arena_strdup(process->arena, mine->argv[i]);
	process->command.argv = argv;
	process->command.environment =
		copy_environment(process->arena, mine->environment);
	if (mine->directory != NULL)
		process->command.directory =
			arena_strdup(process->arena, mine->directory);
	/* The caller's are not looked at again. */
	mine->argv = mine->environment = NULL;
	mine->directory = NULL;
	if (mine->backoff_ns == 0)
		mine->backoff_ns = 100 * CLOCK_NS_PER_MS;
	if (mine->backoff_max_ns == 0)
		mine->backoff_max_ns = 30 * CLOCK_NS_PER_S;
	if (mine->failures_max == 0)
		mine->failures_max = 5;
	if (mine->failures_ns == 0)
		mine->failures_ns = 60 * CLOCK_NS_PER_S;
	if (mine->grace_ns == 0)
		mine->grace_ns = 5 * CLOCK_NS_PER_S;
	if (mine->lines_max == 0)
		mine->lines_max = 100;
}

static enum portico_status
check(const struct portico_process_options *options, struct portico_error *err)
{
	size_t bytes = 0;

	if (options->argv == NULL || options->argv[0] == NULL ||
	    options->argv[0][0] == '\0')
		return error_set(err, PORTICO_INVALID,
				 "starting a process without a command");
	if (options->failures_max > PROCESS_FAILURES_MAX ||
	    options->restart > PORTICO_PROCESS_ALWAYS)
		return error_set(err, PORTICO_INVALID,
				 "starting %s: an option is out of range",
				 options->argv[0]);
	count(options->argv, &bytes);
	count(options->environment, &bytes);
	if (bytes > PROCESS_ARGUMENT_BYTES_MAX)
		return error_set(err, PORTICO_TOO_LARGE,
				 "starting %s: its arguments and environment "
				 "are above %u bytes",
				 options->argv[0], PROCESS_ARGUMENT_BYTES_MAX);
	return PORTICO_OK;
}

static enum portico_status
host_process_start(struct portico_self *self,
		   const struct portico_process_options *options, size_t size,
		   struct portico_process **process_r,
		   struct portico_error *err)
{
	struct portico_process *process;
	struct service_loop here;
	enum portico_status status;

	CHECK(self, MODULE_SELF_MAGIC);
	*process_r = NULL;
	status = check(options, err);
	if (status != PORTICO_OK)
		return status;
	if (!service_loop_here(&here) || main_loop_uv() == NULL ||
	    atomic_load(&processes.stopping))
		return error_set(err, PORTICO_STATE,
				 "starting %s: the worker does not serve",
				 options->argv[0]);
	if (atomic_fetch_add(&processes.count, 1) >= PROCESSES_MAX) {
		atomic_fetch_sub(&processes.count, 1);
		return error_set(err, PORTICO_FULL,
				 "starting %s: %u processes are supervised",
				 options->argv[0], PROCESSES_MAX);
	}
	process = mem_zalloc(sizeof(*process));
	process->magic = PROCESS_MAGIC;
	process->self = self;
	process->arena = arena_new("process", 1024);
	list_init(&process->link);
	copy_options(process, options, size);
	*process_r = process;
	wish(process, WISH_START);
	return PORTICO_OK;
}

static void
host_process_stop(struct portico_process *process)
{
	CHECK(process, PROCESS_MAGIC);
	wish(process, WISH_STOP);
}

static void
host_process_free(struct portico_process *process)
{
	if (process == NULL)
		return;
	CHECK(process, PROCESS_MAGIC);
	wish(process, WISH_FREE);
}

static int64_t
host_process_pid(struct portico_process *process)
{
	CHECK(process, PROCESS_MAGIC);
	return atomic_load(&process->pid);
}

static uint16_t
host_process_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t port = 0;

	if (fd < 0)
		return 0;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &length) == 0)
		port = ntohs(address.sin_port);
	close(fd);
	return port;
}

/* ---- the end of the worker ------------------------------------------------------------ */

uint32_t
processes_stop(void)
{
	struct portico_process *next;
	uint32_t left;

	atomic_store(&processes.stopping, true);
	/* Those who are told may free others: from the start each time. */
	do {
		next = NULL;
		left = 0;
		LIST_FOREACH(struct portico_process, link, process,
			     &processes.all) {
			if (process->state == PROCESS_WAITING ||
			    process->state == PROCESS_RUNNING)
				next = process;
			else if (process->state == PROCESS_STOPPING)
				left++;
		}
		if (next != NULL)
			stop(next);
	} while (next != NULL);
	return left;
}

void
processes_kill(void)
{
	atomic_store(&processes.stopping, true);
	LIST_FOREACH(struct portico_process, link, process, &processes.all) {
		if (process->child != NULL)
			child_process_signal(process->child, SIGKILL);
	}
}

void
processes_end(void)
{
	processes.closed = true;
	processes_kill();
	LIST_FOREACH(struct portico_process, link, process, &processes.all) {
		if (process->child != NULL)
			child_process_kill(&process->child);
		atomic_store(&process->pid, 0);
		uv_timer_stop(&process->timer);
		process->state = PROCESS_ENDED;
	}
}

void
processes_close(void)
{
	while (!list_empty(&processes.all))
		release(LIST_FIRST(struct portico_process, link,
				   &processes.all));
}

const struct portico_host_process worker_host_process = {
	.size = sizeof(struct portico_host_process),
	.start = host_process_start,
	.stop = host_process_stop,
	.free = host_process_free,
	.pid = host_process_pid,
	.port = host_process_port,
};
