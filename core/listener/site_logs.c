/* SPDX-License-Identifier: Apache-2.0
 *
 * See site_logs.h.  Main thread; loops only compare what they are given.
 */
#include "core/listener/site_logs.h"

#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/access_log.h"
#include "core/listener/limits.h"
#include "core/listener/log_buffer.h"
#include "core/listener/log_writer.h"
#include "core/listener/snapshot.h"

#define SITE_LOG_MAGIC 0x517e1091u

/* A chunk of few lines is made so large, for more of them. */
#define PIECE_BYTES_LEAST 2048

struct site_log {
	unsigned magic;
	char *path;
	struct log_writer *writer; /* NULL: there was no line yet */
	struct settings_log_rotation rotation;
	bool known; /* to the newest configuration */
};

struct site_logs {
	uv_loop_t *uv;
	struct log_writer *server;
	struct hash_table *logs; /* of struct site_log by path; only ever added */
	struct hash_table *fields; /* texts; only ever added */
	struct log_group group;
	size_t known;
};

/* ---- life -------------------------------------------------------------------- */

struct site_logs *
site_logs_new(uv_loop_t *uv, struct log_writer *server)
{
	struct site_logs *logs = mem_zalloc(sizeof(*logs));

	logs->uv = uv;
	logs->server = server;
	logs->logs = hash_new("logs of sites", 0);
	logs->fields = hash_new("fields of logs", 0);
	log_group_init(&logs->group);
	return logs;
}

void
site_logs_free(struct site_logs **logs_p)
{
	struct site_logs *logs = *logs_p;
	size_t cursor = 0;
	void *value;

	*logs_p = NULL;
	while (hash_next(logs->logs, &cursor, NULL, &value)) {
		struct site_log *log = value;

		CHECK(log, SITE_LOG_MAGIC);
		log_writer_free(log->writer);
		log->magic = 0;
		mem_free(log->path);
		mem_free(log);
	}
	cursor = 0;
	while (hash_next(logs->fields, &cursor, NULL, &value))
		mem_free(value);
	hash_free(logs->logs);
	hash_free(logs->fields);
	mem_free(logs);
}

/* ---- configuration --------------------------------------------------------------- */

/* Its #Fields line, always the same pointer for the same text. */
static const char *
fields_of(struct site_logs *logs, const struct settings_access_log *log)
{
	char line[16384];
	struct log_text text = { line, line + sizeof(line) - 1 };
	char *known;

	if (log->format == SETTINGS_LOG_W3C)
		access_log_fields(&text, log);
	*text.at = '\0';
	known = hash_find_text(logs->fields, line);
	if (known != NULL)
		return known;
	known = mem_strdup(line);
	if (hash_add(logs->fields, slice_from(known), known) != PORTICO_OK)
		check_panic("out of memory for the fields of a log");
	return known;
}

static struct site_log *
get(struct site_logs *logs, const char *path)
{
	struct site_log *log = hash_find_text(logs->logs, path);

	if (log != NULL)
		return log;
	log = mem_zalloc(sizeof(*log));
	log->magic = SITE_LOG_MAGIC;
	log->path = mem_strdup(path);
	if (hash_add(logs->logs, slice_from(log->path), log) != PORTICO_OK)
		check_panic("out of memory for the log %s", path);
	return log;
}

static void
configure_one(struct site_logs *logs, struct snapshot_site *site)
{
	struct site_log *log;

	if (site->log == NULL || site->log->file == NULL)
		return;
	log = get(logs, site->log->file);
	if (!log->known)
		logs->known++;
	log->known = true;
	log->rotation = site->log->rotation;
	site->log_target = log;
}

