/* SPDX-License-Identifier: Apache-2.0
 *
 * One call within libcurl: its options, what libcurl hands over, its end.
 *
 * The functions that libcurl calls (receive_*, send_body, open_socket) only
 * store and note news; none of them calls a module or libcurl.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/client_engine.h"
#include "core/worker/request.h"

/* ---- the answer's head ---------------------------------------------------------- */

static size_t
refuse(struct portico_client_call *call, enum portico_client_result result,
       const char *why)
{
	call->result = result;
	call->why = why;
	return 0;
}

/* "HTTP/1.1 200 OK": of the answer, of one before it (100, a redirect), and
 * never after the body has begun. */
static bool
begin_head(struct portico_client_call *call, const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	unsigned status = 0;

	if (space == NULL || line + length - space < 4)
		return false;
	for (int i = 1; i <= 3; i++) {
		if (space[i] < '0' || space[i] > '9')
			return false;
		status = status * 10 + (unsigned)(space[i] - '0');
	}
	if (status < 100)
		return false;
	arena_reset(call->head);
	call->fields = arena_alloc(call->head,
				   CLIENT_FIELDS_MAX * sizeof(call->fields[0]));
	call->field_count = 0;
	call->status = status;
	call->head_done = false;
	return true;
}

static struct portico_slice
copy(struct arena *arena, const char *data, size_t length)
{
	char *text = arena_try_alloc(arena, length + 1);

	if (text == NULL)
		return (struct portico_slice){ NULL, 0 };
	memcpy(text, data, length);
	text[length] = '\0';
	return (struct portico_slice){ text, length };
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t
add_field(struct portico_client_call *call, const char *line, size_t length)
{
	const char *colon = memchr(line, ':', length);
	const char *end = line + length, *value;
	struct client_field *field;

	if (colon == NULL || !http_is_token(line, (size_t)(colon - line)))
		return refuse(call, PORTICO_CLIENT_PROTOCOL,
			      "the answer's head has a line that is no field");
	for (value = colon + 1; value < end && is_blank(*value); value++)
		;
	while (end > value && is_blank(end[-1]))
		end--;
	if (!field_value_is_sane(
		    (struct portico_slice){ value, (size_t)(end - value) }))
		return refuse(call, PORTICO_CLIENT_PROTOCOL,
			      "a field of the answer has control bytes");
	if (call->field_count == CLIENT_FIELDS_MAX)
		return refuse(call, PORTICO_CLIENT_TOO_LARGE,
			      "the answer's head has too many fields");
	field = &call->fields[call->field_count];
	field->name = copy(call->head, line, (size_t)(colon - line));
	field->value = copy(call->head, value, (size_t)(end - value));
	if (field->name.data == NULL || field->value.data == NULL)
		return refuse(call, PORTICO_CLIENT_TOO_LARGE,
			      "the answer's head is above 64 KiB");
	call->field_count++;
	return length;
}

/* An answer that leads elsewhere is not the one that was asked for. */
static bool
is_final(const struct portico_client_call *call)
{
	if (call->status < 200)
		return false;
	if (call->redirects_max == 0 || call->status / 100 != 3)
		return true;
	for (uint32_t i = 0; i < call->field_count; i++) {
		if (slice_equal_nocase(call->fields[i].name,
				       PORTICO_SLICE("Location")))
			return false;
	}
	return true;
}

static size_t
receive_head(char *line, size_t size, size_t count, void *arg)
{
	struct portico_client_call *call = arg;
	size_t length = size * count;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->head_done) /* trailers */
		return length;
	if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
		return begin_head(call, line, length) ?
			       length :
			       refuse(call, PORTICO_CLIENT_PROTOCOL,
				      "the answer has no status");
	if (call->status == 0)
		return refuse(call, PORTICO_CLIENT_PROTOCOL,
			      "the answer does not begin as HTTP does");
	if (!is_blank(line[0]))
		return add_field(call, line, length);
	if (line[0] != '\r' && line[0] != '\n')
		return refuse(call, PORTICO_CLIENT_PROTOCOL,
			      "a field of the answer has several lines");
	call->head_done = is_final(call);
	if (call->head_done && call->is_stream)
		client_engine_changed(call);
	return length;
}

/* ---- bodies ------------------------------------------------------------------------ */

