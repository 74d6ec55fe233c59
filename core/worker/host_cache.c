/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: what the listener may keep of a response
 * (cache_policy.c), and what it must forget.
 */
#include <string.h>

#include "core/base/memory.h"
#include "core/worker/application.h"
#include "core/worker/attachment.h"
#include "core/worker/globals.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

/* ---- flushing ------------------------------------------------------------------------ */

/* For one loop; freed there. */
struct flush {
	struct loop_message message;
	struct worker_loop *loop;
	uint32_t application;
	bool below;
	uint32_t length;
	char path[];
};

static void
tell_listener(struct attachment *attachment, const struct flush *flush)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_CACHE_FLUSH,
		.extra = flush->application,
		.value = flush->below,
	};
	uint32_t size = 0;
	char *block;

	if (attachment->dead)
		return;
	block = channel_block_alloc(attachment->channel, CHANNEL_BLOCK_4K,
				    &descriptor.refs[0].block, &size);
	if (block != NULL && flush->length <= size) {
		memcpy(block, flush->path, flush->length);
		descriptor.refs[0].length = flush->length;
		descriptor.count = 1;
	} else {
		/* No room to say which path: all of them. */
		if (block != NULL)
			channel_block_cancel(attachment->channel,
					     descriptor.refs[0].block);
		memset(descriptor.refs, 0, sizeof(descriptor.refs));
	}
	attachment_send(attachment, &descriptor);
}

/* Each loop of the listener has a channel to some loop of the worker, but not
 * to each; so all tell it. */
static void
on_flush(struct loop_message *message)
{
	struct flush *flush = CONTAINER_OF(message, struct flush, message);

	LIST_FOREACH(struct attachment, link, attachment,
		     &flush->loop->attachments) {
		tell_listener(attachment, flush);
	}
	mem_free(flush);
}

static struct flush *
flush_new(const struct portico_application *application,
	  struct portico_slice path, uint32_t flags)
{
	struct portico_slice before = application->path;
	struct flush *flush;

	/* Of "/" the path is the whole one. */
	if (before.length == 1)
		before.length = 0;
	flush = mem_try_zalloc(sizeof(*flush) + before.length + path.length);
	if (flush == NULL)
		return NULL;
	flush->message.run = on_flush;
	flush->application = application->id;
	flush->below = (flags & PORTICO_CACHE_BELOW) != 0;
	flush->length = (uint32_t)(before.length + path.length);
	if (before.length > 0)
		memcpy(flush->path, before.data, before.length);
	memcpy(flush->path + before.length, path.data, path.length);
	return flush;
}

static enum portico_status
host_cache_flush(struct portico_application *application,
		 struct portico_slice path, uint32_t flags)
{
	struct portico_worker *worker = application->worker;

	CHECK(application, APPLICATION_MAGIC);
	if (path.length == 0 || path.data[0] != '/' ||
	    path.length > CACHE_PATH_BYTES_MAX ||
	    (flags & ~(uint32_t)PORTICO_CACHE_BELOW) != 0)
		return PORTICO_INVALID;
	if ((!globals_is_main(worker) && loop_current() == NULL) ||
	    worker->ending)
		return PORTICO_STATE;
	for (uint32_t i = 0; i < worker->loop_count; i++) {
		struct flush *flush = flush_new(application, path, flags);

		if (flush == NULL)
			return PORTICO_NO_MEMORY;
		flush->loop = &worker->loops[i];
		loop_post(flush->loop, &flush->message);
	}
	return PORTICO_OK;
}

const struct portico_host_cache worker_host_cache = {
	.size = sizeof(struct portico_host_cache),
	.allow = host_cache_allow,
	.deny = host_cache_deny,
	.vary_field = host_cache_vary_field,
	.vary_query = host_cache_vary_query,
	.add_key = host_cache_add_key,
	.key = host_cache_key,
	.flush = host_cache_flush,
};
