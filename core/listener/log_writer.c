/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_writer.h.  Main thread, but for run_job().
 *
 * One job at a time is with libuv's thread pool: to open the file or to write
 * the first chunk from where the last job stopped.  No call that may touch a
 * disk is made elsewhere.
 */
#include "core/listener/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/listener/limits.h"
#include "core/listener/log_buffer.h"
#include "core/listener/log_rotation.h"

#define LOG_WRITER_MAGIC 0x10391e71u

/* A remark, and what stands before the fields at the beginning of a file. */
#define REMARK_BYTES 512

/* What a job works on; the main thread leaves it alone meanwhile. */
struct log_job {
	bool opens, rotates; /* else it writes */
	bool makes_way; /* opens: directories, too */
	char *path; /* to be opened, to be renamed; or, if not NULL, that `fd`
		       has to be */
	int fd;
	struct settings_log_rotation rotation;
	time_t begun, now;
	uint64_t size; /* of what was opened */
	dev_t device;
	ino_t inode;
	const char *data;
	size_t length, done; /* bytes */
	int os_error;
};

/* Lines that did not fit. */
struct lost {
	uint64_t lines;
	time_t from, to;
	int os_error;
};

struct log_writer {
	unsigned magic;
	uv_loop_t *uv;
	uv_work_t work;
	uv_timer_t retry; /* active: nothing is tried before */
	const char *name;
	struct log_group *group; /* NULL: it is one of few */
	struct list group_link; /* in its `open`, or in its `queue` */
	bool holds; /* one of the group's open files, or soon */
	bool rests; /* no configuration has it any more */
	bool resumable; /* the file was closed for a while */
	dev_t device; /* of the file */
	ino_t inode;
	char *path, *fields; /* NULL: none */
	char *written; /* fields that the file has last been told; NULL: none */
	struct settings_log_rotation rotation;
	time_t (*now)(void);
	time_t begun; /* `fd` has lines of that time */
	uint64_t size; /* of `fd`, bytes */
	time_t rotate_after; /* renaming failed; not tried before */
	int fd; /* -1: to be opened */
	bool busy; /* `job` is with the thread pool */
	bool stale; /* since it began the file has become another */
	bool cut; /* the file ends with a part of a line */
	bool ending;
	struct log_job job;
	struct log_chunk *first, *last; /* waiting */
	struct log_chunk *head; /* the first, if it begins a file; or NULL */
	size_t offset; /* so much of the first was written, bytes */
	size_t backlog; /* bytes waiting */
	int os_error; /* why it cannot be written; 0 = all is well */
	uint64_t since; /* ns; of `os_error` */
	uint64_t told; /* ns; when the log said so; 0 = never */
	bool say_end; /* it was said, so its end is, too */
	struct lost lost; /* since `since` */
	uint64_t dropped; /* lines, ever */
};

static void next(struct log_writer *writer);

static void
on_retry(uv_timer_t *timer)
{
	struct log_writer *writer = timer->data;

	CHECK(writer, LOG_WRITER_MAGIC);
	next(writer);
}

static time_t
real_time(void)
{
	return time(NULL);
}

struct log_writer *
log_writer_new(uv_loop_t *uv, const char *name, struct log_group *group)
{
	struct log_writer *writer = mem_zalloc(sizeof(*writer));

	writer->magic = LOG_WRITER_MAGIC;
	writer->uv = uv;
	writer->name = name;
	writer->group = group;
	list_init(&writer->group_link);
	writer->fd = -1;
	writer->now = real_time;
	writer->work.data = writer;
	uv_timer_init(uv, &writer->retry);
	writer->retry.data = writer;
	return writer;
}

/* ---- chunks ------------------------------------------------------------------ */

