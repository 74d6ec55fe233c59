/* SPDX-License-Identifier: Apache-2.0
 *
 * The activation manager: one loop that owns the configuration, the listening
 * sockets, the listener and the pools with their workers.  Nothing here ever
 * waits for another process: every wait is an event with a time limit.
 */
#ifndef CORE_ACTIVATION_MANAGER_H
#define CORE_ACTIVATION_MANAGER_H

#include <stdbool.h>
#include <uv.h>

#include "core/activation/crash.h"
#include "core/activation/figures.h"
#include "core/activation/listeners.h"
#include "core/activation/metering.h"
#include "core/activation/worker_queries.h"
#include "core/activation/service.h"
#include "core/activation/sites.h"
#include "core/activation/sockets.h"
#include "core/base/list.h"

struct certificates;
struct commands;
struct event_log;
struct handover;
struct keeper;
struct runtime;
struct settings;
struct state;
struct takeover;
struct worker_process;

enum manager_phase {
	MANAGER_RUNNING,
	MANAGER_DRAINING, /* the listener finishes */
	MANAGER_STOPPING, /* the workers end */
	MANAGER_DONE,
};

struct manager_options {
	const char *config_file;
	int ready_fd; /* a line is written there when serving; -1 */
	struct takeover *takeover; /* what is gone on with; NULL: nothing */
	char *const *arguments; /* argv, to run the program again */
};

struct manager {
	unsigned magic;
	uv_loop_t loop;
	struct manager_options options;
	enum manager_phase phase;
	char *libexec; /* directory of portico-listener and portico-worker */
	struct settings *settings; /* the newest; a reference */
	struct settings *next; /* being applied; a reference, or NULL */
	bool finishing; /* new ones are in force, pools that lost something
			   are still recycled, or confirming */
	bool confirming; /* the listener was given them and has not answered */
	uv_idle_t settle; /* looks whether `next` can be put in force */
	uint32_t generation;
	struct service service;
	struct sockets sockets;
	struct sites sites;
	struct listeners listeners;
	struct figures figures; /* of the listeners */
	struct worker_queries queries; /* of the workers */
	struct crashes crashes;
	struct metering metering; /* limits that we watch ourselves */
	struct list pools; /* of struct pool */
	size_t pool_count;
	uint32_t next_worker;
	struct runtime *runtime;
	struct event_log *events;
	struct commands *commands;
	struct certificates *certificates;
	struct reload *reload; /* one that goes on, or NULL */
	struct keeper *keeper; /* holds what outlives us */
	struct state *state;
	struct handover *handover; /* to another program, or NULL */
	uint32_t take_overs; /* how many of us there were before */
	uv_signal_t on_term, on_int, on_hup;
	bool waiting; /* `next` is, for descriptors; it was said */
	uv_timer_t limit; /* of the shutdown, of confirming, of waiting */
	uint64_t began_ns;
	bool served; /* said so once */
	int result; /* exit status of the program */
};

/* Takes the reference of `settings`.  Opens sockets and everything else that
 * can fail for good; starts nothing yet. */
enum portico_status manager_init(struct manager *manager,
				 const struct manager_options *options,
				 struct settings *settings,
				 struct portico_error *err);

/* Starts listener and pools and runs until the end.  Exit status. */
int manager_run(struct manager *manager);
void manager_fini(struct manager *manager);

struct pool *manager_find_pool(const struct manager *manager, const char *name);
struct worker_process *manager_find_worker(const struct manager *manager,
					   uint32_t id);

/* Path of a program of ours.  OWNERSHIP: the caller's, mem_free(). */
char *manager_program(const struct manager *manager, const char *name);

/* Graceful end; again: at once. */
void manager_stop(struct manager *manager, const char *why);

/*
 * New settings that were found good; takes the reference.  First the pools
 * that get an application get new workers, then the routes change, then the
 * other pools that changed are recycled, then reload_applied() is called,
 * never from within.
 */
enum portico_status manager_apply(struct manager *manager,
				  struct settings *settings,
				  struct portico_error *err);

/* Called by the parts. */
void manager_listener_serving(struct manager *manager);
void manager_listener_configured(struct manager *manager);
/* A reload, well or not. */
void manager_reload_ended(struct manager *manager);
void manager_listener_drained(struct manager *manager);
/* A recycle has ended, well or not. */
void manager_pool_settled(struct manager *manager);
void manager_something_ended(struct manager *manager);

#endif
