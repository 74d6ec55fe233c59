/* SPDX-License-Identifier: Apache-2.0
 *
 * Priorities (RFC 9218).  nghttp2 sends bodies by what clients say, but tells
 * nobody what that was; so it is read here, too, for responses that have a word
 * of their own (section 8), and for PRIORITY_UPDATE that comes before its
 * request and outweighs the field in it (section 7).
 */
#include <string.h>

#include "core/base/check.h"
#include "core/listener/http2_priv.h"

/* nghttp2 is told what counts, and no longer looks itself: it would take the
 * request's field after its head is known here. */
static void
apply(const struct http2_stream *stream)
{
	struct http_priority merged =
		http_priority_merge(stream->asked, stream->answered);
	nghttp2_extpri priority = { .urgency = merged.urgency,
				    .inc = merged.incremental };

	(void)nghttp2_session_change_extpri_stream_priority(
		stream->session->session, stream->id, &priority, 1);
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

		if (early->id != (uint32_t)stream->id)
			continue;
		early->id = 0;
		stream->asked = early->asked;
		apply(stream);
		return;
	}
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
http2_priority_update(struct http2_session *session,
		      const nghttp2_ext_priority_update *update)
{
	struct http2_stream *stream =
		http2_stream_find(session->session, update->stream_id);
	struct portico_slice value = { (const char *)update->field_value,
				       update->field_value_len };
	struct http_priority asked = { 0 };

	if (!http_priority_read(value, &asked))
		return;
	if (stream != NULL) {
		stream->asked = asked;
		apply(stream);
	} else if (update->stream_id >
		   nghttp2_session_get_last_proc_stream_id(session->session)) {
		keep(session, (uint32_t)update->stream_id, asked);
	}
}

void
http2_priority_answer(struct http2_stream *stream, struct portico_slice value)
{
	if (http_priority_read(value, &stream->answered))
		apply(stream);
}
