/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that are good by themselves and come in the wrong order, too
 * often, or never.
 */
#include "t/hostile/hostile.h"

#include <stdatomic.h>
#include <string.h>

#define WITH_END (CHANNEL_FLAG_LAST | CHANNEL_FLAG_END)

/* One more part of the body.  False: no block. */
static bool
send_body(struct evil *evil, struct evil_request *request,
	  enum channel_block_class block_class, uint32_t length, unsigned flags)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor descriptor =
		evil_describe(request, CHANNEL_BODY, flags);

	descriptor.refs[0] = evil_block(channel, block_class, NULL, length);
	if (descriptor.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	descriptor.count = 1;
	evil_write(channel->channel, &descriptor);
	return true;
}

static bool
fresh(const struct evil_request *request)
{
	return request->state != EVIL_RESPONDING && !request->aborted;
}

/* ---- order ----------------------------------------------------------------------- */

static bool
body_before_head(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor file =
		evil_describe(request, CHANNEL_FILE, 0);

	if (!fresh(request))
		return false;
	file.value2 = 1;
	if (variant == 1)
		evil_write(evil_channel_of(evil, request), &file);
	else if (!send_body(evil, request, CHANNEL_BLOCK_4K, 10, 0))
		return false;
	evil_publish(evil_channel_of(evil, request));
	return true;
}

static bool
two_heads(struct evil *evil, struct evil_request *request, int variant)
{
	return fresh(request) &&
	       evil_respond(evil, request, 200, 3, "one",
			    variant == 0 ? 0 : CHANNEL_FLAG_LAST) &&
	       evil_respond(evil, request, 200, 3, "two", 0);
}

static bool
body_after_last(struct evil *evil, struct evil_request *request, int variant)
{
	(void)variant;
	if (!fresh(request) ||
	    !evil_respond(evil, request, 200, 3, "one", CHANNEL_FLAG_LAST))
		return false;
	if (!send_body(evil, request, CHANNEL_BLOCK_4K, 10, 0))
		return false;
	evil_publish(evil_channel_of(evil, request));
	return true;
}

/* The head may be for HEAD or of a status without body: then it is no lie. */
static bool
longer_than_said(struct evil *evil, struct evil_request *request, int variant)
{
	(void)variant;
	return fresh(request) &&
	       evil_respond(evil, request, 200, 2, "longer than two", WITH_END);
}

static bool
shorter_than_said(struct evil *evil, struct evil_request *request, int variant)
{
	if (!fresh(request) ||
	    !evil_respond(evil, request, 200, variant, "short",
			  evil_chance(evil, 2) ? WITH_END : CHANNEL_FLAG_LAST))
		return false;
	evil_forget(evil, request);
	return true;
}

static bool
end_twice(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor end = evil_describe(request, CHANNEL_END, 0);
	struct channel *channel = evil_channel_of(evil, request);

	if (variant == 1 &&
	    (!fresh(request) ||
	     !evil_respond(evil, request, 200, 0, "", WITH_END)))
		return false;
	evil_write(channel, &end);
	evil_write(channel, &end);
	evil_publish(channel);
	return true;
}

/* END and then as if nothing had been. */
static bool
speak_after_end(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor end = evil_describe(request, CHANNEL_END, 0);
	struct channel_descriptor more = evil_describe(
		request, variant == 0 ? CHANNEL_FLUSH : CHANNEL_WINDOW, 0);

	more.value = variant;
	evil_write(evil_channel_of(evil, request), &end);
	evil_write(evil_channel_of(evil, request), &more);
	evil_publish(evil_channel_of(evil, request));
	return true;
}

/* ---- trailers -------------------------------------------------------------------- */

#define TRAILER(text)                                                          \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

