/* SPDX-License-Identifier: Apache-2.0
 *
 * What porticod starts instead of portico-listener and portico-worker.
 */
#ifndef CORE_SINGLE_RELAY_H
#define CORE_SINGLE_RELAY_H

#include <stdbool.h>

#define RELAY_SOCKET "single.sock" /* beside the links */
#define RELAY_BYTES_MAX 256

/*
 * A relay sends one message with one descriptor, the control socket: "listener"
 * or "worker POOL".  The answer, when the part has ended, is its exit status in
 * one byte.
 */

/* Is that how the program was called? */
bool relay_is_wanted(const char *program);

/* The exit status. */
int relay_run(int argc, char **argv);

#endif