static void
count_waiting(struct log_writer *writer, size_t more, size_t less)
{
	writer->backlog += more - less;
	if (writer->group != NULL)
		writer->group->waiting += more - less;
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
put_time(char text[20], time_t time)
{
	struct tm tm;

	gmtime_r(&time, &tm);
	strftime(text, 20, "%Y-%m-%d %H:%M:%S", &tm);
}

/* OWNERSHIP: takes the chunk.  Small ones are joined: a chunk of one line has
 * a buffer for a thousand. */
static void
append(struct log_writer *writer, struct log_chunk *chunk)
{
	struct log_chunk *last = writer->last;

	count_waiting(writer, chunk->length, 0);
	chunk->next = NULL;
	if (last != NULL && last != writer->head &&
	    same(last->fields, chunk->fields) &&
	    last->capacity - last->length >= chunk->length) {
		/* A job that writes it does not look beyond its length. */
		memcpy(last->data + last->length, chunk->data, chunk->length);
		last->length += chunk->length;
		last->lines += chunk->lines;
		log_chunk_free(chunk);
		return;
	}
	if (last == NULL)
		writer->first = chunk;
	else
		last->next = chunk;
	writer->last = chunk;
}

static void
drop_first(struct log_writer *writer)
{
	struct log_chunk *chunk = writer->first;

	if (chunk == writer->head)
		writer->head = NULL;
	writer->first = chunk->next;
	if (writer->first == NULL)
		writer->last = NULL;
	count_waiting(writer, 0, chunk->length);
	writer->offset = 0;
	log_chunk_free(chunk);
}

static bool
is_json(const char *fields)
{
	return fields == NULL || fields[0] == '\0';
}

static void
lose(struct log_writer *writer, unsigned lines)
{
	time_t now = time(NULL);

	if (writer->lost.lines == 0)
		writer->lost.from = now;
	writer->lost.to = now;
	writer->lost.os_error = writer->os_error;
	writer->lost.lines += lines;
	writer->dropped += lines;
	if (writer->group != NULL)
		writer->group->lost += lines;
}

/* At the end of what waits, where they would have been. */
static void
append_remark(struct log_writer *writer)
{
	int os_error = writer->lost.os_error != 0 ? writer->lost.os_error :
						    writer->os_error;
	struct log_chunk *chunk;
	char from[20], to[20];
	int length;

	if (writer->lost.lines == 0)
		return;
	chunk = log_chunk_new(REMARK_BYTES);
	chunk->fields = writer->last == NULL ? NULL : writer->last->fields;
	put_time(from, writer->lost.from);
	put_time(to, writer->lost.to);
	length = snprintf(chunk->data, REMARK_BYTES,
			  is_json(writer->written) ?
				  "{\"remark\":\"%llu lines from %s to %s are "
				  "lost: %s\"}\n" :
				  "#Remark: %llu lines from %s to %s are lost: "
				  "%s\n",
			  (unsigned long long)writer->lost.lines, from, to,
			  os_error == 0 ? "too many at once" :
					  strerror(os_error));
	chunk->length = (size_t)length;
	append(writer, chunk);
	memset(&writer->lost, 0, sizeof(writer->lost));
}

static const char *
fields_of_first(const struct log_writer *writer)
{
	if (writer->first != NULL && writer->first->fields != NULL)
		return writer->first->fields;
	return writer->fields == NULL ? "" : writer->fields;
}

/* The lines at the beginning of a file, or before lines with other fields;
 * before all that waits. */
static void
prepend_head(struct log_writer *writer)
{
	struct log_chunk *chunk;
	const char *fields;
	char date[20];
	int length;

	/* It could be opened before, and not be written. */
	if (writer->head != NULL) {
		if (writer->head->data[0] == '\n')
			writer->cut = true;
		drop_first(writer);
	}
	fields = fields_of_first(writer);
	chunk = log_chunk_new(REMARK_BYTES + strlen(fields));
	put_time(date, time(NULL));
	if (is_json(fields))
		length = snprintf(chunk->data, chunk->capacity, "%s",
				  writer->cut ? "\n" : "");
	else
		length = snprintf(chunk->data, chunk->capacity,
				  "%s#Software: Portico\n#Version: 1.0\n"
				  "#Date: %s\n%s\n",
				  writer->cut ? "\n" : "", date, fields);
	ASSERT(length >= 0 && (size_t)length < chunk->capacity);
	mem_free(writer->written);
	writer->written = mem_strdup(fields);
	writer->cut = false;
	ASSERT(writer->offset == 0);
	chunk->length = (size_t)length;
	chunk->next = writer->first;
	writer->first = writer->head = chunk;
	if (writer->last == NULL)
		writer->last = chunk;
	count_waiting(writer, chunk->length, 0);
}

/* ---- one of many --------------------------------------------------------------- */

/* It has no open file any more; the next one may. */
static void
group_leave(struct log_writer *writer)
{
	struct log_group *group = writer->group;

	if (!writer->holds)
		return;
	writer->holds = false;
	list_remove(&writer->group_link);
	group->open_count--;
	while (!list_empty(&group->queue) &&
	       group->open_count < LOG_GROUP_FILES_MAX) {
		struct log_writer *first = LIST_FIRST(
			struct log_writer, group_link, &group->queue);

		list_remove(&first->group_link);
		next(first);
	}
}

static void
close_file(struct log_writer *writer)
{
	io_close(&writer->fd);
	group_leave(writer);
}

static bool
is_idle(const struct log_writer *writer)
{
	return writer->group != NULL && !writer->busy && !writer->ending &&
	       writer->first == NULL && writer->fd >= 0;
}

/* Somebody waits for a file. */
static bool
group_is_short(const struct log_writer *writer)
{
	return !list_empty(&writer->group->queue);
}

/* Closes the file, to go on with it when there are lines. */
static void
rest(struct log_writer *writer)
{
	writer->resumable = true;
	close_file(writer);
}

/* Whether a file may be opened: else it is done when another is closed. */
static bool
group_enter(struct log_writer *writer)
{
	struct log_group *group = writer->group;

	if (group == NULL || writer->holds)
		return true;
	list_remove(&writer->group_link);
	if (group->open_count >= LOG_GROUP_FILES_MAX && !writer->ending) {
		LIST_FOREACH(struct log_writer, group_link, other,
			     &group->open) {
			if (!is_idle(other))
				continue;
			rest(other);
			break;
		}
		if (group->open_count >= LOG_GROUP_FILES_MAX) {
			list_add_tail(&group->queue, &writer->group_link);
			return false;
		}
	}
	writer->holds = true;
	group->open_count++;
	list_add_tail(&group->open, &writer->group_link);
	return true;
}

/* ---- trouble ----------------------------------------------------------------- */

/* The rest of a disk is given and taken in small pieces: not all of that is
 * news. */
static void
tell_trouble(struct log_writer *writer, uint64_t now)
{
	char who[64] = "";

	if (writer->told != 0 && now - writer->told < LOG_TELL_AGAIN_NS)
		return;
	/* A full disk is that of many. */
	if (writer->group != NULL) {
		if (writer->group->told != 0 &&
		    now - writer->group->told < LOG_TELL_AGAIN_NS)
			return;
		writer->group->told = now;
	}
	if (writer->os_error == EACCES)
		snprintf(who, sizeof who, " to the listener's user, %u",
			 (unsigned)geteuid());
	log_error(2005, NULL,
		  "the %s %s cannot be %s: %s%s; its lines wait in memory, at "
		  "most %d MiB, the others are lost",
		  writer->name, writer->path,
		  writer->fd < 0 ? "opened" : "written",
		  strerror(writer->os_error), who, LOG_BACKLOG_BYTES >> 20);
	writer->told = now;
	writer->say_end = true;
}

/* Whether the same descriptor may serve again. */
static bool
may_pass(int os_error)
{
	return os_error == ENOSPC || os_error == EDQUOT || os_error == EFBIG ||
	       os_error == EAGAIN;
}

/* The line that was cut is to be written whole, to whatever comes. */
static void
reopen_later(struct log_writer *writer, bool same_file)
{
	const struct log_chunk *chunk = writer->first;

	writer->resumable = false;
	close_file(writer);
	if (chunk == NULL || writer->offset == 0)
		return;
	if (chunk->data[writer->offset - 1] != '\n')
		writer->cut = same_file;
	while (writer->offset > 0 && chunk->data[writer->offset - 1] != '\n')
		writer->offset--;
	/* What is left becomes a chunk of its own. */
	memmove(writer->first->data, chunk->data + writer->offset,
		chunk->length - writer->offset);
	writer->first->length -= writer->offset;
	count_waiting(writer, 0, writer->offset);
	writer->offset = 0;
}

static void
failed(struct log_writer *writer, int os_error)
{
	uint64_t now = clock_monotonic_ns();

	if (writer->os_error == 0)
		writer->since = now;
	writer->os_error = os_error;
	tell_trouble(writer, now);
	/* Of many each holds a file only while it can be written. */
	if (writer->fd >= 0 && (!may_pass(os_error) || writer->group != NULL))
		reopen_later(writer, true);
	if (!writer->ending)
		uv_timer_start(&writer->retry, on_retry,
			       os_error == EAGAIN ? LOG_RETRY_SOON_MS :
						    LOG_RETRY_MS,
			       0);
}

static void
recovered(struct log_writer *writer)
{
	uint64_t lost = writer->lost.lines;

	append_remark(writer);
	if (writer->os_error == 0)
		return;
	writer->os_error = 0;
	if (!writer->say_end)
		return;
	writer->say_end = false;
	log_warn(2033, NULL,
		 "the %s %s is written again after %.1f s; %llu line%s lost",
		 writer->name, writer->path,
		 (double)(clock_monotonic_ns() - writer->since) /
			 (double)CLOCK_NS_PER_S,
		 (unsigned long long)lost, lost == 1 ? " is" : "s are");
}

/* ---- jobs -------------------------------------------------------------------- */

/* After trouble: somebody may have moved the file away, or another disk here. */
static bool
is_moved(const struct log_job *job)
{
	struct stat here, there;

	return stat(job->path, &there) != 0 || fstat(job->fd, &here) != 0 ||
	       here.st_dev != there.st_dev || here.st_ino != there.st_ino;
}

/* What the file has already, from another process. */
static void
note_state(struct log_job *job)
{
	struct stat status;

	if (fstat(job->fd, &status) != 0)
		return;
	job->device = status.st_dev;
	job->inode = status.st_ino;
	if (status.st_size <= 0)
		return;
	job->size = (uint64_t)status.st_size;
	job->begun = status.st_mtime;
}

/* Not to be held up by a fifo that nobody reads. */
static int
open_file(const char *path)
{
	return open(path,
		    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
			    O_NOCTTY,
		    0640);
}

/* Directories of the path that are not there. */
static void
make_way(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0750);
		*slash = '/';
	}
}

