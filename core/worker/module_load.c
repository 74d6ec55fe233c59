/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of loaded modules.  The checks of a descriptor are in
 * module_validate.c.
 *
 * dlopen() runs constructors of the module before we have read a byte of its
 * descriptor; a module is trusted code of its pool (docs/threat-model.md).
 */
#include "core/worker/module_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/worker/module_validate.h"

#define SET_MAGIC 0x4d534554u

struct module_set {
	unsigned magic;
	const struct portico_host *host;
	struct module_record **records; /* by number */
	struct module_record **ordered; /* NULL until resolved */
	size_t count;
	size_t capacity;
};

struct module_set *
module_set_new(const struct portico_host *host)
{
	struct module_set *set = mem_zalloc(sizeof(*set));

	ASSERT(host != NULL);
	set->magic = SET_MAGIC;
	set->host = host;
	return set;
}

static void
record_free(struct module_record *record)
{
	CHECK(record, MODULE_RECORD_MAGIC);
	record->magic = 0;
	record->self.magic = 0;
	mem_free((char *)record->name);
	mem_free((char *)record->path);
	mem_free(record);
}

void
module_set_free(struct module_set *set)
{
	if (set == NULL)
		return;
	CHECK(set, SET_MAGIC);
	for (size_t i = 0; i < set->count; i++)
		record_free(set->records[i]);
	set->magic = 0;
	mem_free(set->records);
	mem_free(set->ordered);
	mem_free(set);
}

static struct module_record *
record_new(const struct module_set *set, const char *name, const char *path)
{
	struct module_record *record = mem_zalloc(sizeof(*record));

	record->magic = MODULE_RECORD_MAGIC;
	record->number = (uint32_t)set->count;
	record->name = name == NULL ? NULL : mem_strdup(name);
	record->path = mem_strdup(path);
	record->self.magic = MODULE_SELF_MAGIC;
	record->self.number = record->number;
	record->self.record = record;
	return record;
}

static void
set_append(struct module_set *set, struct module_record *record)
{
	if (set->count == set->capacity) {
		set->capacity = set->capacity == 0 ? 8 : 2 * set->capacity;
		set->records = mem_realloc(
			set->records, set->capacity * sizeof(*set->records));
	}
	set->records[set->count] = record;
	set->count++;
	MEM_FREE(set->ordered);
}

/* Reads the identity of the file and whether we may read it, so that the
 * sentence says "permission denied" and not what dlopen() makes of it. */
static enum portico_status
identify(struct module_record *record, struct portico_error *err)
{
	struct stat status;
	enum portico_status result = PORTICO_OK;
	int fd = open(record->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return error_system(err, "module %s: not readable",
				    record->path);
	if (fstat(fd, &status) != 0)
		result = error_system(err, "module %s: not readable",
				      record->path);
	else if (!S_ISREG(status.st_mode))
		result = error_set(err, PORTICO_INVALID,
				   "module %s: not a regular file",
				   record->path);
	io_close(&fd);
	if (result != PORTICO_OK)
		return result;
	record->device = status.st_dev;
	record->inode = status.st_ino;
	return PORTICO_OK;
}

/* The record that already has this name or file, or NULL. */
static struct module_record *
find_same(const struct module_set *set, const struct module_record *record,
	  struct portico_error *err, enum portico_status *status_r)
{
	*status_r = PORTICO_OK;
	for (size_t i = 0; i < set->count; i++) {
		struct module_record *other = set->records[i];
		bool same_name = record->name == NULL ||
				 strcmp(other->name, record->name) == 0;
		bool same_file = other->device == record->device &&
				 other->inode == record->inode &&
				 record->inode != 0;

		if (!same_name && !same_file)
			continue;
		if (same_name && !same_file)
			*status_r = error_set(
				err, PORTICO_EXISTS,
				"module %s: the name \"%s\" is taken by %s",
				record->path, record->name, other->path);
		else if (!same_name)
			*status_r = error_set(
				err, PORTICO_EXISTS,
				"module %s: configured as \"%s\" and as \"%s\"",
				record->path, other->name, record->name);
		return other;
	}
	return NULL;
}

/* What dlerror() says, without the path that we say ourselves. */
static const char *
dl_reason(const char *path)
{
	const char *reason = dlerror();
	size_t length = strlen(path);

	if (reason == NULL)
		return "no reason given";
	if (strncmp(reason, path, length) == 0 && reason[length] == ':' &&
	    reason[length + 1] == ' ')
		return reason + length + 2;
	return reason;
}

static enum portico_status
accept_descriptor(const struct module_set *set, struct module_record *record,
		  portico_module_entry_fn *entry, struct portico_error *err)
{
	const struct portico_module *module = entry(set->host, &record->self);
	enum portico_status status =
		module_validate(record, module, set->host, err);

	if (status == PORTICO_OK && record->name == NULL)
		record->name = mem_strdup(record->module.name);
	return status;
}

/* dlopen() would search the library path for a name without a slash. */
static char *
path_with_slash(const char *path)
{
	size_t length = strlen(path);
	char *copy;

	if (strchr(path, '/') != NULL)
		return mem_strdup(path);
	copy = mem_alloc(length + 3);
	memcpy(copy, "./", 2);
	memcpy(copy + 2, path, length + 1);
	return copy;
}

static enum portico_status
open_module(const struct module_set *set, struct module_record *record,
	    struct portico_error *err)
{
	union {
		void *object;
		portico_module_entry_fn *function;
	} entry;
	enum portico_status status;
	char *path = path_with_slash(record->path);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) {
		status = error_set(err, PORTICO_INVALID,
				   "module %s: not loadable: %s", record->path,
				   dl_reason(path));
		mem_free(path);
		return status;
	}
	mem_free(path);
	entry.object = dlsym(handle, PORTICO_MODULE_ENTRY);
	if (entry.object == NULL) {
		status = error_set(err, PORTICO_INVALID,
				   "module %s: no symbol %s", record->path,
				   PORTICO_MODULE_ENTRY);
		error_hint(err, "A module uses PORTICO_MODULE() once, at file "
				"scope.");
	} else {
		status = accept_descriptor(set, record, entry.function, err);
	}
	if (status != PORTICO_OK) /* err holds copies of all it names */
		dlclose(handle);
	return status;
}

