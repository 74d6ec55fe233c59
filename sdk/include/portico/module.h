/* SPDX-License-Identifier: Apache-2.0
 *
 * The module descriptor: what a module tells the server about itself.  A
 * module is one .so with one exported function, which PORTICO_MODULE()
 * defines:
 *
 *	static const struct portico_subscription subscriptions[] = {
 *		{ .event = PORTICO_EVENT_AUTHORIZE, .function = on_authorize },
 *		{ 0 }
 *	};
 *	PORTICO_MODULE(.name = "gate", .version = "1.0.0",
 *		       .summary = "refuses everyone on Sundays",
 *		       .subscriptions = subscriptions);
 *
 * The descriptor is const and lives as long as the process: a module is never
 * unloaded, a new module file means a new worker.
 *
 * Threads: a request stays on one loop (thread) of one worker, so functions
 * that get a request need no lock for its state.  Process-wide state of a
 * module is shared by all loops and is the module's to protect.
 */
#ifndef PORTICO_MODULE_H
#define PORTICO_MODULE_H

#include <portico/directive.h>
#include <portico/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PORTICO_MODULE_MAGIC 0x504f5254u /* "PORT" */
#define PORTICO_ABI_MAJOR 1 /* must be equal in module and host */
#define PORTICO_ABI_MINOR 0 /* of the module: not above the host's */

struct portico_global_subscription; /* global.h */
struct portico_host; /* host.h */
struct portico_self; /* the host's record of the calling module; opaque */
struct portico_request; /* request.h */
struct portico_worker; /* worker.h */
struct portico_application; /* worker.h */

/*
 * The twelve request events, in the order in which every request passes them;
 * each is followed by its post-event before the next one begins.  Since 1.0.
 */
enum portico_event {
	PORTICO_EVENT_NONE, /* ends an array of subscriptions */
	PORTICO_EVENT_BEGIN, /* first look: filtering, rewriting, redirects */
	PORTICO_EVENT_AUTHENTICATE, /* find out who asks */
	PORTICO_EVENT_AUTHORIZE, /* may they? */
	PORTICO_EVENT_RESOLVE_CACHE, /* answer from an output cache */
	PORTICO_EVENT_MAP_HANDLER, /* choose the handler */
	PORTICO_EVENT_ACQUIRE_STATE, /* load session-like state */
	PORTICO_EVENT_PRE_EXECUTE, /* last hook before the handler */
	PORTICO_EVENT_EXECUTE, /* the handler makes the response */
	PORTICO_EVENT_RELEASE_STATE, /* save session-like state */
	PORTICO_EVENT_UPDATE_CACHE, /* store in an output cache */
	PORTICO_EVENT_LOG, /* always runs, also after DONE and ERROR */
	PORTICO_EVENT_END, /* always runs, last */
	/* as they happen, without post-event: */
	PORTICO_EVENT_MAP_PATH, /* URL path -> file path */
	PORTICO_EVENT_READ_ENTITY, /* a chunk of request body is read */
	PORTICO_EVENT_SEND_RESPONSE, /* the response head is about to leave */
	PORTICO_EVENT_CUSTOM, /* raised by a module, by name (event.h) */
	PORTICO_EVENT_COUNT
};

/* Before or behind the event's own subscribers.  Since 1.0. */
enum portico_phase {
	PORTICO_PHASE_EVENT, /* the event itself */
	PORTICO_PHASE_POST, /* after all subscribers of the event */
};

/*
 * What a subscriber, handler or resume function answers.  A verdict is never
 * an HTTP status: that is set on the response.
 *
 *   NEXT     go on with the next subscriber; from a handler: not mine, try
 *            the next mapped handler
 *   DONE     the response is decided: go straight to LOG and END.  From a
 *            handler: handled, go on with the events after EXECUTE.
 *   PENDING  suspended by a portico_*_wait or portico_suspend call made
 *            before returning; without one this is an error of the module
 *   ERROR    answer 500 unless the response has an error status already;
 *            go to LOG and END
 */
