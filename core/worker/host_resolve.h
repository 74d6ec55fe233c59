/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups of modules, by loop.
 */
#ifndef CORE_WORKER_HOST_RESOLVE_H
#define CORE_WORKER_HOST_RESOLVE_H

#include <portico/resolve.h>

#include "core/base/list.h"

/* The loop ends: gives up all that run and tells their modules. */
void lookups_stop(struct list *lookups);

extern const struct portico_host_resolve worker_host_resolve;

#endif
