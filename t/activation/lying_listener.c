/* SPDX-License-Identifier: Apache-2.0
 *
 * A listener that was taken over and now tells porticod what it should not,
 * by PORTICO_LIE:
 *
 *	strangers	the answer to a question that nobody asked: half a million
 *			workers that nobody knows
 *	remains		without end, what worker 1 was doing when it crashed
 *	large		without end, messages as large as they may be
 *
 * It reads nothing, and stays until it is killed.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/io.h"

#define CONTROL_FD 3
#define STRANGERS 500000
#define REMAINS_BYTES 60000
#define REMAINS_COUNT 4000
#define LARGE_BYTES (60u << 20)

static void
say(const char *text, const int *fds, size_t nfds)
{
	if (io_send_message(CONTROL_FD, text, strlen(text), fds, nfds) !=
	    PORTICO_OK)
		exit(1);
}

static void
say_large(const char *text)
{
	int fd = io_memfd_from("lie", text, strlen(text), NULL);

	say("{\"type\":\"large\"}", &fd, 1);
	io_close(&fd);
}

static void
tell_of_strangers(void)
{
	size_t size = (size_t)STRANGERS * 9 + 100;
	char *text = malloc(size);
	size_t used = (size_t)snprintf(text, size,
				       "{\"type\":\"reply\",\"id\":0,"
				       "\"body\":{\"workers\":[7");

	for (unsigned i = 0; i < STRANGERS; i++)
		used += (size_t)snprintf(text + used, size - used, ",%u",
					 1000000 + i);
	snprintf(text + used, size - used, "]}}");
	say_large(text);
	free(text);
}

static void
tell_of_remains(void)
{
	static char text[REMAINS_BYTES + 200], target[REMAINS_BYTES];

	memset(target, 'x', sizeof target - 1);
	snprintf(text, sizeof text,
		 "{\"type\":\"worker-remains\",\"worker\":1,\"requests\":"
		 "[{\"target\":\"%s\"}]}",
		 target);
	for (unsigned i = 0; i < REMAINS_COUNT; i++)
		say(text, NULL, 0);
}

static void
tell_much(void)
{
	char *text = malloc(LARGE_BYTES + 100);
	size_t used = (size_t)snprintf(text, 100,
				       "{\"type\":\"reply\",\"id\":77,"
				       "\"body\":[0");

	while (used < LARGE_BYTES) {
		memcpy(text + used, ",{}", 3);
		used += 3;
	}
	memcpy(text + used, "]}", 3);
	for (;;)
		say_large(text);
}

int
main(void)
{
	const char *lie = getenv("PORTICO_LIE");

	io_set_nonblock(CONTROL_FD, false);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("about to lie");
	if (strcmp(lie, "strangers") == 0)
		tell_of_strangers();
	else if (strcmp(lie, "remains") == 0)
		tell_of_remains();
	else if (strcmp(lie, "large") == 0)
		tell_much();
	puts("all has been told");
	for (;;)
		pause();
}
