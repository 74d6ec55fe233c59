/* SPDX-License-Identifier: Apache-2.0
 *
 * A child of porticod between fork and exec.
 */
#ifndef CORE_ACTIVATION_CHILD_H
#define CORE_ACTIVATION_CHILD_H

struct process_options;

struct child_setup {
	const struct process_options *options;
	int output; /* becomes stdout and stderr */
	int exec_pipe; /* ends without a byte when the program runs */
};

/* All signals are blocked.  Calls nothing that is not async-signal-safe. */
_Noreturn void child_run(const struct child_setup *setup);

#endif
