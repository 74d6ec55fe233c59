/* SPDX-License-Identifier: Apache-2.0
 *
 * All listener processes.
 */
#include "core/activation/listeners.h"

#include <stdio.h>
#include <string.h>

#include "core/activation/events.h"
#include "core/activation/figures.h"
#include "core/activation/limits.h"
#include "core/activation/listener_process.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/sites.h"
#include "core/activation/upgrade.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/config/settings.h"
#include "core/control/connection.h"

/* A listener that never served is given up after so many tries. */
#define FIRST_TRIES_MAX 3

static struct listeners *
set_of(const struct listener_process *listener)
{
	return &listener->manager->listeners;
}

void
listeners_init(struct listeners *listeners, struct manager *manager)
{
	memset(listeners, 0, sizeof *listeners);
	listeners->manager = manager;
	list_init(&listeners->all);
	list_init(&listeners->upgrades);
	uv_timer_init(&manager->loop, &listeners->restart);
	listeners->restart.data = listeners;
}

bool
listeners_serve(const struct listeners *listeners)
{
	return listeners->serving != NULL &&
	       listeners->serving->state == LISTENER_PROCESS_SERVING;
}

int
listeners_serving_pid(const struct listeners *listeners)
{
	return listeners->serving == NULL ?
		       0 :
		       listener_process_pid(listeners->serving);
}

/* ---- workers --------------------------------------------------------------- */

static bool
has_worker(const struct listener_process *listener, uint32_t worker)
{
	enum listener_member state = listener_process_member(listener, worker);

	return state == LISTENER_MEMBER_GIVEN ||
	       state == LISTENER_MEMBER_ATTACHED;
}

/* A worker that gets no new requests has none left when every listener says
 * so, or is gone, or has no socket yet. */
static void
release_worker(struct listeners *listeners, struct worker_process *worker)
{
	if (worker->state != WORKER_PROCESS_DRAINING &&
	    worker->state != WORKER_PROCESS_SUSPENDED)
		return;
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (listener->state != LISTENER_PROCESS_STARTING &&
		    has_worker(listener, worker->id))
			return;
	if (worker->state == WORKER_PROCESS_SUSPENDED)
		suspend_on_paused(worker);
	else
		worker_process_drained(worker);
}

static void
release_workers(struct listeners *listeners)
{
	LIST_FOREACH(struct pool, link, pool, &listeners->manager->pools)
		LIST_FOREACH_SAFE(struct worker_process, link, worker,
				  &pool->workers)
			release_worker(listeners, worker);
}

static void
join(struct listener_process *listener, struct worker_process *worker)
{
	struct listeners *listeners = set_of(listener);
	struct portico_error err;

	/* It may have it, from a porticod before us. */
	if (has_worker(listener, worker->id) ||
	    worker_process_join(worker, listener, &err) == PORTICO_OK)
		return;
	/* An old one has others, or gets none any more. */
	if (listener == listeners->serving)
		worker_process_refused(worker, err.message);
	else if (listener == listeners->next)
		listener_process_kill(listener, err.message);
}

/* What it has to know beside settings and sockets. */
void
listeners_give_pools(struct listener_process *listener)
{
	sites_tell(&listener->manager->sites, listener);
	LIST_FOREACH(struct pool, link, pool, &listener->manager->pools) {
		/* Another may have the name of one that is removed. */
		if (!pool->removed && pool->state != CONTROL_POOL_STARTED)
			listener_process_pool_state(listener, pool);
		/* One that is stopped could not attach. */
		if (suspend_wake_pool(pool, "a new listener"))
			recycle_next(pool);
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			if (worker->state == WORKER_PROCESS_READY ||
			    worker->state == WORKER_PROCESS_ATTACHED)
				join(listener, worker);
	}
}

void
listeners_add_worker(struct listeners *listeners, struct worker_process *worker)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (listener->state != LISTENER_PROCESS_ENDING)
			join(listener, worker);
}

/* ---- starting -------------------------------------------------------------- */

static void plan_restart(struct listeners *listeners);

