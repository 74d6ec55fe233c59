/* SPDX-License-Identifier: Apache-2.0
 *
 * A request in the worker: the object behind the opaque pointer that modules
 * hold.  It lives on one loop, from REQUEST to END, then goes back to the
 * loop's spare list with its arena, so that the next one allocates nothing.
 *
 * The life of one: request_receive() (attachment.c) takes the claim and calls
 * program_start(); the program (program.c) runs the steps of the application
 * until one suspends or the request has ended.  Whoever suspended it calls
 * request_ready(); the loop then calls program_resume().
 */
#ifndef CORE_WORKER_REQUEST_H
#define CORE_WORKER_REQUEST_H

#include <portico/portico.h>

#include "core/base/arena.h"
#include "core/base/check.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/channel/channel.h"
#include "core/http/request_head.h"
#include "core/worker/application.h"
#include "core/worker/handler_map.h"
#include "core/worker/limits.h"
#include "core/worker/loop.h"
#include "core/worker/module_load.h"
#include "core/worker/response.h"
#include "core/worker/service.h"

#define REQUEST_MAGIC 0x52455155u

struct attachment;
struct changes;
struct program_step;

enum wait_kind {
	WAIT_NONE,
	WAIT_TOKEN, /* portico_suspend */
	WAIT_OFFLOAD, /* portico_offload */
	WAIT_BODY, /* portico_body_wait */
	WAIT_SERVICE, /* for what is in request->services */
	WAIT_RESPONSE, /* portico_response_wait, or the core at the end */
	WAIT_TUNNEL, /* portico_tunnel_wait */
	WAIT_CHILD, /* portico_child_wait; or a child that has not begun */
};

/* Why and how a suspended request goes on. */
struct wait {
	enum wait_kind kind;
	bool ready; /* is in the loop's ready list */
	portico_resume_fn *resume;
	void *arg;
	const struct portico_self *self; /* who suspended, for blame */
	uint32_t token; /* WAIT_TOKEN: slot number */
};

/* Request body that has arrived and was not read yet: a circle. */
struct body {
	struct channel_reference *chunks;
	uint16_t capacity, first, count;
	bool expected; /* there is a body */
	bool complete; /* the last chunk has arrived */
	bool ended; /* the module was told so */
	bool asked; /* the first WINDOW went out */
	uint32_t lent; /* block handed out, or CHANNEL_BLOCK_NONE */
	uint32_t released; /* bytes given back since the last WINDOW */
	uint16_t pieces; /* of a tunnel: chunks of these */
	struct portico_slice memory; /* of a child: all of it, until read */
	char *trailers; /* their lines, in the arena; NULL: none */
	uint32_t trailers_length; /* bytes */
	bool trailers_lost; /* there was no memory for them */
	struct channel_reference inline_chunks[BODY_CHUNKS_INLINE];
};

struct portico_request {
	unsigned magic;
	bool aborted;
	bool ended; /* END was sent; waits only for `holds` */
	bool failed; /* the response cannot be completed */
	enum portico_abort abort_reason; /* if aborted */
	uint32_t slot, generation;
	uint32_t holds; /* work elsewhere that will touch this object */
	uint16_t cannot_wait; /* depth of events that may not suspend */
	struct attachment *attachment; /* NULL: a child without its parent */
	struct portico_child *child; /* it is one; NULL: a client's */
	struct list children; /* that it has, of struct portico_child */
	struct worker_loop *loop;
	const struct http_request_head *head; /* in place */
	uint32_t head_block;
	struct portico_application *application;
	/* Whose settings apply; NULL: the application's own. */
	const struct location *location;
	struct arena *arena;

	/* the program */
	const struct program_step *step; /* runs, or is suspended */
	const struct portico_self *current; /* module that runs, or NULL */
	uint64_t took_part; /* bit: module of the application, in its order */
	const struct handler_target *chosen; /* set_handler */
	struct handler_lookup lookup;
	struct wait wait;
	const struct portico_self *pending; /* counted as waiting for it */
	struct channel_slot *progress; /* of its slot, or NULL */

	void *states; /* of all modules, zeroed, or NULL until asked for */
	struct portico_slice user;
	struct changes *changes; /* by modules; NULL: none */
	struct response response;
	struct body body;
	struct list timers; /* of struct portico_timer */
	struct list watches; /* of struct portico_watch */
	struct list services; /* of struct service */
	struct list shared_watches; /* of struct portico_shared_watch */
	struct list link; /* in attachment->requests, or the spare list */
	struct list ready_link; /* in loop->ready */
	struct list room_link; /* in attachment->waiting */
};

