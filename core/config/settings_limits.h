/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits and times of requests and connections.  The listener has some for the
 * whole server; a site may have others, which hold as soon as a request is
 * known to be for it, and then for its connection.
 */
#ifndef CORE_CONFIG_SETTINGS_LIMITS_H
#define CORE_CONFIG_SETTINGS_LIMITS_H

#include <stdint.h>

/* Times in nanoseconds; 0 = no limit unless said otherwise. */
struct settings_limits {
	uint64_t max_request_bytes; /* request line and headers */
	uint64_t max_request_line; /* 0: as max_request_bytes */
	uint32_t max_header_count;
	uint32_t url_segment_max_count;
	uint32_t url_segment_max_length;
	uint32_t max_requests_per_connection;
	uint64_t header_wait_timeout;
	uint64_t connection_timeout; /* keep-alive, nothing in progress */
	uint64_t entity_body_timeout; /* between two reads of a body */
	uint64_t drain_entity_body_timeout;
	uint64_t min_send_rate; /* bytes per second */
	uint64_t min_send_rate_window; /* ns: the average of so long */
	uint64_t min_receive_rate; /* bytes per second, of a body */
};

/* Of one site. */
struct settings_site_limits {
	struct settings_limits request;
	uint32_t max_connections;
	uint64_t max_bandwidth; /* bytes per second, of what is sent */
};

#endif
