/* SPDX-License-Identifier: Apache-2.0
 *
 * A log that cannot be written: its lines wait, in order and whole, are lost
 * beyond a bound and then missed, and writing goes on by itself.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <uv.h>

#include "core/base/memory.h"
#include "core/listener/limits.h"
#include "core/listener/log_buffer.h"
#include "core/listener/log_writer.h"

#define FIELDS "#Fields: text"

struct scene {
	char directory[64], path[96], other[96];
	uv_loop_t uv;
	struct log_writer *writer;
};

static void
open_scene(struct scene *scene)
{
	snprintf(scene->directory, sizeof(scene->directory),
		 "/tmp/portico-log-XXXXXX");
	assert_non_null(mkdtemp(scene->directory));
	snprintf(scene->path, sizeof(scene->path), "%s/a.log",
		 scene->directory);
	snprintf(scene->other, sizeof(scene->other), "%s/b.log",
		 scene->directory);
	uv_loop_init(&scene->uv);
	scene->writer = log_writer_new(&scene->uv, "test log", NULL);
	signal(SIGXFSZ, SIG_IGN);
}

static void
end_writing(struct scene *scene)
{
	log_writer_free(scene->writer);
	uv_run(&scene->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&scene->uv), 0);
}

static void
close_scene(struct scene *scene)
{
	unlink(scene->path);
	unlink(scene->other);
	assert_int_equal(rmdir(scene->directory), 0);
}

/* Lines "first", ..., "first + count - 1", each of `length` bytes. */
static void
add(struct scene *scene, unsigned first, unsigned count, size_t length)
{
	struct log_chunk *chunk = log_chunk_new(LOG_CHUNK_BYTES);
	char *at = chunk->data;

	assert_true(count * length <= LOG_CHUNK_BYTES);
	for (unsigned i = 0; i < count; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%08u", first + i);
		memset(at, 'x', length - 1);
		memcpy(at, number, 8);
		at[length - 1] = '\n';
		at += length;
	}
	chunk->length = count * length;
	chunk->lines = count;
	log_writer_add(scene->writer, chunk);
}

static long long
figure(struct scene *scene, const char *name)
{
	json_t *json = log_writer_describe(scene->writer);
	long long value = json_integer_value(json_object_get(json, name));

	json_decref(json);
	return value;
}

static bool
state_is(struct scene *scene, const char *state)
{
	json_t *json = log_writer_describe(scene->writer);
	bool is = strcmp(json_string_value(json_object_get(json, "state")),
			 state) == 0;

	json_decref(json);
	return is;
}

static void
turn_until(struct scene *scene, const char *state, bool empty)
{
	while (!state_is(scene, state) ||
	       (empty && figure(scene, "waiting") > 0))
		uv_run(&scene->uv, UV_RUN_ONCE);
}

struct text {
	char *data;
	size_t length;
};

static struct text
read_all(const char *path)
{
	FILE *file = fopen(path, "r");
	struct text text = { NULL, 0 };

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	text.length = (size_t)ftell(file);
	rewind(file);
	text.data = mem_zalloc(text.length + 1);
	assert_int_equal(fread(text.data, 1, text.length, file), text.length);
	fclose(file);
	return text;
}

/* Only whole lines of `length` bytes, in order from `first` on, and remarks.
 * Returns how many lines there were. */
static unsigned
check_lines(const char *path, unsigned first, size_t length)
{
	struct text text = read_all(path);
	unsigned count = 0;
	char *save = NULL;

	assert_true(text.length == 0 || text.data[text.length - 1] == '\n');
	for (char *line = strtok_r(text.data, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (line[0] == '#')
			continue;
		assert_int_equal(strlen(line), length - 1);
		assert_int_equal(strtoul(line, NULL, 10), first + count);
		count++;
	}
	mem_free(text.data);
	return count;
}

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
lines_come_in_order(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene);
	log_writer_set_file(scene.writer, scene.path, FIELDS);
	for (unsigned i = 0; i < 200; i++)
		add(&scene, i * 100, 100, 80);
	end_writing(&scene);
	assert_int_equal(check_lines(scene.path, 0, 80), 20000);
	close_scene(&scene);
}

