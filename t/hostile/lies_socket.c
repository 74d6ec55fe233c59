/* SPDX-License-Identifier: Apache-2.0
 *
 * Lies on the socket of a channel, and what one can do to memory and open
 * files that both processes have.
 */
#include "t/hostile/hostile.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/channel/message.h"

static struct channel *
any_channel(struct evil *evil)
{
	return evil->channels[evil_draw(evil, evil->count)].channel;
}

/* ---- messages ------------------------------------------------------------------ */

enum {
	MESSAGE_SHORT,
	MESSAGE_EMPTY,
	MESSAGE_LONG,
	MESSAGE_RANDOM,
	MESSAGE_SEGMENT,
	MESSAGE_REFUSED,
	MESSAGE_TYPE,
	MESSAGE_GROW_CLASS,
	MESSAGE_GROW_NUMBER,
	MESSAGE_GROW_WITH_FD,
	MESSAGE_FILE_WITHOUT_FD,
	MESSAGE_TWO_FDS,
	MESSAGE_ALL_FDS
};

static struct channel_message
message_of(uint16_t type)
{
	return (struct channel_message){ .magic = CHANNEL_MESSAGE_MAGIC,
					 .type = type,
					 .size = sizeof(
						 struct channel_message) };
}

static struct channel_message
spoilt_message(struct evil *evil, int variant)
{
	struct channel_message message = message_of(CHANNEL_MESSAGE_GROW);

	switch (variant) {
	case MESSAGE_RANDOM:
		evil_fill(evil, &message, sizeof(message));
		break;
	case MESSAGE_SEGMENT:
		message.type = CHANNEL_MESSAGE_SEGMENT;
		break;
	case MESSAGE_REFUSED:
		message.type = CHANNEL_MESSAGE_REFUSED;
		break;
	case MESSAGE_TYPE:
		message.type = 77;
		break;
	case MESSAGE_GROW_CLASS:
		message.block_class = 3;
		break;
	case MESSAGE_GROW_NUMBER:
		message.number = 1;
		break;
	case MESSAGE_FILE_WITHOUT_FD:
	case MESSAGE_TWO_FDS:
	case MESSAGE_ALL_FDS:
		message.type = CHANNEL_MESSAGE_FILE;
		break;
	}
	return message;
}

static bool
send_message(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_message message = spoilt_message(evil, variant);
	int socket = any_channel(evil)->socket;
	char bytes[4096] = "";
	int fds[253];

	(void)request;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = STDIN_FILENO;
	switch (variant) {
	case MESSAGE_SHORT:
		return evil_message(socket, &message, 31, NULL, 0);
	case MESSAGE_EMPTY:
		return evil_message(socket, "", 0, NULL, 0);
	case MESSAGE_LONG:
		return evil_message(socket, bytes, sizeof(bytes), NULL, 0);
	case MESSAGE_GROW_WITH_FD:
		return evil_message(socket, &message, sizeof(message), fds, 1);
	case MESSAGE_TWO_FDS:
		return evil_message(socket, &message, sizeof(message), fds, 2);
	case MESSAGE_ALL_FDS:
		return evil_message(socket, &message, sizeof(message), fds,
				    253);
	default:
		return evil_message(socket, &message, sizeof(message), NULL, 0);
	}
}

static bool
flood_messages(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = any_channel(evil);
	struct channel_message message = message_of(CHANNEL_MESSAGE_GROW);
	unsigned rounds = evil->quick ? 200 : 5000;

	(void)request;
	for (unsigned i = 0; i < rounds; i++) {
		message.block_class = (uint16_t)(i % CHANNEL_BLOCK_CLASSES);
		if (!evil_message(channel->socket, &message, sizeof(message),
				  NULL, 0))
			return true;
		/* Take the segments, or leave them in the socket. */
		if (variant == 1)
			(void)recv(channel->socket, &message, sizeof(message),
				   MSG_DONTWAIT);
		message = message_of(CHANNEL_MESSAGE_GROW);
	}
	return true;
}

/* ---- what both processes have ----------------------------------------------------------- */

enum {
	SHARED_FLAGS,
	SHARED_WAKE_SHUT,
	SHARED_WAKE_BACK,
	SHARED_WAKE_FULL,
	SHARED_TRUNCATE,
	SHARED_GROW,
	SHARED_WRITE_DOWN,
	SHARED_PUNCH_DOWN,
	SHARED_PUNCH_UP,
	SHARED_SEAL
};

