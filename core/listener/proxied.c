/* SPDX-License-Identifier: Apache-2.0
 *
 * See proxied.h.
 */
#include "core/listener/proxied.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/http/proxy_protocol.h"
#include "core/listener/connection.h"
#include "core/listener/loop.h"

/* What has come of a header. */
struct proxied {
	uint32_t length;
	uint8_t bytes[PROXY_PROTOCOL_BYTES_MAX];
};

void
proxied_begin(struct listener_connection *connection)
{
	struct listener_loop *loop = connection->loop;

	connection->state = CONNECTION_PROXIED;
	connection->proxied = mem_alloc(sizeof(*connection->proxied));
	connection->proxied->length = 0;
	timers_set(&loop->timers, &connection->timer, TIMER_HEADER,
		   loop_now(loop));
	connection_watch_input(connection, true);
}

void
proxied_end(struct listener_connection *connection)
{
	MEM_FREE(connection->proxied);
}

/* So many bytes of the socket were looked at, and are ours. */
static bool
consume(struct listener_connection *connection, size_t length)
{
	struct proxied *proxied = connection->proxied;
	ssize_t got = io_recv(connection->transport.fd,
			      proxied->bytes + proxied->length, length, 0);

	if (got != (ssize_t)length)
		return false;
	proxied->length += (uint32_t)length;
	return true;
}

static void
finish(struct listener_connection *connection,
       const struct proxy_protocol *header)
{
	if (header->known)
		connection->client = header->source;
	proxied_end(connection);
	connection_begin(connection);
	/* What lies behind it makes the socket readable once more. */
}

/*
 * Nothing behind the header may be taken from the socket, since somebody else
 * (TLS) reads there: bytes are looked at first, and taken when they are known
 * to belong to it.
 */
void
proxied_readable(struct listener_connection *connection)
{
	struct proxied *proxied = connection->proxied;
	size_t room = sizeof(proxied->bytes) - proxied->length;
	struct proxy_protocol header;
	ssize_t got;

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	got = io_recv(connection->transport.fd,
		      proxied->bytes + proxied->length, room, MSG_PEEK);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		connection_close(connection, HTTP_REASON_NONE);
		return;
	}
	connection->received = loop_now(connection->loop);
	switch (proxy_protocol_read(proxied->bytes,
				    proxied->length + (size_t)got, &header)) {
	case PROXY_PROTOCOL_MORE:
		if (consume(connection, (size_t)got))
			return;
		break;
	case PROXY_PROTOCOL_DONE:
		if (!consume(connection, header.length - proxied->length))
			break;
		finish(connection, &header);
		return;
	case PROXY_PROTOCOL_ERROR:
		break;
	}
	connection_close(connection, HTTP_REASON_BAD_REQUEST);
}