/* From now on it is the one. */
void
listeners_set_serving(struct listeners *listeners,
		      struct listener_process *listener)
{
	listeners->serving = listener;
	LIST_FOREACH(struct pool, link, pool, &listeners->manager->pools)
		LIST_FOREACH_SAFE(struct worker_process, link, worker,
				  &pool->workers)
			if (listener_process_member(listener, worker->id) ==
			    LISTENER_MEMBER_ATTACHED)
				worker_process_attached(worker);
}

/* False after the reason was logged; its end follows. */
bool
listeners_open_sockets(struct listener_process *listener)
{
	struct portico_error err;
	enum portico_status status = listener_process_open(listener, &err);

	if (status == PORTICO_OK)
		return true;
	if (status == PORTICO_CLOSED)
		return false; /* it has ended, and that says more */
	log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL, &err);
	listener_process_kill(listener, err.message);
	return false;
}

struct listener_process *
listeners_start_one(struct listeners *listeners, struct portico_error *err)
{
	struct listener_process *listener = listener_process_start(
		listeners->manager, listeners->count + 1, err);

	if (listener == NULL)
		return NULL;
	listeners->count++;
	list_add_tail(&listeners->all, &listener->link);
	return listener;
}

void
listeners_start(struct listeners *listeners)
{
	struct portico_error err;
	struct listener_process *listener;

	ASSERT(listeners->serving == NULL && listeners->next == NULL);
	listener = listeners_start_one(listeners, &err);
	if (listener == NULL) {
		log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL,
				&err);
		plan_restart(listeners);
		return;
	}
	listeners->serving = listener;
	if (listeners_open_sockets(listener))
		listeners_give_pools(listener);
}

void
listeners_adopt(struct listeners *listeners, struct listener_process *listener,
		bool serving)
{
	list_add_tail(&listeners->all, &listener->link);
	if (serving) {
		listeners->serving = listener;
		return;
	}
	/* It was to replace the other one, and nobody waits for it now. */
	if (listener->state < LISTENER_PROCESS_SERVING)
		listener_process_kill(listener,
				      "porticod died while it started");
}

static uint64_t
ms_until(uint64_t ns)
{
	uint64_t now = clock_monotonic_ns();

	return ns > now ? (ns - now) / CLOCK_NS_PER_MS : 0;
}

/* What was told of a worker may not be what is kept of it: one comes before the
 * other, and porticod may have ended in between. */
static void
tell_of_worker(struct listeners *listeners, struct worker_process *worker)
{
	switch (worker->state) {
	case WORKER_PROCESS_ATTACHED:
	case WORKER_PROCESS_SUSPENDED:
		listeners_pause_worker(listeners, worker,
				       worker->state ==
					       WORKER_PROCESS_SUSPENDED);
		return;
	case WORKER_PROCESS_DRAINING:
		LIST_FOREACH(struct listener_process, link, listener,
			     &listeners->all)
			listener_process_drain_worker(listener, worker->id,
						      worker->aborted);
		return;
	case WORKER_PROCESS_STARTING:
	case WORKER_PROCESS_READY:
	case WORKER_PROCESS_STOPPING:
	case WORKER_PROCESS_ORPHANED:
		return;
	}
}

void
listeners_resume(struct listeners *listeners, int memory)
{
	if (listeners->serving == NULL) {
		listeners_start(listeners);
		return;
	}
	/* What each was told may have been half of it. */
	if (memory >= 0)
		listeners_configure(listeners, memory);
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all) {
		sites_tell(&listeners->manager->sites, listener);
		if (listener->state == LISTENER_PROCESS_DRAINING)
			listener_process_drain(
				listener, ms_until(listener->drain_until_ns),
				UPGRADE_IDLE_MS);
	}
	LIST_FOREACH(struct pool, link, pool, &listeners->manager->pools) {
		if (!pool->removed)
			listeners_pool_state(listeners, pool);
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			tell_of_worker(listeners, worker);
	}
}

static void
on_restart(uv_timer_t *timer)
{
	struct listeners *listeners = timer->data;

	if (listeners->manager->phase == MANAGER_RUNNING)
		listeners_start(listeners);
}

