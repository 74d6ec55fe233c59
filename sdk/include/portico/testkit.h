/* SPDX-License-Identifier: Apache-2.0
 *
 * The test kit: a host without a server, with which a unit test drives one
 * module.  Link with `pkg-config --libs portico-testkit`; modules never do.
 *
 *	struct kit *kit = kit_open(&(struct kit_options){
 *		.entry = portico_module_entry,
 *		.settings = "{ \"greeting\": \"Good morning\" }" }, NULL);
 *	struct kit_request *request = kit_request(kit, "GET", "/hello");
 *	assert(kit_run(request) == KIT_ENDED);
 *	assert(kit_status(request) == 200);
 *	kit_free(request);
 *	kit_close(kit);
 *
 * The engine, fields, query, cookies, forms, filters, variables, rewriting
 * and error pages are the worker's own code.  What a test has to hold in its
 * hands is the kit's: the client, time, threads, descriptors and failures.
 *
 * Nothing happens by itself: timers fire in kit_advance, offloaded work runs
 * in kit_work, a body arrives by kit_body.  Each function here that lets
 * something happen goes on until nothing more can.
 *
 * A breach of the SDK's rules is told to `on_failure` in one sentence; without
 * one it is printed, and the process aborts.  Memory of a request is an own
 * malloc() for each piece and freed with the request, so that
 * AddressSanitizer sees its use afterwards, in the test as in the module.
 *
 * Threads: all of it on the thread that called kit_open, which stands for the
 * loop.  One kit at a time.  This is no part of the ABI between module and
 * server: tests are built anew.  Since 1.0.
 */
#ifndef PORTICO_TESTKIT_H
#define PORTICO_TESTKIT_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the module that is compiled into the test (PORTICO_MODULE). */
extern portico_module_entry_fn portico_module_entry;

struct kit; /* a worker with one application and one module */
struct kit_request;
struct kit_faults;

/* May leave by longjmp() (cmocka's fail()); the kit is of no use then. */
typedef void kit_failure_fn(void *arg, const char *sentence);

/* 0 and NULL stand for what is said here.  Members may be appended. */
struct kit_options {
	portico_module_entry_fn *entry; /* of a module compiled into the test */
	const char *file; /* or a module's .so */
	const char *settings; /* its section as JSON; NULL: defaults */
	const char *path; /* of the application: "/" */
	const char *root; /* directory of its files; NULL: none */
	const char *site, *pool; /* "test" */
	uint32_t loops; /* what portico_worker_loops says: 1 */
	/* Timers and watches that are left at the end of a request count as
	 * failures, too; the host ends them. */
	bool strict;
	struct kit_faults *faults; /* from worker_init on; NULL: none */
	kit_failure_fn *on_failure;
	void *on_failure_arg;
};

/*
 * Loads the module and calls load, worker_init and application_init.  NULL:
 * it, its settings or one of these refused, and err (may be NULL) has the
 * sentence; a place in the settings is its file "settings", line and column.
 */
struct kit *kit_open(const struct kit_options *options,
		     struct portico_error *err);

/* Ends what is left, calls application_fini and worker_fini, and looks for
 * what was not given back.  Returns the number of failures since kit_open. */
unsigned kit_close(struct kit *kit);

/* Failures so far, and their sentences, 0..kit_failures()-1. */
unsigned kit_failures(const struct kit *kit);
const char *kit_failure(const struct kit *kit, unsigned index);

/* ---- a request ------------------------------------------------------------- */

/* A request of HTTP/1.1 to the host "localhost" from 192.0.2.1.  NULL: the
 * listener would have refused it.  To be ended by kit_free. */
struct kit_request *kit_request(struct kit *kit, const char *method,
				const char *target);

/* One with all of its head in the test's hands, up to the empty line. */
struct kit_request *kit_request_head(struct kit *kit, const char *head);

/* These before it runs: a field of its head. */
void kit_field(struct kit_request *request, const char *name,
	       const char *value);
/* Who asks: an IP address. */
void kit_client(struct kit_request *request, const char *address,
		uint16_t port);
