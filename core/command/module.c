/* SPDX-License-Identifier: Apache-2.0
 *
 * portico module check: portico-worker does it.
 */
#include "core/command/module.h"

#include "core/command/options.h"
#include "core/command/worker.h"

int
module_check(const struct options *options, const char *file)
{
	const char *const arguments[] = { "--check-module", file,
					  options->json ? "--json" : NULL,
					  NULL };
	const struct worker_run run = {
		.arguments = arguments,
		.user = options->user,
		.about = file,
		.fd = -1,
		.json = options->json,
	};

	return worker_run(&run);
}
