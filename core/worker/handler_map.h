/* SPDX-License-Identifier: Apache-2.0
 *
 * Which handlers may answer a request of an application: an ordered list of
 * path pattern, methods and handler, compiled once, looked up without an
 * allocation.  Immutable once built; any thread may look up.
 *
 * Patterns, matched against the path inside the application ("/a/b"):
 *
 *	*            every path
 *	*.ext        paths that end so, in any case of letters
 *	/prefix/ and a star: all paths that begin with "/prefix/"
 *	/exact       this path alone
 */
#ifndef CORE_WORKER_HANDLER_MAP_H
#define CORE_WORKER_HANDLER_MAP_H

#include <portico/module.h>

struct arena;
struct config_problems; /* core/config/config.h */
struct module_record;
struct settings_handler; /* core/config/settings.h: a rule */

/* What a rule leads to. */
struct handler_target {
	const struct module_record *module;
	const struct portico_handler *handler;
};

struct handler_map;

/*
 * Compiles the rules; `modules` are those of the application.
 * PORTICO_CONFIG: problems were added, with the places of the rules.
 * OWNERSHIP: the map is the arena's; strings of the rules are copied.
 */
enum portico_status
handler_map_build(struct arena *arena, const struct settings_handler *rules,
		  size_t rule_count, struct module_record *const *modules,
		  size_t module_count, const struct handler_map **map_r,
		  struct config_problems *problems);

/*
 * A look-up in progress; storage of the caller, lives in the request.  Path
 * and method are borrowed until the last handler_map_next.
 */
struct handler_lookup {
	const struct handler_map *map;
	struct portico_slice path;
	struct portico_slice method;
	uint64_t method_bit; /* 0: the method has no number */
	uint32_t position; /* of the next rule to try */
	bool path_matched; /* some rule tried so far matches the path ... */
	bool method_refused; /* ... but not with this method */
};

/* Begins; `path` is the path inside the application. */
void handler_map_lookup(const struct handler_map *map,
			struct portico_slice path, struct portico_slice method,
			struct handler_lookup *lookup);

/* The same for a caller that knows the method's number (core/http/method.h);
 * `method` is looked at only if that is 0. */
void handler_map_lookup_number(const struct handler_map *map,
			       struct portico_slice path, unsigned number,
			       struct portico_slice method,
			       struct handler_lookup *lookup);

/*
 * The next candidate in the order of the rules, or NULL.  When no candidate
 * answered: method_refused says 405 (see handler_map_allow), path_matched
 * that all passed on with NEXT, neither that nothing is mapped (404).
 */
const struct handler_target *handler_map_next(struct handler_lookup *lookup);

/*
 * The value of Allow for a path, "GET, HEAD"; cut to whole names that fit,
 * NUL-terminated.  Empty if no rule matches.
 */
struct portico_slice handler_map_allow(const struct handler_map *map,
				       struct portico_slice path, char *text,
				       size_t size);

/*
 * For portico_request_set_handler: "handler" or "module/handler", among the
 * handlers of the application's modules.  NULL if there is none.
 */
const struct handler_target *handler_map_find(const struct handler_map *map,
					      struct portico_slice name);

#endif
