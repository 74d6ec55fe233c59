/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of the manager's messages, permanent (docs/messages.md).  Where WAS
 * has an event for the same thing, it is that event's number.
 */
#ifndef CORE_ACTIVATION_EVENTS_H
#define CORE_ACTIVATION_EVENTS_H

/* WAS */
#define EVENT_POOL_DISABLED 5002 /* rapid-fail protection */
#define EVENT_WORKER_DIED 5009
#define EVENT_WORKER_CONTROL_LOST 5011
#define EVENT_START_LIMIT 5012
#define EVENT_STOP_LIMIT 5013
#define EVENT_IDENTITY 5021
#define EVENT_START_FAILED 5022
#define EVENT_RECYCLE_FAILED 5093
#define EVENT_WORKER_LIED 5127

/* ours */
#define EVENT_CONFIG_REFUSED 5200
#define EVENT_LISTENER_DIED 5201
#define EVENT_LISTENER_START_LIMIT 5202
#define EVENT_LISTENER_FAILED 5203
#define EVENT_LISTENER_MESSAGE 5204
#define EVENT_SHUTDOWN_LIMIT 5205
#define EVENT_RUNTIME 5206
#define EVENT_LINK 5207
#define EVENT_CONFIG_NOT_APPLIED 5208
#define EVENT_LISTENER_SLOW 5209
#define EVENT_CHECK_INCOMPLETE 5229
#define EVENT_SHORTAGE 5230
#define EVENT_SHORTAGE_OVER 5231

#endif
