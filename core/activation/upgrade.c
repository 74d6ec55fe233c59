/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing the listener that serves.
 */
#include "core/activation/upgrade.h"

#include "core/activation/events.h"
#include "core/activation/limits.h"
#include "core/activation/listener_process.h"
#include "core/activation/listeners.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

/* One that was asked for, until it is answered. */
struct upgrade {
	struct list link; /* in listeners.upgrades */
	upgrade_done_fn *done; /* NULL: nobody any more */
	void *arg;
	bool until_end; /* of the old one */
	struct listener_process *old; /* NULL: not replaced yet */
	struct upgrade_result result;
};

/* The first that takes requests and is not attached to it; NULL: none. */
const struct worker_process *
upgrade_find_unattached(const struct listener_process *listener)
{
	LIST_FOREACH(struct pool, link, pool, &listener->manager->pools)
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			if (worker->state == WORKER_PROCESS_ATTACHED &&
			    worker->escalation == 0 &&
			    listener_process_member(listener, worker->id) !=
				    LISTENER_MEMBER_ATTACHED)
				return worker;
	return NULL;
}

/* ---- its end ------------------------------------------------------------ */

static void
answer(struct upgrade *upgrade)
{
	list_remove(&upgrade->link);
	if (upgrade->done != NULL)
		upgrade->done(&upgrade->result, upgrade->arg);
	mem_free(upgrade);
}

/* Of the upgrade that goes on. */
static struct upgrade *
current(struct listeners *listeners)
{
	LIST_FOREACH(struct upgrade, link, upgrade, &listeners->upgrades)
		if (upgrade->old == NULL)
			return upgrade;
	return NULL;
}

/* `err` says what became of the new one; it is of no use any more. */
void
upgrade_fail(struct listeners *listeners, const struct portico_error *why)
{
	struct listener_process *next = listeners->next;
	struct upgrade *upgrade = current(listeners);
	struct portico_error err = *why;

	listeners->next = NULL;
	error_prefix(&err,
		     "the listener was not replaced, the new one "
		     "(process %d) failed",
		     listener_process_pid(next));
	if (err.hint[0] == '\0' && next->complaint[0] != '\0')
		error_hint(&err, "It said: %s", next->complaint);
	log_write_error(LOG_LEVEL_WARNING, EVENT_UPGRADE_FAILED, NULL, &err);
	upgrade->result.err = &err;
	answer(upgrade);
}

/* The new one serves. */
void
upgrade_take_over(struct listeners *listeners)
{
	struct listener_process *listener = listeners->next;
	const struct settings *settings = listeners->manager->settings;
	struct listener_process *old = listeners->serving;
	struct upgrade *upgrade = current(listeners);
	int pid = listener_process_pid(listener);

	listeners->next = NULL;
	if (old == listener) {
		log_info(NULL,
			 "the new listener (process %d) serves, the old one "
			 "had ended by itself",
			 pid);
		answer(upgrade);
		return;
	}
	log_info(NULL,
		 "the new listener (process %d) serves on the same sockets, "
		 "the old one (process %d) finishes what it has",
		 pid, listener_process_pid(old));
	listeners_set_serving(listeners, listener);
	listener_process_drain(
		old, settings->listener.shutdown_time_limit / CLOCK_NS_PER_MS,
		UPGRADE_IDLE_MS);
	upgrade->old = old;
	upgrade->result.old_pid = listener_process_pid(old);
	if (!upgrade->until_end)
		answer(upgrade);
}

void
upgrade_forget(struct listeners *listeners, const void *arg)
{
	LIST_FOREACH(struct upgrade, link, upgrade, &listeners->upgrades)
		if (upgrade->arg == arg)
			upgrade->done = NULL;
}

void
upgrade_old_ended(struct listeners *listeners,
		  const struct listener_process *old)
{
	LIST_FOREACH_SAFE(struct upgrade, link, upgrade, &listeners->upgrades) {
		if (upgrade->old != old)
			continue;
		upgrade->result.ended = true;
		upgrade->result.aborted = old->aborted;
		answer(upgrade);
	}
}

/* ---- its beginning ------------------------------------------------------ */

static unsigned
count_old(const struct listeners *listeners)
{
	unsigned count = 0;

	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		count += listener->state == LISTENER_PROCESS_DRAINING;
	return count;
}

static enum portico_status
check(const struct listeners *listeners, struct portico_error *err)
{
	const char *why = NULL;

	if (listeners->manager->phase != MANAGER_RUNNING)
		why = "the server is about to end";
	else if (listeners->next != NULL)
		why = "that goes on already";
	else if (!listeners_serve(listeners))
		why = "there is none that serves; one is being started";
	if (why != NULL)
		return error_set(err, PORTICO_STATE,
				 "replacing the listener: %s", why);
	if (count_old(listeners) < UPGRADE_OLD_MAX)
		return PORTICO_OK;
	error_set(err, PORTICO_STATE,
		  "replacing the listener: %d that were replaced before have "
		  "not finished yet",
		  UPGRADE_OLD_MAX);
	error_hint(err, "listener.shutdownTimeLimit bounds how long they "
			"take; \"portico listener show\" shows them.");
	return PORTICO_STATE;
}

/* It gets the sockets when every worker that the old one has is its own. */
void
upgrade_go_on(struct listeners *listeners)
{
	struct listener_process *next = listeners->next;

	if (next != NULL && next->state == LISTENER_PROCESS_STARTING &&
	    upgrade_find_unattached(next) == NULL)
		(void)listeners_open_sockets(next);
}

enum portico_status
upgrade_start(struct listeners *listeners, bool until_end,
	      upgrade_done_fn *done, void *arg, struct portico_error *err)
{
	enum portico_status status = check(listeners, err);
	struct listener_process *next;
	struct upgrade *upgrade;

	if (status != PORTICO_OK)
		return status;
	next = listeners_start_one(listeners, err);
	if (next == NULL) {
		error_prefix(err, "the listener was not replaced");
		return err->status;
	}
	upgrade = mem_zalloc(sizeof *upgrade);
	upgrade->done = done;
	upgrade->arg = arg;
	upgrade->until_end = until_end;
	upgrade->result.number = next->number;
	upgrade->result.pid = listener_process_pid(next);
	list_init(&upgrade->link);
	list_add_tail(&listeners->upgrades, &upgrade->link);
	listeners->next = next;
	listeners_give_pools(next);
	upgrade_go_on(listeners);
	return PORTICO_OK;
}

void
upgrade_fini(struct listeners *listeners)
{
	LIST_FOREACH_SAFE(struct upgrade, link, upgrade, &listeners->upgrades) {
		upgrade->done = NULL;
		answer(upgrade);
	}
}
