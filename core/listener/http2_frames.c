/* SPDX-License-Identifier: Apache-2.0
 *
 * Which frame is coming, for the error log.  nghttp2 announces frames, but not
 * those at whose heads it stumbles: their stream has to be read from the input.
 * Nor does it announce those that it passes over, so heads are followed here,
 * too: 9 bytes each, whatever lies between.
 */
#include "core/base/check.h"
#include "core/listener/http2_priv.h"

/* The head at frame_at, if all of it has come; what has come of it is kept. */
static bool
next_head(struct http2_session *session, nghttp2_frame_hd *hd_r)
{
	const struct http2_input *input = &session->input;
	uint8_t *head = session->frame_head;
	uint64_t to = session->fed + input->length;

	for (unsigned i = 0; i < HTTP2_FRAME_HEAD_BYTES; i++) {
		uint64_t at = session->frame_at + i;

		if (at >= to)
			return false;
		if (at >= session->fed)
			head[i] = input->data[at - session->fed];
	}
	*hd_r = (nghttp2_frame_hd){
		.length = (size_t)head[0] << 16 | (size_t)head[1] << 8 |
			  head[2],
		.type = head[3],
		.flags = head[4],
		.stream_id = (head[5] & 0x7f) << 24 | head[6] << 16 |
			     head[7] << 8 | head[8],
	};
	return true;
}

static void
pass(struct http2_session *session, const nghttp2_frame_hd *hd)
{
	session->frame_at += HTTP2_FRAME_HEAD_BYTES + hd->length;
}

/* Without a word: of a type that it does not know, or of a stream that is
 * closed. */
static bool
is_passed_over(const struct http2_session *session, const nghttp2_frame_hd *hd)
{
	if (hd->length > HTTP2_FRAME_BYTES_MAX)
		return false;
	if (hd->type == NGHTTP2_DATA)
		return hd->stream_id > 0 &&
		       hd->stream_id <= nghttp2_session_get_last_proc_stream_id(
						session->session) &&
		       http2_stream_find(session->session, hd->stream_id) ==
			       NULL;
	return hd->type > NGHTTP2_CONTINUATION &&
	       hd->type != NGHTTP2_PRIORITY_UPDATE;
}

void
http2_frames_announced(struct http2_session *session,
		       const nghttp2_frame_hd *announced)
{
	nghttp2_frame_hd hd;

	CHECK(session, HTTP2_SESSION_MAGIC);
	session->frame_stream = (uint32_t)announced->stream_id;
	while (next_head(session, &hd)) {
		pass(session, &hd);
		if (hd.type == announced->type &&
		    hd.stream_id == announced->stream_id &&
		    hd.length == announced->length)
			return;
	}
}

void
http2_frames_taken(struct http2_session *session)
{
	nghttp2_frame_hd hd;

	while (next_head(session, &hd)) {
		if (!is_passed_over(session, &hd)) {
			session->frame_stream = (uint32_t)hd.stream_id;
			break;
		}
		pass(session, &hd);
	}
	session->fed += session->input.length;
	session->input = (struct http2_input){ NULL, 0 };
}