/* It came over TLS. */
void kit_secure(struct kit_request *request);
/* Somebody has authenticated this user before. */
void kit_user(struct kit_request *request, const char *user, const char *type);

/* There will be a body of `length` bytes, -1: chunked.  Before it runs. */
void kit_expect_body(struct kit_request *request, int64_t length);
/* A chunk arrives, before or while the request runs; what waits goes on. */
void kit_body(struct kit_request *request, const void *data, size_t length);
/* A trailer field (trailer.h), before the end of the body. */
void kit_trailer(struct kit_request *request, const char *name,
		 const char *value);
/* No more of it comes. */
void kit_body_end(struct kit_request *request);
/* All of it at once: announced, and there. */
void kit_whole_body(struct kit_request *request, const void *data,
		    size_t length);

/* The object that the module gets. */
struct portico_request *kit_portico_request(struct kit_request *request);

/* Ends it if it has not ended.  It is a failure if it waits: the module has
 * forgotten it. */
void kit_free(struct kit_request *request);

/* ---- letting it run ---------------------------------------------------------- */

/* Where a request is. */
enum kit_state {
	KIT_NEW, /* has not run */
	KIT_OPEN, /* between single calls */
	KIT_TOKEN, /* waits: portico_suspend */
	KIT_OFFLOAD, /* portico_offload */
	KIT_BODY, /* portico_body_wait */
	KIT_ROOM, /* portico_response_wait, or the end of the response */
	KIT_SERVICE, /* an HTTP call (testkit_client.h) */
	KIT_CHILD, /* a child request (testkit_child.h) */
	KIT_TUNNEL, /* portico_tunnel_wait (testkit_tunnel.h) */
	KIT_ENDED,
};
/* Now. */
enum kit_state kit_state(const struct kit_request *request);

/* All events, handlers and filters, as in the server.  What the module does
 * not answer is answered by kit_answer, else with 404. */
enum kit_state kit_run(struct kit_request *request);

/* The module's functions for one event alone, until one does not say NEXT. */
enum portico_verdict kit_event(struct kit_request *request,
			       enum portico_event event,
			       enum portico_phase phase);
/* Its handler of that name alone; NULL: the first. */
enum portico_verdict kit_handle(struct kit_request *request, const char *name);
/* What the last of these two came to; PENDING while it waits. */
enum portico_verdict kit_verdict(const struct kit_request *request);
/* After single calls: the response leaves and the request ends. */
enum kit_state kit_end(struct kit_request *request);

/*
 * The answer of another handler, on its way through the module's filter:
 * status, fields, and chunks that reach the filter as they are (at most 64 KiB
 * each).  `length`: as announced by it, -1: not.  Before kit_run.
 */
void kit_answer(struct kit_request *request, unsigned status, int64_t length);
void kit_answer_field(struct kit_request *request, const char *name,
		      const char *value);
void kit_answer_chunk(struct kit_request *request, const void *data,
		      size_t length);
/* It flushes here. */
void kit_answer_flush(struct kit_request *request);
/* `length` bytes of a file, read through the filter; takes fd. */
void kit_answer_file(struct kit_request *request, int fd, uint64_t offset,
		     uint64_t length);

/* ---- the world ------------------------------------------------------------------ */

/* Virtual time: timers that are due fire in their order. */
void kit_advance(struct kit *kit, uint64_t ns);
/* Until the next timer is due; UINT64_MAX: there is none. */
uint64_t kit_next_timer(const struct kit *kit);

/* Run the offloaded work that waits, here or on a thread of its own, and go
 * on.  False: there is none. */
bool kit_work(struct kit_request *request);
bool kit_work_on_thread(struct kit_request *request);

/* Complete the token that the request waits for. */
bool kit_complete(struct kit_request *request);
/* Wait until another thread has completed a token; false: not in time. */
bool kit_await(struct kit *kit, unsigned milliseconds);

/* Call the watches of that descriptor; returns how many there were. */
unsigned kit_fire(struct kit_request *request, int fd, int events);

/* Bytes of body that the client takes now; at first there is no limit.  A
 * response that waits for room goes on. */
void kit_window(struct kit_request *request, uint64_t bytes);