/* On a thread of the pool. */
static void
run_job(uv_work_t *work)
{
	struct log_job *job = &((struct log_writer *)work->data)->job;

	job->os_error = 0;
	if (job->opens) {
		job->fd = open_file(job->path);
		if (job->fd < 0 && errno == ENOENT && job->makes_way) {
			make_way(job->path);
			job->fd = open_file(job->path);
		}
		if (job->fd < 0)
			job->os_error = errno;
		else
			note_state(job);
		return;
	}
	if (job->rotates) {
		job->os_error = log_rotation_do(&job->rotation, job->path,
						job->begun, job->now);
		return;
	}
	if (job->path != NULL && is_moved(job)) {
		job->os_error = ESTALE;
		return;
	}
	while (job->done < job->length) {
		ssize_t n = write(job->fd, job->data + job->done,
				  job->length - job->done);

		if (n > 0)
			job->done += (size_t)n;
		else if (n == 0 || errno != EINTR) {
			job->os_error = n == 0 ? EIO : errno;
			return;
		}
	}
}

static void
on_opened(struct log_writer *writer)
{
	struct log_job *job = &writer->job;
	bool resumes;

	if (writer->stale) {
		io_close(&job->fd);
		group_leave(writer);
		return;
	}
	resumes = writer->resumable && job->device == writer->device &&
		  job->inode == writer->inode && job->size == writer->size &&
		  !writer->cut;
	writer->fd = job->fd;
	writer->size = job->size;
	writer->begun = job->begun;
	writer->device = job->device;
	writer->inode = job->inode;
	if (job->os_error != 0) {
		group_leave(writer);
		failed(writer, job->os_error);
	} else if (!resumes) {
		prepend_head(writer);
	}
	writer->resumable = false;
}

