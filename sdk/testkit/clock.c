/* SPDX-License-Identifier: Apache-2.0
 *
 * Virtual time: it passes in kit_advance, from one thing that is due to the
 * next.
 */
#include "sdk/testkit/clock.h"

/* Behind those that are due at the same time: the older one fires first. */
void
kit_due_set(struct kit_due *due, uint64_t delay_ns,
	    void (*fire)(struct kit_due *))
{
	struct list *at = &kit_now->due;

	kit_due_unset(due);
	due->at = delay_ns > UINT64_MAX - kit_now->now ?
			  UINT64_MAX :
			  kit_now->now + delay_ns;
	due->fire = fire;
	LIST_FOREACH(struct kit_due, link, other, &kit_now->due) {
		if (other->at > due->at) {
			at = &other->link;
			break;
		}
	}
	list_add_tail(at, &due->link);
}

void
kit_due_unset(struct kit_due *due)
{
	if (kit_due_is_set(due))
		list_remove(&due->link);
	list_init(&due->link);
}

bool
kit_due_is_set(const struct kit_due *due)
{
	return due->link.next != NULL && due->link.next != &due->link;
}

uint64_t
kit_next_timer(const struct kit *kit)
{
	const struct kit_due *due;

	CHECK(kit, KIT_MAGIC);
	due = LIST_FIRST(struct kit_due, link, &kit->due);
	if (due == NULL)
		return UINT64_MAX;
	return due->at > kit->now ? due->at - kit->now : 0;
}

void
kit_advance(struct kit *kit, uint64_t ns)
{
	uint64_t until;

	CHECK(kit, KIT_MAGIC);
	until = ns > UINT64_MAX - kit->now ? UINT64_MAX : kit->now + ns;
	for (;;) {
		struct kit_due *due =
			LIST_FIRST(struct kit_due, link, &kit->due);

		if (due == NULL || due->at > until)
			break;
		if (due->at > kit->now)
			kit->now = due->at;
		kit_due_unset(due);
		due->fire(due);
		kit_turn(kit);
	}
	kit->now = until;
	kit_turn(kit);
}
