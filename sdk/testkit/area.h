/* SPDX-License-Identifier: Apache-2.0
 *
 * Areas of the SDK in the kit, each in its own AREA.c: its table, what it has
 * to tell when everything else stands still, and its end.
 */
#ifndef SDK_TESTKIT_AREA_H
#define SDK_TESTKIT_AREA_H

#include <portico/portico.h>

extern const struct portico_host_client kit_host_client;

/* Something is told; false: there is no news. */
bool kit_client_turn(void);
/* At kit_close: what is left of it. */
void kit_client_close(void);

#endif
