/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of the portico command.
 */
#include "core/activation/commands.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/certificates.h"
#include "core/activation/confinement.h"
#include "core/activation/event_log.h"
#include "core/activation/figures.h"
#include "core/activation/handover.h"
#include "core/activation/keeper.h"
#include "core/activation/limits.h"
#include "core/activation/listener_process.h"
#include "core/activation/listeners.h"
#include "core/activation/manager.h"
#include "core/activation/pool.h"
#include "core/activation/reload.h"
#include "core/activation/stats_sum.h"
#include "core/activation/timeouts.h"
#include "core/activation/upgrade.h"
#include "core/activation/worker_process.h"
#include "core/base/slice.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/config/settings.h"
#include "core/control/server.h"
#include "core/http/url_whole.h"

#define NS_PER_MS 1000000ull
#define FLUSHED_URL_BYTES_MAX 4000

struct commands {
	struct manager *manager;
	struct control_server *server;
	struct list waiting; /* of struct question */
};

/* One request that waits, for the listener's figures or for a verdict. */
struct question {
	struct list link;
	struct commands *commands;
	struct control_connection *client;
	json_t *answer; /* figures go in there; or NULL */
	const char *member; /* under this name */
	const char *then; /* another query after this one, or NULL */
	const char *then_member;
	bool by_event; /* of modules */
};

/* Waits until it is answered, or the client is gone. */
static struct question *
question_new(struct commands *commands, struct control_connection *client)
{
	struct question *question = mem_zalloc(sizeof *question);

	question->commands = commands;
	question->client = client;
	list_init(&question->link);
	list_add_tail(&commands->waiting, &question->link);
	return question;
}

static void
answer(struct control_connection *client, json_t *json)
{
	json_object_set_new(json, "type", json_string("answer"));
	if (json_object_get(json, "ok") == NULL)
		json_object_set_new(json, "ok", json_true());
	control_send(client, json, NULL, 0);
}

static void
answer_error(struct control_connection *client, const struct portico_error *err)
{
	answer(client, json_pack("{s:b, s:s, s:s}", "ok", 0, "error",
				 err->message, "hint", err->hint));
}

/* ---- figures of the listener --------------------------------------------- */

/* Numbers of modules and events are each worker's own. */
static void
name_requests(const struct manager *manager, json_t *body)
{
	size_t i;
	json_t *request;

	json_array_foreach(json_object_get(body, "requests"), i, request)
	{
		const struct worker_process *worker = manager_find_worker(
			manager, (uint32_t)json_integer_value(
					 json_object_get(request, "worker")));

		if (worker != NULL)
			worker_process_name_progress(worker, request);
	}
}

static void
on_figures(json_t *sum, json_t *each, void *arg)
{
	struct question *question = arg;
	struct commands *commands = question->commands;
	const char *what = question->then;

	name_requests(commands->manager, sum);
	json_object_set(question->answer, question->member,
			sum == NULL ? json_null() : sum);
	if (strcmp(question->member, "counters") == 0)
		json_object_set(question->answer, "listeners", each);
	if (what != NULL) {
		question->member = question->then_member;
		question->then = NULL;
		figures_ask(commands->manager, what, on_figures, question);
		return;
	}
	list_remove(&question->link);
	answer(question->client, question->answer);
	mem_free(question);
}

/* Takes `json`. */
static void
answer_with(struct commands *commands, struct control_connection *client,
	    json_t *json, const char *what, const char *member,
	    const char *then, const char *then_member)
{
	struct question *question = question_new(commands, client);

	question->answer = json;
	question->member = member;
	question->then = then;
	question->then_member = then_member;
	figures_ask(commands->manager, what, on_figures, question);
}

static void
on_gone(struct control_connection *client, void *arg)
{
	struct commands *commands = arg;

	event_log_forget(commands->manager->events, client);
	LIST_FOREACH_SAFE(struct question, link, question, &commands->waiting) {
		if (question->client != client)
			continue;
		figures_forget(commands->manager, question);
		worker_queries_forget(commands->manager, question);
		upgrade_forget(&commands->manager->listeners, question);
		reload_forget(commands->manager, question);
		handover_forget(commands->manager, question);
		list_remove(&question->link);
		json_decref(question->answer);
		mem_free(question);
	}
}

