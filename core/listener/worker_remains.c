/* SPDX-License-Identifier: Apache-2.0
 *
 * See worker_remains.h.
 */
#include "core/listener/worker_remains.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/memory.h"
#include "core/channel/channel.h"
#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/listener/listener.h"
#include "core/listener/loop.h"
#include "core/listener/request.h"
#include "core/listener/worker_channel.h"

/* Of one channel; more would not be read. */
#define REMAINS_MAX 16
#define TARGET_MAX 128

struct remains_task {
	struct task task;
	uint32_t worker;
	json_t *requests;
};

static void
run_remains(struct task *base, void *owner)
{
	struct remains_task *task = (struct remains_task *)base;
	struct listener *listener = owner;
	const struct control_worker_remains message = {
		.worker = task->worker,
		.requests = task->requests,
	};

	if (listener->control != NULL)
		control_send(listener->control,
			     control_encode_worker_remains(&message), NULL, 0);
	json_decref(task->requests);
	mem_free(task);
}

/* Printable ASCII, so that it is JSON text whatever a client sent. */
static json_t *
text_json(struct portico_slice from)
{
	char text[TARGET_MAX + 1];
	size_t length = from.length < TARGET_MAX ? from.length : TARGET_MAX;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)from.data[i];

		text[i] = (char)(c > 0x20 && c < 0x7f ? c : '?');
	}
	return json_stringn(text, length);
}

static json_t *
describe(const struct worker_channel *channel,
	 const struct listener_request *request)
{
	const struct http_parsed_head *head = &request->head;
	uint16_t event, module;
	char id[17];

	channel_progress_get(channel->channel, request->slot, &event, &module);
	snprintf(id, sizeof(id), "%016" PRIx64, request->id);
	return json_pack(
		"{s:s, s:o, s:o, s:i, s:i, s:b}", "request", id, "method",
		text_json(request_text(request, head->start,
				       head->method_length)),
		"target",
		text_json(request_text(request, head->target_offset,
				       head->target_length)),
		"event", (int)event, "module", (int)module, "crashed",
		channel_progress_crashed(channel->channel, request->slot));
}

void
worker_remains_tell(const struct worker_channel *channel)
{
	struct remains_task *task = mem_zalloc(sizeof(*task));

	task->worker = channel->worker_id;
	task->requests = json_array();
	for (uint32_t i = 0; i < channel->slot_count &&
			     json_array_size(task->requests) < REMAINS_MAX;
	     i++) {
		const struct listener_request *request =
			channel->slots[i].request;

		if (request != NULL &&
		    channel_claim_state(channel->channel, request->slot,
					request->slot_generation) ==
			    CHANNEL_CLAIM_STARTED)
			json_array_append_new(task->requests,
					      describe(channel, request));
	}
	if (json_array_size(task->requests) == 0) {
		json_decref(task->requests);
		mem_free(task);
		return;
	}
	listener_post(channel->loop->listener, &task->task, run_remains);
}