/* The client leaves: on_abort, as the worker calls it. */
void kit_abort(struct kit_request *request);

/* An event of another module, with this one as the subscriber. */
enum portico_verdict kit_raise(struct kit_request *request, const char *name,
			       void *argument);
/* Who subscribes to what this module raises; NULL: nobody. */
typedef enum portico_verdict kit_subscriber_fn(struct portico_request *request,
					       const char *name, void *argument,
					       void *arg);
void kit_on_raise(struct kit *kit, kit_subscriber_fn *fn, void *arg);

/* ---- looking at it -------------------------------------------------------------- */

/* Texts live until kit_close and end with a NUL; NULL: there is none. */
/* 0: there is no response yet. */
unsigned kit_status(const struct kit_request *request);
/* 404.8 has 8. */
unsigned kit_substatus(const struct kit_request *request);
/* What portico_response_set_reason said. */
const char *kit_reason(struct kit_request *request);
/* The first field of that name, in any case of letters. */
const char *kit_response_field(struct kit_request *request, const char *name);
/* How many there are. */
unsigned kit_response_field_count(struct kit_request *request,
				  const char *name);
/* Content-Length as it will be sent; -1: none. */
int64_t kit_response_length(const struct kit_request *request);
/* Everything that the client got, files included. */
struct portico_slice kit_response_body(struct kit_request *request);
/* Then status and fields are final. */
bool kit_head_sent(const struct kit_request *request);
/* The response was cut: the client sees that it is not complete. */
bool kit_was_cut(const struct kit_request *request);
/* Files handed over, and the bytes of the n-th; UINT64_MAX: there is none. */
unsigned kit_files(const struct kit_request *request);
uint64_t kit_file_bytes(const struct kit_request *request, unsigned n);

/* PORTICO_TEXT_USER. */
const char *kit_user_name(struct kit_request *request);
/* A server variable, or one that the module has set. */
const char *kit_variable(struct kit_request *request, const char *name);
/* A field of the request, as modules behind this one see it. */
const char *kit_request_field(struct kit_request *request, const char *name);
/* The path and query to which it was rewritten; NULL: it was not. */
const char *kit_rewritten(struct kit_request *request);
/* Timers and watches that are set now. */
unsigned kit_timers(const struct kit_request *request);
unsigned kit_watches(const struct kit_request *request);

/* "warn 12: text", oldest first; NULL: no such. */
const char *kit_log(const struct kit *kit, unsigned index);
/* "name: text" or "name". */
const char *kit_trace(const struct kit *kit, unsigned index);
/* Names of custom events that the module has raised. */
const char *kit_raised(const struct kit *kit, unsigned index);

/* ---- failures --------------------------------------------------------------------- */

/* What is to fail. */
enum kit_fault_kind {
	KIT_FAULT_MEMORY = 1, /* what may return NULL or NO_MEMORY */
	KIT_FAULT_IO = 2, /* body, response and files: as if the client or the
			     system failed */
	KIT_FAULT_WAIT = 4, /* suspensions, timers, watches: refused */
	KIT_FAULT_WORKER_MEMORY = 8, /* portico_worker_alloc; so far no server
					does that */
};

/*
 * Lets the n-th call of these kinds fail.  Repeats a test with n = 1, 2, 3 ...
 * until a run met no failure:
 *
 *	struct kit_faults faults = { .kinds = KIT_FAULT_MEMORY };
 *
 *	while (kit_faults_next(&faults))
 *		test_with(&faults);
 *
 * Failed reads and writes say ABORTED, as if the client had left, but only that
 * one does; what was written before is a response that is cut.
 */
struct kit_faults {
	unsigned kinds; /* of enum kit_fault_kind */
	unsigned n; /* which call fails; set by kit_faults_next */
	enum portico_status status; /* 0: what fits the call */
	unsigned calls; /* seen in this run */
	bool hit; /* it failed */
	const char *where; /* "portico_request_alloc": what failed */
};
bool kit_faults_next(struct kit_faults *faults);
/* From now on; NULL: none. */
void kit_set_faults(struct kit *kit, struct kit_faults *faults);

#ifdef __cplusplus
}
#endif

#endif
