/* SPDX-License-Identifier: Apache-2.0
 *
 * The two regions: where their parts lie, how the memory is made and sealed,
 * and how the worker checks what it was sent.
 *
 * The memory is sparse: a page that nobody touched costs nothing.  To touch
 * one for which there is no memory is SIGBUS where the kernel accounts strictly
 * (vm.overcommit_memory=2).  So the producer asks for pages before it writes to
 * them first, and can be refused; they are charged to its own control group.
 * To allocate all of a region when it is made would cost every idle worker
 * some MiB, and charge what a pool answers to the listener.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/channel/channel_priv.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PAGE_SIZE_BYTES 4096u

static uint64_t
round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

enum portico_status
region_options_check(const struct channel_options *options,
		     struct portico_error *err)
{
	uint32_t ring = options->ring_size;

	if (options->slots < 1 || options->slots > CHANNEL_SLOTS_MAX)
		return error_set(err, PORTICO_INVALID,
				 "cannot create channel with %u slots: "
				 "1 to %u are allowed",
				 options->slots, CHANNEL_SLOTS_MAX);
	if (ring != 0 && (ring < CHANNEL_RING_MIN || ring > CHANNEL_RING_MAX ||
			  (ring & (ring - 1)) != 0))
		return error_set(err, PORTICO_INVALID,
				 "cannot create channel with a ring of %u: "
				 "a power of two from %u to %u is allowed",
				 ring, CHANNEL_RING_MIN, CHANNEL_RING_MAX);
	if (options->files > CHANNEL_FILES_MAX)
		return error_set(err, PORTICO_INVALID,
				 "cannot create channel with %u files: "
				 "at most %u are allowed",
				 options->files, CHANNEL_FILES_MAX);
	if (options->window > CHANNEL_WINDOW_MAX_BYTES)
		return error_set(err, PORTICO_INVALID,
				 "cannot create channel with a window of "
				 "%u bytes: at most %u are allowed",
				 options->window, CHANNEL_WINDOW_MAX_BYTES);
	return PORTICO_OK;
}

static uint32_t
default_ring(uint32_t slots)
{
	uint32_t ring = CHANNEL_RING_DEFAULT_MIN;

	while (ring < 2 * slots && ring < CHANNEL_RING_DEFAULT_MAX)
		ring *= 2;
	return ring;
}

/* A region that may not grow to twice its first segment gets a smaller one. */
static void
first_blocks(uint64_t memory_max, bool up,
	     uint32_t counts[CHANNEL_BLOCK_CLASSES])
{
	static const uint32_t full[2][CHANNEL_BLOCK_CLASSES] = {
		{ CHANNEL_FIRST_DOWN_4K, CHANNEL_FIRST_DOWN_16K,
		  CHANNEL_FIRST_DOWN_64K },
		{ CHANNEL_FIRST_UP_4K, CHANNEL_FIRST_UP_16K,
		  CHANNEL_FIRST_UP_64K },
	};
	uint64_t budget = memory_max / 2, bytes = 0;

	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		bytes += (uint64_t)full[up][i] * block_size(i);
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		counts[i] = full[up][i];
		if (budget < bytes)
			counts[i] = (uint32_t)(full[up][i] * budget / bytes);
		if (counts[i] < 1)
			counts[i] = 1;
	}
}

void
region_geometry(const struct channel_options *options, bool up,
		struct geometry *geometry_r)
{
	struct geometry *g = geometry_r;
	uint64_t memory_max = options->memory_max;
	uint64_t at =
		round_up(sizeof(struct channel_region_header), PAGE_SIZE_BYTES);

