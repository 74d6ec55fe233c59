/* SPDX-License-Identifier: Apache-2.0
 *
 * The main thread's loop for services without a request.
 */
#include "core/worker/main_loop.h"

#include <pthread.h>
#include <stdatomic.h>

#include "core/base/check.h"
#include "core/worker/client_engine.h"
#include "core/worker/host_background.h"
#include "core/worker/host_process.h"
#include "core/worker/host_resolve.h"
#include "core/worker/link.h"
#include "core/worker/loop.h"

static struct {
	_Atomic(struct mailbox *) mailbox; /* NULL: there is no such loop */
	uv_loop_t *uv;
	pthread_t thread;
	bool closing;
	struct client_engine *client;
	struct list lookups;
} main_loop;

void
main_loop_open(uv_loop_t *uv, struct mailbox *mailbox)
{
	main_loop.uv = uv;
	main_loop.thread = pthread_self();
	main_loop.closing = false;
	list_init(&main_loop.lookups);
	atomic_store(&main_loop.mailbox, mailbox);
}

void
main_loop_stop(void)
{
	main_loop.closing = true;
	client_engine_free(&main_loop.client);
	lookups_stop(&main_loop.lookups);
	background_stop();
	processes_end();
}

void
main_loop_close(void)
{
	background_close();
	processes_close();
	atomic_store(&main_loop.mailbox, NULL);
	main_loop.uv = NULL;
}

bool
main_loop_is_here(void)
{
	return atomic_load(&main_loop.mailbox) != NULL &&
	       pthread_equal(main_loop.thread, pthread_self());
}

uv_loop_t *
main_loop_uv(void)
{
	return main_loop.uv;
}

bool
main_loop_post(struct loop_message *message)
{
	struct mailbox *mailbox = atomic_load(&main_loop.mailbox);

	if (mailbox == NULL)
		return false;
	mailbox_post(mailbox, message);
	return true;
}

bool
service_loop_here(struct service_loop *here_r)
{
	struct worker_loop *loop = loop_current();

	if (loop != NULL) {
		*here_r = (struct service_loop){ .uv = &loop->uv,
						 .loop = loop,
						 .client = &loop->client,
						 .lookups = &loop->lookups,
						 .closing = loop->closing };
		return true;
	}
	if (!main_loop_is_here())
		return false;
	*here_r = (struct service_loop){ .uv = main_loop.uv,
					 .client = &main_loop.client,
					 .lookups = &main_loop.lookups,
					 .closing = main_loop.closing };
	return true;
}
