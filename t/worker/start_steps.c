/* SPDX-License-Identifier: Apache-2.0
 *
 * A module in whose part of a worker's start a test can stop it (stop.h):
 *
 *	dlopen            its constructor, before anything is known of it
 *	load              its descriptor was accepted
 *	worker_init       all modules are loaded
 *	application_init  for each application that uses it
 *
 * It handles nothing.
 */
#include <portico/portico.h>

#include "t/worker/stop.h"

__attribute__((constructor)) static void
on_dlopen(void)
{
	stop_at("dlopen");
}

static enum portico_status
load(struct portico_error *err)
{
	(void)err;
	stop_at("load");
	return PORTICO_OK;
}

static enum portico_status
worker_init(struct portico_worker *worker, struct portico_error *err)
{
	(void)worker;
	(void)err;
	stop_at("worker_init");
	return PORTICO_OK;
}

static enum portico_status
application_init(struct portico_application *application,
		 const void *configuration, void **state_r,
		 struct portico_error *err)
{
	(void)application;
	(void)configuration;
	(void)err;
	*state_r = NULL;
	stop_at("application_init");
	return PORTICO_OK;
}

PORTICO_MODULE(.name = "start-steps", .version = "1.0.0",
	       .summary = "stops where a test wants it to", .load = load,
	       .worker_init = worker_init,
	       .application_init = application_init);
