/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: form of a line, contexts, escaping, levels, threads.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <regex.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/slice.h"

static int fds[2];

static int
set_up(void **state)
{
	(void)state;
	assert_int_equal(pipe(fds), 0);
	log_open("t", LOG_LEVEL_INFO, fds[1]);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	close(fds[0]);
	close(fds[1]);
	log_open("t", LOG_LEVEL_INFO, STDERR_FILENO);
	return 0;
}

/* What was logged since the last call. */
static const char *
logged(void)
{
	static char text[65536];
	ssize_t got;

	/* A mark ends the read without waiting for more. */
	assert_int_equal(write(fds[1], "\1", 1), 1);
	got = read(fds[0], text, sizeof text - 1);
	assert_true(got > 0);
	assert_int_equal(text[got - 1], '\1');
	text[got - 1] = '\0';
	return text;
}

/* The line without time and process number. */
static const char *
tail_of(const char *line)
{
	const char *at = strstr(line, "]: ");

	assert_non_null(at);
	return at + 3;
}

static void
a_line_has_time_level_program_and_number(void **state)
{
	regex_t form;

	(void)state;
	assert_int_equal(
		regcomp(&form,
			"^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]"
			":[0-6][0-9]\\.[0-9]{3}Z warning t\\[[0-9]+\\]: disk 7 "
			"is full \\[P0123\\]\n$",
			REG_EXTENDED | REG_NOSUB),
		0);
	log_warn(123, NULL, "disk %d is full", 7);
	assert_int_equal(regexec(&form, logged(), 0, NULL, 0), 0);
	regfree(&form);
}

static void
contexts_are_printed_outermost_first(void **state)
{
	const struct log_context pool = { .name = "pool", .value = "shop" };
	const struct log_context action = { .parent = &pool,
					    .action = "reading body" };
	const struct log_context request = { .parent = &action,
					     .name = "request",
					     .value = "17" };

	(void)state;
	log_info(&request, "slow");
	assert_string_equal(tail_of(logged()),
			    "slow (pool=shop request=17) while reading body\n");
	log_info(&pool, "slow");
	assert_string_equal(tail_of(logged()), "slow (pool=shop)\n");
}

static void
control_bytes_cannot_forge_a_line(void **state)
{
	const struct log_context host = { .name = "host",
					  .value = "a\r\nb\x7f" };

	(void)state;
	log_error(1, &host, "%s",
		  "x\ny\x1b[2J\tz \xc3\xa4 \xc2\x9b"
		  "2J\xc2\xa0\xc2");
	assert_string_equal(tail_of(logged()),
			    "x\\x0ay\\x1b[2J\\x09z \xc3\xa4 "
			    "\\xc2\\x9b"
			    "2J\xc2\xa0\xc2 "
			    "(host=a\\x0d\\x0ab\\x7f) [P0001]\n");
}

static void
levels_are_kept(void **state)
{
	int evaluated = 0;

	(void)state;
	log_debug(NULL, "not %d", ++evaluated);
	assert_string_equal(logged(), "");
	assert_int_equal(evaluated, 0);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug(NULL, "now %d", ++evaluated);
	assert_string_equal(tail_of(logged()), "now 1\n");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn(2, NULL, "not");
	assert_string_equal(logged(), "");
}

