/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host does for a request beside its program (a call, a lookup), so
 * that an abort stops it and the end of the request ends it.  A request that
 * uses none of it has an empty list.
 */
#ifndef CORE_WORKER_SERVICE_H
#define CORE_WORKER_SERVICE_H

#include "core/base/list.h"

/* Embedded in the thing; linked into request->services, newest first. */
struct service {
	struct list link;
	/* The request was aborted: stop, and wake it if it waits for this. */
	void (*abort)(struct service *service);
	/* The request ends; it is unlinked: never touch that again. */
	void (*end)(struct service *service);
};

#endif