/* ---- our own figures ----------------------------------------------------- */

static json_t *
describe_listener(const struct manager *manager)
{
	const struct listeners *listeners = &manager->listeners;
	const struct listener_process *serving = listeners->serving;

	return json_pack("{s:s, s:i, s:I, s:I}", "state",
			 serving == NULL ?
				 "down" :
				 listener_process_state_name(serving->state),
			 "pid", listeners_serving_pid(listeners), "starts",
			 (json_int_t)listeners->count, "threads",
			 (json_int_t)manager->settings->listener.threads);
}

static json_t *
describe_bindings(const struct manager *manager)
{
	const struct settings *settings = manager->settings;
	json_t *bindings = json_array();

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->binding_count; k++) {
			const struct settings_binding *binding =
				&site->bindings[k];
			uint16_t port = sockets_real_port(&manager->sockets,
							  binding->address,
							  binding->port);

			json_array_append_new(
				bindings,
				json_pack("{s:s, s:s, s:s, s:i, s:i}", "url",
					  binding->url, "site", site->name,
					  "address", binding->address, "port",
					  (int)port, "configuredPort",
					  (int)binding->port));
		}
	}
	return bindings;
}

static json_t *
describe_pools(const struct manager *manager)
{
	json_t *pools = json_array();

	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		json_array_append_new(pools, pool_to_json(pool));
	return pools;
}

static json_t *
describe_workers(const struct manager *manager)
{
	json_t *workers = json_array();

	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			json_array_append_new(workers,
					      worker_process_to_json(worker));
	LIST_FOREACH(struct pool, link, pool, &manager->pools)
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->orphans)
			json_array_append_new(workers,
					      worker_process_to_json(worker));
	return workers;
}

/* ---- the requests -------------------------------------------------------- */

typedef void request_fn(struct commands *commands,
			struct control_connection *client,
			const json_t *request);

static void
on_status(struct commands *commands, struct control_connection *client,
	  const json_t *request)
{
	struct manager *manager = commands->manager;
	uint64_t age = clock_monotonic_ns() - manager->began_ns;
	static const char *const phases[] = {
		[MANAGER_RUNNING] = "running",
		[MANAGER_DRAINING] = "draining",
		[MANAGER_STOPPING] = "stopping",
		[MANAGER_DONE] = "done",
	};

	(void)request;
	answer_with(
		commands, client,
		json_pack("{s:o, s:I, s:i, s:s, s:I, s:i, s:s, s:s, s:I, s:I, "
			  "s:o, s:o, s:o}",
			  "events", event_log_to_json(manager->events),
			  "takeOvers", (json_int_t)manager->take_overs,
			  "keeper", keeper_pid(manager->keeper), "version",
			  PORTICO_VERSION, "logLinesLost",
			  (json_int_t)log_lost_lines(), "pid", (int)getpid(),
			  "state", phases[manager->phase], "config",
			  manager->settings->file, "generation",
			  (json_int_t)manager->generation, "uptimeMs",
			  (json_int_t)(age / NS_PER_MS), "listener",
			  describe_listener(manager), "bindings",
			  describe_bindings(manager), "pools",
			  describe_pools(manager)),
		"counters", "counters", NULL, NULL);
}

static void
on_pool_list(struct commands *commands, struct control_connection *client,
	     const json_t *request)
{
	(void)request;
	answer_with(commands, client,
		    json_pack("{s:o}", "pools",
			      describe_pools(commands->manager)),
		    "pools", "counters", NULL, NULL);
}

/* The pool that a request names; NULL after an error was answered. */
static struct pool *
find_pool(struct commands *commands, struct control_connection *client,
	  const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "pool"));
	struct pool *pool = name == NULL ?
				    NULL :
				    manager_find_pool(commands->manager, name);
	struct portico_error err;

	if (pool != NULL)
		return pool;
	error_set(&err, PORTICO_NOT_FOUND, "there is no pool \"%s\"",
		  name == NULL ? "" : name);
	error_hint(&err, "\"portico pool list\" shows all.");
	answer_error(client, &err);
	return NULL;
}

