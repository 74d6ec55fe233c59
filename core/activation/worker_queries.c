/* SPDX-License-Identifier: Apache-2.0
 *
 * See worker_queries.h.
 */
#include "core/activation/worker_queries.h"

#include <uv.h>

#include "core/activation/limits.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/worker_process.h"
#include "core/base/check.h"
#include "core/base/memory.h"

#define QUESTION_MAGIC 0x4d53515bu

/* A question's text, and what becomes of an answer; `body` NULL: there was
 * none. */
struct kind {
	const char *what;
	void (*add)(json_t *rows, const struct worker_process *worker,
		    const json_t *body);
	unsigned limit_ms;
};

struct question {
	unsigned magic;
	struct list link;
	struct manager *manager;
	uint32_t id;
	uv_timer_t timer;
	const struct kind *kind;
	worker_answers_fn *done; /* NULL: forgotten */
	void *arg;
	json_t *rows;
	json_t *asked; /* object: worker's number -> {pool, worker, pid} */
};

/* A worker may say anything: only numbers and arrays are taken; what is in the
 * arrays stats_sum.c looks at. */
static void
join(json_t *row, const json_t *counts)
{
	static const char *const names[] = { "calls", "errors", "wallUs",
					     "cpuUs", "pending" };
	static const char *const lists[] = { "events", "metrics" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		json_t *value = json_object_get(counts, names[i]);

		if (json_is_integer(value))
			json_object_set(row, names[i], value);
	}
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		json_t *list = json_object_get(counts, lists[i]);

		if (json_is_array(list))
			json_object_set(row, lists[i], list);
	}
}

static void
add_modules(json_t *rows, const struct worker_process *worker,
	    const json_t *body)
{
	const json_t *all = json_object_get(body, "modules");
	json_t *own = json_array(), *row;
	size_t i;

	worker_process_add_modules(worker, own);
	json_array_foreach(own, i, row) join(row, json_array_get(all, i));
	json_array_extend(rows, own);
	json_decref(own);
}

static json_t *
describe(const struct worker_process *worker)
{
	return json_pack("{s:s, s:I, s:i}", "pool", worker->pool->name,
			 "worker", (json_int_t)worker->id, "pid",
			 (int)process_pid(worker->process));
}

/* Whatever the worker says; the command makes it printable. */
static void
add_stacks(json_t *rows, const struct worker_process *worker,
	   const json_t *body)
{
	json_t *threads = json_object_get(body, "threads"), *row;

	if (!json_is_array(threads))
		return;
	row = describe(worker);
	json_object_set(row, "threads", threads);
	json_array_append_new(rows, row);
}

static void
add_nothing(json_t *rows, const struct worker_process *worker,
	    const json_t *body)
{
	(void)rows;
	(void)worker;
	(void)body;
}

static const struct kind kinds[] = {
	[WORKER_QUERY_MODULES] = { "modules", add_modules, QUERY_LIMIT_MS },
	[WORKER_QUERY_STACKS] = { "stacks", add_stacks, QUERY_LIMIT_MS },
	[WORKER_QUERY_PAGE_OUT] = { "page-out", add_nothing,
				    PAGE_OUT_LIMIT_MS },
};

void
worker_queries_init(struct worker_queries *stats)
{
	list_init(&stats->questions);
	stats->next_id = 0;
}

static void
on_timer_closed(uv_handle_t *handle)
{
	struct question *question =
		CONTAINER_OF(handle, struct question, timer);

	CHECK(question, QUESTION_MAGIC);
	json_decref(question->rows);
	json_decref(question->asked);
	question->magic = 0;
	mem_free(question);
}

static void
close_question(struct question *question)
{
	list_remove(&question->link);
	uv_close((uv_handle_t *)&question->timer, on_timer_closed);
}

/* Those who have not answered are told without counts. */
static void
finish(struct question *question)
{
	json_t *silent = json_array(), *about;
	const char *key;

	json_object_foreach(question->asked, key, about)
	{
		const struct worker_process *worker = manager_find_worker(
			question->manager,
			(uint32_t)json_integer_value(
				json_object_get(about, "worker")));

		json_array_append(silent, about);
		if (worker != NULL)
			question->kind->add(question->rows, worker, NULL);
	}
	if (question->done != NULL)
		question->done(question->rows, silent, question->arg);
	json_decref(silent);
	close_question(question);
}

static void
on_limit(uv_timer_t *timer)
{
	finish(CONTAINER_OF(timer, struct question, timer));
}

static void
worker_key(const struct worker_process *worker, char text[16])
{
	snprintf(text, 16, "%u", worker->id);
}

static void
ask_one(struct question *question, struct worker_process *worker)
{
	char key[16];

	if (!worker_process_ask(worker, question->id, question->kind->what)) {
		question->kind->add(question->rows, worker, NULL);
		return;
	}
	worker_key(worker, key);
	json_object_set_new(question->asked, key, describe(worker));
}

void
worker_queries_ask(struct manager *manager, enum worker_query query,
		   struct worker_process *only, worker_answers_fn *done,
		   void *arg)
{
	struct question *question = mem_zalloc(sizeof *question);

	question->magic = QUESTION_MAGIC;
	question->manager = manager;
	question->id = ++manager->queries.next_id;
	question->kind = &kinds[query];
	question->done = done;
	question->arg = arg;
	question->rows = json_array();
	question->asked = json_object();
	list_init(&question->link);
	list_add_tail(&manager->queries.questions, &question->link);
	uv_timer_init(&manager->loop, &question->timer);
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			if (only == NULL || only == worker)
				ask_one(question, worker);
	uv_timer_start(&question->timer, on_limit,
		       json_object_size(question->asked) > 0 ?
			       question->kind->limit_ms :
			       0,
		       0);
}

void
worker_queries_forget(struct manager *manager, const void *arg)
{
	LIST_FOREACH(struct question, link, question,
		     &manager->queries.questions)
		if (question->arg == arg)
			question->done = NULL;
}

void
worker_queries_on_reply(struct worker_process *worker, uint32_t id,
			const json_t *body)
{
	char key[16];

	worker_key(worker, key);
	LIST_FOREACH_SAFE(struct question, link, question,
			  &worker->pool->manager->queries.questions) {
		if (question->id != id ||
		    json_object_get(question->asked, key) == NULL)
			continue;
		question->kind->add(question->rows, worker, body);
		json_object_del(question->asked, key);
		if (json_object_size(question->asked) == 0)
			finish(question);
	}
}

void
worker_queries_on_end(const struct worker_process *worker)
{
	char key[16];

	worker_key(worker, key);
	LIST_FOREACH_SAFE(struct question, link, question,
			  &worker->pool->manager->queries.questions)
		if (json_object_del(question->asked, key) == 0 &&
		    json_object_size(question->asked) == 0)
			finish(question);
}

void
worker_queries_fini(struct manager *manager)
{
	LIST_FOREACH_SAFE(struct question, link, question,
			  &manager->queries.questions)
		close_question(question);
}