/* A request object of this loop, with an empty arena; not yet filled. */
struct portico_request *request_new(struct worker_loop *loop);

/* END has been sent and nothing holds it: back to the spare list. */
void request_recycle(struct portico_request *request);

/* What held it has let go; recycles it if it has ended. */
void request_unhold(struct portico_request *request);

/* Frees the loop's spare objects. */
void request_free_spare(struct worker_loop *loop);

/* Frees those that were not used since the last call, but for a few. */
void request_trim_spare(struct worker_loop *loop);

/* The request goes on in the loop's next turn.  No-op if it is not waiting. */
void request_ready(struct portico_request *request);

/* The client has left, or the listener: tell the modules, wake waits. */
void request_abort(struct portico_request *request, enum portico_abort why);

/* Its deadline has passed: say for whom it waits, if for a module. */
void request_tell_overdue(const struct portico_request *request);

/* Call the module's on_abort, if it has one. */
void request_tell_abort(struct portico_request *request,
			const struct module_record *record);

/* Fill, for a head that is valid and lives as long as the request. */
void request_prepare(struct portico_request *request,
		     struct attachment *attachment,
		     const struct http_request_head *head, bool has_body);

/* Fill from REQUEST; false: the head is not one. */
bool request_begin(struct portico_request *request,
		   struct attachment *attachment,
		   const struct channel_descriptor *descriptor);

/*
 * All is done: send END (with the response's last descriptor if that waits),
 * stop timers and watches, give everything back.  The object is gone.
 */
void request_end(struct portico_request *request);

/* Nobody is known any more. */
void request_make_anonymous(struct portico_request *request);

/* Log context of a request: pool, module, request id; on the caller's stack. */
struct request_context {
	struct log_context pool, id, module;
	char id_text[20];
};
const struct log_context *request_context(const struct portico_request *request,
					  struct request_context *storage);

/* A line in the log about the module that runs. */
void request_warn(const struct portico_request *request, unsigned number,
		  const char *what);

/* A module broke the contract: one line in the log. */
void request_blame(const struct portico_request *request, unsigned number,
		   const char *what);

/* ---- body.c ---------------------------------------------------------------- */

/* BODY: the blocks belong to the request now. */
void body_receive(struct portico_request *request,
		  const struct channel_descriptor *descriptor);
/* From now on it is what a client sends through a tunnel. */
void body_begin_tunnel(struct portico_request *request);
/* Gives back everything that is left. */
void body_discard(struct portico_request *request);

/* host_trailer.c: the lines are copied. */
void trailers_receive(struct portico_request *request, const char *text,
		      uint32_t length);

enum portico_status body_read(struct portico_request *request,
			      struct portico_slice *chunk_r);
bool body_readable(const struct portico_request *request);

/* ---- async.c --------------------------------------------------------------- */

/* Suspends; PORTICO_STATE if it is suspended already or cannot be. */
enum portico_status wait_begin(struct portico_request *request,
			       enum wait_kind kind, portico_resume_fn *resume,
			       void *arg);
/* Takes back a suspension whose function did not return PENDING. */
void wait_cancel(struct portico_request *request);

/* The loop ends. */
void timers_free_spare(struct worker_loop *loop);
void timers_stop_all(struct portico_request *request);
void watches_stop_all(struct portico_request *request);

/* Joins the services of the request. */
void service_add(struct portico_request *request, struct service *service);
void services_abort(struct portico_request *request);
void services_end(struct portico_request *request);

/* Of a rewritten request: the new ones (rewrite.c). */
struct portico_slice request_path(const struct portico_request *request);
struct portico_slice request_query(const struct portico_request *request);
/* Sets the location; the application or the path is another one. */
void request_locate(struct portico_request *request);

/* The path after the application's own, begins with "/". */
struct portico_slice
request_path_in_application(const struct portico_request *request);

static inline void
request_took_part(struct portico_request *request,
		  const struct module_record *module)
{
	request->took_part |=
		request->application->modules[module->number].part;
}

static inline bool
request_is_head(const struct portico_request *request)
{
	return request->head->method == HTTP_METHOD_HEAD;
}

#endif
