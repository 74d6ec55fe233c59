/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving memory back before the worker is stopped for a while.
 */
#ifndef CORE_WORKER_PAGE_OUT_H
#define CORE_WORKER_PAGE_OUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the heap keeps for later is freed, and the kernel is asked to page out
 * the rest of what is this process's own: programs and libraries are read
 * again from their files when they are needed, other memory only where there
 * is swap.  The bytes that were offered; 0 where the kernel knows no such
 * thing (before Linux 5.4).
 */
size_t page_out_all(void);

/* The same for `mib` MiB of the worker's control group, in which there are
 * files that were read and programs that were started, too, by its file
 * memory.reclaim.  It gives up when the kernel finds no more, or after a
 * second. */
void page_out_group(int fd, uint32_t mib);

#endif