static const struct {
	const char *text;
	uint32_t length;
} trailers[] = {
	TRAILER("Content-Length: 5\r\n"),
	TRAILER("Set-Cookie: a=b\r\n"),
	TRAILER("X-A: b\r\n\r\n"),
	TRAILER("X-A: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
	TRAILER("X-A: b"),
	TRAILER("X-A: b\nX-B: c\r\n"),
	TRAILER("X-A: b\0c\r\n"),
	TRAILER("X-A\r\n"),
	TRAILER(": b\r\n"),
	TRAILER("X A: b\r\n"),
};
#undef TRAILER

#define TRAILERS (sizeof(trailers) / sizeof(trailers[0]))

enum {
	TRAILERS_MANY = TRAILERS,
	TRAILERS_LONG,
	TRAILERS_BEYOND, /* more than the block has */
	TRAILERS_EARLY, /* without LAST */
	TRAILERS_TWICE,
	TRAILERS_GOOD,
	TRAILERS_CHANGED, /* while they are read */
};

/* Fills `memory`, which has room for 16 KiB. */
static uint32_t
make_trailers(char *memory, int variant)
{
	uint32_t length = 0;

	switch (variant) {
	case TRAILERS_MANY:
		for (unsigned i = 0; i < 33; i++, length += 6)
			memcpy(memory + length, "A: b\r\n", 6);
		return length;
	case TRAILERS_LONG:
		memset(memory, 'v', 9000);
		memcpy(memory, "A: ", 3);
		memcpy(memory + 8998, "\r\n", 2);
		return 9000;
	}
	if (variant < (int)TRAILERS) {
		memcpy(memory, trailers[variant].text,
		       trailers[variant].length);
		return trailers[variant].length;
	}
	memcpy(memory, "X-A: b\r\n", 8);
	return 8;
}

static bool
lie_in_trailers(struct evil *evil, struct evil_request *request, int variant)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor body = evil_describe(
		request, CHANNEL_BODY,
		variant == TRAILERS_EARLY ? 0 : CHANNEL_FLAG_LAST);
	char *memory;

	if (!fresh(request) || !evil_respond(evil, request, 200, -1, "x", 0))
		return false;
	body.refs[0] = evil_block(channel, CHANNEL_BLOCK_16K, NULL, 1);
	if (body.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	memory = (char *)evil_block_memory(channel, body.refs[0].block);
	body.count = 1;
	body.extra = body.refs[0].length = make_trailers(memory, variant);
	if (variant == TRAILERS_BEYOND)
		body.extra++;
	evil_write(channel->channel, &body);
	if (variant == TRAILERS_TWICE)
		evil_write(channel->channel, &body);
	evil_publish(channel->channel);
	if (variant != TRAILERS_CHANGED)
		return true;
	/* What was good when it was looked at. */
	for (unsigned i = 0; i < 20000; i++) {
		memcpy(memory + 5, i % 2 == 0 ? "\r\n\r" : "b\r\n", 3);
		atomic_thread_fence(memory_order_seq_cst);
	}
	return true;
}

/* ---- windows ----------------------------------------------------------------------- */

static bool
overrun_window(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor window =
		evil_describe(request, CHANNEL_WINDOW, 0);

	if (variant == 1) {
		/* The other direction: more and more is wanted. */
		window.value = CHANNEL_WINDOW_MAX_BYTES;
		for (unsigned i = 0; i < 600; i++)
			evil_write(evil_channel_of(evil, request), &window);
		evil_publish(evil_channel_of(evil, request));
		return true;
	}
	if (!fresh(request) || !evil_respond(evil, request, 200, -1, "", 0))
		return false;
	for (unsigned i = 0; i < 16; i++) {
		if (!send_body(evil, request, CHANNEL_BLOCK_64K, 65536, 0))
			break;
	}
	evil_publish(evil_channel_of(evil, request));
	return true;
}

/* ---- too much, too little -------------------------------------------------------------- */

/* Crumbs of a byte, each a chunk of its own. */
static bool
crumbs(struct evil *evil, struct evil_request *request, int variant)
{
	unsigned i;

	(void)variant;
	if (!fresh(request) || !evil_respond(evil, request, 200, -1, "", 0))
		return false;
	for (i = 0; i < 400; i++) {
		if (!send_body(evil, request, CHANNEL_BLOCK_4K, 1, 0))
			break;
	}
	evil_publish(evil_channel_of(evil, request));
	return i > 0;
}

/* The same block again while the listener may still have it. */
static bool
send_again(struct evil *evil, struct evil_request *request, int variant)
{
	struct evil_channel *channel = &evil->channels[request->channel];
	struct channel_descriptor body =
		evil_describe(request, CHANNEL_BODY, 0);

	if (!fresh(request) || !evil_respond(evil, request, 200, -1, "", 0))
		return false;
	body.refs[0] = evil_block(channel, CHANNEL_BLOCK_4K, "again", 5);
	if (body.refs[0].block == CHANNEL_BLOCK_NONE)
		return false;
	body.count = 1;
	evil_write(channel->channel, &body);
	if (variant == 1)
		body.refs[0].block++; /* another generation, same block */
	evil_write(channel->channel, &body);
	evil_publish(channel->channel);
	return true;
}

/*
 * The listener throws away what comes for a request that nobody waits for,
 * and owes the blocks.  It gets them again and again and nobody takes the
 * debts back.
 */
static bool
pile_up_releases(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel_descriptor body =
		evil_describe(request, CHANNEL_BODY, 0);
	struct evil_channel *channel = &evil->channels[request->channel];
	unsigned rounds = evil->quick ? 2000 : (unsigned)variant;

	for (unsigned i = 0; i < CHANNEL_REFERENCES_MAX; i++) {
		body.refs[i] = evil_block(channel, CHANNEL_BLOCK_4K, "pile", 4);
		if (body.refs[i].block == CHANNEL_BLOCK_NONE)
			return false;
	}
	body.count = CHANNEL_REFERENCES_MAX;
	if (fresh(request) && !evil_respond(evil, request, 200, -1, "", 0))
		return false;
	for (unsigned i = 0; i < rounds; i++)
		evil_write(channel->channel, &body);
	evil_publish(channel->channel);
	return true;
}

enum {
	FLOOD_FLUSH,
	FLOOD_WINDOW,
	FLOOD_WAKE
};

static bool
flood(struct evil *evil, struct evil_request *request, int variant)
{
	struct channel *channel = evil_channel_of(evil, request);
	struct channel_descriptor flush =
		evil_describe(request, CHANNEL_FLUSH, 0);
	struct channel_descriptor window =
		evil_describe(request, CHANNEL_WINDOW, 0);
	unsigned rounds = evil->quick ? 3000 : 30000;

	window.value = 1;
	for (unsigned i = 0; i < rounds; i++) {
		if (variant == FLOOD_WAKE)
			evil_wake(channel);
		else
			evil_forge(channel,
				   variant == FLOOD_FLUSH ? &flush : &window);
	}
	return true;
}

/* Nothing is given back, nothing ends. */
static bool
starve(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	for (int i = 0; i < variant; i++) {
		struct evil_request *one = evil_pick(evil);

		if (one != NULL) {
			struct channel_descriptor window =
				evil_describe(one, CHANNEL_WINDOW, 0);

			window.value = 1u << 30;
			evil_forge(evil_channel_of(evil, one), &window);
			evil_forget(evil, one);
		}
		evil_gather(evil, 1);
	}
	return true;
}

/* ---- tunnels ------------------------------------------------------------------------- */

enum {
	TUNNEL_UNASKED,
	TUNNEL_SHUTDOWN_OF_NONE,
	TUNNEL_200,
	TUNNEL_WITHOUT_FIELD,
	TUNNEL_AS_RESPONSE,
	TUNNEL_TWICE,
	TUNNEL_TWO_SHUTDOWNS,
	TUNNEL_BYTES_AFTER_SHUTDOWN,
	TUNNEL_HONEST,
};

static void
shut_down(struct evil *evil, struct evil_request *request)
{
	struct channel_descriptor flush =
		evil_describe(request, CHANNEL_FLUSH, 0);

	flush.value = CHANNEL_FLUSH_SHUTDOWN;
	evil_forge(evil_channel_of(evil, request), &flush);
}

static bool
tunnel_head(struct evil *evil, struct evil_request *request, int variant)
{
	return evil_respond_as(
		evil, request,
		variant == TUNNEL_AS_RESPONSE ? CHANNEL_RESPONSE :
						CHANNEL_UPGRADE,
		variant == TUNNEL_200 ? 200 : 101,
		variant != TUNNEL_WITHOUT_FIELD && variant != TUNNEL_200, 0);
}

static bool
tunnel(struct evil *evil, struct evil_request *request, int variant)
{
	bool asked = evil_may_upgrade(evil, request);

	if (!fresh(request) || asked != (variant > TUNNEL_SHUTDOWN_OF_NONE))
		return false;
	if (variant == TUNNEL_SHUTDOWN_OF_NONE) {
		if (!evil_respond(evil, request, 200, -1, "", 0))
			return false;
	} else if (!tunnel_head(evil, request, variant)) {
		return false;
	}
	if (variant == TUNNEL_TWICE)
		return tunnel_head(evil, request, variant);
	if (variant == TUNNEL_SHUTDOWN_OF_NONE ||
	    variant >= TUNNEL_TWO_SHUTDOWNS)
		shut_down(evil, request);
	if (variant == TUNNEL_TWO_SHUTDOWNS)
		shut_down(evil, request);
	if (variant == TUNNEL_BYTES_AFTER_SHUTDOWN) {
		(void)send_body(evil, request, CHANNEL_BLOCK_4K, 10, 0);
		evil_publish(evil_channel_of(evil, request));
	}
	return true;
}

bool
evil_wants_upgrade(const struct evil_kind *kind)
{
	return kind->fn == tunnel && kind->variant > TUNNEL_SHUTDOWN_OF_NONE;
}

static const struct evil_kind kinds[] = {
	{ "tunnel that nobody asked for", tunnel, TUNNEL_UNASKED, EVIL_CAUGHT,
	  true, 0 },
	{ "shutdown of a response", tunnel, TUNNEL_SHUTDOWN_OF_NONE,
	  EVIL_CAUGHT, true, 0 },
	{ "tunnel with status 200", tunnel, TUNNEL_200, EVIL_CAUGHT, true, 0 },
	{ "tunnel without protocol", tunnel, TUNNEL_WITHOUT_FIELD, EVIL_CAUGHT,
	  true, 0 },
	{ "response with status 101", tunnel, TUNNEL_AS_RESPONSE, EVIL_CAUGHT,
	  true, 0 },
	{ "two tunnels", tunnel, TUNNEL_TWICE, EVIL_CAUGHT, true, 0 },
	{ "two shutdowns", tunnel, TUNNEL_TWO_SHUTDOWNS, EVIL_CAUGHT, true, 0 },
	{ "bytes after the shutdown", tunnel, TUNNEL_BYTES_AFTER_SHUTDOWN,
	  EVIL_CAUGHT, true, 0 },
	{ "tunnel that is left", tunnel, TUNNEL_HONEST, EVIL_MAYBE, true, 0 },
	{ "trailer with a length", lie_in_trailers, 0, EVIL_CAUGHT, true, 0 },
	{ "trailer that sets a cookie", lie_in_trailers, 1, EVIL_CAUGHT, true,
	  0 },
	{ "trailer that ends too early", lie_in_trailers, 2, EVIL_CAUGHT, true,
	  0 },
	{ "trailer and another response", lie_in_trailers, 3, EVIL_CAUGHT, true,
	  0 },
	{ "trailer without an end", lie_in_trailers, 4, EVIL_CAUGHT, true, 0 },
	{ "trailer with a line feed", lie_in_trailers, 5, EVIL_CAUGHT, true,
	  0 },
	{ "trailer with NUL", lie_in_trailers, 6, EVIL_CAUGHT, true, 0 },
	{ "trailer without a colon", lie_in_trailers, 7, EVIL_CAUGHT, true, 0 },
	{ "trailer without a name", lie_in_trailers, 8, EVIL_CAUGHT, true, 0 },
	{ "trailer with a blank in its name", lie_in_trailers, 9, EVIL_CAUGHT,
	  true, 0 },
	{ "more trailers than allowed", lie_in_trailers, TRAILERS_MANY,
	  EVIL_CAUGHT, true, 0 },
	{ "longer trailers than allowed", lie_in_trailers, TRAILERS_LONG,
	  EVIL_CAUGHT, true, 0 },
	{ "trailers beyond their block", lie_in_trailers, TRAILERS_BEYOND,
	  EVIL_CAUGHT, true, 0 },
	{ "trailers before the end", lie_in_trailers, TRAILERS_EARLY,
	  EVIL_CAUGHT, true, 0 },
	{ "trailers twice", lie_in_trailers, TRAILERS_TWICE, EVIL_CAUGHT, true,
	  0 },
	{ "trailers as they should be", lie_in_trailers, TRAILERS_GOOD,
	  EVIL_MAYBE, true, 0 },
	{ "trailers that change", lie_in_trailers, TRAILERS_CHANGED, EVIL_MAYBE,
	  true, 0 },
	{ "body before head", body_before_head, 0, EVIL_CAUGHT, true, 0 },
	{ "file before head", body_before_head, 1, EVIL_CAUGHT, true, 0 },
	{ "two heads", two_heads, 0, EVIL_CAUGHT, true, 0 },
	{ "two complete responses", two_heads, 1, EVIL_CAUGHT, true, 0 },
	{ "body after the last", body_after_last, 0, EVIL_CAUGHT, true, 0 },
	{ "longer than its length", longer_than_said, 0, EVIL_MAYBE, true, 0 },
	{ "shorter than its length", shorter_than_said, 1000, EVIL_MAYBE, true,
	  0 },
	{ "length 2^31-1", shorter_than_said, INT32_MAX, EVIL_MAYBE, true, 0 },
	{ "end twice", end_twice, 0, EVIL_CAUGHT, true, 0 },
	{ "end twice after an answer", end_twice, 1, EVIL_CAUGHT, true, 0 },
	{ "flush after end", speak_after_end, 0, EVIL_CAUGHT, true, 0 },
	{ "window after end", speak_after_end, 1, EVIL_CAUGHT, true, 0 },
	{ "window overrun", overrun_window, 0, EVIL_MAYBE, true, 0 },
	{ "windows without end", overrun_window, 1, EVIL_MAYBE, true, 0 },
	{ "crumbs", crumbs, 0, EVIL_MAYBE, true, 0 },
	{ "block sent again", send_again, 0, EVIL_MAYBE, true, 0 },
	{ "block sent again under another name", send_again, 1, EVIL_MAYBE,
	  true, 0 },
	{ "releases that pile up", pile_up_releases, 500000, EVIL_MAYBE, true,
	  8 },
	{ "flood of flushes", flood, FLOOD_FLUSH, EVIL_MAYBE, true, 8 },
	{ "flood of windows", flood, FLOOD_WINDOW, EVIL_MAYBE, true, 8 },
	{ "flood of wake-ups", flood, FLOOD_WAKE, EVIL_MAYBE, true, 8 },
	{ "nothing is given back", starve, 50, EVIL_MAYBE, true, 4 },
};

struct evil_kinds
evil_body_kinds(void)
{
	return EVIL_KINDS(kinds);
}
