/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of the worker process: the worker's own code (globals.c and the file
 * that is included), with the test as the manager and virtual time.
 *
 * Threads: what is posted comes from any; the mutex has the messages.
 */
#include "core/base/clock.h"
#include "sdk/testkit/kit_priv.h"

/* Reports are refused for a while: of virtual time. */
#define clock_monotonic_ns() (kit_now->now)
#include "core/worker/host_global.c" /* for its static functions */
#undef clock_monotonic_ns

#include <portico/testkit_global.h>

#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

struct note {
	struct list link;
	struct loop_message *message;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list notes = LIST_INIT(notes);
static struct kit_texts reports;
static struct mailbox *const box = (struct mailbox *)(void *)&notes;
static bool preloaded, ready;
static char failed[512]; /* "": nothing */

/* ---- messages to the main loop ------------------------------------------------------ */

void
mailbox_post(struct mailbox *mailbox, struct loop_message *message)
{
	struct note *note = mem_zalloc(sizeof(*note));

	(void)mailbox;
	note->message = message;
	list_init(&note->link);
	pthread_mutex_lock(&mutex);
	list_add_tail(&notes, &note->link);
	pthread_mutex_unlock(&mutex);
}

static struct loop_message *
take_message(void)
{
	struct loop_message *message = NULL;
	struct note *note;

	pthread_mutex_lock(&mutex);
	note = LIST_FIRST(struct note, link, &notes);
	if (note != NULL) {
		list_remove(&note->link);
		message = note->message;
	}
	pthread_mutex_unlock(&mutex);
	mem_free(note);
	return message;
}

bool
kit_global_turn(void)
{
	struct loop_message *message = take_message();
	enum kit_place outer;

	if (message == NULL)
		return false;
	outer = kit_enter(KIT_PLACE_MAIN);
	message->run(message);
	kit_leave(outer);
	return true;
}

/* ---- what modules call ----------------------------------------------------------------- */

static enum portico_status
global_hold(struct portico_self *self, struct portico_worker *worker,
	    struct portico_token *token_r)
{
	enum portico_status status;

	if (kit_fault(KIT_FAULT_WAIT, "portico_global_hold", PORTICO_FULL,
		      &status))
		return status;
	return host_global_hold(self, worker, token_r);
}

static enum portico_status
global_release(struct portico_worker *worker, struct portico_token token,
	       enum portico_status status)
{
	const struct globals *globals = &worker->globals;
	const char *wrong = NULL;

