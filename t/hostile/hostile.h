/* SPDX-License-Identifier: Apache-2.0
 *
 * hostile-worker: stands in for portico-worker in the pool "evil", attaches as
 * an honest worker does, works a little, and then lies in one of many ways
 * (kinds), chosen by a seed.  Everything that a worker can reach is fair game:
 * the memory of its channels, their descriptors, the link to the listener and
 * the control socket of porticod.
 *
 * It uses core/channel only to attach.  After that it reads and writes the
 * shared memory by itself, so that no check of ours stands in its way.
 *
 * What it tried is counted in a file that all its processes and the test map
 * (struct evil_stats).
 */
#ifndef T_HOSTILE_HOSTILE_H
#define T_HOSTILE_HOSTILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/channel/channel_priv.h"

#define EVIL_CHANNELS_MAX 8
#define EVIL_REQUESTS_MAX 128
#define EVIL_KINDS_MAX 320
#define EVIL_BLOCKS_MAX CHANNEL_SEGMENT_BLOCKS_MAX

/* ---- the account ------------------------------------------------------------ */

struct evil_count {
	_Atomic uint64_t tried; /* lies of this kind */
	_Atomic uint64_t caught; /* the listener hung up */
	_Atomic uint64_t missed; /* it had to, and did not */
};

struct evil_stats {
	_Atomic uint64_t lives; /* processes */
	_Atomic uint64_t attached; /* of these */
	_Atomic uint64_t requests; /* taken from rings */
	_Atomic uint64_t survived; /* hung up on, but not killed */
	_Atomic uint64_t possible; /* what must not even be possible */
	uint64_t seed; /* written by the test */
	_Atomic uint64_t hush; /* by the test: no more lies, but verdicts */
	uint64_t reserved;
	struct evil_count kinds[EVIL_KINDS_MAX];
};

/* ---- a life ------------------------------------------------------------------- */

enum evil_state {
	EVIL_OFFERED, /* read from the ring, not taken */
	EVIL_TAKEN,
	EVIL_STARTED,
	EVIL_RESPONDING, /* a head was sent */
};

struct evil_request {
	struct channel_descriptor request;
	unsigned channel;
	enum evil_state state;
	bool aborted; /* told so */
};

struct evil_channel {
	struct channel *channel;
	int down, up; /* memfds, kept for lies about them */
	bool used[EVIL_BLOCKS_MAX]; /* blocks of ours that are out */
	uint32_t generation; /* of the block taken last */
	uint32_t cursor[CHANNEL_BLOCK_CLASSES];
	uint32_t received; /* a block of the listener, or NONE */
	uint64_t sleeps;
};

struct evil {
	int control, link;
	unsigned count;
	struct evil_channel channels[EVIL_CHANNELS_MAX];
	struct evil_request requests[EVIL_REQUESTS_MAX];
	unsigned request_count;
	uint64_t random;
	struct evil_stats *stats;
	bool quick; /* small floods: every run of the tests */
};

/* A number below `below`, which is not 0. */
uint64_t evil_draw(struct evil *evil, uint64_t below);
static inline bool
evil_chance(struct evil *evil, unsigned in)
{
	return evil_draw(evil, in) == 0;
}
void evil_fill(struct evil *evil, void *memory, size_t size);

uint64_t evil_now_ms(void);
void evil_nap_us(unsigned microseconds);

/* ---- work.c: what an honest worker does, roughly -------------------------------- */

/* Read the rings for at most so long, or until there is a request. */
void evil_gather(struct evil *evil, unsigned milliseconds);
/* One turn of work: take, start, answer, end, by chance. */
void evil_work(struct evil *evil);
/* Answer everything there is and forget it. */
void evil_answer_all(struct evil *evil);
/* A random request that is in use, taken and started; NULL: none. */
struct evil_request *evil_pick(struct evil *evil);
/* The same, and without an answer, of a client that says in its target that it
 * will wait for one: what is said about it must be looked at.  `upgrade`: one
 * that may become a tunnel. */
struct evil_request *evil_pick_staying(struct evil *evil, bool upgrade);
/* The worker is through with it; the element is gone. */
void evil_forget(struct evil *evil, struct evil_request *request);

struct channel *evil_channel_of(struct evil *evil,
				const struct evil_request *request);

/* A block of ours with these bytes (data may be NULL); CHANNEL_BLOCK_NONE:
 * none is free. */
struct channel_reference evil_block(struct evil_channel *channel,
				    enum channel_block_class block_class,
				    const void *data, uint32_t length);
unsigned char *evil_block_memory(struct evil_channel *channel, uint32_t block);

/* Write into the ring and publish; whatever it says. */
void evil_forge(struct channel *channel,
		const struct channel_descriptor *descriptor);
/* Write without publishing, then publish all. */
void evil_write(struct channel *channel,
		const struct channel_descriptor *descriptor);
void evil_publish(struct channel *channel);
void evil_wake(struct channel *channel);

/* A descriptor that names this request. */
struct channel_descriptor evil_describe(const struct evil_request *request,
					enum channel_type type, unsigned flags);
/* A proper response head; its size. */
uint32_t evil_head(void *memory, unsigned status, int64_t length);
/* RESPONSE with a proper head and `body` behind it.  False: no block. */
bool evil_respond(struct evil *evil, struct evil_request *request,
		  unsigned status, int64_t length, const char *body,
		  unsigned flags);

/* The same as another type of descriptor; `upgrade`: with that field. */
bool evil_respond_as(struct evil *evil, struct evil_request *request,
		     enum channel_type type, unsigned status, bool upgrade,
		     unsigned flags);
/* Whether the client may be answered with 101. */
bool evil_may_upgrade(struct evil *evil, const struct evil_request *request);

/* A message on a channel's socket, with descriptors; any size. */
bool evil_message(int socket, const void *data, size_t size, const int *fds,
		  size_t nfds);
/* A FILE message. */
bool evil_pass(struct channel *channel, uint32_t number, int fd);

/* ---- kinds ------------------------------------------------------------------------ */

enum evil_verdict {
	EVIL_MAYBE, /* tolerated or not, as it happens */
	EVIL_CAUGHT, /* must end the channel */
	EVIL_CONTROL, /* must end the worker, by porticod */
};

/* `request` is NULL unless the kind wants one.  False: it could not be done. */
typedef bool evil_fn(struct evil *evil, struct evil_request *request,
		     int variant);

struct evil_kind {
	const char *name;
	evil_fn *fn;
	int variant;
	enum evil_verdict verdict;
	bool wants_request;
	unsigned rarity; /* 0: usual; n: one in n of these choices is kept */
};

struct evil_kinds {
	const struct evil_kind *kinds;
	size_t count;
};

struct evil_kinds evil_ring_kinds(void); /* descriptors, positions */
struct evil_kinds evil_head_kinds(void); /* response heads */
struct evil_kinds evil_body_kinds(void); /* what comes in which order */
/* Of those: it is about a request that may become a tunnel. */
bool evil_wants_upgrade(const struct evil_kind *kind);
struct evil_kinds evil_socket_kinds(void); /* messages, shared memory */
struct evil_kinds evil_file_kinds(void); /* descriptors passed as files */
struct evil_kinds evil_link_kinds(void); /* link and control socket */
struct evil_kinds evil_race_kinds(void); /* a thread that scribbles */

#define EVIL_KINDS(array)                                                      \
	((struct evil_kinds){ (array), sizeof(array) / sizeof((array)[0]) })

#endif
