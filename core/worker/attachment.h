/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel attached to a loop: descriptors in, requests by slot, files passed
 * over it.  It outlives its listener until its last request has ended, since
 * request heads lie in its memory.
 */
#ifndef CORE_WORKER_ATTACHMENT_H
#define CORE_WORKER_ATTACHMENT_H

#include "core/base/list.h"
#include "core/channel/channel.h"
#include "core/worker/file.h"

#define ATTACHMENT_MAGIC 0x41545443u

struct portico_request;
struct worker_loop;

struct attachment {
	unsigned magic;
	bool dead; /* the listener is gone or broke the rules */
	bool drained; /* no REQUEST will follow */
	bool counted; /* in loop->open_channels */
	uint32_t slot_count;
	uint32_t active; /* requests that have not ended */
	uint64_t window; /* response bytes at first */
	struct worker_loop *loop;
	struct channel *channel;
	struct portico_request **slots;
	struct list requests;
	struct list waiting; /* requests without a block, in order */
	struct list patient; /* those that leave the last ones to others */
	struct list link; /* loop->attachments */
	struct file_table files;
};

/* Loop's thread.  Takes the handles, also when it fails. */
enum portico_status attachment_open(struct worker_loop *loop,
				    struct channel_handles *handles,
				    struct attachment **attachment_r,
				    struct portico_error *err);

/* The listener is gone: abort all requests; freed with the last of them. */
void attachment_die(struct attachment *attachment, const char *why);

/* Frees what is left at the end of the process. */
void attachment_free(struct attachment *attachment);

/* Sends, or lets the attachment die. */
void attachment_send(struct attachment *attachment,
		     const struct channel_descriptor *descriptor);

/* Gives a block of the listener's back. */
void attachment_release(struct attachment *attachment, uint32_t block);

/* A descriptor arrived (tests call it, too). */
void attachment_receive(struct attachment *attachment,
			const struct channel_descriptor *descriptor);

/* A request of it has ended. */
void attachment_request_ended(struct attachment *attachment);

/* Every few seconds: give memory and files back.  False: blocks are still with
 * the listener, so there will be more to give. */
bool attachment_trim(struct attachment *attachment);

#endif
