/* SPDX-License-Identifier: Apache-2.0
 *
 * Making, attaching and ending a channel, and what can be asked of it.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/channel/channel_priv.h"

/* Waking a process that has just died must not end this one. */
static void
ignore_sigpipe(void)
{
	struct sigaction action;

	if (sigaction(SIGPIPE, NULL, &action) == 0 &&
	    action.sa_handler == SIG_DFL) {
		action.sa_handler = SIG_IGN;
		sigaction(SIGPIPE, &action, NULL);
	}
}

static struct channel *
channel_new(bool listener, const char *name)
{
	struct channel *channel = mem_zalloc(sizeof(*channel));

	ignore_sigpipe();
	channel->magic = CHANNEL_OBJECT_MAGIC;
	channel->listener = listener;
	channel->name = mem_strdup(name != NULL ? name : "channel");
	channel->wake_own = channel->wake_peer = channel->socket = -1;
	channel->spare = -1;
	return channel;
}

/* Both sides: take over the mapped regions. */
static void
channel_use(struct channel *channel, unsigned char *down, unsigned char *up,
	    const struct geometry *down_geometry,
	    const struct geometry *up_geometry)
{
	unsigned char *out = channel->listener ? down : up;
	unsigned char *in = channel->listener ? up : down;
	const struct geometry *out_geometry =
		channel->listener ? down_geometry : up_geometry;
	const struct geometry *in_geometry = channel->listener ? up_geometry :
								 down_geometry;

	channel->slots = up_geometry->slots;
	channel->window = up_geometry->window;
	channel->files_max = up_geometry->files;
	channel->memory_max = up_geometry->memory_max;
	channel->ring_size = up_geometry->ring_size;
	channel->ring_mask = channel->ring_size - 1;
	channel->claims = (void *)(up + up_geometry->slot_offset);
	channel->out = (void *)out;
	channel->out_ring = (void *)(out + out_geometry->ring_offset);
	channel->in = (const void *)in;
	channel->in_ring = (const void *)(in + in_geometry->ring_offset);
	space_add_first(&channel->own, out, out_geometry, true);
	space_add_first(&channel->peer, in, in_geometry, false);
}

static enum portico_status
create_regions(struct channel *channel, const struct channel_options *options,
	       struct channel_handles *handles, struct portico_error *err)
{
	struct geometry down_geometry, up_geometry;
	unsigned char *down, *up;

	region_geometry(options, false, &down_geometry);
	region_geometry(options, true, &up_geometry);
	down = region_create("portico-down", down_geometry.size, true,
			     &handles->down, err);
	if (down == NULL)
		return PORTICO_SYSTEM;
	up = region_create("portico-up", up_geometry.size, false, &handles->up,
			   err);
	if (up == NULL) {
		munmap(down, down_geometry.size);
		return PORTICO_SYSTEM;
	}
	region_header_write((void *)down, &down_geometry);
	region_header_write((void *)up, &up_geometry);
	channel_use(channel, down, up, &down_geometry, &up_geometry);
	return PORTICO_OK;
}

static enum portico_status
create_socket(struct channel *channel, struct channel_handles *handles,
	      struct portico_error *err)
{
	int ends[2];
	enum portico_status status = io_seqpacket_pair(ends, true, err);

	if (status != PORTICO_OK)
		return status;
	channel->socket = ends[0];
	handles->socket = ends[1];
	return PORTICO_OK;
}

static void
handles_close(struct channel_handles *handles)
{
	io_close(&handles->down);
	io_close(&handles->up);
	io_close(&handles->wake_worker);
	io_close(&handles->wake_listener);
	io_close(&handles->socket);
}

enum portico_status
channel_create(const struct channel_options *options,
	       struct channel **channel_r, struct channel_handles *handles_r,
	       struct portico_error *err)
{
	struct channel_handles handles = { -1, -1, -1, -1, -1 };
	struct channel *channel;
	enum portico_status status = region_options_check(options, err);

	if (status != PORTICO_OK)
		return status;
	channel = channel_new(true, options->name);
	channel->file_budget = options->budget;
	status = waker_create(channel, &handles, err);
	if (status == PORTICO_OK)
		status = create_socket(channel, &handles, err);
	if (status == PORTICO_OK)
		status = create_regions(channel, options, &handles, err);
	if (status != PORTICO_OK) {
		error_prefix(err, "cannot create channel \"%s\"",
			     channel->name);
		handles_close(&handles);
		channel_free(&channel);
		return status;
	}
	*handles_r = handles;
	*channel_r = channel;
	return PORTICO_OK;
}