/* 0 at first, then up to a second while they keep dying young. */
static uint64_t
restart_delay_ms(const struct listeners *listeners)
{
	static const uint64_t delays[] = { 0, 0, 100, 300, 1000 };
	unsigned last = sizeof delays / sizeof *delays - 1;

	return delays[listeners->quick_deaths < last ? listeners->quick_deaths :
						       last];
}

static void
plan_restart(struct listeners *listeners)
{
	struct manager *manager = listeners->manager;

	listeners->quick_deaths++;
	if (!manager->served && listeners->quick_deaths >= FIRST_TRIES_MAX) {
		log_error(EVENT_LISTENER_DIED, NULL,
			  "the listener did not start in %d tries",
			  FIRST_TRIES_MAX);
		manager->result = 1;
		manager_stop(manager, "there is no listener");
		return;
	}
	uv_timer_start(&listeners->restart, on_restart,
		       restart_delay_ms(listeners), 0);
}

/* ---- to all that it concerns ----------------------------------------------- */

static void
configure_one(struct listeners *listeners, struct listener_process *listener,
	      int memory)
{
	struct portico_error err;
	enum portico_status status =
		listener_process_configure(listener, memory, &err);

	/* One that waits for its workers gets the sockets later. */
	if (status == PORTICO_OK &&
	    listener->state != LISTENER_PROCESS_STARTING)
		status = listener_process_open(listener, &err);
	if (status == PORTICO_OK || status == PORTICO_CLOSED)
		return;
	log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL, &err);
	/* If it serves, a new one gets the new settings. */
	if (listener == listeners->serving || listener == listeners->next)
		listener_process_kill(listener, err.message);
}

void
listeners_configure(struct listeners *listeners, int memory)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (listener->state != LISTENER_PROCESS_ENDING)
			configure_one(listeners, listener, memory);
}

void
listeners_pool_state(struct listeners *listeners, const struct pool *pool)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		listener_process_pool_state(listener, pool);
}

void
listeners_drain_worker(struct listeners *listeners,
		       struct worker_process *worker, bool abort)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (has_worker(listener, worker->id))
			listener_process_drain_worker(listener, worker->id,
						      abort);
	release_worker(listeners, worker);
	upgrade_go_on(listeners);
}

void
listeners_pause_worker(struct listeners *listeners,
		       struct worker_process *worker, bool pause)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		listener_process_pause_worker(listener, worker, pause);
	if (pause)
		release_worker(listeners, worker);
}

void
listeners_worker_gone(struct listeners *listeners, uint32_t worker,
		      const char *reason)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		listener_process_worker_gone(listener, worker, reason);
	upgrade_go_on(listeners);
}

void
listeners_hear(struct listeners *listeners)
{
	if (listeners->serving != NULL && listeners->serving->control != NULL)
		control_connection_read(listeners->serving->control);
}

/* ---- from a listener ------------------------------------------------------- */

/* All that answer requests do so by the newest settings. */
static void
check_configured(struct listeners *listeners)
{
	uint32_t generation = listeners->manager->settings->generation;

	if (!listeners_serve(listeners))
		return;
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if ((listener->state == LISTENER_PROCESS_SERVING ||
		     listener->state == LISTENER_PROCESS_DRAINING) &&
		    listener->confirmed != generation)
			return;
	manager_listener_configured(listeners->manager);
}

void
listeners_on_ready(struct listener_process *listener, uint32_t generation)
{
	struct listeners *listeners = set_of(listener);
	struct manager *manager = listeners->manager;

	/* It has been given newer settings meanwhile: it says so again. */
	if (generation != 0 && generation != manager->settings->generation)
		return;
	listener->confirmed = manager->settings->generation;
	if (listener->state == LISTENER_PROCESS_OPENING) {
		listener->state = LISTENER_PROCESS_SERVING;
		uv_timer_stop(&listener->timer);
		if (listener == listeners->next)
			upgrade_take_over(listeners);
		else
			manager_listener_serving(manager);
	} else if (listener == listeners->serving && !manager->served) {
		/* It did already, before us. */
		manager_listener_serving(manager);
	}
	check_configured(listeners);
}

