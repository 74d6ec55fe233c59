/* SPDX-License-Identifier: Apache-2.0
 *
 * See task.h.
 */
#include "core/listener/task.h"

#include "core/base/check.h"

static void
run_all(struct mailbox *mailbox)
{
	struct queue_node *node;

	while ((node = queue_take_all(&mailbox->queue)) != NULL) {
		while (node != NULL) {
			struct task *task = (struct task *)(void *)node;

			node = node->next;
			task->run(task, mailbox->owner);
		}
	}
}

static void
on_wake(uv_async_t *handle)
{
	run_all(handle->data);
}

void
mailbox_init(struct mailbox *mailbox, uv_loop_t *uv, void *owner)
{
	queue_init(&mailbox->queue);
	mailbox->owner = owner;
	ASSERT(uv_async_init(uv, &mailbox->wake, on_wake) == 0);
	mailbox->wake.data = mailbox;
}

void
mailbox_post(struct mailbox *mailbox, struct task *task, task_fn *run)
{
	task->run = run;
	if (queue_push(&mailbox->queue, &task->node))
		uv_async_send(&mailbox->wake);
}

void
mailbox_close(struct mailbox *mailbox)
{
	run_all(mailbox);
	uv_close((uv_handle_t *)&mailbox->wake, NULL);
}
