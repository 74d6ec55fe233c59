/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker process: from settings to running loops, and back.
 */
#include "core/worker/worker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/worker/calls.h"
#include "core/worker/file.h"
#include "core/worker/limits.h"
#include "core/worker/offload.h"
#include "core/worker/shared.h"
#include "core/worker/watchdog.h"

/* Requests for an application that this pool does not have get 404. */
static struct portico_application *
nobody_new(struct portico_worker *worker)
{
	struct portico_application *nobody =
		arena_zalloc(worker->arena, sizeof(*nobody));

	nobody->magic = APPLICATION_MAGIC;
	nobody->worker = worker;
	nobody->root_fd = -1;
	nobody->path = nobody->root = nobody->site = PORTICO_SLICE("");
	nobody->pool = worker->pool;
	program_build(worker->arena, NULL, &nobody->program);
	return nobody;
}

/* Loops cannot be made without: better to say so than to be found dead. */
static bool
has_descriptors(uint32_t loops, struct portico_error *err)
{
	uint32_t wanted = loops * LOOP_DESCRIPTORS;

	if (wanted > IO_MESSAGE_FDS_MAX)
		wanted = IO_MESSAGE_FDS_MAX;
	if (io_descriptors_free(STDERR_FILENO, wanted))
		return true;
	error_set(err, PORTICO_FULL,
		  "making %u loops: no descriptors (the limit is %llu)", loops,
		  (unsigned long long)io_descriptor_limit());
	error_hint(err, "Raise LimitNOFILE of the service, or ulimit -n.");
	return false;
}

struct portico_worker *
worker_new(const char *pool, uint32_t loops, uint32_t offload_threads,
	   struct portico_error *err)
{
	struct portico_worker *worker;

	loops = loops < 1		? 1 :
		loops > TOKEN_LOOPS_MAX ? TOKEN_LOOPS_MAX :
					  loops;
	if (!has_descriptors(loops, err))
		return NULL;
	worker = mem_zalloc(sizeof(*worker));

	worker->magic = WORKER_MAGIC;
	list_init(&worker->globals.watches);
	worker->arena = arena_new("worker", 0);
	worker->pool = arena_slice_dup(worker->arena, slice_from(pool));
	worker->modules = module_set_new(&worker_host);
	worker->nobody = nobody_new(worker);
	worker->loop_count = loops;
	worker->loops =
		mem_zalloc_array(worker->loop_count, sizeof(worker->loops[0]));
	for (uint32_t i = 0; i < worker->loop_count; i++)
		loop_init(&worker->loops[i], worker, i);
	worker->offload = offload_pool_new(
		offload_threads < 1 ? 1 : offload_threads, err);
	if (worker->offload == NULL)
		worker_free(&worker);
	return worker;
}

void
worker_add_application(struct portico_worker *worker,
		       struct portico_application *application)
{
	size_t at = worker->application_count;

	CHECK(worker, WORKER_MAGIC);
	worker->applications =
		mem_realloc(worker->applications,
			    (at + 1) * sizeof(worker->applications[0]));
	for (; at > 0 && worker->applications[at - 1]->id > application->id;
	     at--)
		worker->applications[at] = worker->applications[at - 1];
	worker->applications[at] = application;
	worker->application_count++;
}

