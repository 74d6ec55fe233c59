/* SPDX-License-Identifier: Apache-2.0
 *
 * Every control message: one struct, one encoder, one decoder.  The comment
 * says who sends it to whom and which descriptors come with it.
 *
 *   json_t *control_encode_X(const struct control_X *message)
 *	a new object with "type", to be given to control_send(); NULL only
 *	when memory is exhausted (control_send() accepts that).  What is not
 *	UTF-8 in a text becomes '?'.
 *
 *   enum portico_status control_decode_X(const json_t *json,
 *				struct control_X *message_r, err)
 *	PORTICO_PROTOCOL when a member is missing or of the wrong type or out
 *	of range; texts are borrowed from `json`.  Unknown members are
 *	ignored, so that an older peer understands a newer one; so are types.
 */
#ifndef CORE_CONTROL_MESSAGES_H
#define CORE_CONTROL_MESSAGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/control/messages_pool.h"
#include "core/control/site_state.h"
#include "core/control/worker_remains.h"

/*
 * manager -> listener, manager -> worker, with fd 0 = sealed memfd of
 * settings (settings_read_memfd); a worker gets fd 1 = the memory that its
 * pool shares, if there is some.  The first message of all, but for `secrets`: to
 * a listener, with fd 0 = certificates and keys (activation/certificates.c).
 */
struct control_configure {
	uint32_t generation; /* of the settings */
	const char *pool; /* "" for the listener */
	bool restarted; /* a worker: in place of another, whose settings are
			   older */
};

/* manager -> listener, with fd 0 = bound, listening socket, non-blocking.
 * One for each address:port and listener thread. */
struct control_socket {
	const char *address; /* as in settings_binding.address */
	uint16_t port; /* as configured; 0 = any */
	uint16_t real_port; /* what the kernel chose, else = port */
	int32_t family; /* AF_INET or AF_INET6 (dual stack for "*") */
	uint32_t thread; /* listener loop, from 0 */
	bool tls;
};

/* manager -> listener: that was all; answer ready when all loops have it and
 * the settings before it; also without sockets, when draining.  A listener
 * that replaces another gets its workers before its sockets. */
struct control_sockets_done {
	uint32_t count; /* socket messages before this */
};

/* manager -> listener, with fd 0 = the listener's end of the link. */
struct control_worker {
	const char *pool;
	uint32_t worker; /* id, never used again by this manager */
	int32_t pid;
	uint32_t loops; /* worker threads */
	uint32_t generation; /* recycles of the pool before: newest first */
	const char *affinity; /* its name in cookies */
};

/* manager -> listener: give it nothing new; worker-drained when empty. */
struct control_worker_drain {
	uint32_t worker;
	bool abort; /* and what it still has is aborted */
	bool pause, resume; /* instead of draining: for a while; no more */
	uint32_t round; /* of pausing, which the answer names */
};

/* listener -> manager: a draining worker has no request left. */
struct control_worker_drained {
	uint32_t worker, round;
};

/* manager -> listener: its process has ended; what is left is lost. */
struct control_worker_gone {
	uint32_t worker;
	const char *reason; /* "killed by signal 9 (SIGKILL)" */
};

enum control_pool_state {
	CONTROL_POOL_STARTED, /* requests queue; demand starts workers */
	CONTROL_POOL_STOPPED, /* 503 AppOffline */
	CONTROL_POOL_DISABLED, /* 503 AppOffline, by rapid-fail protection */
};

/* manager -> listener */
struct control_pool_state_message {
	const char *pool;
	enum control_pool_state state;
	const char *reason; /* sentence; "" */
};

/* manager -> listener: stop accepting, finish, then drained.  Again: the
 * shorter times count. */
struct control_drain {
	uint64_t deadline_ms; /* from now */
	uint64_t idle_ms; /* from now; connections without a request stay so
			     long for one more; 0 = they are closed */
};

/* manager -> listener; what: "counters", "listener", "requests",
 * "routes", ...  manager -> worker: "modules". */
struct control_query {
	uint32_t id;
	const char *what;
};

/* listener -> manager, worker -> manager: the answer. */
struct control_reply {
	uint32_t id;
	json_t *body; /* decoded: borrowed; encoded: a reference is added */
};

/* listener -> manager: serving.  worker -> manager: modules loaded. */
struct control_ready {
	uint32_t loops; /* threads */
	uint32_t generation; /* of the listener's settings; 0 = not said */
	/* Of a worker, for people who look at requests in flight: names of
	 * its modules and of the events by the numbers that it uses in the
	 * channel's progress words; arrays of text, or NULL.  Decoded:
	 * borrowed; encoded: a reference is added. */
	json_t *modules, *events;
	/* And of a worker for module list: in the same order an object for
	 * each module with name, version, abi and file, or NULL. */
	json_t *loaded;
	const char *degraded; /* what a worker runs without; "" */
};

/* listener -> manager: a request waits and no worker is there; sent once until
 * a worker attached or pool-state came. */
struct control_demand {
	const char *pool;
	bool more; /* there are some, and they have much to do */
};

/* listener -> manager: all channels are attached; it gets requests. */
struct control_worker_attached {
	uint32_t worker;
};

