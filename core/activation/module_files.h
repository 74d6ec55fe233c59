/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of a pool's modules: when one of them is another than its workers
 * have loaded, the pool is recycled (unless disallowRotationOnConfigChange).
 */
#ifndef CORE_ACTIVATION_MODULE_FILES_H
#define CORE_ACTIVATION_MODULE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool;

struct module_file {
	char *path;
	uint64_t known; /* which file it was; 0: none */
	uint64_t seen; /* at the last look */
};

/* Of a pool.  Whoever takes its workers over need not know: it notes them
 * anew. */
struct module_files {
	struct module_file *files; /* owned */
	size_t count;
	uint64_t looked_ns; /* monotonic */
};

void module_files_fini(struct module_files *files);

/* What is there now is what new workers load. */
void module_files_note(struct pool *pool);

/* Replaces the workers if one of the files is another and has been at the last
 * look, or `at_once`.  Not more often than twice per pingInterval. */
void module_files_look(struct pool *pool, uint64_t now_ns, bool at_once);

#endif
