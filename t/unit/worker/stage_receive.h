/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's end of the stage: what comes back, and turns of the loop.
 */
#ifndef T_UNIT_WORKER_STAGE_RECEIVE_H
#define T_UNIT_WORKER_STAGE_RECEIVE_H

#include "t/unit/worker/stage_send.h"

static inline void
take_block(struct channel_reference reference)
{
	if (stage.return_blocks)
		channel_release(stage.listener, reference.block);
	else
		stage.kept[stage.kept_count++] = reference.block;
}

static inline void
stage_return_kept(void)
{
	while (stage.kept_count > 0)
		channel_release(stage.listener, stage.kept[--stage.kept_count]);
}

/* References with body; the first may begin with the head. */
static inline void
take_body(struct answer *answer, const struct channel_descriptor *descriptor,
	  uint32_t skip)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < descriptor->count; i++) {
		const char *data =
			channel_block_data(stage.listener, descriptor->refs[i]);
		uint32_t length = descriptor->refs[i].length;

		assert_non_null(data);
		buffer_append(&answer->body, data + skip, length - skip);
		bytes += length - skip;
		skip = 0;
		take_block(descriptor->refs[i]);
	}
	if (stage.return_window && bytes > 0 &&
	    (descriptor->flags & CHANNEL_FLAG_LAST) == 0)
		stage_signal(descriptor->slot, CHANNEL_WINDOW, bytes);
}

static inline void
take_head(struct answer *answer, const struct channel_descriptor *descriptor)
{
	static char copy[65536];
	const struct http_emit_options options = { .minor = 1,
						   .keep_alive = true };
	ssize_t length;

	memcpy(copy, channel_block_data(stage.listener, descriptor->refs[0]),
	       descriptor->extra);
	length = http_response_head_emit_h1(copy, descriptor->extra, &options,
					    answer->head, sizeof(answer->head),
					    &answer->info);
	if (length < 0)
		fail_msg("head refused: %s",
			 http_response_fault_text((int)length));
	answer->head[length] = '\0';
	assert_int_equal(answer->info.size, descriptor->extra);
}

static inline void
take_end(struct answer *answer, const struct channel_descriptor *descriptor)
{
	answer->ends++;
	answer->ended = true;
	answer->failed = (descriptor->flags & CHANNEL_FLAG_FAILED) != 0;
	if (descriptor->count == 1) {
		const char *record =
			channel_block_data(stage.listener, descriptor->refs[0]);

		assert_int_equal(record[0], 1);
		memcpy(answer->user, record + 2, (unsigned char)record[1]);
		take_block(descriptor->refs[0]);
	}
}

static inline void
stage_take(const struct channel_descriptor *descriptor)
{
	struct answer *answer = &stage.answers[descriptor->slot];

	if (descriptor->type == CHANNEL_FILE_CLOSE)
		return;
	assert_int_equal(descriptor->generation, answer->generation);
	assert_false(answer->ended);
	answer->descriptors++;
	switch (descriptor->type) {
	case CHANNEL_RESPONSE:
		assert_int_equal(answer->responses++, 0);
		take_head(answer, descriptor);
		take_body(answer, descriptor, descriptor->extra);
		break;
	case CHANNEL_BODY:
		assert_int_equal(answer->responses, 1);
		assert_false(answer->last);
		answer->bodies++;
		take_body(answer, descriptor, 0);
		break;
	case CHANNEL_FILE:
		assert_int_equal(answer->responses, 1);
		answer->files++;
		answer->file_offset = descriptor->value;
		answer->file_bytes += descriptor->value2;
		break;
	case CHANNEL_FLUSH:
		answer->flushes++;
		break;
	case CHANNEL_WINDOW:
		answer->windows++;
		answer->window_bytes += descriptor->value;
		break;
	case CHANNEL_END:
		take_end(answer, descriptor);
		break;
	default:
		fail_msg("unexpected descriptor %u", descriptor->type);
	}
	if (descriptor->type == CHANNEL_END)
		return;
	if ((descriptor->flags & CHANNEL_FLAG_LAST) != 0)
		answer->last = true;
	if ((descriptor->flags & CHANNEL_FLAG_END) != 0)
		answer->ended = answer->end_was_flag = true;
}

/* One turn of the worker's loop, then everything it has sent. */
static inline void
stage_turn(void)
{
	struct channel_descriptor descriptor;

	channel_flush(stage.listener);
	loop_turn(stage.loop, false);
	channel_socket_readable(stage.listener);
	for (;;) {
		enum portico_status status =
			channel_receive(stage.listener, &descriptor);

		if (status == PORTICO_AGAIN)
			break;
		if (status != PORTICO_OK)
			fail_msg("the worker lied: %s",
				 channel_lie(stage.listener));
		stage_take(&descriptor);
	}
	channel_flush(stage.listener);
}

static inline void
stage_turns(int count)
{
	while (count-- > 0)
		stage_turn();
}

/* Until the request in the slot has ended; fails after 5 seconds. */
static inline struct answer *
stage_finish(uint32_t slot)
{
	for (int i = 0; i < 5000; i++) {
		stage_turn();
		if (stage.answers[slot].ended) {
			stage_turns(2);
			return &stage.answers[slot];
		}
		if (i > 20)
			usleep(1000);
	}
	fail_msg("request %u did not end", slot);
	return NULL;
}

/* No block is out and no request alive. */
static inline void
stage_assert_clean(void)
{
	struct channel_usage usage;

	stage_return_kept();
	/* Releases alone do not wake it. */
	stage_send(&(struct channel_descriptor){ .type = CHANNEL_DRAIN });
	stage_turns(3);
	assert_int_equal(stage.attachment->active, 0);
	channel_get_usage(stage.attachment->channel, &usage);
	for (int i = 0; i < CHANNEL_BLOCK_CLASSES; i++)
		assert_int_equal(usage.in_use[i], 0);
	assert_int_equal(usage.held, 0);
	channel_get_usage(stage.listener, &usage);
	assert_int_equal(usage.held, 0);
}

static inline const char *
answer_body(struct answer *answer)
{
	const char *text = buffer_text(&answer->body);

	return text == NULL ? "" : text;
}

#define assert_head_has(answer, text)                                          \
	do {                                                                   \
		if (strstr((answer)->head, (text)) == NULL)                    \
			fail_msg("\"%s\" not found in: %s", (text),            \
				 (answer)->head);                              \
	} while (0)
#define assert_head_lacks(answer, text)                                        \
	do {                                                                   \
		if (strstr((answer)->head, (text)) != NULL)                    \
			fail_msg("\"%s\" found in: %s", (text),                \
				 (answer)->head);                              \
	} while (0)

#endif
