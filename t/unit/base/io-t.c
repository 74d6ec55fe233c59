/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors: files, sealed memory, processes, messages.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/slice.h"
#include "t/unit/lingering.h"

#define count_fds lingering_count_fds

static bool
is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void
flags_and_closing(void **state)
{
	int before = count_fds();
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	/* Ours has counted ".", ".." and the directory itself. */
	assert_int_equal(io_count_descriptors(), count_fds() - 3);
	assert_int_equal(io_set_cloexec(fd, true), PORTICO_OK);
	assert_true(is_cloexec(fd));
	assert_int_equal(io_set_cloexec(fd, false), PORTICO_OK);
	assert_false(is_cloexec(fd));
	assert_int_equal(io_set_nonblock(fd, true), PORTICO_OK);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	errno = 5;
	io_close(&fd);
	assert_int_equal(fd, -1);
	io_close(&fd);
	assert_int_equal(errno, 5);
	assert_int_equal(count_fds(), before);
	assert_int_equal(io_set_cloexec(-1, true), PORTICO_SYSTEM);
}

static void
files_are_written_and_read_whole(void **state)
{
	char folder[] = "/tmp/portico-io-XXXXXX", path[64];
	struct portico_error err;
	struct buffer buffer;
	struct stat status;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/file", folder);
	assert_int_equal(io_write_file(path, "first", 5, 0644, &err),
			 PORTICO_OK);
	assert_int_equal(io_write_file(path, "second!", 7, 0600, &err),
			 PORTICO_OK);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	buffer_init(&buffer, 0);
	buffer_append_text(&buffer, ">");
	assert_int_equal(io_read_file(path, 7, &buffer, &err), PORTICO_OK);
	assert_string_equal(buffer_text(&buffer), ">second!");
	assert_int_equal(io_read_file(path, 6, &buffer, &err),
			 PORTICO_TOO_LARGE);
	assert_non_null(strstr(err.message, "limit of 6 bytes"));
	assert_int_equal(buffer.length, 8);
	unlink(path);
	assert_int_equal(io_read_file(path, 6, &buffer, &err),
			 PORTICO_NOT_FOUND);
	assert_non_null(strstr(err.message, path));
	/* Only an empty folder can be removed: no temporary file stayed. */
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(io_write_file(path, "x", 1, 0600, &err),
			 PORTICO_NOT_FOUND);
	buffer_fini(&buffer);
}

static void
large_files_are_read_in_pieces(void **state)
{
	static char big[300000];
	char path[] = "/tmp/portico-io-XXXXXX";
	int fd = mkstemp(path);
	struct buffer buffer;

	(void)state;
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 31 >> 3);
	assert_int_equal(io_write_all(fd, big, sizeof big), PORTICO_OK);
	io_close(&fd);
	buffer_init(&buffer, 0);
	assert_int_equal(io_read_file(path, SIZE_MAX - 1, &buffer, NULL),
			 PORTICO_OK);
	assert_int_equal(buffer.length, sizeof big);
	assert_memory_equal(buffer.data, big, sizeof big);
	unlink(path);
	buffer_fini(&buffer);
}

static void
sealed_memory_keeps_its_size_and_refuses_writers(void **state)
{
	int fd = io_memfd_create("t", 8192, NULL);
	char *map;

	(void)state;
	assert_true(fd >= 0);
	assert_true(is_cloexec(fd));
	map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(map, MAP_FAILED);
	assert_false(io_memfd_is_sealed(fd, IO_SEAL_SIZE, 8192));
	assert_int_equal(io_memfd_seal(fd, IO_SEAL_READ_ONLY, NULL),
			 PORTICO_OK);
	assert_true(io_memfd_is_sealed(fd, IO_SEAL_SIZE, 8192));
	assert_true(io_memfd_is_sealed(fd, IO_SEAL_READ_ONLY, 8192));
	assert_false(io_memfd_is_sealed(fd, IO_SEAL_SIZE, 4096));
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, 100000), -1);
	/* The maker's mapping still writes; nobody gets a new one. */
	map[0] = 'x';
	assert_ptr_equal(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, 0),
			 MAP_FAILED);
	munmap(map, 8192);
	io_close(&fd);
	fd = open("/dev/null", O_RDONLY);
	assert_false(io_memfd_is_sealed(fd, 0, 0));
	io_close(&fd);
}

