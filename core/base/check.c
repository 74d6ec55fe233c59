/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens when an assertion fails or a fatal signal arrives: a report on
 * stderr made with nothing but write(), since the heap may be what broke.
 */
#include "core/base/check.h"

#include <execinfo.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKTRACE_MAX 64

/* For somebody to read what is in the way. */
#define REPORT_WAIT_MS 200

static _Thread_local check_dump_fn *dump_now;
static _Thread_local void *dump_arg;

/* Set while a report is written: a failure inside it must not start another. */
static _Thread_local volatile sig_atomic_t reporting;

void
check_set_dump(check_dump_fn *dump, void *arg)
{
	dump_now = dump;
	dump_arg = arg;
}

static void
put(const char *text, size_t length)
{
	ssize_t done = write(STDERR_FILENO, text, length);

	(void)done;
}

static bool
can_report(void)
{
	struct pollfd poll_fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&poll_fd, 1, REPORT_WAIT_MS) == 1 &&
	       poll_fd.revents == POLLOUT;
}

static void
report(const char *text)
{
	void *frames[BACKTRACE_MAX];
	bool told;
	int count;

	if (reporting)
		return;
	reporting = 1;
	/* Dying is not put off for a reader who does not read. */
	told = can_report();
	if (told) {
		put(text, strlen(text));
		count = backtrace(frames, BACKTRACE_MAX);
		backtrace_symbols_fd(frames, count, STDERR_FILENO);
	}
	if (dump_now != NULL)
		dump_now(told ? STDERR_FILENO : -1, dump_arg);
	reporting = 0;
}

void
check_failed(const char *expression, const char *file, int line,
	     const char *function)
{
	char text[512];

	snprintf(text, sizeof text,
		 "portico[%d]: assertion failed: %s at %s:%d in %s\n",
		 (int)getpid(), expression, file, line, function);
	report(text);
	abort();
}

void
check_panic(const char *format, ...)
{
	char text[512];
	va_list args;
	int length;

	length = snprintf(text, sizeof text,
			  "portico[%d]: panic: ", (int)getpid());
	va_start(args, format);
	vsnprintf(text + length, sizeof text - (size_t)length - 1, format,
		  args);
	va_end(args);
	strncat(text, "\n", sizeof text - strlen(text) - 1);
	report(text);
	abort();
}

static void
on_fatal_signal(int signal_number)
{
	static const char text[] = "portico: fatal signal ";
	char digits[3] = { (char)('0' + signal_number / 10 % 10),
			   (char)('0' + signal_number % 10), '\n' };

	put(text, sizeof text - 1);
	put(digits, sizeof digits);
	report("");
	/* SA_RESETHAND put the default back: the signal now does its work. */
	raise(signal_number);
}

void
check_install_handlers(void)
{
#if !defined(PORTICO_ASAN) && !defined(PORTICO_TSAN)
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	struct sigaction action = { .sa_handler = on_fatal_signal,
				    .sa_flags = SA_RESETHAND | SA_NODEFER };
	void *warm_up[1];

	/* The first backtrace() loads libgcc, which a handler must not do. */
	backtrace(warm_up, 1);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaction(signals[i], &action, NULL);
#else
	/* The sanitizer's own report is better. */
	(void)on_fatal_signal;
#endif
}