static void
on_pool_show(struct commands *commands, struct control_connection *client,
	     const json_t *request)
{
	const struct pool *pool = find_pool(commands, client, request);

	if (pool == NULL)
		return;
	answer_with(commands, client,
		    json_pack("{s:o, s:o, s:o}", "pool", pool_to_json(pool),
			      "starts", start_history_to_json(&pool->starts),
			      "confinement",
			      confinement_to_json(pool->snapshot,
						  pool->settings,
						  pool->metered.missing)),
		    "pools", "counters", NULL, NULL);
}

/* The figures are asked for after the change was sent, so that the answer
 * comes when the listener's loops have it: what the caller does next meets the
 * new state. */
static void
answer_pool(struct commands *commands, struct control_connection *client,
	    const struct pool *pool, enum portico_status status,
	    const struct portico_error *err)
{
	if (status != PORTICO_OK)
		answer_error(client, err);
	else
		answer_with(commands, client,
			    json_pack("{s:o}", "pool", pool_to_json(pool)),
			    "pools", "counters", NULL, NULL);
}

static void
change_pool(struct commands *commands, struct control_connection *client,
	    const json_t *request,
	    enum portico_status change(struct pool *pool,
				       struct portico_error *err))
{
	struct pool *pool = find_pool(commands, client, request);
	struct portico_error err;

	if (pool != NULL)
		answer_pool(commands, client, pool, change(pool, &err), &err);
}

static void
on_pool_start(struct commands *commands, struct control_connection *client,
	      const json_t *request)
{
	change_pool(commands, client, request, pool_start);
}

static void
on_pool_stop(struct commands *commands, struct control_connection *client,
	     const json_t *request)
{
	change_pool(commands, client, request, pool_stop);
}

static void
on_pool_restart(struct commands *commands, struct control_connection *client,
		const json_t *request)
{
	change_pool(commands, client, request, pool_restart);
}

static enum portico_status
recycle(struct pool *pool, struct portico_error *err)
{
	return recycle_pool(pool, RECYCLE_ON_DEMAND, "by command", false, err);
}

static void
on_pool_recycle(struct commands *commands, struct control_connection *client,
		const json_t *request)
{
	change_pool(commands, client, request, recycle);
}

static void
on_pool_flush(struct commands *commands, struct control_connection *client,
	      const json_t *request)
{
	struct pool *pool = find_pool(commands, client, request);

	if (pool == NULL)
		return;
	pool_tell(pool, "cleanup", "by command", 0);
	answer_pool(commands, client, pool, PORTICO_OK, NULL);
}

static void
on_worker_list(struct commands *commands, struct control_connection *client,
	       const json_t *request)
{
	(void)request;
	answer_with(commands, client,
		    json_pack("{s:o}", "workers",
			      describe_workers(commands->manager)),
		    "pools", "counters", NULL, NULL);
}

static void
on_stats(json_t *modules, json_t *silent, void *arg)
{
	struct question *question = arg;

	json_t *json = json_pack("{s:O, s:o, s:O}", "modules", modules,
				 "metrics", stats_sum_metrics(modules),
				 "silent", silent);

	if (question->by_event)
		json_object_set_new(json, "events", stats_sum_events(modules));
	list_remove(&question->link);
	answer(question->client, json);
	mem_free(question);
}

static void
on_module_list(struct commands *commands, struct control_connection *client,
	       const json_t *request)
{
	struct question *question;
	json_t *modules;

	if (json_is_true(json_object_get(request, "stats")) ||
	    json_is_true(json_object_get(request, "byEvent"))) {
		question = question_new(commands, client);
		question->by_event =
			json_is_true(json_object_get(request, "byEvent"));
		worker_queries_ask(commands->manager, WORKER_QUERY_MODULES,
				   NULL, on_stats, question);
		return;
	}
	modules = json_array();
	LIST_FOREACH(struct pool, link, pool, &commands->manager->pools)
		LIST_FOREACH(struct worker_process, link, worker,
			     &pool->workers)
			worker_process_add_modules(worker, modules);
	answer(client, json_pack("{s:o}", "modules", modules));
}

