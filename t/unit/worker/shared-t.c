/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory that workers share: counters and the store, with processes that are
 * killed and stopped in the middle, and with garbage in it.
 */
#include "t/unit/unit.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/worker/shared_priv.h"

#if defined(PORTICO_ASAN) || defined(PORTICO_TSAN)
#define KILLS 400
#else
#define KILLS 2000
#endif

#define MS 1000000ull

static int
memory(size_t size)
{
	int fd = io_memfd_create("shared-t", size, NULL);

	assert_true(fd >= 0);
	assert_int_equal(io_memfd_seal(fd, IO_SEAL_SIZE, NULL), PORTICO_OK);
	return fd;
}

static struct shared *
open_new(size_t size)
{
	struct portico_error err = { 0 };
	struct shared *shared = shared_open(memory(size), &err);

	if (shared == NULL)
		fail_msg("%s", err.message);
	return shared;
}

static struct shared_key
key_of(struct shared *shared, const char *module, const char *text)
{
	struct shared_key key;
	struct portico_slice slice = { text, strlen(text) };

	assert_int_equal(shared_key_make(shared, module, slice, &key),
			 PORTICO_OK);
	return key;
}

static enum portico_status
put(struct shared *shared, const char *text, const char *value, uint64_t ttl,
    enum portico_shared_mode mode)
{
	struct shared_key key = key_of(shared, "m", text);

	return shared_put(shared, &key,
			  (struct portico_slice){ value, strlen(value) }, ttl,
			  mode);
}

static void
assert_has(struct shared *shared, const char *module, const char *text,
	   const char *value)
{
	struct shared_key key = key_of(shared, module, text);
	char buffer[256];
	size_t length = 0;
	enum portico_status status;

	/* On a busy machine who holds the lock may not be run for a while. */
	do
		status = shared_get(shared, &key, buffer, sizeof(buffer) - 1,
				    &length);
	while (status == PORTICO_AGAIN);
	if (value == NULL) {
		assert_int_equal(status, PORTICO_NOT_FOUND);
		return;
	}
	assert_int_equal(status, PORTICO_OK);
	buffer[length] = '\0';
	assert_string_equal(buffer, value);
}

/* ---- counters ----------------------------------------------------------------- */

static void
counters_have_names_of_their_module(void **state)
{
	struct shared *shared = open_new(1 << 20);
	struct portico_shared_counter *a, *b, *c, *more;
	char name[80];
	unsigned made = 2;
	enum portico_status status;

	(void)state;
	assert_int_equal(shared_counter(shared, "one", "x", &a), PORTICO_OK);
	assert_int_equal(shared_counter(shared, "two", "x", &b), PORTICO_OK);
	assert_int_equal(shared_counter(shared, "one", "x", &c), PORTICO_OK);
	assert_ptr_equal(a, c);
	assert_ptr_not_equal(a, b);
	assert_int_equal(shared_counter(shared, "one", "", &c),
			 PORTICO_INVALID);
	memset(name, 'n', 61);
	name[61] = '\0';
	assert_int_equal(shared_counter(shared, "one", name, &c),
			 PORTICO_INVALID);
	do {
		snprintf(name, sizeof(name), "c%u", made);
		status = shared_counter(shared, "one", name, &more);
		made += status == PORTICO_OK;
	} while (status == PORTICO_OK);
	assert_int_equal(status, PORTICO_FULL);
	assert_int_equal(made, (1 << 20) / 4096);
	assert_int_equal(shared_counter(shared, "two", "x", &c), PORTICO_OK);
	shared_close(&shared);
}

static void
counters_lose_nothing_between_processes(void **state)
{
	int fd = memory(1 << 20), status;
	struct shared *shared = shared_open(fd, NULL);
	struct portico_shared_counter *counter;
	pid_t pids[4];

	(void)state;
	assert_int_equal(shared_counter(shared, "m", "sum", &counter),
			 PORTICO_OK);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] != 0)
			continue;
		shared = shared_open(fd, NULL);
		if (shared == NULL ||
		    shared_counter(shared, "m", "sum", &counter) != PORTICO_OK)
			_exit(1);
		for (int k = 0; k < 100000; k++)
			atomic_fetch_add(&counter->value, 1);
		_exit(0);
	}
	for (int i = 0; i < 4; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(atomic_load(&counter->value), 400000);
	shared_close(&shared);
}

