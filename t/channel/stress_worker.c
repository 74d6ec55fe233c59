/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker of channel-stress: takes requests, reads their bodies under
 * windows that it grants, answers as the plan says.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "t/channel/stress.h"

struct task {
	bool active, answered, done, aborted;
	uint32_t generation;
	struct stress_plan plan; /* a copy */
	uint32_t body_seen; /* of the request's body */
	uint32_t granted; /* of it, not yet arrived */
	uint32_t body_sent; /* of the response's */
	uint64_t window; /* of the response's */
	bool body_last;
};

static struct {
	struct channel *channel;
	struct channel_loop *loop;
	struct task tasks[STRESS_SLOTS];
	int files[STRESS_FILES];
	uint32_t file_passed; /* bits */
	uint32_t active;
	bool draining;
	uv_timer_t file_retry;
} worker;

static void answer(uint32_t slot);
static void on_file_retry(uv_timer_t *timer);

static void
put(const struct channel_descriptor *descriptor)
{
	enum portico_status status = channel_send(worker.channel, descriptor);

	if (status != PORTICO_OK)
		stress_fail("worker: cannot send: %d", status);
}

static void
end(uint32_t slot, bool failed)
{
	struct task *task = &worker.tasks[slot];
	struct channel_descriptor descriptor = {
		.type = CHANNEL_END,
		.flags = failed ? CHANNEL_FLAG_FAILED : 0,
		.slot = slot,
		.generation = task->generation,
	};

	put(&descriptor);
	task->active = false;
	worker.active--;
}

/* Ask for some more of the request's body, never for more than is left. */
static void
grant(uint32_t slot)
{
	struct task *task = &worker.tasks[slot];
	uint32_t left = task->plan.request_bytes - task->body_seen;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_WINDOW,
		.slot = slot,
		.generation = task->generation,
	};

	if (task->granted > 0 || left == 0)
		return;
	task->granted = 1 + stress_random(STRESS_WINDOW);
	if (task->granted > left)
		task->granted = left;
	descriptor.value = task->granted;
	put(&descriptor);
}

static void
on_request(const struct channel_descriptor *request)
{
	struct task *task = &worker.tasks[request->slot];
	const unsigned char *head;

	/* Also for a request that was revoked and whose slot is used anew. */
	if (!channel_claim_take(worker.channel, request->slot,
				request->generation))
		return;
	if (!channel_claim_start(worker.channel, request->slot,
				 request->generation))
		stress_fail("worker: start of slot %u refused", request->slot);
	channel_progress_set(worker.channel, request->slot, 1, 2);
	if (task->active)
		stress_fail("worker: slot %u is in use", request->slot);
	head = channel_block_data(worker.channel, request->refs[0]);
	memset(task, 0, sizeof(*task));
	memcpy(&task->plan, head, sizeof(task->plan));
	if (task->plan.magic != STRESS_PLAN_MAGIC ||
	    task->plan.head_bytes != request->refs[0].length ||
	    !stress_is_right(head + sizeof(task->plan), task->plan.seed, 0,
			     task->plan.head_bytes -
				     (uint32_t)sizeof(task->plan)))
		stress_fail("worker: wrong bytes in a head");
	task->active = true;
	task->generation = request->generation;
	task->window = channel_window(worker.channel);
	task->body_last = task->plan.request_bytes == 0;
	worker.active++;
	grant(request->slot);
	answer(request->slot);
}

static void
on_body(const struct channel_descriptor *body)
{
	struct task *task = &worker.tasks[body->slot];
	bool known = task->active && task->generation == body->generation;

	for (unsigned i = 0; i < body->count; i++) {
		struct channel_reference reference = body->refs[i];

		if (known) {
			const void *data =
				channel_block_data(worker.channel, reference);

			if (!stress_is_right(data, task->plan.seed + 1,
					     task->body_seen, reference.length))
				stress_fail("worker: wrong bytes in a body");
			if (reference.length > task->granted)
				stress_fail("worker: window overrun");
			task->body_seen += reference.length;
			task->granted -= reference.length;
		}
		/* Also when the request has ended meanwhile. */
		channel_release(worker.channel, reference.block);
	}
	if (!known)
		return;
	if ((body->flags & CHANNEL_FLAG_LAST) != 0) {
		if (task->body_seen != task->plan.request_bytes)
			stress_fail("worker: body of %u bytes, not %u",
				    task->body_seen, task->plan.request_bytes);
		task->body_last = true;
	}
	grant(body->slot);
	answer(body->slot);
}

