/* SPDX-License-Identifier: Apache-2.0
 *
 * See complaint.h.
 */
#include "core/activation/complaint.h"

#include <stdio.h>
#include <string.h>

#include "core/activation/events.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/control/messages.h"

/* Between two times that it may say that it is unwell. */
#define COMPLAINTS_NS CLOCK_NS_PER_S

/* It may not be replaced, for want of something, and say so again. */
static bool
may_complain(struct worker_process *worker)
{
	uint64_t now = clock_monotonic_ns();

	if (worker->complained_ns != 0 &&
	    now - worker->complained_ns < COMPLAINTS_NS)
		return false;
	worker->complained_ns = now;
	return true;
}

static void
on_error(struct worker_process *worker, const struct control_replace *message)
{
	char why[sizeof worker->why_marked];

	snprintf(why, sizeof why, "module \"%.64s\" failed", message->module);
	pool_worker_unwell(worker->pool, worker, why, false);
}

static void
on_health(struct worker_process *worker, const struct control_replace *message)
{
	struct worker_context context;
	char why[sizeof worker->why_marked];

	log_warn(EVENT_HEALTH_CHECK_FAILED,
		 worker_process_about(worker, &context),
		 "the worker (process %d) is unhealthy: %.256s",
		 (int)process_pid(worker->process), message->text);
	snprintf(why, sizeof why, "%.250s", message->text);
	pool_worker_unwell(worker->pool, worker, why, true);
}

static void
on_unhealthy(struct worker_process *worker,
	     const struct control_replace *message)
{
	struct worker_context context;
	char why[sizeof worker->why_marked];

	log_warn(EVENT_WORKER_UNHEALTHY, worker_process_about(worker, &context),
		 "the worker (process %d) is unhealthy, says module %.64s: "
		 "%.256s",
		 (int)process_pid(worker->process), message->module,
		 message->text);
	snprintf(why, sizeof why, "unhealthy, says module \"%.64s\": %.200s",
		 message->module, message->text);
	pool_worker_unwell(worker->pool, worker, why, true);
}

void
complaint_hear(struct worker_process *worker, json_t *json)
{
	struct control_replace message;

	if (worker->state < WORKER_PROCESS_ATTACHED ||
	    worker->state == WORKER_PROCESS_SUSPENDED) {
		json_decref(worker->complaint);
		worker->complaint = json_incref(json);
		return;
	}
	/* Nobody needs to hear it twice. */
	if (worker->state != WORKER_PROCESS_ATTACHED ||
	    worker->escalation > 0 || worker->marked != RECYCLE_NONE ||
	    worker->pool->state != CONTROL_POOL_STARTED ||
	    !may_complain(worker) ||
	    control_decode_replace(json, &message, NULL) != PORTICO_OK)
		return;
	if (strcmp(message.reason, "error") == 0)
		on_error(worker, &message);
	else if (strcmp(message.reason, "health") == 0)
		on_health(worker, &message);
	else if (strcmp(message.reason, "unhealthy") == 0)
		on_unhealthy(worker, &message);
	/* Else it is a newer worker. */
}

void
complaint_hear_kept(struct worker_process *worker)
{
	json_t *json = worker->complaint;

	worker->complaint = NULL;
	if (json != NULL)
		complaint_hear(worker, json);
	json_decref(json);
}