	if (token.value < 1 || token.value > globals->hold_count)
		wrong = "a token that portico_global_hold never gave";
	else if (atomic_load(&globals->holds[token.value - 1].released))
		wrong = "the hold was released before";
	if (wrong == NULL)
		return host_global_release(worker, token, status);
	kit_fail("portico_global_release: %s", wrong);
	return PORTICO_STATE;
}

static enum portico_verdict
global_raise(struct portico_worker *worker, const char *name, void *argument)
{
	return kit_is_main() ? host_global_raise(worker, name, argument) :
			       PORTICO_ERROR;
}

static enum portico_status
global_post(struct portico_worker *worker, const char *name, void *argument)
{
	enum portico_status status;

	if (kit_fault(KIT_FAULT_MEMORY, "portico_global_post",
		      PORTICO_NO_MEMORY, &status))
		return status;
	return host_global_post(worker, name, argument);
}

static enum portico_status
global_report(struct portico_self *self, struct portico_worker *worker,
	      const char *reason)
{
	enum portico_status status;

	if (kit_fault(KIT_FAULT_MEMORY, "portico_worker_report_unhealthy",
		      PORTICO_NO_MEMORY, &status))
		return status;
	return host_report_unhealthy(self, worker, reason);
}

static struct uv_loop_s *
global_loop(struct portico_worker *worker)
{
	CHECK(worker, WORKER_MAGIC);
	return NULL;
}

static struct portico_worker *
global_worker(struct portico_request *request)
{
	return guard_request(request, "portico_request_worker") ?
		       host_request_worker(request) :
		       NULL;
}

const struct portico_host_global kit_host_global = {
	.size = sizeof(struct portico_host_global),
	.hold = global_hold,
	.release = global_release,
	.raise = global_raise,
	.post = global_post,
	.report_unhealthy = global_report,
	.loop = global_loop,
	.worker = global_worker,
};

/* ---- what tests call --------------------------------------------------------------------- */

bool
kit_preload(struct kit *kit)
{
	enum kit_place outer;

	CHECK(kit, KIT_MAGIC);
	if (preloaded) {
		kit_fail("kit_preload: it was called before");
		return false;
	}
	preloaded = true;
	outer = kit_enter(KIT_PLACE_MAIN);
	globals_preload(kit->worker);
	kit_leave(outer);
	kit_turn(kit);
	return failed[0] == '\0';
}

bool
kit_is_ready(const struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	return ready;
}

const char *
kit_preload_error(const struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	return failed[0] == '\0' ? NULL : failed;
}

bool
kit_global(struct kit *kit, enum portico_global_event event, const char *text,
	   int64_t value)
{
	struct globals *globals = &kit->worker->globals;
	enum kit_place outer;
	bool good;

	CHECK(kit, KIT_MAGIC);
	if (event <= PORTICO_GLOBAL_PRELOAD || event >= PORTICO_GLOBAL_CUSTOM) {
		kit_fail("kit_global: this event is none of kit_global's");
		return false;
	}
	if (event == PORTICO_GLOBAL_STOP && globals->stopped) {
		kit_fail("kit_global: the worker was stopped before");
		return false;
	}
	globals->stopped = globals->stopped || event == PORTICO_GLOBAL_STOP;
	outer = kit_enter(KIT_PLACE_MAIN);
	good = globals_tell(kit->worker, event, text, value);
	kit_leave(outer);
	kit_turn(kit);
	return good;
}

enum portico_verdict
kit_global_raise(struct kit *kit, const char *name, void *argument)
{
	enum portico_verdict verdict;
	enum kit_place outer;

	CHECK(kit, KIT_MAGIC);
	outer = kit_enter(KIT_PLACE_MAIN);
	verdict = globals_raise(kit->worker, name, argument);
	kit_leave(outer);
	kit_turn(kit);
	return verdict;
}

const char *
kit_unhealthy(const struct kit *kit, unsigned index)
{
	CHECK(kit, KIT_MAGIC);
	return index < reports.count ? reports.items[index] : NULL;
}

/* ---- begin and end -------------------------------------------------------------------------- */

static void
on_reported(void *arg, const char *reason, const char *module, const char *why)
{
	char text[512];

	(void)arg;
	(void)reason;
	snprintf(text, sizeof(text), "%s: %s", module, why);
	kit_texts_add(&reports, text);
}

static void
on_preloaded(void *arg, const struct portico_error *err)
{
	(void)arg;
	ready = err == NULL;
	if (err != NULL)
		snprintf(failed, sizeof(failed), "%s", err->message);
}

/* The loop is asked for no more than whether there is one. */
void
kit_global_open(struct kit *kit)
{
	struct globals *globals = &kit->worker->globals;

	globals_init(kit->worker, (uv_loop_t *)(void *)&notes, box);
	globals->report = on_reported;
	globals->preloaded = on_preloaded;
	preloaded = ready = false;
	failed[0] = '\0';
}

void
kit_global_stop(struct kit *kit)
{
	struct globals *globals = &kit->worker->globals;
	enum kit_place outer = kit_enter(KIT_PLACE_MAIN);

	if (ready)
		globals_stop(kit->worker, "");
	kit_leave(outer);
	kit_turn(kit);
	for (uint32_t i = 0; i < globals->hold_count; i++)
		if (!atomic_load(&globals->holds[i].released))
			kit_fail("a hold on the start was not released "
				 "(portico_global_release)");
}

/* What was posted and not told is lost. */
void
kit_global_close(void)
{
	struct loop_message *message;

	while ((message = take_message()) != NULL) {
		if (message->run == on_posted)
			mem_free(CONTAINER_OF(message, struct posted, message));
		else if (message->run == on_report)
			mem_free(CONTAINER_OF(message, struct report, message));
	}
	kit_texts_free(&reports);
}
