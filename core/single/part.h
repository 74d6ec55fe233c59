/* SPDX-License-Identifier: Apache-2.0
 *
 * What each of the two parts of portico-single is: a shared object with one
 * function.  Each has its own copy of the core, so that none of its names and
 * none of its state is shared: listener and worker know nothing of one
 * another, here as in two processes.
 */
#ifndef CORE_SINGLE_PART_H
#define CORE_SINGLE_PART_H

#define SINGLE_PART_ENTRY "single_part_run"

/*
 * Runs until told to stop over `control_fd`, which it takes; the exit status
 * that the process of its own would have.  Once.
 */
typedef int single_part_fn(int control_fd, const char *pool);

single_part_fn single_part_run;

#endif
