/* SPDX-License-Identifier: Apache-2.0
 *
 * Going on in the place of another porticod: one that has died, or that has
 * replaced itself by this program (handover.h).  What it had is in the keeper
 * (state.h); its listener and its workers serve meanwhile.
 */
#ifndef CORE_ACTIVATION_TAKEOVER_H
#define CORE_ACTIVATION_TAKEOVER_H

#include <jansson.h>
#include <stdbool.h>

#include <portico/types.h>

#include "core/activation/keeper.h"

struct manager;
struct takeover;

/* Number of the query "again", which asks a child to say again what it has
 * said; other queries count from 1. */
#define TAKEOVER_QUERY 0
/* More workers than a listener can have: one that names them lies. */
#define TAKEOVER_WORKERS_MAX 20000

/* "FD DIRECTORY": the lock and the runtime directory of the program that has
 * replaced itself. */
#define TAKEOVER_ENVIRONMENT "PORTICO_HANDOVER"

/*
 * Looks for something to be taken over.  PORTICO_OK with NULL: there is
 * nothing, or nothing that this program understands, which it has ended then.
 * An error: there is, and it cannot be had; nothing may be started.
 */
enum portico_status takeover_find(const char *config_file,
				  struct takeover **takeover_r,
				  struct portico_error *err);
void takeover_free(struct takeover **takeover_p);

/* By a program that has replaced itself, which was told all that its arguments
 * say once: its descriptors are ours. */
bool takeover_is_handed_over(const struct takeover *takeover);

/* With its settings; the reference is the caller's. */
struct settings *takeover_settings(struct takeover *takeover);

/* Called by the manager, in this order.  The lock and what it counts: */
void takeover_begin(struct takeover *takeover, struct manager *manager);
/* Sockets that are open, before others are opened. */
void takeover_sockets(struct takeover *takeover, struct manager *manager);
/* Memory of its certificates, borrowed; -1: it had none. */
int takeover_certificates(const struct takeover *takeover);
/* OWNERSHIP: the caller's. */
struct keeper_connection takeover_keeper(struct takeover *takeover);
/* Pools and children, once all else is there. */
void takeover_restore(struct takeover *takeover, struct manager *manager);
/* Children are told, the configuration is read. */
void takeover_finish(struct takeover *takeover, struct manager *manager);

/* Whether this program understands a state (state_to_json()). */
enum portico_status takeover_check(const json_t *state,
				   struct portico_error *err);

#endif
