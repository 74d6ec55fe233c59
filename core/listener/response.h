/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses: what a worker hands over is checked, framed and sent; and the
 * listener's own answers.
 */
#ifndef CORE_LISTENER_RESPONSE_H
#define CORE_LISTENER_RESPONSE_H

#include <stdbool.h>

#include "core/channel/channel.h"
#include "core/listener/output.h"

struct listener_loop;
struct listener_request;
struct settings_initialization;

/*
 * Descriptors of a worker for this request, which it has.  They return NULL,
 * or the static text of the lie; the request is left to the loss of the
 * channel then.
 */
const char *response_on_head(struct listener_request *request,
			     const struct channel_descriptor *descriptor);
/* UPGRADE: the head of a tunnel. */
const char *response_on_upgrade(struct listener_request *request,
				const struct channel_descriptor *descriptor);
const char *response_on_body(struct listener_request *request,
			     const struct channel_descriptor *descriptor);
const char *response_on_file(struct listener_request *request,
			     const struct channel_descriptor *descriptor);

/* FLUSH that asks for the window: given back when all is sent. */
void response_on_window_wanted(struct listener_request *request);

/* END: nothing more will come.  What is not complete now never will be. */
void response_on_end(struct listener_request *request, bool failed);

/* An error page; nothing has been sent yet. */
void response_send_error(struct listener_request *request, unsigned status);
/* What clients get while there is no worker. */
void response_send_splash(struct listener_request *request,
			  const struct settings_initialization *splash);
/* The same, for one that is found elsewhere for good. */
void response_send_redirect(struct listener_request *request,
			    const char *location);

/* From the cache: the head lies in loop->output, what follows it was added to
 * the output. */
void response_send_kept(struct listener_request *request, size_t head_length);

/* "100 Continue".  False: the connection is gone. */
bool response_send_continue(struct listener_request *request);

/* Send what can be sent ahead of the next chunk, to see whether the client is
 * there; only if it may be done now.  The connection may close. */
bool response_may_be_asked(const struct listener_request *request);
void response_ask(struct listener_request *request);

/* What has become of output, for a connection that is no socket: DONE, BLOCKED
 * or SHORT.  The request may end. */
void response_sent(struct listener_request *request, enum output_result result);

/* The client takes more. */
void response_writable(struct listener_request *request);

/* End of a turn: send what has gathered. */
void response_flush_all(struct listener_loop *loop);

/* Forget what a worker handed over, of which nothing was sent, before the
 * request is given to another. */
void response_restart(struct listener_request *request);

#endif