static void
level_names_are_parsed(void **state)
{
	enum log_level level = LOG_LEVEL_ERROR;

	(void)state;
	assert_true(log_level_parse(PORTICO_SLICE("debug"), &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_false(log_level_parse(PORTICO_SLICE("loud"), &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_string_equal(log_level_name(LOG_LEVEL_WARNING), "warning");
}

static void
a_long_message_is_cut_and_still_one_line(void **state)
{
	const char *line;

	(void)state;
	log_info(NULL, "%10000d", 1);
	line = logged();
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void
an_error_record_is_one_line(void **state)
{
	struct portico_error err;

	(void)state;
	error_set(&err, PORTICO_CONFIG, "no such pool");
	error_place(&err, "p.json", 3, 9);
	error_hint(&err, "Add it to \"pools\".");
	errno = 77;
	log_write_error(LOG_LEVEL_ERROR, 9, NULL, &err);
	assert_int_equal(errno, 77);
	assert_string_equal(tail_of(logged()),
			    "p.json:3:9: no such pool. Add it to \"pools\". "
			    "[P0009]\n");
}

static void *
chatter(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_info(NULL, "%s", (const char *)arg);
	return NULL;
}

static void
lines_of_threads_do_not_mix(void **state)
{
	static char a_text[] = "aaaaaaaaaaaaaaaaaaaaaaaa";
	static char b_text[] = "bbbbbbbbbbbbbbbbbbbbbbbb";
	pthread_t a, b;
	char *rest, *line;
	static char text[65536];
	int count = 0;

	(void)state;
	pthread_create(&a, NULL, chatter, a_text);
	pthread_create(&b, NULL, chatter, b_text);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	snprintf(text, sizeof text, "%s", logged());
	for (line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *said = tail_of(line);

		assert_int_equal(strlen(said), 24);
		assert_int_equal(strspn(said, "a") + strspn(said, "b"), 24);
		count++;
	}
	assert_int_equal(count, 200);
}

/* Takes all that is there; the pipe stays open. */
static size_t
drain(char *text, size_t size)
{
	size_t total = 0;
	ssize_t got;

	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	while ((got = read(fds[0], text + total, size - 1 - total)) > 0)
		total += (size_t)got;
	text[total] = '\0';
	return total;
}

/* Nobody reads: lines are lost and counted, and nobody waits. */
static void
a_full_pipe_holds_up_nobody(void **state)
{
	static char text[1 << 17];
	static char long_text[2000];
	uint64_t before = log_lost_lines(), lost;
	pthread_t threads[4];
	unsigned lines = 0;
	char expected[80];

	(void)state;
	memset(long_text, 'x', sizeof long_text - 1);
	assert_true(fcntl(fds[1], F_SETPIPE_SZ, 16384) > 0);
	/* Not to hang for ever where this fails. */
	alarm(20);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, chatter, long_text);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	alarm(0);
	lost = log_lost_lines() - before;
	assert_true(lost > 380 && lost < 400);
	drain(text, sizeof text);
	for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines + lost, 400);
	/* It is told in the place where they are missing, once. */
	log_info(NULL, "again");
	log_info(NULL, "and again");
	drain(text, sizeof text);
	snprintf(expected, sizeof expected,
		 "%llu lines of this log could not be written and are lost",
		 (unsigned long long)lost);
	assert_true(strstr(text, expected) != NULL);
	assert_true(strstr(text, "[P1002]\n") < strstr(text, "]: again\n"));
	assert_null(strstr(strstr(text, "[P1002]") + 1, "[P1002]"));
	assert_non_null(strstr(text, "]: and again\n"));
}

static bool pretend_room;
static sem_t *slow_writer; /* posted when one is in the middle of its line */

int __real_poll(struct pollfd *pollfds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *pollfds, nfds_t count, int timeout);

/* What the log hears instead (--wrap). */
int
__wrap_poll(struct pollfd *pollfds, nfds_t count, int timeout)
{
	if (slow_writer != NULL) {
		sem_t *begun = slow_writer;
		const struct timespec a_while = { .tv_nsec = 5000000 };

		slow_writer = NULL;
		sem_post(begun);
		nanosleep(&a_while, NULL);
	}
	if (!pretend_room)
		return __real_poll(pollfds, count, timeout);
	pollfds->revents = pollfds->events;
	return 1;
}

static void *
say_once(void *arg)
{
	log_info(NULL, "%s", (const char *)arg);
	return NULL;
}

/* A thread loses its processor in the middle of its line. */
static void
a_line_waits_for_a_slow_one(void **state)
{
	static char slow[] = "slow";
	uint64_t before = log_lost_lines();
	pthread_t thread;
	const char *text;
	sem_t begun;

	(void)state;
	sem_init(&begun, 0, 0);
	slow_writer = &begun;
	pthread_create(&thread, NULL, say_once, slow);
	while (sem_wait(&begun) != 0)
		;
	log_info(NULL, "second");
	pthread_join(thread, NULL);
	sem_destroy(&begun);
	assert_int_equal(log_lost_lines(), before);
	text = logged();
	assert_non_null(strstr(text, "slow\n"));
	assert_non_null(strstr(text, "second\n"));
}

/* Another process fills the pipe between the question and the write. */
static void
a_pipe_that_fills_up_at_once_holds_up_nobody(void **state)
{
	uint64_t before = log_lost_lines();
	char byte = 0;
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	char text[4096];

	(void)state;
	if (pwritev2(fds[1], &part, 1, -1, RWF_NOWAIT) != 1) {
		print_message("this kernel has no writes that do not wait\n");
		return;
	}
	while (pwritev2(fds[1], &part, 1, -1, RWF_NOWAIT) == 1)
		;
	/* Not to hang for ever where this fails. */
	alarm(20);
	pretend_room = true;
	errno = ENOENT;
	log_info(NULL, "no room for this");
	assert_int_equal(errno, ENOENT);
	pretend_room = false;
	alarm(0);
	assert_int_equal(log_lost_lines(), before + 1);
	/* A socket, which need not be non-blocking either. */
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	log_open("t", LOG_LEVEL_INFO, fds[1]);
	log_info(NULL, "room");
	assert_true(read(fds[0], text, sizeof text) > 0);
	while (send(fds[1], text, sizeof text, MSG_DONTWAIT) > 0)
		;
	alarm(20);
	pretend_room = true;
	log_info(NULL, "nor for this");
	pretend_room = false;
	alarm(0);
	assert_int_equal(log_lost_lines(), before + 2);
}

static void
a_pipe_without_reader_ends_nobody(void **state)
{
	uint64_t before = log_lost_lines();

	(void)state;
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	close(fds[0]);
	log_info(NULL, "nobody reads this");
	assert_int_equal(log_lost_lines(), before + 1);
}

static void
a_full_disk_is_counted(void **state)
{
	uint64_t before = log_lost_lines();
	int full = open("/dev/full", O_WRONLY);

	(void)state;
	assert_true(full >= 0);
	log_open("t", LOG_LEVEL_INFO, full);
	log_info(NULL, "no room for this");
	assert_int_equal(log_lost_lines(), before + 1);
	log_open("t", LOG_LEVEL_INFO, fds[1]);
	close(full);
	log_info(NULL, "room");
	assert_non_null(strstr(logged(), "[P1002]\n"));
}

#define LOG_TEST(function)                                                     \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static const struct CMUnitTest tests[] = {
	LOG_TEST(a_line_has_time_level_program_and_number),
	LOG_TEST(contexts_are_printed_outermost_first),
	LOG_TEST(control_bytes_cannot_forge_a_line),
	LOG_TEST(levels_are_kept),
	LOG_TEST(level_names_are_parsed),
	LOG_TEST(a_long_message_is_cut_and_still_one_line),
	LOG_TEST(an_error_record_is_one_line),
	LOG_TEST(lines_of_threads_do_not_mix),
	LOG_TEST(a_full_pipe_holds_up_nobody),
	LOG_TEST(a_line_waits_for_a_slow_one),
	LOG_TEST(a_pipe_that_fills_up_at_once_holds_up_nobody),
	LOG_TEST(a_pipe_without_reader_ends_nobody),
	LOG_TEST(a_full_disk_is_counted),
};

UNIT_MAIN(tests)
