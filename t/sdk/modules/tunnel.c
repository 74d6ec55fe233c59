/* SPDX-License-Identifier: Apache-2.0
 *
 * tunnel.h, as tunnel.t drives it: what a tunnel does is chosen by the path.
 *
 *	/echo	sends back what comes; ends when the client has
 *	/early	the same from BEGIN, before any handler is chosen
 *	/push	six lines, unasked, from a timer
 *	/flood	as many bytes as the client takes, until ?bytes=
 *	/hold	reads nothing until GET /release, then counts
 *	/half	sends no more after a greeting, reads on, then counts
 *	/deaf	sends no more and waits for nothing that comes; ?again: twice
 *	/cut	aborts at the first bytes
 *	/die	the process ends at the first bytes
 *	/bye	says so when the worker is being recycled
 *	/room	lines go to all that are in it, on every loop
 *	/misuse	what is refused, as lines
 *
 * GET /stats: counters of the process.
 */
#include <portico/portico.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_BYTES 65536
#define MEMBERS_MAX 64

struct state {
	struct portico_slice chunk; /* read, not yet written */
	bool ended; /* by the client */
	bool shut;
	bool again; /* waits once more when it is over */
	bool listed; /* in the room */
	unsigned ticks;
	uint64_t total, written, seen;
	struct portico_token token;
	char text[512];
};

static _Atomic uint64_t opened, ended, aborts, flooded, counted, overs;
static _Atomic bool released;

/* The room: what was said, and who has to be told. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char said[ROOM_BYTES];
static uint64_t said_bytes;
static struct state *members[MEMBERS_MAX];

static struct state *
state_of(struct portico_request *request)
{
	return portico_request_state(request);
}

static bool
path_is(struct portico_request *request, const char *path)
{
	struct portico_slice is =
		portico_request_text(request, PORTICO_TEXT_PATH);

	return strcmp(is.data, path) == 0;
}

static enum portico_verdict
wait_for(struct portico_request *request, unsigned events,
	 portico_resume_fn *resume)
{
	return portico_tunnel_wait(request, events, resume, NULL) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static void
on_end(void *arg)
{
	(void)arg;
	atomic_fetch_add(&ended, 1);
}

/* False: it cannot be one; the response says so. */
static bool
open_tunnel(struct portico_request *request)
{
	enum portico_status status;

	if (!portico_tunnel_offered(request, PORTICO_SLICE("x-test"))) {
		portico_response_error(request, 426, 0, NULL);
		return false;
	}
	portico_response_set_field(request, PORTICO_SLICE("X-Tunnel"),
				   PORTICO_SLICE("yes"));
	status = portico_tunnel_open(request, PORTICO_SLICE("x-test"));
	if (status != PORTICO_OK)
		return false;
	atomic_fetch_add(&opened, 1);
	portico_request_on_free(request, on_end, NULL);
	return true;
}

static bool
write_all(struct portico_request *request, const char *text, size_t length)
{
	size_t written;

	return portico_tunnel_write(request, text, length, &written) ==
	       PORTICO_OK;
}

/* ---- echo ----------------------------------------------------------------- */

static enum portico_verdict
echo(struct portico_request *request, void *arg)
{
	struct state *state = state_of(request);

	(void)arg;
	for (;;) {
		enum portico_status status;
		size_t written;

		if (state->chunk.length == 0) {
			status = portico_tunnel_read(request, &state->chunk);
			if (status == PORTICO_AGAIN)
				return wait_for(request, PORTICO_TUNNEL_READ,
						echo);
			if (status != PORTICO_OK)
				return PORTICO_DONE;
		}
		status = portico_tunnel_write(request, state->chunk.data,
					      state->chunk.length, &written);
		state->chunk.data += written;
		state->chunk.length -= written;
		if (status == PORTICO_AGAIN)
			return wait_for(request, PORTICO_TUNNEL_WRITE, echo);
		if (status != PORTICO_OK)
			return PORTICO_DONE;
	}
}

/* ---- unasked --------------------------------------------------------------- */

