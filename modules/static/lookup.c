/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking a path up in the file system: static_lookup_run() on the thread
 * pool, where it may block; the rest on the loop, which makes an entry of
 * what was found.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "modules/static/static_priv.h"

static enum static_lookup_result
result_of(const struct portico_error *error)
{
	switch (error->status) {
	case PORTICO_NOT_FOUND:
	case PORTICO_INVALID:
		return STATIC_LOOKUP_NOT_FOUND;
	case PORTICO_DENIED:
		return STATIC_LOOKUP_DENIED;
	default:
		break;
	}
	switch (error->os_error) {
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
	case ENXIO: /* a socket */
		return STATIC_LOOKUP_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EXDEV: /* out of the root */
		return STATIC_LOOKUP_DENIED;
	default:
		return STATIC_LOOKUP_FAILED;
	}
}

/* May the listener keep the file that is open now? */
static void
see_to_watch(struct static_lookup *lookup, struct portico_slice path)
{
	if (!lookup->configuration->keep)
		return;
	if (lookup->stat.st_size > STATIC_KEPT_BYTES ||
	    !static_watch_fits(lookup->watches, lookup->fd, &lookup->stat,
			       path))
		lookup->watch = NULL;
	else if (lookup->watch == NULL)
		lookup->watch_wanted = static_watch_want(lookup->watches, path);
}

static enum static_lookup_result
open_path(struct static_lookup *lookup, struct portico_slice path)
{
	struct portico_error *error = &lookup->error;

	memset(error, 0, sizeof(*error));
	error->status =
		portico_file_open(lookup->request, path, &lookup->fd, error);
	if (error->status != PORTICO_OK) {
		lookup->fd = -1;
		return result_of(error);
	}
	if (fstat(lookup->fd, &lookup->stat) == 0 &&
	    S_ISREG(lookup->stat.st_mode)) {
		see_to_watch(lookup, path);
		return STATIC_LOOKUP_FILE;
	}
	close(lookup->fd);
	lookup->fd = -1;
	return S_ISDIR(lookup->stat.st_mode) ? STATIC_LOOKUP_DIRECTORY :
					       STATIC_LOOKUP_NOT_FOUND;
}

/* The path ends with a slash: the first default document that is there. */
static enum static_lookup_result
open_default_document(struct static_lookup *lookup)
{
	const char *const *names = lookup->configuration->default_documents;
	char path[4096];
	enum static_lookup_result result;

	if (lookup->path.length >= sizeof(path) - 256)
		return STATIC_LOOKUP_NOT_FOUND;
	memcpy(path, lookup->path.data, lookup->path.length);
	for (; names != NULL && *names != NULL; names++) {
		size_t length = strlen(*names);

		if (length > 255 || length == 0)
			continue;
		memcpy(path + lookup->path.length, *names, length + 1);
		result = open_path(
			lookup, (struct portico_slice){
					path, lookup->path.length + length });
		if (result == STATIC_LOOKUP_FILE)
			lookup->content_type = static_content_type(
				lookup->configuration, *names, length);
		if (result != STATIC_LOOKUP_NOT_FOUND &&
		    result != STATIC_LOOKUP_DIRECTORY)
			return result;
	}
	result = open_path(lookup, lookup->path);
	if (result == STATIC_LOOKUP_DIRECTORY)
		return STATIC_LOOKUP_NO_DEFAULT_DOCUMENT;
	if (result ==
	    STATIC_LOOKUP_FILE) { /* "file/": there is no such thing */
		close(lookup->fd);
		lookup->fd = -1;
		return STATIC_LOOKUP_NOT_FOUND;
	}
	return result;
}

/* A small file is kept whole, and its descriptor is not needed any more.  One
 * that changes while it is read is sent by descriptor instead. */