enum portico_status
channel_attach(struct channel_handles *handles, struct channel **channel_r,
	       struct portico_error *err)
{
	struct geometry down_geometry, up_geometry;
	struct channel *channel;
	unsigned char *down, *up;
	enum portico_status status;

	status =
		region_attach(handles->down, false, &down, &down_geometry, err);
	if (status != PORTICO_OK)
		goto fail;
	status = region_attach(handles->up, true, &up, &up_geometry, err);
	if (status != PORTICO_OK) {
		munmap(down, down_geometry.size);
		goto fail;
	}
	if (down_geometry.ring_size != up_geometry.ring_size) {
		munmap(down, down_geometry.size);
		munmap(up, up_geometry.size);
		status = error_set(err, PORTICO_ABI,
				   "cannot attach to channel: its rings have "
				   "%u and %u descriptors",
				   down_geometry.ring_size,
				   up_geometry.ring_size);
		goto fail;
	}
	channel = channel_new(false, NULL);
	channel_use(channel, down, up, &down_geometry, &up_geometry);
	io_close(&handles->down);
	io_close(&handles->up);
	channel->wake_own = handles->wake_worker;
	channel->wake_peer = handles->wake_listener;
	channel->socket = handles->socket;
	handles->wake_worker = handles->wake_listener = handles->socket = -1;
	channel->spare = fcntl(channel->socket, F_DUPFD_CLOEXEC, 3);
	*channel_r = channel;
	return PORTICO_OK;

fail:
	handles_close(handles);
	return status;
}

void
channel_free(struct channel **channel_p)
{
	struct channel *channel = *channel_p;

	*channel_p = NULL;
	if (channel == NULL)
		return;
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	/* channel_loop_remove comes first. */
	ASSERT(channel->on_dirty == NULL);
	file_fini(channel);
	space_fini(&channel->own);
	space_fini(&channel->peer);
	waker_fini(channel);
	/* The worker's may lie unread in the listener's. */
	if (channel->listener)
		io_close_foreign(&channel->socket, 1);
	io_close(&channel->socket);
	io_close(&channel->spare);
	mem_free(channel->overflow);
	mem_free(channel->name);
	memset(channel, 0, sizeof(*channel));
	mem_free(channel);
}

bool
channel_is_listener(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->listener;
}

uint32_t
channel_slots(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->slots;
}

uint32_t
channel_window(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->window;
}

uint32_t
channel_ring_size(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->ring_size;
}

bool
channel_is_scarce(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return space_is_scarce(&channel->own, channel->memory_max);
}

void
channel_want_plenty(struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	channel->plenty_wanted = true;
	/* To be put to sleep as one who waits for blocks. */
	channel_mark_dirty(channel);
}

int
channel_wake_fd(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->wake_own;
}

int
channel_socket_fd(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->socket;
}

uint32_t
channel_files(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->files_max;
}

bool
channel_starved(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->starved;
}

bool
channel_memory_short(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->memory_short;
}

const char *
channel_lie(const struct channel *channel)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	return channel->lie;
}

void
channel_accuse(struct channel *channel, const char *lie)
{
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(lie != NULL);
	if (channel->lie != NULL)
		return;
	channel->lie = lie;
	channel_mark_dirty(channel);
}

void
channel_get_usage(const struct channel *channel, struct channel_usage *usage_r)
{
	const struct space *peer = &channel->peer;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	memset(usage_r, 0, sizeof(*usage_r));
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++) {
		usage_r->blocks[i] = channel->own.total[i];
		usage_r->in_use[i] = channel->own.in_use[i];
	}
	for (int i = 0; i < CHANNEL_SEGMENTS_MAX; i++) {
		if (peer->segments[i].base != NULL)
			usage_r->held += peer->segments[i].used;
	}
	usage_r->overflow = channel->overflow_count;
	usage_r->files = channel->file_count;
	if (channel->file_total != NULL)
		usage_r->files_open = channel->file_total->open;
	usage_r->segments = channel->own.segment_count;
	usage_r->memory = channel->own.bytes + peer->bytes;
	usage_r->sent = channel->sent;
	usage_r->received = channel->received;
	usage_r->wakeups = channel->wakeups;
}
