/* SPDX-License-Identifier: Apache-2.0
 *
 * The command's end of the control socket.
 */
#include "core/command/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/control/connection.h"

static int
connect_to(const char *path, unsigned limit_s, struct portico_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = limit_s };
	int fd;

	if (strlen(path) >= sizeof address.sun_path)
		return (int)error_set(err, PORTICO_TOO_LARGE,
				      "connecting to %s: the path is too long",
				      path);
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (int)error_system(err, "connecting to %s", path);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		bool absent = errno == ENOENT || errno == ECONNREFUSED;
		int status = (int)error_system(err, "connecting to %s", path);

		io_close(&fd);
		if (!absent)
			return status;
		err->status = PORTICO_NOT_FOUND;
		error_hint(err, "Does porticod run?  --socket names another "
				"control socket.");
		return PORTICO_NOT_FOUND;
	}
	return fd;
}

static enum portico_status
send_request(int fd, json_t *request, struct portico_error *err)
{
	char *text = json_dumps(request, JSON_COMPACT);
	enum portico_status status;

	json_decref(request);
	if (text == NULL)
		return error_set(err, PORTICO_NO_MEMORY,
				 "sending the request: out of memory");
	status = io_send_message(fd, text, strlen(text), NULL, 0);
	free(text); /* jansson's */
	if (status != PORTICO_OK)
		return error_set(err, status, "sending the request: %s",
				 status_text(status));
	return PORTICO_OK;
}

/* A large answer comes in a memfd; its packet only says so. */
static json_t *
load(const char *packet, size_t length, int memory)
{
	struct buffer text;
	json_t *json = NULL;

	if (memory < 0)
		return json_loadb(packet, length, 0, NULL);
	buffer_init(&text, CONTROL_LARGE_MAX);
	if (io_memfd_read(memory, CONTROL_LARGE_MAX, &text, NULL) == PORTICO_OK)
		json = json_loadb(text.data, text.length, 0, NULL);
	buffer_fini(&text);
	return json;
}

static enum portico_status
receive_answer(int fd, unsigned limit_s, json_t **answer_r,
	       struct portico_error *err)
{
	char *packet = mem_alloc(CONTROL_MESSAGE_MAX);
	int memory = -1;
	size_t count = 1;
	ssize_t got = io_recv_message(fd, packet, CONTROL_MESSAGE_MAX, &memory,
				      &count);

	*answer_r = got > 0 ? load(packet, (size_t)got, memory) : NULL;
	io_close(&memory);
	mem_free(packet);
	if (got == PORTICO_AGAIN)
		return error_set(err, PORTICO_TIMED_OUT,
				 "porticod did not answer within %u s",
				 limit_s);
	if (got <= 0)
		return error_set(err, PORTICO_CLOSED,
				 "porticod closed the connection; is this its "
				 "user or root?");
	if (*answer_r == NULL)
		return error_set(err, PORTICO_PROTOCOL,
				 "the answer of porticod is no JSON");
	return PORTICO_OK;
}

enum portico_status
client_ask(const char *socket_path, json_t *request, unsigned limit_s,
	   json_t **answer_r, struct portico_error *err)
{
	int fd = connect_to(socket_path, limit_s, err);
	enum portico_status status;

	if (fd < 0) {
		json_decref(request);
		return (enum portico_status)fd;
	}
	status = send_request(fd, request, err);
	if (status == PORTICO_OK)
		status = receive_answer(fd, limit_s, answer_r, err);
	io_close(&fd);
	return status;
}

static void
clean_string(json_t *string)
{
	size_t length = json_string_length(string);
	/* A JSON text holds no NUL. */
	char *copy = mem_strdup(json_string_value(string));
	bool dirty = false;

	for (size_t i = 0; i < length; i++) {
		size_t control = slice_control(copy + i);

		memset(copy + i, '?', control);
		dirty = dirty || control > 0;
	}
	if (dirty)
		json_string_setn(string, copy, length);
	mem_free(copy);
}

void
client_make_printable(json_t *answer)
{
	json_t *value;
	const char *key;
	size_t i;

	if (json_is_string(answer))
		clean_string(answer);
	else if (json_is_array(answer))
		json_array_foreach(answer, i, value)
			client_make_printable(value);
	else if (json_is_object(answer))
		json_object_foreach(answer, key, value)
			client_make_printable(value);
}
