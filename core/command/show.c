/* SPDX-License-Identifier: Apache-2.0
 *
 * Showing answers to people.
 */
#include "core/command/show.h"
#include "core/command/show_metrics.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/command/table.h"

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

static long long
number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* The element of an array whose member is this text. */
static const json_t *
find(const json_t *array, const char *member, const char *text)
{
	size_t i;
	json_t *element;

	json_array_foreach(array, i,
			   element) if (strcmp(text_of(element, member),
					       text) == 0) return element;
	return NULL;
}

/* "3 d 4 h", "12 min", "5.3 s" */
static const char *
format_age(long long ms, char *text, size_t size)
{
	if (ms < 60000)
		snprintf(text, size, "%.1fs", (double)ms / 1000);
	else if (ms < 3600000)
		snprintf(text, size, "%lldm%02llds", ms / 60000,
			 ms / 1000 % 60);
	else if (ms < 86400000)
		snprintf(text, size, "%lldh%02lldm", ms / 3600000,
			 ms / 60000 % 60);
	else
		snprintf(text, size, "%lldd%02lldh", ms / 86400000,
			 ms / 3600000 % 24);
	return text;
}

/* The listener's figures of a pool, NULL when it did not answer. */
static const json_t *
figures_of(const json_t *answer, const char *pool)
{
	const json_t *counters = json_object_get(answer, "counters");

	return find(json_object_get(counters, "pools"), "name", pool);
}

void
show_silence(const json_t *answer, const char *member)
{
	const json_t *figures = json_object_get(answer, member);

	if (json_is_null(figures))
		printf("\nThe listener did not answer in time: its figures are "
		       "missing.\n");
	else if (json_is_true(json_object_get(figures, "partial")))
		printf("\nNot all of the listener answered in time: figures "
		       "are missing.\n");
}

/* A blank line before the first of them. */
static void
begin_remark(bool *first)
{
	if (*first)
		printf("\n");
	*first = false;
}

/* What all processes of the pool may take together, and who sees to it. */
static void
print_limits(const json_t *pool, bool *first)
{
	const json_t *counted = json_object_get(pool, "cpuCounted");
	const json_t *limits = json_object_get(pool, "limits");
	size_t i;
	json_t *limit;

	json_array_foreach(limits, i, limit)
	{
		const char *why = text_of(limit, "why");

		if (i == 0)
			begin_remark(first);
		printf("%s%s %s by %s%s%s%s",
		       i == 0 ? text_of(pool, "name") : "",
		       i == 0 ? " is limited:" : ",", text_of(limit, "text"),
		       text_of(limit, "by"), why[0] == '\0' ? "" : " (", why,
		       why[0] == '\0' ? "" : ")");
	}
	if (counted != NULL)
		printf("; %.1f s of %.1f s used, %.1f s left of the interval",
		       (double)number_of(counted, "usedMs") / 1000,
		       (double)number_of(counted, "allowedMs") / 1000,
		       (double)number_of(counted, "resetInMs") / 1000);
	if (json_array_size(limits) > 0)
		printf("\n");
}

/* Each on a line of its own below the table. */
static void
print_remarks(const json_t *pool, bool *first)
{
	if (text_of(pool, "reason")[0] != '\0') {
		begin_remark(first);
		printf("%s is %s: %s\n", text_of(pool, "name"),
		       text_of(pool, "state"), text_of(pool, "reason"));
	}
	if (text_of(pool, "degraded")[0] != '\0') {
		begin_remark(first);
		printf("%s is degraded: %s\n", text_of(pool, "name"),
		       text_of(pool, "degraded"));
	}
	print_limits(pool, first);
	if (json_object_get(pool, "coreFiles") != NULL) {
		begin_remark(first);
		printf("%s: core files: %s\n", text_of(pool, "name"),
		       text_of(pool, "coreFiles"));
	}
}