static void
read_small_file(struct static_lookup *lookup)
{
	size_t size = (size_t)lookup->stat.st_size;
	char *content = malloc(size + 1);
	size_t done = 0;

	while (content != NULL && done <= size) {
		ssize_t n = pread(lookup->fd, content + done, size + 1 - done,
				  (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (content == NULL || done != size) {
		free(content);
		return;
	}
	lookup->content = content;
	close(lookup->fd);
	lookup->fd = -1;
}

void
static_lookup_run(void *arg)
{
	struct static_lookup *lookup = arg;
	struct portico_slice path = lookup->path;

	/* Before anything of it is looked at. */
	if (lookup->configuration->keep)
		lookup->watch = static_watch_find(lookup->watches, path,
						  &lookup->changes);
	if (path.length > 0 && path.data[path.length - 1] == '/') {
		lookup->result = open_default_document(lookup);
	} else {
		lookup->content_type = static_content_type(
			lookup->configuration, path.data, path.length);
		lookup->result = open_path(lookup, path);
	}
	if (lookup->result != STATIC_LOOKUP_FILE)
		return;
	if ((uint64_t)lookup->stat.st_size <= lookup->configuration->small_file)
		read_small_file(lookup);
}

static char *
full_content_type(const struct static_lookup *lookup)
{
	const char *charset = lookup->configuration->charset;
	const char *type = lookup->content_type;
	char *text;

	if (type == NULL)
		return NULL;
	if (charset == NULL || *charset == '\0' ||
	    strncmp(type, "text/", 5) != 0 || strchr(type, ';') != NULL)
		return strdup(type);
	return asprintf(&text, "%s; charset=%s", type, charset) < 0 ? NULL :
								      text;
}

/* Strong: two versions of a file differ in one of these, since each write
 * changes the time of change, which nobody can set (to the kernel's grain). */
static void
set_etag(struct static_entry *entry)
{
	int length = snprintf(entry->etag, sizeof(entry->etag),
			      "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"",
			      entry->inode, entry->size,
			      (uint64_t)entry->changed.tv_sec * 1000000000u +
				      (uint64_t)entry->changed.tv_nsec);

	entry->etag_length = (size_t)length;
}

struct static_entry *
static_lookup_entry(struct static_lookup *lookup)
{
	struct static_entry *entry = static_entry_new(lookup->path);

	if (entry == NULL)
		return NULL;
	entry->checked_at = portico_clock();
	entry->watch = lookup->watch;
	entry->changes = lookup->changes;
	entry->watch_wanted = lookup->watch_wanted;
	entry->is_directory = lookup->result == STATIC_LOOKUP_DIRECTORY;
	if (entry->is_directory)
		return entry;
	entry->size = (uint64_t)lookup->stat.st_size;
	entry->device = lookup->stat.st_dev;
	entry->inode = lookup->stat.st_ino;
	entry->modified = lookup->stat.st_mtim;
	entry->changed = lookup->stat.st_ctim;
	entry->content_type = full_content_type(lookup);
	static_date_format(entry->modified.tv_sec, entry->last_modified);
	set_etag(entry);
	entry->content = lookup->content;
	lookup->content = NULL;
	if (lookup->fd >= 0) {
		entry->file = portico_file_adopt(lookup->fd);
		lookup->fd = -1;
		if (entry->file == NULL) {
			static_entry_unref(entry);
			return NULL;
		}
	}
	return entry;
}

/* The file is what it was: keep the entry, whose descriptor the listener has
 * already. */
bool
static_lookup_is_same(const struct static_lookup *lookup,
		      const struct static_entry *entry)
{
	const struct stat *stat = &lookup->stat;

	if (lookup->result == STATIC_LOOKUP_DIRECTORY || entry->is_directory)
		return entry->is_directory &&
		       lookup->result == STATIC_LOOKUP_DIRECTORY;
	return entry->device == stat->st_dev && entry->inode == stat->st_ino &&
	       entry->size == (uint64_t)stat->st_size &&
	       entry->changed.tv_sec == stat->st_ctim.tv_sec &&
	       entry->changed.tv_nsec == stat->st_ctim.tv_nsec &&
	       (entry->content != NULL || entry->file != NULL);
}

void
static_lookup_drop(void *arg)
{
	struct static_lookup *lookup = arg;

	if (lookup->fd >= 0)
		close(lookup->fd);
	free(lookup->content);
}
