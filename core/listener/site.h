/* SPDX-License-Identifier: Apache-2.0
 *
 * A site's limits, and what counts against them over all loops.
 *
 * Whose request it is is known when its head is complete.  From then on the
 * site's limits hold for the request, and for its connection, until a request
 * on it is for another site.
 */
#ifndef CORE_LISTENER_SITE_H
#define CORE_LISTENER_SITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/config/settings_limits.h"

struct listener_connection;
struct listener_request;
struct hash_table;

/* Lives as long as the process, whatever is reloaded: connections count here
 * that a removed site has still. */
struct listener_site {
	unsigned magic;
	unsigned number; /* from 0, for good */
	char *name;
	atomic_uint connections;
	atomic_bool stopped; /* every request gets 503 */
	/* Refused since the process began. */
	_Atomic uint64_t refused;
	/* When what was sent is paid for (bandwidth.h); ns, monotonic. */
	_Atomic uint64_t paid_until;
};

/* What a loop has counted of one; by its number. */
struct site_counters {
	uint64_t requests;
	uint64_t bytes_sent, bytes_received;
};

/* A site in one snapshot. */
struct snapshot_site {
	struct listener_site *shared;
	const struct settings_site_limits *limits;
	/* The access log: what its lines look like, NULL if there are none;
	 * whose they are, NULL for the server's. */
	const struct settings_access_log *log;
	struct site_log *log_target;
	const char *log_fields; /* the process's; "" for JSON */
	bool strict; /* about heads: more than the listener */
	/* See hsts.h. */
	bool redirects; /* what comes over http, to */
	uint16_t https_port;
	char *hsts; /* NULL: none */
};

struct hash_table *site_table_new(void);
void site_table_free(struct hash_table *sites);

/* Main thread: the site of that name, made if it is new. */
struct listener_site *site_get(struct hash_table *sites, const char *name);

/*
 * The request was routed: its site's limits hold from here on.  False: it was
 * refused, and answered.
 */
bool site_admit(struct listener_request *request, struct portico_slice path);

/* The request has ended. */
void site_count(const struct listener_request *request);

/* The connection is about to be closed. */
void site_leave(struct listener_connection *connection);

/* Of a request that was routed. */
const struct snapshot_site *
site_of_request(const struct listener_request *request);

/* The request's, or the listener's while nobody knows whose it is. */
const struct settings_limits *
site_limits(const struct listener_request *request);

#endif