void
listeners_on_attached(struct listener_process *listener, uint32_t id)
{
	struct listeners *listeners = set_of(listener);
	struct worker_process *worker =
		manager_find_worker(listeners->manager, id);

	if (worker != NULL && listener == listeners->serving)
		worker_process_attached(worker);
	upgrade_go_on(listeners);
}

void
listeners_on_worker_drained(struct listener_process *listener, uint32_t id)
{
	struct worker_process *worker =
		manager_find_worker(listener->manager, id);

	if (worker != NULL)
		release_worker(set_of(listener), worker);
	else
		listener_process_worker_gone(listener, id, "nobody knows it");
}

/* A new one has not attached a worker: its own fault, as far as we know. */
static void
fail_attaching(struct listener_process *listener,
	       const struct worker_process *worker,
	       const struct control_worker_lost *message)
{
	struct portico_error err;

	/* One that is dying is not waited for once it is gone. */
	if (!message->lied && !message->refused && !message->exhausted)
		return;
	error_set(&err, PORTICO_PROTOCOL,
		  "worker %u of pool \"%s\" (process %d) could not be attached "
		  "to it: %s",
		  worker->id, worker->pool->name,
		  (int)process_pid(worker->process), message->reason);
	if (message->refused)
		error_hint(&err, "If the programs on disk are of another "
				 "version than those that run, restart "
				 "porticod.");
	listeners_on_failed(listener, &err);
}

/*
 * Only the one that serves can say that a worker is of no use; that it lied is
 * believed of those that have served, too.
 */
void
listeners_on_lost(struct listener_process *listener,
		  const struct control_worker_lost *message)
{
	struct listeners *listeners = set_of(listener);
	bool serves = listener == listeners->serving;
	struct worker_process *worker =
		manager_find_worker(listeners->manager, message->worker);

	if (worker == NULL)
		return;
	if (listener == listeners->next && !serves) {
		fail_attaching(listener, worker, message);
		return;
	}
	if (serves && message->exhausted)
		worker_process_refused(worker, message->reason);
	else if (serves || message->lied)
		worker_process_lost(worker, message->reason, message->lied);
	release_worker(listeners, worker);
}

static void
check_drained(struct listeners *listeners)
{
	if (!listeners->stopping)
		return;
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (listener->state != LISTENER_PROCESS_ENDING)
			return;
	manager_listener_drained(listeners->manager);
}

void
listeners_on_drained(struct listener_process *listener)
{
	struct listeners *listeners = set_of(listener);

	if (listener->aborted > 0 && !listeners->stopping)
		log_warn(EVENT_UPGRADE_CUT, NULL,
			 "the listener that was replaced (process %d) had to "
			 "cut %u requests at listener.shutdownTimeLimit",
			 listener_process_pid(listener), listener->aborted);
	listener_process_end(listener);
	check_drained(listeners);
}

/* One that starts is ended for it; its end says what follows. */
void
listeners_on_failed(struct listener_process *listener,
		    const struct portico_error *why)
{
	struct listeners *listeners = set_of(listener);
	struct portico_error err = *why;
	const struct worker_process *worker;
	bool slow = err.status == PORTICO_TIMED_OUT;

	if (listener->state > LISTENER_PROCESS_OPENING) {
		error_prefix(&err, "the listener (process %d)",
			     listener_process_pid(listener));
		log_write_error(LOG_LEVEL_ERROR, EVENT_LISTENER_FAILED, NULL,
				&err);
		return;
	}
	worker = upgrade_find_unattached(listener);
	if (slow && listener->state == LISTENER_PROCESS_STARTING &&
	    worker != NULL)
		error_set(&err, PORTICO_TIMED_OUT,
			  "%s: worker %u of pool \"%s\" (process %d) was not "
			  "attached",
			  why->message, worker->id, worker->pool->name,
			  (int)process_pid(worker->process));
	if (listener == listeners->next) {
		upgrade_fail(listeners, &err);
	} else {
		error_prefix(&err, "the listener (process %d) cannot start",
			     listener_process_pid(listener));
		log_write_error(LOG_LEVEL_ERROR,
				slow ? EVENT_LISTENER_START_LIMIT :
				       EVENT_LISTENER_FAILED,
				NULL, &err);
	}
	listener_process_kill(listener, err.message);
}

