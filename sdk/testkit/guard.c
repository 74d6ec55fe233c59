/* SPDX-License-Identifier: Apache-2.0
 *
 * Guards: see guard.h.  Requests stay in memory until kit_close, so that a
 * pointer to one that has ended is known for what it is.
 */
#include "sdk/testkit/guard.h"

struct kept {
	struct list link;
	const void *object;
	const struct portico_request *request;
};

static struct list kept = LIST_INIT(kept);
static enum kit_place here; /* of the kit's thread */

enum kit_place
kit_enter(enum kit_place place)
{
	enum kit_place outer = here;

	here = place;
	return outer;
}

void
kit_leave(enum kit_place outer)
{
	here = outer;
}

enum kit_place
kit_place(void)
{
	return here;
}

bool
kit_is_main(void)
{
	return kit_offloaded == 0 &&
	       pthread_equal(pthread_self(), kit_now->loop) &&
	       here != KIT_PLACE_REQUEST;
}

bool
guard_thread(const char *name)
{
	if (kit_now == NULL) {
		kit_fail("%s: called when no kit is open", name);
		return false;
	}
	if (kit_offloaded > 0) {
		kit_fail("%s: called from offloaded work, which must not touch "
			 "a request",
			 name);
		return false;
	}
	if (!pthread_equal(pthread_self(), kit_now->loop)) {
		kit_fail("%s: called on another thread than the request's loop",
			 name);
		return false;
	}
	return true;
}

static const struct kit_request *
find(const struct portico_request *request)
{
	LIST_FOREACH(struct kit_request, link, known, &kit_now->requests)
		if (&known->request == request)
			return known;
	return NULL;
}

bool
guard_request(const struct portico_request *request, const char *name)
{
	const struct kit_request *known;

	if (!guard_thread(name))
		return false;
	known = find(request);
	if (known == NULL) {
		kit_fail("%s: the request is none of this test", name);
		return false;
	}
	if (!known->started || known->ended) {
		kit_fail("%s: %s: the request has ended", name, known->line);
		return false;
	}
	if (here == KIT_PLACE_MAIN) {
		kit_fail("%s: %s: called on the main loop, where no request "
			 "may be used",
			 name, known->line);
		return false;
	}
	return true;
}

bool
guard_response(const struct portico_request *request, const char *name)
{
	const struct response *response = &request->response;
	const char *why = NULL;

	if (!guard_request(request, name))
		return false;
	if (response->finished)
		why = "the response is complete";
	else if (response->filtering)
		why = "a filter passes bytes on with portico_filter_pass";
	if (why == NULL)
		return true;
	kit_fail("%s: %s: %s", name, kit_of(request)->line, why);
	return false;
}

void
guard_keep(struct portico_request *request, const void *object)
{
	struct kept *made = mem_zalloc(sizeof(*made));

	made->object = object;
	made->request = request;
	list_init(&made->link);
	list_add_head(&kept, &made->link);
}

bool
guard_kept(const void *object, const char *name)
{
	if (!guard_thread(name))
		return false;
	/* The newest: memory may have been used again. */
	LIST_FOREACH(struct kept, link, one, &kept)
		if (one->object == object)
			return guard_request(one->request, name);
	kit_fail("%s: the reader is none that was opened in this test", name);
	return false;
}

void
guard_forget_all(struct kit *kit)
{
	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH_SAFE(struct kept, link, one, &kept) {
		list_remove(&one->link);
		mem_free(one);
	}
}
