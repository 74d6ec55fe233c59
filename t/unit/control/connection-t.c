/* SPDX-License-Identifier: Apache-2.0
 *
 * Control connections: messages and descriptors arrive whole and in order,
 * also when the peer does not read for a while and when they are large; a
 * peer that lies or leaves ends its connection once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/control/connection.h"
#include "t/unit/lingering.h"

struct side {
	struct control_connection *connection;
	unsigned messages, ends;
	int last; /* its "n" */
	size_t last_length; /* of its "text" */
	size_t last_fds;
	bool in_order, free_in_message, keep_fd;
	int kept_fd;
	enum portico_status end;
};

struct pair {
	uv_loop_t loop;
	struct side a, b;
};

static void
on_message(struct control_connection *connection, const char *type,
	   json_t *message, int *fds, size_t nfds, void *arg)
{
	struct side *side = arg;
	int n = (int)json_integer_value(json_object_get(message, "n"));

	(void)connection;
	assert_string_equal(type, "test");
	side->messages++;
	side->in_order &= n == side->last + 1;
	side->last = n;
	side->last_length =
		json_string_length(json_object_get(message, "text"));
	side->last_fds = nfds;
	if (side->keep_fd && nfds > 0) {
		side->kept_fd = fds[0];
		fds[0] = -1;
	}
	if (side->free_in_message)
		control_connection_free(&side->connection);
}

static void
on_closed(struct control_connection *connection, enum portico_status status,
	  const char *why, void *arg)
{
	struct side *side = arg;

	(void)connection;
	assert_non_null(why);
	side->ends++;
	side->end = status;
	control_connection_free(&side->connection);
}

/* `raw`: the second end stays a bare descriptor, returned. */
static int
setup(struct pair *pair, bool raw)
{
	int fds[2];

	memset(pair, 0, sizeof *pair);
	pair->a.in_order = pair->b.in_order = true;
	pair->b.kept_fd = -1;
	assert_int_equal(io_seqpacket_pair(fds, true, NULL), PORTICO_OK);
	uv_loop_init(&pair->loop);
	pair->a.connection = control_connection_new(
		&pair->loop, fds[0], on_message, on_closed, &pair->a);
	if (raw)
		return fds[1];
	pair->b.connection = control_connection_new(
		&pair->loop, fds[1], on_message, on_closed, &pair->b);
	return -1;
}

static void
teardown(struct pair *pair)
{
	control_connection_free(&pair->a.connection);
	control_connection_free(&pair->b.connection);
	uv_run(&pair->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&pair->loop), 0);
}

static json_t *
make(int n)
{
	return json_pack("{s:s, s:i}", "type", "test", "n", n);
}

static void
turn_until(struct pair *pair, const unsigned *count, unsigned wanted)
{
	for (int i = 0; i < 100000 && *count < wanted; i++)
		uv_run(&pair->loop, UV_RUN_ONCE);
	assert_int_equal(*count, wanted);
}

static void
test_order(void **state)
{
	struct pair pair;

	(void)state;
	setup(&pair, false);
	/* More than the socket takes: some of it has to wait. */
	for (int i = 1; i <= 2000; i++)
		assert_int_equal(control_send(pair.a.connection, make(i), NULL,
					      0),
				 PORTICO_OK);
	assert_false(control_idle(pair.a.connection));
	turn_until(&pair, &pair.b.messages, 2000);
	assert_true(pair.b.in_order);
	while (!control_idle(pair.a.connection))
		uv_run(&pair.loop, UV_RUN_ONCE);
	teardown(&pair);
}

