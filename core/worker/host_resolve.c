/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups of modules: what resolve.h offers.
 */
#include "core/worker/host_resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/worker/limits.h"
#include "core/worker/main_loop.h"
#include "core/worker/request.h"
#include "core/worker/resolver.h"

#define LOOKUP_MAGIC 0x4c4f4f4bu

struct portico_lookup {
	unsigned magic;
	struct portico_request *request; /* NULL: nobody's */
	struct service service; /* in request->services */
	struct list link; /* of all of the loop */
	struct resolver_job *job; /* NULL: it has ended */
	enum portico_status status;
	bool waited; /* the request waits for it */
	uint32_t count;
	struct addrinfo *found;
	portico_lookup_fn *fn;
	void *fn_arg;
};

static void
lookup_free(struct portico_lookup *lookup)
{
	if (lookup->job != NULL)
		resolver_forget(lookup->job);
	if (lookup->found != NULL)
		freeaddrinfo(lookup->found);
	list_remove(&lookup->link);
	lookup->magic = 0;
	mem_free(lookup);
}

/* The lookup may be gone afterwards. */
static void
end(struct portico_lookup *lookup, enum portico_status status)
{
	lookup->status = status;
	if (lookup->waited) {
		lookup->waited = false;
		request_ready(lookup->request);
	}
	if (lookup->fn != NULL)
		lookup->fn(lookup, lookup->fn_arg);
}

static enum portico_status
status_of(int code)
{
	switch (code) {
	case 0:
		return PORTICO_OK;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return PORTICO_NOT_FOUND;
	case EAI_AGAIN:
		return PORTICO_TIMED_OUT;
	case EAI_MEMORY:
		return PORTICO_NO_MEMORY;
	default:
		return PORTICO_SYSTEM;
	}
}

static void
on_done(struct resolver_job *job)
{
	struct portico_lookup *lookup = job->owner;

	CHECK(lookup, LOOKUP_MAGIC);
	lookup->job = NULL;
	lookup->found = job->found;
	job->found = NULL;
	for (const struct addrinfo *one = lookup->found;
	     one != NULL && lookup->count < LOOKUP_ADDRESSES_MAX;
	     one = one->ai_next)
		lookup->count++;
	end(lookup, status_of(job->code));
}

static void
give_up(struct portico_lookup *lookup)
{
	if (lookup->job == NULL)
		return;
	resolver_forget(lookup->job);
	lookup->job = NULL;
	end(lookup, PORTICO_ABORTED);
}

static void
on_request_abort(struct service *service)
{
	struct portico_lookup *lookup =
		CONTAINER_OF(service, struct portico_lookup, service);

	CHECK(lookup, LOOKUP_MAGIC);
	/* The request wakes.  A function that is told here could free another
	 * service, and the list is being walked. */
	lookup->fn = NULL;
	give_up(lookup);
}

static void
on_request_end(struct service *service)
{
	struct portico_lookup *lookup =
		CONTAINER_OF(service, struct portico_lookup, service);

	CHECK(lookup, LOOKUP_MAGIC);
	lookup_free(lookup);
}

void
lookups_stop(struct list *lookups)
{
	struct list now;

	/* Those who are told may free lookups, others as well as theirs. */
	list_init(&now);
	list_move_all(&now, lookups);
	for (;;) {
		struct list *first = list_take_first(&now);

		if (first == NULL)
			break;
		give_up(CONTAINER_OF(first, struct portico_lookup, link));
	}
}

static struct resolver_job *
job_new(struct portico_lookup *lookup, struct worker_loop *loop,
	struct portico_slice name, uint16_t port)
{
	struct resolver_job *job = mem_zalloc(sizeof(*job));

	job->loop = loop;
	job->owner = lookup;
	job->done = on_done;
	memcpy(job->name, name.data, name.length);
	snprintf(job->service, sizeof(job->service), "%u", port);
	return job;
}

static enum portico_status
host_lookup_start(struct portico_request *request, struct portico_slice name,
		  uint16_t port, portico_lookup_fn *fn, void *arg,
		  struct portico_lookup **lookup_r)
{
	struct portico_lookup *lookup;
	struct service_loop here;
	enum portico_status status;

