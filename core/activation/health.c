/* SPDX-License-Identifier: Apache-2.0
 *
 * Pings of workers.
 */
#include "core/activation/health.h"

#include <stdio.h>

#include "core/activation/events.h"
#include "core/activation/orphan.h"
#include "core/activation/pool.h"
#include "core/activation/manager.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/config/settings.h"
#include "core/control/connection.h"
#include "core/control/messages.h"

/* While an answer is awaited: it is asked so often, for it tells what holds
 * it up when it is asked again. */
#define ASK_AGAIN(limit_ns) ((limit_ns) / 3)

static void on_timer(uv_timer_t *timer);

static void
look_in(struct worker_process *worker, uint64_t ns)
{
	struct health *health = &worker->health;

	health->due_ns = clock_monotonic_ns() + ns;
	uv_update_time(health->timer.loop);
	uv_timer_start(&health->timer, on_timer, ns / CLOCK_NS_PER_MS + 1, 0);
}

/* It is asked more often than modules are to know of it. */
static bool
is_quiet(const struct worker_process *worker, uint64_t now)
{
	const struct settings_pool *settings = worker->pool->settings;
	uint64_t since = now - worker->health.told_ns;

	return !settings->pinging_enabled || since < settings->ping_interval;
}

static void
ping(struct worker_process *worker, uint64_t now)
{
	struct health *health = &worker->health;
	const struct control_ping message = { .id = ++health->sent,
					      .quiet = is_quiet(worker, now) };

	if (!message.quiet)
		health->told_ns = now;
	if (health->asked_ns == 0)
		health->asked_ns = now;
	if (worker->control != NULL)
		(void)control_send(worker->control,
				   control_encode_ping(&message), NULL, 0);
}

static void
fail(struct worker_process *worker, double seconds)
{
	struct health *health = &worker->health;
	const char *why = health->late[0] == '\0' ?
				  "its main thread does not answer" :
				  health->late;
	char text[sizeof health->late + 64];
	struct worker_context context;

	snprintf(text, sizeof text, "no answer to a ping for %.1f s: %s",
		 seconds, why);
	log_warn(EVENT_PING_FAILED, worker_process_about(worker, &context),
		 "the worker (process %d) gave %s",
		 (int)process_pid(worker->process), text);
	if (worker->pool->settings->failure.orphan_worker_process)
		orphan_worker(worker, text);
	else if (worker->pool->settings->recycling.disallow_overlapping_rotation)
		/* Nobody serves before it is gone, and it may never finish. */
		worker_process_kill(worker, text);
	else
		pool_worker_unwell(worker->pool, worker, text, true);
}

static void
on_timer(uv_timer_t *timer)
{
	struct worker_process *worker = timer->data;
	struct health *health = &worker->health;
	const struct settings_pool *settings = worker->pool->settings;
	uint64_t limit = settings->ping_response_time;
	uint64_t now = clock_monotonic_ns();
	uint64_t next = settings->ping_interval, waited;

	if (worker->state != WORKER_PROCESS_ATTACHED || worker->escalation > 0)
		return;
	age_look(worker, now);
	next = age_due(worker, now, next);
	/* It may be draining by that. */
	if (worker->state != WORKER_PROCESS_ATTACHED)
		return;
	if (!settings->pinging_enabled) {
		/* What it has served is asked for all the same, and it may take
		 * its time. */
		if (health->asked_ns == 0)
			ping(worker, now);
		look_in(worker, next);
		return;
	}
	/* We, or the machine, have slept: an answer may wait to be read. */
	if (health->asked_ns != 0 && now - health->due_ns > ASK_AGAIN(limit))
		health->asked_ns = now;
	waited = health->asked_ns == 0 ? 0 : now - health->asked_ns;
	if (waited >= limit) {
		/* If it is not replaced, that is told once per limit. */
		health->asked_ns = 0;
		fail(worker, (double)waited / 1e9);
		waited = 0;
	}
	/* The pool may have been disabled by that, or it was killed. */
	if (worker->state != WORKER_PROCESS_ATTACHED || worker->escalation > 0)
		return;
	ping(worker, now);
	if (next > ASK_AGAIN(limit))
		next = ASK_AGAIN(limit);
	if (next > limit - waited)
		next = limit - waited;
	look_in(worker, next);
}

void
health_on_pong(struct worker_process *worker, const json_t *json)
{
	struct health *health = &worker->health;
	const struct settings_pool *settings = worker->pool->settings;
	struct control_pong message;

	if (control_decode_pong(json, &message, NULL) != PORTICO_OK ||
	    health->asked_ns == 0 || message.id > health->sent)
		return;
	health->asked_ns = 0;
	health->late[0] = '\0';
	age_on_pong(worker, &message);
	if (worker->state == WORKER_PROCESS_ATTACHED)
		look_in(worker, age_next(worker, clock_monotonic_ns(),
					 settings->ping_interval));
}

void
health_on_late(struct worker_process *worker, const json_t *json)
{
	struct health *health = &worker->health;
	struct control_late message;

	if (control_decode_late(json, &message, NULL) == PORTICO_OK &&
	    health->asked_ns != 0)
		snprintf(health->late, sizeof health->late, "%s", message.text);
}

void
health_begin(struct worker_process *worker)
{
	age_begin(worker);
	worker->health.told_ns = clock_monotonic_ns();
	look_in(worker, age_next(worker, clock_monotonic_ns(),
				 worker->pool->settings->ping_interval));
}

void
health_resume(struct worker_process *worker)
{
	worker->health.asked_ns = 0;
	worker->age.idle_ns = 0;
	look_in(worker, age_next(worker, clock_monotonic_ns(),
				 worker->pool->settings->ping_interval));
}

void
health_init(struct worker_process *worker)
{
	uv_timer_init(&worker->pool->manager->loop, &worker->health.timer);
	worker->health.timer.data = worker;
}

void
health_close(struct worker_process *worker, uv_close_cb closed)
{
	uv_close((uv_handle_t *)&worker->health.timer, closed);
}