static void
print_pools(const json_t *answer)
{
	struct table *table = table_new("POOL STATE >WORKERS >QUEUED >LENGTH "
					">ACTIVE >ACCEPTED >REJECTED >STARTS "
					">FAILURES");
	bool first = true;
	size_t i;
	json_t *pool;

	json_array_foreach(json_object_get(answer, "pools"), i, pool)
	{
		const char *name = text_of(pool, "name");
		const json_t *figures = figures_of(answer, name);

		table_text(table, name);
		table_text(table, text_of(pool, "state"));
		table_number(table, (long long)json_array_size(
					    json_object_get(pool, "workers")));
		table_member(table, figures, "queued");
		table_member(table, pool, "queueLength");
		table_member(table, figures, "active");
		table_member(table, figures, "accepted");
		table_member(table, figures, "rejected");
		table_member(table, pool, "starts");
		table_member(table, pool, "failures");
	}
	table_print(table, stdout);
	table_free(table);
	json_array_foreach(json_object_get(answer, "pools"), i, pool)
	{
		print_remarks(pool, &first);
	}
}

void
show_pools(const json_t *answer)
{
	print_pools(answer);
	show_silence(answer, "counters");
}

/* Listeners beside the one that serves: old ones, and one that starts. */
static void
print_others(const json_t *answer)
{
	long long serving =
		number_of(json_object_get(answer, "listener"), "pid");
	size_t i;
	json_t *other;
	char left[32];

	json_array_foreach(json_object_get(answer, "listeners"), i, other)
	{
		const json_t *connections =
			json_object_get(other, "connections");

		if (number_of(other, "pid") == serving)
			continue;
		printf("             %s, process %lld", text_of(other, "state"),
		       number_of(other, "pid"));
		if (connections != NULL)
			printf(", %lld connections",
			       number_of(connections, "active"));
		if (json_object_get(other, "limitMs") != NULL)
			printf(", ends in %s at the latest",
			       format_age(number_of(other, "limitMs"), left,
					  sizeof left));
		printf("\n");
	}
}

static void
print_listener(const json_t *answer)
{
	const json_t *listener = json_object_get(answer, "listener");
	const json_t *connections = json_object_get(
		json_object_get(answer, "counters"), "connections");

	printf("listener     %s, process %lld, %lld threads, started %lld "
	       "time%s\n",
	       text_of(listener, "state"), number_of(listener, "pid"),
	       number_of(listener, "threads"), number_of(listener, "starts"),
	       number_of(listener, "starts") == 1 ? "" : "s");
	print_others(answer);
	if (connections != NULL)
		printf("connections  %lld open, %lld accepted, %lld closed\n",
		       number_of(connections, "active"),
		       number_of(connections, "accepted"),
		       number_of(connections, "closed"));
}

/* What hinders it. */
static void
print_accepting(const json_t *answer)
{
	const json_t *accepting = json_object_get(
		json_object_get(answer, "counters"), "accepting");
	const char *state = text_of(accepting, "state");
	const char *reason = text_of(accepting, "reason");

	if (accepting == NULL)
		return;
	printf("accepting    ");
	if (strcmp(state, "paused") == 0)
		printf("paused on %lld of %lld sockets",
		       number_of(accepting, "paused"),
		       number_of(accepting, "sockets"));
	else
		printf("on %lld socket%s", number_of(accepting, "sockets"),
		       number_of(accepting, "sockets") == 1 ? "" : "s");
	if (strcmp(state, "short") == 0)
		printf(", again");
	printf("%s%s\n", reason[0] == '\0' ? "" : ": ", reason);
}

/* `all`: also those that are well. */
static void
print_logs(const json_t *answer, bool all)
{
	size_t i;
	json_t *log;

	json_array_foreach(json_object_get(json_object_get(answer, "counters"),
					   "logs"),
			   i, log)
	{
		bool fails = strcmp(text_of(log, "state"), "failing") == 0;
		char age[32];

		if (!all && !fails)
			continue;
		printf("%-12s %s", text_of(log, "name"),
		       strcmp(text_of(log, "state"), "off") == 0 ?
			       "off" :
			       text_of(log, "file"));
		if (fails)
			printf(": not written for %s: %s; %lld bytes wait",
			       format_age(number_of(log, "failingMs"), age,
					  sizeof age),
			       text_of(log, "error"),
			       number_of(log, "waiting"));
		if (fails || number_of(log, "lost") > 0)
			printf("%s %lld lines are lost", fails ? "," : ":",
			       number_of(log, "lost"));
		printf("\n");
	}
}

