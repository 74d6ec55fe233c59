/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading modules: a .so becomes a module_record, or is refused with a
 * sentence.  The record is the core's own; the descriptor inside the module is
 * read once, never written, and never read beyond the size it declares.
 *
 * All of it runs on the worker's main thread, before any loop starts.  A set
 * that is complete (module_set_load) is read-only and any thread may read it.
 * An accepted module is never unloaded: a changed file means a new worker.
 */
#ifndef CORE_WORKER_MODULE_LOAD_H
#define CORE_WORKER_MODULE_LOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include <portico/host.h>

struct module_record;

#define MODULE_SELF_MAGIC 0x4d53454cu
#define MODULE_RECORD_MAGIC 0x4d524543u

/* What a module hands back with each call of the host; see module_of(). */
struct portico_self {
	unsigned magic;
	uint32_t number; /* of the record: index for per-module arrays */
	struct module_record *record;
	struct portico_worker *worker; /* NULL: it is only looked at */
};

struct module_record {
	unsigned magic;
	uint32_t number; /* 0.. in the order of module_set_add */
	const char *name; /* as configured, equal to the descriptor's */
	const char *path; /* of the file */
	dev_t device;
	ino_t inode;
	struct portico_self self; /* address given to the module */
	/* Private copy; members that the module's build did not know are 0. */
	struct portico_module module;
	uint32_t subscription_count;
	uint32_t handler_count;
	uint32_t directive_count;
	bool loaded; /* load() has succeeded, or there is none */
};

static inline const struct module_record *
module_of(const struct portico_self *self)
{
	return self->record;
}

struct module_set;

/*
 * An empty set whose modules will be given `host`.  `host` outlives the
 * process' use of any module.
 * OWNERSHIP: the caller's, to be ended by module_set_free().
 */
struct module_set *module_set_new(const struct portico_host *host)
	__attribute__((returns_nonnull));

/* Frees the records; the modules stay mapped and must not run any more, since
 * their portico_self is gone.  Accepts NULL. */
void module_set_free(struct module_set *set);

/*
 * Opens and validates `path` as the module `name` (NULL: whatever it calls
 * itself, for an empty set); calls nothing of it but its entry function.  The
 * same file (device and inode) under the same name
 * gives the record that is there.
 *
 *   PORTICO_ABI      the interface versions differ
 *   PORTICO_INVALID  not a module, or its descriptor contradicts itself
 *   PORTICO_EXISTS   name or file is taken by another module
 *   PORTICO_NOT_FOUND, PORTICO_DENIED, ...  the file cannot be read
 *
 * `record_r` may be NULL.  OWNERSHIP: the record is the set's.
 */
enum portico_status module_set_add(struct module_set *set, const char *name,
				   const char *path,
				   struct module_record **record_r,
				   struct portico_error *err);

/* For tests and built-in modules: a record around a descriptor at hand,
 * validated as above. */
enum portico_status module_set_add_static(struct module_set *set,
					  const char *name,
					  portico_module_entry_fn *entry,
					  struct module_record **record_r,
					  struct portico_error *err);

/*
 * Checks that every needed feature is provided by a module of the set (the
 * name of a module is a feature, too) and settles the order of load().  Calls
 * nothing of the modules.  PORTICO_CONFIG: a feature is missing, provided
 * twice, or modules need each other in a circle.
 */
enum portico_status module_set_resolve(struct module_set *set,
				       struct portico_error *err);

/* Calls load() of each, providers first.  After module_set_resolve(). */
enum portico_status module_set_load(struct module_set *set,
				    struct portico_error *err);

/*
 * The sentence for a function of a module (load, worker_init, ...) that
 * returned `status`: "module NAME: " and what it put into `failure`, or that
 * the function failed.  Returns the status, always negative.
 */
enum portico_status module_refused(struct portico_error *err,
				   const struct module_record *record,
				   const char *function,
				   enum portico_status status,
				   const struct portico_error *failure);

size_t module_set_count(const struct module_set *set);

/* By number, 0..count-1. */
struct module_record *module_set_get(const struct module_set *set,
				     size_t number)
	__attribute__((returns_nonnull));

/* In load order, 0..count-1: for worker_init; backwards for worker_fini. */
struct module_record *module_set_get_ordered(const struct module_set *set,
					     size_t position)
	__attribute__((returns_nonnull));

/* NULL if there is none of that name. */
struct module_record *module_set_find(const struct module_set *set,
				      const char *name);

/* [a-z][a-z0-9-]{0,31} */
bool module_name_is_valid(const char *name);

/* The first handler if `name` is NULL or empty; NULL if there is none. */
const struct portico_handler *
module_find_handler(const struct module_record *record, const char *name);

#endif
