/* SPDX-License-Identifier: Apache-2.0
 *
 * What an honest worker does, roughly, and the tools of lies.  The rings are
 * read and written here directly.
 */
#include "t/hostile/hostile.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/channel/message.h"
#include "core/http/request_head.h"
#include "core/http/response_head.h"

/* ---- chance and time ----------------------------------------------------------- */

uint64_t
evil_draw(struct evil *evil, uint64_t below)
{
	uint64_t x = evil->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

void
evil_fill(struct evil *evil, void *memory, size_t size)
{
	unsigned char *bytes = memory;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)evil_draw(evil, 256);
}

uint64_t
evil_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void
evil_nap_us(unsigned microseconds)
{
	struct timespec time = { 0, (long)microseconds * 1000 };

	(void)nanosleep(&time, NULL);
}

/* ---- sending ---------------------------------------------------------------------- */

void
evil_wake(struct channel *channel)
{
	const uint64_t one = 1;

	/* One that cannot be heard tells few lies, and nobody would notice. */
	if (write(channel->wake_peer, &one, sizeof(one)) < 0 && errno == EINVAL)
		fprintf(stderr, "hostile-worker: cannot wake the listener\n");
}

void
evil_publish(struct channel *channel)
{
	atomic_store_explicit(&channel->out->producer.tail, channel->tail,
			      memory_order_release);
	evil_wake(channel);
}

void
evil_write(struct channel *channel, const struct channel_descriptor *descriptor)
{
	/* A full ring is waited for, but not for long. */
	for (unsigned i = 0; i < 200; i++) {
		uint64_t head = atomic_load_explicit(
			&channel->in->consumer.head, memory_order_acquire);

		if (channel->tail - head < channel->ring_size)
			break;
		evil_publish(channel);
		evil_nap_us(50);
	}
	channel->out_ring[channel->tail & channel->ring_mask] = *descriptor;
	channel->tail++;
}

void
evil_forge(struct channel *channel, const struct channel_descriptor *descriptor)
{
	evil_write(channel, descriptor);
	evil_publish(channel);
}

struct channel *
evil_channel_of(struct evil *evil, const struct evil_request *request)
{
	return evil->channels[request->channel].channel;
}

struct channel_descriptor
evil_describe(const struct evil_request *request, enum channel_type type,
	      unsigned flags)
{
	return (struct channel_descriptor){
		.type = (uint8_t)type,
		.flags = (uint8_t)flags,
		.slot = request->request.slot,
		.generation = request->request.generation,
	};
}

/* ---- blocks: the first segment is enough --------------------------------------------- */

unsigned char *
evil_block_memory(struct evil_channel *channel, uint32_t block)
{
	return segment_memory(&channel->channel->own.segments[0],
			      CHANNEL_BLOCK_INDEX(block));
}

struct channel_reference
evil_block(struct evil_channel *channel, enum channel_block_class block_class,
	   const void *data, uint32_t length)
{
	const struct segment *segment = &channel->channel->own.segments[0];
	uint32_t first = segment->first[block_class];
	uint32_t count = segment->first[block_class + 1] - first;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = first + channel->cursor[block_class];
		uint32_t block;

		channel->cursor[block_class] =
			(channel->cursor[block_class] + 1) % count;
		if (channel->used[index])
			continue;
		channel->used[index] = true;
		block = CHANNEL_BLOCK(0, index, ++channel->generation);
		if (data != NULL)
			memcpy(segment_memory(segment, index), data, length);
		return (struct channel_reference){ block, length };
	}
	return (struct channel_reference){ CHANNEL_BLOCK_NONE, 0 };
}

/* ---- requests --------------------------------------------------------------------------- */

static void
claim_set(struct channel *channel, const struct evil_request *request,
	  enum channel_claim claim)
{
	atomic_store_explicit(&channel->claims[request->request.slot].claim,
			      CHANNEL_CLAIM_WORD(request->request.generation,
						 claim),
			      memory_order_release);
}

