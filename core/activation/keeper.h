/* SPDX-License-Identifier: Apache-2.0
 *
 * porticod's side of the keeper (keep.h): it is started, told what to keep,
 * and started again if it dies.  Without one porticod works, but cannot be
 * replaced.
 */
#ifndef CORE_ACTIVATION_KEEPER_H
#define CORE_ACTIVATION_KEEPER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include <portico/types.h>

#include "core/base/io.h"

struct keeper;
struct manager;

/* What one kept thing is. */
struct keeper_item {
	struct keeper_item *next;
	char *key;
	json_t *record;
	int fds[IO_MESSAGE_FDS_MAX]; /* -1: taken out */
	size_t nfds;
};

/* To one that is there already. */
struct keeper_connection {
	int fd;
	int pid; /* of the keeper */
};

/*
 * Connects to the keeper that a porticod has left behind in the runtime
 * directory and reads all that it holds; blocks, for some seconds at most.
 * The lock of the directory has to be ours (runtime.h).  PORTICO_NOT_FOUND:
 * there is none.  OWNERSHIP: of the items the caller's, keeper_items_free(), and
 * of the connection, for keeper_open().
 */
enum portico_status keeper_read(const char *directory,
				struct keeper_item **items_r,
				struct keeper_connection *connection_r,
				struct portico_error *err);
/* Nothing of it is wanted: it ends, and what it has, listening sockets too, is
 * closed, which is waited for. */
void keeper_dismiss(struct keeper_connection *connection);
void keeper_items_free(struct keeper_item **items_p);
struct keeper_item *keeper_items_find(struct keeper_item *items,
				      const char *key);

/* `connection` is taken; its fd is -1: there is none yet.  Never fails. */
void keeper_open(struct manager *manager,
		 const struct keeper_connection *connection,
		 struct keeper **keeper_r);
/* At the end of the server: nothing has to be kept any more. */
void keeper_close(struct keeper **keeper_p);

/* Whether it takes more now. */
bool keeper_is_ready(const struct keeper *keeper);
/* Whether it is there at all. */
bool keeper_is_there(const struct keeper *keeper);
int keeper_pid(const struct keeper *keeper); /* 0: none */

/* `record` is taken; `watch`: the index of a pidfd, or -1. */
void keeper_put(struct keeper *keeper, const char *key, json_t *record,
		const int *fds, size_t nfds, int watch);
void keeper_drop(struct keeper *keeper, const char *key);

#endif
