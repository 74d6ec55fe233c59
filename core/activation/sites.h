/* SPDX-License-Identifier: Apache-2.0
 *
 * Which sites are stopped.  A site that is gets its requests answered with 503
 * (Disabled) by the listener; its pools are not concerned.  What a command has
 * said holds until the site is removed from the configuration or the server is
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
	unsigned changes; /* how often one was stopped or started */
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

/* The names of those that are stopped, for another porticod. */
json_t *sites_stopped(const struct sites *sites);
/* ... and no others are. */
void sites_restore(struct sites *sites, const json_t *stopped);

/* An array of all, in the order of the settings. */
json_t *sites_to_json(const struct sites *sites,
		      const struct settings *settings);

#endif
