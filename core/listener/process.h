/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener from its control socket to its end.
 */
#ifndef CORE_LISTENER_PROCESS_H
#define CORE_LISTENER_PROCESS_H

/* Runs until told to stop, or porticod is gone.  Takes the descriptor.  Once in
 * a process. */
void listener_process_run(int control_fd);

#endif
