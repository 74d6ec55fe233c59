/* SPDX-License-Identifier: Apache-2.0
 *
 * What a configuration names outside itself: directories, module files, and
 * what this build cannot do yet.
 */
#include "core/config/settings.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config/config.h"

static void
problem_at(struct config_problems *problems, const struct settings *settings,
	   const struct settings_place *place, const char *what,
	   const char *name, const char *why)
{
	const char *file = place->file != NULL ? place->file : settings->file;

	config_problem_at(problems, file, place->line, place->column,
			  "%s \"%s\" %s", what, name, why);
}

static void
root_problem(const struct settings *settings,
	     const struct settings_application *application, const char *why,
	     struct config_problems *problems)
{
	const struct settings_place *place = &application->root_place;

	config_problem_at(problems,
			  place->file != NULL ? place->file : settings->file,
			  place->line, place->column,
			  "sites.%s.applications[\"%s\"].root: \"%s\" %s",
			  application->site->name, application->path,
			  application->root, why);
}

static void
check_root(const struct settings *settings,
	   const struct settings_application *application,
	   struct config_problems *problems)
{
	struct stat info;

	if (application->root == NULL)
		return;
	if (stat(application->root, &info) != 0)
		root_problem(settings, application,
			     errno == ENOENT ? "does not exist; it has to be a "
					       "directory" :
					       strerror(errno),
			     problems);
	else if (!S_ISDIR(info.st_mode))
		root_problem(settings, application,
			     "is no directory; it has to be one", problems);
}

static void
check_module(const struct settings *settings,
	     const struct settings_module *module,
	     struct config_problems *problems)
{
	struct stat info;

	if (stat(module->file, &info) != 0)
		problem_at(problems, settings, &module->place, "module file",
			   module->file,
			   errno == ENOENT ? "does not exist" :
					     strerror(errno));
	else if (!S_ISREG(info.st_mode))
		problem_at(problems, settings, &module->place, "module file",
			   module->file, "is no regular file");
	else if (access(module->file, R_OK) != 0)
		problem_at(problems, settings, &module->place, "module file",
			   module->file, "cannot be read");
}

void
settings_check_world(const struct settings *settings,
		     struct config_problems *problems)
{
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++)
			check_root(settings, &site->applications[k], problems);
	}
	for (size_t i = 0; i < settings->module_count; i++)
		check_module(settings, &settings->modules[i], problems);
}