static void
start(struct evil *evil, struct evil_request *request)
{
	struct channel *channel = evil_channel_of(evil, request);
	uint32_t expected = CHANNEL_CLAIM_WORD(request->request.generation,
					       CHANNEL_CLAIM_OFFERED);

	if (request->state >= EVIL_STARTED)
		return;
	if (request->state == EVIL_OFFERED &&
	    !atomic_compare_exchange_strong(
		    &channel->claims[request->request.slot].claim, &expected,
		    CHANNEL_CLAIM_WORD(request->request.generation,
				       CHANNEL_CLAIM_TAKEN))) {
		/* It was revoked; the pick goes on without it. */
		request->request.generation = 0;
		return;
	}
	claim_set(channel, request, CHANNEL_CLAIM_STARTED);
	request->state = EVIL_STARTED;
}

void
evil_forget(struct evil *evil, struct evil_request *request)
{
	*request = evil->requests[--evil->request_count];
}

struct evil_request *
evil_pick(struct evil *evil)
{
	while (evil->request_count > 0) {
		struct evil_request *request =
			&evil->requests[evil_draw(evil, evil->request_count)];

		start(evil, request);
		if (request->request.generation != 0)
			return request;
		evil_forget(evil, request);
	}
	return NULL;
}

/* Only the first segment of the listener is mapped. */
static bool
is_staying(struct evil *evil, const struct evil_request *request)
{
	static const char mark[] = "/evil/stay/";
	struct channel *channel = evil_channel_of(evil, request);
	struct channel_reference head = request->request.refs[0];

	return !request->aborted && request->state != EVIL_RESPONDING &&
	       CHANNEL_BLOCK_SEGMENT(head.block) == 0 &&
	       memmem(segment_memory(&channel->peer.segments[0],
				     CHANNEL_BLOCK_INDEX(head.block)),
		      head.length, mark, sizeof(mark) - 1) != NULL;
}

bool
evil_may_upgrade(struct evil *evil, const struct evil_request *request)
{
	const struct http_request_head *head = channel_block_data(
		evil_channel_of(evil, request), request->request.refs[0]);

	return head != NULL && (head->flags & HTTP_REQUEST_UPGRADE) != 0;
}

struct evil_request *
evil_pick_staying(struct evil *evil, bool upgrade)
{
	for (unsigned i = 0; i < evil->request_count;) {
		struct evil_request *request = &evil->requests[i];

		if (!is_staying(evil, request) ||
		    (upgrade && !evil_may_upgrade(evil, request))) {
			i++;
			continue;
		}
		start(evil, request);
		if (request->request.generation != 0)
			return request;
		evil_forget(evil, request);
	}
	return NULL;
}

static void
note_request(struct evil *evil, unsigned number,
	     const struct channel_descriptor *descriptor)
{
	atomic_fetch_add(&evil->stats->requests, 1);
	/* Those beyond are left lying; that is one of the things to be seen. */
	if (evil->request_count == EVIL_REQUESTS_MAX)
		return;
	evil->requests[evil->request_count++] = (struct evil_request){
		.request = *descriptor,
		.channel = number,
	};
}

static void
note_abort(struct evil *evil, unsigned number,
	   const struct channel_descriptor *descriptor)
{
	for (unsigned i = 0; i < evil->request_count; i++) {
		struct evil_request *request = &evil->requests[i];

		if (request->channel == number &&
		    request->request.slot == descriptor->slot &&
		    request->request.generation == descriptor->generation)
			request->aborted = true;
	}
}

static void
take_descriptor(struct evil *evil, unsigned number,
		const struct channel_descriptor *descriptor)
{
	struct evil_channel *channel = &evil->channels[number];
	struct channel_descriptor release = { .type = CHANNEL_RELEASE,
					      .count = 1 };

	switch (descriptor->type) {
	case CHANNEL_REQUEST:
		note_request(evil, number, descriptor);
		break;
	case CHANNEL_ABORT:
		note_abort(evil, number, descriptor);
		break;
	case CHANNEL_RELEASE:
		for (unsigned i = 0; i < descriptor->count; i++)
			channel->used[CHANNEL_BLOCK_INDEX(
				descriptor->blocks[i])] = false;
		break;
	case CHANNEL_BODY:
		/* Most are given back; one is kept to lie about. */
		for (unsigned i = 0; i < descriptor->count; i++) {
			if (channel->received == CHANNEL_BLOCK_NONE) {
				channel->received = descriptor->refs[i].block;
				continue;
			}
			release.blocks[0] = descriptor->refs[i].block;
			evil_forge(channel->channel, &release);
		}
		break;
	}
}

