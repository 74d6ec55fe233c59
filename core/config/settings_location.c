/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of modules by location: what an application says for some of its
 * paths.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/slice.h"
#include "core/config/settings_priv.h"

static const char *
check_path(const char *path)
{
	size_t length = strlen(path);

	if (path[0] != '/')
		return "the path of a location begins with '/'";
	if (length > 1 && path[length - 1] == '/')
		return "the path of a location ends without '/'";
	if (strstr(path, "//") != NULL || strstr(path, "/.") != NULL ||
	    strpbrk(path, "?#%") != NULL)
		return "the path of a location has no \"//\", \"/.\", '?', "
		       "'#' and '%'";
	return NULL;
}

static void
check_modules(struct settings_resolver *resolver,
	      const struct settings_application *application,
	      const struct raw_location *raw)
{
	for (size_t i = 0; i < raw->rest.count; i++) {
		const struct config_value *value = raw->rest.values[i];
		const char *key = config_value_key(value), *near;

		if (settings_has_module(application, key))
			continue;
		near = config_nearest(key, application->modules,
				      application->module_count);
		if (near != NULL)
			config_problem_at_key(
				resolver->problems, value,
				"unknown key; did you mean \"%s\"?", near);
		else
			config_problem_at_key(
				resolver->problems, value,
				"unknown key; allowed is the name of a module "
				"of this application");
	}
	for (size_t i = 0; i < raw->sections.count && !resolver->handed_on; i++)
		config_problem_at_key(resolver->problems,
				      raw->sections.items[i].value,
				      "unknown key");
}

/* The innermost section outside of the location. */
static const struct settings_section *
outer_section(const struct settings_location *location,
	      const struct settings_application *application,
	      const char *module)
{
	const struct settings_section *section;

	for (location = location->outer; location != NULL;
	     location = location->outer) {
		section = settings_find_location_section(location, module);
		if (section != NULL)
			return section;
	}
	return settings_find_section(application, module);
}

static void
resolve_location(struct settings_resolver *resolver,
		 const struct raw_location *raw,
		 const struct settings_application *application,
		 struct settings_location *location)
{
	struct settings_section *sections = settings_array(
		resolver, application->module_count, sizeof *sections);

	if (sections == NULL)
		return;
	location->sections = sections;
	check_modules(resolver, application, raw);
	for (size_t i = 0; i < application->module_count; i++) {
		const char *module = application->modules[i];
		struct settings_section *section =
			resolver->handed_on ?
				settings_handed_section(
					resolver, &raw->sections, module) :
				settings_written_section(resolver, &raw->rest,
							 module);

		if (section == NULL)
			continue;
		section->level = SETTINGS_LEVEL_LOCATION;
		section->outer = outer_section(location, application, module);
		sections[location->section_count++] = *section;
	}
}

static int
by_path(const void *left, const void *right)
{
	const struct config_entry *const *a = left, *const *b = right;

	return settings_path_order(slice_from((*a)->name),
				   slice_from((*b)->name));
}

/* The one before it, or what that is below: each is left but once, so that
 * all of them together take time by their number. */
static const struct settings_location *
find_outer(const struct settings_location *locations, size_t index)
{
	const struct settings_location *outer =
		index == 0 ? NULL : &locations[index - 1];
	struct portico_slice path = slice_from(locations[index].path);

	while (outer != NULL &&
	       !settings_path_covers(slice_from(outer->path), path))
		outer = outer->outer;
	return outer;
}

void
settings_resolve_locations(struct settings_resolver *resolver,
			   const struct raw_application *raw,
			   struct settings_application *application)
{
	size_t count = raw->locations.count;
	struct settings_location *locations;
	const struct config_entry **entries;

	if (count == 0)
		return;
	locations = settings_array(resolver, count, sizeof *locations);
	entries = settings_array(resolver, count, sizeof *entries);
	if (locations == NULL || entries == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		entries[i] = &raw->locations.items[i];
	qsort(entries, count, sizeof *entries, by_path);
	for (size_t i = 0; i < count; i++) {
		const char *problem = check_path(entries[i]->name);

		if (problem != NULL)
			config_problem_at_key(resolver->problems,
					      entries[i]->value, "%s", problem);
		locations[i].path = entries[i]->name;
		locations[i].place = settings_place_of(entries[i]->value);
		locations[i].outer = find_outer(locations, i);
		resolve_location(resolver, entries[i]->object, application,
				 &locations[i]);
	}
	application->locations = locations;
	application->location_count = count;
}
