/* SPDX-License-Identifier: Apache-2.0
 *
 * Which worker a client had before.
 */
#include "core/listener/affinity.h"

#include <stdio.h>
#include <string.h>

#include "core/base/slice.h"
#include "core/http/cookie.h"
#include "core/listener/connection.h"
#include "core/listener/pool.h"
#include "core/listener/request.h"
#include "core/listener/routes.h"
#include "core/listener/worker_channel.h"

/* ---- by cookie ----------------------------------------------------------- */

static uint32_t
find_named(const struct loop_pool *pool, struct portico_slice name)
{
	LIST_FOREACH(const struct worker_channel, pool_link, channel,
		     &pool->channels)
		if (channel->affinity[0] != '\0' &&
		    slice_equal(name, slice_from(channel->affinity)))
			return channel->worker_id;
	return 0;
}

/* There may be several: of applications below one another, which may be in
 * different pools. */
static uint32_t
find_by_cookie(const struct loop_pool *pool,
	       const struct listener_request *request)
{
	const struct http_parsed_head *head = &request->head;
	struct portico_slice rest, name, value;
	uint32_t worker;

	for (unsigned i = 0; i < head->field_count; i++) {
		const struct http_field *field = &head->fields[i];

		if (field->id != HTTP_HEADER_COOKIE)
			continue;
		rest = request_text(request, field->value_offset,
				    field->value_length);
		while (http_cookie_next(&rest, &name, &value)) {
			if (!slice_equal(name,
					 PORTICO_SLICE(AFFINITY_COOKIE_NAME)))
				continue;
			worker = find_named(pool, value);
			if (worker != 0)
				return worker;
		}
	}
	return 0;
}

/* Without what could end the attribute. */
static const char *
cookie_path(const struct listener_request *request)
{
	const char *path = request->application->path;
	size_t length = strlen(path);

	if (length > AFFINITY_COOKIE_BYTES / 2)
		return "/";
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)path[i] <= ' ' || path[i] == ';' ||
		    (unsigned char)path[i] >= 0x7f)
			return "/";
	return path;
}

struct portico_slice
affinity_cookie(const struct listener_request *request,
		char text[AFFINITY_COOKIE_BYTES])
{
	int length;

	if (request->pool == NULL || request->channel == NULL ||
	    request->pool->limits.affinity != SETTINGS_AFFINITY_COOKIE ||
	    request->affinity != 0 || request->channel->affinity[0] == '\0')
		return (struct portico_slice){ NULL, 0 };
	length = snprintf(text, AFFINITY_COOKIE_BYTES,
			  AFFINITY_COOKIE_NAME
			  "=%s; Path=%s; HttpOnly; SameSite=Lax%s",
			  request->channel->affinity, cookie_path(request),
			  request->connection->tls ? "; Secure" : "");
	return (struct portico_slice){ text, (size_t)length };
}

/* ---- by address ---------------------------------------------------------- */

static uint64_t
mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return value ^ value >> 31;
}

static uint32_t
find_by_address(const struct loop_pool *pool,
		const struct listener_request *request)
{
	uint64_t address[2], best = 0;
	uint32_t worker = 0;

	memcpy(address, request->client.bytes, sizeof address);
	LIST_FOREACH(const struct worker_channel, pool_link, channel,
		     &pool->channels) {
		uint64_t score =
			mix(mix(address[0] ^ channel->worker_id) ^ address[1]);

		if (worker == 0 || score > best ||
		    (score == best && channel->worker_id > worker)) {
			best = score;
			worker = channel->worker_id;
		}
	}
	return worker;
}

/* -------------------------------------------------------------------------- */

uint32_t
affinity_find(const struct loop_pool *pool, struct listener_request *request)
{
	switch (pool->limits.affinity) {
	case SETTINGS_AFFINITY_NONE:
		break;
	case SETTINGS_AFFINITY_COOKIE:
		request->affinity = find_by_cookie(pool, request);
		return request->affinity;
	case SETTINGS_AFFINITY_CLIENT_ADDRESS:
		return find_by_address(pool, request);
	}
	return 0;
}
