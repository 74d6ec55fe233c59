/* SPDX-License-Identifier: Apache-2.0
 *
 * What a module changes for those behind it: fields and variables, the user,
 * fields and reason of the response.  changes.t steers it by query:
 *
 *	?do=WHAT:NAME:VALUE&do=...   in BEGIN, in this order; a missing VALUE
 *	                             is one without data
 *	?show=WHAT:NAME&show=...     in the handler, a line each
 *
 *	do      set, add, remove (a field), variable, user, authenticate
 *	        (NAME: type, VALUE: user), anonymous
 *	show    field, fields, variable, text, user, cookie, content-length
 *
 * Each line of the answer is "WHAT NAME: value", or for what was done,
 * "did WHAT NAME: status".
 */
#include <portico/portico.h>

#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 65536

struct state {
	char *text;
	size_t length;
};

struct order {
	struct portico_request *request;
	struct state *state;
	char what[32], name[300];
	struct portico_slice value;
};

__attribute__((format(printf, 2, 3))) static void
add(struct state *state, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	state->length += (size_t)vsnprintf(state->text + state->length,
					   TEXT_SIZE - state->length, format,
					   arguments);
	va_end(arguments);
	if (state->length >= TEXT_SIZE)
		state->length = TEXT_SIZE - 1;
}

static struct portico_slice
slice_of(const char *text)
{
	struct portico_slice slice = { text, strlen(text) };

	return slice;
}

/* "what:name:value" into its parts. */
static void
read_order(struct order *order, struct portico_slice text)
{
	const char *end = text.data + text.length;
	const char *name = memchr(text.data, ':', text.length);
	const char *value =
		name == NULL ? NULL :
			       memchr(name + 1, ':', (size_t)(end - name - 1));
	size_t what_length = name == NULL ? text.length :
					    (size_t)(name - text.data);

	order->value.data = NULL;
	order->value.length = 0;
	if (value != NULL) {
		order->value.data = value + 1;
		order->value.length = (size_t)(end - value - 1);
		end = value;
	}
	snprintf(order->what, sizeof(order->what), "%.*s", (int)what_length,
		 text.data);
	order->name[0] = '\0';
	if (name != NULL)
		snprintf(order->name, sizeof(order->name), "%.*s",
			 (int)(end - name - 1), name + 1);
}

static bool
is(const struct order *order, const char *what)
{
	return strcmp(order->what, what) == 0;
}

static enum portico_status
obey(const struct order *order)
{
	struct portico_request *request = order->request;
	struct portico_slice name = slice_of(order->name);
	struct portico_slice none = { NULL, 0 };

	if (is(order, "set"))
		return portico_request_set_field(request, name, order->value);
	if (is(order, "add"))
		return portico_request_add_field(request, name, order->value);
	if (is(order, "remove"))
		return portico_request_remove_field(request, name);
	if (is(order, "variable"))
		return portico_variable_set(request, order->name, order->value);
	if (is(order, "user"))
		return portico_request_set_user(request, name);
	if (is(order, "authenticate"))
		return portico_request_authenticate(request, order->value,
						    name);
	if (is(order, "anonymous"))
		return portico_request_authenticate(request, none, none);
	return PORTICO_UNSUPPORTED;
}

static bool
on_do(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct order *order = arg;

	if (name.length != 2 || memcmp(name.data, "do", 2) != 0)
		return true;
	read_order(order, value);
	add(order->state, "did %s %.40s: %d\n", order->what, order->name,
	    obey(order));
	return true;
}

static enum portico_verdict
on_begin(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct order order = { .request = request, .state = state };

	state->text = portico_request_alloc(request, TEXT_SIZE);
	if (state->text == NULL)
		return PORTICO_ERROR;
	portico_trace(request, "changes.begin", NULL);
	if (portico_query_each(request, on_do, &order) != PORTICO_OK)
		return PORTICO_ERROR;
	portico_trace(request, "changes.done", "all of it");
	return PORTICO_NEXT;
}

/* ---- what those behind see ----------------------------------------------------- */