void
site_logs_configure(struct site_logs *logs, struct listener_snapshot *snapshot)
{
	const struct settings *settings = snapshot->settings;
	const struct settings_access_log *last = NULL;
	const char *fields = NULL;
	size_t cursor = 0;
	void *value;

	while (hash_next(logs->logs, &cursor, NULL, &value))
		((struct site_log *)value)->known = false;
	logs->known = 0;
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_access_log *log = &settings->sites[i].log;
		struct snapshot_site *site = &snapshot->sites[i];

		site->log = log->enabled ? log : NULL;
		if (last == NULL || last->columns != log->columns ||
		    last->format != log->format)
			fields = fields_of(logs, log);
		last = log;
		site->log_fields = fields;
		configure_one(logs, site);
	}
	cursor = 0;
	while (hash_next(logs->logs, &cursor, NULL, &value)) {
		struct site_log *log = value;

		if (log->writer == NULL)
			continue;
		log_writer_set_rotation(log->writer, &log->rotation);
		log_writer_rest(log->writer, !log->known);
	}
}

/* ---- lines ---------------------------------------------------------------------- */

static struct log_writer *
writer_of(struct site_logs *logs, struct site_log *log)
{
	if (log == NULL)
		return logs->server;
	CHECK(log, SITE_LOG_MAGIC);
	if (log->writer != NULL)
		return log->writer;
	log->writer = log_writer_new(logs->uv, "access log", &logs->group);
	log_writer_set_rotation(log->writer, &log->rotation);
	log_writer_set_file(log->writer, log->path, NULL);
	log_writer_rest(log->writer, !log->known);
	return log->writer;
}

static void
write_run(struct site_logs *logs, const struct log_chunk *from,
	  const struct log_run *run, const struct log_run *end)
{
	size_t length = end->offset - run->offset;
	struct log_chunk *chunk = log_chunk_new(length * 2 > PIECE_BYTES_LEAST ?
							length * 2 :
							PIECE_BYTES_LEAST);

	memcpy(chunk->data, from->data + run->offset, length);
	chunk->length = length;
	chunk->lines = end->line - run->line;
	chunk->fields = run->fields;
	log_writer_add(writer_of(logs, run->target), chunk);
}

void
site_logs_write(struct site_logs *logs, struct log_chunk *chunk)
{
	struct log_run run = { chunk->target, chunk->fields, 0, 0 };
	const struct log_run end = { NULL, NULL, chunk->length, chunk->lines };

	if (chunk->run_count == 0) {
		log_writer_add(writer_of(logs, chunk->target), chunk);
		return;
	}
	for (unsigned i = 0; i < chunk->run_count; i++) {
		write_run(logs, chunk, &run, &chunk->runs[i]);
		run = chunk->runs[i];
	}
	write_run(logs, chunk, &run, &end);
	log_chunk_free(chunk);
}

/* ---- queries --------------------------------------------------------------------- */

void
site_logs_reopen(struct site_logs *logs)
{
	size_t cursor = 0;
	void *value;

	while (hash_next(logs->logs, &cursor, NULL, &value)) {
		struct site_log *log = value;

		if (log->writer != NULL)
			log_writer_reopen(log->writer);
	}
}

void
site_logs_describe(const struct site_logs *logs, json_t *array)
{
	const struct log_group *group = &logs->group;
	char what[64];
	size_t cursor = 0;
	void *value;

	if (hash_count(logs->logs) == 0)
		return;
	snprintf(what, sizeof(what), "%zu files, %u of them open", logs->known,
		 group->open_count);
	json_array_append_new(
		array, json_pack("{s:s, s:s, s:I, s:I, s:s, s:i}", "name",
				 "sites' logs", "state", "written", "waiting",
				 (json_int_t)group->waiting, "lost",
				 (json_int_t)group->lost, "file", what, "open",
				 (int)group->open_count));
	while (hash_next(logs->logs, &cursor, NULL, &value)) {
		const struct site_log *log = value;

		if (log->writer != NULL &&
		    log_writer_has_trouble(log->writer) &&
		    json_array_size(array) < QUERY_LOGS_MAX)
			json_array_append_new(array,
					      log_writer_describe(log->writer));
	}
}
