/* SPDX-License-Identifier: Apache-2.0
 *
 * listener -> manager: what a channel of a worker that is gone had begun, for
 * the event of its crash.  After it, nothing more comes about that channel.
 */
#ifndef CORE_CONTROL_WORKER_REMAINS_H
#define CORE_CONTROL_WORKER_REMAINS_H

#include <jansson.h>
#include <stdint.h>

struct control_worker_remains {
	uint32_t worker;
	/* An array of {"request": text, "method", "target", "event": number,
	 * "module": number, "crashed": true if its thread has said so while
	 * it died}.  Decoded: borrowed; encoded: a reference is added. */
	json_t *requests;
};

#endif