/* The name is free, or stays as it is for a while. */
static void
on_rotated(struct log_writer *writer)
{
	const struct log_job *job = &writer->job;

	if (job->os_error == 0)
		return;
	writer->rotate_after = job->now + LOG_ROTATE_RETRY_SECONDS;
	log_warn(2037, NULL, "the %s %s cannot be renamed, and goes on: %s",
		 writer->name, writer->path == NULL ? "" : writer->path,
		 strerror(job->os_error));
}

static void
on_written(struct log_writer *writer)
{
	const struct log_job *job = &writer->job;

	if (job->os_error == ESTALE && !writer->stale) {
		/* Its place is with what there is now. */
		reopen_later(writer, false);
		return;
	}
	writer->offset += job->done;
	writer->size += job->done;
	if (writer->offset == writer->first->length)
		drop_first(writer);
	if (writer->stale)
		reopen_later(writer, false);
	else if (job->os_error != 0)
		failed(writer, job->os_error);
	else
		recovered(writer);
}

static void
on_job_done(uv_work_t *work, int status)
{
	struct log_writer *writer = work->data;

	(void)status;
	CHECK(writer, LOG_WRITER_MAGIC);
	writer->busy = false;
	MEM_FREE(writer->job.path);
	if (writer->job.opens)
		on_opened(writer);
	else if (writer->job.rotates)
		on_rotated(writer);
	else
		on_written(writer);
	writer->stale = false;
	next(writer);
	if (is_idle(writer) && (writer->rests || group_is_short(writer)))
		rest(writer);
}

