/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures of the listeners.
 */
#include "core/activation/figures.h"

#include <string.h>

#include "core/activation/limits.h"
#include "core/activation/listener_process.h"
#include "core/activation/manager.h"
#include "core/base/check.h"
#include "core/base/memory.h"

#define QUESTION_MAGIC 0xf1947e5cu

struct part {
	struct listener_process *listener; /* NULL: it answers no more */
	bool asked;
	json_t *about; /* what is known of it */
	json_t *body; /* its answer, or NULL */
};

struct question {
	unsigned magic;
	struct list link;
	uint32_t id;
	uv_timer_t timer;
	figures_fn *done; /* NULL: forgotten */
	void *arg;
	struct part *parts; /* the one that serves first */
	size_t count;
	size_t open; /* that may still answer */
};

void
figures_init(struct figures *figures)
{
	list_init(&figures->questions);
	figures->next_id = 0;
}

/* ---- adding up ------------------------------------------------------------- */

/* Members that are the same in all of them.  A limit of each process and what
 * it has open have the same name. */
static bool
is_fixed(const char *parent, const char *name)
{
	static const char *const names[] = {
		"queueLength",
		"threads",
		"id",
		"pid",
		"generation",
		"count",
		"attached",
		"failingMs",
		"descriptorsKept",
		"maxConnections",
		"maxBandwidth",
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return strcmp(parent, "accepting") == 0 &&
	       strcmp(name, "descriptors") == 0;
}

static json_t *
find_same(const json_t *array, const json_t *other, const char *member)
{
	const json_t *wanted = json_object_get(other, member);
	size_t i;
	json_t *element;

	json_array_foreach(array, i, element)
	{
		if (json_equal(json_object_get(element, member), wanted))
			return element;
	}
	return NULL;
}

static void add_objects(const char *parent, json_t *sum, json_t *more);

/* Elements that have the same name are one, for example a pool. */
static void
add_by(const char *member, json_t *sum, json_t *more)
{
	size_t i;
	json_t *element;

	json_array_foreach(more, i, element)
	{
		json_t *same = find_same(sum, element, member);

		if (same == NULL)
			json_array_append(sum, element);
		else
			add_objects("", same, element);
	}
}

static void
add_arrays(const char *name, json_t *sum, json_t *more)
{
	if (strcmp(name, "pools") == 0 || strcmp(name, "logs") == 0 ||
	    strcmp(name, "sites") == 0)
		add_by("name", sum, more);
	else if (strcmp(name, "workers") == 0)
		add_by("id", sum, more);
	else
		json_array_extend(sum, more);
}

static void
add_objects(const char *parent, json_t *sum, json_t *more)
{
	const char *name;
	json_t *value;

	json_object_foreach(more, name, value)
	{
		json_t *same = json_object_get(sum, name);

		if (same == NULL)
			json_object_set(sum, name, value);
		else if (json_is_object(same) && json_is_object(value))
			add_objects(name, same, value);
		else if (json_is_array(same) && json_is_array(value))
			add_arrays(name, same, value);
		else if (json_is_integer(same) && json_is_integer(value) &&
			 !is_fixed(parent, name))
			json_integer_set(same,
					 json_integer_value(same) +
						 json_integer_value(value));
	}
}

void
figures_add(json_t *sum, json_t *more)
{
	add_objects("", sum, more);
}

/* ---- a question ------------------------------------------------------------ */

static void
on_timer_closed(uv_handle_t *handle)
{
	struct question *question =
		CONTAINER_OF(handle, struct question, timer);

	CHECK(question, QUESTION_MAGIC);
	for (size_t i = 0; i < question->count; i++) {
		json_decref(question->parts[i].about);
		json_decref(question->parts[i].body);
	}
	mem_free(question->parts);
	question->magic = 0;
	mem_free(question);
}

static void
close_question(struct question *question)
{
	list_remove(&question->link);
	uv_close((uv_handle_t *)&question->timer, on_timer_closed);
}

/* Whose requests they are. */
static void
mark(json_t *array, const json_t *about)
{
	json_t *pid = json_object_get(about, "pid");
	size_t i;
	json_t *element;

	json_array_foreach(array, i, element)
		json_object_set(element, "listener", pid);
}

/* Takes its connections along for the list of listeners. */
static json_t *
add_part(json_t *sum, const struct part *part)
{
	json_t *connections;

	if (part->body == NULL)
		return sum;
	connections = json_object_get(part->body, "connections");
	if (connections != NULL)
		json_object_set_new(part->about, "connections",
				    json_deep_copy(connections));
	mark(json_object_get(part->body, "requests"), part->about);
	mark(json_object_get(part->body, "clients"), part->about);
	if (sum == NULL)
		return json_incref(part->body);
	figures_add(sum, part->body);
	return sum;
}

static void
finish(struct question *question)
{
	json_t *sum = NULL, *each = json_array();
	bool silent = false;

	for (size_t i = 0; i < question->count; i++) {
		const struct part *part = &question->parts[i];

		silent = silent || (part->asked && part->body == NULL);
		sum = add_part(sum, part);
		json_array_append(each, part->about);
	}
	if (sum != NULL && silent)
		json_object_set_new(sum, "partial", json_true());
	if (question->done != NULL)
		question->done(sum, each, question->arg);
	json_decref(sum);
	json_decref(each);
	close_question(question);
}

static void
on_limit(uv_timer_t *timer)
{
	finish(CONTAINER_OF(timer, struct question, timer));
}

static void
ask_one(struct question *question, struct listener_process *listener,
	const char *what)
{
	struct part *part = &question->parts[question->count++];

	part->about = listener_process_to_json(listener);
	if (!listener_process_ask(listener, question->id, what))
		return;
	part->listener = listener;
	part->asked = true;
	question->open++;
}

void
figures_ask(struct manager *manager, const char *what, figures_fn *done,
	    void *arg)
{
	struct figures *figures = &manager->figures;
	struct listeners *listeners = &manager->listeners;
	struct question *question = mem_zalloc(sizeof *question);
	bool routes = strcmp(what, "routes") == 0;
	uint64_t limit;
	size_t count = 0;

	question->magic = QUESTION_MAGIC;
	question->id = ++figures->next_id;
	question->done = done;
	question->arg = arg;
	list_init(&question->link);
	list_add_tail(&figures->questions, &question->link);
	uv_timer_init(&manager->loop, &question->timer);
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		count++;
	question->parts = mem_zalloc_array(count + 1, sizeof(struct part));
	if (listeners->serving != NULL)
		ask_one(question, listeners->serving, what);
	LIST_FOREACH(struct listener_process, link, listener, &listeners->all)
		if (listener != listeners->serving && !routes)
			ask_one(question, listener, what);
	limit = routes ? QUERY_ROUTES_LIMIT_MS : QUERY_LIMIT_MS;
	uv_timer_start(&question->timer, on_limit,
		       question->open > 0 ? limit : 0, 0);
}

void
figures_forget(struct manager *manager, const void *arg)
{
	LIST_FOREACH(struct question, link, question,
		     &manager->figures.questions)
		if (question->arg == arg)
			question->done = NULL;
}

static struct part *
find_part(struct question *question, const struct listener_process *listener)
{
	CHECK(question, QUESTION_MAGIC);
	for (size_t i = 0; i < question->count; i++)
		if (question->parts[i].listener == listener)
			return &question->parts[i];
	return NULL;
}

static void
part_done(struct question *question, struct part *part, json_t *body)
{
	part->listener = NULL;
	part->body = json_is_object(body) ? json_incref(body) : NULL;
	if (--question->open == 0)
		finish(question);
}

void
figures_on_reply(struct listener_process *listener, uint32_t id, json_t *body)
{
	LIST_FOREACH(struct question, link, question,
		     &listener->manager->figures.questions) {
		struct part *part = NULL;

		if (question->id == id)
			part = find_part(question, listener);
		if (part == NULL)
			continue;
		part_done(question, part, body);
		return;
	}
}

void
figures_on_end(struct listener_process *listener)
{
	LIST_FOREACH_SAFE(struct question, link, question,
			  &listener->manager->figures.questions) {
		struct part *part = find_part(question, listener);

		if (part != NULL)
			part_done(question, part, NULL);
	}
}

void
figures_fini(struct manager *manager)
{
	LIST_FOREACH_SAFE(struct question, link, question,
			  &manager->figures.questions)
		close_question(question);
}
