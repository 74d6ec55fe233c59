/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels on a libuv loop.  The order within a turn of libuv is: timers,
 * prepare (flush and sleep), poll (wake-ups), check (hand over).
 *
 * A watch is in `dirty` when its channel has something to flush or is awake,
 * and in `ready` when it is to be looked at in this turn's check.  While
 * anything is ready the idle handle keeps the poll from blocking.
 */
#include <string.h>

#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/memory.h"
#include "core/channel/channel_loop.h"
#include "core/channel/channel_priv.h"

#define LOOP_MAGIC 0x434c4f50u
#define WATCH_MAGIC 0x43575443u

struct watch {
	unsigned magic;
	struct channel_loop *loop;
	struct channel *channel; /* NULL: removed */
	const struct channel_callbacks *callbacks;
	void *arg;
	struct list all, dirty, ready;
	uv_poll_t wake, socket;
	unsigned closing; /* handles whose close callback is still to come */
};

struct channel_loop {
	unsigned magic;
	uv_loop_t *uv;
	struct list all, dirty, ready;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;
	uv_timer_t feed; /* active while a channel is starved */
	unsigned closing;
};

/* A channel without descriptors for what it was sent tries again so often. */
#define STARVED_RETRY_MS 100

static void
watch_ready(struct watch *watch)
{
	if (!list_linked(&watch->ready))
		list_add_tail(&watch->loop->ready, &watch->ready);
}

static void
on_dirty(struct channel *channel, void *arg)
{
	struct watch *watch = arg;

	(void)channel;
	CHECK(watch, WATCH_MAGIC);
	if (!list_linked(&watch->dirty))
		list_add_tail(&watch->loop->dirty, &watch->dirty);
}

static void
on_watch_handle_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;

	CHECK(watch, WATCH_MAGIC);
	if (--watch->closing > 0)
		return;
	memset(watch, 0, sizeof(*watch));
	mem_free(watch);
}

/* The watch itself lives on until libuv has let go of its handles. */
static void
watch_remove(struct watch *watch)
{
	CHECK(watch, WATCH_MAGIC);
	watch->channel->on_dirty = NULL;
	watch->channel->dirty_arg = NULL;
	watch->channel->dirty = false;
	watch->channel = NULL;
	list_remove(&watch->all);
	list_remove(&watch->dirty);
	list_remove(&watch->ready);
	watch->closing = 2;
	uv_close((uv_handle_t *)&watch->wake, on_watch_handle_closed);
	uv_close((uv_handle_t *)&watch->socket, on_watch_handle_closed);
}

static void
watch_closed(struct watch *watch, enum portico_status status,
	     const char *reason)
{
	struct channel *channel = watch->channel;
	const struct channel_callbacks *callbacks = watch->callbacks;
	void *arg = watch->arg;

	watch_remove(watch);
	callbacks->on_closed(channel, status, reason, arg);
}

/* Hand over what has arrived.  The watch may be removed by the callee. */
static void
watch_drain(struct watch *watch)
{
	struct channel_descriptor descriptor;

	channel_awake(watch->channel, false);
	for (unsigned i = 0; i < CHANNEL_LOOP_BUDGET; i++) {
		enum portico_status status =
			channel_receive(watch->channel, &descriptor);

		/* on_room may have removed it. */
		if (watch->channel == NULL)
			return;
		if (status == PORTICO_PROTOCOL) {
			watch_closed(watch, status,
				     channel_lie(watch->channel));
			return;
		}
		if (status == PORTICO_AGAIN) {
			if (watch->channel->peer_gone) {
				watch_closed(watch, PORTICO_CLOSED,
					     "the other process is gone");
				return;
			}
			/* To be put to sleep. */
			channel_mark_dirty(watch->channel);
			return;
		}
		watch->callbacks->on_descriptor(watch->channel, &descriptor,
						watch->arg);
		if (watch->channel == NULL)
			return;
	}
	watch_ready(watch);
}

static void
on_idle(uv_idle_t *handle)
{
	/* Being active is all it does. */
	(void)handle;
}

static void
on_prepare(uv_prepare_t *handle)
{
	struct channel_loop *loop = handle->data;

	CHECK(loop, LOOP_MAGIC);
	for (;;) {
		struct list *first = list_take_first(&loop->dirty);
		struct watch *watch;

		if (first == NULL)
			break;
		watch = CONTAINER_OF(first, struct watch, dirty);
		CHECK(watch, WATCH_MAGIC);
		if (list_linked(&watch->ready))
			channel_flush(watch->channel);
		else if (!channel_sleep(watch->channel))
			watch_ready(watch);
	}
	if (!list_empty(&loop->ready))
		uv_idle_start(&loop->idle, on_idle);
	else
		uv_idle_stop(&loop->idle);
}

static void
on_check(uv_check_t *handle)
{
	struct channel_loop *loop = handle->data;
	struct list now;

	CHECK(loop, LOOP_MAGIC);
	if (list_empty(&loop->ready))
		return;
	list_init(&now);
	list_move_all(&now, &loop->ready);
	for (;;) {
		struct list *first = list_take_first(&now);

		if (first == NULL)
			return;
		watch_drain(CONTAINER_OF(first, struct watch, ready));
	}
}

static void
on_wake(uv_poll_t *handle, int status, int events)
{
	struct watch *watch = handle->data;

	(void)events;
	CHECK(watch, WATCH_MAGIC);
	channel_awake(watch->channel, true);
	/* A closed one would be readable for ever. */
	if (status < 0 || watch->channel->peer_gone) {
		watch->channel->peer_gone = true;
		uv_poll_stop(handle);
	}
	watch_ready(watch);
}

