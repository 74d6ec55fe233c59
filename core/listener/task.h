/* SPDX-License-Identifier: Apache-2.0
 *
 * Work that one thread hands to another: a function and whatever it is
 * embedded in.  The main thread and each loop have a mailbox; posting costs
 * one atomic exchange, and a wake-up when the mailbox was empty.
 */
#ifndef CORE_LISTENER_TASK_H
#define CORE_LISTENER_TASK_H

#include <uv.h>

#include "core/base/queue.h"

struct task;

/* Runs on the thread that owns the mailbox; owns the task from then on. */
typedef void task_fn(struct task *task, void *owner);

struct task {
	struct queue_node node;
	task_fn *run;
};

struct mailbox {
	struct queue queue;
	uv_async_t wake;
	void *owner; /* given to task_fn */
};

/* On the owner's thread, before anybody posts. */
void mailbox_init(struct mailbox *mailbox, uv_loop_t *uv, void *owner);

/* Any thread, while the owner's loop is open.  OWNERSHIP: takes the task. */
void mailbox_post(struct mailbox *mailbox, struct task *task, task_fn *run);

/* Closes the handle; the loop has to run once more.  Tasks left are run. */
void mailbox_close(struct mailbox *mailbox);

#endif
