/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's end of a connection of HTTP/2 (RFC 9113): frames, the states of
 * streams, windows, priorities (RFC 9218).  It has no socket and knows nothing
 * of requests: bytes come in by endpoint_receive(), leave by endpoint_produce(),
 * and what they mean is told to the owner by its methods.
 *
 * A stream is a struct within one of the owner's, which makes it in open() and
 * may free it after closed(), when the call has returned from which that came;
 * nothing is allocated for a frame that comes or leaves whole.  What answers
 * the client's frames gathers in `control` and is sent first, then heads in the
 * order in which they were announced, then bodies by their priority.
 *
 * The methods are called from within endpoint_receive() and endpoint_produce().
 * They may call what is below "Streams", and nothing else.
 */
#ifndef CORE_HTTP2_ENDPOINT_H
#define CORE_HTTP2_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/base/buffer.h"
#include "core/base/list.h"
#include "core/http2/frame.h"
#include "core/http2/hpack.h"
#include "core/http2/message.h"

#define ENDPOINT_MAGIC 0x48325eadu

/* RFC 9218 section 4.1. */
#define ENDPOINT_URGENCIES 8
#define ENDPOINT_URGENCY_USUAL 3

/* Numbers that a client has passed over: so many ranges are remembered. */
#define ENDPOINT_SKIPS 8

/* A head or trailers may go beyond the room of endpoint_produce(), so far. */
#define ENDPOINT_HEAD_ROOM (112 * 1024)

struct nghttp2_hd_inflater;

struct endpoint;

struct endpoint_stream {
	uint32_t id;
	bool open; /* until closed() */
	bool remote_ended; /* the client has sent all */
	bool local_ended; /* we have */
	bool head_sent; /* the response's, or it waits to be */
	bool head_written; /* it no longer does */
	bool narrow; /* its own window keeps its body back */
	bool incremental; /* RFC 9218 section 4.2 */
	uint8_t urgency;
	int64_t window; /* bytes that we may send; may be less than nothing */
	int64_t receive_left; /* and the client; as well */
	uint32_t receive_due; /* that the owner has used, and it is not told */
	struct http2_message message;
	struct endpoint_stream *next; /* with the same place in the table */
	struct list ready_link; /* in endpoint.heads or endpoint.ready */
};

enum endpoint_body {
	ENDPOINT_BODY_NONE, /* not now: endpoint_body_ready() follows */
	ENDPOINT_BODY_MORE, /* so many bytes; more of it may wait */
	ENDPOINT_BODY_LAST, /* so many, or none, and that was all */
	ENDPOINT_BODY_TRAILERS, /* the same, and trailers follow */
	ENDPOINT_BODY_CUT /* it cannot be completed */
};

struct endpoint_methods {
	/* A new stream, whose head follows; the endpoint fills it in. */
	struct endpoint_stream *(*open)(struct endpoint *endpoint, uint32_t id);
	/* The next field of its head or trailers, for as long as the call. */
	void (*field)(struct endpoint *endpoint, struct endpoint_stream *stream,
		      bool trailer, struct portico_slice name,
		      struct portico_slice value);
	/* The head is complete and well-formed. */
	void (*head)(struct endpoint *endpoint, struct endpoint_stream *stream,
		     bool ended);
	/* Of its body.  The owner gives them back by endpoint_taken(). */
	void (*data)(struct endpoint *endpoint, struct endpoint_stream *stream,
		     const uint8_t *data, uint32_t length);
	/* The body, or the trailers behind it, are complete. */
	void (*ended)(struct endpoint *endpoint,
		      struct endpoint_stream *stream);
	/* It is over, however that came. */
	void (*closed)(struct endpoint *endpoint,
		       struct endpoint_stream *stream);
	/* The client has broken this stream (NULL: it has none, yet or any
	 * more), which is reset; and the connection, which ends. */
	void (*broken)(struct endpoint *endpoint,
		       struct endpoint_stream *stream, uint32_t id,
		       enum http2_error code);
	void (*failed)(struct endpoint *endpoint, enum http2_error code);
	/* A frame begins.  False: the connection has to end. */
	bool (*frame)(struct endpoint *endpoint,
		      const struct http2_frame_head *head);
	/* PRIORITY_UPDATE.  NULL: its stream has not come. */
	void (*priority)(struct endpoint *endpoint,
			 struct endpoint_stream *stream, uint32_t id,
			 struct portico_slice value);

	/* The head of its response, which was announced: MORE, a body follows;
	 * LAST; or NONE, it is announced again, and nothing is written. */
	enum endpoint_body (*write_head)(struct endpoint *endpoint,
					 struct endpoint_stream *stream,
					 struct hpack_block *block);
	/* At most `most` bytes of its body, which may be none: then it tells
	 * whether there are any, by MORE. */
	enum endpoint_body (*write_body)(struct endpoint *endpoint,
					 struct endpoint_stream *stream,
					 uint8_t *to, size_t most,
					 size_t *length_r);
	void (*write_trailers)(struct endpoint *endpoint,
			       struct endpoint_stream *stream,
			       struct hpack_block *block);
	/* HEADERS or DATA has been written: so many bytes besides the body. */
	void (*wrote)(struct endpoint *endpoint, struct endpoint_stream *stream,
		      size_t bytes);
};