static void
a_pidfd_tells_the_end_and_carries_signals(void **state)
{
	struct pollfd poller = { .events = POLLIN };
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	poller.fd = io_pidfd_open(pid);
	assert_true(poller.fd >= 0);
	assert_int_equal(poll(&poller, 1, 0), 0);
	assert_int_equal(io_pidfd_signal(poller.fd, SIGKILL), PORTICO_OK);
	assert_int_equal(poll(&poller, 1, 10000), 1);
	waitpid(pid, &status, 0);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(io_pidfd_signal(poller.fd, SIGKILL),
			 PORTICO_NOT_FOUND);
	io_close(&poller.fd);
	assert_int_equal(io_pidfd_open(pid), PORTICO_NOT_FOUND);
}

static void
messages_keep_their_borders_and_descriptors(void **state)
{
	int before = count_fds(), pair[2], pipes[2], got[4];
	char data[16], one;
	size_t nfds = 4;

	(void)state;
	assert_int_equal(io_seqpacket_pair(pair, true, NULL), PORTICO_OK);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(io_recv_message(pair[0], data, 16, got, &nfds),
			 PORTICO_AGAIN);
	assert_int_equal(io_send_message(pair[1], "ab", 2, pipes, 2),
			 PORTICO_OK);
	assert_int_equal(io_send_message(pair[1], "cde", 3, NULL, 0),
			 PORTICO_OK);
	nfds = 4;
	assert_int_equal(io_recv_message(pair[0], data, 16, got, &nfds), 2);
	assert_memory_equal(data, "ab", 2);
	assert_int_equal(nfds, 2);
	assert_true(is_cloexec(got[0]) && is_cloexec(got[1]));
	assert_int_equal(write(got[1], "!", 1), 1);
	assert_int_equal(read(pipes[0], &one, 1), 1);
	nfds = 4;
	io_close(&got[0]);
	io_close(&got[1]);
	assert_int_equal(io_recv_message(pair[0], data, 16, got, &nfds), 3);
	assert_int_equal(nfds, 0);
	io_close(&pair[1]);
	assert_int_equal(io_recv_message(pair[0], data, 16, NULL, NULL), 0);
	assert_int_equal(io_send_message(pair[0], "x", 1, NULL, 0),
			 PORTICO_CLOSED);
	io_close(&pair[0]);
	io_close(&pipes[0]);
	io_close(&pipes[1]);
	assert_int_equal(count_fds(), before);
}

static void
what_does_not_fit_is_an_error_and_leaks_nothing(void **state)
{
	int before = count_fds(), pair[2], got[1], three[3] = { 0, 1, 2 };
	char data[4];
	size_t nfds = 1;

	(void)state;
	assert_int_equal(io_seqpacket_pair(pair, false, NULL), PORTICO_OK);
	io_send_message(pair[1], "12345", 5, three, 1);
	io_send_message(pair[1], "1234", 4, three, 3);
	io_send_message(pair[1], "1234", 4, three, 2);
	io_send_message(pair[1], "ok", 2, NULL, 0);
	assert_int_equal(io_recv_message(pair[0], data, 4, got, &nfds),
			 PORTICO_TOO_LARGE);
	nfds = 1;
	assert_int_equal(io_recv_message(pair[0], data, 4, got, &nfds),
			 PORTICO_TOO_LARGE);
	assert_int_equal(nfds, 0);
	assert_int_equal(io_recv_message(pair[0], data, 4, NULL, NULL),
			 PORTICO_TOO_LARGE);
	assert_int_equal(io_recv_message(pair[0], data, 4, NULL, NULL), 2);
	io_close(&pair[0]);
	io_close(&pair[1]);
	assert_int_equal(lingering_count_fds(), before);
}

/* ---- descriptors of others ------------------------------------------------ */

