/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels in the test kit: both directions in pieces, their ends, windows, the
 * client's reset, tokens, recycling and idling, failures, and what modules do
 * wrong.
 */
#include "t/unit/sdk/puppet.h"

#include <pthread.h>

#include <portico/testkit_tunnel.h>

#define SECOND UINT64_C(1000000000)

static struct portico_token token;
static unsigned wanted; /* that go_on waits for besides READ */
static unsigned gone; /* times that it saw the end of all */

/* ---- an echo ----------------------------------------------------------------- */

/* What is left of the last piece. */
static struct portico_slice rest;

static enum portico_verdict go_on(struct portico_request *request, void *arg);

static enum portico_verdict
wait_for(struct portico_request *request, unsigned events)
{
	return portico_tunnel_wait(request, events, go_on, NULL) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static enum portico_verdict
end_of(struct portico_request *request)
{
	return portico_tunnel_shutdown(request) == PORTICO_ABORTED ?
		       PORTICO_ERROR :
		       PORTICO_DONE;
}

static enum portico_verdict
go_on(struct portico_request *request, void *arg)
{
	enum portico_status status;
	size_t written;

	(void)arg;
	for (;;) {
		while (rest.length > 0) {
			status = portico_tunnel_write(request, rest.data,
						      rest.length, &written);
			rest.data += written;
			rest.length -= written;
			if (status == PORTICO_AGAIN)
				return wait_for(request, PORTICO_TUNNEL_WRITE);
			if (status != PORTICO_OK)
				return PORTICO_ERROR;
		}
		status = portico_tunnel_read(request, &rest);
		if (status == PORTICO_AGAIN)
			return wait_for(request, PORTICO_TUNNEL_READ | wanted);
		if (status == PORTICO_END)
			return end_of(request);
		if (status != PORTICO_OK) {
			gone++;
			return PORTICO_DONE;
		}
	}
}

static enum portico_verdict
echo(struct portico_request *request)
{
	enum portico_status status;

	rest.length = 0;
	if (!portico_tunnel_offered(request, PORTICO_SLICE("echo")))
		return PORTICO_NEXT;
	status = portico_tunnel_open(request, PORTICO_SLICE("echo"));
	if (status == PORTICO_DENIED)
		return PORTICO_DONE;
	return status == PORTICO_OK ? go_on(request, NULL) : PORTICO_ERROR;
}

static struct kit_request *
offer(const char *protocol)
{
	struct kit_request *request = kit_request(kit, "GET", "/x");

	kit_offer(request, protocol);
	return request;
}

static struct kit_request *
begin(void)
{
	struct kit_request *request = offer("other, Echo");

	puppet.handler = echo;
	assert_int_equal(kit_run(request), KIT_TUNNEL);
	return request;
}

/* It ends without having been one. */
static struct kit_request *
begin_nothing(void)
{
	struct kit_request *request = offer("echo");

	assert_int_equal(kit_run(request), KIT_ENDED);
	return request;
}

static void
assert_got(struct kit_request *request, const char *expected)
{
	struct portico_slice got = kit_tunnel_received(request);

	assert_int_equal(got.length, strlen(expected));
	assert_memory_equal(got.data, expected, got.length);
}

static void
end(struct kit_request *request)
{
	kit_tunnel_end(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	kit_free(request);
	assert_clean();
}

static int
setup(void **state)
{
	token.value = 0;
	wanted = gone = 0;
	return puppet_setup(state);
}

/* ---- bytes -------------------------------------------------------------------- */

static void
pieces(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	assert_true(kit_is_tunnel(request));
	assert_int_equal(kit_status(request), 101);
	assert_string_equal(kit_response_field(request, "upgrade"), "echo");
	assert_true(kit_head_sent(request));
	assert_got(request, "");
	kit_tunnel_send(request, "a", 1);
	kit_tunnel_send(request, "bc", 2);
	assert_got(request, "abc");
	kit_tunnel_send(request, "d", 1);
	assert_got(request, "d");
	assert_int_equal(kit_tunnel_unread(request), 0);
	assert_false(kit_tunnel_is_shut(request));
	kit_tunnel_end(request);
	assert_true(kit_tunnel_is_shut(request));
	assert_false(kit_was_cut(request));
	assert_got(request, "");
	assert_body(request, "abcd");
	kit_free(request);
	assert_clean();
}

/* They wait behind the head. */
static void
early_pieces(void **state)
{
	struct kit_request *request = offer("echo");

	(void)state;
	puppet.handler = echo;
	kit_tunnel_send(request, "ab", 2);
	kit_tunnel_send(request, "c", 1);
	kit_tunnel_end(request);
	assert_int_equal(kit_tunnel_unread(request), 3);
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_got(request, "abc");
	kit_free(request);
	/* One that comes to nothing. */
	request = offer("chess");
	kit_tunnel_send(request, "ab", 2);
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_status(request), 404);
	assert_false(kit_is_tunnel(request));
	kit_free(request);
	assert_clean();
}

static void
windows(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	kit_window(request, 4);
	kit_tunnel_send(request, "0123456", 7);
	kit_tunnel_send(request, "789", 3);
	assert_got(request, "0123");
	assert_int_equal(kit_tunnel_unread(request), 3);
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	kit_window(request, 5);
	assert_got(request, "45678");
	assert_int_equal(kit_tunnel_unread(request), 0);
	kit_window(request, 1000);
	assert_got(request, "9");
	end(request);
}

/* Blocks of the channel are 4 KiB at least: the worker gathers small pieces,
 * but not what a client has room for. */
static void
many_small_pieces(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		kit_tunnel_send(request, "x", 1);
		assert_got(request, "x");
	}
	end(request);
}

