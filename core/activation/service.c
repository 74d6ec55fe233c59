/* SPDX-License-Identifier: Apache-2.0
 *
 * See service.h.
 */
#include "core/activation/service.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/activation/events.h"
#include "core/activation/sockets.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/slice.h"

#define SERVICE_FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define SERVICE_FDS_MAX 4096
#define US_PER_MS 1000

/* A number of the environment, 0 if there is none. */
static uint64_t
number_of(const char *name)
{
	const char *text = getenv(name);
	uint64_t number;

	if (text == NULL || !slice_to_u64(slice_from(text), &number))
		return 0;
	return number;
}

/* ---- telling ------------------------------------------------------------------ */

static int
connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path == NULL ? 0 : strlen(path);
	int fd;

	if (length < 2 || length >= sizeof address.sun_path ||
	    (path[0] != '/' && path[0] != '@'))
		return -1;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@') /* a name in the abstract space */
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	length += offsetof(struct sockaddr_un, sun_path);
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)length) != 0)
		io_close(&fd);
	return fd;
}

void
service_tell(const struct service *service, const char *format, ...)
{
	char text[512];
	va_list arguments;
	int length;

	if (service->fd < 0)
		return;
	va_start(arguments, format);
	length = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	if (length <= 0 || (size_t)length >= sizeof text)
		return;
	/* One that does not read is not waited for. */
	(void)send(service->fd, text, (size_t)length,
		   MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
on_watchdog(uv_timer_t *timer)
{
	service_tell(timer->data, "WATCHDOG=1");
}

void
service_init(struct service *service, uv_loop_t *loop)
{
	uint64_t interval = number_of("WATCHDOG_USEC") / US_PER_MS;
	uint64_t pid = number_of("WATCHDOG_PID");

	service->fd = connect_to(getenv("NOTIFY_SOCKET"));
	uv_timer_init(loop, &service->watchdog);
	service->watchdog.data = service;
	if (service->fd < 0 || interval == 0 ||
	    (pid != 0 && pid != (uint64_t)getpid()))
		return;
	/* Twice in the time that it waits, as sd_watchdog_enabled(3) advises:
	 * a loop of ours that hangs says nothing. */
	interval = interval / 2 == 0 ? 1 : interval / 2;
	uv_timer_start(&service->watchdog, on_watchdog, interval, interval);
}

void
service_fini(struct service *service)
{
	io_close(&service->fd);
	uv_close((uv_handle_t *)&service->watchdog, NULL);
}

void
service_ready(const struct service *service, size_t bindings)
{
	service_tell(service, "READY=1\nSTATUS=Serving %zu binding%s\n",
		     bindings, bindings == 1 ? "" : "s");
}

void
service_reloading(const struct service *service)
{
	service_tell(service,
		     "RELOADING=1\nMONOTONIC_USEC=%" PRIu64
		     "\nSTATUS=Reading the configuration again\n",
		     clock_monotonic_ns() / CLOCK_NS_PER_US);
}

void
service_stopping(const struct service *service)
{
	service_tell(service, "STOPPING=1\nSTATUS=Finishing what is in "
			      "progress\n");
}

/* ---- sockets that were given to us ---------------------------------------------- */

void
service_take_sockets(struct sockets *sockets)
{
	uint64_t count = number_of("LISTEN_FDS");
	bool is_ours = number_of("LISTEN_PID") == (uint64_t)getpid();

	/* They are given once: the porticod that we may execute is the same
	 * process, and gets them otherwise. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	if (!is_ours)
		return;
	if (count > SERVICE_FDS_MAX)
		count = SERVICE_FDS_MAX;
	for (int i = 0; i < (int)count; i++) {
		struct portico_error err;
		int fd = SERVICE_FIRST_FD + i;

		if (sockets_adopt(sockets, fd, &err) == PORTICO_OK)
			continue;
		error_prefix(&err, "descriptor %d of the service manager", fd);
		log_write_error(LOG_LEVEL_WARNING, EVENT_SERVICE_SOCKET, NULL,
				&err);
	}
}
