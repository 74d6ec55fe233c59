/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host about the process, applications, files and the log.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/slice.h"
#include "core/worker/application.h"
#include "core/worker/file.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

const char *
host_worker_pool(struct portico_worker *worker)
{
	CHECK(worker, WORKER_MAGIC);
	return worker->pool.data;
}

uint32_t
host_worker_loops(struct portico_worker *worker)
{
	CHECK(worker, WORKER_MAGIC);
	return worker->loop_count;
}

void *
host_worker_alloc(struct portico_worker *worker, size_t size)
{
	CHECK(worker, WORKER_MAGIC);
	return arena_zalloc(worker->arena, size);
}

uint64_t
host_clock(void)
{
	return clock_monotonic_ns();
}

void
host_log(struct portico_self *self, struct portico_request *request,
	 enum portico_log_level level, uint32_t number, const char *text)
{
	struct request_context storage;
	const struct log_context *parent = NULL;
	struct log_context context;

	CHECK(self, MODULE_SELF_MAGIC);
	if (request != NULL) {
		CHECK(request, REQUEST_MAGIC);
		request_context(request, &storage);
		parent = &storage.id;
	}
	context = (struct log_context){ .parent = parent,
					.name = "module",
					.value = self->record->name };
	log_write((enum log_level)level, number, &context, "%s", text);
}

/* Until there is a recorder, the log is the only one who listens. */
void
host_trace(struct portico_self *self, struct portico_request *request,
	   const char *name, const char *text)
{
	char line[1024];

	CHECK(self, MODULE_SELF_MAGIC);
	CHECK(request, REQUEST_MAGIC);
	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	snprintf(line, sizeof(line), "trace %s%s%s", name,
		 text == NULL ? "" : ": ", text == NULL ? "" : text);
	host_log(self, request, PORTICO_LOG_DEBUG, 0, line);
}

struct portico_application *
host_request_application(struct portico_request *request)
{
	CHECK(request, REQUEST_MAGIC);
	return request->application;
}

struct portico_slice
host_application_text(struct portico_application *application,
		      enum portico_text which)
{
	CHECK(application, APPLICATION_MAGIC);
	switch (which) {
	case PORTICO_TEXT_APPLICATION_PATH:
		return application->path;
	case PORTICO_TEXT_ROOT:
		return application->root;
	case PORTICO_TEXT_SITE:
		return application->site;
	case PORTICO_TEXT_POOL:
		return application->pool;
	case PORTICO_TEXT_METHOD:
	case PORTICO_TEXT_TARGET:
	case PORTICO_TEXT_PATH:
	case PORTICO_TEXT_QUERY:
	case PORTICO_TEXT_HOST:
	case PORTICO_TEXT_SCHEME:
	case PORTICO_TEXT_PATH_IN_APPLICATION:
	case PORTICO_TEXT_USER:
	case PORTICO_TEXT_AUTHENTICATION:
		break;
	}
	return PORTICO_SLICE("");
}

/*
 * The one service that takes a request and may run on a thread of the pool,
 * so it reads nothing that changes while the request waits.
 */
enum portico_status
host_file_open(struct portico_request *request, struct portico_slice path,
	       int *fd_r, struct portico_error *err)
{
	*fd_r = -1;
	CHECK(request, REQUEST_MAGIC);
	/* MAP_PATH runs on the loop only: a module's function must. */
	if (request->application->maps_path &&
	    loop_current() == request->loop &&
	    program_notify(request, PIPELINE_STAGE_MAP_PATH) == PORTICO_ERROR)
		return PORTICO_DENIED;
	return file_open_below(request->application->root_fd, path, fd_r, err);
}
