/* SPDX-License-Identifier: Apache-2.0
 *
 * A stage for requests: a worker with one loop in this thread, modules made of
 * descriptors, and the listener's end of a real channel, played by the test.
 */
#ifndef T_UNIT_WORKER_STAGE_BASE_H
#define T_UNIT_WORKER_STAGE_BASE_H

#include "t/unit/unit.h"

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/channel/channel.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/http/request_head.h"
#include "core/http/response_head.h"
#include "core/worker/attachment.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

#ifndef STAGE_SLOTS
#define STAGE_SLOTS 16
#endif

/* What came back for one request. */
struct answer {
	unsigned descriptors; /* of this request, all */
	unsigned responses, bodies, files, flushes, ends;
	unsigned windows; /* asked for */
	uint64_t window_bytes;
	bool last, ended, failed, end_was_flag;
	struct http_response_info info;
	char head[8192]; /* as HTTP/1.1 */
	struct buffer body;
	uint64_t file_bytes, file_offset;
	char user[256];
	uint32_t generation;
};

struct stage {
	struct portico_worker *worker;
	struct worker_loop *loop;
	struct channel *listener;
	struct attachment *attachment;
	struct module_record *records[16];
	size_t module_count;
	struct answer answers[STAGE_SLOTS];
	uint32_t generation;
	bool return_window; /* give back what was sent at once */
	bool return_blocks;
	uint32_t kept[4096]; /* blocks not returned */
	size_t kept_count;
};

static struct stage stage;

static const struct portico_module *stage_descriptor;

/* Modules of tests call the host by these, as any module does. */
const struct portico_host *portico_host = &worker_host;
struct portico_self *portico_self;

static const struct portico_module *
stage_entry(const struct portico_host *host, struct portico_self *self)
{
	(void)host;
	(void)self;
	return stage_descriptor;
}

#define STAGE_MODULE(...)                                                      \
	{                                                                      \
		.size = sizeof(struct portico_module),                         \
		.magic = PORTICO_MODULE_MAGIC, .abi_major = PORTICO_ABI_MAJOR, \
		.abi_minor = PORTICO_ABI_MINOR, .version = "1.0.0",            \
		.summary = "a module of a test", __VA_ARGS__                   \
	}

/* ---- building -------------------------------------------------------------- */

static inline struct module_record *
stage_add_module(const struct portico_module *descriptor)
{
	struct module_record *record = NULL;
	struct portico_error err;

	error_clear(&err);
	stage_descriptor = descriptor;
	if (module_set_add_static(stage.worker->modules, descriptor->name,
				  stage_entry, &record, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	stage.records[stage.module_count++] = record;
	/* Good for the last one: tests with state use one module. */
	portico_self = &record->self;
	return record;
}

static inline void
stage_begin(void)
{
	memset(&stage, 0, sizeof(stage));
	stage.worker = worker_new("test", 1, 2, NULL);
	stage.loop = &stage.worker->loops[0];
	stage.return_window = stage.return_blocks = true;
}

/* The application /: all modules, and rules (path, methods, module). */
static inline void
stage_build(const struct settings_handler *rules, size_t rule_count)
{
	struct application_options application = {
		.id = 7,
		.path = "/",
		.site = "site",
		.root = "/tmp",
		.modules = stage.records,
		.module_count = stage.module_count,
		.rules = rules,
		.rule_count = rule_count,
	};
	struct portico_application *made = NULL;
	struct portico_error err;
	struct config_problems *problems =
		config_problems_new(stage.worker->arena);

	error_clear(&err);
	if (module_set_resolve(stage.worker->modules, &err) != PORTICO_OK ||
	    application_new(stage.worker, &application, &made, problems,
			    &err) != PORTICO_OK)
		fail_msg("%s", err.message);
	worker_add_application(stage.worker, made);
	if (worker_start_modules(stage.worker, &err) != PORTICO_OK)
		fail_msg("%s", err.message);
}

static inline void
stage_start_with(const struct settings_handler *rules, size_t rule_count,
		 struct channel_options options)
{
	struct channel_handles handles;
	struct portico_error err;

	error_clear(&err);
	stage_build(rules, rule_count);
	options.name = "test";
	options.slots = STAGE_SLOTS;
	if (channel_create(&options, &stage.listener, &handles, &err) !=
		    PORTICO_OK ||
	    attachment_open(stage.loop, &handles, &stage.attachment, &err) !=
		    PORTICO_OK)
		fail_msg("%s", err.message);
}

static inline void
stage_start(const char *module)
{
	struct settings_handler rule = { .path = "*", .module = module };

	stage_start_with(&rule, module == NULL ? 0 : 1,
			 (struct channel_options){ 0 });
}

static inline void
stage_end(void)
{
	worker_free(&stage.worker);
	channel_free(&stage.listener);
	for (int i = 0; i < STAGE_SLOTS; i++)
		buffer_fini(&stage.answers[i].body);
}

#endif