struct portico_application *
worker_find_application(struct portico_worker *worker, uint32_t id)
{
	size_t low = 0, high = worker->application_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct portico_application *one = worker->applications[middle];

		if (one->id == id)
			return one;
		if (one->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return worker->nobody;
}

enum portico_status
worker_share(struct portico_worker *worker, int fd, struct portico_error *err)
{
	CHECK(worker, WORKER_MAGIC);
	worker->shared = shared_open(fd, err);
	return worker->shared == NULL ? err->status : PORTICO_OK;
}

enum portico_status
worker_start_modules(struct portico_worker *worker, struct portico_error *err)
{
	size_t count = module_set_count(worker->modules);
	enum portico_status status;

	for (size_t i = 0; i < count; i++)
		module_set_get(worker->modules, i)->self.worker = worker;
	for (uint32_t i = 0; i < worker->loop_count; i++)
		worker->loops[i].calls = mem_zalloc_array(
			count + 1, sizeof(struct module_calls));
	status = module_set_load(worker->modules, err);
	if (status != PORTICO_OK)
		return status;
	for (; worker->started < count; worker->started++) {
		const struct module_record *record = module_set_get_ordered(
			worker->modules, worker->started);
		struct portico_error failure;

		if (record->module.worker_init == NULL)
			continue;
		error_clear(&failure);
		status = record->module.worker_init(worker, &failure);
		if (status != PORTICO_OK)
			return module_refused(err, record, "worker_init",
					      status, &failure);
	}
	for (size_t i = 0; i < worker->application_count; i++) {
		status = application_start(worker->applications[i], err);
		if (status != PORTICO_OK)
			return status;
	}
	return PORTICO_OK;
}

enum portico_status
worker_start_loops(struct portico_worker *worker, struct portico_error *err)
{
	CHECK(worker, WORKER_MAGIC);
	for (uint32_t i = 0; i < worker->loop_count; i++) {
		enum portico_status status = loop_start(&worker->loops[i], err);

		if (status != PORTICO_OK)
			return status;
	}
	return PORTICO_OK;
}

void
worker_want_recycle(struct portico_worker *worker, const char *module)
{
	CHECK(worker, WORKER_MAGIC);
	if (globals_report(worker, "error", module, "") == PORTICO_OK)
		log_warn(4081, NULL,
			 "module \"%s\" failed in a request and wants a new "
			 "worker (onError)",
			 module);
}

enum portico_status
worker_watch(struct portico_worker *worker, uint64_t limit_ns,
	     struct portico_error *err)
{
	CHECK(worker, WORKER_MAGIC);
	return watchdog_start(worker, limit_ns, &worker->watchdog, err);
}

static void
modules_stop(struct portico_worker *worker)
{
	for (size_t i = worker->application_count; i-- > 0;)
		application_stop(worker->applications[i]);
	while (worker->started > 0) {
		const struct module_record *record = module_set_get_ordered(
			worker->modules, --worker->started);

		if (record->module.worker_fini != NULL)
			record->module.worker_fini(worker);
	}
}

void
worker_free(struct portico_worker **worker_p)
{
	struct portico_worker *worker = *worker_p;

	*worker_p = NULL;
	if (worker == NULL)
		return;
	CHECK(worker, WORKER_MAGIC);
	watchdog_stop(&worker->watchdog);
	/* Work first: it may post to the loops. */
	offload_pool_free(worker->offload);
	worker->offload = NULL;
	worker->ending = true;
	if (worker->shared != NULL)
		shared_watch_end(worker->shared);
	for (uint32_t i = 0; i < worker->loop_count; i++)
		loop_stop(&worker->loops[i]);
	modules_stop(worker);
	shared_close(&worker->shared);
	globals_fini(worker);
	mem_free(worker->loops);
	module_set_free(worker->modules);
	mem_free(worker->applications);
	arena_free(worker->arena);
	worker->magic = 0;
	mem_free(worker);
}

uint64_t
worker_active(const struct portico_worker *worker)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < worker->loop_count; i++)
		sum += atomic_load(&worker->loops[i].active);
	return sum;
}

uint64_t
worker_served(const struct portico_worker *worker)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < worker->loop_count; i++)
		sum += atomic_load(&worker->loops[i].served);
	return sum;
}

uint32_t
worker_open_channels(const struct portico_worker *worker)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < worker->loop_count; i++)
		sum += atomic_load(&worker->loops[i].open_channels);
	return sum;
}

void
worker_print_pipelines(const struct portico_worker *worker, FILE *stream)
{
	for (size_t i = 0; i < worker->application_count; i++) {
		const struct portico_application *application =
			worker->applications[i];

		fprintf(stream, "%s%s%s\n", i == 0 ? "" : "\n",
			application->site.data, application->path.data);
		pipeline_print(stream, application->pipeline);
	}
}