/* The worker whose number a request has; NULL after an error was answered. */
static struct worker_process *
find_worker(struct commands *commands, struct control_connection *client,
	    const json_t *request)
{
	const char *text =
		json_string_value(json_object_get(request, "worker"));
	struct worker_process *worker = NULL;
	struct portico_error err;
	uint64_t id;

	if (text != NULL && slice_to_u64(slice_from(text), &id) &&
	    id <= UINT32_MAX)
		worker = manager_find_worker(commands->manager, (uint32_t)id);
	if (worker != NULL)
		return worker;
	error_set(&err, PORTICO_NOT_FOUND, "there is no worker %s",
		  text == NULL ? "" : text);
	error_hint(&err, "\"portico worker list\" shows all.");
	answer_error(client, &err);
	return NULL;
}

/* With its pool's starts: its own is among them. */
static void
on_worker_show(struct commands *commands, struct control_connection *client,
	       const json_t *request)
{
	const struct worker_process *worker =
		find_worker(commands, client, request);
	json_t *modules;

	if (worker == NULL)
		return;
	modules = json_array();
	worker_process_add_modules(worker, modules);
	answer_with(commands, client,
		    json_pack("{s:o, s:o, s:o}", "worker",
			      worker_process_to_json(worker), "modules",
			      modules, "starts",
			      start_history_to_json(&worker->pool->starts)),
		    "pools", "counters", NULL, NULL);
}

static void
on_stacks(json_t *rows, json_t *silent, void *arg)
{
	struct question *question = arg;

	list_remove(&question->link);
	answer(question->client,
	       json_pack("{s:O, s:O}", "stacks", rows, "silent", silent));
	mem_free(question);
}

static void
on_worker_stack(struct commands *commands, struct control_connection *client,
		const json_t *request)
{
	struct worker_process *worker = find_worker(commands, client, request);
	struct question *question;

	if (worker == NULL)
		return;
	question = question_new(commands, client);
	worker_queries_ask(commands->manager, WORKER_QUERY_STACKS, worker,
			   on_stacks, question);
}

static void
on_request_list(struct commands *commands, struct control_connection *client,
		const json_t *request)
{
	(void)request;
	answer_with(commands, client, json_object(), "requests", "figures",
		    NULL, NULL);
}

static void
on_listener_show(struct commands *commands, struct control_connection *client,
		 const json_t *request)
{
	struct manager *manager = commands->manager;

	(void)request;
	answer_with(commands, client,
		    json_pack("{s:o, s:o, s:o}", "listener",
			      describe_listener(manager), "bindings",
			      describe_bindings(manager), "pools",
			      describe_pools(manager)),
		    "listener", "counters", "routes", "routes");
}

static void
on_log_reopen(struct commands *commands, struct control_connection *client,
	      const json_t *request)
{
	(void)request;
	answer_with(commands, client, json_object(), "reopen", "figures", NULL,
		    NULL);
}

static void
on_listener_urls(struct commands *commands, struct control_connection *client,
		 const json_t *request)
{
	(void)request;
	answer_with(commands, client, json_object(), "routes", "routes", NULL,
		    NULL);
}

static void
on_listener_connections(struct commands *commands,
			struct control_connection *client,
			const json_t *request)
{
	(void)request;
	answer_with(commands, client, json_object(), "clients", "figures", NULL,
		    NULL);
}

static void
on_listener_counters(struct commands *commands,
		     struct control_connection *client, const json_t *request)
{
	(void)request;
	answer_with(commands, client, json_object(), "counters", "counters",
		    "sites", "figures");
}

static void
on_listener_cache(struct commands *commands, struct control_connection *client,
		  const json_t *request)
{
	(void)request;
	answer_with(commands, client, json_object(), "cache", "figures", NULL,
		    NULL);
}

static bool
is_flushed_url(const char *url)
{
	struct http_url_whole whole;
	char path[FLUSHED_URL_BYTES_MAX + 1];
	size_t length = strlen(url);

	return length <= FLUSHED_URL_BYTES_MAX &&
	       http_url_whole_parse(slice_make(url, length), path, &whole);
}