enum portico_status
module_set_add(struct module_set *set, const char *name, const char *path,
	       struct module_record **record_r, struct portico_error *err)
{
	struct module_record *record, *same;
	enum portico_status status;

	CHECK(set, SET_MAGIC);
	if (name != NULL && !module_name_is_valid(name))
		return error_set(err, PORTICO_INVALID,
				 "module %s: found the name \"%.40s\", allowed "
				 "are 1 to 32 characters a-z, 0-9 and -, the "
				 "first one a letter",
				 path, name);
	record = record_new(set, name, path);
	status = identify(record, err);
	if (status != PORTICO_OK)
		goto fail;
	same = find_same(set, record, err, &status);
	if (same == NULL) {
		status = open_module(set, record, err);
		if (status != PORTICO_OK)
			goto fail;
		set_append(set, record);
	} else {
		record_free(record);
		record = same;
	}
	if (status == PORTICO_OK && record_r != NULL)
		*record_r = record;
	return status;

fail:
	record_free(record);
	return status;
}

enum portico_status
module_set_add_static(struct module_set *set, const char *name,
		      portico_module_entry_fn *entry,
		      struct module_record **record_r,
		      struct portico_error *err)
{
	struct module_record *record;
	enum portico_status status;

	CHECK(set, SET_MAGIC);
	record = record_new(set, name, "built in");
	if (find_same(set, record, err, &status) == NULL)
		status = accept_descriptor(set, record, entry, err);
	if (status != PORTICO_OK) {
		record_free(record);
		return status;
	}
	set_append(set, record);
	if (record_r != NULL)
		*record_r = record;
	return PORTICO_OK;
}

/* ---- features ------------------------------------------------------------ */

static bool
provides(const struct module_record *record, const char *feature)
{
	const char *const *provided = record->module.provides;

	if (strcmp(record->name, feature) == 0)
		return true;
	for (; provided != NULL && *provided != NULL; provided++)
		if (strcmp(*provided, feature) == 0)
			return true;
	return false;
}

static struct module_record *
find_provider(const struct module_set *set, const char *feature)
{
	for (size_t i = 0; i < set->count; i++)
		if (provides(set->records[i], feature))
			return set->records[i];
	return NULL;
}

/* Two providers of one feature would leave it to chance who serves it. */
static enum portico_status
check_provided_once(const struct module_set *set, struct portico_error *err)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct module_record *record = set->records[i];
		const char *const *feature = record->module.provides;

		for (; feature != NULL && *feature != NULL; feature++) {
			const struct module_record *first =
				find_provider(set, *feature);

			if (first != record)
				return error_set(err, PORTICO_CONFIG,
						 "module %s: provides \"%s\", "
						 "which module %s provides too",
						 record->name, *feature,
						 first->name);
		}
	}
	return PORTICO_OK;
}

enum visit_state {
	VISIT_NEW,
	VISIT_OPEN, /* on the path from the root: meeting it is a circle */
	VISIT_DONE,
};

struct visit {
	struct module_set *set;
	enum visit_state *states; /* by number */
	struct module_record **ordered;
	size_t ordered_count;
};

