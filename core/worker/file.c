/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: counted descriptors, the table of those passed over a channel, and
 * opening below a root.
 */
#include "core/worker/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/worker/attachment.h"

/* ---- counted files -------------------------------------------------------------- */

struct portico_file *
file_adopt(int fd)
{
	struct portico_file *file = mem_zalloc(sizeof(*file));

	file->magic = FILE_MAGIC;
	file->fd = fd;
	atomic_init(&file->refs, 1);
	return file;
}

void
file_ref(struct portico_file *file)
{
	CHECK(file, FILE_MAGIC);
	atomic_fetch_add_explicit(&file->refs, 1, memory_order_relaxed);
}

void
file_unref(struct portico_file *file)
{
	if (file == NULL)
		return;
	CHECK(file, FILE_MAGIC);
	if (atomic_fetch_sub_explicit(&file->refs, 1, memory_order_acq_rel) !=
	    1)
		return;
	io_close(&file->fd);
	file->magic = 0;
	mem_free(file);
}

int
file_fd(const struct portico_file *file)
{
	CHECK(file, FILE_MAGIC);
	return file->fd;
}

/* ---- table of a channel ------------------------------------------------------------ */

static struct file_entry **
bucket_of(struct file_table *table, const struct portico_file *file)
{
	uintptr_t key = (uintptr_t)file;

	return &table->buckets[(key >> 5 ^ key >> 14) % FILE_TABLE_BUCKETS];
}

void
file_table_init(struct file_table *table)
{
	*table = (struct file_table){ .next_number = 1 };
	list_init(&table->used);
	list_init(&table->spare);
}

static void
entry_forget(struct file_table *table, struct file_entry *entry)
{
	struct file_entry **at = bucket_of(table, entry->file);

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	atomic_fetch_sub(&entry->file->tables, 1);
	file_unref(entry->file);
	entry->file = NULL;
	list_remove(&entry->lru);
	list_add_tail(&table->spare, &entry->lru);
}

void
file_table_fini(struct file_table *table)
{
	while (!list_empty(&table->used))
		entry_forget(table,
			     LIST_FIRST(struct file_entry, lru, &table->used));
	MEM_FREE(table->entries);
}

static void
entry_close(struct attachment *attachment, struct file_entry *entry)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_FILE_CLOSE,
		.extra = entry->number,
	};

	entry_forget(&attachment->files, entry);
	attachment_send(attachment, &descriptor);
}

static void
entries_make(struct file_table *table, uint32_t count)
{
	table->entries = mem_zalloc_array(count, sizeof(*table->entries));
	for (uint32_t i = 0; i < count; i++)
		list_add_tail(&table->spare, &table->entries[i].lru);
}

enum portico_status
file_table_get(struct attachment *attachment, struct portico_file *file,
	       uint32_t *number_r)
{
	struct file_table *table = &attachment->files;
	struct file_entry **bucket = bucket_of(table, file);
	struct file_entry *entry;
	struct stat properties;
	enum portico_status status;

	CHECK(file, FILE_MAGIC);
	for (entry = *bucket; entry != NULL; entry = entry->next) {
		if (entry->file == file) {
			list_remove(&entry->lru);
			list_add_head(&table->used, &entry->lru);
			*number_r = entry->number;
			return PORTICO_OK;
		}
	}
	if (table->entries == NULL)
		entries_make(table, channel_files(attachment->channel));
	if (list_empty(&table->spare))
		entry_close(attachment,
			    LIST_LAST(struct file_entry, lru, &table->used));
	/* The listener would take anything else for a lie. */
	if (fstat(file->fd, &properties) != 0 || !S_ISREG(properties.st_mode))
		return PORTICO_INVALID;
	status = channel_file_pass(attachment->channel, table->next_number,
				   file->fd);
	if (status != PORTICO_OK)
		return status;
	entry = LIST_FIRST(struct file_entry, lru, &table->spare);
	list_remove(&entry->lru);
	entry->file = file;
	entry->number = table->next_number++;
	entry->next = *bucket;
	*bucket = entry;
	list_add_head(&table->used, &entry->lru);
	file_ref(file);
	atomic_fetch_add(&file->tables, 1);
	*number_r = entry->number;
	return PORTICO_OK;
}

void
file_table_trim(struct attachment *attachment)
{
	LIST_FOREACH_SAFE(struct file_entry, lru, entry,
			  &attachment->files.used) {
		if (atomic_load(&entry->file->refs) ==
		    atomic_load(&entry->file->tables))
			entry_close(attachment, entry);
	}
}

/* ---- opening below a root ----------------------------------------------------------- */

#define RESOLVE_FLAGS (RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)

static int
openat2_call(int dirfd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags, .resolve = RESOLVE_FLAGS };
	int fd;

	do {
		fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
	} while (fd < 0 && errno == EINTR);
	return fd;
}

enum portico_status
file_check_openat2(struct portico_error *err)
{
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return error_system(err, "cannot open /");
	fd = openat2_call(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		enum portico_status status = error_system(
			err, "cannot open files below a directory (openat2)");

		error_detail(err, "The kernel keeps requests inside the root "
				  "of their application by openat2 with "
				  "RESOLVE_BENEATH, and Portico does not serve "
				  "files without it.");
		error_hint(err, "Linux 5.6 or newer is needed, and a container "
				"must permit the system call openat2.");
		io_close(&root);
		return status;
	}
	io_close(&fd);
	io_close(&root);
	return PORTICO_OK;
}

int
file_open_root(const char *path, struct portico_error *err)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return (int)error_system(err, "cannot open root \"%s\"", path);
	return fd;
}

static enum portico_status
open_failed(struct portico_slice path, struct portico_error *err)
{
	enum portico_status status = error_system(err, "cannot open \"%.*s\"",
						  (int)path.length, path.data);

	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		status = PORTICO_NOT_FOUND;
		break;
	case EXDEV: /* a way out of the root */
	case ELOOP:
	case EACCES:
	case EPERM:
		status = PORTICO_DENIED;
		break;
	case ENAMETOOLONG:
		status = PORTICO_INVALID;
		break;
	case ENXIO: /* a fifo without writer, a socket */
		status = PORTICO_DENIED;
		break;
	default:
		status = PORTICO_SYSTEM;
		break;
	}
	if (err != NULL)
		err->status = status;
	return status;
}

enum portico_status
file_open_below(int root_fd, struct portico_slice path, int *fd_r,
		struct portico_error *err)
{
	char text[4096];
	size_t skip = 0;
	int fd;

	/* "//etc" must not become absolute. */
	while (skip < path.length && path.data[skip] == '/')
		skip++;
	path.data += skip;
	path.length -= skip;
	if (path.length >= sizeof(text) - 1)
		return error_set(err, PORTICO_INVALID, "path is too long");
	if (path.length > 0 && memchr(path.data, '\0', path.length) != NULL)
		return error_set(err, PORTICO_INVALID, "path holds a NUL");
	if (root_fd < 0)
		return error_set(err, PORTICO_NOT_FOUND,
				 "the application has no root");
	if (path.length == 0)
		text[path.length++] = '.';
	else
		memcpy(text, path.data, path.length);
	text[path.length] = '\0';
	fd = openat2_call(root_fd, text,
			  O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return open_failed((struct portico_slice){ text, path.length },
				   err);
	*fd_r = fd;
	return PORTICO_OK;
}
