/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration as the listener uses it: settings, routes made from them,
 * limits for the parsers.  Immutable and counted: loops and requests hold
 * references, so a reload never touches what is in progress.
 *
 * Two counts: the atomic one of the snapshot, held by the main thread and by
 * each loop, and a plain one per loop (struct loop_snapshot), held by the
 * requests of that loop, so that requests share no cache line over loops.
 */
#ifndef CORE_LISTENER_SNAPSHOT_H
#define CORE_LISTENER_SNAPSHOT_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/config/settings.h"
#include "core/http/parser.h"
#include "core/http/url.h"
#include "core/listener/routes.h"
#include "core/listener/site.h"

struct tls_material;
struct tls_store;

struct listener_snapshot {
	unsigned magic;
	atomic_uint refs;
	struct settings *settings;
	struct routes *routes;
	struct tls_store *tls; /* NULL: no certificates */
	SSL_CTX *tls_context; /* with it */
	/* The listener's number for each of settings->pools. */
	unsigned *pools;
	struct snapshot_site *sites; /* by the same numbers as settings->sites */
	unsigned site_numbers; /* struct listener_site has smaller ones */
	struct http_parser_limits parser_limits;
	struct http_url_limits url_limits;
	uint32_t input_max; /* bytes of the largest input buffer */
};

/*
 * `pool_number` gives the listener's number for a pool's name, for good.
 * NULL: err says why.  OWNERSHIP: takes a reference to the settings.
 */
typedef unsigned snapshot_pool_fn(const char *name, void *arg);

/* `sites` gets what is new of them. */
struct listener_snapshot *snapshot_new(struct settings *settings,
				       snapshot_pool_fn *pool_number, void *arg,
				       struct hash_table *sites,
				       struct portico_error *err);

/* Before it is given to anybody: certificates for its bindings. */
enum portico_status snapshot_set_tls(struct listener_snapshot *snapshot,
				     struct tls_material *material,
				     struct portico_error *err);

enum route_host snapshot_host_kind(enum settings_host_kind kind);

/* Any thread. */
struct listener_snapshot *snapshot_ref(struct listener_snapshot *snapshot);
void snapshot_unref(struct listener_snapshot **snapshot_p);

/* A loop's share. */
struct loop_snapshot {
	struct listener_snapshot *shared;
	unsigned refs; /* of this loop's thread */
};

/* OWNERSHIP: takes the reference to `shared`; the result has one. */
struct loop_snapshot *loop_snapshot_new(struct listener_snapshot *shared);

static inline struct loop_snapshot *
loop_snapshot_ref(struct loop_snapshot *snapshot)
{
	snapshot->refs++;
	return snapshot;
}

void loop_snapshot_unref(struct loop_snapshot **snapshot_p);

#endif
