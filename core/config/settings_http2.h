/* SPDX-License-Identifier: Apache-2.0
 *
 * What portico.json says of HTTP/2.
 */
#ifndef CORE_CONFIG_SETTINGS_HTTP2_H
#define CORE_CONFIG_SETTINGS_HTTP2_H

#include <stdbool.h>
#include <stdint.h>

/* Rates are frames per second, with ten seconds' worth at once; 0: no limit. */
struct settings_http2 {
	bool enabled;
	uint32_t max_concurrent_streams;
	uint64_t initial_window; /* bytes, of a stream */
	uint64_t connection_window; /* bytes, of all streams together */
	uint32_t reset_rate;
	uint32_t ping_rate;
	uint32_t settings_rate;
	uint32_t empty_frame_rate;
};

#endif