static size_t
receive_body(char *data, size_t size, size_t count, void *arg)
{
	struct portico_client_call *call = arg;
	size_t length = size * count;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->is_stream && call->in.length > 0 &&
	    call->in.length + length > CLIENT_WINDOW_BYTES) {
		call->receive_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (length == 0)
		return 0;
	if (!call->is_stream &&
	    length > (size_t)call->body_max - call->in.length)
		return refuse(call, PORTICO_CLIENT_TOO_LARGE,
			      "the answer's body is above the limit");
	if (buffer_append(&call->in, data, length) != PORTICO_OK)
		return refuse(call, PORTICO_CLIENT_FAILED, "out of memory");
	if (call->is_stream)
		client_engine_changed(call);
	return length;
}

static size_t
send_body(char *room, size_t size, size_t count, void *arg)
{
	struct portico_client_call *call = arg;
	size_t length = size * count;

	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->out.length == 0 && !call->upload_finished) {
		call->send_paused = true;
		return CURL_READFUNC_PAUSE;
	}
	if (length > call->out.length)
		length = call->out.length;
	if (length > 0)
		memcpy(room, call->out.data, length);
	buffer_consume(&call->out, length);
	client_engine_changed(call);
	return length;
}

void
client_transfer_resume(struct portico_client_call *call)
{
	bool receive = call->receive_paused &&
		       call->in.length < CLIENT_WINDOW_BYTES / 2;
	bool send = call->send_paused &&
		    (call->out.length > 0 || call->upload_finished);
	int paused = 0;

	if (call->easy == NULL || (!receive && !send))
		return;
	if (receive)
		call->receive_paused = false;
	if (send)
		call->send_paused = false;
	if (call->receive_paused)
		paused |= CURLPAUSE_RECV;
	if (call->send_paused)
		paused |= CURLPAUSE_SEND;
	/* May call receive_body at once with what was kept back. */
	call->engine->curl->easy_pause(call->easy, paused);
}

/* ---- start --------------------------------------------------------------------------- */

/* What a child process must not have. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)arg;
	(void)purpose;
	return socket(address->family, address->socktype | SOCK_CLOEXEC,
		      address->protocol);
}

static long
milliseconds(int64_t ns)
{
	return (long)((uint64_t)ns / CLOCK_NS_PER_MS +
		      ((uint64_t)ns % CLOCK_NS_PER_MS != 0));
}

#define SET(option, value)                                                     \
	do {                                                                   \
		CURLcode code_ = curl->easy_setopt(easy, option, value);       \
                                                                               \
		if (code_ != CURLE_OK)                                         \
			return code_;                                          \
	} while (0)

static CURLcode
set_limits(const struct portico_client_call *call,
	   const struct curl_library *curl, CURL *easy)
{
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_FOLLOWLOCATION, call->redirects_max > 0 ? 1L : 0L);
	SET(CURLOPT_MAXREDIRS, (long)call->redirects_max);
	SET(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(call->connect_ns));
	SET(CURLOPT_TIMEOUT_MS, milliseconds(call->total_ns));
	if (call->idle_ns > 0) {
		SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
		SET(CURLOPT_LOW_SPEED_TIME,
		    (milliseconds(call->idle_ns) + 999) / 1000);
	}
	return CURLE_OK;
}

static CURLcode
set_peer(const struct portico_client_call *call,
	 const struct curl_library *curl, CURL *easy)
{
	SET(CURLOPT_URL, call->url);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_SSL_VERIFYPEER, call->verify ? 1L : 0L);
	SET(CURLOPT_SSL_VERIFYHOST, call->verify ? 2L : 0L);
	if (call->ca_file != NULL) {
		SET(CURLOPT_CAINFO, call->ca_file);
		SET(CURLOPT_CAPATH, (char *)NULL);
	}
	if (call->certificate_file != NULL)
		SET(CURLOPT_SSLCERT, call->certificate_file);
	if (call->key_file != NULL)
		SET(CURLOPT_SSLKEY, call->key_file);
	else if (call->certificate_file != NULL)
		SET(CURLOPT_SSLKEY, call->certificate_file);
	if (call->unix_socket != NULL)
		SET(CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
	return CURLE_OK;
}

static CURLcode
set_message(const struct portico_client_call *call,
	    const struct curl_library *curl, CURL *easy)
{
	bool head = strcmp(call->method, "HEAD") == 0;

	if (head)
		SET(CURLOPT_NOBODY, 1L);
	if (call->uploads) {
		SET(CURLOPT_UPLOAD, 1L);
		SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->upload_length);
		SET(CURLOPT_READFUNCTION, send_body);
		SET(CURLOPT_READDATA, (void *)call);
		SET(CURLOPT_FRESH_CONNECT, 1L);
	} else if (call->out.length > 0) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->out.length);
		SET(CURLOPT_POSTFIELDS, call->out.data);
	} else if (strcmp(call->method, "POST") == 0) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
		SET(CURLOPT_POSTFIELDS, "");
	}
	if (!head)
		SET(CURLOPT_CUSTOMREQUEST, call->method);
	SET(CURLOPT_HTTPHEADER, call->fields_out);
	SET(CURLOPT_HEADERFUNCTION, receive_head);
	SET(CURLOPT_HEADERDATA, (void *)call);
	SET(CURLOPT_WRITEFUNCTION, receive_body);
	SET(CURLOPT_WRITEDATA, (void *)call);
	SET(CURLOPT_ERRORBUFFER, (char *)call->message);
	SET(CURLOPT_PRIVATE, (void *)call);
	return CURLE_OK;
}

#undef SET

/* What libcurl adds by itself and nobody asked for. */
static bool
add_own_fields(struct portico_client_call *call,
	       const struct curl_library *curl)
{
	static const char *const none[] = { "Expect:", "Content-Type:" };

	for (int i = 0; i < (call->has_type ? 1 : 2); i++) {
		struct curl_slist *more =
			curl->slist_append(call->fields_out, none[i]);

		if (more == NULL)
			return false;
		call->fields_out = more;
	}
	return true;
}

