/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener as a part of portico-single.
 */
#include <stdlib.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/sandbox.h"
#include "core/single/part.h"
#include "core/listener/process.h"

__attribute__((visibility("default"))) int
single_part_run(int control_fd, const char *pool)
{
	(void)pool;
	log_open("portico-listener", LOG_LEVEL_WARNING, STDERR_FILENO);
	sandbox_disable();
	listener_process_run(control_fd);
	return EXIT_SUCCESS;
}
