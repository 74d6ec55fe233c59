/* SPDX-License-Identifier: Apache-2.0
 *
 * Look-up of names: the worker's own lookups, with the test as the resolver
 * behind them.  What is known of a lookup stays until kit_close, so that one
 * that was freed is known when it is used again.
 */
#include <netdb.h>
#include <string.h>

#include <portico/resolve.h>
#include <portico/testkit_resolve.h>

#include "core/worker/host_priv.h"
#include "core/worker/host_resolve.h"
#include "core/worker/main_loop.h"
#include "core/worker/resolver.h"
#include "sdk/testkit/area.h"
#include "sdk/testkit/guard.h"

struct known {
	struct list link; /* all */
	struct portico_lookup *lookup;
	struct portico_request *request; /* NULL: nobody's */
	struct resolver_job *job; /* NULL: it has ended */
	enum kit_place place; /* where it was begun: it is told there */
	bool freed;
	char *name;
	uint16_t port;
};

static struct list all = LIST_INIT(all);
static struct list lookups = LIST_INIT(lookups); /* of the worker's code */
static struct resolver_job *asked; /* the newest */
static bool stopped;

/* ---- what the worker's code looks for ------------------------------------------------ */

bool
service_loop_here(struct service_loop *here_r)
{
	if (!kit_is_main() && loop_current() == NULL)
		return false;
	*here_r = (struct service_loop){
		.uv = main_loop_uv(),
		.loop = kit_is_main() ? NULL : loop_current(),
		.lookups = &lookups,
		.closing = stopped,
	};
	return true;
}

enum portico_status
resolver_ask(struct resolver_job *job)
{
	enum portico_status status;

	if (kit_fault(KIT_FAULT_WAIT, "portico_lookup_start", PORTICO_FULL,
		      &status))
		return status;
	asked = job;
	return PORTICO_OK;
}

void
resolver_job_free(struct resolver_job *job)
{
	if (job->found != NULL)
		freeaddrinfo(job->found);
	mem_free(job);
}

void
resolver_forget(struct resolver_job *job)
{
	LIST_FOREACH(struct known, link, known, &all)
		if (known->job == job)
			known->job = NULL;
	resolver_job_free(job);
}

/* ---- what modules call ----------------------------------------------------------------- */

static struct known *
guard_lookup(const struct portico_lookup *lookup, const char *name)
{
	if (!guard_thread(name))
		return NULL;
	/* The newest first: memory may have been used again. */
	LIST_FOREACH(struct known, link, known, &all) {
		if (known->lookup != lookup)
			continue;
		if (!known->freed &&
		    (known->request == NULL || known->request->magic != 0))
			return known;
		kit_fail("%s: %s: the lookup was freed, or its request has "
			 "ended",
			 name, known->name);
		return NULL;
	}
	kit_fail("%s: this is no lookup", name);
	return NULL;
}

static enum portico_status
lookup_start(struct portico_request *request, struct portico_slice name,
	     uint16_t port, portico_lookup_fn *fn, void *arg,
	     struct portico_lookup **lookup_r)
{
	enum portico_status status;
	struct known *known;

	*lookup_r = NULL;
	if (request != NULL && !guard_request(request, "portico_lookup_start"))
		return PORTICO_STATE;
	status = worker_host_resolve.start(request, name, port, fn, arg,
					   lookup_r);
	if (status != PORTICO_OK)
		return status;
	known = mem_zalloc(sizeof(*known));
	known->lookup = *lookup_r;
	known->request = request;
	known->job = asked;
	known->place = kit_place();
	known->name = mem_strdup(asked->name);
	known->port = port;
	list_init(&known->link);
	list_add_head(&all, &known->link);
	return PORTICO_OK;
}

static enum portico_status
lookup_wait(struct portico_lookup *lookup, portico_resume_fn *resume, void *arg)
{
	enum portico_status status;

	if (guard_lookup(lookup, "portico_lookup_wait") == NULL)
		return PORTICO_STATE;
	if (kit_fault(KIT_FAULT_WAIT, "portico_lookup_wait", PORTICO_STATE,
		      &status))
		return status;
	return worker_host_resolve.wait(lookup, resume, arg);
}

static void
lookup_free(struct portico_lookup *lookup)
{
	struct known *known;

	if (lookup == NULL)
		return;
	known = guard_lookup(lookup, "portico_lookup_free");
	if (known == NULL)
		return;
	known->freed = true;
	worker_host_resolve.free(lookup);
}

static enum portico_status
lookup_status(struct portico_lookup *lookup)
{
	return guard_lookup(lookup, "portico_lookup_status") == NULL ?
		       PORTICO_STATE :
		       worker_host_resolve.status(lookup);
}

