/* SPDX-License-Identifier: Apache-2.0
 *
 * A log file.  Chunks of lines come from the loops and are written in order on
 * libuv's thread pool, one at a time, so that a slow disk holds up nobody.
 *
 * A file that cannot be opened or written, a full disk say, is tried again
 * every second.  Lines wait meanwhile in a bounded backlog; what does not fit
 * is dropped and counted, and a #Remark in the file tells how many are missing
 * when it goes on.  The log says when trouble begins and when it is over.
 *
 * A file that is over (log_rotation.h) is renamed there, too, and the next one
 * opened.
 */
#ifndef CORE_LISTENER_LOG_WRITER_H
#define CORE_LISTENER_LOG_WRITER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <uv.h>

#include "core/base/list.h"
#include "core/config/settings_log.h"

struct log_chunk;
struct log_writer;

/*
 * Logs that there may be ten thousand of, one for each site.  Their files are
 * opened for the first line, with directories that are missing, and at most
 * LOG_GROUP_FILES_MAX of them are open: the one that was not used for longest
 * is closed for another.  What waits in memory is bounded for all together.
 */
struct log_group {
	size_t waiting; /* bytes */
	uint64_t lost; /* lines, ever */
	uint64_t told; /* ns; of trouble; 0 = never */
	unsigned open_count; /* of `open` */
	struct list open; /* of struct log_writer; used last comes last */
	struct list queue; /* that wait until they may open theirs */
};

void log_group_init(struct log_group *group);

/* `name` is a literal, for messages; `group` NULL for a log of its own.
 * OWNERSHIP: the caller's. */
struct log_writer *log_writer_new(uv_loop_t *uv, const char *name,
				  struct log_group *group);

/*
 * The file from now on, NULL for none, and the line that names its fields, NULL
 * for a file of JSON objects, which has no head.
 * Does nothing when both are as before.  Lines that wait go to the new file.
 */
void log_writer_set_file(struct log_writer *writer, const char *path,
			 const char *fields);

/* When the file gives way to another, from now on.  Copied. */
void log_writer_set_rotation(struct log_writer *writer,
			     const struct settings_log_rotation *rotation);

/* Goes on with whatever has the file's name then: somebody has moved it. */
void log_writer_reopen(struct log_writer *writer);

/* Of a group: whether its file is closed whenever no lines wait. */
void log_writer_rest(struct log_writer *writer, bool rests);

/* Whether it cannot be written, or has lost lines. */
bool log_writer_has_trouble(const struct log_writer *writer);

/* For tests: the time of day by another clock. */
void log_writer_set_clock(struct log_writer *writer, time_t (*now)(void));

/* OWNERSHIP: takes the chunk. */
void log_writer_add(struct log_writer *writer, struct log_chunk *chunk);

/* For status: {"name", "file", "state": "off", "written" or "failing",
 * "waiting" bytes, "lost" lines, "error", "failingMs"}.  OWNERSHIP: caller's. */
json_t *log_writer_describe(const struct log_writer *writer);

/* Writes what is left, waiting for it; what cannot be written is lost.  The
 * loop has to run once more. */
void log_writer_free(struct log_writer *writer);

#endif