void
show_status(const json_t *answer)
{
	char age[32];

	printf("porticod     %s, process %lld, version %s, up %s\n",
	       text_of(answer, "state"), number_of(answer, "pid"),
	       text_of(answer, "version"),
	       format_age(number_of(answer, "uptimeMs"), age, sizeof age));
	if (number_of(answer, "takeOvers") > 0)
		printf("             has taken over from another one, %lld "
		       "time%s\n",
		       number_of(answer, "takeOvers"),
		       number_of(answer, "takeOvers") == 1 ? "" : "s");
	if (number_of(answer, "keeper") == 0)
		printf("             has no keeper now: if it dies, all ends\n");
	printf("config       %s (generation %lld)\n", text_of(answer, "config"),
	       number_of(answer, "generation"));
	if (number_of(answer, "logLinesLost") > 0)
		printf("log          %lld lines of porticod's log could not be "
		       "written\n",
		       number_of(answer, "logLinesLost"));
	print_listener(answer);
	print_accepting(answer);
	print_logs(answer, false);
	printf("\n");
	print_pools(answer);
	show_silence(answer, "counters");
}

static void
print_workers(const json_t *workers, const json_t *answer)
{
	struct table *table = table_new(">WORKER POOL >PROCESS STATE "
					">GENERATION >LOOPS >ACTIVE UP");
	size_t i;
	json_t *worker;

	json_array_foreach(workers, i, worker)
	{
		const json_t *pool =
			figures_of(answer, text_of(worker, "pool"));
		long long active = -1;
		char age[32];
		size_t k, n;
		json_t *figures, *channel;

		json_array_foreach(json_object_get(pool, "workers"), k, figures)
		{
			if (number_of(figures, "id") != number_of(worker, "id"))
				continue;
			active = 0;
			json_array_foreach(json_object_get(figures, "channels"),
					   n, channel)
				active += number_of(channel, "active");
		}
		table_member(table, worker, "id");
		table_member(table, worker, "pool");
		table_member(table, worker, "pid");
		table_member(table, worker, "state");
		table_member(table, worker, "generation");
		table_member(table, worker, "loops");
		if (active < 0)
			table_text(table, "-");
		else
			table_number(table, active);
		table_text(table, format_age(number_of(worker, "uptimeMs"), age,
					     sizeof age));
	}
	table_print(table, stdout);
	table_free(table);
}

void
show_workers(const json_t *answer)
{
	print_workers(json_object_get(answer, "workers"), answer);
	show_silence(answer, "counters");
}

/* What they cost, and who did not say. */
static void
show_stats(const json_t *answer)
{
	struct table *table = table_new("MODULE POOL >WORKER >CALLS >ERRORS "
					">PENDING >TIME-MS >CPU-MS");
	size_t i;
	json_t *module, *worker;

	json_array_foreach(json_object_get(answer, "modules"), i, module)
	{
		table_member(table, module, "name");
		table_member(table, module, "pool");
		table_member(table, module, "worker");
		table_member(table, module, "calls");
		table_member(table, module, "errors");
		table_member(table, module, "pending");
		table_milliseconds(table, module, "wallUs");
		table_milliseconds(table, module, "cpuUs");
	}
	table_print(table, stdout);
	table_free(table);
	show_events(json_object_get(answer, "events"));
	show_metrics(json_object_get(answer, "metrics"));
	json_array_foreach(json_object_get(answer, "silent"), i, worker) printf(
		"worker %lld of pool %s (process %lld) did not answer; "
		"it is listed without counts\n",
		(long long)json_integer_value(
			json_object_get(worker, "worker")),
		text_of(worker, "pool"),
		(long long)json_integer_value(json_object_get(worker, "pid")));
}

