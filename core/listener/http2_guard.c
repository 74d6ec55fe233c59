/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames that cost a client nothing and us something: each kind has a rate, and
 * ten seconds' worth may come at once.  Beyond that the connection ends with
 * ENHANCE_YOUR_CALM.
 *
 * Resets count whoever sends them: a client can also break its own streams and
 * have us reset them.
 */
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/listener/http2_priv.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"

void
http2_guard_init(struct http2_session *session)
{
	const struct settings_http2 *settings =
		&session->connection->loop->snapshot->shared->settings->listener
			 .http2;
	const uint32_t rates[HTTP2_FLOODS] = {
		[HTTP2_FLOOD_RESETS] = settings->reset_rate,
		[HTTP2_FLOOD_PINGS] = settings->ping_rate,
		[HTTP2_FLOOD_SETTINGS] = settings->settings_rate,
		[HTTP2_FLOOD_EMPTY] = settings->empty_frame_rate,
	};

	for (unsigned i = 0; i < HTTP2_FLOODS; i++)
		session->flood_cost[i] =
			rates[i] == 0 ? 0 : CLOCK_NS_PER_S / rates[i];
}

bool
http2_guard_count(struct http2_session *session, enum http2_flood flood)
{
	static const uint8_t reasons[HTTP2_FLOODS] = {
		[HTTP2_FLOOD_RESETS] = HTTP_REASON_HTTP2_RESETS,
		[HTTP2_FLOOD_PINGS] = HTTP_REASON_HTTP2_PINGS,
		[HTTP2_FLOOD_SETTINGS] = HTTP_REASON_HTTP2_SETTINGS,
		[HTTP2_FLOOD_EMPTY] = HTTP_REASON_HTTP2_EMPTY_FRAMES,
	};
	uint64_t now = loop_now(session->connection->loop);
	uint64_t *until = &session->flood_until[flood];

	CHECK(session, HTTP2_SESSION_MAGIC);
	if (*until < now)
		*until = now;
	*until += session->flood_cost[flood];
	if (*until - now <= HTTP2_FLOOD_SPAN_NS)
		return true;
	session->fault = reasons[flood];
	return false;
}

bool
http2_on_frame(struct endpoint *endpoint, const struct http2_frame_head *head)
{
	struct http2_session *session = http2_session_of(endpoint);

	switch (head->type) {
	case HTTP2_PING:
		return http2_guard_count(session, HTTP2_FLOOD_PINGS);
	case HTTP2_SETTINGS:
		return http2_guard_count(session, HTTP2_FLOOD_SETTINGS);
	case HTTP2_RST_STREAM:
		return http2_guard_count(session, HTTP2_FLOOD_RESETS);
	case HTTP2_DATA:
		return head->length > 0 ||
		       (head->flags & HTTP2_FLAG_END_STREAM) != 0 ||
		       http2_guard_count(session, HTTP2_FLOOD_EMPTY);
	case HTTP2_CONTINUATION:
		return head->length > 0 ||
		       http2_guard_count(session, HTTP2_FLOOD_EMPTY);
	case HTTP2_HEADERS:
	case HTTP2_WINDOW_UPDATE:
		return true;
	default: /* those that nobody knows, too */
		return http2_guard_count(session, HTTP2_FLOOD_EMPTY);
	}
}