/* ---- keys and values ------------------------------------------------------------ */

static void
values_are_kept_and_taken_away(void **state)
{
	struct shared *shared = open_new(1 << 20);
	struct shared_key key = key_of(shared, "m", "k");
	uint64_t number;
	size_t length;
	char small[2];

	(void)state;
	assert_has(shared, "m", "k", NULL);
	assert_int_equal(put(shared, "k", "1", 0, PORTICO_SHARED_REPLACE),
			 PORTICO_NOT_FOUND);
	assert_int_equal(put(shared, "k", "", 0, PORTICO_SHARED_ADD),
			 PORTICO_OK);
	assert_has(shared, "m", "k", "");
	assert_has(shared, "n", "k", NULL);
	assert_int_equal(put(shared, "k", "x", 0, PORTICO_SHARED_ADD),
			 PORTICO_EXISTS);
	assert_int_equal(put(shared, "k", "three", 0, PORTICO_SHARED_REPLACE),
			 PORTICO_OK);
	assert_int_equal(shared_get(shared, &key, small, 2, &length),
			 PORTICO_TOO_LARGE);
	assert_int_equal(length, 5);
	assert_int_equal(shared_swap(shared, &key, PORTICO_SLICE("four"),
				     PORTICO_SLICE("five"), 0),
			 PORTICO_STATE);
	assert_int_equal(shared_swap(shared, &key, PORTICO_SLICE("three"),
				     PORTICO_SLICE("five"), 0),
			 PORTICO_OK);
	assert_has(shared, "m", "k", "five");
	assert_int_equal(shared_increment(shared, &key, 1, 0, &number),
			 PORTICO_STATE);
	assert_int_equal(shared_remove(shared, &key), PORTICO_OK);
	assert_int_equal(shared_remove(shared, &key), PORTICO_NOT_FOUND);
	assert_int_equal(shared_swap(shared, &key, PORTICO_SLICE(""),
				     PORTICO_SLICE("x"), 0),
			 PORTICO_NOT_FOUND);
	assert_int_equal(shared_increment(shared, &key, 7, 0, &number),
			 PORTICO_OK);
	assert_int_equal(shared_increment(shared, &key, -3, 0, &number),
			 PORTICO_OK);
	assert_int_equal(number, 4);
	assert_int_equal(shared_count(shared), 1);
	shared_close(&shared);
}

static void
wait_ms(unsigned ms)
{
	struct timespec time = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&time, NULL);
}

static void
values_expire(void **state)
{
	struct shared *shared = open_new(1 << 20);
	struct shared_key key = key_of(shared, "m", "limit");
	uint64_t number, began = clock_monotonic_ns();

	(void)state;
	assert_int_equal(put(shared, "soon", "x", 1, PORTICO_SHARED_SET),
			 PORTICO_OK);
	assert_int_equal(put(shared, "late", "x", 3600 * 1000 * MS,
			     PORTICO_SHARED_SET),
			 PORTICO_OK);
	assert_int_equal(put(shared, "ever", "x", UINT64_MAX,
			     PORTICO_SHARED_SET),
			 PORTICO_OK);
	assert_int_equal(shared_increment(shared, &key, 1, 50 * MS, &number),
			 PORTICO_OK);
	assert_has(shared, "m", "soon", NULL);
	assert_has(shared, "m", "late", "x");
	assert_has(shared, "m", "ever", "x");
	/* It is not prolonged: another begins within twice its time. */
	while (number != 1 || clock_monotonic_ns() - began < 50 * MS) {
		wait_ms(5);
		assert_int_equal(shared_increment(shared, &key, 1, 50 * MS,
						  &number),
				 PORTICO_OK);
		assert_true(clock_monotonic_ns() - began < 60000 * MS);
	}
	assert_int_equal(put(shared, "soon", "y", 0, PORTICO_SHARED_ADD),
			 PORTICO_OK);
	shared_close(&shared);
}