void
show_modules(const json_t *answer)
{
	struct table *table = table_new("MODULE VERSION ABI POOL >WORKER "
					">PROCESS STATE FILE");
	size_t i;
	json_t *module;

	if (json_object_get(answer, "silent") != NULL) {
		table_free(table);
		show_stats(answer);
		return;
	}
	json_array_foreach(json_object_get(answer, "modules"), i, module)
	{
		table_member(table, module, "name");
		table_member(table, module, "version");
		table_member(table, module, "abi");
		table_member(table, module, "pool");
		table_member(table, module, "worker");
		table_member(table, module, "pid");
		table_member(table, module, "state");
		table_member(table, module, "file");
	}
	table_print(table, stdout);
	table_free(table);
}

static void
print_start(const json_t *start)
{
	size_t i;
	json_t *step, *line;

	printf("\n%s  worker %lld, process %lld: %s", text_of(start, "began"),
	       number_of(start, "worker"), number_of(start, "pid"),
	       json_is_true(json_object_get(start, "succeeded")) ? "started" :
	       json_is_true(json_object_get(start, "ended"))	 ? "failed" :
								   "in progress");
	if (text_of(start, "outcome")[0] != '\0')
		printf(": %s", text_of(start, "outcome"));
	printf("\n");
	json_array_foreach(json_object_get(start, "steps"), i, step)
	{
		const char *state = text_of(step, "state");

		if (strcmp(state, "done") == 0)
			printf("  %-11s %9.1f ms\n", text_of(step, "step"),
			       json_real_value(json_object_get(step, "ms")));
		else
			printf("  %-11s %s\n", text_of(step, "step"), state);
	}
	json_array_foreach(json_object_get(start, "stderr"), i, line)
		printf("  | %s\n", json_string_value(line));
}

void
show_pool(const json_t *answer)
{
	const json_t *pool = json_object_get(answer, "pool");
	const json_t *figures = figures_of(answer, text_of(pool, "name"));
	const char *title;
	size_t i;
	json_t *start, *text;

	printf("pool         %s\n", text_of(pool, "name"));
	printf("state        %s%s%s\n", text_of(pool, "state"),
	       text_of(pool, "reason")[0] == '\0' ? "" : ": ",
	       text_of(pool, "reason"));
	if (text_of(pool, "degraded")[0] != '\0')
		printf("degraded     %s\n", text_of(pool, "degraded"));
	if (number_of(pool, "nextProbeMs") > 0)
		printf("next probe   in %.1f s\n",
		       (double)number_of(pool, "nextProbeMs") / 1000);
	printf("start mode   %s, up to %lld workers\n",
	       text_of(pool, "startMode"),
	       number_of(pool, "configuredWorkers"));
	printf("history      %lld starts, %lld failures (%lld lately), %lld "
	       "recycles\n",
	       number_of(pool, "starts"), number_of(pool, "failures"),
	       number_of(pool, "recentFailures"), number_of(pool, "recycles"));
	json_object_foreach(json_object_get(answer, "confinement"), title, text)
		printf("%-12s %s\n", title, json_string_value(text));
	if (figures != NULL)
		printf("queue        %lld of %lld; %lld active, %lld accepted, "
		       "%lld rejected, %lld served\n",
		       number_of(figures, "queued"),
		       number_of(figures, "queueLength"),
		       number_of(figures, "active"),
		       number_of(figures, "accepted"),
		       number_of(figures, "rejected"),
		       number_of(figures, "served"));
	printf("\n");
	print_workers(json_object_get(pool, "workers"), answer);
	if (json_array_size(json_object_get(answer, "starts")) > 0)
		printf("\nThe last starts:\n");
	json_array_foreach(json_object_get(answer, "starts"), i, start)
		print_start(start);
	show_silence(answer, "counters");
}

void
show_worker(const json_t *answer)
{
	const json_t *worker = json_object_get(answer, "worker");
	json_t *list = json_pack("[O]", worker), *start;
	size_t i;

	print_workers(list, answer);
	json_decref(list);
	printf("\n");
	show_modules(answer);
	json_array_foreach(json_object_get(answer, "starts"), i, start)
	{
		if (number_of(start, "worker") == number_of(worker, "id"))
			print_start(start);
	}
}