enum portico_verdict {
	PORTICO_NEXT = 0,
	PORTICO_DONE = 1,
	PORTICO_PENDING = 2,
	PORTICO_ERROR = 3,
};

/* Called on the request's loop.  Must not block. */
typedef enum portico_verdict portico_event_fn(struct portico_request *request);

/* Continues a suspended request on its loop; `arg` as given on suspension. */
typedef enum portico_verdict portico_resume_fn(struct portico_request *request,
					       void *arg);

/*
 * One subscription.  Rows have a fixed size within one ABI major.  The array
 * ends with a row whose event is PORTICO_EVENT_NONE.  Since 1.0.
 */
struct portico_subscription {
	enum portico_event event;
	enum portico_phase phase;
	portico_event_fn *function;
	/* Names of modules that must come later / earlier on this event, each
	 * array ends with NULL; modules that are not loaded are ignored. */
	const char *const *before;
	const char *const *after;
	const char *name; /* CUSTOM: [a-z0-9.-]{1,64}; else NULL */
	const void *reserved[2];
};

/*
 * One request handler: makes responses for the paths and methods that the
 * configuration maps to it.  The array ends with a NULL name.  Since 1.0.
 */
struct portico_handler {
	const char *name; /* as in the configuration's "handler" */
	const char *methods; /* "GET,HEAD"; NULL = all.  Others get 405. */
	portico_event_fn *function; /* runs in PORTICO_EVENT_EXECUTE */
	const void *reserved[3];
};

struct portico_filter_stream; /* filter.h */

/* What comes with a chunk.  Since 1.0. */
enum portico_data_flag {
	PORTICO_DATA_FLUSH = 1, /* pass on what is held back, now */
	PORTICO_DATA_LAST = 2, /* no data follows */
};

/*
 * A response filter sees head and body of each response of the applications
 * in which its module runs, and may change both.  filter.h.  Since 1.0.
 */
struct portico_filter {
	const char *name;
	const char *const *before; /* nearer to the handler than these */
	const char *const *after; /* nearer to the client than these */
	/* Before the head leaves.  NEXT: take part in this response.
	 * DONE: pass it by.  ERROR: the response becomes 500. */
	enum portico_verdict (*head)(struct portico_request *request);
	/* Each chunk, in order; `chunk` is borrowed for the call.  Passes on
	 * with portico_filter_pass(), any number of times.  Negative: the
	 * response is cut.  NULL: body passes unchanged. */
	enum portico_status (*data)(struct portico_request *request,
				    struct portico_slice chunk, uint32_t flags,
				    struct portico_filter_stream *next);
	const void *reserved[3];
};

/* Of a module as a whole.  Since 1.0. */
enum portico_module_flag {
	PORTICO_MODULE_INTERNAL = 1, /* only for exactly this build_id */
};

/*
 * The descriptor.  Size first, members are only ever appended; the host reads
 * no member beyond `size`.  Since 1.0.
 */