static void
test_descriptors(void **state)
{
	struct pair pair;
	struct stat sent, received;
	int fds[2];

	(void)state;
	setup(&pair, false);
	pair.b.keep_fd = true;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(control_send(pair.a.connection, make(1), fds, 2),
			 PORTICO_OK);
	turn_until(&pair, &pair.b.messages, 1);
	assert_int_equal(pair.b.last_fds, 2);
	assert_int_equal(fstat(fds[0], &sent), 0);
	assert_int_equal(fstat(pair.b.kept_fd, &received), 0);
	assert_true(sent.st_ino == received.st_ino);
	io_close(&pair.b.kept_fd);
	/* The end that was not kept was closed: only ours is left. */
	io_close(&fds[1]);
	assert_int_equal(read(fds[0], &fds[1], 1), 0);
	io_close(&fds[0]);
	teardown(&pair);
}

/* A descriptor goes along with a message that had to wait. */
static void
test_descriptors_wait(void **state)
{
	struct pair pair;
	int fds[2], n = 0;

	(void)state;
	setup(&pair, false);
	pair.b.keep_fd = true;
	while (control_idle(pair.a.connection))
		control_send(pair.a.connection, make(++n), NULL, 0);
	assert_int_equal(pipe(fds), 0);
	control_send(pair.a.connection, make(++n), fds, 1);
	io_close(&fds[0]);
	turn_until(&pair, &pair.b.messages, (unsigned)n);
	assert_int_equal(pair.b.last_fds, 1);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(pair.b.kept_fd, &n, 1), 1);
	io_close(&pair.b.kept_fd);
	io_close(&fds[1]);
	teardown(&pair);
}

static void
on_time(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Turns of the loop within so much time, at most `most`. */
static unsigned
turns_within(struct pair *pair, uint64_t ms, unsigned most)
{
	unsigned turns = 0;
	bool over = false;
	uv_timer_t timer;

	uv_timer_init(&pair->loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_time, ms, 0);
	while (!over && turns < most) {
		uv_run(&pair->loop, UV_RUN_ONCE);
		turns++;
	}
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&pair->loop, UV_RUN_NOWAIT);
	return turns;
}

