/* SPDX-License-Identifier: Apache-2.0
 *
 * Intrusive doubly linked list.  The head is a struct list of its own; an
 * element embeds one and is in at most one list through it.
 */
#ifndef CORE_BASE_LIST_H
#define CORE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev; /* itself when empty or not in a list */
};

#define LIST_INIT(head)                                                        \
	{                                                                      \
		&(head), &(head)                                               \
	}

/* The struct of `type` whose `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member)                                    \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Works for heads and for elements, which must be initialised too if
 * list_remove() or list_linked() may meet them outside a list. */
static inline void
list_init(struct list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool
list_empty(const struct list *head)
{
	return head->next == head;
}

/* Whether an initialised element is in some list. */
static inline bool
list_linked(const struct list *element)
{
	return element->next != element;
}

static inline void
list_insert_between(struct list *element, struct list *prev, struct list *next)
{
	element->prev = prev;
	element->next = next;
	prev->next = element;
	next->prev = element;
}

static inline void
list_add_head(struct list *head, struct list *element)
{
	list_insert_between(element, head, head->next);
}

static inline void
list_add_tail(struct list *head, struct list *element)
{
	list_insert_between(element, head->prev, head);
}

/* Takes the element out and initialises it, so twice does no harm. */
static inline void
list_remove(struct list *element)
{
	element->prev->next = element->next;
	element->next->prev = element->prev;
	list_init(element);
}

/* First element, or NULL when empty. */
static inline struct list *
list_first(const struct list *head)
{
	return list_empty(head) ? NULL : head->next;
}

static inline struct list *
list_last(const struct list *head)
{
	return list_empty(head) ? NULL : head->prev;
}

/* Takes the first element out; NULL when empty. */
static inline struct list *
list_take_first(struct list *head)
{
	struct list *first = list_first(head);

	if (first != NULL)
		list_remove(first);
	return first;
}

/* Moves all elements of `from` to the tail of `to`; `from` is empty then. */
static inline void
list_move_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

/* First and last element as `type *`, NULL when the list is empty. */
#define LIST_FIRST(type, member, head)                                         \
	(list_empty(head) ? NULL : CONTAINER_OF((head)->next, type, member))
#define LIST_LAST(type, member, head)                                          \
	(list_empty(head) ? NULL : CONTAINER_OF((head)->prev, type, member))

/* The link inside an element, without touching the element itself. */
#define LIST_LINK_(type, member, element)                                      \
	((struct list *)(void *)((char *)(element) + offsetof(type, member)))

/*
 * Declares `element` as a `type *` and runs the statement for each.  The body
 * may not take the current element out; the SAFE form allows just that.
 */
#define LIST_FOREACH(type, member, element, head)                              \
	for (type *element = CONTAINER_OF((head)->next, type, member);         \
	     LIST_LINK_(type, member, element) != (head);                      \
	     element = CONTAINER_OF(LIST_LINK_(type, member, element)->next,   \
				    type, member))

#define LIST_FOREACH_SAFE(type, member, element, head)                         \
	for (type *element = CONTAINER_OF((head)->next, type, member),         \
		  *element##_next = CONTAINER_OF(                              \
			  LIST_LINK_(type, member, element)->next, type,       \
			  member);                                             \
	     LIST_LINK_(type, member, element) != (head);                      \
	     element = element##_next,                                         \
		  element##_next = CONTAINER_OF(                               \
			  LIST_LINK_(type, member, element)->next, type,       \
			  member))

#endif
