/* SPDX-License-Identifier: Apache-2.0
 *
 * The worker as a part of portico-single.
 */
#include <stdlib.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/sandbox.h"
#include "core/single/part.h"
#include "core/worker/process.h"

__attribute__((visibility("default"))) int
single_part_run(int control_fd, const char *pool)
{
	log_open("portico-worker", LOG_LEVEL_WARNING, STDERR_FILENO);
	check_install_handlers();
	sandbox_disable();
	return process_run(control_fd, pool);
}
