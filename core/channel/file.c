/* SPDX-License-Identifier: Apache-2.0
 *
 * Open files that a worker passes to the listener, which sends from them.
 *
 * The table of the listener goes by the worker's numbers.  A number may be
 * passed again before the FILE_CLOSE of its earlier use was read, since one
 * comes by the socket and the other by the ring; so the oldest file of a
 * number is the one that the ring speaks of.
 *
 * The listener reads such files with sendfile and never maps them: the worker
 * may truncate them at any time.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/channel/channel_priv.h"
#include "core/channel/message.h"

#define FILE_MAGIC 0x4346494cu
#define FILES_LIMIT (2u * CHANNEL_FILES_MAX)
#define FILE_READS_MAX 64u /* of CHANNEL_MESSAGES_PER_CALL */

/*
 * Open are those in the table, and those that it has let go and a slow client
 * has not: about one for each request is honest.  So many as the worker may
 * pass at once each channel has for itself; for more it takes from what all
 * share, so that one pool cannot have every descriptor of this process.
 */
bool
file_has_room(const struct channel *channel)
{
	const struct file_total *total = channel->file_total;

	if (total == NULL || total->own < channel->files_max)
		return true;
	if (total->open >= FILES_LIMIT + channel->slots)
		return false;
	return total->budget == NULL ||
	       atomic_load_explicit(&total->budget->used,
				    memory_order_relaxed) < total->budget->max;
}

/* Another loop may have taken the last since it was asked for room: then it is
 * one more than allowed. */
static void
total_add(struct channel *channel, struct channel_file *file)
{
	struct file_total *total = channel->file_total;

	if (total == NULL) {
		total = mem_zalloc(sizeof(*total));
		total->budget = channel->file_budget;
		channel->file_total = total;
	}
	file->total = total;
	file->of_budget = total->own >= channel->files_max;
	total->open++;
	if (!file->of_budget)
		total->own++;
	else if (total->budget != NULL)
		atomic_fetch_add_explicit(&total->budget->used, 1,
					  memory_order_relaxed);
}

enum portico_status
channel_file_pass(struct channel *channel, uint32_t number, int fd)
{
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_FILE,
		.size = sizeof(message),
		.number = number,
	};

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(!channel->listener && fd >= 0);
	if (channel->socket_closed)
		return PORTICO_CLOSED;
	return channel_message_send(channel->socket, &message, fd);
}

/* NULL or what is wrong with a descriptor that a worker passed. */
static const char *
file_fault(int fd, uint64_t *size_r)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_PATH) != 0 ||
	    (flags & O_ACCMODE) == O_WRONLY)
		return "passed a file that is not open for reading";
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return "passed a file that is not a regular one";
	*size_r = (uint64_t)st.st_size;
	return NULL;
}

/* Whether the ring has closed it already, while it waited in the socket. */
static bool
was_forgotten(struct channel *channel, uint32_t number)
{
	for (uint32_t i = 0; i < channel->forgotten_count; i++) {
		if (channel->forgotten[i] != number)
			continue;
		channel->forgotten_count--;
		memmove(&channel->forgotten[i], &channel->forgotten[i + 1],
			(channel->forgotten_count - i) * sizeof(uint32_t));
		return true;
	}
	return false;
}

enum portico_status
file_add(struct channel *channel, uint32_t number, int fd)
{
	struct channel_file **link = &channel->files[number % FILE_BUCKETS];
	struct channel_file *file;
	const char *fault = NULL;
	uint64_t size = 0;

	if (was_forgotten(channel, number)) {
		io_close_foreign(&fd, 1);
		return PORTICO_OK;
	}
	if (channel->file_count >= FILES_LIMIT)
		fault = "passed more files than are allowed";
	else if (fd < 0)
		fault = "passed a file without a descriptor";
	else
		fault = file_fault(fd, &size);
	if (fault != NULL) {
		io_close_foreign(&fd, 1);
		return channel_refuse(channel, fault);
	}
	file = mem_zalloc(sizeof(*file));
	file->magic = FILE_MAGIC;
	total_add(channel, file);
	file->refs = 1;
	file->fd = fd;
	file->number = number;
	file->size = size;
	while (*link != NULL)
		link = &(*link)->next;
	*link = file;
	channel->file_count++;
	return PORTICO_OK;
}

