/* SPDX-License-Identifier: Apache-2.0
 *
 * See timers.h.
 */
#include "core/listener/timers.h"

#include "core/base/check.h"
#include "core/base/memory.h"

void
timers_init(struct timers *timers)
{
	for (unsigned i = 0; i < TIMER_KINDS; i++) {
		list_init(&timers->lists[i]);
		timers->durations[i] = 0;
	}
	list_init(&timers->others);
}

static void
class_free(struct timer_class *class)
{
	ASSERT(list_empty(&class->list));
	list_remove(&class->link);
	mem_free(class);
}

void
timers_fini(struct timers *timers)
{
	LIST_FOREACH_SAFE(struct timer_class, link, class, &timers->others) {
		class_free(class);
	}
}

void
timers_set_other(struct timers *timers, struct timer_entry *entry,
		 enum timer_kind kind, uint64_t duration, uint64_t now)
{
	struct timer_class *found = NULL;

	list_remove(&entry->link);
	if (duration == 0)
		return;
	LIST_FOREACH(struct timer_class, link, class, &timers->others) {
		if (class->kind == kind && class->duration == duration) {
			found = class;
			break;
		}
	}
	if (found == NULL) {
		found = mem_zalloc(sizeof(*found));
		found->kind = kind;
		found->duration = duration;
		list_init(&found->list);
		list_add_tail(&timers->others, &found->link);
	}
	entry->deadline = now + duration;
	list_add_tail(&found->list, &entry->link);
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

static struct timer_entry *
take_from(struct list *list, uint64_t now)
{
	struct timer_entry *entry = LIST_FIRST(struct timer_entry, link, list);

	if (entry == NULL || entry->deadline > now)
		return NULL;
	list_remove(&entry->link);
	return entry;
}

struct timer_entry *
timers_take_expired(struct timers *timers, enum timer_kind kind, uint64_t now)
{
	struct timer_entry *entry = take_from(&timers->lists[kind], now);

	if (entry != NULL)
		return entry;
	LIST_FOREACH_SAFE(struct timer_class, link, class, &timers->others) {
		if (class->kind != kind)
			continue;
		entry = take_from(&class->list, now);
		if (entry != NULL)
			return entry;
		if (list_empty(&class->list))
			class_free(class);
	}
	return NULL;
}