/* The file may not grow: in the middle of a line it ends, and goes on there
 * when it may. */
static void
a_full_disk_is_waited_for(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene);
	log_writer_set_file(scene.writer, scene.path, FIELDS);
	limit_files(20001);
	for (unsigned i = 0; i < 10; i++)
		add(&scene, i * 100, 100, 80);
	turn_until(&scene, "failing", false);
	limit_files(0);
	assert_true(figure(&scene, "waiting") > 50000);
	assert_int_equal(figure(&scene, "lost"), 0);
	turn_until(&scene, "written", true);
	end_writing(&scene);
	assert_int_equal(check_lines(scene.path, 0, 80), 1000);
	close_scene(&scene);
}

static void
a_missing_directory_is_waited_for(void **state)
{
	struct scene scene;
	char directory[96], path[128];

	(void)state;
	open_scene(&scene);
	snprintf(directory, sizeof(directory), "%s/later", scene.directory);
	snprintf(path, sizeof(path), "%s/a.log", directory);
	log_writer_set_file(scene.writer, path, FIELDS);
	add(&scene, 0, 10, 80);
	turn_until(&scene, "failing", false);
	add(&scene, 10, 10, 80);
	assert_int_equal(mkdir(directory, 0700), 0);
	turn_until(&scene, "written", true);
	end_writing(&scene);
	assert_int_equal(check_lines(path, 0, 80), 20);
	unlink(path);
	rmdir(directory);
	close_scene(&scene);
}

/* What does not fit is dropped, and the file says how many lines are missing
 * and where. */
static void
lines_beyond_the_bound_are_lost_and_missed(void **state)
{
	struct scene scene;
	unsigned most = LOG_BACKLOG_BYTES / 60000 + 50, lost;
	struct text text;
	char expected[64];

	(void)state;
	open_scene(&scene);
	/* As with a disk: the same name, later another file. */
	assert_int_equal(symlink("/dev/full", scene.path), 0);
	log_writer_set_file(scene.writer, scene.path, FIELDS);
	for (unsigned i = 0; i < most; i++)
		add(&scene, i * 100, 100, 600);
	turn_until(&scene, "failing", false);
	assert_true(figure(&scene, "waiting") <= LOG_BACKLOG_BYTES);
	assert_true(figure(&scene, "waiting") > LOG_BACKLOG_BYTES - 100000);
	lost = (unsigned)figure(&scene, "lost");
	assert_true(lost >= 4900 && lost < 5500);
	unlink(scene.path);
	turn_until(&scene, "written", true);
	add(&scene, most * 100, 1, 600);
	end_writing(&scene);
	text = read_all(scene.path);
	snprintf(expected, sizeof(expected), "#Remark: %u lines from ", lost);
	assert_non_null(strstr(text.data, expected));
	assert_non_null(strstr(text.data, ": No space left on device\n"));
	/* After all that waited, before what came later. */
	assert_true(text.length -
			    (size_t)(strstr(text.data, "#Remark") - text.data) <
		    200 + 600);
	mem_free(text.data);
	close_scene(&scene);
}

/* Lines that wait go to the new file, a line that was cut among them. */
static void
another_file_gets_what_waits(void **state)
{
	struct scene scene;
	unsigned whole = 0;
	struct text text;

	(void)state;
	open_scene(&scene);
	log_writer_set_file(scene.writer, scene.path, FIELDS);
	limit_files(4001);
	add(&scene, 0, 500, 80);
	turn_until(&scene, "failing", false);
	limit_files(0);
	log_writer_set_file(scene.writer, scene.other, FIELDS);
	add(&scene, 500, 10, 80);
	turn_until(&scene, "written", true);
	end_writing(&scene);
	text = read_all(scene.path);
	assert_int_equal(text.length, 4001);
	assert_true(text.data[4000] != '\n');
	for (size_t i = 0; i < text.length; i++)
		whole += text.data[i] == '\n';
	mem_free(text.data);
	whole -= 4; /* the head */
	assert_true(whole > 40);
	assert_int_equal(check_lines(scene.other, whole, 80), 510 - whole);
	close_scene(&scene);
}

