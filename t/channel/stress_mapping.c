/* SPDX-License-Identifier: Apache-2.0
 *
 * One mapping of a memory file for both sides of a channel in one process; see
 * stress.h.  The linker sends mmap() and munmap() of core/channel here
 * (--wrap, core/channel/local.mk), so that code runs as it is.
 *
 * The worker's own mapping of the down region would be read-only; here it can
 * write there.  That it does not is shown by the run with two processes.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "t/channel/stress.h"

#define MAPPINGS_MAX 256u /* two regions of at most 64 segments, and spare */

struct mapping {
	dev_t device;
	ino_t file;
	void *base; /* NULL: none */
	size_t size;
	unsigned uses;
};

static struct {
	pthread_mutex_t lock; /* of all below */
	bool on;
	struct mapping mappings[MAPPINGS_MAX];
	unsigned shared;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The names are the linker's. */
void *__real_mmap(void *address, size_t size, int protection, int flags, int fd,
		  off_t offset);
int __real_munmap(void *address, size_t size);
void *__wrap_mmap(void *address, size_t size, int protection, int flags, int fd,
		  off_t offset);
int __wrap_munmap(void *address, size_t size);

void
stress_mapping_share(void)
{
	pthread_mutex_lock(&table.lock);
	table.on = true;
	table.shared = 0;
	pthread_mutex_unlock(&table.lock);
}

unsigned
stress_mapping_shared(void)
{
	unsigned shared;

	pthread_mutex_lock(&table.lock);
	shared = table.shared;
	pthread_mutex_unlock(&table.lock);
	return shared;
}

/* Locked.  The mapping of the file, or a free place for it. */
static struct mapping *
find(const struct stat *file)
{
	struct mapping *free = NULL;

	for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
		struct mapping *mapping = &table.mappings[i];

		if (mapping->base == NULL)
			free = mapping;
		else if (mapping->device == file->st_dev &&
			 mapping->file == file->st_ino)
			return mapping;
	}
	if (free == NULL)
		stress_fail("more mappings than a channel can have");
	return free;
}

void *
__wrap_mmap(void *address, size_t size, int protection, int flags, int fd,
	    off_t offset)
{
	struct mapping *mapping;
	struct stat file;
	void *base;

	pthread_mutex_lock(&table.lock);
	if (!table.on || (flags & MAP_SHARED) == 0 || fstat(fd, &file) != 0) {
		base = __real_mmap(address, size, protection, flags, fd,
				   offset);
		goto out;
	}
	mapping = find(&file);
	if (mapping->base == NULL) {
		base = __real_mmap(address, size, protection, flags, fd,
				   offset);
		if (base == MAP_FAILED)
			goto out;
		*mapping = (struct mapping){ file.st_dev, file.st_ino, base,
					     size, 0 };
	} else {
		table.shared++;
	}
	mapping->uses++;
	base = mapping->base;
out:
	pthread_mutex_unlock(&table.lock);
	return base;
}

int
__wrap_munmap(void *address, size_t size)
{
	int result = 0;

	pthread_mutex_lock(&table.lock);
	for (unsigned i = 0; i < MAPPINGS_MAX; i++) {
		struct mapping *mapping = &table.mappings[i];

		if (mapping->base == NULL || mapping->base != address)
			continue;
		if (--mapping->uses > 0)
			goto out;
		mapping->base = NULL;
		break;
	}
	result = __real_munmap(address, size);
out:
	pthread_mutex_unlock(&table.lock);
	return result;
}
