/* SPDX-License-Identifier: Apache-2.0
 *
 * When a log's file is over, what it is called then, and which ones stay.
 */
#include "t/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/clock.h"
#include "core/listener/log_rotation.h"

/* 2026-11-23 14:59:02 UTC, a Monday. */
#define MONDAY ((time_t)1795445942)
#define HOUR 3600
#define DAY (24 * HOUR)

static void
files_are_over_by_time(void **state)
{
	static const struct {
		enum settings_log_period period;
		time_t after; /* the last moment of the same */
		time_t next; /* from MONDAY */
	} cases[] = {
		{ SETTINGS_LOG_HOURLY, 57, 58 },
		{ SETTINGS_LOG_DAILY, 9 * HOUR + 57, 9 * HOUR + 58 },
		{ SETTINGS_LOG_WEEKLY, 6 * DAY + 9 * HOUR + 57,
		  6 * DAY + 9 * HOUR + 58 },
		{ SETTINGS_LOG_MONTHLY, 7 * DAY + 9 * HOUR + 57,
		  7 * DAY + 9 * HOUR + 58 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings_log_rotation rotation = {
			.period = cases[i].period
		};

		assert_false(log_rotation_is_due(&rotation, MONDAY, 1, 1,
						 MONDAY + cases[i].after));
		assert_true(log_rotation_is_due(&rotation, MONDAY, 1, 1,
						MONDAY + cases[i].next));
		/* One without a line is as good as new. */
		assert_false(log_rotation_is_due(&rotation, MONDAY, 0, 1,
						 MONDAY + cases[i].next));
		/* The clock was set back: another day all the same. */
		assert_true(log_rotation_is_due(&rotation, MONDAY, 1, 1,
						MONDAY - 40 * DAY));
	}
}

static void
files_are_over_by_size(void **state)
{
	struct settings_log_rotation rotation = { .truncate_size = 1000 };

	(void)state;
	assert_false(log_rotation_is_due(&rotation, MONDAY, 900, 100, MONDAY));
	assert_true(log_rotation_is_due(&rotation, MONDAY, 900, 101, MONDAY));
	/* Larger than any file may be: it is written, alone. */
	assert_false(log_rotation_is_due(&rotation, MONDAY, 0, 5000, MONDAY));
	rotation.truncate_size = 0;
	assert_false(log_rotation_is_due(&rotation, MONDAY, UINT32_MAX, 1,
					 MONDAY + 400 * DAY));
}

static void
local_time_counts_if_wanted(void **state)
{
	struct settings_log_rotation rotation = { .period = SETTINGS_LOG_DAILY,
						  .local = true };

	(void)state;
	/* Nine hours before UTC's midnight it is midnight in Tokyo. */
	setenv("TZ", "JST-9", 1);
	tzset();
	assert_true(log_rotation_is_due(&rotation, MONDAY, 1, 1, MONDAY + 58));
	rotation.local = false;
	assert_false(log_rotation_is_due(&rotation, MONDAY, 1, 1, MONDAY + 58));
	setenv("TZ", "UTC", 1);
	tzset();
}

/* ---- files -------------------------------------------------------------------- */

static char directory[64];

static const char *
path_of(const char *name)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
make(const char *name, time_t changed)
{
	const struct timespec times[2] = { { changed, 0 }, { changed, 0 } };
	int fd = open(path_of(name), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(futimens(fd, times), 0);
	close(fd);
}

static bool
is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void
begin(void)
{
	snprintf(directory, sizeof(directory), "/tmp/portico-rotation-XXXXXX");
	assert_non_null(mkdtemp(directory));
}

/* Removes everything; how many files there were. */
static unsigned
end(void)
{
	DIR *all = opendir(directory);
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(all);
	while ((entry = readdir(all)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		count++;
		unlink(path_of(entry->d_name));
	}
	closedir(all);
	assert_int_equal(rmdir(directory), 0);
	return count;
}

static int
rotate(const struct settings_log_rotation *rotation, const char *name,
       time_t begun, time_t now)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return log_rotation_do(rotation, path, begun, now);
}

static void
names_say_the_time(void **state)
{
	static const struct {
		enum settings_log_period period;
		const char *name, *old;
	} cases[] = {
		{ SETTINGS_LOG_HOURLY, "a.log", "a-20261123-14.log" },
		{ SETTINGS_LOG_DAILY, "a.log", "a-20261123.log" },
		{ SETTINGS_LOG_WEEKLY, "a.log", "a-2026w48.log" },
		{ SETTINGS_LOG_MONTHLY, "a.log", "a-202611.log" },
		/* By size: when it ended, an hour later. */
		{ SETTINGS_LOG_NEVER, "a.log", "a-20261123-155902.log" },
		{ SETTINGS_LOG_DAILY, "plain", "plain-20261123" },
		{ SETTINGS_LOG_DAILY, "a.b.log", "a.b-20261123.log" },
		{ SETTINGS_LOG_DAILY, ".log", ".log-20261123" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct settings_log_rotation rotation = {
			.period = cases[i].period
		};

		begin();
		make(cases[i].name, MONDAY);
		assert_int_equal(rotate(&rotation, cases[i].name, MONDAY,
					MONDAY + HOUR),
				 0);
		assert_false(is_there(cases[i].name));
		if (!is_there(cases[i].old))
			fail_msg("%s is missing", cases[i].old);
		unlink(path_of(cases[i].old));
		assert_int_equal(end(), 0);
	}
}

static void
no_file_is_overwritten(void **state)
{
	struct settings_log_rotation rotation = { .period =
							  SETTINGS_LOG_DAILY };

	(void)state;
	begin();
	for (unsigned i = 0; i < 3; i++) {
		make("a.log", MONDAY);
		assert_int_equal(rotate(&rotation, "a.log", MONDAY, MONDAY), 0);
	}
	assert_true(is_there("a-20261123.log"));
	assert_true(is_there("a-20261123.2.log"));
	assert_true(is_there("a-20261123.3.log"));
	/* Gone already: nothing to be done. */
	assert_int_equal(rotate(&rotation, "a.log", MONDAY, MONDAY), 0);
	assert_int_equal(end(), 3);
}

static void
what_is_too_much_goes(void **state)
{
	struct settings_log_rotation rotation = { .period = SETTINGS_LOG_DAILY,
						  .keep_files = 2 };

	(void)state;
	begin();
	make("a-20261120.log", MONDAY - 3 * DAY);
	make("a-20261121.log", MONDAY - 2 * DAY);
	make("a-20261122.log", MONDAY - DAY);
	/* Not of this log, or not made by us. */
	make("b-20261120.log", MONDAY - 30 * DAY);
	make("a-old.log", MONDAY - 30 * DAY);
	make("a-20261120.log.gz", MONDAY - 30 * DAY);
	make("a.log", MONDAY);
	assert_int_equal(rotate(&rotation, "a.log", MONDAY, MONDAY), 0);
	assert_true(is_there("a-20261123.log"));
	assert_true(is_there("a-20261122.log"));
	assert_false(is_there("a-20261121.log"));
	assert_false(is_there("a-20261120.log"));
	assert_int_equal(end(), 5);
}

/* Logs of other sites beside it, and their older files, are no older files of
 * this one, though they are called so that they could be. */
static void
what_is_another_log_stays(void **state)
{
	static const char *const others[] = {
		"a-1.log",	    "a-12.log",		"a-1-20261120.log",
		"a-20261120-.log",  "a-20261120-1.log", "a-2026w1.log",
		"a-20261120..log",  "a-20261120.x.log", "a-20261120.1.2.log",
		"a-2026112.log",    "a-2026w481.log",	"a--20261120.log",
		"a-1234567890.log",
	};
	static const char *const older[] = {
		"a-202610.log",		 "a-20261120.log",
		"a-20261120-14.log",	 "a-2026w47.log",
		"a-20261120-155902.log", "a-20261120.2.log",
		"a-2026w47.9999.log",
	};
	struct settings_log_rotation rotation = { .period = SETTINGS_LOG_DAILY,
						  .keep_files = 1 };

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		make(others[i], MONDAY - 30 * DAY);
	for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++)
		make(older[i], MONDAY - 30 * DAY);
	make("a.log", MONDAY);
	assert_int_equal(rotate(&rotation, "a.log", MONDAY, MONDAY), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!is_there(others[i]))
			fail_msg("%s is gone", others[i]);
	for (size_t i = 0; i < sizeof(older) / sizeof(older[0]); i++)
		if (is_there(older[i]))
			fail_msg("%s is there", older[i]);
	assert_int_equal(end(), sizeof(others) / sizeof(others[0]) + 1);
}

static void
what_is_too_old_goes(void **state)
{
	struct settings_log_rotation rotation = {
		.period = SETTINGS_LOG_DAILY,
		.keep_for = 2 * (uint64_t)DAY * CLOCK_NS_PER_S,
	};

	(void)state;
	begin();
	make("a-20261120.log", MONDAY - 3 * DAY);
	make("a-20261121.log", MONDAY - 2 * DAY);
	make("a-20261224.log", MONDAY + 30 * DAY);
	make("a.log", MONDAY);
	assert_int_equal(rotate(&rotation, "a.log", MONDAY, MONDAY), 0);
	assert_false(is_there("a-20261120.log"));
	assert_true(is_there("a-20261121.log"));
	assert_int_equal(end(), 3);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(files_are_over_by_time),
	cmocka_unit_test(files_are_over_by_size),
	cmocka_unit_test(local_time_counts_if_wanted),
	cmocka_unit_test(names_say_the_time),
	cmocka_unit_test(no_file_is_overwritten),
	cmocka_unit_test(what_is_too_much_goes),
	cmocka_unit_test(what_is_another_log_stays),
	cmocka_unit_test(what_is_too_old_goes),
};

UNIT_MAIN(tests)
