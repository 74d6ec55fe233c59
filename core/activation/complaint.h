/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker says against itself: that a module of it failed and its policy
 * is to recycle, that a module or a health check finds it unhealthy.
 */
#ifndef CORE_ACTIVATION_COMPLAINT_H
#define CORE_ACTIVATION_COMPLAINT_H

#include <jansson.h>

struct worker_process;

/* CONTROL_TYPE_replace, which it may send as often as it likes. */
void complaint_hear(struct worker_process *worker, const json_t *json);

#endif