/* Depth is bounded by the number of modules, since an open one is not
 * entered again. */
static enum portico_status
visit_module(struct visit *visit, struct module_record *record,
	     struct portico_error *err)
{
	const char *const *feature = record->module.needs;

	visit->states[record->number] = VISIT_OPEN;
	for (; feature != NULL && *feature != NULL; feature++) {
		struct module_record *provider =
			find_provider(visit->set, *feature);
		enum portico_status status;

		if (provider == NULL) {
			status = error_set(err, PORTICO_CONFIG,
					   "module %s: needs \"%s\", which no "
					   "loaded module provides",
					   record->name, *feature);
			error_hint(err,
				   "Add the module that provides \"%s\" "
				   "to \"modules\".",
				   *feature);
			return status;
		}
		if (visit->states[provider->number] == VISIT_OPEN)
			return error_set(
				err, PORTICO_CONFIG,
				"module %s: needs \"%s\" of module %s, "
				"which needs %s itself",
				record->name, *feature, provider->name,
				record->name);
		if (visit->states[provider->number] == VISIT_NEW) {
			status = visit_module(visit, provider, err);
			if (status != PORTICO_OK)
				return status;
		}
	}
	visit->states[record->number] = VISIT_DONE;
	visit->ordered[visit->ordered_count] = record;
	visit->ordered_count++;
	return PORTICO_OK;
}

enum portico_status
module_set_resolve(struct module_set *set, struct portico_error *err)
{
	struct visit visit = { .set = set };
	enum portico_status status;

	CHECK(set, SET_MAGIC);
	status = check_provided_once(set, err);
	if (status != PORTICO_OK)
		return status;
	visit.states = mem_zalloc_array(set->count + 1, sizeof(*visit.states));
	visit.ordered =
		mem_zalloc_array(set->count + 1, sizeof(*visit.ordered));
	for (size_t i = 0; i < set->count && status == PORTICO_OK; i++)
		if (visit.states[i] == VISIT_NEW)
			status = visit_module(&visit, set->records[i], err);
	mem_free(visit.states);
	if (status != PORTICO_OK) {
		mem_free(visit.ordered);
		return status;
	}
	mem_free(set->ordered);
	set->ordered = visit.ordered;
	return PORTICO_OK;
}

enum portico_status
module_set_load(struct module_set *set, struct portico_error *err)
{
	CHECK(set, SET_MAGIC);
	ASSERT(set->ordered != NULL);
	for (size_t i = 0; i < set->count; i++) {
		struct module_record *record = set->ordered[i];
		struct portico_error failure;
		enum portico_status status = PORTICO_OK;

		if (record->loaded)
			continue;
		error_clear(&failure);
		if (record->module.load != NULL)
			status = record->module.load(&failure);
		if (status != PORTICO_OK)
			return module_refused(err, record, "load", status,
					      &failure);
		record->loaded = true;
	}
	return PORTICO_OK;
}

enum portico_status
module_refused(struct portico_error *err, const struct module_record *record,
	       const char *function, enum portico_status status,
	       const struct portico_error *failure)
{
	if (status > PORTICO_OK)
		status = PORTICO_INVALID;
	if (failure->message[0] == '\0')
		return error_set(err, status, "module %s: %s failed: %s",
				 record->name, function, status_text(status));
	if (err != NULL) {
		*err = *failure;
		err->status = status;
		error_prefix(err, "module %s", record->name);
	}
	return status;
}

/* ---- reading the set ----------------------------------------------------- */

size_t
module_set_count(const struct module_set *set)
{
	CHECK(set, SET_MAGIC);
	return set->count;
}

struct module_record *
module_set_get(const struct module_set *set, size_t number)
{
	CHECK(set, SET_MAGIC);
	ASSERT(number < set->count);
	return set->records[number];
}

struct module_record *
module_set_get_ordered(const struct module_set *set, size_t position)
{
	CHECK(set, SET_MAGIC);
	ASSERT(set->ordered != NULL && position < set->count);
	return set->ordered[position];
}

struct module_record *
module_set_find(const struct module_set *set, const char *name)
{
	CHECK(set, SET_MAGIC);
	for (size_t i = 0; i < set->count; i++)
		if (strcmp(set->records[i]->name, name) == 0)
			return set->records[i];
	return NULL;
}

const struct portico_handler *
module_find_handler(const struct module_record *record, const char *name)
{
	CHECK(record, MODULE_RECORD_MAGIC);
	if (record->handler_count == 0)
		return NULL;
	if (name == NULL || name[0] == '\0')
		return &record->module.handlers[0];
	for (uint32_t i = 0; i < record->handler_count; i++)
		if (strcmp(record->module.handlers[i].name, name) == 0)
			return &record->module.handlers[i];
	return NULL;
}