static void
print_thread(const json_t *thread)
{
	const json_t *frames = json_object_get(thread, "frames");
	const char *module = text_of(thread, "module");
	json_t *frame;
	size_t i;

	printf("loop %lld: ", number_of(thread, "loop"));
	if (frames == NULL)
		printf("its thread does not take signals\n");
	else if (module[0] == '\0')
		printf("in no module\n");
	else
		printf("module %s, %s%s%s %s %s\n", module,
		       text_of(thread, "event"),
		       text_of(thread, "request")[0] == '\0' ? "" :
							       ", request ",
		       text_of(thread, "request"), text_of(thread, "method"),
		       text_of(thread, "target"));
	json_array_foreach(frames, i, frame)
		printf("  #%zu %s\n", i, json_string_value(frame));
}

void
show_stacks(const json_t *answer)
{
	const json_t *stacks = json_object_get(answer, "stacks");
	json_t *worker, *thread;
	size_t i, k;

	json_array_foreach(stacks, i, worker)
	{
		printf("worker %lld of pool %s, process %lld\n",
		       number_of(worker, "worker"), text_of(worker, "pool"),
		       number_of(worker, "pid"));
		json_array_foreach(json_object_get(worker, "threads"), k,
				   thread) print_thread(thread);
	}
	if (json_array_size(stacks) == 0)
		printf("the worker did not answer\n");
}

void
show_pool_starts(const json_t *answer)
{
	size_t i;
	json_t *start;

	if (json_array_size(json_object_get(answer, "starts")) == 0)
		printf("pool %s has not been started yet\n",
		       text_of(json_object_get(answer, "pool"), "name"));
	json_array_foreach(json_object_get(answer, "starts"), i, start)
		print_start(start);
}

void
show_pool_change(const json_t *answer)
{
	const json_t *pool = json_object_get(answer, "pool");

	printf("pool %s is %s\n", text_of(pool, "name"),
	       text_of(pool, "state"));
}

static const json_t *
find_number(const json_t *array, const char *member, long long number)
{
	size_t i;
	json_t *element;

	json_array_foreach(array, i, element)
	{
		if (number_of(element, member) == number)
			return element;
	}
	return NULL;
}

/* Workers are replaced one after the other: who is next, and who waits. */
void
show_pool_recycle(const json_t *answer)
{
	const json_t *pool = json_object_get(answer, "pool");
	const json_t *workers = json_object_get(pool, "workers"), *other;
	const char *name = text_of(pool, "name");
	bool any = false;
	size_t i;
	json_t *worker;

	json_array_foreach(workers, i, worker)
	{
		if (!json_is_true(json_object_get(worker, "recycling")))
			continue;
		any = true;
		other = find_number(workers, "replaces",
				    number_of(worker, "id"));
		printf("pool %s: worker %lld (process %lld) is ", name,
		       number_of(worker, "id"), number_of(worker, "pid"));
		if (other != NULL)
			printf("replaced by worker %lld (process %lld)\n",
			       number_of(other, "id"), number_of(other, "pid"));
		else
			printf("to be replaced\n");
	}
	if (!any)
		printf("pool %s has no worker that could be replaced\n", name);
}

void
show_pool_flush(const json_t *answer)
{
	const json_t *pool = json_object_get(answer, "pool");
	size_t count = json_array_size(json_object_get(pool, "workers"));

	printf("pool %s: %zu worker%s asked to give back memory\n",
	       text_of(pool, "name"), count, count == 1 ? " was" : "s were");
}

void
show_requests(const json_t *answer)
{
	struct table *table = table_new("REQUEST POOL SITE STATE >AGE/ms "
					">LISTENER >WORKER EVENT MODULE CLIENT "
					"METHOD TARGET");
	static const char *const members[] = {
		"id",	  "pool",  "site",   "state",  "ageMs",	 "listener",
		"worker", "event", "module", "client", "method", "target",
	};
	size_t i;
	json_t *request;

	json_array_foreach(json_object_get(json_object_get(answer, "figures"),
					   "requests"),
			   i, request)
	{
		for (size_t k = 0; k < sizeof members / sizeof *members; k++)
			table_member(table, request, members[k]);
	}
	table_print(table, stdout);
	table_free(table);
	show_silence(answer, "figures");
}

