/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring of events: it goes on where it ended, forgets the oldest, cuts what
 * is too long between characters, and takes no harm from a file that is not
 * its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/activation/event_ring.h"

static char path[] = "/tmp/portico-events-XXXXXX";

static void
open_ring(struct event_ring *ring)
{
	struct portico_error err;

	assert_int_equal(event_ring_open(ring, path, &err), PORTICO_OK);
}

static void
put(struct event_ring *ring, const char *message)
{
	json_t *event = json_pack("{s:s, s:i, s:s}", "time",
				  "2026-01-02T03:04:05.678Z", "number", 5002,
				  "message", message);

	event_ring_put(ring, event);
	json_decref(event);
}

/* The message of that event, "" when it is not there. */
static const char *
message_of(const struct event_ring *ring, uint64_t sequence)
{
	static char text[EVENT_RING_SLOT_BYTES];
	json_t *event = event_ring_get(ring, sequence);
	const char *message =
		json_string_value(json_object_get(event, "message"));

	snprintf(text, sizeof text, "%s", message == NULL ? "" : message);
	if (event != NULL)
		assert_int_equal(
			json_integer_value(json_object_get(event, "sequence")),
			(json_int_t)sequence);
	json_decref(event);
	return text;
}

static void
test_goes_on(void **state)
{
	struct event_ring ring;

	(void)state;
	unlink(path);
	open_ring(&ring);
	assert_string_equal(message_of(&ring, 1), "");
	put(&ring, "one");
	put(&ring, "two");
	event_ring_close(&ring);
	open_ring(&ring);
	assert_int_equal(ring.next, 3);
	put(&ring, "three");
	assert_string_equal(message_of(&ring, 1), "one");
	assert_string_equal(message_of(&ring, 3), "three");
	assert_string_equal(message_of(&ring, 4), "");
	assert_string_equal(message_of(&ring, 0), "");
	assert_int_equal(ring.lost, 0);
	event_ring_close(&ring);
}

static void
test_forgets_the_oldest(void **state)
{
	struct event_ring ring;
	char text[32];

	(void)state;
	unlink(path);
	open_ring(&ring);
	for (int i = 1; i <= (int)EVENT_RING_SLOTS + 10; i++) {
		snprintf(text, sizeof text, "event %d", i);
		put(&ring, text);
	}
	assert_int_equal(event_ring_oldest(&ring), 11);
	assert_string_equal(message_of(&ring, 10), "");
	assert_string_equal(message_of(&ring, 11), "event 11");
	event_ring_close(&ring);
	open_ring(&ring);
	assert_int_equal(ring.next, EVENT_RING_SLOTS + 11);
	event_ring_close(&ring);
}

static void
test_cuts(void **state)
{
	struct event_ring ring;
	char text[3 * EVENT_RING_SLOT_BYTES + 1];
	const char *got;

	(void)state;
	unlink(path);
	open_ring(&ring);
	for (size_t i = 0; i < EVENT_RING_SLOT_BYTES; i++)
		memcpy(text + 3 * i, "\xe2\x82\xac", 3); /* euro signs */
	text[sizeof text - 1] = '\0';
	put(&ring, text);
	got = message_of(&ring, 1);
	assert_true(strlen(got) > EVENT_RING_SLOT_BYTES / 2);
	assert_int_equal(strlen(got) % 3, 0);
	assert_int_equal(ring.lost, 0);
	event_ring_close(&ring);
}

static void
test_foreign_file(void **state)
{
	struct event_ring ring;
	FILE *file = fopen(path, "w");

	(void)state;
	assert_non_null(file);
	for (size_t i = 0; i < (size_t)4 * EVENT_RING_SLOT_BYTES; i++)
		fputc('{', file);
	/* The right form in the wrong slot, and one with a broken end. */
	fseek(file, 5 * EVENT_RING_SLOT_BYTES, SEEK_SET);
	fprintf(file, "{\"sequence\":18446744073709551615,\"message\":\"a\"}");
	fseek(file, 6 * EVENT_RING_SLOT_BYTES, SEEK_SET);
	fprintf(file, "{\"sequence\":6,\"message\":\"%70s", "");
	ftruncate(fileno(file), 7 * EVENT_RING_SLOT_BYTES);
	fclose(file);
	open_ring(&ring);
	assert_int_equal(ring.next, 7);
	assert_string_equal(message_of(&ring, 6), "");
	put(&ring, "goes on");
	assert_string_equal(message_of(&ring, 7), "goes on");
	event_ring_close(&ring);
}

static void
test_no_file(void **state)
{
	struct event_ring ring;
	struct portico_error err;

	(void)state;
	assert_int_not_equal(event_ring_open(&ring, "/nowhere/events", &err),
			     PORTICO_OK);
	put(&ring, "lost");
	assert_int_equal(ring.lost, 1);
	assert_int_equal(ring.next, 2);
	assert_string_equal(message_of(&ring, 1), "");
	event_ring_close(&ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_forgets_the_oldest),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_foreign_file),
		cmocka_unit_test(test_no_file),
	};
	int result, fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	result = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return result;
}
