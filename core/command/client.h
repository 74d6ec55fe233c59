/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking porticod over its control socket; one request, one answer, waiting.
 */
#ifndef CORE_COMMAND_CLIENT_H
#define CORE_COMMAND_CLIENT_H

#include <jansson.h>

#include <portico/types.h>

#define CLIENT_DEFAULT_SOCKET "/run/portico/control.sock"
#define CLIENT_TIMEOUT_S 10

/*
 * OWNERSHIP: takes `request`; the answer is the caller's, json_decref().
 * PORTICO_NOT_FOUND: no server there.  Other failures: it did not answer.  An
 * answer may itself say "ok": false.  Waits for `limit_s`; 0: as long as the
 * connection lasts.
 */
enum portico_status client_ask(const char *socket_path, json_t *request,
			       unsigned limit_s, json_t **answer_r,
			       struct portico_error *err);

/*
 * For a terminal: control bytes in texts become '?'.  Some of what porticod
 * answers was said by workers, which may have been taken over.
 */
void client_make_printable(json_t *answer);

#endif
