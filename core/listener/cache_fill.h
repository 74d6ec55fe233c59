/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling a loop's cache: a response that a module has allowed to be kept is
 * copied while it passes, and becomes an entry when it is complete.  And what
 * takes entries out again.
 *
 * Whatever happened since the request was begun that may make its response
 * wrong (a flush, a new configuration) keeps it out: it may have been made
 * before.
 */
#ifndef CORE_LISTENER_CACHE_FILL_H
#define CORE_LISTENER_CACHE_FILL_H

#include "core/channel/channel.h"
#include "core/http/response_head.h"

struct listener_loop;
struct listener_request;
struct worker_channel;

/* The head of a response that a module has marked, or that others wait for;
 * `copy` is private. */
void cache_fill_begin(struct listener_request *request, const void *copy,
		      const struct http_response_info *info);

/* More of its body; only if request->fill. */
void cache_fill_add(struct listener_request *request, const char *data,
		    size_t length);
void cache_fill_add_file(struct listener_request *request, int fd,
			 uint64_t position, uint64_t length);

/* It is complete. */
void cache_fill_end(struct listener_request *request);

/* It is one that is not kept; the next one will not be either, most likely. */
void cache_fill_refuse(struct listener_request *request);

/* It will never be, or is not wanted. */
void cache_fill_drop(struct listener_request *request);

/* CACHE_FLUSH.  NULL or the lie. */
const char *cache_on_flush(struct worker_channel *channel,
			   const struct channel_descriptor *descriptor);

/* The worker gets no more requests, or is lost. */
void cache_on_drain(const struct worker_channel *channel);
void cache_on_lost(const struct worker_channel *channel);

/* The loop has a new configuration. */
void cache_on_configuration(struct listener_loop *loop);

#endif
