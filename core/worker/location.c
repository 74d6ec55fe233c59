/* SPDX-License-Identifier: Apache-2.0
 *
 * Locations of an application: their settings, and which one a path is in.
 */
#include "core/worker/location.h"

#include "core/base/arena.h"
#include "core/base/slice.h"
#include "core/config/settings.h"
#include "core/worker/module_config.h"
#include "core/worker/module_load.h"

static const void *
fill(const struct settings_location *location,
     const struct module_record *record, const void *outer, struct arena *arena,
     struct config_problems *problems)
{
	const struct settings_section *section =
		settings_find_location_section(location, record->name);
	void *configuration = NULL;

	if (section == NULL)
		return outer;
	module_config_fill(&record->module, section, arena, &configuration,
			   problems);
	return configuration;
}

const struct locations *
locations_make(const struct settings_application *application,
	       struct module_record *const *modules,
	       const void *const *configurations, size_t count,
	       struct arena *arena, struct config_problems *problems)
{
	struct locations *locations;
	uint32_t limit = 0;

	if (application->location_count == 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (modules[i]->number >= limit)
			limit = modules[i]->number + 1;
	locations = arena_zalloc(arena, sizeof(*locations));
	locations->count = application->location_count;
	locations->items = arena_zalloc(
		arena, locations->count * sizeof(locations->items[0]));
	/* Outer ones come first: the others begin with their settings. */
	for (size_t i = 0; i < locations->count; i++) {
		const struct settings_location *from =
			&application->locations[i];
		struct location *location = &locations->items[i];
		const void *const *outer = NULL;

		location->path = arena_slice_dup(arena, slice_from(from->path));
		location->configurations = arena_zalloc(
			arena,
			(limit + 1) * sizeof(location->configurations[0]));
		if (from->outer != NULL) {
			location->outer =
				&locations->items[from->outer -
						  application->locations];
			outer = location->outer->configurations;
		}
		for (size_t k = 0; k < count; k++) {
			uint32_t number = modules[k]->number;

			location->configurations[number] =
				fill(from, modules[k],
				     outer == NULL ? configurations[k] :
						     outer[number],
				     arena, problems);
		}
	}
	return locations;
}

const struct location *
locations_find(const struct locations *locations, struct portico_slice path)
{
	size_t low = 0, high = locations->count; /* of those not behind it */
	const struct location *found;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (settings_path_order(locations->items[middle].path, path) <=
		    0)
			low = middle + 1;
		else
			high = middle;
	}
	found = low == 0 ? NULL : &locations->items[low - 1];
	while (found != NULL && !settings_path_covers(found->path, path))
		found = found->outer;
	return found;
}
