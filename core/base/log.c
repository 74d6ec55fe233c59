/* SPDX-License-Identifier: Apache-2.0
 *
 * The diagnostics log.  A line is composed on the stack and written by one
 * write(); nothing is allocated, so it may be called from any thread and from
 * a process that has run out of memory.
 *
 * Nobody is held up by whoever reads the log, or does not.  The descriptor may
 * be shared with other processes (a child of ours has a pipe of its own, but
 * modules and programs that they start write to it, too; porticod's is what it
 * was started with), so that it cannot be made non-blocking: it is asked
 * whether it takes a line before one is written, by one thread at a time.
 * Lines fit a page, which is what a pipe that says yes has room for.  Should
 * another process take that room in between, the write itself does not wait;
 * before Linux 6.4, which cannot do that with a pipe, it does.
 */
#include "core/base/log.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/slice.h"

#define LINE_MAX_BYTES 4096
#define MESSAGE_MAX_BYTES 2048
#define CONTEXT_DEPTH_MAX 16

struct line {
	char text[LINE_MAX_BYTES];
	size_t length; /* always leaves room for the newline */
};

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

atomic_int log_level_now = LOG_LEVEL_INFO;
static const char *log_program = "portico";
static int log_fd = STDERR_FILENO;
static atomic_int log_pid;

static log_observe_fn *observe;
static void *observe_arg;

/* One writer at a time, who does not wait for anything.  It may have lost its
 * processor, though: after the tries, the others sleep, 20 ms in all. */
static atomic_flag writing = ATOMIC_FLAG_INIT;
#define WRITING_TRIES 1000
#define WRITING_SLEEPS 200
#define WRITING_SLEEP_NS 100000

static atomic_uint_fast64_t lost; /* lines, ever */
static uint64_t lost_told; /* of these; the writer's */

void
log_open(const char *program, enum log_level level, int fd)
{
	log_program = program;
	log_fd = fd;
	log_set_level(level);
	log_update_pid();
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_level_now, (int)level, memory_order_relaxed);
}

void
log_update_pid(void)
{
	atomic_store_explicit(&log_pid, (int)getpid(), memory_order_relaxed);
}

bool
log_level_parse(struct portico_slice text, enum log_level *level_r)
{
	for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
		if (slice_equal(text, slice_from(level_names[i]))) {
			*level_r = (enum log_level)i;
			return true;
		}
	}
	return false;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

/* Our own characters: they cannot hold control bytes. */
static void
put(struct line *line, const char *text)
{
	size_t room = sizeof line->text - 1 - line->length;
	size_t length = strlen(text);

	if (length > room)
		length = room;
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

/* Foreign ones: bytes that could forge a line or drive a terminal become
 * \xNN.  UTF-8 passes. */
static void
put_escaped(struct line *line, const char *text)
{
	static const char hex[] = "0123456789abcdef";

	size_t control = 0; /* so many bytes are of one */

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		char one[5] = { (char)c };

		if (control == 0)
			control = slice_control(text);
		if (control > 0) {
			control--;
			one[0] = '\\';
			one[1] = 'x';
			one[2] = hex[c >> 4];
			one[3] = hex[c & 15];
		}
		put(line, one);
	}
}

/* " (k=v k=v)", outermost first, and " while <innermost action>" */
static void
put_context(struct line *line, const struct log_context *context)
{
	const struct log_context *chain[CONTEXT_DEPTH_MAX];
	const char *action = NULL;
	const char *before = " (";
	int depth = 0;

	for (; context != NULL && depth < CONTEXT_DEPTH_MAX;
	     context = context->parent) {
		chain[depth++] = context;
		if (action == NULL)
			action = context->action;
	}
	while (depth-- > 0) {
		if (chain[depth]->name == NULL)
			continue;
		put(line, before);
		put(line, chain[depth]->name);
		put(line, "=");
		put_escaped(line, chain[depth]->value == NULL ?
					  "" :
					  chain[depth]->value);
		before = " ";
	}
	if (before[1] == '\0')
		put(line, ")");
	if (action != NULL) {
		put(line, " while ");
		put_escaped(line, action);
	}
}

static void
put_head(struct line *line, enum log_level level)
{
	char text[64];
	int pid = atomic_load_explicit(&log_pid, memory_order_relaxed);

	if (pid == 0) {
		log_update_pid();
		pid = (int)getpid();
	}
	clock_format(clock_realtime_ns(), text, sizeof text);
	put(line, text);
	put(line, " ");
	put(line, level_names[level]);
	put(line, " ");
	put(line, log_program);
	snprintf(text, sizeof text, "[%d]: ", pid);
	put(line, text);
}

