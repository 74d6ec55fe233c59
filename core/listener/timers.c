/* SPDX-License-Identifier: Apache-2.0
 *
 * See timers.h.
 */
#include "core/listener/timers.h"

void
timers_init(struct timers *timers)
{
	for (unsigned i = 0; i < TIMER_KINDS; i++) {
		list_init(&timers->lists[i]);
		timers->durations[i] = 0;
	}
}

void
timers_set_duration(struct timers *timers, enum timer_kind kind,
		    uint64_t duration, uint64_t now)
{
	bool shorter = duration == 0 || duration < timers->durations[kind];

	timers->durations[kind] = duration;
	if (!shorter)
		return;
	/* What is capped stays in order, and nobody waits behind an entry
	 * that was set for longer. */
	LIST_FOREACH_SAFE(struct timer_entry, link, entry,
			  &timers->lists[kind]) {
		if (duration == 0)
			list_remove(&entry->link);
		else if (entry->deadline > now + duration)
			entry->deadline = now + duration;
	}
}

struct timer_entry *
timers_take_expired(struct timers *timers, enum timer_kind kind, uint64_t now)
{
	struct timer_entry *entry =
		LIST_FIRST(struct timer_entry, link, &timers->lists[kind]);

	if (entry == NULL || entry->deadline > now)
		return NULL;
	list_remove(&entry->link);
	return entry;
}
