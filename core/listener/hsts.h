/* SPDX-License-Identifier: Apache-2.0
 *
 * A site's transport security: what browsers are told over https (RFC 6797),
 * and how they get there from http.
 */
#ifndef CORE_LISTENER_HSTS_H
#define CORE_LISTENER_HSTS_H

#include <stdbool.h>

#include <portico/types.h>

struct listener_request;
struct settings_site;
struct snapshot_site;

/* When a snapshot is made, and when it ends. */
void hsts_init(struct snapshot_site *site, const struct settings_site *from);
void hsts_fini(struct snapshot_site *site);

/* The value of Strict-Transport-Security for a request that was routed; empty:
 * none is sent. */
struct portico_slice hsts_value(const struct listener_request *request);

/* Where a request that came over http is to go; false: nowhere, it is served.
 * Else it was answered. */
bool hsts_redirect(struct listener_request *request);

#endif