/* ---- the end of one -------------------------------------------------------- */

static void
log_end(const struct listeners *listeners,
	const struct listener_process *listener, const char *how)
{
	int pid = listener_process_pid(listener);
	bool asked = listener->state == LISTENER_PROCESS_ENDING;

	if (asked && (listeners->stopping || listener != listeners->serving))
		log_info(NULL, "the listener (process %d) has stopped: it %s",
			 pid, how);
	else if (listener->state == LISTENER_PROCESS_DRAINING)
		log_error(EVENT_LISTENER_DIED, NULL,
			  "the listener (process %d) terminated unexpectedly "
			  "while it finished its requests: it %s",
			  pid, how);
	else
		log_error(EVENT_LISTENER_DIED, NULL,
			  "the listener (process %d) terminated unexpectedly: "
			  "it %s",
			  pid, how);
}

/* The one that served is gone. */
static void
replace(struct listeners *listeners, const struct listener_process *dead)
{
	struct listener_process *next = listeners->next;

	if (clock_monotonic_ns() - dead->started_ns > LISTENER_STEADY_NS)
		listeners->quick_deaths = 0;
	if (next == NULL) {
		plan_restart(listeners);
		return;
	}
	/* It is half-way there: the workers that it has not come as they
	 * are attached. */
	listeners_set_serving(listeners, next);
	if (next->state == LISTENER_PROCESS_STARTING)
		(void)listeners_open_sockets(next);
}

void
listeners_on_end(struct listener_process *listener, const char *how)
{
	struct listeners *listeners = set_of(listener);
	struct manager *manager = listeners->manager;
	bool served = listener == listeners->serving;
	bool failed = listener == listeners->next;
	struct portico_error err;

	list_remove(&listener->link);
	figures_on_end(listener);
	if (failed) {
		if (listener->failure[0] != '\0')
			error_set(&err, PORTICO_STATE, "%s", listener->failure);
		else
			error_set(&err, PORTICO_CLOSED,
				  "it %s before it served", how);
		upgrade_fail(listeners, &err);
	}
	if (served || !failed)
		log_end(listeners, listener, how);
	if (served)
		listeners->serving = NULL;
	release_workers(listeners);
	upgrade_old_ended(listeners, listener);
	if (listeners->stopping) {
		check_drained(listeners);
		manager_something_ended(manager);
	} else if (served) {
		replace(listeners, listener);
	} else {
		check_configured(listeners);
	}
}

/* ---- the end of the server ------------------------------------------------- */

void
listeners_drain(struct listeners *listeners, uint64_t limit_ms)
{
	struct portico_error err;

	listeners->stopping = true;
	uv_timer_stop(&listeners->restart);
	if (listeners->next != NULL) {
		error_set(&err, PORTICO_STATE, "the server is about to end");
		upgrade_fail(listeners, &err);
	}
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all) {
		if (listener->state == LISTENER_PROCESS_SERVING ||
		    listener->state == LISTENER_PROCESS_DRAINING)
			listener_process_drain(listener, limit_ms, 0);
		else
			listener_process_kill(listener, NULL);
	}
	check_drained(listeners);
}

void
listeners_end(struct listeners *listeners)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (listener->state != LISTENER_PROCESS_ENDING)
			listener_process_end(listener);
}

void
listeners_kill(struct listeners *listeners)
{
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		listener_process_kill(listener, NULL);
}

void
listeners_fini(struct listeners *listeners)
{
	LIST_FOREACH_SAFE(struct listener_process, link, listener,
			  &listeners->all)
		listener_process_free(&listener);
	upgrade_fini(listeners);
	uv_close((uv_handle_t *)&listeners->restart, NULL);
}
