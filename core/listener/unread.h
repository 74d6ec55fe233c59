/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections whose transport holds bytes that the socket does not tell of:
 * they are read in the next turn of the loop, which does not block until then.
 */
#ifndef CORE_LISTENER_UNREAD_H
#define CORE_LISTENER_UNREAD_H

struct listener_connection;
struct listener_loop;

void unread_init(struct listener_loop *loop);

/* connection_readable() soon, unless reading was switched off by then. */
void unread_add(struct listener_connection *connection);

#endif
