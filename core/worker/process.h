/* SPDX-License-Identifier: Apache-2.0
 *
 * The main thread of portico-worker: the control socket to the manager, the
 * links to listeners, and the decision to end.
 */
#ifndef CORE_WORKER_PROCESS_H
#define CORE_WORKER_PROCESS_H

/* Runs until told to stop; returns the exit status.  Takes the descriptor. */
int process_run(int control_fd, const char *pool);

/* --show-pipeline FILE: loads what the configuration says for all pools, or
 * for one, prints the order of modules of each application.  Exit status. */
int process_show_pipeline(const char *path, const char *pool);

#endif
