/* SPDX-License-Identifier: Apache-2.0
 *
 * Intrusive list.
 */
#include "t/unit/unit.h"

#include "core/base/list.h"

struct item {
	char letter;
	struct list link;
};

static struct item items[] = { { 'a', { 0 } },
			       { 'b', { 0 } },
			       { 'c', { 0 } },
			       { 'd', { 0 } } };

static void
fill(struct list *head)
{
	list_init(head);
	for (size_t i = 0; i < 4; i++)
		list_add_tail(head, &items[i].link);
}

/* The letters forwards and backwards. */
static void
assert_letters(struct list *head, const char *expected)
{
	size_t n = 0;

	LIST_FOREACH(struct item, link, item, head) {
		assert_int_equal(item->letter, expected[n]);
		n++;
	}
	assert_int_equal(expected[n], '\0');
	for (struct list *at = head->prev; at != head; at = at->prev)
		assert_int_equal(CONTAINER_OF(at, struct item, link)->letter,
				 expected[--n]);
	assert_int_equal(n, 0);
}

static void
adding_and_removing(void **state)
{
	struct list head = LIST_INIT(head);

	(void)state;
	assert_true(list_empty(&head));
	assert_null(LIST_FIRST(struct item, link, &head));
	list_add_tail(&head, &items[1].link);
	list_add_head(&head, &items[0].link);
	list_add_tail(&head, &items[2].link);
	assert_letters(&head, "abc");
	assert_int_equal(LIST_FIRST(struct item, link, &head)->letter, 'a');
	assert_int_equal(LIST_LAST(struct item, link, &head)->letter, 'c');
	assert_true(list_linked(&items[1].link));
	list_remove(&items[1].link);
	list_remove(&items[1].link);
	assert_false(list_linked(&items[1].link));
	assert_letters(&head, "ac");
	assert_ptr_equal(list_take_first(&head), &items[0].link);
	assert_ptr_equal(list_take_first(&head), &items[2].link);
	assert_null(list_take_first(&head));
}

static void
the_safe_loop_allows_removal(void **state)
{
	struct list head;

	(void)state;
	fill(&head);
	LIST_FOREACH_SAFE(struct item, link, item, &head) {
		if (item->letter != 'c')
			list_remove(&item->link);
	}
	assert_letters(&head, "c");
}

static void
moving_all_joins_two_lists(void **state)
{
	struct list one, other = LIST_INIT(other);

	(void)state;
	fill(&one);
	list_move_all(&other, &one);
	assert_true(list_empty(&one));
	assert_letters(&other, "abcd");
	list_move_all(&other, &one);
	assert_letters(&other, "abcd");
	list_remove(&items[0].link);
	list_add_tail(&one, &items[0].link);
	list_move_all(&one, &other);
	assert_letters(&one, "abcd");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(adding_and_removing),
	cmocka_unit_test(the_safe_loop_allows_removal),
	cmocka_unit_test(moving_all_joins_two_lists),
};

UNIT_MAIN(tests)