static void on_socket(uv_poll_t *handle, int status, int events);

static void
on_feed(uv_timer_t *timer)
{
	struct channel_loop *loop = timer->data;

	CHECK(loop, LOOP_MAGIC);
	LIST_FOREACH(struct watch, all, watch, &loop->all) {
		if (!uv_is_active((uv_handle_t *)&watch->socket) &&
		    !watch->channel->peer_gone)
			uv_poll_start(&watch->socket, UV_READABLE, on_socket);
	}
}

/* What waits keeps the socket readable: no spinning on it. */
static void
starve(struct watch *watch)
{
	uv_timer_t *feed = &watch->loop->feed;

	uv_poll_stop(&watch->socket);
	if (!uv_is_active((uv_handle_t *)feed))
		uv_timer_start(feed, on_feed, STARVED_RETRY_MS, 0);
}

static void
on_socket(uv_poll_t *handle, int status, int events)
{
	struct watch *watch = handle->data;
	enum portico_status result;

	(void)events;
	CHECK(watch, WATCH_MAGIC);
	result = channel_socket_readable(watch->channel);
	if (status < 0)
		watch->channel->peer_gone = true;
	if (result != PORTICO_OK || status < 0)
		uv_poll_stop(handle);
	else if (channel_starved(watch->channel))
		starve(watch);
	if (result != PORTICO_OK || status < 0 || watch->channel->room_due)
		watch_ready(watch);
}

struct channel_loop *
channel_loop_new(uv_loop_t *uv)
{
	struct channel_loop *loop = mem_zalloc(sizeof(*loop));

	loop->magic = LOOP_MAGIC;
	loop->uv = uv;
	list_init(&loop->all);
	list_init(&loop->dirty);
	list_init(&loop->ready);
	/* None of these can fail. */
	uv_prepare_init(uv, &loop->prepare);
	uv_check_init(uv, &loop->check);
	uv_idle_init(uv, &loop->idle);
	uv_timer_init(uv, &loop->feed);
	loop->prepare.data = loop->check.data = loop->idle.data = loop;
	loop->feed.data = loop;
	uv_prepare_start(&loop->prepare, on_prepare);
	uv_check_start(&loop->check, on_check);
	uv_unref((uv_handle_t *)&loop->prepare);
	uv_unref((uv_handle_t *)&loop->check);
	return loop;
}

static void
on_loop_handle_closed(uv_handle_t *handle)
{
	struct channel_loop *loop = handle->data;

	CHECK(loop, LOOP_MAGIC);
	if (--loop->closing > 0)
		return;
	memset(loop, 0, sizeof(*loop));
	mem_free(loop);
}

void
channel_loop_free(struct channel_loop **loop_p)
{
	struct channel_loop *loop = *loop_p;

	*loop_p = NULL;
	if (loop == NULL)
		return;
	CHECK(loop, LOOP_MAGIC);
	while (!list_empty(&loop->all))
		watch_remove(LIST_FIRST(struct watch, all, &loop->all));
	loop->closing = 4;
	uv_close((uv_handle_t *)&loop->prepare, on_loop_handle_closed);
	uv_close((uv_handle_t *)&loop->check, on_loop_handle_closed);
	uv_close((uv_handle_t *)&loop->idle, on_loop_handle_closed);
	uv_close((uv_handle_t *)&loop->feed, on_loop_handle_closed);
}

/* A handle that uv_poll_init() refused was not added to the loop. */
static int
watch_open(struct watch *watch)
{
	uv_loop_t *uv = watch->loop->uv;
	struct channel *channel = watch->channel;
	int rc = uv_poll_init(uv, &watch->wake, channel_wake_fd(channel));

	if (rc != 0) {
		mem_free(watch);
		return rc;
	}
	watch->wake.data = watch;
	rc = uv_poll_init(uv, &watch->socket, channel_socket_fd(channel));
	if (rc != 0) {
		watch->closing = 1;
		uv_close((uv_handle_t *)&watch->wake, on_watch_handle_closed);
		return rc;
	}
	watch->socket.data = watch;
	uv_poll_start(&watch->wake, UV_READABLE, on_wake);
	uv_poll_start(&watch->socket, UV_READABLE, on_socket);
	return 0;
}

enum portico_status
channel_loop_add(struct channel_loop *loop, struct channel *channel,
		 const struct channel_callbacks *callbacks, void *arg,
		 struct portico_error *err)
{
	struct watch *watch;
	int rc;

	CHECK(loop, LOOP_MAGIC);
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	ASSERT(channel->on_dirty == NULL);
	watch = mem_zalloc(sizeof(*watch));
	watch->magic = WATCH_MAGIC;
	watch->loop = loop;
	watch->channel = channel;
	watch->callbacks = callbacks;
	watch->arg = arg;
	list_init(&watch->all);
	list_init(&watch->dirty);
	list_init(&watch->ready);
	rc = watch_open(watch);
	if (rc != 0)
		return error_os(err, -rc, "cannot watch channel \"%s\"",
				channel->name);
	list_add_tail(&loop->all, &watch->all);
	channel->on_dirty = on_dirty;
	channel->dirty_arg = watch;
	channel->dirty = true;
	on_dirty(channel, watch);
	return PORTICO_OK;
}

void
channel_loop_remove(struct channel_loop *loop, struct channel *channel)
{
	struct watch *watch = channel->dirty_arg;

	CHECK(loop, LOOP_MAGIC);
	CHECK(channel, CHANNEL_OBJECT_MAGIC);
	if (watch == NULL)
		return;
	CHECK(watch, WATCH_MAGIC);
	ASSERT(watch->loop == loop && watch->channel == channel);
	watch_remove(watch);
}