/* No more can be had until the limit that is returned is set again. */
static struct rlimit
take_descriptors(void)
{
	struct rlimit limit, low;
	int next;

	/* Connections of earlier tests are closed elsewhere. */
	lingering_await();
	next = fcntl(0, F_DUPFD, 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	return limit;
}

/* Without descriptors to receive it a message waits, those behind it too;
 * meanwhile the loop sleeps, even when the peer has hung up. */
static void
starves(bool hang_up)
{
	struct pair pair;
	struct rlimit limit;
	int fds[2];

	setup(&pair, false);
	pair.b.keep_fd = true;
	assert_int_equal(pipe(fds), 0);
	limit = take_descriptors();
	control_send(pair.a.connection, make(1), fds, 2);
	control_send(pair.a.connection, make(2), NULL, 0);
	if (hang_up)
		control_connection_free(&pair.a.connection);
	assert_true(turns_within(&pair, 350, 1000) < 20);
	assert_int_equal(pair.b.messages, 0);
	assert_int_equal(pair.b.ends, 0);
	/* It can still talk. */
	if (!hang_up) {
		control_send(pair.b.connection, make(1), NULL, 0);
		turn_until(&pair, &pair.a.messages, 1);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	turn_until(&pair, &pair.b.messages, 2);
	assert_true(pair.b.in_order);
	io_close(&pair.b.kept_fd);
	io_close(&fds[0]);
	io_close(&fds[1]);
	if (hang_up) {
		turn_until(&pair, &pair.b.ends, 1);
	} else {
		/* As before. */
		control_send(pair.a.connection, make(3), NULL, 0);
		turn_until(&pair, &pair.b.messages, 3);
	}
	teardown(&pair);
}

static void
test_starved(void **state)
{
	(void)state;
	starves(false);
}

static void
test_starved_hang_up(void **state)
{
	(void)state;
	starves(true);
}

/* A peer that died with something for us that needs descriptors: what is queued for it does not keep the loop awake, and its end is
 * told. */
static void
test_starved_and_queued(void **state)
{
	struct pair pair;
	int fd = setup(&pair, true), fds[2];
	struct rlimit limit;
	static const char message[] = "{\"type\":\"test\",\"n\":1}";
	char text[1024];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	limit = take_descriptors();
	assert_int_equal(io_send_message(fd, message, sizeof message - 1, fds,
					 2),
			 PORTICO_OK);
	assert_true(turns_within(&pair, 150, 1000) < 20);
	for (int n = 1; control_idle(pair.a.connection); n++)
		assert_int_equal(control_send(pair.a.connection, make(n), NULL,
					      0),
				 PORTICO_OK);
	assert_int_equal(pair.a.ends, 0);
	/* What is unread would end it as an error of the socket. */
	while (recv(fd, text, sizeof text, MSG_DONTWAIT) > 0)
		;
	io_close(&fd);
	assert_true(turns_within(&pair, 350, 1000) < 20);
	assert_int_equal(pair.a.ends, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	io_close(&fds[0]);
	io_close(&fds[1]);
	teardown(&pair);
}

/* The same without a queue: sending fails at once, the end is told later. */
static void
test_starved_and_sending(void **state)
{
	struct pair pair;
	int fd = setup(&pair, true), fds[2];
	struct rlimit limit;
	static const char message[] = "{\"type\":\"test\",\"n\":1}";

	(void)state;
	assert_int_equal(pipe(fds), 0);
	limit = take_descriptors();
	assert_int_equal(io_send_message(fd, message, sizeof message - 1, fds,
					 2),
			 PORTICO_OK);
	assert_true(turns_within(&pair, 150, 1000) < 20);
	io_close(&fd);
	assert_int_equal(control_send(pair.a.connection, make(1), NULL, 0),
			 PORTICO_CLOSED);
	assert_int_equal(pair.a.ends, 0);
	assert_true(turns_within(&pair, 350, 1000) < 20);
	assert_int_equal(pair.a.ends, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	io_close(&fds[0]);
	io_close(&fds[1]);
	teardown(&pair);
}

static void
test_large(void **state)
{
	size_t length = 3000000;
	char *text = mem_alloc(length + 1);
	struct pair pair;
	int fds[2];

	(void)state;
	memset(text, 'x', length);
	text[length] = '\0';
	setup(&pair, false);
	pair.b.keep_fd = true;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(control_send(pair.a.connection,
				      json_pack("{s:s, s:i, s:s}", "type",
						"test", "n", 1, "text", text),
				      fds, 1),
			 PORTICO_OK);
	turn_until(&pair, &pair.b.messages, 1);
	assert_true(pair.b.last_length == length);
	assert_int_equal(pair.b.last_fds, 1); /* without the memfd */
	io_close(&pair.b.kept_fd);
	io_close(&fds[0]);
	io_close(&fds[1]);
	mem_free(text);
	teardown(&pair);
}

static void
test_hang_up(void **state)
{
	struct pair pair;

	(void)state;
	setup(&pair, false);
	/* What was said before the end still counts. */
	control_send(pair.a.connection, make(1), NULL, 0);
	control_connection_free(&pair.a.connection);
	turn_until(&pair, &pair.b.ends, 1);
	assert_int_equal(pair.b.messages, 1);
	assert_int_equal(pair.b.end, PORTICO_CLOSED);
	teardown(&pair);
}

static void
test_free_inside(void **state)
{
	struct pair pair;

	(void)state;
	setup(&pair, false);
	pair.b.free_in_message = true;
	control_send(pair.a.connection, make(1), NULL, 0);
	control_send(pair.a.connection, make(2), NULL, 0);
	turn_until(&pair, &pair.b.messages, 1);
	turn_until(&pair, &pair.a.ends, 1);
	assert_int_equal(pair.b.messages, 1);
	assert_int_equal(pair.b.ends, 0);
	teardown(&pair);
}

static void
test_lies(void **state)
{
	static const char *const lies[] = {
		"x",
		"[]",
		"{}",
		"{\"type\":1}",
		"{\"type\":\"large\"}",
		"{\"type\":\"test\",\"type\":\"test\"}",
		"{\"type\":\"test\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct pair pair;
		int fd = setup(&pair, true);

		assert_int_equal(io_send_message(fd, lies[i], strlen(lies[i]),
						 NULL, 0),
				 PORTICO_OK);
		turn_until(&pair, &pair.a.ends, 1);
		assert_int_equal(pair.a.end, PORTICO_PROTOCOL);
		assert_int_equal(pair.a.messages, 0);
		io_close(&fd);
		teardown(&pair);
	}
}

/* A memfd that is not sealed could shrink while it is read. */
static void
test_large_unsealed(void **state)
{
	static const char stub[] = "{\"type\":\"large\"}";
	struct pair pair;
	int fd = setup(&pair, true);
	int memory = io_memfd_create("test", 100, NULL);

	(void)state;
	assert_int_equal(io_send_message(fd, stub, sizeof stub - 1, &memory, 1),
			 PORTICO_OK);
	turn_until(&pair, &pair.a.ends, 1);
	assert_int_equal(pair.a.end, PORTICO_PROTOCOL);
	io_close(&memory);
	io_close(&fd);
	teardown(&pair);
}

static void
expect_distrust(const void *data, size_t length, const int *fds, size_t nfds)
{
	struct pair pair;
	int fd = setup(&pair, true);

	control_connection_distrust(pair.a.connection);
	assert_int_equal(io_send_message(fd, data, length, fds, nfds),
			 PORTICO_OK);
	turn_until(&pair, &pair.a.ends, 1);
	assert_int_equal(pair.a.end, PORTICO_PROTOCOL);
	assert_int_equal(pair.a.messages, 0);
	io_close(&fd);
	teardown(&pair);
}

/* What costs a trusted peer nothing may be an attack of another. */
static void
test_distrust(void **state)
{
	static const char message[] = "{\"type\":\"test\",\"n\":1}";
	static const char stub[] = "{\"type\":\"large\"}";
	static char spaces[CONTROL_MESSAGE_MAX + 2];
	int before = lingering_count_fds(), peer;
	int fds[3] = { 0, 1, 2 };
	int memory = io_memfd_from("test", message, sizeof message - 1, NULL);
	int lingering = lingering_open(&peer);
	double start;

	(void)state;
	memset(spaces, ' ', sizeof spaces);
	expect_distrust(message, sizeof message - 1, fds, 3);
	expect_distrust(stub, sizeof stub - 1, &memory, 1);
	expect_distrust(stub, sizeof stub - 1, NULL, 0);
	expect_distrust(spaces, sizeof spaces, NULL, 0);
	start = lingering_seconds();
	{
		struct pair pair;
		int fd = setup(&pair, true);

		assert_int_equal(io_send_message(fd, message,
						 sizeof message - 1, &lingering,
						 1),
				 PORTICO_OK);
		io_close(&lingering);
		io_close(&fd);
		/* Unread. */
		teardown(&pair);
	}
	assert_true(lingering_seconds() - start < LINGERING_SECONDS / 2);
	io_close(&memory);
	io_close(&peer);
	assert_int_equal(lingering_count_fds(), before);
}

/* What few bytes become must not be all memory there is. */
static void
test_suspect(void **state)
{
	static const char stub[] = "{\"type\":\"large\"}";
	const size_t most = CONTROL_VALUES_MAX;
	const size_t size = most * 3 + 64;
	char *text = malloc(size);

	(void)state;
	for (int more = 0; more < 2; more++) {
		size_t used = (size_t)snprintf(text, size,
					       "{\"type\":\"test\",\"n\":[1");
		struct pair pair;
		int memory, fd = setup(&pair, true);

		/* "{", "[" and one comma are there. */
		for (size_t i = 3; i < most + (size_t)more; i++)
			used += (size_t)snprintf(text + used, size - used,
						 ",1");
		used += (size_t)snprintf(text + used, size - used, "]}");
		memory = io_memfd_from("test", text, used, NULL);
		control_connection_suspect(pair.a.connection);
		assert_int_equal(io_send_message(fd, stub, sizeof stub - 1,
						 &memory, 1),
				 PORTICO_OK);
		turn_until(&pair, more ? &pair.a.ends : &pair.a.messages, 1);
		assert_int_equal(pair.a.messages, !more);
		if (more)
			assert_int_equal(pair.a.end, PORTICO_PROTOCOL);
		io_close(&memory);
		io_close(&fd);
		teardown(&pair);
	}
	free(text);
}

/* A peer that never reads costs a bounded queue, then its connection. */
static void
test_does_not_read(void **state)
{
	struct pair pair;
	int fd = setup(&pair, true);
	enum portico_status status = PORTICO_OK;

	(void)state;
	for (int i = 0; i < 20000 && status == PORTICO_OK; i++)
		status = control_send(pair.a.connection, make(i), NULL, 0);
	assert_int_equal(status, PORTICO_FULL);
	assert_int_equal(pair.a.ends, 0); /* not from within */
	assert_int_equal(control_send(pair.a.connection, make(0), NULL, 0),
			 PORTICO_CLOSED);
	turn_until(&pair, &pair.a.ends, 1);
	assert_int_equal(pair.a.end, PORTICO_FULL);
	io_close(&fd);
	teardown(&pair);
}

/* Without descriptors for a message that has to wait, or is large, it is not
 * sent; why is what an operator can act on, and the connection lives on. */
static void
test_sends_without_descriptors(void **state)
{
	struct pair pair;
	struct rlimit limit;
	struct portico_error err;
	json_t *large = make(0);
	int fd = setup(&pair, true), null = open("/dev/null", O_RDONLY);
	enum portico_status status;

	(void)state;
	json_object_set_new(large, "text",
			    json_sprintf("%*d", CONTROL_MESSAGE_MAX, 1));
	while (control_idle(pair.a.connection))
		assert_int_equal(control_send(pair.a.connection, make(1), NULL,
					      0),
				 PORTICO_OK);
	limit = take_descriptors();
	status = control_send(pair.a.connection, make(2), &null, 1);
	assert_int_equal(status, PORTICO_FULL);
	assert_int_equal(control_send_failed(pair.a.connection, status, &err,
					     "telling worker %d", 7),
			 PORTICO_FULL);
	assert_string_equal(err.message,
			    "telling worker 7: Too many open files");
	assert_int_equal(err.os_error, EMFILE);
	status = control_send(pair.a.connection, large, NULL, 0);
	assert_int_equal(status, PORTICO_FULL);
	control_send_failed(pair.a.connection, status, &err, "telling");
	assert_int_equal(err.os_error, EMFILE);
	/* What needs none is sent, and of that nothing is said any more. */
	assert_int_equal(control_send(pair.a.connection, make(3), NULL, 0),
			 PORTICO_OK);
	control_send_failed(pair.a.connection, PORTICO_TOO_LARGE, &err,
			    "telling");
	assert_int_equal(err.os_error, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(pair.a.ends, 0);
	io_close(&null);
	io_close(&fd);
	teardown(&pair);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_descriptors_wait),
		cmocka_unit_test(test_starved),
		cmocka_unit_test(test_starved_hang_up),
		cmocka_unit_test(test_starved_and_queued),
		cmocka_unit_test(test_starved_and_sending),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_large_unsealed),
		cmocka_unit_test(test_distrust),
		cmocka_unit_test(test_suspect),
		cmocka_unit_test(test_does_not_read),
		cmocka_unit_test(test_sends_without_descriptors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