static void
closing_what_others_made_does_not_wait(void **state)
{
	int before = count_fds(), peers[3], fds[4];
	double start;

	(void)state;
	for (int i = 0; i < 3; i++)
		fds[i] = lingering_open(&peers[i]);
	fds[3] = -1;
	start = lingering_seconds();
	errno = EXDEV;
	io_close_foreign(fds, 4);
	assert_int_equal(errno, EXDEV);
	assert_true(lingering_seconds() - start < LINGERING_SECONDS / 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(fds[i], -1);
	assert_int_equal(lingering_count_fds(), before + 3);
	for (int i = 0; i < 3; i++)
		io_close(&peers[i]);
}

/* A child of fork has none of the threads, and their lock in any state. */
static void
a_child_closes_for_itself(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	for (int i = 0; i < 100; i++) {
		int fd = dup(null);
		pid_t pid;
		int status;

		io_close_foreign(&fd, 1);
		pid = fork();
		if (pid == 0) {
			alarm(10);
			fd = dup(null);
			io_close_foreign(&fd, 1);
			while (!io_close_foreign_done())
				sched_yield();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	io_close(&null);
}

/* As many as the kernel lets through, for which nobody had asked. */
static void
descriptors_nobody_asked_for_do_not_wait_either(void **state)
{
	int before = count_fds(), pair[2], peer, fd, fds[IO_MESSAGE_FDS_MAX];
	char data[4];
	double start;

	(void)state;
	assert_int_equal(io_seqpacket_pair(pair, false, NULL), PORTICO_OK);
	fd = lingering_open(&peer);
	for (int i = 0; i < IO_MESSAGE_FDS_MAX; i++)
		fds[i] = fd;
	assert_int_equal(io_send_message(pair[1], "many", 4, fds,
					 IO_MESSAGE_FDS_MAX),
			 PORTICO_OK);
	close(fd);
	start = lingering_seconds();
	assert_int_equal(io_recv_message(pair[0], data, 4, NULL, NULL),
			 PORTICO_TOO_LARGE);
	assert_true(lingering_seconds() - start < LINGERING_SECONDS / 2);
	assert_int_equal(lingering_count_fds(), before + 3);
	io_close(&pair[0]);
	io_close(&pair[1]);
	io_close(&peer);
}

/* The soft limit so that `count` more can be opened; returns the old one. */
static rlim_t
leave_descriptors(unsigned count)
{
	struct rlimit limit;
	int next = fcntl(0, F_DUPFD, 0);
	rlim_t old;

	/* All below the next free number are in use. */
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	old = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)next + count;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return old;
}

static void
set_descriptor_limit(rlim_t now)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = now;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void
a_message_waits_for_descriptors(void **state)
{
	int before = count_fds(), pair[2], pipes[2], got[4];
	char data[16], one;
	size_t nfds;
	rlim_t old;

	(void)state;
	assert_int_equal(io_seqpacket_pair(pair, true, NULL), PORTICO_OK);
	assert_int_equal(pipe(pipes), 0);
	io_send_message(pair[1], "ab", 2, pipes, 2);
	io_send_message(pair[1], "cd", 2, NULL, 0);
	/* None, then one too few: nothing is taken and nothing kept. */
	for (unsigned room = 0; room < 2; room++) {
		old = leave_descriptors(room);
		assert_true(io_descriptors_free(0, room));
		assert_false(io_descriptors_free(0, room + 1));
		assert_true(io_descriptor_limit() < old);
		for (int i = 0; i < 3; i++) {
			nfds = 4;
			assert_int_equal(io_recv_message(pair[0], data, 16, got,
							 &nfds),
					 PORTICO_FULL);
			assert_int_equal(nfds, 0);
		}
		/* What came was given back, on a thread. */
		lingering_await();
		assert_true(io_descriptors_free(0, room));
		set_descriptor_limit(old);
	}
	nfds = 4;
	assert_int_equal(io_recv_message(pair[0], data, 16, got, &nfds), 2);
	assert_memory_equal(data, "ab", 2);
	assert_int_equal(nfds, 2);
	assert_int_equal(write(got[1], "!", 1), 1);
	assert_int_equal(read(pipes[0], &one, 1), 1);
	/* One without descriptors needs none. */
	old = leave_descriptors(0);
	nfds = 4;
	assert_int_equal(io_recv_message(pair[0], data, 16, &got[2], &nfds), 2);
	set_descriptor_limit(old);
	assert_memory_equal(data, "cd", 2);
	for (int i = 0; i < 2; i++) {
		io_close(&got[i]);
		io_close(&pair[i]);
		io_close(&pipes[i]);
	}
	assert_int_equal(count_fds(), before);
}

/* What io_recv_message() hears instead (--wrap). */
static bool pretend_free;

bool __real_io_descriptors_free(int like, unsigned count);
bool __wrap_io_descriptors_free(int like, unsigned count);

bool
__wrap_io_descriptors_free(int like, unsigned count)
{
	return pretend_free || __real_io_descriptors_free(like, count);
}

/* Another thread takes what was free between the question and the look. */
static void
a_message_waits_that_lost_a_race(void **state)
{
	int before = count_fds(), pair[2], got[4];
	char data[16];
	size_t nfds;
	rlim_t old;

	(void)state;
	assert_int_equal(io_seqpacket_pair(pair, true, NULL), PORTICO_OK);
	io_send_message(pair[1], "ab", 2, pair, 2);
	pretend_free = true;
	for (unsigned room = 0; room < 2; room++) {
		old = leave_descriptors(room);
		nfds = 4;
		assert_int_equal(io_recv_message(pair[0], data, 16, got, &nfds),
				 PORTICO_FULL);
		assert_int_equal(nfds, 0);
		lingering_await();
		set_descriptor_limit(old);
	}
	pretend_free = false;
	nfds = 4;
	assert_int_equal(io_recv_message(pair[0], data, 16, got, &nfds), 2);
	assert_int_equal(nfds, 2);
	for (int i = 0; i < 2; i++) {
		io_close(&got[i]);
		io_close(&pair[i]);
	}
	assert_int_equal(count_fds(), before);
}

static void
the_peer_is_known(void **state)
{
	int pair[2];
	pid_t pid;
	uid_t uid;

	(void)state;
	io_seqpacket_pair(pair, false, NULL);
	assert_int_equal(io_peer(pair[0], &pid, &uid, NULL), PORTICO_OK);
	assert_int_equal(pid, getpid());
	assert_int_equal(uid, getuid());
	io_close(&pair[0]);
	io_close(&pair[1]);
}

static void
what_runs_out_is_known_as_such(void **state)
{
	/* ETOOMANYREFS: descriptors that lie in messages count, too. */
	const int errors[] = { EMFILE, ENFILE, ENOBUFS, ETOOMANYREFS };

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		assert_true(io_is_exhaustion(errors[i]));
		assert_int_equal(status_from_errno(errors[i]), PORTICO_FULL);
	}
	assert_false(io_is_exhaustion(EPIPE));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(flags_and_closing),
	cmocka_unit_test(files_are_written_and_read_whole),
	cmocka_unit_test(large_files_are_read_in_pieces),
	cmocka_unit_test(sealed_memory_keeps_its_size_and_refuses_writers),
	cmocka_unit_test(a_pidfd_tells_the_end_and_carries_signals),
	cmocka_unit_test(messages_keep_their_borders_and_descriptors),
	cmocka_unit_test(what_does_not_fit_is_an_error_and_leaks_nothing),
	cmocka_unit_test(a_message_waits_for_descriptors),
	cmocka_unit_test(a_message_waits_that_lost_a_race),
	cmocka_unit_test(closing_what_others_made_does_not_wait),
	cmocka_unit_test(a_child_closes_for_itself),
	cmocka_unit_test(descriptors_nobody_asked_for_do_not_wait_either),
	cmocka_unit_test(what_runs_out_is_known_as_such),
	cmocka_unit_test(the_peer_is_known),
};

UNIT_MAIN(tests)