enum portico_status
client_transfer_start(struct portico_client_call *call)
{
	const struct curl_library *curl = call->engine->curl;
	CURL *easy = curl->easy_init();
	CURLcode code;

	if (easy == NULL)
		return PORTICO_NO_MEMORY;
	code = add_own_fields(call, curl) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = set_limits(call, curl, easy);
	if (code == CURLE_OK)
		code = set_peer(call, curl, easy);
	if (code == CURLE_OK)
		code = set_message(call, curl, easy);
	if (code == CURLE_OK &&
	    curl->multi_add_handle(call->engine->multi, easy) != CURLM_OK)
		code = CURLE_OUT_OF_MEMORY;
	if (code != CURLE_OK) {
		curl->easy_cleanup(easy);
		return code == CURLE_OUT_OF_MEMORY ? PORTICO_NO_MEMORY :
						     PORTICO_INVALID;
	}
	call->easy = easy;
	return PORTICO_OK;
}

/* ---- end ------------------------------------------------------------------------------ */

static enum portico_client_result
result_of(CURLcode code)
{
	switch ((int)code) {
	case CURLE_OK:
		return PORTICO_CLIENT_OK;
	case CURLE_COULDNT_RESOLVE_HOST:
		return PORTICO_CLIENT_NAME;
	case CURLE_COULDNT_CONNECT:
		return PORTICO_CLIENT_CONNECT;
	case CURLE_OPERATION_TIMEDOUT:
		return PORTICO_CLIENT_TIME;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
		return PORTICO_CLIENT_TLS;
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_SEND_FAIL_REWIND:
		return PORTICO_CLIENT_CLOSED;
	case CURLE_TOO_MANY_REDIRECTS:
		return PORTICO_CLIENT_REDIRECTS;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return PORTICO_CLIENT_PROTOCOL;
	}
	return PORTICO_CLIENT_FAILED;
}

/* libcurl forgets it; what it has given stays. */
static void
detach(struct portico_client_call *call)
{
	const struct curl_library *curl = call->engine->curl;

	curl->multi_remove_handle(call->engine->multi, call->easy);
	curl->easy_cleanup(call->easy);
	call->easy = NULL;
	call->state = CLIENT_ENDED;
	if (call->counted)
		client_background_add(-1);
	call->counted = false;
	client_engine_changed(call);
}

void
client_transfer_end(struct portico_client_call *call, CURLcode code)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->easy == NULL)
		return;
	/* The functions above have refused with a result of their own, and
	 * libcurl says only that they did. */
	if (call->why != NULL) {
		snprintf(call->message, sizeof(call->message), "%s", call->why);
	} else {
		call->result = result_of(code);
		if (code != CURLE_OK && call->message[0] == '\0')
			snprintf(call->message, sizeof(call->message), "%s",
				 call->engine->curl->easy_strerror(code));
	}
	if (call->result == PORTICO_CLIENT_OK)
		call->message[0] = '\0';
	detach(call);
}

void
client_transfer_cancel(struct portico_client_call *call)
{
	CHECK(call, CLIENT_CALL_MAGIC);
	if (call->easy == NULL)
		return;
	call->result = PORTICO_CLIENT_CANCELLED;
	detach(call);
	snprintf(call->message, sizeof(call->message), "it was cancelled");
}
