/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks of a module's descriptor, before anything else of it is believed.
 */
#ifndef CORE_WORKER_MODULE_VALIDATE_H
#define CORE_WORKER_MODULE_VALIDATE_H

#include "core/worker/module_load.h"

/* Rows of an array that ends itself; a longer one has lost its end. */
#define MODULE_SUBSCRIPTIONS_MAX 128
#define MODULE_HANDLERS_MAX 64
#define MODULE_DIRECTIVES_MAX 256
#define MODULE_NAMES_MAX 64
#define MODULE_EVENT_NAME_MAX 64 /* bytes, of a custom event */
#define MODULE_VALUES_MAX 256
#define MODULE_NAME_LENGTH_MAX 32
#define MODULE_TEXT_LENGTH_MAX 1024
#define MODULE_CONFIGURATION_BYTES_MAX (1024u * 1024u)
#define MODULE_REQUEST_BYTES_MAX (64u * 1024u)

/* The descriptor's size in ABI 1.0, below which it is not one. */
#define MODULE_SIZE_MIN                                                        \
	(offsetof(struct portico_module, on_abort) +                           \
	 sizeof(((struct portico_module *)0)->on_abort))
/* A size above this is no size but something else. */
#define MODULE_SIZE_MAX 65536u

/*
 * Copies the descriptor into record->module, as far as its size goes, and
 * checks all of it.  `record` has name and path.
 */
enum portico_status module_validate(struct module_record *record,
				    const struct portico_module *descriptor,
				    const struct portico_host *host,
				    struct portico_error *err);

#endif