static bool
on_field(void *arg, struct portico_slice name, struct portico_slice value)
{
	add(arg, "%.*s: %.*s\n", (int)name.length, name.data, (int)value.length,
	    value.data);
	return true;
}

static struct portico_slice
look_up(const struct order *order)
{
	struct portico_request *request = order->request;
	struct portico_slice value = { NULL, 0 };

	if (is(order, "field"))
		portico_request_field(request, slice_of(order->name), &value);
	else if (is(order, "cookie"))
		portico_cookie_get(request, slice_of(order->name), &value);
	else if (is(order, "variable"))
		value = portico_variable(request, order->name);
	else if (is(order, "user"))
		value = portico_request_text(request, PORTICO_TEXT_USER);
	else if (is(order, "type"))
		value = portico_request_text(request,
					     PORTICO_TEXT_AUTHENTICATION);
	else if (is(order, "authenticated"))
		value = portico_request_is_authenticated(request) ?
				PORTICO_SLICE("yes") :
				PORTICO_SLICE("no");
	/* What is promised of all of them but cookies. */
	if (value.data != NULL && !is(order, "cookie") &&
	    value.data[value.length] != '\0')
		return PORTICO_SLICE("(no NUL)");
	return value;
}

static bool
on_show(void *arg, struct portico_slice name, struct portico_slice value)
{
	struct order *order = arg;

	if (name.length != 4 || memcmp(name.data, "show", 4) != 0)
		return true;
	read_order(order, value);
	if (is(order, "fields")) {
		portico_request_fields(order->request, on_field, order->state);
		return true;
	}
	value = look_up(order);
	add(order->state, "%s %s: %.*s\n", order->what, order->name,
	    value.data == NULL ? 1 : (int)value.length,
	    value.data == NULL ? "-" : value.data);
	return true;
}

static enum portico_verdict
show(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	struct order order = { .request = request, .state = state };
	size_t written;

	portico_query_each(request, on_show, &order);
	return portico_response_write(request, state->text, state->length,
				      &written) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

/* ---- the response --------------------------------------------------------------- */

static void
add_status(struct state *state, enum portico_status status)
{
	add(state, "%d\n", status);
}

static enum portico_verdict
response(struct portico_request *request)
{
	struct state *state = portico_request_state(request);
	char line[600];

	add(state, "substatus %u, reason \"%s\"\n",
	    portico_response_substatus(request),
	    portico_response_reason(request).data);
	portico_response_set_status(request, 404, 8);
	portico_response_set_field(request, PORTICO_SLICE("X-One"),
				   PORTICO_SLICE("1"));
	portico_response_add_field(request, PORTICO_SLICE("content-type"),
				   PORTICO_SLICE("text/plain"));
	portico_response_add_field(request, PORTICO_SLICE("x-one"),
				   PORTICO_SLICE("2"));
	portico_response_add_field(request, PORTICO_SLICE("X-Two"),
				   PORTICO_SLICE("3"));
	portico_response_fields(request, on_field, state);
	add_status(state, portico_response_remove_field(
				  request, PORTICO_SLICE("X-ONE")));
	add_status(state, portico_response_remove_field(
				  request, PORTICO_SLICE("X-None")));
	portico_response_fields(request, on_field, state);
	memset(line, 'x', sizeof(line));
	add_status(state,
		   portico_response_set_reason(request, PORTICO_SLICE("a\nb")));
	add_status(state, portico_response_set_reason(
				  request, (struct portico_slice){
						   line, sizeof(line) }));
	add_status(state, portico_response_set_reason(request,
						      PORTICO_SLICE("first")));
	add_status(state,
		   portico_response_set_reason(
			   request, PORTICO_SLICE("the segment is hidden")));
	add(state, "substatus %u, reason \"%s\"\n",
	    portico_response_substatus(request),
	    portico_response_reason(request).data);
	return show(request);
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_BEGIN, .function = on_begin },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "show", .function = show },
	{ .name = "response", .function = response },
	{ 0 }
};

PORTICO_MODULE(.name = "changes", .version = "1.0.0",
	       .summary = "changes requests for modules behind it",
	       .request_size = sizeof(struct state),
	       .subscriptions = subscriptions, .handlers = handlers);
