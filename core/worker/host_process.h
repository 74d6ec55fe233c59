/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes of modules.  Main thread.
 */
#ifndef CORE_WORKER_HOST_PROCESS_H
#define CORE_WORKER_HOST_PROCESS_H

#include <stdint.h>
#include <portico/process.h>

/* SIGTERM to all, and no restarts; how many have not ended.  Again and again,
 * until there is none. */
uint32_t processes_stop(void);

/* SIGKILL to what is left; the worker ends now.  Tells nobody. */
void processes_kill(void);

/* As above, and waits for them; before worker_fini. */
void processes_end(void);

/* Frees what modules have not; after it. */
void processes_close(void);

extern const struct portico_host_process worker_host_process;

#endif
