/* SPDX-License-Identifier: Apache-2.0
 *
 * Why nobody waits for a response any more.
 *
 * Threads and lifetime: as request.h.
 */
#ifndef PORTICO_ABORT_H
#define PORTICO_ABORT_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reasons; more may be appended, so that a module takes one that it does not
 * know as OTHER.  Since 1.0.
 */
enum portico_abort {
	PORTICO_ABORT_NONE, /* it was not aborted */
	PORTICO_ABORT_CLIENT, /* the client has left, or its connection broke */
	PORTICO_ABORT_EXECUTION, /* executionTimeout has passed */
	PORTICO_ABORT_IDLE, /* responseIdleTimeout: nothing was sent for long */
	PORTICO_ABORT_SLOW, /* the client sends or takes too slowly */
	PORTICO_ABORT_BODY, /* the request's body is malformed, or too large */
	PORTICO_ABORT_OPERATOR, /* the pool was stopped by command, and
				   shutdownTimeLimit has passed */
	PORTICO_ABORT_SHUTDOWN, /* the worker or the server ends for another
				   reason, and shutdownTimeLimit has passed */
	PORTICO_ABORT_LISTENER, /* the listener is gone, or has given up on
				   this worker */
	PORTICO_ABORT_PARENT, /* of a child: its parent has closed it */
	PORTICO_ABORT_OTHER,
};

struct portico_host_abort {
	uint32_t size;
	enum portico_abort (*reason)(struct portico_request *);
};

/*
 * Why the request was aborted; NONE as long as portico_request_aborted says
 * false.  It never changes once it is another.  A child that is aborted with
 * its parent has the parent's.  Since 1.0.
 */
static inline enum portico_abort
portico_request_abort_reason(struct portico_request *request)
{
	return portico_host->abort->reason(request);
}

#ifdef __cplusplus
}
#endif

#endif
