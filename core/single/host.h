/* SPDX-License-Identifier: Apache-2.0
 *
 * The process that has listener and worker in it.
 */
#ifndef CORE_SINGLE_HOST_H
#define CORE_SINGLE_HOST_H

#include <sys/types.h>

struct host_options {
	int listen_fd; /* where relays connect; -1: not given */
	int runner_fd; /* to the command's child; -1: not given */
	pid_t runner; /* that child */
	const char *user; /* whom to become when root; NULL: nobody */
};

/* The exit status: that of the command's child. */
int host_run(const struct host_options *options);

#endif
