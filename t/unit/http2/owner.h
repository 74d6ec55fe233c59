/* SPDX-License-Identifier: Apache-2.0
 *
 * An owner of an endpoint, for tests and the fuzz target: it answers each
 * request when it is complete with a head and `body` bytes, and writes down what
 * it is told.
 */
#ifndef T_UNIT_HTTP2_OWNER_H
#define T_UNIT_HTTP2_OWNER_H

#include "core/http2/endpoint.h"

struct owned_stream {
	struct endpoint_stream flow;
	struct list link; /* in owner.streams */
	uint64_t body; /* bytes of the response's that are left */
	bool held; /* the answer is not complete: its end is not told */
};

struct owner {
	struct endpoint endpoint;
	struct list streams; /* owned, open or not, until owner_fini() */
	struct buffer told; /* a line for each call, but of bodies */
	struct buffer sent; /* what was produced */
	uint64_t data; /* bytes of bodies that came */
	/* What it does; to be set at any time. */
	uint64_t body; /* bytes of each answer */
	bool hold; /* see owned_stream */
	bool silent; /* no answers */
	bool trailers; /* behind each answer */
	size_t head_bytes; /* of a field in each head */
	bool refuse_frames;
};

/* With 100 streams, windows of 65535, and heads of 16 KiB. */
void owner_init(struct owner *owner);
void owner_fini(struct owner *owner);

/* Feeds and produces all that goes, in rooms of so many bytes.  False: as
 * endpoint_receive(). */
bool owner_feed(struct owner *owner, const void *data, size_t length);
void owner_drain(struct owner *owner, size_t room);

struct owned_stream *owner_find(struct owner *owner, uint32_t id);

#endif