/* The listener is to find nothing left to read, and to wait for it. */
static void
take_wakes_back(struct evil *evil, struct channel *channel)
{
	uint64_t count;

	(void)fcntl(channel->wake_peer, F_SETFL, 0);
	for (unsigned i = 0; i < 100; i++) {
		struct pollfd one = { .fd = channel->wake_peer,
				      .events = POLLIN };

		evil_wake(channel);
		for (unsigned k = evil_draw(evil, 2000); k > 0; k--)
			atomic_thread_fence(memory_order_seq_cst);
		if (poll(&one, 1, 0) <= 0)
			continue;
		/* It may have been faster since. */
		(void)fcntl(channel->wake_peer, F_SETFL, O_NONBLOCK);
		if (read(channel->wake_peer, &count, sizeof(count)) < 0)
			count = 0;
		(void)fcntl(channel->wake_peer, F_SETFL, 0);
	}
}

/* Neither counter nor socket has room; both are to be waited for. */
static void
fill_wakes(struct channel *channel)
{
	const uint64_t most = UINT64_MAX - 1;

	(void)fcntl(channel->wake_peer, F_SETFL, O_NONBLOCK);
	if (write(channel->wake_peer, &most, sizeof(most)) < 0)
		evil_wake(channel);
	(void)fcntl(channel->wake_peer, F_SETFL, 0);
}

/* The listener's side of it neither reads nor is it to mind. */
static void
shut_wakes(struct channel *channel)
{
	char bytes[64] = "";

	(void)send(channel->wake_own, bytes, sizeof(bytes),
		   MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)evil_message(channel->wake_own, bytes, 1, &channel->socket, 1);
	(void)shutdown(channel->wake_own, SHUT_RDWR);
}

static bool
spoil_memory(const struct evil_channel *channel, int variant)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	off_t size = lseek(channel->down, 0, SEEK_END);
	off_t size_up = lseek(channel->up, 0, SEEK_END);
	void *map;

	switch (variant) {
	case SHARED_TRUNCATE:
		return ftruncate(channel->down, 0) != 0 &&
		       ftruncate(channel->up, 4096) != 0;
	case SHARED_GROW:
		return ftruncate(channel->down, size * 2) != 0 &&
		       fallocate(channel->up, 0, size_up, 4096) != 0;
	case SHARED_WRITE_DOWN:
		map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			   channel->down, 0);
		return map == MAP_FAILED &&
		       pwrite(channel->down, "evil", 4, 0) < 0;
	case SHARED_PUNCH_DOWN:
		return fallocate(channel->down, punch, 0, size) != 0;
	case SHARED_PUNCH_UP:
		return fallocate(channel->up, punch, 0, size_up) == 0;
	case SHARED_SEAL:
		return fcntl(channel->up, F_ADD_SEALS, F_SEAL_WRITE) != 0 &&
		       fcntl(channel->down, F_ADD_SEALS, F_SEAL_WRITE) != 0;
	default:
		return true;
	}
}

static bool
spoil_shared(struct evil *evil, struct evil_request *request, int variant)
{
	struct evil_channel *one =
		&evil->channels[evil_draw(evil, evil->count)];
	struct channel *channel = one->channel;

	(void)request;
	switch (variant) {
	case SHARED_FLAGS:
		(void)fcntl(channel->wake_own, F_SETFL, O_ASYNC);
		(void)fcntl(channel->wake_peer, F_SETFL, 0);
		(void)fcntl(channel->socket, F_SETFL, 0);
		break;
	case SHARED_WAKE_SHUT:
		shut_wakes(channel);
		break;
	case SHARED_WAKE_BACK:
		take_wakes_back(evil, channel);
		break;
	case SHARED_WAKE_FULL:
		fill_wakes(channel);
		break;
	default:
		/* It must not even be possible. */
		if (!spoil_memory(one, variant)) {
			fprintf(stderr, "hostile-worker: possible: %d\n",
				variant);
			atomic_fetch_add(&evil->stats->possible, 1);
		}
		break;
	}
	return true;
}

/* ---- hanging up ---------------------------------------------------------------------------- */

enum {
	CLOSE_SOCKET,
	CLOSE_HALF,
	CLOSE_WAKE_PEER,
	CLOSE_WAKE_OWN
};

