/* SPDX-License-Identifier: Apache-2.0
 *
 * Warming a worker up.
 */
#include "core/worker/initialization.h"

#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/config/settings.h"
#include "core/worker/link.h"
#include "core/worker/worker.h"

/* ---- which --------------------------------------------------------------- */

static void on_end(void *arg, unsigned status);

static void
add_page(struct initialization *initialization,
	 const struct settings_application *application,
	 const struct settings_page *page)
{
	struct initialization_page *one =
		&initialization->pages[initialization->count++];

	internal_options_for(&one->options, initialization->worker, application,
			     page);
	one->options.warm_up = true;
	one->options.agent = "Portico-Initialization";
	one->options.on_end = on_end;
	one->options.arg = initialization;
	one->required = application->initialization.required;
}

static bool
is_wanted(const struct settings_application *application,
	  const struct settings_pool *pool, bool restarted)
{
	return application->pool == pool &&
	       (!restarted || application->initialization.after_restart);
}

void
initialization_collect(struct initialization *initialization,
		       struct portico_worker *worker,
		       const struct settings *settings,
		       const struct settings_pool *pool, bool restarted)
{
	size_t count = 0;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < settings->site_count; i++) {
			const struct settings_site *site = &settings->sites[i];

			for (size_t k = 0; k < site->application_count; k++) {
				const struct settings_application *one =
					&site->applications[k];
				size_t pages = one->initialization.page_count;

				if (!is_wanted(one, pool, restarted))
					continue;
				count += pages;
				for (size_t p = 0; round == 1 && p < pages; p++)
					add_page(initialization, one,
						 &one->initialization.pages[p]);
			}
		}
		if (round == 0) {
			initialization->worker = worker;
			initialization->pages = arena_zalloc(
				worker->arena,
				(count + 1) * sizeof *initialization->pages);
		}
	}
	/* The rest is for what comes after it. */
	initialization->deadline_ns =
		clock_monotonic_ns() + pool->startup_time_limit / 5 * 4;
}

/* ---- on the loop --------------------------------------------------------- */

static void
on_end(void *arg, unsigned status)
{
	struct initialization *initialization = arg;

	initialization->child = NULL;
	initialization->status = status;
	mailbox_post(initialization->mailbox, &initialization->end);
}

static void
run_begin(struct loop_message *message)
{
	struct initialization *initialization =
		CONTAINER_OF(message, struct initialization, begin);
	const struct initialization_page *page =
		&initialization->pages[initialization->next];

	if (initialization->was_cut ||
	    internal_start(&initialization->worker->loops[0], &page->options,
			   &initialization->child) != PORTICO_OK)
		on_end(initialization, 0);
}

static void
run_cut(struct loop_message *message)
{
	struct initialization *initialization =
		CONTAINER_OF(message, struct initialization, cut);

	initialization->was_cut = true;
	if (initialization->child != NULL)
		internal_abort(initialization->child);
}

/* ---- one after the other ------------------------------------------------- */

static void
finish(struct initialization *initialization, const struct portico_error *err)
{
	initialization->finished = true;
	uv_timer_stop(&initialization->limit);
	initialization->done(initialization->arg, err);
}

static void
begin_next(struct initialization *initialization)
{
	if (initialization->next == initialization->count) {
		finish(initialization, NULL);
		return;
	}
	initialization->page_ns = clock_monotonic_ns();
	loop_post(&initialization->worker->loops[0], &initialization->begin);
}

/* True: that was the end of all. */
static bool
judge(struct initialization *initialization, unsigned status, const char *why)
{
	const struct initialization_page *page =
		&initialization->pages[initialization->next];
	uint64_t took = clock_monotonic_ns() - initialization->page_ns;
	struct portico_error err;
	char what[32];

	if (status != 0)
		snprintf(what, sizeof what, "status %u", status);
	else
		snprintf(what, sizeof what, "%s", why);
	if (status != 0 && status < 400) {
		log_info(NULL, "initialization: %s of %s: %s after %.0f ms",
			 page->options.target, page->options.host, what,
			 (double)took / 1e6);
		return false;
	}
	if (!page->required) {
		log_warn(4130, NULL,
			 "initialization: %s of %s failed: %s after %.0f ms",
			 page->options.target, page->options.host, what,
			 (double)took / 1e6);
		return false;
	}
	error_set(&err, PORTICO_STATE,
		  "the initialization page %s of %s failed: %s after %.0f ms",
		  page->options.target, page->options.host, what,
		  (double)took / 1e6);
	finish(initialization, &err);
	return true;
}

static void
run_end(struct loop_message *message)
{
	struct initialization *initialization =
		CONTAINER_OF(message, struct initialization, end);

	if (initialization->finished ||
	    judge(initialization, initialization->status, "no response"))
		return;
	initialization->next++;
	begin_next(initialization);
}

static void
on_limit(uv_timer_t *timer)
{
	struct initialization *initialization = timer->data;

	loop_post(&initialization->worker->loops[0], &initialization->cut);
	for (; initialization->next < initialization->count;
	     initialization->next++) {
		if (judge(initialization, 0, "no time is left"))
			return;
	}
	finish(initialization, NULL);
}

void
initialization_begin(struct initialization *initialization, uv_loop_t *uv,
		     struct mailbox *mailbox, initialization_fn *done,
		     void *arg)
{
	uint64_t now = clock_monotonic_ns();
	uint64_t left = initialization->deadline_ns > now ?
				initialization->deadline_ns - now :
				0;

	initialization->mailbox = mailbox;
	initialization->done = done;
	initialization->arg = arg;
	initialization->begun = true;
	initialization->begin.run = run_begin;
	initialization->end.run = run_end;
	initialization->cut.run = run_cut;
	uv_timer_init(uv, &initialization->limit);
	initialization->limit.data = initialization;
	uv_timer_start(&initialization->limit, on_limit, left / CLOCK_NS_PER_MS,
		       0);
	begin_next(initialization);
}

void
initialization_cancel(struct initialization *initialization)
{
	if (!initialization->begun || initialization->finished)
		return;
	initialization->finished = true;
	uv_timer_stop(&initialization->limit);
	loop_post(&initialization->worker->loops[0], &initialization->cut);
}