/* Whether what waits is for another file. */
static bool
is_over(const struct log_writer *writer, time_t now)
{
	return writer->offset == 0 && writer->os_error == 0 &&
	       !writer->ending && now >= writer->rotate_after &&
	       log_rotation_is_due(&writer->rotation, writer->begun,
				   writer->size, writer->first->length, now);
}

/* Begin the next job, if there is something to do and nothing against it. */
static void
next(struct log_writer *writer)
{
	struct log_job *job = &writer->job;
	time_t now;

	if (writer->busy || uv_is_active((uv_handle_t *)&writer->retry) ||
	    (writer->ending && writer->os_error != 0))
		return;
	while (writer->path == NULL && writer->first != NULL)
		drop_first(writer);
	if (writer->path == NULL ||
	    (writer->first == NULL &&
	     (writer->fd >= 0 || writer->group != NULL)))
		return;
	if (writer->fd < 0 && !group_enter(writer))
		return;
	now = writer->now();
	*job = (struct log_job){ .fd = writer->fd,
				 .opens = writer->fd < 0,
				 .makes_way = writer->group != NULL,
				 .rotation = writer->rotation,
				 .begun = writer->begun,
				 .now = now };
	if (job->opens) {
		job->begun = now;
	} else if (is_over(writer, now)) {
		close_file(writer);
		job->fd = -1;
		job->rotates = true;
	} else if (writer->offset == 0 && writer->first != writer->head &&
		   !same(fields_of_first(writer), writer->written)) {
		prepend_head(writer);
	}
	if (writer->fd < 0 || writer->os_error != 0)
		job->path = mem_strdup(writer->path);
	if (writer->fd >= 0) {
		job->data = writer->first->data + writer->offset;
		job->length = writer->first->length - writer->offset;
	}
	if (writer->holds) { /* the one used last */
		list_remove(&writer->group_link);
		list_add_tail(&writer->group->open, &writer->group_link);
	}
	writer->busy = true;
	if (uv_queue_work(writer->uv, &writer->work, run_job, on_job_done) != 0)
		UNREACHABLE();
}

/* ---- from outside ------------------------------------------------------------ */