static bool
hang_up(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = any_channel(evil);

	(void)request;
	switch (variant) {
	case CLOSE_SOCKET:
		(void)shutdown(channel->socket, SHUT_RDWR);
		break;
	case CLOSE_HALF:
		(void)shutdown(channel->socket, SHUT_WR);
		break;
	case CLOSE_WAKE_PEER:
		close(channel->wake_peer);
		channel->wake_peer = -1;
		break;
	case CLOSE_WAKE_OWN:
		/* Nobody receives there: nothing to be seen of it. */
		(void)dup2(STDIN_FILENO, channel->wake_own);
		break;
	}
	return true;
}

static const struct evil_kind kinds[] = {
	{ "message of 31 bytes", send_message, MESSAGE_SHORT, EVIL_CAUGHT,
	  false, 0 },
	{ "message of no bytes", send_message, MESSAGE_EMPTY, EVIL_CAUGHT,
	  false, 0 },
	{ "message of 4096 bytes", send_message, MESSAGE_LONG, EVIL_CAUGHT,
	  false, 0 },
	{ "random message", send_message, MESSAGE_RANDOM, EVIL_CAUGHT, false,
	  0 },
	{ "message SEGMENT", send_message, MESSAGE_SEGMENT, EVIL_CAUGHT, false,
	  0 },
	{ "message REFUSED", send_message, MESSAGE_REFUSED, EVIL_CAUGHT, false,
	  0 },
	{ "message of type 77", send_message, MESSAGE_TYPE, EVIL_CAUGHT, false,
	  0 },
	{ "GROW of class 3", send_message, MESSAGE_GROW_CLASS, EVIL_CAUGHT,
	  false, 0 },
	{ "GROW with a number", send_message, MESSAGE_GROW_NUMBER, EVIL_CAUGHT,
	  false, 0 },
	{ "GROW with a descriptor", send_message, MESSAGE_GROW_WITH_FD,
	  EVIL_CAUGHT, false, 0 },
	{ "FILE without descriptor", send_message, MESSAGE_FILE_WITHOUT_FD,
	  EVIL_CAUGHT, false, 0 },
	{ "FILE with two descriptors", send_message, MESSAGE_TWO_FDS,
	  EVIL_CAUGHT, false, 0 },
	{ "FILE with 253 descriptors", send_message, MESSAGE_ALL_FDS,
	  EVIL_CAUGHT, false, 0 },
	{ "flood of GROW, unread", flood_messages, 0, EVIL_MAYBE, false, 4 },
	{ "flood of GROW", flood_messages, 1, EVIL_MAYBE, false, 4 },
	{ "flags of shared descriptors", spoil_shared, SHARED_FLAGS, EVIL_MAYBE,
	  false, 0 },
	{ "wake-up socket shut", spoil_shared, SHARED_WAKE_SHUT, EVIL_MAYBE,
	  false, 0 },
	{ "wake-ups taken back", spoil_shared, SHARED_WAKE_BACK, EVIL_MAYBE,
	  false, 0 },
	{ "wake-up counter full", spoil_shared, SHARED_WAKE_FULL, EVIL_MAYBE,
	  false, 0 },
	{ "regions cut", spoil_shared, SHARED_TRUNCATE, EVIL_MAYBE, false, 0 },
	{ "regions grown", spoil_shared, SHARED_GROW, EVIL_MAYBE, false, 0 },
	{ "write to the down region", spoil_shared, SHARED_WRITE_DOWN,
	  EVIL_MAYBE, false, 0 },
	{ "hole in the down region", spoil_shared, SHARED_PUNCH_DOWN,
	  EVIL_MAYBE, false, 0 },
	{ "hole in the up region", spoil_shared, SHARED_PUNCH_UP, EVIL_MAYBE,
	  false, 0 },
	{ "seals", spoil_shared, SHARED_SEAL, EVIL_MAYBE, false, 0 },
	{ "socket shut", hang_up, CLOSE_SOCKET, EVIL_CAUGHT, false, 0 },
	{ "socket half shut", hang_up, CLOSE_HALF, EVIL_CAUGHT, false, 0 },
	{ "wake-up of the listener closed", hang_up, CLOSE_WAKE_PEER,
	  EVIL_MAYBE, false, 0 },
	{ "wake-up of the worker closed", hang_up, CLOSE_WAKE_OWN, EVIL_MAYBE,
	  false, 0 },
};

struct evil_kinds
evil_socket_kinds(void)
{
	return EVIL_KINDS(kinds);
}
