/* SPDX-License-Identifier: Apache-2.0
 *
 * Priorities (RFC 9218): what the request's field has said, what a response has
 * (section 8), and PRIORITY_UPDATE, which may come before its request and
 * outweighs the field in it (section 7).  The endpoint sends bodies by it.
 */
#include <string.h>

#include "core/base/check.h"
#include "core/listener/http2_priv.h"

/* The endpoint is told what counts. */
static void
apply(struct http2_stream *stream)
{
	struct http_priority merged =
		http_priority_merge(stream->asked, stream->answered);

	endpoint_prioritize(&stream->session->endpoint, &stream->flow,
			    merged.urgency, merged.incremental);
}

void
http2_priority_field(struct http2_stream *stream, struct portico_slice value)
{
	struct http_priority *asked = &stream->asked;

	if (stream->priority_broken)
		return;
	stream->priority_broken = !http_priority_read(value, asked);
	if (stream->priority_broken)
		*asked = (struct http_priority){ 0 };
}

void
http2_priority_head(struct http2_stream *stream)
{
	struct http2_session *session = stream->session;

	for (unsigned i = 0; i < HTTP2_EARLY_MAX; i++) {
		struct http2_early *early = &session->early[i];

		if (early->id != stream->flow.id)
			continue;
		early->id = 0;
		stream->asked = early->asked;
		break;
	}
	if (stream->asked.has_urgency || stream->asked.has_incremental)
		apply(stream);
}

/* Of those that are too many the one with the lowest number is forgotten: most
 * likely its request never came. */
static void
keep(struct http2_session *session, uint32_t id, struct http_priority asked)
{
	struct http2_early *place = &session->early[0];

	for (unsigned i = 0; i < HTTP2_EARLY_MAX; i++) {
		struct http2_early *early = &session->early[i];

		if (early->id == id) {
			place = early;
			break;
		}
		if (early->id < place->id)
			place = early;
	}
	*place = (struct http2_early){ id, asked };
}

void
http2_on_priority(struct endpoint *endpoint, struct endpoint_stream *flow,
		  uint32_t id, struct portico_slice value)
{
	struct http_priority asked = { 0 };

	if (!http_priority_read(value, &asked))
		return;
	if (flow != NULL) {
		http2_stream_of(flow)->asked = asked;
		apply(http2_stream_of(flow));
	} else if (id > endpoint->last) {
		keep(http2_session_of(endpoint), id, asked);
	}
}

void
http2_priority_answer(struct http2_stream *stream, struct portico_slice value)
{
	if (http_priority_read(value, &stream->answered))
		apply(stream);
}