static void
on_listener_cache_flush(struct commands *commands,
			struct control_connection *client,
			const json_t *request)
{
	const char *url = json_string_value(json_object_get(request, "url"));
	bool all = json_is_true(json_object_get(request, "all"));
	struct portico_error err;
	char what[FLUSHED_URL_BYTES_MAX + 32];

	if (all == (url != NULL) || (!all && !is_flushed_url(url))) {
		error_set(&err, PORTICO_INVALID,
			  "flushing the cache: \"%s\" is no URL with a path",
			  url == NULL ? "" : url);
		error_hint(&err,
			   "http://HOST/PATH, http://*:PORT/PATH/ for all "
			   "below a path, or --all; what a URL cannot have is "
			   "written as %%XX.");
		answer_error(client, &err);
		return;
	}
	snprintf(what, sizeof what, "cache-flush %s", all ? "*" : url);
	answer_with(commands, client, json_object(), what, "figures", NULL,
		    NULL);
}

static void
on_listener_timeouts(struct commands *commands,
		     struct control_connection *client, const json_t *request)
{
	(void)request;
	answer(client,
	       json_pack("{s:o}", "timeouts",
			 timeouts_to_json(commands->manager->settings)));
}

static void
on_listener_certs(struct commands *commands, struct control_connection *client,
		  const json_t *request)
{
	(void)request;
	answer(client, json_pack("{s:o}", "certificates",
				 certificates_to_json(
					 commands->manager->certificates)));
}

static void
on_reloaded(const json_t *problems, void *arg)
{
	struct question *question = arg;
	bool good = json_array_size(problems) == 0;

	list_remove(&question->link);
	answer(question->client,
	       json_pack("{s:b, s:s, s:O}", "ok", good, "error",
			 good ? "" : "the new configuration was not applied",
			 "problems", problems));
	mem_free(question);
}

static void
on_reload(struct commands *commands, struct control_connection *client,
	  const json_t *request)
{
	struct question *question = mem_zalloc(sizeof *question);
	struct portico_error err;

	(void)request;
	question->commands = commands;
	question->client = client;
	list_init(&question->link);
	if (reload_start(commands->manager, on_reloaded, question, &err) !=
	    PORTICO_OK) {
		mem_free(question);
		answer_error(client, &err);
		return;
	}
	list_add_tail(&commands->waiting, &question->link);
}

static void
on_upgraded(const struct upgrade_result *result, void *arg)
{
	struct question *question = arg;

	list_remove(&question->link);
	if (result->err != NULL)
		answer_error(question->client, result->err);
	else
		answer(question->client,
		       json_pack("{s:{s:I, s:i}, s:{s:i, s:b, s:I}}",
				 "listener", "number",
				 (json_int_t)result->number, "pid", result->pid,
				 "replaced", "pid", result->old_pid, "ended",
				 (int)result->ended, "aborted",
				 (json_int_t)result->aborted));
	mem_free(question);
}

static void
on_upgrade_listener(struct commands *commands,
		    struct control_connection *client, const json_t *request)
{
	struct question *question = mem_zalloc(sizeof *question);
	bool wait = json_is_true(json_object_get(request, "wait"));
	struct portico_error err;

	question->commands = commands;
	question->client = client;
	list_init(&question->link);
	if (upgrade_start(&commands->manager->listeners, wait, on_upgraded,
			  question, &err) != PORTICO_OK) {
		mem_free(question);
		answer_error(client, &err);
		return;
	}
	list_add_tail(&commands->waiting, &question->link);
}

static void
on_site_list(struct commands *commands, struct control_connection *client,
	     const json_t *request)
{
	struct manager *manager = commands->manager;

	(void)request;
	answer_with(
		commands, client,
		json_pack("{s:o}", "sites",
			  sites_to_json(&manager->sites, manager->settings)),
		"sites", "figures", NULL, NULL);
}

/* Figures are asked for afterwards, as in answer_pool(). */
static void
set_site(struct commands *commands, struct control_connection *client,
	 const json_t *request, bool stopped)
{
	const char *name = json_string_value(json_object_get(request, "site"));
	struct manager *manager = commands->manager;
	struct portico_error err;

	if (sites_set(&manager->sites, name, stopped, &manager->listeners,
		      &err) != PORTICO_OK)
		answer_error(client, &err);
	else
		answer_with(commands, client,
			    json_pack("{s:{s:s, s:s}}", "site", "name", name,
				      "state", stopped ? "stopped" : "started"),
			    "pools", "counters", NULL, NULL);
}

