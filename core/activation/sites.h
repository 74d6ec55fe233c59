/* SPDX-License-Identifier: Apache-2.0
 *
 * Which sites are stopped.  A site that is gets its requests answered with 503
 * (Disabled) by the listener; its pools are not concerned.  What a command has
 * said holds until the site is removed from the configuration or porticod is
 * started again; `serverAutoStart` says how a site begins.
 */
#ifndef CORE_ACTIVATION_SITES_H
#define CORE_ACTIVATION_SITES_H

#include <jansson.h>
#include <stdbool.h>

#include <portico/types.h>

struct hash_table;
struct listener_process;
struct listeners;
struct settings;

struct sites {
	struct hash_table *by_name; /* of struct site_state */
};

void sites_init(struct sites *sites, const struct settings *settings);
void sites_fini(struct sites *sites);

/* New settings are in force: those of the listeners that hear of a change. */
void sites_apply(struct sites *sites, const struct settings *settings,
		 struct listeners *listeners);

/* PORTICO_NOT_FOUND.  No error when it is so already. */
enum portico_status sites_set(struct sites *sites, const char *name,
			      bool stopped, struct listeners *listeners,
			      struct portico_error *err);

/* To one that is new. */
void sites_tell(const struct sites *sites, struct listener_process *listener);

/* An array of all, in the order of the settings. */
json_t *sites_to_json(const struct sites *sites,
		      const struct settings *settings);

#endif