static enum portico_verdict
say_much(struct portico_request *request)
{
	static char text[300000];
	size_t written;

	memset(text, 'x', sizeof(text));
	if (portico_tunnel_open(request, PORTICO_SLICE("echo")) != PORTICO_OK ||
	    portico_tunnel_write(request, text, sizeof(text), &written) !=
		    PORTICO_OK)
		return PORTICO_ERROR;
	assert_int_equal(written, sizeof(text));
	return PORTICO_DONE;
}

/* What was written leaves at the end, too; SEND_RESPONSE has its say, and
 * READ_ENTITY none. */
static enum portico_verdict
add_field(struct portico_request *request)
{
	portico_response_set_field(request, PORTICO_SLICE("X-Sent"),
				   PORTICO_SLICE("1"));
	return PORTICO_NEXT;
}

static enum portico_verdict
never(struct portico_request *request)
{
	(void)request;
	fail();
	return PORTICO_NEXT;
}

static void
the_end_leaves(void **state)
{
	struct kit_request *request = offer("echo");

	(void)state;
	puppet.handler = say_much;
	puppet.send = add_field;
	puppet.read = never;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_tunnel_received(request).length, 300000);
	assert_string_equal(kit_response_field(request, "X-Sent"), "1");
	assert_false(kit_was_cut(request));
	kit_free(request);
	request = begin();
	kit_tunnel_send(request, "x", 1);
	end(request);
}

static enum portico_verdict
refuse(struct portico_request *request)
{
	portico_response_set_status(request, 403, 0);
	return PORTICO_NEXT;
}

static void
refused(void **state)
{
	struct kit_request *request = offer("echo");

	(void)state;
	puppet.handler = echo;
	puppet.send = refuse;
	assert_int_equal(kit_run(request), KIT_ENDED);
	assert_int_equal(kit_status(request), 403);
	assert_null(kit_response_field(request, "Upgrade"));
	kit_free(request);
	assert_clean();
}

/* ---- the end, early ------------------------------------------------------------- */

static void
reset(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	kit_window(request, 1);
	kit_tunnel_send(request, "abc", 3);
	kit_tunnel_send(request, "def", 3);
	kit_abort(request);
	assert_int_equal(puppet.aborts, 1);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_true(kit_was_cut(request));
	assert_got(request, "a");
	/* What the client sent on its way is lost. */
	kit_tunnel_send(request, "x", 1);
	assert_int_equal(kit_tunnel_unread(request), 0);
	kit_free(request);
	/* One that only reads. */
	request = begin();
	kit_abort(request);
	assert_int_equal(gone, 1);
	assert_int_equal(kit_state(request), KIT_ENDED);
	kit_free(request);
	assert_clean();
}

static enum portico_verdict
cut_it(struct portico_request *request, void *arg)
{
	size_t written;

	(void)arg;
	assert_int_equal(portico_tunnel_events(request),
			 PORTICO_TUNNEL_READ | PORTICO_TUNNEL_WRITE);
	portico_tunnel_write(request, "lost", 4, &written);
	portico_tunnel_abort(request);
	assert_true((portico_tunnel_events(request) & PORTICO_TUNNEL_GONE) !=
		    0);
	return PORTICO_DONE;
}