	memset(g, 0, sizeof(*g));
	if (memory_max == 0)
		memory_max = CHANNEL_MEMORY_DEFAULT_BYTES;
	g->memory_max = memory_max;
	g->slots = options->slots;
	g->ring_size = options->ring_size != 0 ? options->ring_size :
						 default_ring(options->slots);
	g->window = options->window != 0 ? options->window :
					   CHANNEL_WINDOW_DEFAULT_BYTES;
	g->files = options->files != 0 ? options->files : CHANNEL_FILES_MAX;
	if (up) {
		g->slot_offset = at;
		at += round_up(g->slots * sizeof(struct channel_slot),
			       PAGE_SIZE_BYTES);
	}
	g->ring_offset = at;
	at += round_up(g->ring_size * sizeof(struct channel_descriptor),
		       PAGE_SIZE_BYTES);
	first_blocks(memory_max, up, g->block_count);
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		g->block_offset[i] = at;
		at += (uint64_t)g->block_count[i] * block_size(i);
	}
	g->size = at;
}

bool
region_populate(void *base, uint64_t from, uint64_t to)
{
	unsigned char *at = (unsigned char *)base +
			    from / PAGE_SIZE_BYTES * PAGE_SIZE_BYTES;
	size_t size = round_up(to, PAGE_SIZE_BYTES) -
		      from / PAGE_SIZE_BYTES * PAGE_SIZE_BYTES;
	int rc;

	if (mem_fault_now())
		return false;
	do {
		rc = madvise(at, size, MADV_POPULATE_WRITE);
	} while (rc != 0 && (errno == EINTR || errno == EAGAIN));
	/* EINVAL: Linux before 5.14 cannot say beforehand. */
	return rc == 0 || errno == EINVAL;
}

static int
memfd_open(const char *name)
{
	/* Kernels before 6.3 do not know MFD_NOEXEC_SEAL. */
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING |
					    MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

unsigned char *
region_create(const char *name, size_t size, bool read_only, int *fd_r,
	      struct portico_error *err)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	void *base;
	int fd = memfd_open(name);

	if (fd < 0) {
		error_system(err, "cannot create shared memory \"%s\"", name);
		return NULL;
	}
	if (ftruncate(fd, (off_t)size) != 0) {
		error_system(err, "cannot size shared memory \"%s\"", name);
		goto fail;
	}
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED) {
		error_system(err, "cannot map shared memory \"%s\"", name);
		goto fail;
	}
	if (!region_populate(base, 0, PAGE_SIZE_BYTES)) {
		errno = ENOMEM;
		error_system(err, "cannot have memory for \"%s\"", name);
		munmap(base, size);
		goto fail;
	}
	/* Only now: our own mapping stays writable. */
	if (read_only)
		seals |= F_SEAL_FUTURE_WRITE;
	if (fcntl(fd, F_ADD_SEALS, seals) != 0) {
		error_system(err, "cannot seal shared memory \"%s\"", name);
		munmap(base, size);
		goto fail;
	}
	*fd_r = fd;
	return base;

fail:
	io_close(&fd);
	return NULL;
}

void
region_header_write(struct channel_region_header *header,
		    const struct geometry *geometry)
{
	header->magic = CHANNEL_MAGIC;
	header->version = CHANNEL_VERSION;
	header->header_size = sizeof(*header);
	header->descriptor_size = sizeof(struct channel_descriptor);
	header->slot_size = sizeof(struct channel_slot);
	header->region_size = geometry->size;
	header->slot_count = geometry->slots;
	header->ring_size = geometry->ring_size;
	header->slot_offset = geometry->slot_offset;
	header->ring_offset = geometry->ring_offset;
	header->window = geometry->window;
	header->files = geometry->files;
	header->memory_kib = geometry->memory_max / 1024 > UINT32_MAX ?
				     UINT32_MAX :
				     (uint32_t)(geometry->memory_max / 1024);
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		header->block_count[i] = geometry->block_count[i];
		header->block_offset[i] = geometry->block_offset[i];
	}
}

