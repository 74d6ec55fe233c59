/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's end of the stage: requests, bodies and signals out.
 */
#ifndef T_UNIT_WORKER_STAGE_SEND_H
#define T_UNIT_WORKER_STAGE_SEND_H

#include "t/unit/worker/stage_base.h"

/* ---- the listener ----------------------------------------------------------- */

static inline void
stage_send(const struct channel_descriptor *descriptor)
{
	assert_int_equal(channel_send(stage.listener, descriptor), PORTICO_OK);
}

static inline size_t
head_make(const char *text, void *block, size_t size)
{
	static struct http_parsed_head parsed;
	struct http_address address = { .family = HTTP_FAMILY_IPV4,
					.port = 4711,
					.bytes = { 127, 0, 0, 1 } };
	struct http_request_source source = { .raw = text,
					      .parsed = &parsed,
					      .client = &address,
					      .server = &address,
					      .request_id = 0xabcdef,
					      .application_id = 7,
					      .scheme = HTTP_SCHEME_HTTP,
					      .major = 1 };
	struct http_parser parser;
	struct http_url url;
	char path[4096];
	size_t needed;

	http_parser_init(&parser, &http_parser_limits_default);
	assert_int_equal(http_parser_execute(&parser, &parsed, text,
					     strlen(text)),
			 HTTP_PARSE_DONE);
	assert_int_equal(http_url_cook(text + parsed.path_offset,
				       parsed.path_length, path,
				       &http_url_limits_default, &url),
			 HTTP_REASON_NONE);
	source.path = (struct portico_slice){ path, url.path_length };
	source.url = &url;
	needed = http_request_head_write(&source, block, size);
	assert_true(needed <= size);
	return needed;
}

/* Offers a request in a slot; `text` is its HTTP/1.1 head. */
static inline void
stage_request(uint32_t slot, const char *text, bool has_body)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_REQUEST,
		.flags = has_body ? CHANNEL_FLAG_HAS_BODY : 0,
		.count = 1,
		.slot = slot,
		.generation = ++stage.generation,
	};
	uint32_t size;
	void *block = channel_block_alloc(stage.listener, CHANNEL_BLOCK_4K,
					  &descriptor.refs[0].block, &size);

	assert_non_null(block);
	descriptor.refs[0].length = (uint32_t)head_make(text, block, size);
	buffer_fini(&stage.answers[slot].body);
	memset(&stage.answers[slot], 0, sizeof(stage.answers[slot]));
	stage.answers[slot].generation = stage.generation;
	channel_claim_offer(stage.listener, slot, descriptor.generation);
	stage_send(&descriptor);
}

static inline void
stage_get(uint32_t slot, const char *path)
{
	char text[1024];

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
		 path);
	stage_request(slot, text, false);
}

static inline void
stage_body(uint32_t slot, const char *data, size_t length, bool last)
{
	struct channel_descriptor descriptor = {
		.type = CHANNEL_BODY,
		.flags = last ? CHANNEL_FLAG_LAST : 0,
		.slot = slot,
		.generation = stage.answers[slot].generation,
	};
	uint32_t size;
	void *block;

	if (length > 0) {
		block = channel_block_alloc(stage.listener, CHANNEL_BLOCK_64K,
					    &descriptor.refs[0].block, &size);
		assert_non_null(block);
		assert_true(length <= size);
		memcpy(block, data, length);
		descriptor.refs[0].length = (uint32_t)length;
		descriptor.count = 1;
	}
	stage_send(&descriptor);
}

static inline void
stage_signal(uint32_t slot, enum channel_type type, uint64_t value)
{
	stage_send(&(struct channel_descriptor){
		.type = (uint8_t)type,
		.slot = slot,
		.generation = stage.answers[slot].generation,
		.value = value });
}

#endif
