/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers: growth, limits, consuming, texts.
 */
#include "t/unit/unit.h"

#include "core/base/buffer.h"
#include "core/base/memory.h"
#include "core/base/slice.h"

static void
an_empty_buffer_owns_nothing(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	assert_null(buffer.data);
	assert_int_equal(buffer_append(&buffer, NULL, 0), PORTICO_OK);
	assert_int_equal(buffer.length, 0);
	buffer_fini(&buffer);
	buffer_fini(&buffer);
}

static void
appending_keeps_every_byte(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buffer_append_char(&buffer, (char)(i % 251)),
				 PORTICO_OK);
	assert_int_equal(buffer.length, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal((unsigned char)buffer.data[i], i % 251);
	buffer_fini(&buffer);
	assert_null(buffer.data);
	assert_int_equal(buffer.capacity, 0);
}

static void
the_limit_is_kept_and_a_refused_append_changes_nothing(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 10);
	assert_int_equal(buffer_append_text(&buffer, "12345678"), PORTICO_OK);
	assert_int_equal(buffer_append_text(&buffer, "abc"), PORTICO_TOO_LARGE);
	assert_int_equal(buffer_printf(&buffer, "%d", 123), PORTICO_TOO_LARGE);
	assert_true(
		slice_equal(buffer_slice(&buffer), PORTICO_SLICE("12345678")));
	assert_int_equal(buffer_printf(&buffer, "%d", 90), PORTICO_OK);
	assert_string_equal(buffer_text(&buffer), "1234567890");
	assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), PORTICO_TOO_LARGE);
	buffer_fini(&buffer);
	assert_int_equal(buffer.limit, 10);
}

static void
printf_fits_exactly_and_grows(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	for (int i = 0; i < 70; i++) {
		buffer_reset(&buffer);
		assert_int_equal(buffer_printf(&buffer, "%*d", i, 7),
				 PORTICO_OK);
		assert_int_equal(buffer.length, i == 0 ? 1 : i);
		assert_int_equal(buffer.data[buffer.length - 1], '7');
	}
	assert_int_equal(buffer_printf(&buffer, "%s", "tail"), PORTICO_OK);
	assert_int_equal(buffer.length, 73);
	buffer_fini(&buffer);
}

static void
consuming_moves_the_rest_forward(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	buffer_append_slice(&buffer, PORTICO_SLICE("hello world"));
	buffer_consume(&buffer, 6);
	assert_string_equal(buffer_text(&buffer), "world");
	buffer_consume(&buffer, 100);
	assert_int_equal(buffer.length, 0);
	assert_string_equal(buffer_text(&buffer), "");
	buffer_fini(&buffer);
}

static void
taking_empties_the_buffer(void **state)
{
	struct buffer buffer;
	size_t length;
	char *text;

	(void)state;
	buffer_init(&buffer, 0);
	buffer_append_text(&buffer, "mine");
	text = buffer_take(&buffer, &length);
	assert_string_equal(text, "mine");
	assert_int_equal(length, 4);
	assert_null(buffer.data);
	mem_free(text);
	buffer_fini(&buffer);
}

static void
an_exhausted_heap_is_reported(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	mem_fault_set(1);
	assert_int_equal(buffer_append_text(&buffer, "x"), PORTICO_NO_MEMORY);
	assert_int_equal(buffer.length, 0);
	assert_int_equal(buffer_append_text(&buffer, "x"), PORTICO_OK);
	mem_fault_set(1);
	assert_int_equal(buffer_printf(&buffer, "%100d", 1), PORTICO_NO_MEMORY);
	mem_fault_set(0);
	assert_string_equal(buffer_text(&buffer), "x");
	buffer_fini(&buffer);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_empty_buffer_owns_nothing),
	cmocka_unit_test(appending_keeps_every_byte),
	cmocka_unit_test(
		the_limit_is_kept_and_a_refused_append_changes_nothing),
	cmocka_unit_test(printf_fits_exactly_and_grows),
	cmocka_unit_test(consuming_moves_the_rest_forward),
	cmocka_unit_test(taking_empties_the_buffer),
	cmocka_unit_test(an_exhausted_heap_is_reported),
};

UNIT_MAIN(tests)
