/* SPDX-License-Identifier: Apache-2.0
 *
 * Rewriting the URL of a request.
 *
 * Threads: as request.h.
 */
#ifndef PORTICO_REWRITE_H
#define PORTICO_REWRITE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Give the request another path and query, as if the client had asked for
 * `target` ("/shop/item?id=7": percent-encoded, begins with '/').  It is
 * decoded and judged by the rules by which the listener reads a target.
 * Without a question mark there is no query.  PORTICO_TEXT_TARGET stays what
 * the client has sent, and so does the access log.
 *
 * PATH, QUERY and PATH_IN_APPLICATION change at once, a handler chosen by
 * portico_request_set_handler is forgotten, and handlers are mapped by the
 * new path.  What runs next is settled when the function that rewrote (or the
 * resume function in its place) returns PORTICO_NEXT:
 *
 *   - if the new path belongs to another application of the site, that
 *     application's events begin, with BEGIN; the user is anonymous again,
 *     modules begin with zeroed state, timers and watches have ended.  No
 *     event of the former application runs any more, LOG and END included:
 *     what must be undone is undone by portico_request_on_free.  Until then
 *     APPLICATION_PATH, ROOT, settings and state are those of the former.
 *   - if it was called in BEGIN or its post-event, the next subscriber.
 *   - later: again from AUTHENTICATE, since what was found out and permitted
 *     was so for another path; the user is anonymous again.
 *
 * With PORTICO_DONE the response is decided, and nothing of that happens.
 * Who writes a response after a rewrite has to return DONE: it is 500 otherwise.
 *
 *   PORTICO_STATE      not in BEGIN to MAP_HANDLER or their post-events, or
 *                      some of the response was written
 *   PORTICO_SYNTAX     `target` would be answered with 400 (judged with the
 *                      default limits on segments)
 *   PORTICO_TOO_LARGE  `target` is longer than 16 KiB
 *   PORTICO_DENIED     the path belongs to an application of another pool (as
 *                      configured when this worker began); answer with an
 *                      error, or a redirect
 *   PORTICO_NOT_FOUND  no application of the site has that path
 *   PORTICO_FULL       the request was rewritten 10 times
 *   PORTICO_NO_MEMORY
 * With a negative status nothing has changed.  Since 1.0.
 */
static inline enum portico_status
portico_request_rewrite(struct portico_request *request,
			struct portico_slice target)
{
	return portico_host->request_rewrite(request, target);
}

/* How often it was rewritten, 0..10: a rule that must apply once looks here. */
static inline uint32_t
portico_request_rewrites(struct portico_request *request)
{
	return portico_host->request_rewrites(request);
}

#ifdef __cplusplus
}
#endif

#endif
