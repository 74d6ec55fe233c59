/* SPDX-License-Identifier: Apache-2.0
 *
 * Health checks of applications.
 */
#include "core/worker/health_check.h"

#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/worker/link.h"
#include "core/worker/worker.h"

/* ---- which --------------------------------------------------------------- */

static void on_end(void *arg, unsigned status);

static void
add(struct health_checks *checks,
    const struct settings_application *application)
{
	const struct settings_health *health = &application->health;
	struct health_check *check = &checks->list[checks->count++];

	check->all = checks;
	internal_options_for(&check->page, checks->worker, application,
			     &health->page);
	check->page.agent = "Portico-Health";
	check->page.on_end = on_end;
	check->page.arg = check;
	check->interval = health->interval;
	check->timeout = health->timeout;
	check->limit = health->failures;
}

static bool
is_wanted(const struct settings_application *application,
	  const struct settings_pool *pool)
{
	return application->pool == pool &&
	       application->health.page.path != NULL;
}

void
health_checks_collect(struct health_checks *checks,
		      struct portico_worker *worker,
		      const struct settings *settings,
		      const struct settings_pool *pool)
{
	size_t most = 0;

	for (size_t i = 0; i < settings->site_count; i++)
		most += settings->sites[i].application_count;
	checks->worker = worker;
	checks->list = mem_zalloc_array(most + 1, sizeof *checks->list);
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++)
			if (is_wanted(&site->applications[k], pool))
				add(checks, &site->applications[k]);
	}
}

/* ---- on the loop --------------------------------------------------------- */

static void
on_end(void *arg, unsigned status)
{
	struct health_check *check = arg;

	check->child = NULL;
	check->status = status;
	atomic_fetch_sub(&check->all->running, 1);
	mailbox_post(check->all->mailbox, &check->end);
}

static void
run_begin(struct loop_message *message)
{
	struct health_check *check =
		CONTAINER_OF(message, struct health_check, begin);

	atomic_fetch_add(&check->all->running, 1);
	if (internal_start(&check->all->worker->loops[0], &check->page,
			   &check->child) != PORTICO_OK)
		on_end(check, 0);
}

static void
run_cut(struct loop_message *message)
{
	struct health_check *check =
		CONTAINER_OF(message, struct health_check, cut);

	if (check->child != NULL)
		internal_abort(check->child);
}

/* ---- again and again ----------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void
wait_for(struct health_check *check, uint64_t ns)
{
	uv_timer_start(&check->timer, on_timer, ns / CLOCK_NS_PER_MS + 1, 0);
}

static void
post(struct health_check *check, struct loop_message *message)
{
	loop_post(&check->all->worker->loops[0], message);
}

/* One more; whoever has to know is told when there are too many in a row. */
static void
count_failure(struct health_check *check, const char *what)
{
	const struct internal_options *page = &check->page;
	char why[256];

	check->failures++;
	log_warn(4132, NULL, "health check: %s of %s failed: %s (%u of %u)",
		 page->target, page->host, what, check->failures, check->limit);
	if (check->failures < check->limit)
		return;
	/* Whether it is replaced or not: that is told once per limit. */
	check->failures = 0;
	snprintf(why, sizeof why, "its health check %.100s of %.64s failed: %s",
		 page->target, page->host, what);
	check->all->failed(check->all->arg, why);
}

/* A module may not heed that its request was aborted, and then there is no end
 * to judge: it has failed each time that it could have answered. */
static void
on_late(struct health_check *check)
{
	char what[48];

	if (!check->late)
		post(check, &check->cut);
	check->late = true;
	wait_for(check, check->timeout);
	snprintf(what, sizeof what, "no response within %.1f s",
		 (double)check->timeout / 1e9);
	count_failure(check, what);
}

static void
on_timer(uv_timer_t *timer)
{
	struct health_check *check = timer->data;

	if (check->running) {
		on_late(check);
		return;
	}
	check->running = true;
	check->late = false;
	post(check, &check->begin);
	wait_for(check, check->timeout);
}

static void
judge(struct health_check *check)
{
	char what[48];

	if (check->status != 0 && check->status < 400) {
		check->failures = 0;
		return;
	}
	if (check->status != 0)
		snprintf(what, sizeof what, "status %u", check->status);
	else
		snprintf(what, sizeof what, "no response");
	count_failure(check, what);
}

static void
run_end(struct loop_message *message)
{
	struct health_check *check =
		CONTAINER_OF(message, struct health_check, end);

	check->running = false;
	if (check->all->ended)
		return;
	wait_for(check, check->interval);
	if (!check->late)
		judge(check);
}

void
health_checks_begin(struct health_checks *checks, uv_loop_t *uv,
		    struct mailbox *mailbox, health_check_fn *failed, void *arg)
{
	checks->mailbox = mailbox;
	checks->failed = failed;
	checks->arg = arg;
	checks->begun = true;
	for (size_t i = 0; i < checks->count; i++) {
		struct health_check *check = &checks->list[i];

		check->begin.run = run_begin;
		check->end.run = run_end;
		check->cut.run = run_cut;
		uv_timer_init(uv, &check->timer);
		check->timer.data = check;
		wait_for(check, check->interval);
	}
}

void
health_checks_cancel(struct health_checks *checks)
{
	if (!checks->begun || checks->ended)
		return;
	checks->ended = true;
	for (size_t i = 0; i < checks->count; i++) {
		struct health_check *check = &checks->list[i];

		uv_timer_stop(&check->timer);
		if (check->running && !check->late)
			post(check, &check->cut);
	}
}

void
health_checks_free(struct health_checks *checks)
{
	MEM_FREE(checks->list);
	checks->count = 0;
}
