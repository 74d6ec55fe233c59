/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: a listener that gets the input as a client of HTTP/2 would send
 * it, while a worker answers what comes of it: the glue between frames and
 * requests, with its windows, resets, trailers, tunnels and ends.
 * fuzz/http2_frames_fuzz.c has the frames alone.
 *
 * The first byte says how: bit 0: the preface and SETTINGS come first; bit 1:
 * the input is sent in two pieces; bits 2 and 3: what the worker answers (all
 * at once, in parts, a tunnel where one is asked for, nothing); bit 4: the
 * client reads all before it goes.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/check.h"
#include "core/http/response_head.h"
#include "fuzz/fuzz.h"
#include "t/unit/listener/stage.h"

/* Looks at client and worker, of 1 ms each when nothing happens. */
#define TURNS_MAX 400

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
			      "\0\0\0\4\0\0\0\0\0";

enum answer {
	ANSWER_WHOLE,
	ANSWER_PARTS,
	ANSWER_TUNNEL,
	ANSWER_NOTHING
};

static struct stage stage;
static struct fake_worker worker;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	stage_open(&stage, "", "\"connectionTimeout\": \"1s\"");
	fake_worker_open(&worker, &stage, 1);
	return 0;
}

/* ---- the worker -------------------------------------------------------------- */

/* Generations of the requests that it has, by slot; 0: none. */
static uint32_t open_requests[65536];

static void
end(const struct channel_descriptor *request, unsigned flags)
{
	if (open_requests[request->slot] != request->generation)
		return;
	open_requests[request->slot] = 0;
	fake_worker_end(&worker, request, flags);
}

static void
send_block(const struct channel_descriptor *request, unsigned type,
	   const char *bytes, size_t length, uint32_t head, unsigned flags)
{
	struct channel_descriptor descriptor = {
		.type = (uint8_t)type,
		.flags = (uint8_t)flags,
		.count = 1,
		.slot = request->slot,
		.generation = request->generation,
		.extra = head,
	};

	descriptor.refs[0] = fake_worker_block(&worker, bytes, length);
	fake_worker_send(&worker, &descriptor);
}

static void
send_part(const struct channel_descriptor *request, const char *text,
	  unsigned flags)
{
	send_block(request, CHANNEL_BODY, text, strlen(text), 0, flags);
}

static void
send_upgrade(const struct channel_descriptor *request)
{
	struct http_response_head fixed = { .status = 101,
					    .content_length = -1 };
	struct http_response_writer writer;
	char text[1024];
	size_t head;

	http_response_head_begin(&writer, text, sizeof(text));
	http_response_head_add(&writer, HTTP_HEADER_UPGRADE, "x", 1);
	head = http_response_head_end(&writer, &fixed);
	send_block(request, CHANNEL_UPGRADE, text, head, (uint32_t)head, 0);
}

static void
want_body(const struct channel_descriptor *request)
{
	const struct channel_descriptor window = {
		.type = CHANNEL_WINDOW,
		.slot = request->slot,
		.generation = request->generation,
		.value = 32768,
	};

	fake_worker_send(&worker, &window);
}

static void
answer_request(const struct channel_descriptor *request, enum answer answer)
{
	const struct http_request_head *head;

	/* Until it has been taken its head may be that of another. */
	if (!channel_claim_take(worker.channel, request->slot,
				request->generation) ||
	    !channel_claim_start(worker.channel, request->slot,
				 request->generation))
		return;
	head = fake_worker_head(&worker, request);
	open_requests[request->slot] = request->generation;
	if (answer != ANSWER_WHOLE)
		want_body(request);
	if (answer == ANSWER_NOTHING)
		return;
	if (answer == ANSWER_TUNNEL &&
	    (head->flags & HTTP_REQUEST_UPGRADE) != 0) {
		send_upgrade(request);
		send_part(request, "from the tunnel", 0);
		return;
	}
	if (answer == ANSWER_PARTS) {
		fake_worker_respond(&worker, request, 200, -1, "", 0);
		send_part(request, "a part", 0);
		send_part(request, "the last", CHANNEL_FLAG_LAST);
	} else {
		fake_worker_respond(&worker, request, 200, 5, "whole",
				    CHANNEL_FLAG_LAST);
	}
	end(request, 0);
}

/* Wants all of a body; a tunnel ends when the client does. */
static void
take_body(const struct channel_descriptor *body)
{
	for (unsigned i = 0; i < body->count; i++)
		channel_release(worker.channel, body->refs[i].block);
	if ((body->flags & CHANNEL_FLAG_LAST) != 0)
		end(body, 0);
}

static bool
work(enum answer answer)
{
	struct channel_descriptor descriptor;
	enum portico_status status;
	bool any = false;

	while ((status = channel_receive(worker.channel, &descriptor)) ==
	       PORTICO_OK) {
		any = true;
		if (descriptor.type == CHANNEL_REQUEST) {
			answer_request(&descriptor, answer);
		} else if (descriptor.type == CHANNEL_BODY) {
			take_body(&descriptor);
		} else if (descriptor.type == CHANNEL_ABORT) {
			end(&descriptor, CHANNEL_FLAG_FAILED);
		}
	}
	/* The listener has nothing to complain about. */
	ASSERT(status == PORTICO_AGAIN);
	channel_flush(worker.channel);
	return any;
}

/* ---- the client -------------------------------------------------------------- */

static void
put(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t done =
			send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (done <= 0)
			return; /* it has enough of us, or does not read */
		data += done;
		size -= (size_t)done;
	}
}

/* True at the end of the connection. */
static bool
read_some(int fd, int wait_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char bytes[16384];

	return poll(&poll_fd, 1, wait_ms) == 1 &&
	       recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned how = size == 0 ? 0 : data[0];
	enum answer answer = (enum answer)(how >> 2 & 3);
	const struct linger gone = { .l_onoff = 1, .l_linger = 0 };
	size_t half;
	int fd;

	if (size == 0)
		return 0;
	data++;
	size--;
	half = (how & 2) != 0 ? size / 2 : size;
	fd = client_connect(&stage);
	/* So many connections would use up the ports. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof(gone));
	if ((how & 1) != 0)
		put(fd, (const uint8_t *)preface, sizeof(preface) - 1);
	put(fd, data, half);
	if (half < size) {
		(void)work(answer);
		(void)read_some(fd, 1);
		put(fd, data + half, size - half);
	}
	if ((how & 16) != 0)
		for (int i = 0; i < 5 && !read_some(fd, 1); i++)
			(void)work(answer);
	shutdown(fd, SHUT_WR);
	for (int i = 0; i < TURNS_MAX && !read_some(fd, 1); i++)
		(void)work(answer);
	close(fd);
	while (work(answer))
		;
	return 0;
}