static enum portico_verdict
begin_and_cut(struct portico_request *request)
{
	if (portico_tunnel_open(request, PORTICO_SLICE("echo")) != PORTICO_OK)
		return PORTICO_ERROR;
	return portico_tunnel_wait(request, PORTICO_TUNNEL_READ, cut_it,
				   NULL) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static void
aborted_by_the_module(void **state)
{
	struct kit_request *request = offer("echo");

	(void)state;
	puppet.handler = begin_and_cut;
	assert_int_equal(kit_run(request), KIT_TUNNEL);
	kit_tunnel_send(request, "x", 1);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(puppet.aborts, 0);
	assert_true(kit_was_cut(request));
	assert_got(request, "");
	kit_free(request);
	assert_clean();
}

/* Bytes of either side put it off. */
static void
idle(void **state)
{
	struct kit_request *request = begin();

	(void)state;
	kit_tunnel_idle(request, 10 * SECOND);
	kit_advance(kit, 9 * SECOND);
	kit_tunnel_send(request, "x", 1);
	kit_advance(kit, 9 * SECOND);
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	kit_tunnel_idle(request, 0);
	kit_advance(kit, 100 * SECOND);
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	kit_tunnel_idle(request, 10 * SECOND);
	kit_advance(kit, 10 * SECOND);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(puppet.aborts, 1);
	assert_true(kit_was_cut(request));
	assert_int_equal(kit_next_timer(kit), UINT64_MAX);
	kit_free(request);
	/* It is forgotten at the end. */
	request = begin();
	kit_tunnel_idle(request, 10 * SECOND);
	kit_tunnel_end(request);
	assert_int_equal(kit_next_timer(kit), UINT64_MAX);
	kit_advance(kit, 100 * SECOND);
	kit_free(request);
	assert_int_equal(puppet.aborts, 1);
	assert_clean();
}

static void
talk(struct portico_request *request, void *arg)
{
	size_t written;

	(void)arg;
	assert_int_equal(portico_tunnel_write(request, "!", 1, &written),
			 PORTICO_OK);
	portico_timer_start(request, 5 * SECOND, talk, NULL);
}

static enum portico_verdict
talk_first(struct portico_request *request)
{
	if (portico_tunnel_open(request, PORTICO_SLICE("echo")) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_timer_start(request, 5 * SECOND, talk, NULL);
	return portico_tunnel_wait(request, 0, go_on, NULL) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

/* While it is suspended, what is written leaves at once. */
static void
kept_alive_by_the_module(void **state)
{
	struct kit_request *request = offer("echo");

	(void)state;
	puppet.handler = talk_first;
	assert_int_equal(kit_run(request), KIT_TUNNEL);
	kit_tunnel_idle(request, 6 * SECOND);
	kit_advance(kit, 31 * SECOND);
	assert_got(request, "!!!!!!");
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	kit_tunnel_idle(request, 3 * SECOND);
	kit_advance(kit, 60 * SECOND);
	assert_got(request, "");
	assert_int_equal(kit_state(request), KIT_ENDED);
	kit_free(request);
	assert_clean();
}

/* ---- told by others --------------------------------------------------------------- */

static unsigned seen_events;

static enum portico_verdict
note(struct portico_request *request, void *arg)
{
	unsigned events = portico_tunnel_events(request);
	unsigned ask = PORTICO_TUNNEL_READ | PORTICO_TUNNEL_WOKEN;

	seen_events |= events & ~(unsigned)PORTICO_TUNNEL_WRITE;
	if ((events & PORTICO_TUNNEL_GONE) != 0)
		return PORTICO_DONE;
	if ((seen_events & PORTICO_TUNNEL_DRAIN) == 0)
		ask |= PORTICO_TUNNEL_DRAIN;
	assert_int_equal(portico_tunnel_token(request, &token), PORTICO_OK);
	return portico_tunnel_wait(request, ask, note, arg) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static enum portico_verdict
begin_note(struct portico_request *request)
{
	seen_events = 0;
	if (portico_tunnel_open(request, PORTICO_SLICE("echo")) != PORTICO_OK)
		return PORTICO_ERROR;
	return note(request, NULL);
}

static void *
complete(void *arg)
{
	assert_int_equal(portico_complete(token), PORTICO_OK);
	return arg;
}

static void
tokens(void **state)
{
	struct kit_request *request = offer("echo");
	struct portico_token first;
	pthread_t thread;

	(void)state;
	puppet.handler = begin_note;
	assert_int_equal(kit_run(request), KIT_TUNNEL);
	assert_int_equal(seen_events, 0);
	first = token;
	assert_false(kit_complete(request)); /* it is no portico_suspend */
	assert_true(kit_tunnel_wake(request));
	assert_int_equal(seen_events, PORTICO_TUNNEL_WOKEN);
	assert_true(first.value != token.value);
	/* By another thread. */
	seen_events = 0;
	assert_int_equal(pthread_create(&thread, NULL, complete, NULL), 0);
	assert_true(kit_await(kit, 10000));
	pthread_join(thread, NULL);
	assert_int_equal(seen_events, PORTICO_TUNNEL_WOKEN);
	kit_abort(request);
	assert_int_equal(seen_events,
			 PORTICO_TUNNEL_WOKEN | PORTICO_TUNNEL_GONE);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_false(kit_tunnel_wake(request));
	kit_free(request);
	assert_clean();
}

static void
late_token(void **state)
{
	struct kit_request *request = offer("echo");

	(void)state;
	puppet.handler = begin_note;
	kit_run(request);
	kit_abort(request);
	portico_complete(token);
	assert_told("portico_complete: GET /x: the request has ended");
}

static void
token_twice(void **state)
{
	struct kit_request *request = offer("echo");
	struct portico_token first;

	(void)state;
	puppet.handler = begin_note;
	kit_run(request);
	first = token;
	kit_tunnel_wake(request);
	portico_complete(first);
	kit_abort(request);
	assert_told("portico_complete: GET /x: the token was completed before");
}

static void
drain(void **state)
{
	struct kit_request *request = offer("echo"), *other;

	(void)state;
	puppet.handler = begin_note;
	kit_run(request);
	kit_drain(kit);
	assert_int_equal(seen_events, PORTICO_TUNNEL_DRAIN);
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	/* One that begins then. */
	other = offer("echo");
	assert_int_equal(kit_run(other), KIT_TUNNEL);
	assert_int_equal(seen_events, PORTICO_TUNNEL_DRAIN);
	kit_abort(request);
	kit_abort(other);
	kit_free(request);
	kit_free(other);
	assert_clean();
}

/* ---- over, and nobody asked ------------------------------------------------------ */

static unsigned overs; /* times that it was woken because it is over */
static unsigned stays; /* times that it waits nevertheless */

static enum portico_verdict
over(struct portico_request *request, void *arg)
{
	(void)arg;
	overs++;
	if (portico_tunnel_events(request) != PORTICO_TUNNEL_READ)
		return PORTICO_DONE;
	if (stays == 0)
		return PORTICO_DONE;
	stays--;
	return portico_tunnel_wait(request, PORTICO_TUNNEL_WOKEN, over, NULL) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static void
shut_late(struct portico_request *request, void *arg)
{
	(void)arg;
	assert_int_equal(portico_tunnel_shutdown(request), PORTICO_OK);
}

/* Shut at once, or after a second: it waits for its token alone. */
static enum portico_verdict
listen_not(struct portico_request *request)
{
	assert_int_equal(portico_tunnel_open(request, PORTICO_SLICE("echo")),
			 PORTICO_OK);
	portico_tunnel_token(request, &token);
	if (wanted != 0)
		portico_timer_start(request, SECOND, shut_late, NULL);
	else
		shut_late(request, NULL);
	return portico_tunnel_wait(request, PORTICO_TUNNEL_WOKEN, over, NULL) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static struct kit_request *
begin_deaf(unsigned late, unsigned waits)
{
	struct kit_request *request = offer("echo");

	wanted = late;
	overs = 0;
	stays = waits;
	puppet.handler = listen_not;
	assert_int_equal(kit_run(request), KIT_TUNNEL);
	return request;
}

static void
over_unasked(void **state)
{
	struct kit_request *request = begin_deaf(0, 0);

	(void)state;
	assert_int_equal(overs, 0);
	end(request);
	assert_int_equal(overs, 1);
}

/* The client's end came first. */
static void
over_shut_later(void **state)
{
	struct kit_request *request = begin_deaf(1, 0);

	(void)state;
	kit_tunnel_end(request);
	assert_int_equal(overs, 0);
	kit_advance(kit, SECOND);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(overs, 1);
	kit_free(request);
	assert_clean();
}

/* Who waits again is not told again. */
static void
over_once(void **state)
{
	struct kit_request *request = begin_deaf(0, 1);

	(void)state;
	kit_tunnel_end(request);
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	assert_int_equal(overs, 1);
	kit_tunnel_wake(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_int_equal(overs, 2);
	kit_free(request);
	assert_clean();
}

/* What was sent and not read is the module's to ask for. */
static void
over_unread(void **state)
{
	struct kit_request *request = begin_deaf(0, 0);

	(void)state;
	kit_tunnel_send(request, "ab", 2);
	kit_tunnel_end(request);
	assert_int_equal(kit_state(request), KIT_TUNNEL);
	assert_int_equal(overs, 0);
	kit_tunnel_wake(request);
	assert_int_equal(overs, 1);
	kit_free(request);
	assert_clean();
}

/* ---- what is wrong --------------------------------------------------------------- */

static enum portico_verdict (*wrong)(struct portico_request *request);

static enum portico_verdict
open_and_do_wrong(struct portico_request *request)
{
	assert_int_equal(portico_tunnel_open(request, PORTICO_SLICE("echo")),
			 PORTICO_OK);
	wrong(request);
	return PORTICO_DONE;
}

static enum portico_verdict
write_behind_the_end(struct portico_request *request)
{
	size_t written;

	portico_tunnel_shutdown(request);
	assert_int_equal(portico_tunnel_shutdown(request), PORTICO_OK);
	assert_int_equal(portico_tunnel_write(request, "x", 1, &written),
			 PORTICO_STATE);
	return PORTICO_DONE;
}

static enum portico_verdict
open_again(struct portico_request *request)
{
	assert_int_equal(portico_tunnel_open(request, PORTICO_SLICE("echo")),
			 PORTICO_STATE);
	return PORTICO_DONE;
}

static enum portico_verdict
wait_for_room(struct portico_request *request)
{
	assert_int_equal(portico_tunnel_wait(request, PORTICO_TUNNEL_WRITE,
					     go_on, NULL),
			 PORTICO_STATE);
	return PORTICO_DONE;
}

static enum portico_verdict
read_no_tunnel(struct portico_request *request)
{
	struct portico_slice chunk;

	assert_int_equal(portico_tunnel_events(request), 0);
	assert_int_equal(portico_tunnel_read(request, &chunk), PORTICO_STATE);
	return PORTICO_DONE;
}

static void
misuse(void **state)
{
	static const struct {
		enum portico_verdict (*function)(struct portico_request *);
		const char *sentence;
	} cases[] = {
		{ write_behind_the_end, "portico_tunnel_write: GET /x: nothing "
					"can follow the end of the stream" },
		{ open_again, "portico_tunnel_open: GET /x: a response has "
			      "begun already" },
		{ wait_for_room, "portico_tunnel_wait: GET /x: the module "
				 "waits for WRITE, although no write has said "
				 "AGAIN" },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kit_request *request = offer("echo");

		puppet.handler = open_and_do_wrong;
		wrong = cases[i].function;
		assert_int_equal(kit_run(request), KIT_ENDED);
		kit_free(request);
		assert_told(cases[i].sentence);
		setup(state);
	}
	puppet.handler = read_no_tunnel;
	kit_free(begin_nothing());
	assert_told("portico_tunnel_read: GET /x: this is no tunnel");
}

static unsigned turns;

static enum portico_verdict
wait_over_and_over(struct portico_request *request, void *arg)
{
	const unsigned *ask = arg;

	if (turns++ > 100)
		return PORTICO_DONE;
	return portico_tunnel_wait(request, *ask, wait_over_and_over, arg) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static enum portico_verdict
forget_the_token(struct portico_request *request)
{
	static unsigned ask = PORTICO_TUNNEL_WOKEN;

	portico_tunnel_open(request, PORTICO_SLICE("echo"));
	portico_tunnel_token(request, &token);
	return wait_over_and_over(request, &ask);
}

static enum portico_verdict
drain_for_ever(struct portico_request *request)
{
	static unsigned ask = PORTICO_TUNNEL_DRAIN;

	portico_tunnel_open(request, PORTICO_SLICE("echo"));
	return wait_over_and_over(request, &ask);
}

static void
endless(void **state)
{
	struct kit_request *request = offer("echo");

	turns = 0;
	puppet.handler = forget_the_token;
	kit_run(request);
	kit_tunnel_wake(request);
	assert_int_equal(kit_state(request), KIT_ENDED);
	kit_free(request);
	assert_told("waits for WOKEN, although no new token was taken");
	setup(state);
	turns = 0;
	request = offer("echo");
	puppet.handler = drain_for_ever;
	kit_run(request);
	kit_drain(kit);
	assert_int_equal(kit_state(request), KIT_ENDED);
	kit_free(request);
	assert_told("waits for DRAIN, which it has seen");
}

static void
forgotten(void **state)
{
	(void)state;
	kit_free(begin());
	assert_told("the request was freed while it waits for its client");
}

static void
wrong_tests(void **state)
{
	struct kit_request *request = kit_request(kit, "POST", "/x");

	kit_whole_body(request, "x", 1);
	kit_tunnel_send(request, "y", 1);
	kit_free(request);
	assert_told("kit_tunnel_send: POST /x: the request has a body");
	setup(state);
	request = begin();
	kit_tunnel_end(request);
	kit_tunnel_end(request);
	kit_free(request);
	assert_told("kit_tunnel_end: GET /x: the client has ended its half");
	setup(state);
	request = begin();
	kit_body(request, "x", 1);
	kit_abort(request);
	kit_free(request);
	assert_told("kit_body: it is a tunnel (kit_tunnel_send)");
	setup(state);
	request = begin_nothing();
	kit_tunnel_send(request, "x", 1);
	kit_free(request);
	assert_told("kit_tunnel_send: GET /x: the request has ended, and was "
		    "no tunnel");
}

/* ---- failures ----------------------------------------------------------------------- */

static void
run_with_faults(struct kit_faults *faults)
{
	struct kit_request *request = offer("echo");

	puppet.handler = echo;
	kit_set_faults(kit, faults);
	kit_run(request);
	if (kit_is_tunnel(request)) {
		kit_tunnel_send(request, "ab", 2);
		if (!kit_was_cut(request))
			kit_tunnel_end(request);
	}
	kit_set_faults(kit, NULL);
	assert_int_equal(kit_state(request), KIT_ENDED);
	if (faults->hit && strcmp(faults->where, "portico_tunnel_open") == 0)
		assert_int_equal(kit_status(request), 500);
	else
		assert_int_equal(kit_status(request), 101);
	if (!faults->hit) {
		assert_got(request, "ab");
		assert_true(kit_tunnel_is_shut(request));
	}
	kit_free(request);
}

static void
faults(void **state)
{
	static const char *const expected[] = {
		"portico_tunnel_open",	   "portico_tunnel_read",
		"portico_tunnel_wait",	   "portico_tunnel_read",
		"portico_tunnel_write",	   "portico_tunnel_read",
		"portico_tunnel_wait",	   "portico_tunnel_read",
		"portico_tunnel_shutdown",
	};
	struct kit_faults all = { .kinds = KIT_FAULT_MEMORY | KIT_FAULT_IO |
					   KIT_FAULT_WAIT };

	(void)state;
	while (kit_faults_next(&all)) {
		run_with_faults(&all);
		if (all.hit)
			assert_string_equal(all.where, expected[all.n - 1]);
	}
	assert_int_equal(all.n, 10);
	assert_clean();
}

/* A failed read or write cuts it. */
static void
faults_cut(void **state)
{
	struct kit_faults one = { .kinds = KIT_FAULT_IO, .n = 1 };
	struct kit_request *request = begin();

	(void)state;
	kit_set_faults(kit, &one);
	kit_tunnel_send(request, "x", 1);
	assert_true(one.hit);
	assert_int_equal(gone, 1);
	assert_int_equal(kit_state(request), KIT_ENDED);
	assert_true(kit_was_cut(request));
	kit_free(request);
	assert_clean();
}

#define TUNNEL_TEST(name)                                                      \
	cmocka_unit_test_setup_teardown(name, setup, puppet_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TUNNEL_TEST(pieces),
		TUNNEL_TEST(early_pieces),
		TUNNEL_TEST(windows),
		TUNNEL_TEST(many_small_pieces),
		TUNNEL_TEST(the_end_leaves),
		TUNNEL_TEST(refused),
		TUNNEL_TEST(reset),
		TUNNEL_TEST(aborted_by_the_module),
		TUNNEL_TEST(idle),
		TUNNEL_TEST(kept_alive_by_the_module),
		TUNNEL_TEST(tokens),
		TUNNEL_TEST(late_token),
		TUNNEL_TEST(token_twice),
		TUNNEL_TEST(drain),
		TUNNEL_TEST(over_unasked),
		TUNNEL_TEST(over_shut_later),
		TUNNEL_TEST(over_once),
		TUNNEL_TEST(over_unread),
		TUNNEL_TEST(misuse),
		TUNNEL_TEST(endless),
		TUNNEL_TEST(forgotten),
		TUNNEL_TEST(wrong_tests),
		TUNNEL_TEST(faults),
		TUNNEL_TEST(faults_cut),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
