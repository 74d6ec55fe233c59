/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory is given back: pages of a file that only this process has mapped are
 * not resident any more, and what was in memory is there when it is needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/worker/page_out.h"

#define PAGES 256
#define PAGE 4096
#define TMPFS_MAGIC 0x01021994

static unsigned
resident(void *memory)
{
	unsigned char there[PAGES];
	unsigned count = 0;

	assert_int_equal(mincore(memory, (size_t)PAGES * PAGE, there), 0);
	for (int i = 0; i < PAGES; i++)
		count += there[i] & 1;
	return count;
}

static void
test_file_pages(void **state)
{
	char path[] = "/var/tmp/portico-page-out-XXXXXX";
	static char page[PAGE];
	volatile const char *memory;
	struct statfs where;
	char *heap = malloc(100 * PAGE);
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	memset(page, 'x', sizeof(page));
	memset(heap, 'h', 100 * PAGE);
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(write(fd, page, PAGE), PAGE);
	assert_int_equal(fsync(fd), 0);
	memory =
		mmap(NULL, (size_t)PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(memory[i * PAGE], 'x');
	assert_int_equal(resident((void *)(uintptr_t)memory), PAGES);
	fstatfs(fd, &where);
	/* Without swap memory in a tmpfs cannot go anywhere. */
	if (page_out_all() == 0 || where.f_type == TMPFS_MAGIC)
		skip();
	assert_true(resident((void *)(uintptr_t)memory) < PAGES / 2);
	for (int i = 0; i < PAGES; i++)
		assert_int_equal(memory[i * PAGE], 'x');
	for (int i = 0; i < 100 * PAGE; i++)
		assert_int_equal(heap[i], 'h');
	free(heap);
	close(fd);
}

/* Each write has to be taken as a whole: in steps, until no more is found. */
static void
test_group(void **state)
{
	char text[32];
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	page_out_group(ends[0], 40);
	page_out_group(ends[0], 0);
	close(ends[0]);
	assert_int_equal(read(ends[1], text, sizeof text), 8);
	assert_memory_equal(text, "16777216", 8);
	assert_int_equal(read(ends[1], text, sizeof text), 8);
	assert_int_equal(read(ends[1], text, sizeof text), 7);
	assert_memory_equal(text, "8388608", 7);
	assert_int_equal(read(ends[1], text, sizeof text), 0);
	close(ends[1]);
	page_out_group(ends[0], 40); /* refused */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_pages),
		cmocka_unit_test(test_group),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