static uint8_t
last_flags(struct task *task)
{
	task->done = true;
	if (task->plan.end_alone)
		return CHANNEL_FLAG_LAST;
	return CHANNEL_FLAG_LAST | CHANNEL_FLAG_END;
}

static void
finish(uint32_t slot)
{
	struct task *task = &worker.tasks[slot];

	if (task->plan.end_alone) {
		end(slot, false);
		return;
	}
	task->active = false;
	worker.active--;
}

/* One block with as much of the body as block and window allow.  False: no
 * block or no window now. */
static bool
fill_block(struct task *task, struct channel_reference *reference,
	   uint32_t head_bytes)
{
	uint32_t left = task->plan.response_bytes - task->body_sent;
	enum channel_block_class block_class =
		left + head_bytes <= 4096 ? CHANNEL_BLOCK_4K :
		left <= 16384		  ? CHANNEL_BLOCK_16K :
					    CHANNEL_BLOCK_64K;
	unsigned char *memory;
	uint32_t size;

	if (head_bytes == 0 && task->window == 0)
		return false;
	memory = channel_block_alloc(worker.channel, block_class,
				     &reference->block, &size);
	if (memory == NULL)
		return false;
	stress_fill(memory, task->plan.seed + 2, 0, head_bytes);
	size -= head_bytes;
	if (size > left)
		size = left;
	if (size > task->window)
		size = (uint32_t)task->window;
	stress_fill(memory + head_bytes, task->plan.seed + 3, task->body_sent,
		    size);
	task->body_sent += size;
	task->window -= size;
	reference->length = head_bytes + size;
	return true;
}

static void
answer_head(uint32_t slot)
{
	struct task *task = &worker.tasks[slot];
	struct channel_descriptor descriptor = {
		.type = CHANNEL_RESPONSE,
		.count = 1,
		.slot = slot,
		.generation = task->generation,
		.extra = 20 + task->plan.seed % 1000,
	};

	if (task->plan.kind == STRESS_FILE) {
		uint32_t left = task->plan.response_bytes;

		task->plan.response_bytes = 0;
		if (!fill_block(task, &descriptor.refs[0], descriptor.extra)) {
			task->plan.response_bytes = left;
			return;
		}
		task->plan.response_bytes = left;
	} else if (!fill_block(task, &descriptor.refs[0], descriptor.extra)) {
		return;
	}
	task->answered = true;
	if (task->body_sent == task->plan.response_bytes)
		descriptor.flags = last_flags(task);
	put(&descriptor);
}

static void
answer_file(uint32_t slot)
{
	struct task *task = &worker.tasks[slot];
	uint32_t number = task->plan.file;
	struct channel_descriptor descriptor = {
		.type = CHANNEL_FILE,
		.slot = slot,
		.generation = task->generation,
		.extra = number,
		.value = task->plan.file_at,
		.value2 = task->plan.response_bytes,
	};

	if ((worker.file_passed & 1u << number) == 0) {
		if (channel_file_pass(worker.channel, number,
				      worker.files[number]) != PORTICO_OK) {
			/* The socket is full. */
			uv_timer_start(&worker.file_retry, on_file_retry, 1, 0);
			return;
		}
		worker.file_passed |= 1u << number;
	}
	descriptor.flags = last_flags(task);
	put(&descriptor);
	if (stress_random(50) == 0) {
		struct channel_descriptor forget = { .type = CHANNEL_FILE_CLOSE,
						     .extra = number };

		put(&forget);
		worker.file_passed &= ~(1u << number);
	}
}

static void
answer_body(uint32_t slot)
{
	struct task *task = &worker.tasks[slot];

	while (task->body_sent < task->plan.response_bytes) {
		struct channel_descriptor descriptor = {
			.type = CHANNEL_BODY,
			.slot = slot,
			.generation = task->generation,
		};
		unsigned most = 1 + stress_random(CHANNEL_REFERENCES_MAX);

		while (descriptor.count < most &&
		       task->body_sent < task->plan.response_bytes &&
		       fill_block(task, &descriptor.refs[descriptor.count], 0))
			descriptor.count++;
		if (descriptor.count == 0)
			return;
		if (task->body_sent == task->plan.response_bytes)
			descriptor.flags = last_flags(task);
		put(&descriptor);
	}
}

/* Go on with an answer as far as it goes. */
static void
answer(uint32_t slot)
{
	struct task *task = &worker.tasks[slot];

	if (!task->active)
		return;
	if (task->aborted) {
		end(slot, true);
		return;
	}
	if (!task->body_last)
		return;
	if (!task->answered)
		answer_head(slot);
	if (task->answered && !task->done) {
		if (task->plan.kind == STRESS_FILE)
			answer_file(slot);
		else
			answer_body(slot);
	}
	if (task->done)
		finish(slot);
}

