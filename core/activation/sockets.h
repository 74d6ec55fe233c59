/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening sockets.  porticod opens them and keeps them, so that they and
 * the kernel's backlog outlive the listener.  One per address, port and
 * listener thread, joined by SO_REUSEPORT.
 */
#ifndef CORE_ACTIVATION_SOCKETS_H
#define CORE_ACTIVATION_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

#include "core/base/list.h"

struct settings;

struct sockets_entry {
	struct list link;
	char *address; /* as in settings_binding.address */
	uint16_t port; /* as configured */
	uint16_t real_port;
	int family;
	bool tls;
	bool wanted; /* by the settings given last */
	uint32_t thread;
	int fd;
};

/* One that the service manager has opened for us. */
struct sockets_given {
	struct list link;
	char address[64]; /* "*" or as settings_binding.address */
	uint16_t port;
	int family;
	bool used; /* by a binding, ever */
	int fd;
};

struct sockets {
	struct list entries; /* of struct sockets_entry */
	struct list given; /* of struct sockets_given; kept for good, since
			      nobody but its owner can open one again */
	size_t count;
};

void sockets_init(struct sockets *sockets);
void sockets_fini(struct sockets *sockets);

/*
 * A listening TCP socket that was opened for us: what is bound to its address
 * and port uses it, all loops the same.  OWNERSHIP: takes `fd` also when it
 * fails.
 */
enum portico_status sockets_adopt(struct sockets *sockets, int fd,
				  struct portico_error *err);
/* One that sockets_open() of another porticod has opened: `like` without its
 * address and links.  OWNERSHIP: takes its descriptor. */
void sockets_restore(struct sockets *sockets, const char *address,
		     const struct sockets_entry *like);
/* A warning for each of these that no binding uses. */
void sockets_tell_unused(const struct sockets *sockets);

/*
 * Opens what the settings need and is not open yet.  On failure closes what it
 * opened and leaves the rest as it was.  What is open and no longer needed
 * stays until sockets_sweep().
 */
enum portico_status sockets_open(struct sockets *sockets,
				 const struct settings *settings,
				 struct portico_error *err);
/* All that are open count as wanted, until the next sockets_open(). */
void sockets_keep_all(struct sockets *sockets);
void sockets_sweep(struct sockets *sockets);

/* The real port of a binding, 0 if it is not open. */
uint16_t sockets_real_port(const struct sockets *sockets, const char *address,
			   uint16_t port);

#endif
