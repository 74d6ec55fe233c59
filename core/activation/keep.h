/* SPDX-License-Identifier: Apache-2.0
 *
 * The keeper: a process that does nothing but hold what porticod must not lose
 * when it dies: its ends of the children's control sockets, their pidfds and
 * output, the listening sockets, memory that workers share, and with each the
 * record that says what it is.  So children notice nothing when porticod is
 * gone, and what they say waits in their sockets for the next one.
 *
 * Messages on its socket, JSON (control/connection.h), from porticod:
 *   begin		with fd 0 = the socket to listen on
 *   keep key record	with descriptors; what was kept under the key goes;
 *			"watch": which of them is a pidfd
 *   drop key
 *   list from		some of what is kept comes back, from that number on,
 *			as "kept" (key, record, descriptors), then "kept-all"
 *			(pid; more: it is not all)
 *   end		nothing is to be kept any more
 * They must stay as they are: a keeper may be older than its porticod.
 */
#ifndef CORE_ACTIVATION_KEEP_H
#define CORE_ACTIVATION_KEEP_H

#define KEEP_SOCKET "keeper.sock"

/* In answer to one "list". */
#define KEEP_LIST_MAX 256

/* The process: `fd` leads to the porticod that started it.  Exit status. */
int keep_run(int fd, const char *directory);

#endif
