/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files a pool's workers have loaded.
 */
#include "core/activation/module_files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "core/activation/pool.h"
#include "core/activation/recycle.h"
#include "core/base/memory.h"
#include "core/config/settings.h"

/* Two files that differ in any of it are two; 0: there is none. */
static uint64_t
stamp(const char *path)
{
	uint64_t parts[5], hash = 14695981039346656037u;
	struct stat info;

	if (stat(path, &info) != 0)
		return 0;
	parts[0] = (uint64_t)info.st_dev;
	parts[1] = (uint64_t)info.st_ino;
	parts[2] = (uint64_t)info.st_size;
	parts[3] = (uint64_t)info.st_mtim.tv_sec;
	parts[4] = (uint64_t)info.st_mtim.tv_nsec;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		hash = (hash ^ parts[i]) * 1099511628211u ^ hash >> 29;
	return hash | 1;
}

static bool
is_used(const struct pool *pool, const char *module)
{
	const struct settings *settings = pool->snapshot;

	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++) {
			const struct settings_application *application =
				&site->applications[k];

			if (application->pool != pool->settings)
				continue;
			for (size_t m = 0; m < application->module_count; m++)
				if (strcmp(application->modules[m], module) ==
				    0)
					return true;
		}
	}
	return false;
}

void
module_files_fini(struct module_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		mem_free(files->files[i].path);
	mem_free(files->files);
	*files = (struct module_files){ 0 };
}

void
module_files_note(struct pool *pool)
{
	const struct settings *settings = pool->snapshot;
	struct module_files *files = &pool->module_files;

	module_files_fini(files);
	files->files =
		mem_zalloc((settings->module_count + 1) * sizeof *files->files);
	for (size_t i = 0; i < settings->module_count; i++) {
		const struct settings_module *module = &settings->modules[i];
		struct module_file *file = &files->files[files->count];

		if (!is_used(pool, module->name))
			continue;
		file->path = mem_strdup(module->file);
		file->known = file->seen = stamp(file->path);
		files->count++;
	}
}

/* One that is still being written is another at each look. */
static const struct module_file *
find_changed(struct module_files *files, bool at_once)
{
	const struct module_file *changed = NULL;

	for (size_t i = 0; i < files->count; i++) {
		struct module_file *file = &files->files[i];
		uint64_t now = stamp(file->path);

		/* Nothing would be gained by workers that lack it. */
		if (now != 0 && now != file->known &&
		    (now == file->seen || at_once))
			changed = file;
		file->seen = now;
	}
	return changed;
}

void
module_files_look(struct pool *pool, uint64_t now_ns, bool at_once)
{
	const struct settings_pool *settings = pool->settings;
	struct module_files *files = &pool->module_files;
	const struct module_file *changed;
	char why[320];

	if (settings->recycling.disallow_rotation_on_config_change ||
	    pool->recycling.all || pool_count_live(pool) == 0 ||
	    (!at_once &&
	     now_ns - files->looked_ns < settings->ping_interval / 2))
		return;
	files->looked_ns = now_ns;
	changed = find_changed(files, at_once);
	if (changed == NULL)
		return;
	snprintf(why, sizeof why, "module file \"%.256s\" changed",
		 changed->path);
	/* It notes them: one that cannot be loaded is tried once. */
	(void)recycle_pool(pool, RECYCLE_CONFIG_CHANGE, why, false, NULL);
}