static void
nothing_is_written_when_it_is_off(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene);
	log_writer_set_file(scene.writer, NULL, NULL);
	add(&scene, 0, 10, 80);
	assert_true(state_is(&scene, "off"));
	assert_int_equal(figure(&scene, "waiting"), 0);
	assert_int_equal(figure(&scene, "lost"), 0);
	end_writing(&scene);
	close_scene(&scene);
}

/* The end does not wait for a disk. */
static void
the_end_loses_what_cannot_be_written(void **state)
{
	struct scene scene;

	(void)state;
	open_scene(&scene);
	log_writer_set_file(scene.writer, "/dev/full", FIELDS);
	add(&scene, 0, 10, 80);
	turn_until(&scene, "failing", false);
	end_writing(&scene);
	close_scene(&scene);
}

/* It can be opened each time, and never be written: what waits does not become
 * more by that. */
static void
a_file_that_only_opens_is_tried_in_vain(void **state)
{
	struct scene scene;
	struct text text;
	long long waiting;

	(void)state;
	open_scene(&scene);
	/* Refuses what is no number, with EINVAL. */
	assert_int_equal(symlink("/proc/self/oom_score_adj", scene.path), 0);
	log_writer_set_file(scene.writer, scene.path, FIELDS);
	add(&scene, 0, 10, 80);
	turn_until(&scene, "failing", false);
	waiting = figure(&scene, "waiting");
	while (figure(&scene, "failingMs") < 2 * LOG_RETRY_MS + 200)
		uv_run(&scene.uv, UV_RUN_ONCE);
	assert_int_equal(figure(&scene, "waiting"), waiting);
	unlink(scene.path);
	turn_until(&scene, "written", true);
	end_writing(&scene);
	assert_int_equal(check_lines(scene.path, 0, 80), 10);
	text = read_all(scene.path);
	assert_non_null(strstr(text.data, FIELDS));
	assert_null(strstr(strstr(text.data, FIELDS) + 1, FIELDS));
	mem_free(text.data);
	close_scene(&scene);
}

/* A fifo that nobody reads, then slowly. */
static void
a_fifo_is_no_trap(void **state)
{
	struct scene scene;
	char data[8192];
	size_t total = 0, header = 0;
	int fd;

	(void)state;
	open_scene(&scene);
	assert_int_equal(mkfifo(scene.path, 0600), 0);
	log_writer_set_file(scene.writer, scene.path, FIELDS);
	for (unsigned i = 0; i < 20; i++)
		add(&scene, i * 500, 500, 80);
	turn_until(&scene, "failing", false);
	fd = open(scene.path, O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	while (total < header + 20 * 500 * 80) {
		ssize_t got = read(fd, data, sizeof(data));

		uv_run(&scene.uv, UV_RUN_NOWAIT);
		if (got <= 0)
			continue;
		if (total == 0) {
			const char *end = strstr(data, FIELDS "\n");

			assert_non_null(end);
			header = (size_t)(end - data) + strlen(FIELDS) + 1;
		}
		total += (size_t)got;
	}
	turn_until(&scene, "written", true);
	end_writing(&scene);
	close(fd);
	close_scene(&scene);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(lines_come_in_order),
	cmocka_unit_test(a_full_disk_is_waited_for),
	cmocka_unit_test(a_missing_directory_is_waited_for),
	cmocka_unit_test(lines_beyond_the_bound_are_lost_and_missed),
	cmocka_unit_test(another_file_gets_what_waits),
	cmocka_unit_test(nothing_is_written_when_it_is_off),
	cmocka_unit_test(the_end_loses_what_cannot_be_written),
	cmocka_unit_test(a_file_that_only_opens_is_tried_in_vain),
	cmocka_unit_test(a_fifo_is_no_trap),
};

UNIT_MAIN(tests)
