/* SPDX-License-Identifier: Apache-2.0
 *
 * Access logs of sites that have files of their own.
 *
 * A loop gathers the lines of all sites in one chunk (log_buffer.h) and marks
 * where those of another log begin; here they are dealt out.  A log is known by
 * its path and made for its first line; one that no configuration has any more
 * stays, closed, for requests that are still in progress.
 */
#ifndef CORE_LISTENER_SITE_LOGS_H
#define CORE_LISTENER_SITE_LOGS_H

#include <jansson.h>
#include <uv.h>

struct listener_snapshot;
struct log_chunk;
struct log_writer;
struct site_logs;

/* `server` is the log of sites without one. */
struct site_logs *site_logs_new(uv_loop_t *uv, struct log_writer *server);

/* Writes what is left; the loop has to run once more. */
void site_logs_free(struct site_logs **logs_p);

/* Before the snapshot is given to anybody: where its sites' lines go. */
void site_logs_configure(struct site_logs *logs,
			 struct listener_snapshot *snapshot);

/* Lines of the access log.  OWNERSHIP: takes the chunk. */
void site_logs_write(struct site_logs *logs, struct log_chunk *chunk);

void site_logs_reopen(struct site_logs *logs);

/* Appends all together, if there are any, and those in trouble one by one. */
void site_logs_describe(const struct site_logs *logs, json_t *array);

#endif
