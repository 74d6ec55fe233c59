/* SPDX-License-Identifier: Apache-2.0
 *
 * See site.h.
 */
#include "core/listener/site.h"

#include <string.h>

#include "core/base/check.h"
#include "core/base/hash.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/bandwidth.h"
#include "core/listener/connection.h"
#include "core/listener/http2.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/snapshot.h"

#define LISTENER_SITE_MAGIC 0x517e0001u

/* ---- all of them ------------------------------------------------------------- */

struct hash_table *
site_table_new(void)
{
	return hash_new("listener sites", 0);
}

struct listener_site *
site_get(struct hash_table *sites, const char *name)
{
	struct listener_site *site = hash_find_text(sites, name);

	if (site != NULL)
		return site;
	site = mem_zalloc(sizeof(*site));
	site->magic = LISTENER_SITE_MAGIC;
	site->number = (unsigned)hash_count(sites);
	site->name = mem_strdup(name);
	if (hash_add(sites, slice_from(site->name), site) != PORTICO_OK)
		check_panic("out of memory for site %s", name);
	return site;
}

void
site_table_free(struct hash_table *sites)
{
	struct listener_site *site;
	struct portico_slice key;
	size_t cursor = 0;
	void *value;

	while (hash_next(sites, &cursor, &key, &value)) {
		site = value;
		CHECK(site, LISTENER_SITE_MAGIC);
		site->magic = 0;
		mem_free(site->name);
		mem_free(site);
	}
	hash_free(sites);
}

/* ---- limits ------------------------------------------------------------------- */

const struct snapshot_site *
site_of_request(const struct listener_request *request)
{
	return &request->snapshot->shared->sites[request->application->site];
}

const struct settings_limits *
site_limits(const struct listener_request *request)
{
	if (request->application == NULL)
		return &request->snapshot->shared->settings->listener.limits;
	return &site_of_request(request)->limits->request;
}

/* Bytes of the request line, with its line end. */
static size_t
line_length(const struct listener_request *request)
{
	const struct http_parsed_head *head = &request->head;
	const char *data = request->input.data;
	uint32_t target_end = head->target_offset + head->target_length;
	const char *end;

	if (request->stream_id != 0)
		return head->method_length + head->target_length +
		       sizeof("  HTTP/2.0\r\n") - 1;
	end = memchr(data + target_end, '\n', head->length - target_end);
	ASSERT(end != NULL);
	return (size_t)(end + 1 - (data + head->start));
}

static bool
segments_fit(const struct settings_limits *limits, struct portico_slice path)
{
	uint32_t count = 0;
	size_t length = 0;

	for (size_t i = 0; i < path.length; i++) {
		if (path.data[i] != '/') {
			if (++length > limits->url_segment_max_length)
				return false;
			continue;
		}
		length = 0;
		if (++count > limits->url_segment_max_count)
			return false;
	}
	return true;
}

/* What of the head is more than the site allows; the reasons and the order are
 * those of the parser. */
static enum http_reason
judge_head(const struct listener_request *request,
	   const struct settings_limits *limits, struct portico_slice path)
{
	if (limits->max_request_line != 0 &&
	    line_length(request) > limits->max_request_line)
		return HTTP_REASON_URL_LENGTH;
	if (request->head.length > limits->max_request_bytes ||
	    request->head.field_count > limits->max_header_count)
		return HTTP_REASON_REQUEST_LENGTH;
	if (!segments_fit(limits, path))
		return HTTP_REASON_URL;
	return HTTP_REASON_NONE;
}

void
site_count(const struct listener_request *request)
{
	struct site_counters *counters =
		&request->loop->sites[site_of_request(request)->shared->number];

	counters->requests++;
	counters->bytes_sent += request->output.sent;
	counters->bytes_received +=
		request->head.length + request->body_received;
}

/* ---- connections ---------------------------------------------------------------- */

void
site_leave(struct listener_connection *connection)
{
	if (connection->site == NULL)
		return;
	CHECK(connection->site, LISTENER_SITE_MAGIC);
	atomic_fetch_sub_explicit(&connection->site->connections, 1,
				  memory_order_relaxed);
	connection->site = NULL;
}

/* Counts the connection for the site.  False: it has too many. */
static bool
enter(struct listener_connection *connection, const struct snapshot_site *site)
{
	struct listener_site *shared = site->shared;
	uint32_t most = site->limits->max_connections;
	unsigned before;

	if (connection->site == shared)
		return true;
	site_leave(connection);
	before = atomic_fetch_add_explicit(&shared->connections, 1,
					   memory_order_relaxed);
	connection->site = shared;
	if (most == 0 || before < most)
		return true;
	site_leave(connection);
	atomic_fetch_add_explicit(&shared->refused, 1, memory_order_relaxed);
	return false;
}

bool
site_admit(struct listener_request *request, struct portico_slice path)
{
	struct listener_connection *connection = request->connection->carrier;
	const struct snapshot_site *site = site_of_request(request);
	const struct settings_limits *limits = &site->limits->request;
	enum http_reason reason = HTTP_REASON_NONE;

	CHECK(site->shared, LISTENER_SITE_MAGIC);
	if (atomic_load_explicit(&site->shared->stopped, memory_order_relaxed))
		reason = HTTP_REASON_DISABLED;
	else if (!enter(connection, site))
		reason = HTTP_REASON_CONN_LIMIT;
	else if (site->strict)
		reason = judge_head(request, limits, path);
	if (reason != HTTP_REASON_NONE) {
		request->keep_alive = false;
		request_fail(request, reason, 0, NULL);
		return false;
	}
	connection->idle_timeout = limits->connection_timeout;
	connection->header_timeout = limits->header_wait_timeout;
	bandwidth_begin(request);
	if (limits->max_requests_per_connection != 0 &&
	    connection->requests >= limits->max_requests_per_connection) {
		request->keep_alive = false;
		if (connection->http2 != NULL)
			http2_refuse_more(connection);
	}
	return true;
}
