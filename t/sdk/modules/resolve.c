/* SPDX-License-Identifier: Apache-2.0
 *
 * resolve.h, as resolve.t drives it: looks up X-Name and answers with what was
 * found.  X-How says how: "nobody" without the request, told in the log;
 * "free" frees it at once; "later" waits when it has ended already; "call"
 * makes a call to http://NAME/ instead, with a total time of 100 ms.  What
 * comes of it is in the log, too.
 */
#include <portico/portico.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void
say(struct portico_request *request, const char *text)
{
	size_t written;

	portico_response_write(request, text, strlen(text), &written);
}

static bool
how_is(struct portico_request *request, const char *word)
{
	struct portico_slice how;

	return portico_request_field(request, PORTICO_SLICE("X-How"), &how) &&
	       strcmp(how.data, word) == 0;
}

static void
describe(struct portico_lookup *lookup, char *text, size_t size)
{
	struct portico_address address = { .family = 0 };
	size_t length = 0;
	const struct sockaddr *raw =
		portico_lookup_sockaddr(lookup, 0, &length);
	uint32_t count = portico_lookup_count(lookup);
	bool first = portico_lookup_address(lookup, 0, &address);
	bool beyond = portico_lookup_address(lookup, count, &address);

	portico_lookup_address(lookup, 0, &address);
	snprintf(text, size, "status %d some %d first %d beyond %d %s %u %d %d",
		 portico_lookup_status(lookup), count > 0, first, beyond,
		 address.text, address.port, address.family,
		 raw != NULL && (raw->sa_family == AF_INET6 ?
					 length == sizeof(struct sockaddr_in6) :
					 length == sizeof(struct sockaddr_in)));
}

static enum portico_verdict
on_addresses(struct portico_request *request, void *arg)
{
	char text[256];

	describe(*(struct portico_lookup **)arg, text, sizeof(text));
	portico_log(request, PORTICO_LOG_INFO, 0, "found: %s", text);
	say(request, text);
	return PORTICO_DONE;
}

static void
on_nobodys(struct portico_lookup *lookup, void *arg)
{
	char text[256];

	(void)arg;
	describe(lookup, text, sizeof(text));
	portico_log(NULL, PORTICO_LOG_INFO, 0, "nobody: %s", text);
	portico_lookup_free(lookup);
}

static void
must_not_run(struct portico_lookup *lookup, void *arg)
{
	(void)lookup;
	(void)arg;
	abort();
}

static void
on_timer(struct portico_request *request, void *arg)
{
	portico_complete(*(struct portico_token *)arg);
	(void)request;
}

static enum portico_verdict
wait_late(struct portico_request *request, void *arg)
{
	return portico_lookup_wait(*(struct portico_lookup **)arg, on_addresses,
				   arg) == PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
	(void)request;
}

struct state {
	struct portico_lookup *lookup;
	struct portico_token token;
	struct portico_client_call *call;
};

static enum portico_verdict
on_called(struct portico_request *request, void *arg)
{
	char text[256];

	snprintf(text, sizeof(text), "result %d", portico_client_result(arg));
	say(request, text);
	return PORTICO_DONE;
}

static enum portico_verdict
make_call(struct portico_request *request, struct state *state,
	  struct portico_slice name)
{
	char url[300];
	int length = snprintf(url, sizeof(url), "http://%s/", name.data);

	if (portico_client_new(request, PORTICO_SLICE("GET"),
			       (struct portico_slice){ url, (size_t)length },
			       &state->call) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_client_set_number(state->call, PORTICO_CLIENT_TOTAL_NS,
				  100 * 1000 * 1000);
	return portico_client_run(state->call, on_called, state->call) ==
			       PORTICO_OK ?
		       PORTICO_PENDING :
		       PORTICO_ERROR;
}

static enum portico_verdict
handle(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct portico_slice name = { "", 0 };
	enum portico_status status;
	char text[64];

	portico_request_field(request, PORTICO_SLICE("X-Name"), &name);
	if (how_is(request, "call"))
		return make_call(request, state, name);
	if (how_is(request, "nobody") || how_is(request, "free")) {
		bool frees = how_is(request, "free");

		status = portico_lookup_start(frees ? request : NULL, name, 80,
					      frees ? must_not_run : on_nobodys,
					      NULL, &state->lookup);
		if (frees)
			portico_lookup_free(state->lookup);
		portico_lookup_free(NULL);
	} else if (how_is(request, "later")) {
		status = portico_lookup_start(request, name, 80, NULL, NULL,
					      &state->lookup);
		if (status != PORTICO_OK ||
		    portico_suspend(request, wait_late, &state->lookup,
				    &state->token) != PORTICO_OK)
			return PORTICO_ERROR;
		portico_timer_start(request, 50 * 1000 * 1000, on_timer,
				    &state->token);
		return PORTICO_PENDING;
	} else {
		status = portico_resolve(request, name, 80, on_addresses,
					 &state->lookup, &state->lookup);
		if (status == PORTICO_OK)
			return PORTICO_PENDING;
	}
	snprintf(text, sizeof(text), "returned %d", status);
	say(request, text);
	return PORTICO_DONE;
}

static const struct portico_handler handlers[] = { { .name = "resolve",
						     .function = handle },
						   { 0 } };

PORTICO_MODULE(.name = "resolve", .version = "1.0.0",
	       .summary = "looks up names",
	       .request_size = sizeof(struct state), .handlers = handlers);
