/* SPDX-License-Identifier: Apache-2.0
 *
 * background.h, as background.t drives it: a timer that counts, one that stops
 * itself, one that fires once, one that is stopped before it fires, and work
 * on a thread that begins from a timer.  A request answers with the counts;
 * worker_fini logs that nothing has run since.
 */
#include <portico/portico.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS (1000ull * 1000)

static _Atomic int ticks, own_stops, once, worked, done;
static _Atomic bool is_over;
static pid_t worker_thread, main_thread, done_thread;
static struct portico_worker_timer *ticker;

static void
must_live(void)
{
	if (is_over)
		abort();
}

static void
work(void *arg)
{
	worker_thread = gettid();
	usleep(20000);
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void
on_done(void *arg)
{
	must_live();
	done_thread = gettid();
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void
on_tick(struct portico_worker_timer *timer, void *arg)
{
	must_live();
	if (timer != ticker || arg != &ticks)
		abort();
	if (atomic_fetch_add(&ticks, 1) == 0 &&
	    portico_worker_offload(work, &worked, on_done, &done) != PORTICO_OK)
		abort();
}

static void
on_own(struct portico_worker_timer *timer, void *arg)
{
	must_live();
	if (atomic_fetch_add((_Atomic int *)arg, 1) == 1)
		portico_worker_timer_stop(timer);
}

static void
on_once(struct portico_worker_timer *timer, void *arg)
{
	(void)timer;
	atomic_fetch_add((_Atomic int *)arg, 1);
}

static void
must_not_run(struct portico_worker_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	abort();
}

/* Runs when the worker ends: its end is waited for, on_done does not run. */
static void
on_last(void *arg)
{
	(void)arg;
	usleep(100000);
}

static void
on_late(struct portico_worker_timer *timer, void *arg)
{
	(void)timer;
	(void)arg;
	must_live();
	portico_worker_offload(on_last, NULL, on_done, &done);
}

static enum portico_status
on_worker_init(struct portico_worker *worker, struct portico_error *err)
{
	struct portico_worker_timer *stopped =
		portico_worker_timer_start(5 * MS, 5 * MS, must_not_run, NULL);

	(void)worker;
	(void)err;
	main_thread = gettid();
	portico_worker_timer_stop(stopped);
	portico_worker_timer_stop(NULL);
	ticker = portico_worker_timer_start(MS, 5 * MS, on_tick, &ticks);
	portico_worker_timer_start(MS, 3 * MS, on_own, &own_stops);
	portico_worker_timer_start(MS, 0, on_once, &once);
	portico_worker_timer_start(200 * MS, 10 * MS, on_late, NULL);
	return stopped == NULL || ticker == NULL ? PORTICO_SYSTEM : PORTICO_OK;
}

static void
on_worker_fini(struct portico_worker *worker)
{
	(void)worker;
	is_over = true;
	if (portico_worker_timer_start(MS, MS, must_not_run, NULL) != NULL)
		abort();
	portico_log(NULL, PORTICO_LOG_INFO, 0, "fini after %s",
		    ticks > 2 ? "ticks" : "nothing");
}

static enum portico_verdict
handle(struct portico_request *request)
{
	size_t written;
	char text[256];
	int length = snprintf(
		text, sizeof(text),
		"ticks %d own %d once %d worked %d done %d threads %d here %d "
		"%d\n",
		ticks > 2, own_stops, once, worked, done > 0,
		worker_thread != main_thread && done_thread == main_thread,
		portico_worker_timer_start(MS, MS, must_not_run, NULL) != NULL,
		portico_worker_offload(work, &worked, on_done, &done));

	portico_response_write(request, text, (size_t)length, &written);
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = { { .name = "background",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "background", .version = "1.0.0",
	       .summary = "works without requests", .handlers = handlers,
	       .worker_init = on_worker_init, .worker_fini = on_worker_fini);
