/* SPDX-License-Identifier: Apache-2.0
 *
 * See crash.h.
 */
#include "core/activation/crash.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "core/activation/events.h"
#include "core/activation/listeners.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/memory.h"

#define CRASH_MAGIC 0x43525348u
/* How long the listener may take to say what it finds; and so many times as
 * long on a busy machine, when it has found nothing yet. */
#define REMAINS_WAIT_MS 1000
#define REMAINS_WAITS 3
#define NAMED_MAX 3
/* Requests of a worker that are kept, and the length of a text in one; the
 * listener says fewer, and shorter ones (listener/worker_remains.c). */
#define REQUESTS_MAX 1024
#define TEXT_MAX 256

struct crash {
	unsigned magic;
	struct list link;
	struct manager *manager;
	uv_timer_t timer;
	unsigned waits; /* so far */
	uint32_t worker;
	int pid;
	char *pool;
	char how[128];
	char *core; /* where it is, or "" */
	json_t *modules, *events; /* names by number, or NULL */
	json_t *requests;
};

void
crashes_init(struct crashes *crashes)
{
	list_init(&crashes->recent);
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct crash *crash = CONTAINER_OF(handle, struct crash, timer);

	CHECK(crash, CRASH_MAGIC);
	json_decref(crash->modules);
	json_decref(crash->events);
	json_decref(crash->requests);
	crash->magic = 0;
	mem_free(crash->pool);
	mem_free(crash->core);
	mem_free(crash);
}

/* ---- the event ----------------------------------------------------------- */

static const char *
name_of(const json_t *request, const char *member, const json_t *names)
{
	const json_t *number = json_object_get(request, member);
	const char *name = json_string_value(
		json_array_get(names, (size_t)json_integer_value(number)));

	return name == NULL ? "" : name;
}

static const char *
text_of(const json_t *request, const char *member)
{
	const char *text = json_string_value(json_object_get(request, member));

	return text == NULL ? "" : text;
}

/* The one whose thread has said that it dies; or the only one. */
static const json_t *
find_culprit(const struct crash *crash)
{
	json_t *request;
	size_t i;

	json_array_foreach(crash->requests, i, request)
	{
		if (json_is_true(json_object_get(request, "crashed")))
			return request;
	}
	return json_array_size(crash->requests) == 1 ?
		       json_array_get(crash->requests, 0) :
		       NULL;
}

/* "in module "x" at EXECUTE with request 01 (GET /)" */
static void
describe_request(const struct crash *crash, const json_t *request, char *text,
		 size_t size)
{
	const char *module = name_of(request, "module", crash->modules);

	snprintf(text, size, "%s%s%s at %s with request %s (%s %s)",
		 module[0] == '\0' ? "outside of modules" : "in module \"",
		 module, module[0] == '\0' ? "" : "\"",
		 name_of(request, "event", crash->events),
		 text_of(request, "request"), text_of(request, "method"),
		 text_of(request, "target"));
}

static void
describe_all(const struct crash *crash, char *text, size_t size)
{
	size_t count = json_array_size(crash->requests), used;

	used = (size_t)snprintf(text, size, "it ran %zu requests", count);
	for (size_t i = 0; i < count && i < NAMED_MAX && used < size; i++) {
		char one[384];

		describe_request(crash, json_array_get(crash->requests, i), one,
				 sizeof one);
		used += (size_t)snprintf(text + used, size - used, "%s %s",
					 i == 0 ? ":" : ",", one);
	}
}

