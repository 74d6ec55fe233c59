/* SPDX-License-Identifier: Apache-2.0
 *
 * What the worker's files want of loops, threads and channels that are not
 * there.  Those that cannot be reached say so.
 */
#include <unistd.h>

#include "core/worker/child.h"
#include "core/worker/file.h"
#include "core/worker/link.h"
#include "core/worker/main_loop.h"
#include "core/worker/offload.h"
#include "core/worker/shared.h"
#include "core/worker/token.h"
#include "core/worker/watchdog.h"
#include "sdk/testkit/guard.h"
#include "sdk/testkit/kit_priv.h"

_Thread_local unsigned kit_offloaded;

/* ---- loops ------------------------------------------------------------------------ */

void
loop_init(struct worker_loop *loop, struct portico_worker *worker,
	  uint32_t number)
{
	loop->magic = WORKER_LOOP_MAGIC;
	loop->worker = worker;
	loop->number = number;
	loop->untimed = 1;
	loop->random = 1;
	list_init(&loop->ready);
}

static void
on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		kit_fail("a handle of libuv that the module has put into the "
			 "loop was not closed");
}

void
loop_stop(struct worker_loop *loop)
{
	/* Made when the module asked for it (host_request_loop). */
	if (loop->started) {
		uv_run(&loop->uv, UV_RUN_NOWAIT);
		uv_walk(&loop->uv, on_walk, NULL);
		uv_loop_close(&loop->uv);
	}
	mem_free(loop->scratch);
	mem_free(loop->calls);
}

enum portico_status
loop_start(struct worker_loop *loop, struct portico_error *err)
{
	(void)loop;
	(void)err;
	UNREACHABLE();
}

char *
loop_scratch(struct worker_loop *loop)
{
	if (loop->scratch == NULL)
		loop->scratch = mem_alloc(SCRATCH_BYTES);
	return loop->scratch;
}

struct worker_loop *
loop_current(void)
{
	return kit_offloaded > 0 ||
			       !pthread_equal(pthread_self(), kit_now->loop) ||
			       kit_place() == KIT_PLACE_MAIN ?
		       NULL :
		       &kit_now->worker->loops[0];
}

/* For the worker's own log lines, which a kit has none of. */
const struct log_context *
request_context(const struct portico_request *request,
		struct request_context *storage)
{
	(void)request;
	(void)storage;
	return NULL;
}

/* A test may take its time. */
enum portico_status
watchdog_start(struct portico_worker *worker, uint64_t limit_ns,
	       struct watchdog **watchdog_r, struct portico_error *err)
{
	(void)worker;
	(void)limit_ns;
	(void)err;
	*watchdog_r = NULL;
	return PORTICO_OK;
}

void
watchdog_stop(struct watchdog **watchdog_p)
{
	(void)watchdog_p;
}

/* ---- the main loop ------------------------------------------------------------------ */

/* Asked for no more than whether there is one. */
uv_loop_t *
main_loop_uv(void)
{
	return kit_now->worker == NULL ? NULL : kit_now->worker->globals.uv;
}

bool
main_loop_is_here(void)
{
	return kit_is_main();
}

bool
main_loop_post(struct loop_message *message)
{
	mailbox_post(kit_now->worker->globals.mailbox, message);
	return true;
}

/* ---- threads ------------------------------------------------------------------------ */

struct offload_pool *
offload_pool_new(uint32_t threads, struct portico_error *err)
{
	static char pool;

	(void)threads;
	(void)err;
	return (struct offload_pool *)(void *)&pool;
}

void
offload_pool_free(struct offload_pool *pool)
{
	(void)pool;
}

/* Of a request that is rewritten to another application: it has none. */
void
children_close(struct portico_request *parent)
{
	(void)parent;
}

/* ---- what a pool shares: shared.c   ------------------------------------------------- */

struct shared *
shared_open(int fd, struct portico_error *err)
{
	(void)fd;
	(void)err;
	UNREACHABLE();
}

void
shared_watch_end(struct shared *shared)
{
	(void)shared;
}

void
shared_close(struct shared **shared_p)
{
	(void)shared_p;
}

/* ---- the channel ---------------------------------------------------------------------- */

uint64_t
channel_progress_clock(void)
{
	return 0;
}

void
channel_progress_set(struct channel *channel, uint32_t slot, uint16_t event,
		     uint16_t module)
{
	(void)channel;
	(void)slot;
	(void)event;
	(void)module;
}

enum portico_status
channel_file_pass(struct channel *channel, uint32_t number, int fd)
{
	(void)channel;
	(void)number;
	(void)fd;
	UNREACHABLE();
}

void
attachment_send(struct attachment *attachment,
		const struct channel_descriptor *descriptor)
{
	(void)attachment;
	(void)descriptor;
	UNREACHABLE();
}

uint32_t
channel_files(const struct channel *channel)
{
	(void)channel;
	UNREACHABLE();
}
