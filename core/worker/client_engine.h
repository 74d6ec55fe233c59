/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of one loop: libcurl's multi handle, driven by libuv's polls and one
 * timer, and the list of calls that have news for their modules.
 *
 * Rule: modules are called from client_engine_settle() alone, never from
 * within libcurl, so that they may free a call there.
 */
#ifndef CORE_WORKER_CLIENT_ENGINE_H
#define CORE_WORKER_CLIENT_ENGINE_H

#include <stdint.h>
#include <portico/client.h>
#include <uv.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/list.h"
#include "core/worker/curl_library.h"
#include "core/worker/limits.h"
#include "core/worker/main_loop.h"
#include "core/worker/service.h"

#define CLIENT_ENGINE_MAGIC 0x434c454eu
#define CLIENT_CALL_MAGIC 0x434c4341u

struct client_engine {
	unsigned magic;
	const struct curl_library *curl;
	CURLM *multi;
	uv_loop_t *uv;
	uv_timer_t timer;
	uv_idle_t idle; /* active while `changed` is not empty */
	struct list calls; /* all that exist */
	struct list changed; /* have news */
	uint32_t count;
	bool closing;
};

struct client_field {
	struct portico_slice name, value; /* NUL-terminated */
};

enum client_state {
	CLIENT_NEW,
	CLIENT_RUNNING,
	CLIENT_ENDED,
};

struct portico_client_call {
	unsigned magic;
	struct client_engine *engine;
	struct portico_request *request; /* NULL: nobody's */
	struct service service; /* in request->services */
	struct list link; /* engine->calls */
	struct list changed_link; /* engine->changed */
	enum client_state state;
	enum portico_status failed; /* first failure of a setter */
	enum portico_client_result result;
	bool counted; /* in client_background_count() */
	bool doomed; /* to be ended when libcurl is not at work on it */
	bool is_stream, verify, uploads, upload_finished;
	bool receive_paused, send_paused;
	bool head_done, trailers;
	uint16_t redirects_max;
	int64_t connect_ns, total_ns, idle_ns, body_max, upload_length;

	struct arena *arena; /* what the module has set */
	const char *url, *method;
	const char *ca_file, *certificate_file, *key_file, *unix_socket;
	struct curl_slist *fields_out;
	uint32_t field_out_count, field_out_bytes;
	bool has_type; /* the module has set a Content-Type */
	struct buffer out; /* the body, or what of an upload has not left */

	CURL *easy; /* while it runs */
	char message[CURL_ERROR_SIZE];
	const char *why; /* it was refused here; NULL: it was not */
	struct arena *head; /* the answer's fields */
	struct client_field *fields; /* CLIENT_FIELDS_MAX, in `head` */
	uint32_t field_count;
	unsigned status;
	struct buffer in, lent; /* the body; the part that was handed out */

	uint32_t told; /* events that `fn` knows of */
	uint32_t wanted; /* events the request waits for; 0: it does not */
	portico_client_fn *fn;
	void *fn_arg;
};

/* The engine of this thread's loop; NULL: status_r tells. */
struct client_engine *client_engine_get(const struct service_loop *here,
					enum portico_status *status_r);

/* Cancels what runs, tells those that are nobody's; frees in the loop's next
 * turn.  *p = NULL, which may be so before. */
void client_engine_free(struct client_engine **engine_p);

/* The call has news, to be told in the loop's next turn at the latest. */
void client_engine_changed(struct portico_client_call *call);

/* Calls that a worker which ends should wait for.  Any thread. */
uint32_t client_background_count(void);
void client_background_add(int one);

/* ---- client_transfer.c: one call within libcurl --------------------------- */

/* Hands the call to libcurl. */
enum portico_status client_transfer_start(struct portico_client_call *call);
/* libcurl is done with it, or shall be. */
void client_transfer_end(struct portico_client_call *call, CURLcode code);
void client_transfer_cancel(struct portico_client_call *call);
/* What was paused goes on, where there is room or data again. */
void client_transfer_resume(struct portico_client_call *call);

/* ---- host_client.c -------------------------------------------------------- */

uint32_t client_events(const struct portico_client_call *call);
/* Tells module or request what is new; the call may be gone afterwards. */
void client_tell(struct portico_client_call *call);

extern const struct portico_host_client worker_host_client;

#endif
