/* SPDX-License-Identifier: Apache-2.0
 *
 * See frame.h.
 */
#include "core/http2/frame.h"

const char *
http2_error_name(uint32_t code)
{
	static const char *const names[] = {
		[HTTP2_NO_ERROR] = "NO_ERROR",
		[HTTP2_PROTOCOL_ERROR] = "PROTOCOL_ERROR",
		[HTTP2_INTERNAL_ERROR] = "INTERNAL_ERROR",
		[HTTP2_FLOW_CONTROL_ERROR] = "FLOW_CONTROL_ERROR",
		[HTTP2_SETTINGS_TIMEOUT] = "SETTINGS_TIMEOUT",
		[HTTP2_STREAM_CLOSED] = "STREAM_CLOSED",
		[HTTP2_FRAME_SIZE_ERROR] = "FRAME_SIZE_ERROR",
		[HTTP2_REFUSED_STREAM] = "REFUSED_STREAM",
		[HTTP2_CANCEL] = "CANCEL",
		[HTTP2_COMPRESSION_ERROR] = "COMPRESSION_ERROR",
		[HTTP2_CONNECT_ERROR] = "CONNECT_ERROR",
		[HTTP2_ENHANCE_YOUR_CALM] = "ENHANCE_YOUR_CALM",
		[HTTP2_INADEQUATE_SECURITY] = "INADEQUATE_SECURITY",
		[HTTP2_HTTP_1_1_REQUIRED] = "HTTP_1_1_REQUIRED",
	};

	return code < sizeof(names) / sizeof(names[0]) ? names[code] :
							 "unknown";
}
