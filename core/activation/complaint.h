/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker says against itself: that a module of it failed and its policy
 * is to recycle, that a module or a health check finds it unhealthy.
 */
#ifndef CORE_ACTIVATION_COMPLAINT_H
#define CORE_ACTIVATION_COMPLAINT_H

#include <jansson.h>

struct worker_process;

/* CONTROL_TYPE_replace, which it may send as often as it likes.  The last one of
 * a worker that cannot be replaced now, since it is not attached yet, as far as
 * we know, or sleeps, is kept: a module that has said it may not say it again. */
void complaint_hear(struct worker_process *worker, json_t *json);

/* It is attached, or awake: what was kept is heard. */
void complaint_hear_kept(struct worker_process *worker);

#endif