/* What the channels of all pools have in use. */
static void
print_resources(const json_t *resources)
{
	const json_t *blocks = json_object_get(resources, "blocksBySize");
	long long lost = number_of(resources, "lostChannels");

	if (resources == NULL)
		return;
	printf("in use       %lld descriptors, %lld requests, %lld files\n",
	       number_of(resources, "descriptors"),
	       number_of(resources, "requests"), number_of(resources, "files"));
	printf("channels     %lld, %.1f MiB; %lld of %lld slots",
	       number_of(resources, "channels"),
	       (double)number_of(resources, "memory") / (1 << 20),
	       number_of(resources, "active"), number_of(resources, "slots"));
	if (lost > 0)
		printf("; %lld of workers that are gone", lost);
	printf("\nblocks       %lld of 4 KiB, %lld of 16 KiB, %lld of 64 KiB "
	       "for workers; %lld of workers\n",
	       number_of(blocks, "4KiB"), number_of(blocks, "16KiB"),
	       number_of(blocks, "64KiB"), number_of(resources, "held"));
}

static void
print_routes(const json_t *answer)
{
	struct table *table = table_new("BINDING SITE PATH POOL >APPLICATION");
	size_t i, k;
	json_t *binding, *application;

	json_array_foreach(json_object_get(json_object_get(answer, "routes"),
					   "bindings"),
			   i, binding)
	{
		json_array_foreach(json_object_get(binding, "applications"), k,
				   application)
		{
			table_member(table, binding, "url");
			table_member(table, binding, "site");
			table_member(table, application, "path");
			table_member(table, application, "pool");
			table_member(table, application, "id");
		}
	}
	printf("\n");
	table_print(table, stdout);
	table_free(table);
}

void
show_listener(const json_t *answer)
{
	struct table *table = table_new("URL SITE ADDRESS >PORT");
	size_t i;
	json_t *binding;

	print_listener(answer);
	print_accepting(answer);
	print_logs(answer, true);
	print_resources(json_object_get(json_object_get(answer, "counters"),
					"resources"));
	json_array_foreach(json_object_get(answer, "bindings"), i, binding)
	{
		table_member(table, binding, "url");
		table_member(table, binding, "site");
		table_member(table, binding, "address");
		table_member(table, binding, "port");
	}
	printf("\n");
	table_print(table, stdout);
	table_free(table);
	print_routes(answer);
	printf("\n");
	print_pools(answer);
	show_silence(answer, "counters");
}

void
show_reload(const json_t *answer)
{
	(void)answer;
	printf("the new configuration is in force\n");
}

void
show_upgrade(const json_t *answer)
{
	const json_t *replaced = json_object_get(answer, "replaced");
	long long cut = number_of(replaced, "aborted");

	printf("process %lld is the listener now\n",
	       number_of(json_object_get(answer, "listener"), "pid"));
	if (number_of(replaced, "pid") == 0)
		printf("the old one ended by itself meanwhile\n");
	else if (!json_is_true(json_object_get(replaced, "ended")))
		printf("process %lld finishes what it has\n",
		       number_of(replaced, "pid"));
	else if (cut == 0)
		printf("process %lld has ended\n", number_of(replaced, "pid"));
	else
		printf("process %lld has ended, %lld requests had to be cut\n",
		       number_of(replaced, "pid"), cut);
}

void
show_upgrade_manager(const json_t *answer)
{
	const json_t *manager = json_object_get(answer, "manager");
	long long workers = number_of(manager, "workers");

	printf("porticod %s goes on as process %lld, with listener %lld and "
	       "%lld worker%s\n",
	       text_of(manager, "version"), number_of(manager, "pid"),
	       number_of(manager, "listener"), workers,
	       workers == 1 ? "" : "s");
}

void
show_error(const json_t *answer)
{
	size_t i;
	json_t *problem;

	json_array_foreach(json_object_get(answer, "problems"), i, problem)
		fprintf(stderr, "%s\n", json_string_value(problem));
	fprintf(stderr, "portico: %s\n", text_of(answer, "error"));
	if (text_of(answer, "hint")[0] != '\0')
		fprintf(stderr, "    %s\n", text_of(answer, "hint"));
}