/* listener -> manager: the link or a channel ended. */
struct control_worker_lost {
	uint32_t worker;
	const char *reason;
	bool lied; /* broke the protocol: treat as crashed */
	bool exhausted; /* never taken: the listener lacks what it needs */
	bool refused; /* the two do not fit together; it may serve another */
};

/* listener -> manager: nothing is in progress any more. */
struct control_drained {
	uint32_t aborted; /* requests cut at the deadline */
};

/* manager -> worker, with fd 0 = the worker's end of a link; for each listener. */
struct control_link {
	uint32_t listener; /* counts listeners; for logs */
};

/* manager -> worker: finish what runs, then exit 0. */
struct control_stop {
	uint64_t deadline_ms; /* from now */
};

/* manager -> worker: modules shall know.  A worker that does not know `what`
 * ignores it. */
struct control_notice {
	const char *what; /* "stop", "configuration", "cleanup", "reclaim"
			     (fd 0 = memory.reclaim, value: MiB) */
	const char *text; /* why; or "" */
	uint32_t value; /* configuration: 1: the worker will be replaced */
};

/* worker -> manager: this worker should be replaced.  A manager that does not
 * know `reason` ignores it. */
struct control_replace {
	const char *reason; /* "unhealthy", "error" (onError), "health" */
	const char *module; /* whose; or "" */
	const char *text; /* why; or "" */
};

/* worker -> manager, listener -> manager: cannot start; exits next. */
struct control_failed {
	const char *message;
	const char *detail;
	const char *hint;
	const char *file;
	uint32_t line, column;
};
/* worker -> manager: about to exit as asked. */
struct control_stopped {
	uint32_t served; /* requests */
};

/* listener -> worker on the link, with 5 fds in the order of
 * struct channel_handles. */
struct control_channel {
	uint32_t index; /* listener thread index % L, worker loop index % W */
	uint32_t count; /* max(L, W) */
	uint32_t version; /* of wire.h */
};

/* listener -> worker: all channels were sent. */
struct control_link_done {
	uint32_t count;
};
/* worker -> listener */
struct control_attached {
	uint32_t index;
};

/* worker -> listener: this channel cannot be used. */
struct control_refused {
	uint32_t index;
	const char *message;
};

/* X(name of functions and struct, type text) */
#define CONTROL_MESSAGES(X)                                                    \
	X(configure, "configure", struct control_configure)                    \
	X(secrets, "secrets", struct control_configure)                        \
	X(socket, "socket", struct control_socket)                             \
	X(sockets_done, "sockets-done", struct control_sockets_done)           \
	X(worker, "worker", struct control_worker)                             \
	X(worker_drain, "worker-drain", struct control_worker_drain)           \
	X(worker_drained, "worker-drained", struct control_worker_drained)     \
	X(worker_gone, "worker-gone", struct control_worker_gone)              \
	X(pool_state, "pool-state", struct control_pool_state_message)         \
	X(site_state, "site-state", struct control_site_state)                 \
	X(drain, "drain", struct control_drain)                                \
	X(query, "query", struct control_query)                                \
	X(reply, "reply", struct control_reply)                                \
	X(ready, "ready", struct control_ready)                                \
	X(demand, "demand", struct control_demand)                             \
	X(worker_attached, "worker-attached", struct control_worker_attached)  \
	X(worker_lost, "worker-lost", struct control_worker_lost)              \
	X(worker_remains, "worker-remains", struct control_worker_remains)     \
	X(drained, "drained", struct control_drained)                          \
	X(link, "link", struct control_link)                                   \
	X(stop, "stop", struct control_stop)                                   \
	X(notice, "notice", struct control_notice)                             \
	X(replace, "replace", struct control_replace)                          \
	X(ping, "ping", struct control_ping)                                   \
	X(pong, "pong", struct control_pong)                                   \
	X(late, "late", struct control_late)                                   \
	X(initializing, "initializing", struct control_initializing)           \
	X(failed, "failed", struct control_failed)                             \
	X(stopped, "stopped", struct control_stopped)                          \
	X(channel, "channel", struct control_channel)                          \
	X(link_done, "link-done", struct control_link_done)                    \
	X(attached, "attached", struct control_attached)                       \
	X(refused, "refused", struct control_refused)

/* For a switch over what arrived. */
enum control_type {
	CONTROL_UNKNOWN,
#define CONTROL_TYPE_ENUM(name, text, type) CONTROL_TYPE_##name,
	CONTROL_MESSAGES(CONTROL_TYPE_ENUM)
#undef CONTROL_TYPE_ENUM
	CONTROL_TYPE_COUNT
};

enum control_type control_type_find(const char *text);
const char *control_type_text(enum control_type type);

#define CONTROL_DECLARE(name, text, type)                                      \
	json_t *control_encode_##name(const type *message);                    \
	enum portico_status control_decode_##name(const json_t *json,          \
						  type *message_r,             \
						  struct portico_error *err);
CONTROL_MESSAGES(CONTROL_DECLARE)
#undef CONTROL_DECLARE

/* Fills a failed message from an error record and back; texts are borrowed. */
void control_failed_from_error(struct control_failed *message,
			       const struct portico_error *err);
void control_failed_to_error(const struct control_failed *message,
			     struct portico_error *err);

const char *control_pool_state_name(enum control_pool_state state);

#endif
