/* SPDX-License-Identifier: Apache-2.0
 *
 * What an HTTP call is made of (client.h): its settings, events and results,
 * and the host's table of functions behind it.
 */
#ifndef PORTICO_CLIENT_CALL_H
#define PORTICO_CLIENT_CALL_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Opaque.  Since 1.0. */
struct portico_client_call;

/* How a call has ended.  Since 1.0. */
enum portico_client_result {
	PORTICO_CLIENT_OK, /* an answer came, whatever its status */
	PORTICO_CLIENT_UNFINISHED, /* not started, or still under way */
	PORTICO_CLIENT_CANCELLED, /* by the module, an abort, the worker's end */
	PORTICO_CLIENT_NAME, /* the host's name has no address */
	PORTICO_CLIENT_CONNECT, /* nobody listens, or no way to it */
	PORTICO_CLIENT_TLS, /* no common ground, or not who it should be */
	PORTICO_CLIENT_TIME, /* one of the times is over */
	PORTICO_CLIENT_CLOSED, /* the peer hung up before its answer's end */
	PORTICO_CLIENT_TOO_LARGE, /* head or body are above the limits */
	PORTICO_CLIENT_PROTOCOL, /* what came is no HTTP, or breaks it */
	PORTICO_CLIENT_REDIRECTS, /* more redirects than allowed */
	PORTICO_CLIENT_FAILED, /* none of these: the message tells */
};

/* Numbers of a call, to be set before it starts.  Since 1.0. */
enum portico_client_number {
	/* Nanoseconds until a connection stands (name, TCP, TLS); 5 s. */
	PORTICO_CLIENT_CONNECT_NS,
	/* Nanoseconds for the whole call; 30 s; 0 = as long as it takes. */
	PORTICO_CLIENT_TOTAL_NS,
	/* Nanoseconds in which no byte moves, rounded up to whole seconds; 0
	 * (the default) = no limit. */
	PORTICO_CLIENT_IDLE_NS,
	/* Bytes of the answer's body that are held; 1 MiB, at most 64 MiB.
	 * Does not count where the body is streamed. */
	PORTICO_CLIENT_BODY_MAX,
	/* 1: the answer's body is not held but read by portico_client_read. */
	PORTICO_CLIENT_STREAM,
	/* The body is written by portico_client_write: its length in bytes, or
	 * -1 = not known (chunked).  Such a call takes a connection of its
	 * own, since it could not be repeated on another. */
	PORTICO_CLIENT_UPLOAD,
	/* Redirects that are followed, 0 (the default) to 20.  The method
	 * stays, and so do fields that were set, for other hosts too, but for
	 * Authorization and Cookie. */
	PORTICO_CLIENT_REDIRECTS_MAX,
	/* 0: whoever answers is believed.  For tests. */
	PORTICO_CLIENT_VERIFY,
};

/* Texts of a call, copied, to be set before it starts.  Since 1.0. */
enum portico_client_text {
	PORTICO_CLIENT_CA_FILE, /* PEM: who vouches, instead of the system's */
	PORTICO_CLIENT_CERTIFICATE_FILE, /* PEM: who we are */
	PORTICO_CLIENT_KEY_FILE, /* PEM: its key, if it is not in there too */
	PORTICO_CLIENT_UNIX_SOCKET, /* path, in the place of host and port */
};

/* What a call is waited for; bits.  Since 1.0. */
enum portico_client_event {
	PORTICO_CLIENT_HEAD = 1, /* status and fields are there */
	PORTICO_CLIENT_READ = 2, /* a part of the body can be read */
	PORTICO_CLIENT_WRITE = 4, /* there is room for more of the upload */
	PORTICO_CLIENT_END = 8, /* the call has ended, well or not */
};

/*
 * Tells a module without a request of what is new: `events` are those that
 * have begun since the last time.  Calls that are not streamed have END alone.
 * On the call's loop, never from within a function of this header; the call
 * may be freed here.
 */
typedef void portico_client_fn(struct portico_client_call *call,
			       uint32_t events, void *arg);

struct portico_host_client {
	uint32_t size;

	/* 1.0 */
	enum portico_status (*open)(struct portico_request *,
				    struct portico_slice method,
				    struct portico_slice url,
				    struct portico_client_call **call_r);
	void (*free)(struct portico_client_call *);
	enum portico_status (*set_number)(struct portico_client_call *,
					  enum portico_client_number, int64_t);
	enum portico_status (*set_text)(struct portico_client_call *,
					enum portico_client_text,
					struct portico_slice);
	enum portico_status (*add_field)(struct portico_client_call *,
					 struct portico_slice name,
					 struct portico_slice value);
	enum portico_status (*set_body)(struct portico_client_call *,
					struct portico_slice body);
	enum portico_status (*start)(struct portico_client_call *,
				     portico_client_fn *, void *arg);
	enum portico_status (*wait)(struct portico_client_call *,
				    uint32_t events, portico_resume_fn *,
				    void *arg);
	void (*cancel)(struct portico_client_call *);
	uint32_t (*events)(struct portico_client_call *);
	enum portico_status (*write)(struct portico_client_call *,
				     const void *data, size_t length,
				     size_t *written_r);
	enum portico_status (*finish)(struct portico_client_call *);
	enum portico_status (*read)(struct portico_client_call *,
				    struct portico_slice *chunk_r);
	enum portico_client_result (*result)(struct portico_client_call *);
	const char *(*message)(struct portico_client_call *);
	unsigned (*status)(struct portico_client_call *);
	bool (*field)(struct portico_client_call *, struct portico_slice name,
		      struct portico_slice *value_r);
	void (*fields)(struct portico_client_call *, portico_field_fn *,
		       void *arg);
	struct portico_slice (*body)(struct portico_client_call *);
};

#ifdef __cplusplus
}
#endif

#endif