/* What we tell the client, and hold it to. */
struct endpoint_limits {
	uint32_t streams; /* at once */
	uint32_t stream_window, connection_window; /* bytes */
	uint32_t head; /* bytes of a head, as RFC 9113 6.5.2 counts them */
	uint32_t block; /* what is read of one, so that it can be answered */
};

struct endpoint {
	unsigned magic;
	const struct endpoint_methods *methods; /* borrowed */
	struct endpoint_limits limits;

	/* ---- what comes */
	uint8_t reading; /* enum endpoint_reading */
	bool settled; /* the client's SETTINGS have come */
	bool acknowledged; /* it has acknowledged ours */
	bool over; /* our last GOAWAY is written: nothing more is read */
	struct http2_frame_head frame; /* that is coming */
	uint32_t left; /* bytes of its payload that have not */
	uint32_t padding; /* of them, behind the data */
	struct endpoint_stream
		*data_stream; /* whose DATA it is; NULL: nobody's */
	struct buffer held; /* a frame that has not come to its end */
	struct nghttp2_hd_inflater *inflater; /* owned */
	struct buffer block; /* of fields, as far as it has come */
	uint32_t block_stream; /* 0: none is coming */
	bool block_ends_stream;

	/* ---- streams */
	struct endpoint_stream **table; /* owned; by id */
	uint32_t table_mask;
	uint32_t streams; /* that are open */
	uint32_t last; /* the highest that the client has opened */
	struct {
		uint32_t first, last;
	} skipped[ENDPOINT_SKIPS];
	uint32_t skips;
	int8_t no_rfc7540; /* what its first SETTINGS said; -1: no SETTINGS */

	/* ---- windows, and what the client wants of us */
	int64_t window; /* bytes that we may send */
	int64_t receive_left; /* and it: as of a stream */
	uint32_t receive_due;
	uint32_t peer_window; /* of a new stream */
	uint32_t peer_frame; /* bytes of a payload */

	/* ---- what leaves */
	struct hpack_encoder encoder;
	struct buffer control; /* frames that are ready */
	size_t control_sent;
	struct list heads; /* streams whose head is to be written */
	struct list ready[ENDPOINT_URGENCIES]; /* whose body may be */
	uint8_t ready_set; /* bit per urgency that is not empty */
	bool stuck; /* the connection's window keeps all of them back */
	bool goaway_sent, goaway_received;
};

/* Zeroed by the caller.  Our SETTINGS wait to be sent.  False: no memory. */
bool endpoint_init(struct endpoint *endpoint,
		   const struct endpoint_methods *methods,
		   const struct endpoint_limits *limits);
/* All streams have been closed by the owner: closed() is not called. */
void endpoint_fini(struct endpoint *endpoint);

/* Bytes behind the preface.  False: a method wants the connection to end, or a
 * field block is longer than any that is read. */
bool endpoint_receive(struct endpoint *endpoint, const uint8_t *data,
		      size_t length);

/* The stream of a head that has not come to its end; 0: there is none. */
uint32_t endpoint_awaits_head(const struct endpoint *endpoint);

/* Frames for the client: returns how many bytes, `room` at most, but for a head
 * at their end (ENDPOINT_HEAD_ROOM).  `room` >= ENDPOINT_LEAST_ROOM. */
#define ENDPOINT_LEAST_ROOM 4096
size_t endpoint_produce(struct endpoint *endpoint, uint8_t *to, size_t room);

/* There is something to produce. */
bool endpoint_has_output(const struct endpoint *endpoint);

/* Bytes of answers to the client's frames that wait. */
size_t endpoint_control_waits(const struct endpoint *endpoint);

/* Nothing is left to be read or sent. */
bool endpoint_is_over(const struct endpoint *endpoint);

/* RFC 9113 section 6.8: that new streams will not be taken soon; that those
 * behind the last one are not; that all ends. */
void endpoint_warn(struct endpoint *endpoint);
void endpoint_refuse(struct endpoint *endpoint);
void endpoint_end(struct endpoint *endpoint, enum http2_error code);

/* ---- Streams --------------------------------------------------------------- */

/* NULL: it is not open. */
struct endpoint_stream *endpoint_find(const struct endpoint *endpoint,
				      uint32_t id);

/* write_head() is to be called; once. */
void endpoint_head_ready(struct endpoint *endpoint,
			 struct endpoint_stream *stream);
/* write_body() is, after it has said NONE. */
void endpoint_body_ready(struct endpoint *endpoint,
			 struct endpoint_stream *stream);

/* A response before the response: 100 to 199. */
void endpoint_inform(struct endpoint *endpoint, struct endpoint_stream *stream,
		     unsigned status);

/* Ends it: closed() is called before this returns. */
void endpoint_reset(struct endpoint *endpoint, struct endpoint_stream *stream,
		    enum http2_error code);

/* Bytes of its body have been used; NULL: of a stream that is closed. */
void endpoint_taken(struct endpoint *endpoint, struct endpoint_stream *stream,
		    uint32_t bytes);

void endpoint_prioritize(struct endpoint *endpoint,
			 struct endpoint_stream *stream, unsigned urgency,
			 bool incremental);

#endif
