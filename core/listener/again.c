/* SPDX-License-Identifier: Apache-2.0
 *
 * See again.h.
 */
#include "core/listener/again.h"

#include <jansson.h>

#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/listener.h"
#include "core/listener/worker_link.h"

static void
tell_one(const struct worker_link *worker, void *arg)
{
	json_t *workers = arg;

	if (worker_link_tell_again(worker))
		json_array_append_new(workers,
				      json_integer(worker_link_id(worker)));
}

void
again_tell(struct listener *listener, uint32_t id)
{
	struct control_reply reply = { .id = id };
	json_t *workers = json_array();

	/* What waits asks for a worker again. */
	for (unsigned i = 0; i < listener->pool_count; i++)
		listener->pools[i]->demanded = false;
	worker_link_visit(listener, tell_one, workers);
	reply.body = json_pack("{s:o}", "workers", workers);
	if (listener->control != NULL)
		control_send(listener->control, control_encode_reply(&reply),
			     NULL, 0);
	json_decref(reply.body);
}
