/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the chat's handler with the test kit: the test is all of its clients,
 * and plays the pool's other worker with the functions of shared.h.
 */
#undef NDEBUG
#include <portico/testkit_tunnel.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <portico/portico.h>

#include "websocket.h"

#define SECOND UINT64_C(1000000000)
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static struct kit *kit;

static void
open_kit(void)
{
	kit = kit_open(&(struct kit_options){ .entry = portico_module_entry },
		       NULL);
	assert(kit != NULL);
}

/* ---- a client ------------------------------------------------------------------ */

struct fields {
	const char *upgrade, *version, *key;
};

static struct kit_request *
ask(struct fields fields)
{
	struct kit_request *client = kit_request(kit, "GET", "/chat");

	if (fields.upgrade != NULL)
		kit_offer(client, fields.upgrade);
	if (fields.version != NULL)
		kit_field(client, "Sec-WebSocket-Version", fields.version);
	if (fields.key != NULL)
		kit_field(client, "Sec-WebSocket-Key", fields.key);
	kit_run(client);
	return client;
}

static struct kit_request *
join(void)
{
	struct kit_request *client =
		ask((struct fields){ "websocket", "13", KEY });

	assert(kit_state(client) == KIT_TUNNEL);
	return client;
}

/* A frame as clients send it, masked; its size. */
static size_t
make_frame(char *frame, unsigned first, const char *data, size_t length)
{
	static const char mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	size_t head = ws_head(frame, WS_TEXT, length);

	frame[0] = (char)first;
	frame[1] = (char)((unsigned char)frame[1] | 0x80);
	memcpy(frame + head, mask, 4);
	for (size_t i = 0; i < length; i++)
		frame[head + 4 + i] = (char)(data[i] ^ mask[i % 4]);
	return head + 4 + length;
}

static void
send_bytes(struct kit_request *client, unsigned first, const char *data,
	   size_t length)
{
	static char frame[WS_HEAD_MAX + 4 + 2 * WS_MESSAGE_MAX];
	size_t size = make_frame(frame, first, data, length);

	kit_tunnel_send(client, frame, size);
}

static void
send_text(struct kit_request *client, unsigned first, const char *text)
{
	send_bytes(client, first, text, strlen(text));
}

/* What it got since it was last asked: "81(text) 88(\x03\xe8) ". */
static const char *
heard(struct kit_request *client)
{
	static char log[65536];
	struct portico_slice bytes = kit_tunnel_received(client);
	size_t used = 0;

	log[0] = '\0';
	while (bytes.length > 0) {
		unsigned first = (unsigned char)bytes.data[0];
		size_t length = (unsigned char)bytes.data[1], head = 2;

		assert(bytes.length >= 2);
		if (length == 126) {
			length = (size_t)(unsigned char)bytes.data[2] << 8 |
				 (unsigned char)bytes.data[3];
			head = 4;
		}
		assert(length < 0x10000 && bytes.length >= head + length);
		used += (size_t)snprintf(log + used, sizeof(log) - used,
					 "%02x(%.*s) ", first, (int)length,
					 bytes.data + head);
		assert(used < sizeof(log));
		bytes.data += head + length;
		bytes.length -= head + length;
	}
	return log;
}

static void
expect(struct kit_request *client, const char *frames)
{
	const char *got = heard(client);

	if (strcmp(got, frames) == 0)
		return;
	fprintf(stderr, "heard \"%s\", not \"%s\"\n", got, frames);
	abort();
}

/* It was told to go with that code, and the stream has ended. */
static void
expect_closed(struct kit_request *client, const char *code)
{
	char frames[20];

	snprintf(frames, sizeof(frames), "88(%s) ", code);
	expect(client, frames);
	assert(kit_state(client) == KIT_ENDED);
	assert(!kit_was_cut(client));
	kit_free(client);
}

static void
leave(struct kit_request *client)
{
	kit_abort(client);
	assert(kit_state(client) == KIT_ENDED);
	kit_free(client);
}