	*lookup_r = NULL;
	if (request != NULL) {
		CHECK(request, REQUEST_MAGIC);
		if (request->aborted)
			return PORTICO_ABORTED;
		if (request->ended || request->loop != loop_current())
			return PORTICO_STATE;
	}
	if (!service_loop_here(&here) || here.closing)
		return PORTICO_STATE;
	if (name.length == 0 || name.length > LOOKUP_NAME_BYTES_MAX ||
	    memchr(name.data, '\0', name.length) != NULL)
		return PORTICO_INVALID;
	lookup = mem_zalloc(sizeof(*lookup));
	lookup->magic = LOOKUP_MAGIC;
	lookup->request = request;
	lookup->status = PORTICO_AGAIN;
	lookup->fn = fn;
	lookup->fn_arg = arg;
	lookup->job = job_new(lookup, here.loop, name, port);
	list_init(&lookup->link);
	list_init(&lookup->service.link);
	status = resolver_ask(lookup->job);
	if (status != PORTICO_OK) {
		resolver_job_free(lookup->job);
		lookup->job = NULL;
		lookup_free(lookup);
		return status;
	}
	list_add_tail(here.lookups, &lookup->link);
	if (request != NULL) {
		lookup->service.abort = on_request_abort;
		lookup->service.end = on_request_end;
		service_add(request, &lookup->service);
	}
	*lookup_r = lookup;
	return PORTICO_OK;
}

static enum portico_status
host_lookup_wait(struct portico_lookup *lookup, portico_resume_fn *resume,
		 void *arg)
{
	enum portico_status status;

	CHECK(lookup, LOOKUP_MAGIC);
	if (lookup->request == NULL)
		return PORTICO_STATE;
	status = wait_begin(lookup->request, WAIT_SERVICE, resume, arg);
	if (status != PORTICO_OK)
		return status;
	lookup->waited = lookup->job != NULL;
	if (!lookup->waited)
		request_ready(lookup->request);
	return PORTICO_OK;
}

static void
host_lookup_free(struct portico_lookup *lookup)
{
	if (lookup == NULL)
		return;
	CHECK(lookup, LOOKUP_MAGIC);
	if (lookup->waited)
		request_ready(lookup->request);
	list_remove(&lookup->service.link);
	lookup_free(lookup);
}

static enum portico_status
host_lookup_status(struct portico_lookup *lookup)
{
	CHECK(lookup, LOOKUP_MAGIC);
	return lookup->status;
}

static uint32_t
host_lookup_count(struct portico_lookup *lookup)
{
	CHECK(lookup, LOOKUP_MAGIC);
	return lookup->count;
}

static const struct sockaddr *
host_lookup_sockaddr(struct portico_lookup *lookup, uint32_t index,
		     size_t *length_r)
{
	const struct addrinfo *one = lookup->found;

	CHECK(lookup, LOOKUP_MAGIC);
	*length_r = 0;
	if (index >= lookup->count)
		return NULL;
	while (index-- > 0)
		one = one->ai_next;
	*length_r = one->ai_addrlen;
	return one->ai_addr;
}

static bool
host_lookup_address(struct portico_lookup *lookup, uint32_t index,
		    struct portico_address *address_r)
{
	size_t length;
	const struct sockaddr *one =
		host_lookup_sockaddr(lookup, index, &length);
	const struct sockaddr_in *four = (const void *)one;
	const struct sockaddr_in6 *six = (const void *)one;

	*address_r = (struct portico_address){ .family = 0 };
	if (one == NULL)
		return false;
	if (one->sa_family == AF_INET6) {
		address_r->family = 6;
		address_r->port = ntohs(six->sin6_port);
		inet_ntop(AF_INET6, &six->sin6_addr, address_r->text,
			  sizeof(address_r->text));
	} else {
		address_r->family = 4;
		address_r->port = ntohs(four->sin_port);
		inet_ntop(AF_INET, &four->sin_addr, address_r->text,
			  sizeof(address_r->text));
	}
	return true;
}

const struct portico_host_resolve worker_host_resolve = {
	.size = sizeof(struct portico_host_resolve),
	.start = host_lookup_start,
	.wait = host_lookup_wait,
	.free = host_lookup_free,
	.status = host_lookup_status,
	.count = host_lookup_count,
	.address = host_lookup_address,
	.sockaddr = host_lookup_sockaddr,
};
