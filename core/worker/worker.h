/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker process: its pool, applications, loops and threads.  Built on
 * the main thread before the loops start, read-only afterwards.
 */
#ifndef CORE_WORKER_WORKER_H
#define CORE_WORKER_WORKER_H

#include <portico/portico.h>

#include "core/worker/application.h"
#include "core/worker/globals.h"
#include "core/worker/loop.h"
#include "core/worker/module_load.h"

#define WORKER_MAGIC 0x574f524bu

struct arena;
struct offload_pool;
struct settings;
struct settings_pool;
struct shared;
struct watchdog;

struct portico_worker {
	unsigned magic;
	struct arena *arena; /* lives as long as the process */
	struct portico_slice pool;
	struct module_set *modules;
	struct portico_application **applications; /* sorted by id */
	size_t application_count;
	struct portico_application *nobody; /* for an id that is not ours */
	struct offload_pool *offload;
	struct watchdog *watchdog; /* or NULL */
	const char *degraded; /* a sentence, or NULL */
	struct shared *shared; /* with the pool's other workers; or NULL */
	struct worker_loop *loops;
	uint32_t loop_count;
	struct globals globals;
	struct portico_metric *metrics; /* first of them (host_metric.c) */
	_Atomic bool ending; /* nothing may be posted to the loops any more */
	size_t started; /* modules whose worker_init ran, in load order */
};

/* A worker without applications; loops are initialised, not started.  NULL
 * when there are no threads or descriptors for it. */
struct portico_worker *worker_new(const char *pool, uint32_t loops,
				  uint32_t offload_threads,
				  struct portico_error *err);

/* Load what the settings say of the pool; of several problems the first is in
 * err, the others go to the log. */
enum portico_status worker_configure(struct portico_worker *worker,
				     const struct settings *settings,
				     const struct settings_pool *pool,
				     struct portico_error *err);

/* The memory that the pool's workers share.  Before worker_start_modules();
 * OWNERSHIP: takes the descriptor when it succeeds (shared_open). */
enum portico_status worker_share(struct portico_worker *worker, int fd,
				 struct portico_error *err);

/* load() and worker_init() of all modules, then application_init(). */
enum portico_status worker_start_modules(struct portico_worker *worker,
					 struct portico_error *err);

/* Takes the application. */
void worker_add_application(struct portico_worker *worker,
			    struct portico_application *application);

/* Never NULL: `nobody` if there is none. */
struct portico_application *
worker_find_application(struct portico_worker *worker, uint32_t id);

enum portico_status worker_start_loops(struct portico_worker *worker,
				       struct portico_error *err);

/* Ends loops, then application_fini and worker_fini; frees.  *p = NULL. */
void worker_free(struct portico_worker **worker_p);

/* An error of a module says so (onError); on a loop. */
void worker_want_recycle(struct portico_worker *worker, const char *module);

/* Once the loops run; `limit_ns` 0: nobody watches. */
enum portico_status worker_watch(struct portico_worker *worker,
				 uint64_t limit_ns, struct portico_error *err);

uint64_t worker_active(const struct portico_worker *worker);
uint64_t worker_served(const struct portico_worker *worker);
uint32_t worker_open_channels(const struct portico_worker *worker);

/* --show-pipeline */
void worker_print_pipelines(const struct portico_worker *worker, FILE *stream);

/* host.c: the table that modules call through. */
extern const struct portico_host worker_host;

#endif
