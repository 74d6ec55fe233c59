/* SPDX-License-Identifier: Apache-2.0
 *
 * See unread.h.
 */
#include "core/listener/unread.h"

#include "core/base/check.h"
#include "core/listener/connection.h"
#include "core/listener/loop.h"

/* Who has more then is added again, behind the others. */
static void
on_idle(uv_idle_t *idle)
{
	struct listener_loop *loop = idle->data;
	struct list now;

	CHECK(loop, LISTENER_LOOP_MAGIC);
	list_init(&now);
	list_move_all(&now, &loop->unread);
	while (!list_empty(&now)) {
		struct listener_connection *connection = LIST_FIRST(
			struct listener_connection, unread_link, &now);

		CHECK(connection, LISTENER_CONNECTION_MAGIC);
		list_remove(&connection->unread_link);
		if ((connection->events & UV_READABLE) != 0)
			connection_readable(connection);
	}
	if (list_empty(&loop->unread))
		uv_idle_stop(&loop->unread_idle);
}

void
unread_init(struct listener_loop *loop)
{
	CHECK(loop, LISTENER_LOOP_MAGIC);
	list_init(&loop->unread);
	uv_idle_init(&loop->uv, &loop->unread_idle);
	loop->unread_idle.data = loop;
}

void
unread_add(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	if (list_linked(&connection->unread_link))
		return;
	list_add_tail(&loop->unread, &connection->unread_link);
	uv_idle_start(&loop->unread_idle, on_idle);
}
