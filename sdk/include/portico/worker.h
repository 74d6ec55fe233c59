/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker process and its applications, as modules see them.
 */
#ifndef PORTICO_WORKER_H
#define PORTICO_WORKER_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Name of the pool; lives as long as the process. */
static inline const char *
portico_worker_pool(struct portico_worker *worker)
{
	return portico_host->worker_pool(worker);
}

/* Number of loops (threads) that run requests. */
static inline uint32_t
portico_worker_loops(struct portico_worker *worker)
{
	return portico_host->worker_loops(worker);
}

/* Zeroed memory that lives as long as the process.  Main loop only. */
static inline void *
portico_worker_alloc(struct portico_worker *worker, size_t size)
{
	return portico_host->worker_alloc(worker, size);
}

/* The application of a request; lives as long as the process. */
static inline struct portico_application *
portico_request_application(struct portico_request *request)
{
	return portico_host->request_application(request);
}

/* APPLICATION_PATH, ROOT, SITE or POOL; NUL-terminated, process lifetime. */
static inline struct portico_slice
portico_application_text(struct portico_application *application,
			 enum portico_text which)
{
	return portico_host->application_text(application, which);
}

#ifdef __cplusplus
}
#endif

#endif
