/* SPDX-License-Identifier: Apache-2.0
 *
 * Open files that modules send, and the table of those that a channel's
 * listener has been passed.
 *
 * Threads: portico_file is counted atomically, any thread.  A table belongs
 * to its channel's loop.
 */
#ifndef CORE_WORKER_FILE_H
#define CORE_WORKER_FILE_H

#include <stdatomic.h>

#include <portico/portico.h>

#include "core/base/list.h"
#include "core/channel/channel.h"

#define FILE_MAGIC 0x46494c45u
#define FILE_TABLE_BUCKETS 512

struct portico_file {
	unsigned magic;
	_Atomic uint32_t refs;
	_Atomic uint32_t tables; /* how many of them are tables' */
	int fd;
};

struct file_entry {
	struct portico_file *file;
	uint32_t number; /* never used again on this channel */
	struct file_entry *next; /* in its bucket */
	struct list lru; /* table->used, newest first, or table->spare */
};

struct file_table {
	struct file_entry *entries; /* channel_files(), made at first use */
	struct file_entry *buckets[FILE_TABLE_BUCKETS];
	struct list used, spare;
	uint32_t next_number;
};

struct attachment;

void file_table_init(struct file_table *table);
void file_table_fini(struct file_table *table);

/*
 * The number under which the listener knows the file; passes it if it does
 * not.  PORTICO_AGAIN: the channel's socket is full.
 */
enum portico_status file_table_get(struct attachment *attachment,
				   struct portico_file *file,
				   uint32_t *number_r);

/* Closes what nobody but the table still has. */
void file_table_trim(struct attachment *attachment);

struct portico_file *file_adopt(int fd);
void file_ref(struct portico_file *file);
void file_unref(struct portico_file *file);
int file_fd(const struct portico_file *file);

/* Does the kernel have openat2?  err has the sentence if not. */
enum portico_status file_check_openat2(struct portico_error *err);

/* The root of an application, for file_open_below(). */
int file_open_root(const char *path, struct portico_error *err);

/* portico_file_open() without the request. */
enum portico_status file_open_below(int root_fd, struct portico_slice path,
				    int *fd_r, struct portico_error *err);

#endif
