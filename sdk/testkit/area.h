/* SPDX-License-Identifier: Apache-2.0
 *
 * Areas of the SDK in the kit, each in its own AREA.c: its table, what it has
 * to tell when everything else stands still, and its end.
 */
#ifndef SDK_TESTKIT_AREA_H
#define SDK_TESTKIT_AREA_H

#include <portico/portico.h>

struct kit;

extern const struct portico_host_background kit_host_background;
extern const struct portico_host_change kit_host_change;
extern const struct portico_host_child kit_host_child;
extern const struct portico_host_client kit_host_client;
extern const struct portico_host_global kit_host_global;
extern const struct portico_host_metric kit_host_metric;
extern const struct portico_host_process kit_host_process;
extern const struct portico_host_resolve kit_host_resolve;
extern const struct portico_host_shared kit_host_shared;
extern const struct portico_host_trailer kit_host_trailer;
extern const struct portico_host_tunnel kit_host_tunnel;
extern const struct portico_host_cache kit_host_cache;

/* Something is told; false: there is no news. */
bool kit_client_turn(void);
bool kit_global_turn(void);
bool kit_process_turn(void);
bool kit_shared_turn(void);
/* The worker begins, before its modules. */
void kit_global_open(struct kit *kit);
/* STOP. */
void kit_global_stop(struct kit *kit);
/* The worker ends: nothing of it runs any more. */
void kit_background_stop(void);
void kit_process_stop(void);
void kit_resolve_stop(void);
/* At kit_close: what is left of it. */
void kit_background_close(void);
void kit_change_close(void);
void kit_child_close(void);
void kit_client_close(void);
void kit_global_close(void);
void kit_process_close(void);
void kit_resolve_close(void);
void kit_shared_close(void);
void kit_cache_close(void);

#endif
