/* SPDX-License-Identifier: Apache-2.0
 *
 * Saying again what was said to the manager: that one may have died with it,
 * and another goes on in its place.
 */
#ifndef CORE_LISTENER_AGAIN_H
#define CORE_LISTENER_AGAIN_H

#include <stdint.h>

struct listener;

/* Which workers are attached or drained, one message each; then a reply with
 * all links: {"workers": [id, ...]}.  Main thread. */
void again_tell(struct listener *listener, uint32_t id);

#endif
