/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving memory back before the worker is stopped for a while.
 */
#ifndef CORE_WORKER_PAGE_OUT_H
#define CORE_WORKER_PAGE_OUT_H

#include <stddef.h>

/*
 * What the heap keeps for later is freed, and the kernel is asked to page out
 * the rest of what is this process's own: programs and libraries are read
 * again from their files when they are needed, other memory only where there
 * is swap.  The bytes that were offered; 0 where the kernel knows no such
 * thing (before Linux 5.4).
 */
size_t page_out_all(void);

#endif
