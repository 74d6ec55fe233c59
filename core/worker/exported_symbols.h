/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that a shared object shows to others, read from the file itself.
 */
#ifndef CORE_WORKER_EXPORTED_SYMBOLS_H
#define CORE_WORKER_EXPORTED_SYMBOLS_H

#include <portico/types.h>

struct buffer;

/* `name` is borrowed for the call. */
typedef void exported_symbol_fn(const char *name, void *arg);

/*
 * Calls `visit` for each defined global or weak symbol of the dynamic symbol
 * table of `path`.  PORTICO_INVALID: not an ELF shared object of this
 * machine's word size, or its tables lead outside the file.
 */
enum portico_status exported_symbols_visit(const char *path,
					   exported_symbol_fn *visit, void *arg,
					   struct portico_error *err);

#endif
