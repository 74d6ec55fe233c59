/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing porticod by the program on disk (`portico upgrade manager`): under
 * the same process number, with the same children, which notice nothing.
 *
 * The program is run first to say whether it understands our state.  Then what
 * waits to be said is said, the keeper has everything, and exec() follows: the
 * new program takes over (takeover.h).  Until exec() nothing has changed, and
 * if that fails nothing has, either.
 */
#ifndef CORE_ACTIVATION_HANDOVER_H
#define CORE_ACTIVATION_HANDOVER_H

#include <portico/types.h>

struct control_connection;
struct handover;
struct manager;

/* It has failed; well, it does not return. */
typedef void handover_failed_fn(const struct portico_error *err, void *arg);

/* `failed` is called at most once, never from within.  `client` is answered by
 * the new program.  PORTICO_STATE when it cannot be done now. */
enum portico_status handover_start(struct manager *manager,
				   struct control_connection *client,
				   handover_failed_fn *failed, void *arg,
				   struct portico_error *err);
/* Its client is gone, `failed` is not called any more; it goes on. */
void handover_forget(struct manager *manager, const void *arg);
/* At the end of the manager. */
void handover_cancel(struct manager *manager);

/* --check-state: whether this program understands the state in `fd`, a file;
 * says so or why not.  Exit status. */
int handover_check_state(int fd);

#endif