void
log_writer_set_file(struct log_writer *writer, const char *path,
		    const char *fields)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	if (same(writer->path, path) && same(writer->fields, fields))
		return;
	MEM_FREE(writer->path);
	MEM_FREE(writer->fields);
	writer->path = path == NULL ? NULL : mem_strdup(path);
	writer->fields = fields == NULL ? NULL : mem_strdup(fields);
	writer->os_error = 0;
	writer->told = 0;
	writer->say_end = false;
	uv_timer_stop(&writer->retry);
	if (writer->busy)
		writer->stale = true;
	else
		reopen_later(writer, false);
	next(writer);
}

void
log_writer_set_rotation(struct log_writer *writer,
			const struct settings_log_rotation *rotation)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	writer->rotation = *rotation;
	writer->rotate_after = 0;
}

void
log_writer_set_clock(struct log_writer *writer, time_t (*now)(void))
{
	CHECK(writer, LOG_WRITER_MAGIC);
	writer->now = now;
}

void
log_writer_reopen(struct log_writer *writer)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	if (writer->path == NULL)
		return;
	uv_timer_stop(&writer->retry);
	if (writer->busy)
		writer->stale = true;
	else
		reopen_later(writer, false);
	next(writer);
}

void
log_writer_add(struct log_writer *writer, struct log_chunk *chunk)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	if (writer->path == NULL) {
		log_chunk_free(chunk);
		return;
	}
	if (writer->backlog + chunk->length > LOG_BACKLOG_BYTES ||
	    (writer->group != NULL && writer->group->waiting + chunk->length >
					      LOG_GROUP_BACKLOG_BYTES)) {
		lose(writer, chunk->lines);
		log_chunk_free(chunk);
		return;
	}
	append(writer, chunk);
	next(writer);
}

void
log_writer_rest(struct log_writer *writer, bool rests)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	writer->rests = rests;
	if (rests && is_idle(writer))
		rest(writer);
}

bool
log_writer_has_trouble(const struct log_writer *writer)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	return writer->os_error != 0 || writer->dropped > 0;
}

void
log_group_init(struct log_group *group)
{
	memset(group, 0, sizeof(*group));
	list_init(&group->open);
	list_init(&group->queue);
}

json_t *
log_writer_describe(const struct log_writer *writer)
{
	json_t *json;

	CHECK(writer, LOG_WRITER_MAGIC);
	json = json_pack("{s:s, s:s, s:I, s:I}", "name", writer->name, "state",
			 writer->path == NULL  ? "off" :
			 writer->os_error != 0 ? "failing" :
						 "written",
			 "waiting", (json_int_t)writer->backlog, "lost",
			 (json_int_t)writer->dropped);
	if (json == NULL || writer->path == NULL)
		return json;
	json_object_set_new(json, "file", json_string(writer->path));
	if (writer->os_error == 0)
		return json;
	json_object_set_new(json, "error",
			    json_string(strerror(writer->os_error)));
	json_object_set_new(json, "failingMs",
			    json_integer((json_int_t)((clock_monotonic_ns() -
						       writer->since) /
						      CLOCK_NS_PER_MS)));
	return json;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct log_writer *writer = handle->data;

	writer->magic = 0;
	mem_free(writer);
}

void
log_writer_free(struct log_writer *writer)
{
	unsigned lines = 0;

	if (writer == NULL)
		return;
	CHECK(writer, LOG_WRITER_MAGIC);
	/* What failed is tried once more. */
	writer->ending = true;
	writer->os_error = 0;
	uv_timer_stop(&writer->retry);
	next(writer);
	while (writer->busy)
		uv_run(writer->uv, UV_RUN_ONCE);
	while (writer->first != NULL) {
		lines += writer->first->lines;
		drop_first(writer);
	}
	if (lines > 0)
		log_error(2034, NULL, "%u lines of the %s are lost: %s", lines,
			  writer->name, strerror(writer->os_error));
	close_file(writer);
	list_remove(&writer->group_link);
	mem_free(writer->written);
	mem_free(writer->path);
	mem_free(writer->fields);
	uv_close((uv_handle_t *)&writer->retry, on_timer_closed);
}
