/* SPDX-License-Identifier: Apache-2.0
 *
 * porticod that is killed when it has given a worker to the listener, or is
 * about to, before it can do anything else: PORTICO_TEST_DIE is "after" or
 * "before".  Linked with the objects of the real one and -Wl,--wrap.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/activation/worker_process.h"
#include "core/control/messages.h"

enum portico_status
__real_worker_process_join(struct worker_process *worker,
			   struct listener_process *listener,
			   struct portico_error *err);
enum portico_status
__wrap_worker_process_join(struct worker_process *worker,
			   struct listener_process *listener,
			   struct portico_error *err);
json_t *__real_control_encode_worker(const struct control_worker *message);
json_t *__wrap_control_encode_worker(const struct control_worker *message);

static void
die(const char *when)
{
	const char *wanted = getenv("PORTICO_TEST_DIE");

	if (wanted != NULL && strcmp(wanted, when) == 0)
		raise(SIGKILL);
}

enum portico_status
__wrap_worker_process_join(struct worker_process *worker,
			   struct listener_process *listener,
			   struct portico_error *err)
{
	enum portico_status status =
		__real_worker_process_join(worker, listener, err);

	die("after");
	return status;
}

json_t *
__wrap_control_encode_worker(const struct control_worker *message)
{
	die("before");
	return __real_control_encode_worker(message);
}
