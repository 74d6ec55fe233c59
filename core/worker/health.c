/* SPDX-License-Identifier: Apache-2.0
 *
 * Pings: every loop answers.
 */
#include "core/worker/health.h"

#include <stdio.h>

#include "core/control/connection.h"
#include "core/control/messages.h"
#include "core/worker/link.h"
#include "core/worker/watchdog.h"
#include "core/worker/worker.h"

static void
answer(struct health *health, uint32_t id)
{
	struct control_pong message = { .id = id };

	if (health->worker != NULL) {
		uint64_t active = worker_active(health->worker);
		uint64_t own = atomic_load(health->own);

		message.served = (uint32_t)worker_served(health->worker);
		/* One of its own may have begun between the two. */
		message.active = own < active ? (uint32_t)(active - own) : 0;
	}
	if (*health->control != NULL)
		control_send(*health->control, control_encode_pong(&message),
			     NULL, 0);
}

static void
on_passed(struct loop_message *message)
{
	struct health *health = CONTAINER_OF(message, struct health, message);

	health->passing = false;
	answer(health, health->id);
}

/* On a loop, or on the main thread for the first one.  The process may be
 * letting go of the worker: loops end one after the other. */
static void
pass(struct loop_message *message)
{
	struct health *health = CONTAINER_OF(message, struct health, message);
	struct portico_worker *worker = health->worker;
	uint32_t next = atomic_load(&health->next_loop);

	if (next < worker->loop_count) {
		atomic_store(&health->next_loop, next + 1);
		loop_post(&worker->loops[next], message);
		return;
	}
	message->run = on_passed;
	mailbox_post(health->mailbox, message);
}

static void
tell_late(struct health *health, uint32_t id)
{
	uint32_t loop = atomic_load(&health->next_loop) - 1;
	char text[256];
	const struct control_late message = { .id = id, .text = text };

	if (!watchdog_describe(health->worker->watchdog, loop, text,
			       sizeof(text)))
		snprintf(text, sizeof(text), "loop %u does not answer", loop);
	if (*health->control != NULL)
		control_send(*health->control, control_encode_late(&message),
			     NULL, 0);
}

void
health_ping(struct health *health, uint32_t id)
{
	if (health->worker == NULL) {
		answer(health, id);
		return;
	}
	if (health->passing) {
		tell_late(health, id);
		return;
	}
	health->passing = true;
	health->id = id;
	health->message.run = pass;
	atomic_store(&health->next_loop, 0);
	pass(&health->message);
}