static void
on_site_start(struct commands *commands, struct control_connection *client,
	      const json_t *request)
{
	set_site(commands, client, request, false);
}

static void
on_site_stop(struct commands *commands, struct control_connection *client,
	     const json_t *request)
{
	set_site(commands, client, request, true);
}

static void
on_events(struct commands *commands, struct control_connection *client,
	  const json_t *request)
{
	event_log_ask(commands->manager->events, client, request);
}

static void
on_handover_failed(const struct portico_error *err, void *arg)
{
	struct question *question = arg;

	list_remove(&question->link);
	answer_error(question->client, err);
	mem_free(question);
}

/* Answered by the program that goes on in our place. */
static void
on_upgrade_manager(struct commands *commands, struct control_connection *client,
		   const json_t *request)
{
	struct question *question = mem_zalloc(sizeof *question);
	struct portico_error err;

	(void)request;
	question->commands = commands;
	question->client = client;
	list_init(&question->link);
	if (handover_start(commands->manager, client, on_handover_failed,
			   question, &err) != PORTICO_OK) {
		mem_free(question);
		answer_error(client, &err);
		return;
	}
	list_add_tail(&commands->waiting, &question->link);
}

static const struct {
	const char *type;
	request_fn *function;
} requests[] = {
	{ "events", on_events },
	{ "site-list", on_site_list },
	{ "site-start", on_site_start },
	{ "site-stop", on_site_stop },
	{ "status", on_status },
	{ "pool-list", on_pool_list },
	{ "pool-show", on_pool_show },
	{ "pool-start", on_pool_start },
	{ "pool-stop", on_pool_stop },
	{ "pool-restart", on_pool_restart },
	{ "pool-flush", on_pool_flush },
	{ "pool-recycle", on_pool_recycle },
	{ "worker-list", on_worker_list },
	{ "worker-show", on_worker_show },
	{ "worker-stack", on_worker_stack },
	{ "module-list", on_module_list },
	{ "request-list", on_request_list },
	{ "listener-show", on_listener_show },
	{ "log-reopen", on_log_reopen },
	{ "listener-urls", on_listener_urls },
	{ "listener-connections", on_listener_connections },
	{ "listener-counters", on_listener_counters },
	{ "listener-timeouts", on_listener_timeouts },
	{ "listener-cache", on_listener_cache },
	{ "listener-cache-flush", on_listener_cache_flush },
	{ "listener-certs", on_listener_certs },
	{ "reload", on_reload },
	{ "upgrade-listener", on_upgrade_listener },
	{ "upgrade-manager", on_upgrade_manager },
};

static void
on_request(struct control_connection *client, const char *type, json_t *message,
	   void *arg)
{
	struct portico_error err;

	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		if (strcmp(requests[i].type, type) == 0) {
			requests[i].function(arg, client, message);
			return;
		}
	}
	error_set(&err, PORTICO_UNSUPPORTED,
		  "this porticod does not know the request \"%s\"", type);
	error_hint(&err, "Its version is %s.", PORTICO_VERSION);
	answer_error(client, &err);
}

enum portico_status
commands_open(struct manager *manager, struct commands **commands_r,
	      struct portico_error *err)
{
	struct commands *commands = mem_zalloc(sizeof *commands);
	enum portico_status status;

	commands->manager = manager;
	list_init(&commands->waiting);
	status = control_server_open(&manager->loop,
				     manager->settings->control_socket,
				     COMMANDS_MAX, on_request, on_gone,
				     commands, &commands->server, err);
	if (status != PORTICO_OK) {
		mem_free(commands);
		return status;
	}
	*commands_r = commands;
	return PORTICO_OK;
}

void
commands_close(struct commands **commands_p)
{
	struct commands *commands = *commands_p;

	if (commands == NULL)
		return;
	*commands_p = NULL;
	control_server_close(&commands->server);
	mem_free(commands);
}
