/* SPDX-License-Identifier: Apache-2.0
 *
 * What concerns the whole process: global events for modules, holds on the
 * start, file watches, reports to the manager.
 *
 * Threads: all on the main thread but what says otherwise.
 */
#ifndef CORE_WORKER_GLOBALS_H
#define CORE_WORKER_GLOBALS_H

#include <portico/portico.h>
#include <stdatomic.h>
#include <uv.h>

#include "core/base/list.h"
#include "core/worker/limits.h"
#include "core/worker/loop.h"

struct mailbox;

/* One hold on the start. */
struct global_hold {
	_Atomic bool released;
	enum portico_status status; /* once released */
	const struct portico_self *self;
	struct portico_worker *worker;
	struct loop_message message;
};

struct globals {
	uv_loop_t *uv; /* NULL: there is no main loop */
	struct mailbox *mailbox;
	uv_thread_t thread;
	void (*report)(void *arg, const char *reason, const char *module,
		       const char *text);
	void (*preloaded)(void *arg, const struct portico_error *err);
	void *arg; /* of both */
	bool preloading, stopped;
	struct portico_error preload_error; /* status OK: none */
	uint32_t hold_count, held;
	struct global_hold holds[GLOBAL_HOLDS_MAX];
	struct list watches; /* of struct portico_change_watch */
	uint32_t watch_count;
	/* For the watchdog: whom the main thread tells what, and how many it
	 * has told; NULL: nobody. */
	_Atomic(const struct module_record *) telling;
	_Atomic int event;
	_Atomic uint64_t told;
	_Atomic uint64_t reported; /* ns; the last time; 0: never */
};

/* Before the modules start.  The functions and their argument: the
 * process's. */
void globals_init(struct portico_worker *worker, uv_loop_t *uv,
		  struct mailbox *mailbox);

/* PRELOAD; then globals.preloaded is called, maybe at once. */
void globals_preload(struct portico_worker *worker);

/* Tell the subscribers of an event; false: one has said ERROR. */
bool globals_tell(struct portico_worker *worker,
		  enum portico_global_event event, const char *text,
		  int64_t value);

/* STOP, once. */
void globals_stop(struct portico_worker *worker, const char *why);

/* The modules have ended; closes watches (the loop has to turn then). */
void globals_fini(struct portico_worker *worker);

/* Is this the main thread, and is there one? */
bool globals_is_main(const struct portico_worker *worker);

const char *globals_event_name(enum portico_global_event event);

/* CUSTOM. */
enum portico_verdict globals_raise(struct portico_worker *worker,
				   const char *name, void *argument);

enum portico_status globals_hold(const struct portico_self *self,
				 struct portico_worker *worker,
				 struct portico_token *token_r);

/* Any thread; statuses as in global.h. */
enum portico_status globals_release(struct portico_worker *worker,
				    struct portico_token token,
				    enum portico_status status);
/* This worker should be replaced: struct control_replace. */
enum portico_status globals_report(struct portico_worker *worker,
				   const char *reason, const char *module,
				   const char *text);

/* host_change.c */
void changes_stop_all(struct portico_worker *worker);

#endif
