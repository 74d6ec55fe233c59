/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: reading them, holding them, finding things in them.
 */
#include "core/config/settings_priv.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/slice.h"

#define SETTINGS_MAGIC 0x5e771a65u
#define MEMFD_BYTES_MAX (64u << 20)

const char *
config_directory_of(struct arena *arena, const char *file)
{
	const char *slash = strrchr(file, '/');
	char here[PATH_MAX];

	if (slash == file)
		return "/";
	if (file[0] == '/')
		return arena_strndup(arena, file, (size_t)(slash - file));
	if (getcwd(here, sizeof here) == NULL)
		snprintf(here, sizeof here, "/");
	if (slash == NULL)
		return arena_strdup(arena, here);
	return arena_printf(arena, "%s/%.*s", here, (int)(slash - file), file);
}

static struct settings *
settings_new(const char *file)
{
	struct arena *arena = arena_new("settings", 0);
	struct settings *settings = arena_zalloc(arena, sizeof *settings);

	settings->magic = SETTINGS_MAGIC;
	atomic_init(&settings->refs, 1);
	settings->arena = arena;
	settings->file = arena_strdup(arena, file);
	return settings;
}

/* Takes `settings`; NULL if there was a problem. */
static struct settings *
load(struct settings *settings, struct config_document *document,
     bool handed_on, struct config_problems *problems)
{
	size_t before = config_problem_count(problems);
	struct settings_resolver resolver = {
		.settings = settings,
		.arena = settings->arena,
		.problems = problems,
		.handed_on = handed_on,
	};

	if (document != NULL) {
		resolver.directory =
			config_directory_of(settings->arena, settings->file);
		/* What could be parsed is resolved too: more is found. */
		config_parse_object(&settings_root_table, config_root(document),
				    &resolver.raw, settings->arena, problems);
		settings_resolve(&resolver);
	}
	if (document == NULL || config_problem_count(problems) != before)
		settings_unref(&settings);
	return settings;
}

struct settings *
settings_read_file(const char *path, struct config_problems *problems)
{
	struct settings *settings = settings_new(path);
	size_t before = config_problem_count(problems);
	struct config_document *document =
		config_read(settings->arena, path, problems);

	settings = load(settings, document, false, problems);
	if (settings != NULL && config_problem_count(problems) != before)
		settings_unref(&settings);
	return settings;
}

struct settings *
settings_read_text(const char *text, size_t length, const char *file,
		   struct config_problems *problems)
{
	struct settings *settings = settings_new(file);
	size_t before = config_problem_count(problems);
	struct config_document *document =
		config_read_text(settings->arena, settings->file,
				 slice_make(text, length), problems);

	settings = load(settings, document, false, problems);
	if (settings != NULL && config_problem_count(problems) != before)
		settings_unref(&settings);
	return settings;
}

struct settings *
settings_read_memfd(int fd, struct portico_error *err)
{
	struct settings *settings;
	struct config_problems *problems;
	struct config_document *document;
	struct arena *arena;
	struct buffer text;

	buffer_init(&text, MEMFD_BYTES_MAX);
	if (io_memfd_read(fd, MEMFD_BYTES_MAX, &text, err) != PORTICO_OK) {
		buffer_fini(&text);
		return NULL;
	}
	arena = arena_new("problems", 0);
	problems = config_problems_new(arena);
	settings = settings_new("(from porticod)");
	document = config_read_text(settings->arena, settings->file,
				    buffer_slice(&text), problems);
	settings = load(settings, document, true, problems);
	if (settings == NULL)
		config_problems_to_error(problems, err);
	arena_free(arena);
	buffer_fini(&text);
	return settings;
}

/* The number that the application at this path had; 0 = none. */
static uint32_t
old_number(const struct settings_site *from, const char *path)
{
	for (size_t i = 0; from != NULL && i < from->application_count; i++)
		if (strcmp(from->applications[i].path, path) == 0)
			return from->applications[i].id;
	return 0;
}

void
settings_keep_numbers(struct settings *settings, const struct settings *old)
{
	struct hash_table *old_sites = hash_new("old sites", 0);
	uint32_t next = 1;

	for (size_t i = 0; i < old->site_count; i++) {
		const struct settings_site *from = &old->sites[i];

		(void)hash_add(old_sites, slice_from(from->name),
			       (void *)(uintptr_t)from);
		for (size_t k = 0; k < from->application_count; k++)
			if (from->applications[k].id >= next)
				next = from->applications[k].id + 1;
	}
	for (size_t i = 0; i < settings->site_count; i++) {
		struct settings_site *site = &settings->sites[i];
		const struct settings_site *from =
			hash_find_text(old_sites, site->name);
		/* Ours, in our arena. */
		struct settings_application *applications =
			(void *)(uintptr_t)site->applications;

		for (size_t k = 0; k < site->application_count; k++) {
			uint32_t id = old_number(from, applications[k].path);

			applications[k].id = id != 0 ? id : next++;
		}
	}
	hash_free(old_sites);
}

struct settings *
settings_ref(struct settings *settings)
{
	CHECK(settings, SETTINGS_MAGIC);
	atomic_fetch_add_explicit(&settings->refs, 1, memory_order_relaxed);
	return settings;
}

void
settings_unref(struct settings **settings_p)
{
	struct settings *settings = *settings_p;

	if (settings == NULL)
		return;
	CHECK(settings, SETTINGS_MAGIC);
	*settings_p = NULL;
	if (atomic_fetch_sub_explicit(&settings->refs, 1,
				      memory_order_acq_rel) != 1)
		return;
	settings->magic = 0;
	arena_free(settings->arena);
}

/* ---- finding ------------------------------------------------------------- */

const struct settings_pool *
settings_find_pool(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->pool_count; i++)
		if (strcmp(settings->pools[i].name, name) == 0)
			return &settings->pools[i];
	return NULL;
}

const struct settings_module *
settings_find_module(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->module_count; i++)
		if (strcmp(settings->modules[i].name, name) == 0)
			return &settings->modules[i];
	return NULL;
}

const struct settings_application *
settings_find_application(const struct settings *settings, uint32_t id)
{
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++)
			if (site->applications[k].id == id)
				return &site->applications[k];
	}
	return NULL;
}

const struct settings_section *
settings_find_section(const struct settings_application *application,
		      const char *module)
{
	for (size_t i = 0; i < application->section_count; i++)
		if (strcmp(application->sections[i].module, module) == 0)
			return &application->sections[i];
	return NULL;
}

const struct settings_section *
settings_find_location_section(const struct settings_location *location,
			       const char *module)
{
	for (size_t i = 0; i < location->section_count; i++)
		if (strcmp(location->sections[i].module, module) == 0)
			return &location->sections[i];
	return NULL;
}

bool
settings_path_covers(struct portico_slice prefix, struct portico_slice path)
{
	if (prefix.length == 1)
		return true; /* "/" has all */
	return slice_starts_with(path, prefix) &&
	       (path.length == prefix.length ||
		path.data[prefix.length] == '/');
}

static int
rank(char c)
{
	return c == '/' ? 0 : (unsigned char)c + 1;
}

int
settings_path_order(struct portico_slice a, struct portico_slice b)
{
	size_t shorter = a.length < b.length ? a.length : b.length;

	for (size_t i = 0; i < shorter; i++)
		if (a.data[i] != b.data[i])
			return rank(a.data[i]) - rank(b.data[i]);
	return a.length == b.length ? 0 : a.length < b.length ? -1 : 1;
}
