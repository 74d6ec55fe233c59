/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections and sites, as JSON of what the loops have answered.
 */
#include <jansson.h>

#include "core/base/memory.h"
#include "core/listener/error_page.h"
#include "core/listener/listener.h"
#include "core/listener/query_priv.h"
#include "core/listener/snapshot.h"

static json_t *
describe_client(const struct query_client *from)
{
	char id[17];
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:I, s:s?}", "client",
		from->client, "server", from->server, "state", from->state,
		"tls", (int)from->tls, "ageMs", (json_int_t)from->age_ms,
		"idleMs", (json_int_t)from->idle_ms, "requests",
		(json_int_t)from->requests, "sent", (json_int_t)from->sent,
		"site", from->site == NULL ? NULL : from->site->name);

	request_id_format(from->id, id);
	json_object_set_new(json, "id", json_string(id));
	if (from->request != 0) {
		request_id_format(from->request, id);
		json_object_set_new(json, "request", json_string(id));
	}
	return json;
}

json_t *
query_describe_clients(const struct query *query)
{
	json_t *all = json_array();

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];

		for (unsigned j = 0; part != NULL && j < part->client_count;
		     j++)
			json_array_append_new(
				all, describe_client(&part->clients[j]));
	}
	return json_pack("{s:o}", "clients", all);
}

static json_t *
describe_site(const struct query *query, const struct snapshot_site *site)
{
	struct listener_site *shared = site->shared;
	struct site_counters sum = { 0 };

	for (unsigned i = 0; i < query->listener->loop_count; i++) {
		const struct query_part *part = query->parts[i];
		const struct site_counters *from;

		if (part == NULL || shared->number >= part->site_count)
			continue;
		from = &part->sites[shared->number];
		sum.requests += from->requests;
		sum.bytes_sent += from->bytes_sent;
		sum.bytes_received += from->bytes_received;
	}
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
			 shared->name, "connections",
			 (json_int_t)atomic_load(&shared->connections),
			 "maxConnections",
			 (json_int_t)site->limits->max_connections,
			 "maxBandwidth",
			 (json_int_t)site->limits->max_bandwidth, "refused",
			 (json_int_t)atomic_load(&shared->refused), "requests",
			 (json_int_t)sum.requests, "bytesSent",
			 (json_int_t)sum.bytes_sent, "bytesReceived",
			 (json_int_t)sum.bytes_received);
}

json_t *
query_describe_sites(const struct query *query)
{
	const struct listener_snapshot *snapshot = query->listener->snapshot;
	json_t *all = json_array();

	for (size_t i = 0;
	     snapshot != NULL && i < snapshot->settings->site_count; i++)
		json_array_append_new(all, describe_site(query,
							 &snapshot->sites[i]));
	return json_pack("{s:o}", "sites", all);
}
