/* SPDX-License-Identifier: Apache-2.0
 *
 * What the portico command asks over the control socket.  Each request is one
 * JSON object with "type", each answer one with "type": "answer" and "ok":
 * either the figures or "error".  Figures of the listener are asked for with a
 * short time limit; without them the answer comes all the same and says so.
 */
#ifndef CORE_ACTIVATION_COMMANDS_H
#define CORE_ACTIVATION_COMMANDS_H

#include <portico/types.h>

struct commands;
struct manager;

enum portico_status commands_open(struct manager *manager,
				  struct commands **commands_r,
				  struct portico_error *err);
void commands_close(struct commands **commands_p);

#endif