static void
report(const struct crash *crash)
{
	const json_t *culprit = find_culprit(crash);
	size_t others = json_array_size(crash->requests) - (culprit != NULL);
	char what[1536] = "it ran no request", more[64] = "", id[16];
	struct log_context pool = { .name = "pool", .value = crash->pool };
	struct log_context worker = { .parent = &pool,
				      .name = "worker",
				      .value = id };
	struct log_context module = { .parent = &worker, .name = "module" };
	struct log_context event = { .parent = &module, .name = "event" };
	struct log_context request = { .parent = &event, .name = "request" };

	snprintf(id, sizeof id, "%u", crash->worker);
	if (culprit != NULL) {
		describe_request(crash, culprit, what, sizeof what);
		module.value = name_of(culprit, "module", crash->modules);
		event.value = name_of(culprit, "event", crash->events);
		request.value = text_of(culprit, "request");
		if (others > 0)
			snprintf(more, sizeof more, "; %zu other%s in progress",
				 others, others == 1 ? " was" : "s were");
	} else if (others > 0) {
		describe_all(crash, what, sizeof what);
	}
	log_write(LOG_LEVEL_ERROR, EVENT_WORKER_CRASHED,
		  culprit == NULL ? &worker : &request,
		  "the worker (process %d) crashed: it %s; %s%s%s", crash->pid,
		  crash->how, what, more, crash->core);
}

static void
finish(struct crash *crash)
{
	report(crash);
	list_remove(&crash->link);
	uv_close((uv_handle_t *)&crash->timer, on_timer_closed);
}

static void
on_timer(uv_timer_t *timer)
{
	struct crash *crash = CONTAINER_OF(timer, struct crash, timer);

	CHECK(crash, CRASH_MAGIC);
	/* We may be what is late. */
	listeners_hear(&crash->manager->listeners);
	if (json_array_size(crash->requests) > 0 ||
	    ++crash->waits == REMAINS_WAITS)
		finish(crash);
	else
		uv_timer_start(timer, on_timer, REMAINS_WAIT_MS, 0);
}

/* ---- what comes together ------------------------------------------------- */

void
crash_begin(struct worker_process *worker, const char *how, const char *core)
{
	struct manager *manager = worker->pool->manager;
	struct crash *crash = mem_zalloc(sizeof *crash);

	crash->magic = CRASH_MAGIC;
	crash->manager = manager;
	crash->worker = worker->id;
	crash->pid = (int)process_pid(worker->process);
	crash->pool = mem_strdup(worker->pool->name);
	crash->core = mem_strdup(core);
	snprintf(crash->how, sizeof crash->how, "%s", how);
	crash->modules = json_incref(worker->modules);
	crash->events = json_incref(worker->events);
	crash->requests = worker->remains == NULL ?
				  json_array() :
				  json_incref(worker->remains);
	list_init(&crash->link);
	list_add_tail(&manager->crashes.recent, &crash->link);
	uv_update_time(&manager->loop);
	uv_timer_init(&manager->loop, &crash->timer);
	uv_timer_start(&crash->timer, on_timer, REMAINS_WAIT_MS, 0);
}

/* What is used of it, and no more than is usual. */
static json_t *
excerpt(const json_t *request)
{
	static const char *const names[] = { "request", "method", "target",
					     "event",	"module", "crashed" };
	json_t *kept = json_object();

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		json_t *value = json_object_get(request, names[i]);

		if (json_is_integer(value) || json_is_boolean(value) ||
		    (json_is_string(value) &&
		     json_string_length(value) <= TEXT_MAX))
			json_object_set(kept, names[i], value);
	}
	return kept;
}

static void
add_requests(json_t *all, const json_t *requests)
{
	size_t i;
	json_t *request;

	json_array_foreach(requests, i, request)
	{
		if (json_array_size(all) >= REQUESTS_MAX)
			return;
		json_array_append_new(all, excerpt(request));
	}
}

void
crash_remains(struct manager *manager, uint32_t id, json_t *requests)
{
	struct worker_process *worker = manager_find_worker(manager, id);

	LIST_FOREACH(struct crash, link, crash, &manager->crashes.recent)
		if (crash->worker == id)
			add_requests(crash->requests, requests);
	if (worker == NULL)
		return;
	if (worker->remains == NULL)
		worker->remains = json_array();
	add_requests(worker->remains, requests);
}

void
crashes_fini(struct crashes *crashes)
{
	LIST_FOREACH_SAFE(struct crash, link, crash, &crashes->recent)
		finish(crash);
}