/* What is used stays, what is not goes, and the largest has room. */
static void
values_are_thrown_out_when_it_is_full(void **state)
{
	struct shared *shared = open_new(64 << 10);
	static char large[PORTICO_SHARED_VALUE_MAX + 1];
	struct portico_slice value = { large, PORTICO_SHARED_VALUE_MAX };
	struct shared_key key = key_of(shared, "m", "large");
	char name[32];
	int left = 0;

	(void)state;
	assert_int_equal(put(shared, "used", "u", 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	for (int i = 0; i < 5000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		assert_int_equal(put(shared, name, "v", 0, PORTICO_SHARED_ADD),
				 PORTICO_OK);
		assert_has(shared, "m", "used", "u");
	}
	for (int i = 0; i < 5000; i++) {
		struct shared_key one;

		snprintf(name, sizeof(name), "k%d", i);
		one = key_of(shared, "m", name);
		left += shared_get(shared, &one, name, sizeof(name), NULL) ==
			PORTICO_OK;
	}
	assert_true(left > 100 && left < 1000);
	assert_int_equal(shared_count(shared), left + 1);
	assert_int_equal(shared_put(shared, &key, value, 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	assert_int_equal(shared_put(shared, &key, value, 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	value.length++;
	assert_int_equal(shared_put(shared, &key, value, 0, PORTICO_SHARED_SET),
			 PORTICO_TOO_LARGE);
	assert_true(shared_count(shared) > 0);
	shared_close(&shared);
}

static void
keys_have_limits(void **state)
{
	struct shared *shared = open_new(1 << 20);
	char text[PORTICO_SHARED_KEY_MAX + 1];
	struct portico_slice key = { text, sizeof(text) };
	struct shared_key full;

	(void)state;
	memset(text, 0, sizeof(text));
	assert_int_equal(shared_key_make(shared, "m", key, &full),
			 PORTICO_TOO_LARGE);
	key.length = 0;
	assert_int_equal(shared_key_make(shared, "m", key, &full),
			 PORTICO_INVALID);
	key.length = PORTICO_SHARED_KEY_MAX;
	assert_int_equal(shared_key_make(shared,
					 "a-name-of-thirty-two-characters-",
					 key, &full),
			 PORTICO_OK);
	assert_int_equal(shared_put(shared, &full, PORTICO_SLICE("v"), 0,
				    PORTICO_SHARED_SET),
			 PORTICO_OK);
	assert_int_equal(shared_remove(shared, &full), PORTICO_OK);
	shared_close(&shared);
}

/* ---- processes that die, or stop ------------------------------------------------------ */

#define KEYS 40

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A value says how long it is, and is of one byte else: half of it would be
 * seen.  A larger one needs many cells. */
static size_t
make_value(char *text, uint32_t *seed)
{
	uint32_t length = 8 + next_random(seed) % 3000;

	memset(text, 'a' + (char)(next_random(seed) % 26), length);
	memcpy(text, &length, sizeof(length));
	return length;
}

static bool
is_whole(const char *text, size_t size)
{
	uint32_t length;

	if (size == sizeof(uint64_t))
		return true; /* of increment */
	memcpy(&length, text, sizeof(length));
	if (size < 8 || length != size)
		return false;
	for (size_t i = 5; i < size; i++)
		if (text[i] != text[4])
			return false;
	return true;
}

/* One step of a worker; false: a value was not whole. */
static bool
step(struct shared *shared, uint32_t *seed)
{
	char name[16], text[4096];
	struct portico_slice value = { text, 0 };
	struct shared_key key;
	size_t length;

	snprintf(name, sizeof(name), "k%u", next_random(seed) % KEYS);
	if (shared_key_make(shared, "m",
			    (struct portico_slice){ name, strlen(name) },
			    &key) != PORTICO_OK)
		return false;
	switch (next_random(seed) % 8) {
	case 0:
		shared_remove(shared, &key);
		return true;
	case 1:
		shared_increment(shared, &key, 1, 0, NULL);
		return true;
	case 2:
	case 3:
	case 4:
		value.length = make_value(text, seed);
		shared_put(shared, &key, value, 0, PORTICO_SHARED_SET);
		return true;
	default:
		return shared_get(shared, &key, text, sizeof(text), &length) !=
			       PORTICO_OK ||
		       is_whole(text, length);
	}
}

static pid_t
start_child(int fd, uint32_t seed)
{
	pid_t pid = fork();
	struct shared *shared;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	/* A test that fails leaves nobody behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	shared = shared_open(fd, NULL);
	if (shared == NULL)
		_exit(1);
	while (step(shared, &seed))
		;
	_exit(2);
}

/* It ran, until it was killed. */
static void
kill_child(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("a child has ended itself: %d", WEXITSTATUS(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

/* `roomy`: nothing is thrown out for want of room, so nothing may be missing. */
static void
kill_workers(size_t bytes, bool roomy)
{
	int fd = memory(bytes);
	struct shared *shared = shared_open(fd, NULL);
	uint32_t seed = (uint32_t)clock_monotonic_ns();
	pid_t pids[2];
	int64_t most = 0;

	print_message("seed %u\n", seed);
	assert_int_equal(put(shared, "kept", "as it was", 0,
			     PORTICO_SHARED_SET),
			 PORTICO_OK);
	for (unsigned i = 0; i < 2; i++)
		pids[i] = start_child(fd, i + 1);
	for (int i = 0; i < KILLS / 2; i++) {
		struct timespec time = { .tv_nsec =
						 next_random(&seed) % 400000 };
		int64_t count;

		nanosleep(&time, NULL);
		kill_child(pids[i % 2]);
		if (roomy)
			assert_has(shared, "m", "kept", "as it was");
		for (int k = 0; k < 5; k++)
			assert_true(step(shared, &seed));
		pids[i % 2] = start_child(fd, seed);
		if (i % 20 != 0)
			continue;
		do
			count = shared_count(shared);
		while (count == -2);
		assert_true(count >= 1 && count <= KEYS + 1);
		most = count > most ? count : most;
	}
	kill_child(pids[0]);
	kill_child(pids[1]);
	assert_true(most > 10);
	assert_true(shared_count(shared) > 0);
	shared_close(&shared);
}

static void
killed_workers_leave_all_sound(void **state)
{
	(void)state;
	kill_workers(128 << 10, false);
	kill_workers(1 << 20, true);
}

/* The lock of the only shard: the first word after the counters. */
static _Atomic uint64_t *
lock_of(struct shared *shared)
{
	return (_Atomic uint64_t *)(void *)shared->shards;
}

static void
stopped_worker_holds_nobody_up(void **state)
{
	int fd = memory(64 << 10), status;
	struct shared *shared = shared_open(fd, NULL);
	uint64_t began;
	pid_t pid;

	(void)state;
	assert_int_equal(put(shared, "k", "before", 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	pid = fork();
	if (pid == 0) {
		bool inherited;

		shared = shared_open(fd, NULL);
		if (shared == NULL ||
		    !shared_lock(shared, lock_of(shared), 1, &inherited))
			_exit(1);
		raise(SIGSTOP);
		shared_unlock(lock_of(shared));
		raise(SIGSTOP);
		_exit(shared_lock(shared, lock_of(shared), 1, &inherited) &&
				      raise(SIGSTOP) == 0 ?
			      0 :
			      1);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(put(shared, "k", "x", 0, PORTICO_SHARED_SET),
			 PORTICO_AGAIN);
	began = clock_monotonic_ns();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(put(shared, "k", "x", 0, PORTICO_SHARED_SET),
				 PORTICO_AGAIN);
	/* Each would take a millisecond, were it waited for again. */
	assert_true(clock_monotonic_ns() - began < 500 * MS);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_has(shared, "m", "k", "before");
	assert_int_equal(put(shared, "k", "after", 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(put(shared, "k", "x", 0, PORTICO_SHARED_SET),
			 PORTICO_AGAIN);
	/* Killed with the lock: it is inherited. */
	kill_child(pid);
	assert_has(shared, "m", "k", "after");
	shared_close(&shared);
}

static void
slot_of_the_dead_is_used_again(void **state)
{
	int fd = memory(64 << 10), status;
	struct shared *shared = shared_open(fd, NULL);

	(void)state;
	for (unsigned i = 0; i < SHARED_SLOTS + 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			bool inherited;

			shared = shared_open(fd, NULL);
			/* With the lock held, every time. */
			_exit(shared == NULL ||
			      !shared_lock(shared, lock_of(shared), 1,
					   &inherited));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	assert_int_equal(put(shared, "k", "x", 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	shared_close(&shared);
}

/* ---- garbage -------------------------------------------------------------------------- */

static void
garbage_harms_nobody(void **state)
{
	struct shared *shared = open_new(64 << 10);
	uint32_t seed = (uint32_t)clock_monotonic_ns();
	size_t first = (size_t)(shared->shards - shared->base);

	(void)state;
	print_message("seed %u\n", seed);
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 300; i++)
			step(shared, &seed);
		if (round % 10 == 0) {
			for (size_t i = first; i < shared->size; i++)
				shared->base[i] =
					(unsigned char)next_random(&seed);
			memset(shared->base + first, 0, 8);
		}
		for (uint32_t i = next_random(&seed) % 50; i > 0; i--)
			shared->base[first + 8 +
				     next_random(&seed) %
					     (shared->size - first - 8)] =
				(unsigned char)next_random(&seed);
	}
	/* All that is left of it goes as it is met; what is new is whole. */
	memset(shared->base + first, 0, shared->size - first);
	for (int i = 0; i < 1000; i++)
		assert_true(step(shared, &seed));
	assert_true(shared_count(shared) > 0);
	shared_close(&shared);
}

static void
lock_of_nobody_is_taken(void **state)
{
	struct shared *shared = open_new(64 << 10);

	(void)state;
	assert_int_equal(put(shared, "k", "x", 0, PORTICO_SHARED_SET),
			 PORTICO_OK);
	atomic_store(lock_of(shared), UINT64_C(0xdeadbeefdeadbeef));
	assert_has(shared, "m", "k", "x");
	atomic_store(lock_of(shared), 1);
	assert_has(shared, "m", "k", "x");
	shared_close(&shared);
}

static void
other_memory_is_refused(void **state)
{
	struct portico_error err = { 0 };
	int fd = io_memfd_create("shared-t", 1 << 20, NULL);

	(void)state;
	assert_null(shared_open(fd, &err));
	assert_int_equal(err.status, PORTICO_PROTOCOL);
	io_close(&fd);
	fd = memory(4096);
	assert_null(shared_open(fd, &err));
	io_close(&fd);
	fd = memory(64 << 10);
	assert_int_equal(pwrite(fd, "12345678", 8, 0), 8);
	assert_null(shared_open(fd, &err));
	assert_int_equal(err.status, PORTICO_UNSUPPORTED);
	io_close(&fd);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(counters_have_names_of_their_module),
	cmocka_unit_test(counters_lose_nothing_between_processes),
	cmocka_unit_test(values_are_kept_and_taken_away),
	cmocka_unit_test(values_expire),
	cmocka_unit_test(values_are_thrown_out_when_it_is_full),
	cmocka_unit_test(keys_have_limits),
	cmocka_unit_test(killed_workers_leave_all_sound),
	cmocka_unit_test(stopped_worker_holds_nobody_up),
	cmocka_unit_test(slot_of_the_dead_is_used_again),
	cmocka_unit_test(garbage_harms_nobody),
	cmocka_unit_test(lock_of_nobody_is_taken),
	cmocka_unit_test(other_memory_is_refused),
};

UNIT_MAIN(tests)
