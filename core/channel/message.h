/* SPDX-License-Identifier: Apache-2.0
 *
 * The few messages that cross the channel's socket, since they carry a
 * descriptor or are answered by one: segments and files.  Low rate.
 *
 *   SEGMENT  listener -> worker, with a memfd: segment `number` of the down
 *            region (up is 0) or of the up region (up is 1) is there
 *   GROW     worker -> listener: the up region needs blocks of a class
 *   REFUSED  listener -> worker: no segment of that class now
 *   FILE     worker -> listener, with an open file: its number
 */
#ifndef PORTICO_CHANNEL_MESSAGE_H
#define PORTICO_CHANNEL_MESSAGE_H

#include <stdint.h>

#include <portico/types.h>

#define CHANNEL_MESSAGE_MAGIC 0x504f4d53u /* "POMS" */

enum channel_message_type {
	CHANNEL_MESSAGE_SEGMENT = 1,
	CHANNEL_MESSAGE_GROW,
	CHANNEL_MESSAGE_REFUSED,
	CHANNEL_MESSAGE_FILE,
};

struct channel_message {
	uint32_t magic;
	uint16_t type;
	uint16_t size; /* sizeof(struct channel_message) */
	uint32_t number; /* segment or file; otherwise 0 */
	uint16_t block_class; /* SEGMENT, GROW, REFUSED; otherwise 0 */
	uint16_t up; /* SEGMENT: 1 if of the up region; otherwise 0 */
	uint32_t blocks; /* SEGMENT; otherwise 0 */
	uint32_t reserved; /* 0 */
	uint64_t bytes; /* SEGMENT; otherwise 0 */
};

_Static_assert(sizeof(struct channel_message) == 32, "message layout");

/* Send one message, with a descriptor unless fd is -1, which stays ours. */
enum portico_status
channel_message_send(int socket, const struct channel_message *message, int fd);

/*
 * Receive one.  *fd_r is the descriptor that came with it (the caller's now)
 * or -1.  PORTICO_AGAIN: none there.  PORTICO_CLOSED: hang-up.
 * PORTICO_PROTOCOL: wrong length, or more than one descriptor (all closed).
 * The message stays where it is and the channel is to end.
 * PORTICO_FULL: this process has no descriptor left to receive it with; the
 * message stays where it is.
 */
enum portico_status channel_message_receive(int socket,
					    struct channel_message *message_r,
					    int *fd_r);

#endif