static void
on_room(struct channel *channel, void *arg)
{
	(void)channel;
	(void)arg;
	for (uint32_t i = 0; i < STRESS_SLOTS; i++)
		answer(i);
}

static void
on_file_retry(uv_timer_t *timer)
{
	on_room(worker.channel, timer->data);
}

static void
on_descriptor(struct channel *channel,
	      const struct channel_descriptor *descriptor, void *arg)
{
	struct task *task = &worker.tasks[descriptor->slot % STRESS_SLOTS];
	bool known = task->active && task->generation == descriptor->generation;

	(void)channel;
	(void)arg;
	stress_delay();
	switch (descriptor->type) {
	case CHANNEL_REQUEST:
		on_request(descriptor);
		break;
	case CHANNEL_BODY:
		on_body(descriptor);
		break;
	case CHANNEL_WINDOW:
		if (!known)
			break;
		task->window += descriptor->value;
		answer(descriptor->slot);
		break;
	case CHANNEL_ABORT:
		if (!known)
			break;
		task->aborted = true;
		answer(descriptor->slot);
		break;
	case CHANNEL_DRAIN:
		worker.draining = true;
		break;
	default:
		stress_fail("worker: descriptor of type %u", descriptor->type);
	}
}

static void
on_closed(struct channel *channel, enum portico_status status,
	  const char *reason, void *arg)
{
	(void)arg;
	(void)status;
	stress_show("worker", channel);
	stress_fail("worker: channel ended: %s", reason);
}

/* Nothing may be left: neither blocks of ours nor of the listener's. */
static void
check_nothing_left(void)
{
	struct channel_usage usage;

	channel_get_usage(worker.channel, &usage);
	if (usage.in_use[0] + usage.in_use[1] + usage.in_use[2] + usage.held +
		    usage.overflow !=
	    0) {
		stress_show("worker", worker.channel);
		stress_fail("worker: blocks are left at the end");
	}
}

static void
files_open(void)
{
	for (uint32_t i = 0; i < STRESS_FILES; i++) {
		char name[] = "/tmp/channel-stress-XXXXXX";
		int fd = mkstemp(name);

		if (fd < 0)
			stress_fail("worker: cannot create %s", name);
		unlink(name);
		for (uint32_t at = 0; at < STRESS_FILE_BYTES;) {
			unsigned char bytes[32768];

			stress_fill(bytes, i * 1000, at, sizeof(bytes));
			if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
				stress_fail("worker: cannot write %s", name);
			at += sizeof(bytes);
		}
		worker.files[i] = fd;
	}
}

static void
fini(uv_loop_t *uv, struct stress_watch *watch)
{
	channel_loop_remove(worker.loop, worker.channel);
	uv_close((uv_handle_t *)&watch->timer, NULL);
	uv_close((uv_handle_t *)&worker.file_retry, NULL);
	channel_loop_free(&worker.loop);
	uv_run(uv, UV_RUN_DEFAULT);
	uv_loop_close(uv);
	channel_free(&worker.channel);
	for (uint32_t i = 0; i < STRESS_FILES; i++)
		close(worker.files[i]);
}

void
stress_worker(struct channel_handles *handles, uint64_t seed)
{
	static const struct channel_callbacks callbacks = { on_descriptor,
							    on_closed };
	struct portico_error err = { 0 };
	struct stress_watch watch = { 0 };
	uv_loop_t uv;

	memset(&worker, 0, sizeof(worker));
	stress_random_init(seed + 77);
	files_open();
	if (channel_attach(handles, &worker.channel, &err) != PORTICO_OK)
		stress_fail("worker: %s", err.message);
	uv_loop_init(&uv);
	uv_timer_init(&uv, &worker.file_retry);
	worker.loop = channel_loop_new(&uv);
	channel_on_room(worker.channel, on_room, NULL);
	channel_loop_add(worker.loop, worker.channel, &callbacks, NULL, NULL);
	stress_watch_start(&watch, &uv, "worker", worker.channel);
	while (!worker.draining || worker.active > 0) {
		channel_heartbeat(worker.channel);
		uv_run(&uv, UV_RUN_ONCE);
	}
	/* The listener's releases came before its DRAIN; ours go now. */
	channel_flush(worker.channel);
	check_nothing_left();
	fini(&uv, &watch);
}
