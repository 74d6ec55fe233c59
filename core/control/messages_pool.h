/* SPDX-License-Identifier: Apache-2.0
 *
 * Control messages about the health and the start of workers; part of
 * messages.h, which includes it.
 */
#ifndef CORE_CONTROL_MESSAGES_POOL_H
#define CORE_CONTROL_MESSAGES_POOL_H

#include <stdbool.h>
#include <stdint.h>

/* manager -> worker: answer when every loop has answered. */
struct control_ping {
	uint32_t id;
	bool quiet; /* modules are not told HEALTH */
};

struct control_pong {
	uint32_t id;
	uint32_t served, active; /* requests: so far (mod 2^32), and now */
};

/* worker -> manager: instead of it; an earlier one is still under way. */
struct control_late {
	uint32_t id;
	const char *text; /* what does not return */
};

/* worker -> manager: its modules are loaded; it requests pages of itself and
 * will be ready after that. */
struct control_initializing {
	uint32_t pages;
};

#endif