static enum portico_status
header_version_check(const struct channel_region_header *header,
		     struct portico_error *err)
{
	if (header->magic != CHANNEL_MAGIC)
		return error_set(err, PORTICO_ABI,
				 "cannot attach to channel: the memory begins "
				 "with 0x%08x, not with 0x%08x",
				 header->magic, CHANNEL_MAGIC);
	if (header->version != CHANNEL_VERSION)
		return error_set(err, PORTICO_ABI,
				 "cannot attach to channel: the listener "
				 "speaks version %u, this worker version %u",
				 header->version, CHANNEL_VERSION);
	if (header->header_size != sizeof(*header) ||
	    header->descriptor_size != sizeof(struct channel_descriptor) ||
	    header->slot_size != sizeof(struct channel_slot))
		return error_set(err, PORTICO_ABI,
				 "cannot attach to channel: the listener's "
				 "sizes are %u (header), %u (descriptor) and "
				 "%u (slot), this worker's %zu, %zu and %zu",
				 header->header_size, header->descriptor_size,
				 header->slot_size, sizeof(*header),
				 sizeof(struct channel_descriptor),
				 sizeof(struct channel_slot));
	return PORTICO_OK;
}

static bool
inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return offset <= size && length <= size - offset;
}

/* The worker trusts the listener; this is against mistakes of ours. */
static bool
geometry_is_sound(const struct geometry *g, bool up)
{
	uint64_t blocks = 0;

	if (g->slots < 1 || g->slots > CHANNEL_SLOTS_MAX || g->ring_size < 2 ||
	    g->ring_size > CHANNEL_RING_MAX ||
	    (g->ring_size & (g->ring_size - 1)) != 0 || g->files < 1 ||
	    g->files > CHANNEL_FILES_MAX ||
	    !inside(g->ring_offset,
		    g->ring_size * sizeof(struct channel_descriptor), g->size))
		return false;
	if (up && !inside(g->slot_offset,
			  g->slots * sizeof(struct channel_slot), g->size))
		return false;
	for (unsigned i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		blocks += g->block_count[i];
		if (!inside(g->block_offset[i],
			    (uint64_t)g->block_count[i] * block_size(i),
			    g->size))
			return false;
	}
	return blocks <= CHANNEL_SEGMENT_BLOCKS_MAX;
}

static void
geometry_read(const struct channel_region_header *header,
	      struct geometry *geometry_r)
{
	geometry_r->slots = header->slot_count;
	geometry_r->ring_size = header->ring_size;
	geometry_r->window = header->window;
	geometry_r->files = header->files;
	geometry_r->memory_max = (uint64_t)header->memory_kib * 1024;
	geometry_r->slot_offset = header->slot_offset;
	geometry_r->ring_offset = header->ring_offset;
	geometry_r->size = header->region_size;
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		geometry_r->block_count[i] = header->block_count[i];
		geometry_r->block_offset[i] = header->block_offset[i];
	}
}

enum portico_status
region_attach(int fd, bool writable, unsigned char **base_r,
	      struct geometry *geometry_r, struct portico_error *err)
{
	const char *which = writable ? "up" : "down";
	int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	enum portico_status status;
	struct stat st;
	void *base;

	if (fstat(fd, &st) != 0)
		return error_system(err,
				    "cannot examine the channel's %s "
				    "region",
				    which);
	if (st.st_size < (off_t)sizeof(struct channel_region_header))
		return error_set(err, PORTICO_ABI,
				 "cannot attach to channel: its %s region has "
				 "%lld bytes, fewer than its header",
				 which, (long long)st.st_size);
	base = mmap(NULL, (size_t)st.st_size, protection, MAP_SHARED, fd, 0);
	if (base == MAP_FAILED)
		return error_system(err, "cannot map the channel's %s region",
				    which);
	status = header_version_check(base, err);
	if (status != PORTICO_OK)
		goto fail;
	geometry_read(base, geometry_r);
	if (geometry_r->size != (uint64_t)st.st_size ||
	    !geometry_is_sound(geometry_r, writable)) {
		status = error_set(err, PORTICO_ABI,
				   "cannot attach to channel: the header of "
				   "its %s region names parts outside its "
				   "%lld bytes",
				   which, (long long)st.st_size);
		goto fail;
	}
	*base_r = base;
	return PORTICO_OK;

fail:
	munmap(base, (size_t)st.st_size);
	return status;
}