static void
put_number(struct line *line, unsigned number)
{
	char text[16];

	snprintf(text, sizeof text, " [P%04u]", number);
	put(line, text);
}

/* A pipe without reader says POLLERR. */
static bool
takes_a_line(void)
{
	struct pollfd poll_fd = { .fd = log_fd, .events = POLLOUT };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLOUT;
}

/* Not for files: there it may mean a part of the line. */
static bool
may_fill_up(void)
{
	struct stat st;

	return fstat(log_fd, &st) == 0 &&
	       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

static ssize_t
write_now(const char *text, size_t length)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)text,
			      .iov_len = length };
	ssize_t done = -1;

	errno = EOPNOTSUPP;
	if (may_fill_up())
		done = pwritev2(log_fd, &part, 1, -1, RWF_NOWAIT);
	if (done < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		done = write(log_fd, text, length);
	return done;
}

static bool
try_write(const char *text, size_t length)
{
	ssize_t done;

	if (!takes_a_line())
		return false;
	do {
		done = write_now(text, length);
	} while (done < 0 && errno == EINTR);
	return done >= 0;
}

/* Before the first line after those that are missing. */
static bool
tell_lost(void)
{
	uint64_t now = atomic_load(&lost);
	struct line line = { .length = 0 };
	char text[96];

	if (now == lost_told)
		return true;
	put_head(&line, LOG_LEVEL_WARNING);
	snprintf(text, sizeof text,
		 "%llu line%s of this log could not be written and %s lost",
		 (unsigned long long)(now - lost_told),
		 now - lost_told == 1 ? "" : "s",
		 now - lost_told == 1 ? "is" : "are");
	put(&line, text);
	put_number(&line, 1002);
	line.text[line.length++] = '\n';
	if (!try_write(line.text, line.length))
		return false;
	lost_told = now;
	return true;
}

/* False when it has not become free: its owner may have died in the middle of
 * it, as in the child of a fork. */
static bool
become_writer(void)
{
	const struct timespec moment = { .tv_nsec = WRITING_SLEEP_NS };

	for (int tries = 0; tries < WRITING_TRIES + WRITING_SLEEPS; tries++) {
		if (!atomic_flag_test_and_set_explicit(&writing,
						       memory_order_acquire))
			return true;
		if (tries < WRITING_TRIES)
			sched_yield();
		else
			nanosleep(&moment, NULL);
	}
	return false;
}

void
log_put_line(const char *text, size_t length)
{
	int saved = errno;

	if (!become_writer()) {
		atomic_fetch_add(&lost, 1);
		errno = saved;
		return;
	}
	if (!tell_lost() || !try_write(text, length))
		atomic_fetch_add(&lost, 1);
	atomic_flag_clear_explicit(&writing, memory_order_release);
	errno = saved;
}

uint64_t
log_lost_lines(void)
{
	return atomic_load(&lost);
}

void
log_observe(log_observe_fn *function, void *arg)
{
	observe = function;
	observe_arg = arg;
}

static bool
concerns_somebody(enum log_level level, unsigned number)
{
	return log_enabled(level) || (number != 0 && observe != NULL);
}

/* A whole message: to whom it concerns, and out. */
static void
emit(enum log_level level, unsigned number, const struct log_context *context,
     const char *message)
{
	struct line line = { .length = 0 };

	if (number != 0 && observe != NULL)
		observe(level, number, context, message, observe_arg);
	if (!log_enabled(level))
		return;
	put_head(&line, level);
	put_escaped(&line, message);
	put_context(&line, context);
	if (number != 0)
		put_number(&line, number);
	line.text[line.length++] = '\n';
	log_put_line(line.text, line.length);
}

void
log_write(enum log_level level, unsigned number,
	  const struct log_context *context, const char *format, ...)
{
	int saved = errno;
	char message[MESSAGE_MAX_BYTES];
	va_list args;

	if (!concerns_somebody(level, number))
		return;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	emit(level, number, context, message);
	errno = saved;
}

void
log_write_error(enum log_level level, unsigned number,
		const struct log_context *context,
		const struct portico_error *err)
{
	int saved = errno;
	char message[MESSAGE_MAX_BYTES], whole[LINE_MAX_BYTES];
	bool detail, hint;

	if (err == NULL || !concerns_somebody(level, number))
		return;
	detail = err->detail[0] != '\0';
	hint = err->hint[0] != '\0';
	snprintf(whole, sizeof whole, "%s%s%s%s%s",
		 error_format(err, message, sizeof message), detail ? ". " : "",
		 err->detail,
		 !hint	? "" :
		 detail ? " " :
			  ". ",
		 err->hint);
	emit(level, number, context, whole);
	errno = saved;
}
