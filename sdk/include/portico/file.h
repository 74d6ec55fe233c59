/* SPDX-License-Identifier: Apache-2.0
 *
 * Files below the root of an application, and open files that the listener
 * sends by itself.
 */
#ifndef PORTICO_FILE_H
#define PORTICO_FILE_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Open `path` (relative, or with one leading "/"), read-only, below the root
 * of the request's application.  The kernel refuses every way out of the root
 * (openat2, RESOLVE_BENEATH), symbolic links included.  May block: call it in
 * portico_offload where that matters; it is the one function that takes a
 * request and may be called from the thread pool while the request waits.
 *   PORTICO_OK         *fd_r is the caller's to close
 *   PORTICO_NOT_FOUND, PORTICO_DENIED (permissions, or a way out),
 *   PORTICO_INVALID (NUL in path, too long), PORTICO_SYSTEM: err says why
 */
static inline enum portico_status
portico_file_open(struct portico_request *request, struct portico_slice path,
		  int *fd_r, struct portico_error *err)
{
	return portico_host->file_open(request, path, fd_r, err);
}

/*
 * Make an open regular file known to the host, so that it can be sent many
 * times while its descriptor crosses to the listener once.  Takes fd; closes
 * it with the last reference.  One reference is the caller's; ref takes
 * another one, unref gives one back.  Any thread.
 */
static inline struct portico_file *
portico_file_adopt(int fd)
{
	return portico_host->file_adopt(fd);
}

static inline void
portico_file_ref(struct portico_file *file)
{
	portico_host->file_ref(file);
}

static inline void
portico_file_unref(struct portico_file *file)
{
	portico_host->file_unref(file);
}

/* Borrowed. */
static inline int
portico_file_fd(const struct portico_file *file)
{
	return portico_host->file_fd(file);
}

#ifdef __cplusplus
}
#endif

#endif