/* What is in one ring now. */
static void
drain(struct evil *evil, unsigned number)
{
	struct channel *channel = evil->channels[number].channel;
	uint64_t tail = atomic_load_explicit(&channel->in->producer.tail,
					     memory_order_acquire);

	while (channel->head != tail) {
		struct channel_descriptor descriptor =
			channel->in_ring[channel->head & channel->ring_mask];

		channel->head++;
		atomic_store_explicit(&channel->out->consumer.head,
				      channel->head, memory_order_release);
		take_descriptor(evil, number, &descriptor);
	}
}

/* Sleep until one of the rings moves; true: some may have. */
static bool
sleep_for(struct evil *evil, int milliseconds)
{
	struct pollfd fds[EVIL_CHANNELS_MAX];
	char bytes[256];

	for (unsigned i = 0; i < evil->count; i++) {
		struct evil_channel *channel = &evil->channels[i];

		atomic_store(&channel->channel->out->consumer.sleeping,
			     CHANNEL_SLEEP_WORD(++channel->sleeps,
						CHANNEL_STARVED));
		fds[i].fd = channel->channel->wake_own;
		fds[i].events = POLLIN;
		if (atomic_load(&channel->channel->in->producer.tail) !=
		    channel->channel->head)
			milliseconds = 0;
	}
	if (poll(fds, evil->count, milliseconds) <= 0)
		return milliseconds == 0;
	for (unsigned i = 0; i < evil->count; i++) {
		if ((fds[i].revents & POLLIN) != 0 &&
		    read(fds[i].fd, bytes, sizeof(bytes)) < 0)
			return false;
	}
	return true;
}

void
evil_gather(struct evil *evil, unsigned milliseconds)
{
	uint64_t until = evil_now_ms() + milliseconds;

	for (;;) {
		uint64_t now;

		for (unsigned i = 0; i < evil->count; i++)
			drain(evil, i);
		now = evil_now_ms();
		if (evil->request_count > 0 || now >= until)
			return;
		(void)sleep_for(evil, (int)(until - now));
	}
}

/* ---- answers -------------------------------------------------------------------------------- */

uint32_t
evil_head(void *memory, unsigned status, int64_t length)
{
	struct http_response_head fixed = { .status = (uint16_t)status,
					    .content_length = length };
	struct http_response_writer writer;

	http_response_head_begin(&writer, memory, 4096);
	http_response_head_add(&writer, HTTP_HEADER_CONTENT_TYPE, "text/plain",
			       10);
	http_response_head_add_name(&writer, "X-Evil", 6, "yes", 3);
	return (uint32_t)http_response_head_end(&writer, &fixed);
}

bool
evil_respond(struct evil *evil, struct evil_request *request, unsigned status,
	     int64_t length, const char *body, unsigned flags)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor descriptor =
		evil_describe(request, CHANNEL_RESPONSE, flags);
	size_t size = strlen(body);
	unsigned char *memory;

	descriptor.refs[0] = evil_block(channel, CHANNEL_BLOCK_4K, NULL, 0);
	if (descriptor.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	memory = evil_block_memory(channel, descriptor.refs[0].block);
	descriptor.count = 1;
	descriptor.extra = evil_head(memory, status, length);
	memcpy(memory + descriptor.extra, body, size);
	descriptor.refs[0].length = descriptor.extra + (uint32_t)size;
	evil_forge(channel->channel, &descriptor);
	request->state = EVIL_RESPONDING;
	return true;
}

