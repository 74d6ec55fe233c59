/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener from its control socket to its end.
 */
#include "core/listener/process.h"

#include <signal.h>
#include <uv.h>

#include "core/base/check.h"
#include "core/base/io.h"
#include "core/listener/drain.h"
#include "core/listener/listener.h"

/* When a person ends us, not the manager. */
#define SIGNAL_DRAIN_MS 10000

static void
on_sigterm(uv_signal_t *handle, int number)
{
	struct listener *listener = handle->data;

	(void)number;
	/* The manager drains first and then means it. */
	if (listener->draining)
		listener_end(listener);
	else
		drain_start(listener, SIGNAL_DRAIN_MS, 0);
}

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void
listener_process_run(int control_fd)
{
	static struct listener listener;
	uv_signal_t sigterm;
	uv_loop_t uv;

	signal(SIGPIPE, SIG_IGN);
	/* A log that may not grow is an error of write(), not our end. */
	signal(SIGXFSZ, SIG_IGN);
	/* From a terminal it reaches all of us; porticod decides. */
	signal(SIGINT, SIG_IGN);
	io_raise_descriptor_limit();
	ASSERT(uv_loop_init(&uv) == 0);
	listener_init(&listener, &uv, control_fd);
	uv_signal_init(&uv, &sigterm);
	sigterm.data = &listener;
	uv_signal_start(&sigterm, on_sigterm, SIGTERM);
	uv_run(&uv, UV_RUN_DEFAULT);
	listener_fini(&listener);
	uv_walk(&uv, close_handle, NULL);
	uv_run(&uv, UV_RUN_DEFAULT);
	(void)uv_loop_close(&uv);
}
