/* SPDX-License-Identifier: Apache-2.0
 *
 * What a service manager is told and gives, by the protocol of systemd
 * (sd_notify(3), sd_listen_fds(3)): small enough that no library is needed.
 */
#ifndef CORE_ACTIVATION_SERVICE_H
#define CORE_ACTIVATION_SERVICE_H

#include <uv.h>

struct sockets;

struct service {
	int fd; /* to NOTIFY_SOCKET; -1: nobody listens */
	uv_timer_t watchdog; /* active if it wants signs of life */
};

/* Reads the environment. */
void service_init(struct service *service, uv_loop_t *loop);
void service_fini(struct service *service);

/* Lines of NAME=VALUE; does nothing where nobody listens. */
__attribute__((format(printf, 2, 3))) void
service_tell(const struct service *service, const char *format, ...);

void service_ready(const struct service *service, size_t bindings);
void service_reloading(const struct service *service);
void service_stopping(const struct service *service);

/*
 * The listening sockets that were given to us go to `sockets`, which has to
 * hold no others yet.  Those that cannot be used are named in the log and
 * closed.
 */
void service_take_sockets(struct sockets *sockets);

#endif
