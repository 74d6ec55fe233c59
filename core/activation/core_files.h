/* SPDX-License-Identifier: Apache-2.0
 *
 * Core files of workers (failure.coreDump, coreDirectory, coreFiles).  While
 * worker 1234 of pool "main" runs, coreDirectory/main.1234 is its working
 * directory: there the kernel puts the core, if kernel.core_pattern is the
 * name of a file.  After its end what is in there becomes porticod's, as
 * coreDirectory/main.1234.core, and the directory goes: a worker reads nobody's
 * core, and one core does not replace another.
 */
#ifndef CORE_ACTIVATION_CORE_FILES_H
#define CORE_ACTIVATION_CORE_FILES_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct settings_pool;
struct worker_process;

#define CORE_FILES_PATH_SIZE PATH_MAX
#define CORE_FILES_TEXT_SIZE (PATH_MAX + 128)

/* The limit that means none: a smaller one than any core, and the one that
 * keeps the kernel from starting the program of a core_pattern (0 does not). */
#define CORE_FILES_NO_BYTES 1

/* Where the directory of a worker is to be made, without its number.  False:
 * the pool has none, or it cannot be made, which was logged. */
bool core_files_prepare(const struct settings_pool *pool,
			char path[CORE_FILES_PATH_SIZE]);

/* After the worker's end, from the directory that was its pool's when it was
 * started.  `dumped`: as the kernel says.  The text begins with "; ", or is
 * empty: there is no core. */
void core_files_collect(const struct worker_process *worker, bool dumped,
			char text[CORE_FILES_TEXT_SIZE]);

/* What becomes of a core, in words. */
json_t *core_files_describe(const struct settings_pool *pool);

/* The same for status; NULL: the pool says nothing of it. */
json_t *core_files_to_json(const struct settings_pool *pool);

#endif