static void
total_free_if_over(struct file_total *total)
{
	if (total->channel_gone && total->open == 0)
		mem_free(total);
}

static void
total_remove(struct channel_file *file)
{
	struct file_total *total = file->total;

	total->open--;
	if (!file->of_budget)
		total->own--;
	else if (total->budget != NULL)
		atomic_fetch_sub_explicit(&total->budget->used, 1,
					  memory_order_relaxed);
	total_free_if_over(total);
}

static void
file_release(struct channel_file *file)
{
	ASSERT(file->refs > 0);
	if (--file->refs > 0)
		return;
	total_remove(file);
	io_close_foreign(&file->fd, 1);
	memset(file, 0, sizeof(*file));
	mem_free(file);
}

static struct channel_file **
file_link(struct channel *channel, uint32_t number)
{
	struct channel_file **link = &channel->files[number % FILE_BUCKETS];

	while (*link != NULL && (*link)->number != number)
		link = &(*link)->next;
	return link;
}

/* Where it is linked, or NULL there.  It was sent before the descriptor that
 * names it, and others before it: as many as the socket holds, but a worker
 * that goes on sending is not read for ever. */
static struct channel_file **
file_await(struct channel *channel, uint32_t number)
{
	struct channel_file **link = file_link(channel, number);

	for (unsigned i = 0; *link == NULL && i < FILE_READS_MAX; i++) {
		enum portico_status status = channel_socket_readable(channel);

		link = file_link(channel, number);
		if (status != PORTICO_OK || !channel->unread)
			break;
	}
	return link;
}

/* It waits in the socket for a descriptor that it needs no more. */
static bool
forget(struct channel *channel, uint32_t number)
{
	if (channel->forgotten_count >= FILES_LIMIT)
		return false;
	if (channel->forgotten == NULL)
		channel->forgotten =
			mem_zalloc_array(FILES_LIMIT, sizeof(uint32_t));
	channel->forgotten[channel->forgotten_count++] = number;
	return true;
}

bool
file_remove(struct channel *channel, uint32_t number)
{
	struct channel_file **link = file_await(channel, number);
	struct channel_file *file = *link;

	if (file == NULL)
		return channel->starved && forget(channel, number);
	*link = file->next;
	file->next = NULL;
	channel->file_count--;
	file_release(file);
	return true;
}

void
file_fini(struct channel *channel)
{
	for (unsigned i = 0; i < FILE_BUCKETS; i++) {
		struct channel_file *file = channel->files[i];

		while (file != NULL) {
			struct channel_file *next = file->next;

			file->next = NULL;
			file_release(file);
			file = next;
		}
		channel->files[i] = NULL;
	}
	channel->file_count = 0;
	MEM_FREE(channel->forgotten);
	channel->forgotten_count = 0;
	if (channel->file_total != NULL) {
		channel->file_total->channel_gone = true;
		total_free_if_over(channel->file_total);
		channel->file_total = NULL;
	}
}

struct channel_file *
channel_file_find(struct channel *channel, uint32_t number)
{
	struct channel_file *file;

	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(channel->listener);
	file = *file_await(channel, number);
	if (file == NULL)
		return NULL;
	if (file->total->uses >= CHANNEL_FILE_USES_MAX) {
		channel_accuse(channel, "more file spans than may wait");
		return NULL;
	}
	channel_file_ref(file);
	return file;
}

int
channel_file_fd(const struct channel_file *file)
{
	CHECK(file, FILE_MAGIC);
	return file->fd;
}

uint64_t
channel_file_size(const struct channel_file *file)
{
	CHECK(file, FILE_MAGIC);
	return file->size;
}

void
channel_file_ref(struct channel_file *file)
{
	CHECK(file, FILE_MAGIC);
	file->refs++;
	file->total->uses++;
}

void
channel_file_unref(struct channel_file **file_p)
{
	struct channel_file *file = *file_p;

	*file_p = NULL;
	if (file == NULL)
		return;
	CHECK(file, FILE_MAGIC);
	ASSERT(file->total->uses > 0);
	file->total->uses--;
	file_release(file);
}