static enum portico_verdict
pushed(struct portico_request *request, void *arg)
{
	(void)arg;
	if ((portico_tunnel_events(request) & PORTICO_TUNNEL_WOKEN) == 0)
		return PORTICO_DONE;
	return PORTICO_DONE;
}

static void
on_tick(struct portico_request *request, void *arg)
{
	struct state *state = state_of(request);
	int length = snprintf(state->text, sizeof(state->text), "tick %u\n",
			      ++state->ticks);

	(void)arg;
	write_all(request, state->text, (size_t)length);
	if (state->ticks < 6)
		portico_timer_start(request, 5000000, on_tick, NULL);
	else
		portico_complete(state->token);
}

static enum portico_verdict
push(struct portico_request *request)
{
	struct state *state = state_of(request);

	if (portico_tunnel_token(request, &state->token) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_timer_start(request, 5000000, on_tick, NULL);
	return wait_for(request, PORTICO_TUNNEL_WOKEN, pushed);
}

/* ---- without measure -------------------------------------------------------- */

static enum portico_verdict
flood(struct portico_request *request, void *arg)
{
	static const char block[8192] = { 'f' };
	struct state *state = state_of(request);

	(void)arg;
	while (state->written < state->total) {
		uint64_t left = state->total - state->written;
		size_t length = left < sizeof(block) ? (size_t)left :
						       sizeof(block);
		size_t written;
		enum portico_status status;

		/* Small ones now and then. */
		if (state->written % 3 == 1 && length > 7)
			length = 7;
		status = portico_tunnel_write(request, block, length, &written);
		state->written += written;
		atomic_fetch_add(&flooded, written);
		if (status == PORTICO_AGAIN)
			return wait_for(request, PORTICO_TUNNEL_WRITE, flood);
		if (status != PORTICO_OK)
			return PORTICO_DONE;
	}
	return PORTICO_DONE;
}

/* ---- reading late, or only -------------------------------------------------- */

static enum portico_verdict
count(struct portico_request *request, void *arg)
{
	struct state *state = state_of(request);
	enum portico_status status;

	(void)arg;
	while ((status = portico_tunnel_read(request, &state->chunk)) ==
	       PORTICO_OK) {
		state->total += state->chunk.length;
		atomic_fetch_add(&counted, state->chunk.length);
	}
	if (status == PORTICO_AGAIN)
		return wait_for(request, PORTICO_TUNNEL_READ, count);
	if (status == PORTICO_END && !state->shut) {
		int length = snprintf(state->text, sizeof(state->text),
				      "counted %llu\n",
				      (unsigned long long)state->total);

		write_all(request, state->text, (size_t)length);
	}
	return PORTICO_DONE;
}

static void
on_look(struct portico_request *request, void *arg)
{
	struct state *state = state_of(request);

	(void)arg;
	if (atomic_load(&released))
		portico_complete(state->token);
	else
		portico_timer_start(request, 5000000, on_look, NULL);
}

static enum portico_verdict
hold(struct portico_request *request)
{
	struct state *state = state_of(request);

	if (portico_tunnel_token(request, &state->token) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_timer_start(request, 5000000, on_look, NULL);
	return wait_for(request, PORTICO_TUNNEL_WOKEN, count);
}

static enum portico_verdict
half(struct portico_request *request)
{
	struct state *state = state_of(request);
	size_t written;

	write_all(request, "hello\n", 6);
	if (portico_tunnel_shutdown(request) != PORTICO_OK ||
	    portico_tunnel_shutdown(request) != PORTICO_OK ||
	    portico_tunnel_write(request, "x", 1, &written) != PORTICO_STATE)
		return PORTICO_ERROR;
	state->shut = true;
	return count(request, NULL);
}

static void
wake(struct portico_request *request, void *arg)
{
	(void)arg;
	portico_complete(state_of(request)->token);
}

/* Woken although it waits for its token alone. */
static enum portico_verdict
over(struct portico_request *request, void *arg)
{
	struct state *state = state_of(request);

	(void)arg;
	if (portico_tunnel_events(request) != PORTICO_TUNNEL_READ)
		return PORTICO_DONE;
	atomic_fetch_add(&overs, 1);
	if (!state->again)
		return PORTICO_DONE;
	state->again = false;
	portico_timer_start(request, 5000000, wake, NULL);
	return wait_for(request, PORTICO_TUNNEL_WOKEN, over);
}

static enum portico_verdict
deaf(struct portico_request *request)
{
	struct state *state = state_of(request);
	struct portico_slice again;

	state->again = portico_query_get(request, PORTICO_SLICE("again"),
					 &again) == PORTICO_OK;
	if (portico_tunnel_token(request, &state->token) != PORTICO_OK ||
	    portico_tunnel_shutdown(request) != PORTICO_OK)
		return PORTICO_ERROR;
	return wait_for(request, PORTICO_TUNNEL_WOKEN, over);
}

/* ---- bad ends --------------------------------------------------------------- */

static enum portico_verdict
cut(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;

	(void)arg;
	if (portico_tunnel_read(request, &chunk) == PORTICO_AGAIN)
		return wait_for(request, PORTICO_TUNNEL_READ, cut);
	portico_tunnel_abort(request);
	return PORTICO_DONE;
}

static enum portico_verdict
die(struct portico_request *request, void *arg)
{
	struct portico_slice chunk;

	(void)arg;
	if (portico_tunnel_read(request, &chunk) == PORTICO_AGAIN)
		return wait_for(request, PORTICO_TUNNEL_READ, die);
	_Exit(3);
}

static enum portico_verdict
bye(struct portico_request *request, void *arg)
{
	(void)arg;
	if ((portico_tunnel_events(request) & PORTICO_TUNNEL_DRAIN) == 0)
		return PORTICO_ERROR;
	write_all(request, "bye\n", 4);
	return PORTICO_DONE;
}

/* ---- the room --------------------------------------------------------------- */

static void
leave(void *arg)
{
	struct state *state = arg;

	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < MEMBERS_MAX; i++)
		if (members[i] == state)
			members[i] = NULL;
	pthread_mutex_unlock(&lock);
}

/* Adds to what was said and wakes all who wait for it.  lock is held. */
static void
say(struct portico_slice text)
{
	if (said_bytes + text.length > sizeof(said))
		return;
	memcpy(said + said_bytes, text.data, text.length);
	said_bytes += text.length;
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		struct state *member = members[i];

		if (member == NULL || member->token.value == 0)
			continue;
		portico_complete(member->token);
		member->token.value = 0;
	}
}

