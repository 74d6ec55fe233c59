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

/* What a job works on; the main thread leaves it alone meanwhile. */
struct log_job {
	bool opens, rotates; /* else it writes */
	char *path; /* to be opened, to be renamed; or, if not NULL, that `fd`
		       has to be */
	int fd;
	struct settings_log_rotation rotation;
	time_t begun, now;
	uint64_t size; /* of what was opened */
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
	char *path, *fields; /* NULL: none */
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
log_writer_new(uv_loop_t *uv, const char *name)
{
	struct log_writer *writer = mem_zalloc(sizeof(*writer));

	writer->magic = LOG_WRITER_MAGIC;
	writer->uv = uv;
	writer->name = name;
	writer->fd = -1;
	writer->now = real_time;
	writer->work.data = writer;
	uv_timer_init(uv, &writer->retry);
	writer->retry.data = writer;
	return writer;
}

/* ---- chunks ------------------------------------------------------------------ */

static struct log_chunk *
chunk_new(void)
{
	/* As large as the loops', so that others can be joined to it. */
	struct log_chunk *chunk = mem_alloc(sizeof(*chunk) + LOG_CHUNK_BYTES);

	chunk->next = NULL;
	chunk->lines = 0;
	chunk->length = 0;
	return chunk;
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

	writer->backlog += chunk->length;
	chunk->next = NULL;
	if (last != NULL && last != writer->head &&
	    LOG_CHUNK_BYTES - last->length >= chunk->length) {
		/* A job that writes it does not look beyond its length. */
		memcpy(last->data + last->length, chunk->data, chunk->length);
		last->length += chunk->length;
		last->lines += chunk->lines;
		mem_free(chunk);
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
	writer->backlog -= chunk->length;
	writer->offset = 0;
	mem_free(chunk);
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
	chunk = chunk_new();
	put_time(from, writer->lost.from);
	put_time(to, writer->lost.to);
	length = snprintf(chunk->data, LOG_CHUNK_BYTES,
			  writer->fields == NULL ?
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

/* The lines at the beginning of a file, before all that waits. */
static void
prepend_head(struct log_writer *writer)
{
	struct log_chunk *chunk = chunk_new();
	char date[20];
	int length;

	/* It could be opened before, and not be written. */
	if (writer->head != NULL) {
		if (writer->head->data[0] == '\n')
			writer->cut = true;
		drop_first(writer);
	}
	put_time(date, time(NULL));
	if (writer->fields == NULL)
		length = snprintf(chunk->data, LOG_CHUNK_BYTES, "%s",
				  writer->cut ? "\n" : "");
	else
		length = snprintf(chunk->data, LOG_CHUNK_BYTES,
				  "%s#Software: Portico\n#Version: 1.0\n"
				  "#Date: %s\n%s\n",
				  writer->cut ? "\n" : "", date,
				  writer->fields);
	ASSERT(length >= 0 && length < LOG_CHUNK_BYTES);
	writer->cut = false;
	ASSERT(writer->offset == 0);
	chunk->length = (size_t)length;
	chunk->next = writer->first;
	writer->first = writer->head = chunk;
	if (writer->last == NULL)
		writer->last = chunk;
	writer->backlog += chunk->length;
}

/* ---- trouble ----------------------------------------------------------------- */

/* The rest of a disk is given and taken in small pieces: not all of that is
 * news. */
static void
tell_trouble(struct log_writer *writer, uint64_t now)
{
	if (writer->told != 0 && now - writer->told < LOG_TELL_AGAIN_NS)
		return;
	log_error(2005, NULL,
		  "the %s %s cannot be %s: %s; its lines wait in memory, at "
		  "most %d MiB, the others are lost",
		  writer->name, writer->path,
		  writer->fd < 0 ? "opened" : "written",
		  strerror(writer->os_error), LOG_BACKLOG_BYTES >> 20);
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

	io_close(&writer->fd);
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
	writer->backlog -= writer->offset;
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
	if (writer->fd >= 0 && !may_pass(os_error))
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

	if (fstat(job->fd, &status) != 0 || status.st_size <= 0)
		return;
	job->size = (uint64_t)status.st_size;
	job->begun = status.st_mtime;
}

/* On a thread of the pool. */
static void
run_job(uv_work_t *work)
{
	struct log_job *job = &((struct log_writer *)work->data)->job;

	job->os_error = 0;
	if (job->opens) {
		/* Not to be held up by a fifo that nobody reads. */
		job->fd = open(job->path,
			       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
				       O_NONBLOCK | O_NOCTTY,
			       0640);
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

	if (writer->stale) {
		io_close(&job->fd);
		return;
	}
	writer->fd = job->fd;
	writer->size = job->size;
	writer->begun = job->begun;
	if (job->os_error != 0)
		failed(writer, job->os_error);
	else
		prepend_head(writer);
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
	if (writer->path == NULL || (writer->fd >= 0 && writer->first == NULL))
		return;
	now = writer->now();
	*job = (struct log_job){ .fd = writer->fd,
				 .opens = writer->fd < 0,
				 .rotation = writer->rotation,
				 .begun = writer->begun,
				 .now = now };
	if (job->opens) {
		job->begun = now;
	} else if (is_over(writer, now)) {
		io_close(&writer->fd);
		job->fd = -1;
		job->rotates = true;
	}
	if (writer->fd < 0 || writer->os_error != 0)
		job->path = mem_strdup(writer->path);
	if (writer->fd >= 0) {
		job->data = writer->first->data + writer->offset;
		job->length = writer->first->length - writer->offset;
	}
	writer->busy = true;
	if (uv_queue_work(writer->uv, &writer->work, run_job, on_job_done) != 0)
		UNREACHABLE();
}

/* ---- from outside ------------------------------------------------------------ */

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

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
		mem_free(chunk);
		return;
	}
	if (writer->backlog + chunk->length > LOG_BACKLOG_BYTES) {
		lose(writer, chunk->lines);
		mem_free(chunk);
		return;
	}
	append(writer, chunk);
	next(writer);
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
	io_close(&writer->fd);
	mem_free(writer->path);
	mem_free(writer->fields);
	uv_close((uv_handle_t *)&writer->retry, on_timer_closed);
}
