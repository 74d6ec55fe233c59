/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fuzz target implements; see the head of fuzz/local.mk.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Feeds one input to the code under test.  Aborts on a finding; returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Optional: once, before the first input.  Returns 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#endif
