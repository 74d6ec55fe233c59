/* SPDX-License-Identifier: Apache-2.0
 *
 * See log_writer.h.  Main thread, but for write_chunk().
 */
#include "core/listener/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/listener/limits.h"
#include "core/listener/log_buffer.h"

#define LOG_WRITER_MAGIC 0x10391e71u

/* After a failure, so long until the next attempt and message. */
#define RETRY_NS (10 * CLOCK_NS_PER_S)

struct log_writer {
	unsigned magic;
	uv_loop_t *uv;
	uv_work_t work;
	const char *name;
	char *path, *fields; /* NULL: none */
	int fd;
	bool busy; /* `writing` is with the thread pool */
	struct log_chunk *writing;
	int write_error; /* of `writing` */
	struct log_chunk *first, *last; /* waiting */
	size_t backlog; /* bytes waiting */
	uint64_t dropped; /* lines */
	uint64_t failed_at; /* ns; 0 = all is well */
};

struct log_writer *
log_writer_new(uv_loop_t *uv, const char *name)
{
	struct log_writer *writer = mem_zalloc(sizeof(*writer));

	writer->magic = LOG_WRITER_MAGIC;
	writer->uv = uv;
	writer->name = name;
	writer->fd = -1;
	writer->work.data = writer;
	return writer;
}

static void
failed(struct log_writer *writer, const char *what, int os_error)
{
	uint64_t now = clock_monotonic_ns();

	if (writer->failed_at == 0 || now - writer->failed_at > RETRY_NS)
		log_error(2005, NULL, "%s %s %s: %s (%llu lines dropped)", what,
			  writer->name, writer->path, strerror(os_error),
			  (unsigned long long)writer->dropped);
	writer->failed_at = now;
}

static void
write_header(struct log_writer *writer)
{
	char text[1024], date[20];
	time_t now = time(NULL);
	struct tm tm;
	int length;

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	length = snprintf(text, sizeof(text),
			  "#Software: Portico\n#Version: 1.0\n#Date: %s\n%s\n",
			  date, writer->fields);
	if (length > 0 && (size_t)length < sizeof(text))
		(void)io_write_all(writer->fd, text, (size_t)length);
}

static bool
open_file(struct log_writer *writer)
{
	if (writer->fd >= 0)
		return true;
	if (writer->path == NULL ||
	    (writer->failed_at != 0 &&
	     clock_monotonic_ns() - writer->failed_at < RETRY_NS))
		return false;
	writer->fd = open(writer->path,
			  O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (writer->fd < 0) {
		failed(writer, "opening", errno);
		return false;
	}
	write_header(writer);
	return true;
}

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
wait_idle(struct log_writer *writer)
{
	while (writer->busy)
		uv_run(writer->uv, UV_RUN_ONCE);
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
	writer->failed_at = 0;
	/* A chunk on its way has a descriptor of its own. */
	io_close(&writer->fd);
	(void)open_file(writer);
}

static void
drop(struct log_writer *writer, struct log_chunk *chunk)
{
	writer->dropped += chunk->lines;
	mem_free(chunk);
}

/* On a thread of the pool. */
static void
write_chunk(uv_work_t *work)
{
	struct log_writer *writer = work->data;
	struct log_chunk *chunk = writer->writing;
	int fd = (int)(intptr_t)chunk->next;

	writer->write_error = 0;
	if (io_write_all(fd, chunk->data, chunk->length) != PORTICO_OK)
		writer->write_error = errno;
	close(fd);
}

static void next(struct log_writer *writer);

static void
on_written(uv_work_t *work, int status)
{
	struct log_writer *writer = work->data;

	(void)status;
	CHECK(writer, LOG_WRITER_MAGIC);
	writer->busy = false;
	if (writer->write_error != 0) {
		writer->dropped += writer->writing->lines;
		failed(writer, "writing", writer->write_error);
	} else if (writer->fd >= 0) {
		writer->failed_at = 0;
	}
	MEM_FREE(writer->writing);
	next(writer);
}

static void
next(struct log_writer *writer)
{
	while (!writer->busy && writer->first != NULL) {
		struct log_chunk *chunk = writer->first;
		int fd;

		writer->first = chunk->next;
		if (writer->first == NULL)
			writer->last = NULL;
		writer->backlog -= chunk->length;
		fd = open_file(writer) ? fcntl(writer->fd, F_DUPFD_CLOEXEC, 3) :
					 -1;
		if (fd < 0) {
			drop(writer, chunk);
			continue;
		}
		/* The file may change while the chunk is on its way. */
		chunk->next = (struct log_chunk *)(intptr_t)fd;
		writer->writing = chunk;
		writer->busy = true;
		if (uv_queue_work(writer->uv, &writer->work, write_chunk,
				  on_written) != 0)
			UNREACHABLE();
	}
}

void
log_writer_add(struct log_writer *writer, struct log_chunk *chunk)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	if (writer->path == NULL ||
	    writer->backlog + chunk->length > LOG_BACKLOG_BYTES) {
		drop(writer, chunk);
		return;
	}
	chunk->next = NULL;
	if (writer->last == NULL)
		writer->first = chunk;
	else
		writer->last->next = chunk;
	writer->last = chunk;
	writer->backlog += chunk->length;
	next(writer);
}

uint64_t
log_writer_dropped(const struct log_writer *writer)
{
	CHECK(writer, LOG_WRITER_MAGIC);
	return writer->dropped;
}

void
log_writer_free(struct log_writer *writer)
{
	if (writer == NULL)
		return;
	CHECK(writer, LOG_WRITER_MAGIC);
	wait_idle(writer);
	ASSERT(writer->first == NULL);
	io_close(&writer->fd);
	mem_free(writer->path);
	mem_free(writer->fields);
	writer->magic = 0;
	mem_free(writer);
}