static enum portico_verdict
room(struct portico_request *request, void *arg)
{
	struct state *state = state_of(request);
	enum portico_status status;

	(void)arg;
	pthread_mutex_lock(&lock);
	if ((portico_tunnel_events(request) & PORTICO_TUNNEL_WOKEN) != 0 ||
	    state->seen == 0)
		(void)portico_tunnel_token(request, &state->token);
	for (unsigned i = 0; i < MEMBERS_MAX && !state->listed; i++) {
		if (members[i] != NULL)
			continue;
		members[i] = state;
		state->listed = true;
		state->seen = said_bytes;
		portico_request_on_free(request, leave, state);
	}
	pthread_mutex_unlock(&lock);
	while ((status = portico_tunnel_read(request, &state->chunk)) ==
	       PORTICO_OK) {
		pthread_mutex_lock(&lock);
		say(state->chunk);
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_lock(&lock);
	if (said_bytes > state->seen)
		write_all(request, said + state->seen,
			  (size_t)(said_bytes - state->seen));
	state->seen = said_bytes;
	pthread_mutex_unlock(&lock);
	if (status != PORTICO_AGAIN)
		return PORTICO_DONE;
	return wait_for(request, PORTICO_TUNNEL_READ | PORTICO_TUNNEL_WOKEN,
			room);
}

/* ---- what is refused ---------------------------------------------------------- */

static enum portico_verdict
misuse(struct portico_request *request)
{
	struct portico_slice none = { "", 0 }, chunk;
	struct portico_token token;
	char text[512];
	size_t written;
	int length;

	length = snprintf(
		text, sizeof(text),
		"read %d\nwrite %d\nshutdown %d\nwait %d\ntoken %d\n"
		"events %u\noffered %d %d %d\nopen %d %d\n",
		portico_tunnel_read(request, &chunk),
		portico_tunnel_write(request, "x", 1, &written),
		portico_tunnel_shutdown(request),
		portico_tunnel_wait(request, PORTICO_TUNNEL_READ, echo, NULL),
		portico_tunnel_token(request, &token),
		portico_tunnel_events(request),
		portico_tunnel_offered(request, PORTICO_SLICE("X-TEST")),
		portico_tunnel_offered(request, none),
		portico_tunnel_offered(request, PORTICO_SLICE("x-tes")),
		portico_tunnel_open(request, none),
		portico_tunnel_open(request, PORTICO_SLICE("h2c")));
	portico_tunnel_abort(request);
	portico_response_write(request, text, (size_t)length, &written);
	length =
		snprintf(text, sizeof(text), "late %d\n",
			 portico_tunnel_open(request, PORTICO_SLICE("x-test")));
	portico_response_write(request, text, (size_t)length, &written);
	return PORTICO_DONE;
}

/* ---- the module --------------------------------------------------------------- */

static enum portico_verdict
plain(struct portico_request *request)
{
	char text[512];
	size_t written;
	int length = snprintf(text, sizeof(text),
			      "{\"opened\":%llu,\"ended\":%llu,\"aborts\":%llu,"
			      "\"flooded\":%llu,\"counted\":%llu,"
			      "\"overs\":%llu}\n",
			      (unsigned long long)atomic_load(&opened),
			      (unsigned long long)atomic_load(&ended),
			      (unsigned long long)atomic_load(&aborts),
			      (unsigned long long)atomic_load(&flooded),
			      (unsigned long long)atomic_load(&counted),
			      (unsigned long long)atomic_load(&overs));

	if (path_is(request, "/release"))
		atomic_store(&released, true);
	portico_response_write(request, text, (size_t)length, &written);
	return PORTICO_DONE;
}

static enum portico_verdict
tunnel(struct portico_request *request)
{
	struct state *state = state_of(request);
	struct portico_slice bytes;

	if (path_is(request, "/misuse"))
		return misuse(request);
	if (!open_tunnel(request))
		return PORTICO_DONE;
	if (path_is(request, "/push"))
		return push(request);
	if (path_is(request, "/flood")) {
		state->total = UINT64_MAX;
		if (portico_query_get(request, PORTICO_SLICE("bytes"),
				      &bytes) == PORTICO_OK)
			state->total = strtoull(bytes.data, NULL, 10);
		return flood(request, NULL);
	}
	if (path_is(request, "/hold"))
		return hold(request);
	if (path_is(request, "/half"))
		return half(request);
	if (path_is(request, "/deaf"))
		return deaf(request);
	if (path_is(request, "/cut"))
		return cut(request, NULL);
	if (path_is(request, "/die"))
		return die(request, NULL);
	if (path_is(request, "/bye"))
		return wait_for(request, PORTICO_TUNNEL_DRAIN, bye);
	if (path_is(request, "/room"))
		return room(request, NULL);
	return echo(request, NULL);
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	if (!path_is(request, "/early") || !open_tunnel(request))
		return PORTICO_NEXT;
	return echo(request, NULL);
}

/* The last word of another module: /refused is not to be one. */
static enum portico_verdict
on_send_response(struct portico_request *request)
{
	if (path_is(request, "/refused"))
		portico_response_set_status(request, 403, 0);
	if (path_is(request, "/failed"))
		return PORTICO_ERROR;
	return PORTICO_NEXT;
}

static void
on_abort(struct portico_request *request)
{
	(void)request;
	atomic_fetch_add(&aborts, 1);
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ .event = PORTICO_EVENT_SEND_RESPONSE, .function = on_send_response },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "tunnel", .function = tunnel },
	{ .name = "plain", .function = plain },
	{ 0 }
};

PORTICO_MODULE(.name = "tunnel", .version = "1.0.0",
	       .summary = "tunnels of many kinds",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers,
	       .on_abort = on_abort);