bool
evil_respond_as(struct evil *evil, struct evil_request *request,
		enum channel_type type, unsigned status, bool upgrade,
		unsigned flags)
{
	const struct http_response_head fixed = {
		.status = (uint16_t)status,
		.content_length = HTTP_RESPONSE_LENGTH_UNKNOWN,
	};
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor descriptor =
		evil_describe(request, type, flags);
	struct http_response_writer writer;

	descriptor.refs[0] = evil_block(channel, CHANNEL_BLOCK_4K, NULL, 0);
	if (descriptor.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	http_response_head_begin(
		&writer, evil_block_memory(channel, descriptor.refs[0].block),
		4096);
	if (upgrade)
		http_response_head_add(&writer, HTTP_HEADER_UPGRADE, "x", 1);
	descriptor.extra = (uint32_t)http_response_head_end(&writer, &fixed);
	descriptor.count = 1;
	descriptor.refs[0].length = descriptor.extra;
	evil_forge(channel->channel, &descriptor);
	request->state = EVIL_RESPONDING;
	return true;
}

static void
end(struct evil *evil, struct evil_request *request, unsigned flags)
{
	struct channel_descriptor descriptor =
		evil_describe(request, CHANNEL_END, flags);

	evil_forge(evil_channel_of(evil, request), &descriptor);
	evil_forget(evil, request);
}

/* The next thing that becomes of a request. */
static void
go_on(struct evil *evil, struct evil_request *request)
{
	struct channel_descriptor descriptor;

	if (request->state == EVIL_RESPONDING || request->aborted) {
		end(evil, request,
		    evil_chance(evil, 2) ? CHANNEL_FLAG_FAILED : 0);
		return;
	}
	switch (evil_draw(evil, 6)) {
	case 0: /* a window, so that bodies come */
		descriptor = evil_describe(request, CHANNEL_WINDOW, 0);
		descriptor.value = 1 + evil_draw(evil, 100000);
		evil_forge(evil_channel_of(evil, request), &descriptor);
		break;
	case 1: /* the beginning of an answer */
		(void)evil_respond(evil, request, 200, -1, "begun", 0);
		break;
	case 2:
		(void)evil_respond(evil, request, 404, 4, "none",
				   CHANNEL_FLAG_LAST);
		break;
	case 3:
		end(evil, request, 0);
		break;
	default:
		if (evil_respond(evil, request, 200, 4, "fine",
				 CHANNEL_FLAG_LAST | CHANNEL_FLAG_END))
			evil_forget(evil, request);
		break;
	}
}

void
evil_work(struct evil *evil)
{
	struct evil_request *request;

	evil_gather(evil, 2);
	if (evil_chance(evil, 3))
		return; /* left lying */
	request = evil_pick(evil);
	if (request != NULL)
		go_on(evil, request);
}

void
evil_answer_all(struct evil *evil)
{
	for (;;) {
		struct evil_request *request = evil_pick(evil);

		if (request == NULL)
			return;
		if (request->state == EVIL_RESPONDING || request->aborted)
			end(evil, request, CHANNEL_FLAG_FAILED);
		else if (evil_respond(evil, request, 200, 4, "fine",
				      CHANNEL_FLAG_LAST | CHANNEL_FLAG_END))
			evil_forget(evil, request);
		else
			return;
	}
}

/* ---- messages -------------------------------------------------------------------------------- */

#define FDS_MAX 253 /* SCM_MAX_FD */

bool
evil_message(int socket, const void *data, size_t size, const int *fds,
	     size_t nfds)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec part = { (void *)(uintptr_t)data, size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * nfds);
	}
	/* The receiver's queue may be full for a moment. */
	for (unsigned i = 0; i < 100; i++) {
		if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return true;
		evil_nap_us(100);
	}
	return false;
}

bool
evil_pass(struct channel *channel, uint32_t number, int fd)
{
	struct channel_message message = {
		.magic = CHANNEL_MESSAGE_MAGIC,
		.type = CHANNEL_MESSAGE_FILE,
		.size = sizeof(message),
		.number = number,
	};

	return evil_message(channel->socket, &message, sizeof(message), &fd,
			    fd >= 0);
}