/* ---- the other worker ------------------------------------------------------------ */

static struct portico_shared_counter *
counter(const char *name)
{
	struct portico_shared_counter *found;

	assert(portico_shared_counter(name, &found) == PORTICO_OK);
	return found;
}

static struct portico_slice
key_of(uint64_t number)
{
	static char key[40];
	int length = snprintf(key, sizeof(key), "said %llu",
			      (unsigned long long)number);

	return (struct portico_slice){ key, (size_t)length };
}

static void
store(uint64_t number, const char *text)
{
	assert(portico_shared_put(key_of(number),
				  (struct portico_slice){ text, strlen(text) },
				  60 * SECOND,
				  PORTICO_SHARED_SET) == PORTICO_OK);
}

/* Something there makes the clients here go on. */
static void
publish(void)
{
	portico_shared_add(counter("published"), 1);
	kit_advance(kit, 0);
}

/* ---- the handshake ------------------------------------------------------------------ */

static void
test_accepted(void)
{
	struct kit_request *client =
		ask((struct fields){ "h2c, WebSocket", "13", KEY });

	assert(kit_state(client) == KIT_TUNNEL);
	assert(kit_status(client) == 101);
	assert(strcmp(kit_response_field(client, "Sec-WebSocket-Accept"),
		      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == 0);
	assert(strcmp(kit_response_field(client, "Upgrade"), "websocket") == 0);
	expect(client, "");
	leave(client);
}

static void
test_refused(void)
{
	static const struct {
		struct fields fields;
		unsigned status;
	} cases[] = {
		{ { NULL, "13", KEY }, 426 },
		{ { "h2c", "13", KEY }, 426 },
		{ { "websocket", NULL, KEY }, 426 },
		{ { "websocket", "8", KEY }, 426 },
		{ { "websocket", "13", NULL }, 400 },
		{ { "websocket", "13", "short" }, 400 },
		{ { "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ=A" }, 400 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_request *client = ask(cases[i].fields);
		const char *version =
			kit_response_field(client, "Sec-WebSocket-Version");

		assert(kit_state(client) == KIT_ENDED);
		assert(kit_status(client) == cases[i].status);
		assert(!kit_is_tunnel(client));
		assert((version != NULL) == (cases[i].status == 426));
		assert(version == NULL || strcmp(version, "13") == 0);
		kit_free(client);
	}
}

/* ---- the room ------------------------------------------------------------------------- */

static void
test_messages(void)
{
	struct kit_request *first = join(), *second = join(), *third;

	send_text(first, 0x81, "hello");
	expect(first, "81(hello) ");
	expect(second, "81(hello) ");
	/* Who comes later hears what is said from then on. */
	third = join();
	send_text(second, 0x81, "and welcome");
	send_text(third, 0x81, "");
	for (unsigned i = 0; i < 3; i++)
		expect(i == 0 ? first :
		       i == 1 ? second :
				third,
		       "81(and welcome) 81() ");
	leave(second);
	send_text(first, 0x81, "alone");
	expect(first, "81(alone) ");
	expect(third, "81(alone) ");
	leave(first);
	leave(third);
}

static void
test_other_worker(void)
{
	struct kit_request *first = join(), *second = join();
	struct portico_shared_counter *numbers = counter("said");
	char text[WS_MESSAGE_MAX];
	size_t length;
	uint64_t number;

	/* From there to here. */
	number = portico_shared_add(numbers, 1);
	store(number, "from afar");
	publish();
	expect(first, "81(from afar) ");
	expect(second, "81(from afar) ");
	/* From here to there. */
	send_text(first, 0x81, "from here");
	assert(portico_shared_value(numbers) == number + 1);
	assert(portico_shared_get(key_of(number + 1), text, sizeof(text),
				  &length) == PORTICO_OK);
	assert(length == 9 && memcmp(text, "from here", 9) == 0);
	expect(first, "81(from here) ");
	/* Who comes next begins behind what is in the store. */
	leave(second);
	second = join();
	publish();
	expect(second, "");
	leave(first);
	leave(second);
}

/* A number that the other worker has taken, and not stored what it is for. */
static void
test_gaps(void)
{
	struct kit_request *client = join();
	uint64_t number = portico_shared_add(counter("said"), 1);

	send_text(client, 0x81, "behind");
	expect(client, "");
	store(number, "before");
	kit_advance(kit, SECOND / 10);
	expect(client, "81(before) 81(behind) ");
	/* It has died: nobody waits for ever. */
	portico_shared_add(counter("said"), 1);
	send_text(client, 0x81, "on we go");
	kit_advance(kit, SECOND / 2);
	expect(client, "");
	kit_advance(kit, SECOND);
	expect(client, "81(on we go) ");
	/* Many: they are waited for once, and no further back than so. */
	portico_shared_add(counter("said"), 500);
	number = portico_shared_add(counter("said"), 2000);
	store(number - 1500, "too old");
	store(number - 500, "still there");
	send_text(client, 0x81, "at last");
	expect(client, "");
	kit_advance(kit, SECOND);
	expect(client, "81(still there) ");
	kit_advance(kit, SECOND);
	expect(client, "81(at last) ");
	leave(client);
}

/* ---- frames ------------------------------------------------------------------------------ */

static void
test_fragments(void)
{
	char bytes[200];
	size_t size = make_frame(bytes, 0x01, "in ", 3);

	size += make_frame(bytes + size, 0x89, "ping", 4);
	size += make_frame(bytes + size, 0x00, "three ", 6);
	size += make_frame(bytes + size, 0x80, "parts", 5);
	for (size_t cut = 0; cut <= size; cut++) {
		struct kit_request *client = join();

		kit_tunnel_send(client, bytes, cut);
		kit_tunnel_send(client, bytes + cut, size - cut);
		expect(client, "8a(ping) 81(in three parts) ");
		leave(client);
	}
}

/* The first bytes come with the head. */
static void
test_early(void)
{
	struct kit_request *client = kit_request(kit, "GET", "/chat");

	kit_offer(client, "websocket");
	kit_field(client, "Sec-WebSocket-Version", "13");
	kit_field(client, "Sec-WebSocket-Key", KEY);
	send_text(client, 0x81, "in a hurry");
	assert(kit_run(client) == KIT_TUNNEL);
	expect(client, "81(in a hurry) ");
	leave(client);
}

static void
test_close(void)
{
	struct kit_request *client = join();

	send_bytes(client, 0x88, "\x03\xe8 bye", 6);
	expect_closed(client, "\x03\xe8");
	client = join();
	send_text(client, 0x88, "");
	expect_closed(client, "");
	client = join();
	send_bytes(client, 0x88, "\x03\xee", 2);
	expect_closed(client, "\x03\xea");
	/* Nothing is answered behind it. */
	client = join();
	kit_window(client, 0);
	send_bytes(client, 0x88, "\x03\xe8", 2);
	send_text(client, 0x81, "ignored");
	kit_window(client, 1000);
	expect_closed(client, "\x03\xe8");
	/* Without a word. */
	client = join();
	kit_tunnel_end(client);
	assert(kit_state(client) == KIT_ENDED && !kit_was_cut(client));
	expect(client, "");
	kit_free(client);
}

static void
test_bad_frames(void)
{
	static char large[WS_MESSAGE_MAX + 1];
	struct kit_request *client = join();

	memset(large, 'x', sizeof(large));
	send_bytes(client, 0x81, large, WS_MESSAGE_MAX);
	assert(strlen(heard(client)) == WS_MESSAGE_MAX + strlen("81() "));
	send_bytes(client, 0x81, large, sizeof(large));
	expect_closed(client, "\x03\xf1");
	/* In fragments. */
	client = join();
	send_bytes(client, 0x01, large, WS_MESSAGE_MAX);
	send_text(client, 0x80, "x");
	expect_closed(client, "\x03\xf1");
	client = join();
	send_text(client, 0x82, "bytes");
	expect_closed(client, "\x03\xeb");
	client = join();
	send_text(client, 0x81, "\xc0\x80");
	expect_closed(client, "\x03\xef");
	client = join();
	kit_tunnel_send(client, "\x81\x01x", 3);
	expect_closed(client, "\x03\xea");
}

/* ---- clients that come, stay and go ---------------------------------------------------------- */

static void
test_reset(void)
{
	struct kit_request *first = join(), *second = join();

	send_bytes(first, 0x01, "half a mess", 11);
	kit_abort(first);
	assert(kit_state(first) == KIT_ENDED && kit_was_cut(first));
	kit_free(first);
	/* With a frame that it did not take. */
	first = join();
	kit_window(first, 3);
	send_text(second, 0x81, "much to say");
	kit_abort(first);
	assert(kit_state(first) == KIT_ENDED);
	kit_free(first);
	expect(second, "81(much to say) ");
	send_text(second, 0x81, "still here");
	expect(second, "81(still here) ");
	leave(second);
}

static void
test_slow_client(void)
{
	struct kit_request *slow = join(), *quick = join();

	kit_window(slow, 0);
	send_text(quick, 0x81, "one");
	send_text(quick, 0x81, "two");
	expect(quick, "81(one) 81(two) ");
	/* While something waits for it, nothing is read from it. */
	send_text(slow, 0x81, "three");
	assert(kit_tunnel_unread(slow) > 0);
	expect(quick, "");
	kit_window(slow, 1);
	kit_window(slow, 1000);
	expect(slow, "81(one) 81(two) 81(three) ");
	expect(quick, "81(three) ");
	/* What is said is kept for a minute. */
	kit_window(slow, 0);
	send_text(quick, 0x81, "four");
	send_text(quick, 0x81, "five");
	kit_advance(kit, 61 * SECOND);
	send_text(quick, 0x81, "six");
	kit_window(slow, 1000);
	kit_advance(kit, SECOND);
	expect(slow, "81(four) 89() 81(six) ");
	assert(strcmp(heard(quick), "") != 0);
	leave(slow);
	leave(quick);
}

static void
test_pings(void)
{
	struct kit_request *client = join();

	kit_tunnel_idle(client, 40 * SECOND);
	kit_advance(kit, 95 * SECOND);
	expect(client, "89() 89() 89() ");
	send_text(client, 0x8a, "");
	expect(client, "");
	assert(kit_state(client) == KIT_TUNNEL);
	leave(client);
}

static void
test_recycled(void)
{
	struct kit_request *client = join(), *slow = join();

	kit_window(slow, 0);
	send_text(client, 0x81, "the last");
	expect(client, "81(the last) ");
	kit_drain(kit);
	expect_closed(client, "\x03\xe9");
	/* It has to take what it was sent first. */
	assert(kit_state(slow) == KIT_TUNNEL);
	kit_window(slow, 1000);
	expect(slow, "81(the last) 88(\x03\xe9) ");
	assert(kit_state(slow) == KIT_ENDED);
	kit_free(slow);
	client = ask((struct fields){ "websocket", "13", KEY });
	expect_closed(client, "\x03\xe9");
	/* Another worker begins. */
	assert(kit_close(kit) == 0);
	open_kit();
}

/* ---- failures ------------------------------------------------------------------------------------ */

static void
test_full(void)
{
	struct kit_request *first = join(), *second = join();
	struct kit_faults faults = { .kinds = KIT_FAULT_IO,
				     .status = PORTICO_FULL };

	/* read, put: what it says cannot be kept. */
	faults.n = 2;
	kit_set_faults(kit, &faults);
	send_text(first, 0x81, "lost");
	assert(faults.hit && strcmp(faults.where, "portico_shared_put") == 0);
	kit_set_faults(kit, NULL);
	expect_closed(first, "\x03\xf5");
	kit_advance(kit, 2 * SECOND);
	expect(second, "");
	send_text(second, 0x81, "there is room again");
	expect(second, "81(there is room again) ");
	leave(second);
	/* None for the counters: the module does not start. */
	assert(kit_close(kit) == 0);
	faults = (struct kit_faults){ .kinds = KIT_FAULT_MEMORY, .n = 1 };
	assert(kit_open(&(struct kit_options){ .entry = portico_module_entry,
					       .faults = &faults },
			NULL) == NULL);
	open_kit();
}

/* Two that talk until the worker is recycled, with the n-th call failing. */
static void
talk(struct kit_faults *faults)
{
	struct kit_request *clients[2];
	unsigned heard_all = 0;

	kit_set_faults(kit, faults);
	for (unsigned i = 0; i < 2; i++)
		clients[i] = ask((struct fields){ "websocket", "13", KEY });
	for (unsigned i = 0; i < 2; i++)
		if (kit_state(clients[i]) == KIT_TUNNEL)
			send_text(clients[i], 0x81, i == 0 ? "a" : "b");
	kit_advance(kit, 31 * SECOND);
	kit_drain(kit);
	kit_set_faults(kit, NULL);
	for (unsigned i = 0; i < 2; i++) {
		unsigned status = kit_status(clients[i]);

		assert(kit_state(clients[i]) == KIT_ENDED);
		assert(status == 101 ||
		       (faults->hit && status >= 500 && status <= 503));
		/* Who is let in can see that it was. */
		assert(status != 101 ||
		       kit_response_field(clients[i], "Sec-WebSocket-Accept") !=
			       NULL);
		if (kit_is_tunnel(clients[i]))
			heard_all += strcmp(heard(clients[i]),
					    "81(a) 81(b) 89() 88(\x03\xe9) ") ==
				     0;
		kit_free(clients[i]);
	}
	assert(heard_all == 2 || faults->hit);
	/* What the store refuses once is asked for again; who gets no timer has
	 * no ping, and the other one has. */
	if (!faults->hit)
		return;
	assert(heard_all == 2 ||
	       strcmp(faults->where, "portico_shared_get") != 0);
	assert(heard_all >= 1 ||
	       strcmp(faults->where, "portico_timer_start") != 0);
}

static void
test_failures(void)
{
	static const unsigned kinds[] = { KIT_FAULT_MEMORY, KIT_FAULT_IO,
					  KIT_FAULT_WAIT };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct kit_faults faults = { .kinds = kinds[i] };

		while (kit_faults_next(&faults)) {
			talk(&faults);
			assert(kit_close(kit) == 0);
			open_kit();
		}
		assert(faults.n > 2);
	}
}

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "a handshake", test_accepted },
		{ "handshakes that are refused", test_refused },
		{ "all hear what one says", test_messages },
		{ "another worker", test_other_worker },
		{ "numbers without a text", test_gaps },
		{ "fragments, cut at every byte", test_fragments },
		{ "a frame right behind the head", test_early },
		{ "the close handshake", test_close },
		{ "too large, binary, no UTF-8, no mask", test_bad_frames },
		{ "a client resets", test_reset },
		{ "a client does not read", test_slow_client },
		{ "pings", test_pings },
		{ "the worker is recycled", test_recycled },
		{ "the shared memory is full", test_full },
		{ "each call fails once", test_failures },
	};
	size_t count = sizeof(tests) / sizeof(tests[0]);

	printf("1..%zu\n", count);
	open_kit();
	for (size_t i = 0; i < count; i++) {
		tests[i].run();
		printf("ok %zu - %s\n", i + 1, tests[i].name);
		fflush(stdout);
	}
	return kit_close(kit) == 0 ? 0 : 1;
}