static uint32_t
lookup_count(struct portico_lookup *lookup)
{
	return guard_lookup(lookup, "portico_lookup_count") == NULL ?
		       0 :
		       worker_host_resolve.count(lookup);
}

static bool
lookup_address(struct portico_lookup *lookup, uint32_t index,
	       struct portico_address *address_r)
{
	*address_r = (struct portico_address){ .family = 0 };
	return guard_lookup(lookup, "portico_lookup_address") != NULL &&
	       worker_host_resolve.address(lookup, index, address_r);
}

static const struct sockaddr *
lookup_sockaddr(struct portico_lookup *lookup, uint32_t index, size_t *length_r)
{
	*length_r = 0;
	return guard_lookup(lookup, "portico_lookup_sockaddr") == NULL ?
		       NULL :
		       worker_host_resolve.sockaddr(lookup, index, length_r);
}

const struct portico_host_resolve kit_host_resolve = {
	.size = sizeof(struct portico_host_resolve),
	.start = lookup_start,
	.wait = lookup_wait,
	.free = lookup_free,
	.status = lookup_status,
	.count = lookup_count,
	.address = lookup_address,
	.sockaddr = lookup_sockaddr,
};

/* ---- what tests call --------------------------------------------------------------------- */

unsigned
kit_lookups(const struct kit *kit)
{
	unsigned count = 0;

	CHECK(kit, KIT_MAGIC);
	for (const struct list *one = all.next; one != &all; one = one->next)
		count++;
	return count;
}

static struct known *
find(const struct kit *kit, unsigned number)
{
	unsigned count = kit_lookups(kit);

	LIST_FOREACH(struct known, link, known, &all)
		if (--count == number)
			return known;
	return NULL;
}

const char *
kit_lookup_name(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known == NULL ? NULL : known->name;
}

uint16_t
kit_lookup_port(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known == NULL ? 0 : known->port;
}

bool
kit_lookup_is_open(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known != NULL && known->job != NULL;
}

static void
answer(struct kit *kit, struct known *known, int code, struct addrinfo *found)
{
	struct resolver_job *job = known->job;
	enum kit_place outer = kit_enter(known->place);

	known->job = NULL;
	job->code = code;
	job->found = found;
	job->done(job);
	kit_leave(outer);
	resolver_job_free(job);
	kit_turn(kit);
}

/* NULL: a failure was told. */
static struct known *
find_open(const struct kit *kit, unsigned number, const char *name)
{
	if (kit_lookup_is_open(kit, number))
		return find(kit, number);
	kit_fail("%s: there is no open lookup %u", name, number);
	return NULL;
}

/* As the system's resolver makes them: freeaddrinfo() takes the list. */
static struct addrinfo *
address_make(const char *text, const char *service)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *made = NULL;

	if (getaddrinfo(text, service, &hints, &made) == 0)
		return made;
	kit_fail("kit_lookup_answer: \"%s\" is no address", text);
	return NULL;
}

void
kit_lookup_answer(struct kit *kit, unsigned number, const char *addresses)
{
	struct known *known = find_open(kit, number, "kit_lookup_answer");
	struct addrinfo *found = NULL, **last = &found;
	char *copy, *rest = NULL;

	if (known == NULL)
		return;
	copy = mem_strdup(addresses);
	for (char *one = strtok_r(copy, " ", &rest); one != NULL;
	     one = strtok_r(NULL, " ", &rest)) {
		*last = address_make(one, known->job->service);
		if (*last != NULL)
			last = &(*last)->ai_next;
	}
	mem_free(copy);
	answer(kit, known, found == NULL ? EAI_NONAME : 0, found);
}

void
kit_lookup_fail(struct kit *kit, unsigned number, enum portico_status status)
{
	struct known *known = find_open(kit, number, "kit_lookup_fail");

	if (known != NULL)
		answer(kit, known,
		       status == PORTICO_NOT_FOUND ? EAI_NONAME :
		       status == PORTICO_TIMED_OUT ? EAI_AGAIN :
						     EAI_FAIL,
		       NULL);
}

/* ---- the end -------------------------------------------------------------------------------- */

void
kit_resolve_stop(void)
{
	enum kit_place outer = kit_enter(KIT_PLACE_MAIN);

	stopped = true;
	lookups_stop(&lookups);
	kit_leave(outer);
}

void
kit_resolve_close(void)
{
	LIST_FOREACH_SAFE(struct known, link, known, &all) {
		if (known->request == NULL && !known->freed) {
			kit_fail("%s: the lookup was not freed "
				 "(portico_lookup_free)",
				 known->name);
			worker_host_resolve.free(known->lookup);
		}
		list_remove(&known->link);
		mem_free(known->name);
		mem_free(known);
	}
	stopped = false;
}