struct portico_module {
	uint32_t size; /* sizeof(struct portico_module) when built */
	uint32_t magic; /* PORTICO_MODULE_MAGIC */
	uint16_t abi_major, abi_minor;
	uint32_t flags;
	const char *build_id; /* compared only with PORTICO_MODULE_INTERNAL */
	const char *name; /* [a-z][a-z0-9-]{0,31}, also its section's name */
	const char *version; /* of the module, free form */
	const char *summary; /* one line */
	const char *const *provides; /* feature names, ends with NULL; or NULL */
	const char *const *needs; /* features that must be loaded too */
	const struct portico_directive *directives; /* or NULL */
	uint32_t configuration_size; /* bytes of the struct they fill */
	uint32_t request_size; /* zeroed per-request state, by the host */
	const struct portico_subscription *subscriptions; /* or NULL */
	const struct portico_handler *handlers; /* or NULL */
	const struct portico_filter *filter; /* one, or NULL */
	/* Each of these may be NULL.  Negative status: the worker does not
	 * start, err says why.
	 * load: once, after the descriptor was accepted, before any other.
	 * worker_init/fini: once per process, on the main loop.
	 * application_init/fini: once per application that uses the module;
	 * `configuration` is the filled struct (lives as long as the process);
	 * *state_r is what portico_application_state() will return.
	 * on_abort: the client of a request has left, or its deadline passed
	 * (portico_request_abort_reason).
	 * Runs on the request's loop while it is pending: once when that is
	 * known, for each module that has had a part in the request; and
	 * again, for the module alone, each time that it suspends the aborted
	 * request with a token, after it has returned PORTICO_PENDING.  So a
	 * module that completes its token here is never left waiting; it must
	 * bear being called twice.  An aborted request gets to no handler any
	 * more, but goes on to LOG as if DONE had been returned.  Timers, offloaded work and waits for bodies go
	 * on by themselves. */
	enum portico_status (*load)(struct portico_error *err);
	enum portico_status (*worker_init)(struct portico_worker *worker,
					   struct portico_error *err);
	void (*worker_fini)(struct portico_worker *worker);
	enum portico_status (*application_init)(
		struct portico_application *application,
		const void *configuration, void **state_r,
		struct portico_error *err);
	void (*application_fini)(struct portico_application *application,
				 void *state);
	void (*on_abort)(struct portico_request *request);
	const struct portico_global_subscription *global_subscriptions;
};

/* The one exported symbol, an entry function, and its type. */
#define PORTICO_MODULE_ENTRY "portico_module_entry"
typedef const struct portico_module *
portico_module_entry_fn(const struct portico_host *host,
			struct portico_self *self);

#if defined(__GNUC__)
/* Export: the entry alone is; the rest is hidden. */
#define PORTICO_EXPORT __attribute__((visibility("default")))
#define PORTICO_HIDDEN __attribute__((visibility("hidden")))
#else
#define PORTICO_EXPORT
#define PORTICO_HIDDEN
#endif

/*
 * Set by the exported function before anything else of the module runs, never
 * changed after.  Every inline function of the SDK calls through portico_host,
 * portico_self says for whom; a test sets them to a fake host.
 */
extern PORTICO_HIDDEN const struct portico_host *portico_host;
extern PORTICO_HIDDEN struct portico_self *portico_self;

#ifdef __cplusplus
/* What a function needs to be called from C. */
#define PORTICO_C_LINKAGE extern "C"
#else
#define PORTICO_C_LINKAGE
#endif

/* What PORTICO_MODULE() defines besides the descriptor; with a descriptor made
 * in another way (portico.hpp) it stands for itself.  Once, at file scope. */
#define PORTICO_MODULE_DEFINE(descriptor)                                      \
	PORTICO_HIDDEN const struct portico_host *portico_host;                \
	PORTICO_HIDDEN struct portico_self *portico_self;                      \
	PORTICO_C_LINKAGE PORTICO_EXPORT const struct portico_module *         \
	portico_module_entry(const struct portico_host *,                      \
			     struct portico_self *);                           \
	PORTICO_EXPORT const struct portico_module *portico_module_entry(      \
		const struct portico_host *host, struct portico_self *self)    \
	{                                                                      \
		portico_host = host;                                           \
		portico_self = self;                                           \
		return &(descriptor);                                          \
	}                                                                      \
	extern int portico_module_end_of_macro

/* To be used once in a module, at file scope.  In C++ it needs C++20 and the
 * members in their order; portico.hpp has what C++17 can do. */
#define PORTICO_MODULE(...)                                                    \
	static const struct portico_module portico_module_descriptor = {       \
		.size = sizeof(struct portico_module),                         \
		.magic = PORTICO_MODULE_MAGIC,                                 \
		.abi_major = PORTICO_ABI_MAJOR,                                \
		.abi_minor = PORTICO_ABI_MINOR,                                \
		__VA_ARGS__                                                    \
	};                                                                     \
	PORTICO_MODULE_DEFINE(portico_module_descriptor)

#ifdef __cplusplus
}
#endif

#endif
