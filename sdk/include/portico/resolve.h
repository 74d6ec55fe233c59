/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses of a name, looked up without blocking the loop, as the system's
 * resolver has them (hosts file, DNS, whatever nsswitch.conf says):
 *
 *	if (portico_resolve(request, PORTICO_SLICE("db.example.org"), 5432,
 *			    on_addresses, state, &state->lookup) != PORTICO_OK)
 *		return PORTICO_ERROR;
 *	return PORTICO_PENDING;
 *
 * Calls of client.h look up names by themselves.
 *
 * Threads: a lookup belongs to the loop on which it was made.  Lifetime: a
 * lookup of a request, and what it has found, lives until the request ends, or
 * until it is freed; one of nobody (request NULL) is the module's to free.
 * An aborted request's lookup ends at once; the resolver cannot be stopped,
 * but nobody waits for it.
 */
#ifndef PORTICO_RESOLVE_H
#define PORTICO_RESOLVE_H

#include <portico/host.h>
#include <portico/request.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_lookup; /* opaque */
struct sockaddr; /* <sys/socket.h> */

/* On the lookup's loop, once, never from within portico_lookup_start; the
 * lookup may be freed here. */
typedef void portico_lookup_fn(struct portico_lookup *lookup, void *arg);

struct portico_host_resolve {
	uint32_t size;

	/* 1.0 */
	enum portico_status (*start)(struct portico_request *,
				     struct portico_slice name, uint16_t port,
				     portico_lookup_fn *, void *arg,
				     struct portico_lookup **lookup_r);
	enum portico_status (*wait)(struct portico_lookup *,
				    portico_resume_fn *, void *arg);
	void (*free)(struct portico_lookup *);
	enum portico_status (*status)(struct portico_lookup *);
	uint32_t (*count)(struct portico_lookup *);
	bool (*address)(struct portico_lookup *, uint32_t index,
			struct portico_address *address_r);
	const struct sockaddr *(*sockaddr)(struct portico_lookup *,
					   uint32_t index, size_t *length_r);
};

/*
 * Begin a lookup; suspends nobody.  `fn` may be NULL; it is told of the end,
 * also of one by the worker's end, but not when the lookup is freed, by the
 * module or with its request, nor when its request is aborted (the module's
 * on_abort is).  `name` may be an address.
 *   PORTICO_INVALID  the name is empty, longer than 253 bytes or has a NUL
 *   PORTICO_ABORTED  the request was aborted
 *   PORTICO_FULL     1,024 lookups of the process wait for one of 16 threads
 *   PORTICO_STATE    not on a loop, or the worker ends
 *   PORTICO_SYSTEM   no thread could be started
 * Since 1.0.
 */
static inline enum portico_status
portico_lookup_start(struct portico_request *request, struct portico_slice name,
		     uint16_t port, portico_lookup_fn *fn, void *arg,
		     struct portico_lookup **lookup_r)
{
	return portico_host->resolve->start(request, name, port, fn, arg,
					    lookup_r);
}

/*
 * Suspend the lookup's request until its end; at once if that has come.  The
 * caller returns PORTICO_PENDING next.  PORTICO_STATE: suspended already, or a
 * lookup without a request.  Since 1.0.
 */
static inline enum portico_status
portico_lookup_wait(struct portico_lookup *lookup, portico_resume_fn *resume,
		    void *arg)
{
	return portico_host->resolve->wait(lookup, resume, arg);
}

/* Both in one; *lookup_r is set before `resume` runs.  Since 1.0. */
static inline enum portico_status
portico_resolve(struct portico_request *request, struct portico_slice name,
		uint16_t port, portico_resume_fn *resume, void *arg,
		struct portico_lookup **lookup_r)
{
	enum portico_status status =
		portico_lookup_start(request, name, port, NULL, NULL, lookup_r);

	return status != PORTICO_OK ?
		       status :
		       portico_lookup_wait(*lookup_r, resume, arg);
}

/* Ends the lookup and frees it and its addresses; nobody is told.  Accepts
 * NULL.  Since 1.0. */
static inline void
portico_lookup_free(struct portico_lookup *lookup)
{
	portico_host->resolve->free(lookup);
}

/*
 *   PORTICO_OK         there are addresses
 *   PORTICO_AGAIN      it has not ended
 *   PORTICO_NOT_FOUND  there is no such name, or it has no address
 *   PORTICO_TIMED_OUT  the resolver could not find out for now
 *   PORTICO_ABORTED    the request was aborted, or the worker ends
 *   PORTICO_SYSTEM     the resolver failed
 * Since 1.0.
 */
static inline enum portico_status
portico_lookup_status(struct portico_lookup *lookup)
{
	return portico_host->resolve->status(lookup);
}

/* Addresses found, at most 64, in the order in which to try them. */
static inline uint32_t
portico_lookup_count(struct portico_lookup *lookup)
{
	return portico_host->resolve->count(lookup);
}

/* The index-th as text, with the port.  False: there are not so many. */
static inline bool
portico_lookup_address(struct portico_lookup *lookup, uint32_t index,
		       struct portico_address *address_r)
{
	return portico_host->resolve->address(lookup, index, address_r);
}

/* The index-th as connect() wants it, with the port; NULL: not so many. */
static inline const struct sockaddr *
portico_lookup_sockaddr(struct portico_lookup *lookup, uint32_t index,
			size_t *length_r)
{
	return portico_host->resolve->sockaddr(lookup, index, length_r);
}

#ifdef __cplusplus
}
#endif

#endif
