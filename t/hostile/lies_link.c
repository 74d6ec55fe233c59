/* SPDX-License-Identifier: Apache-2.0
 *
 * Lies on the link to the listener and on the control socket of porticod.
 * Both are JSON in packets, so the same lies do for both.
 */
#include "t/hostile/hostile.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum socket_of {
	LINK,
	CONTROL
};

static int
socket_of(const struct evil *evil, enum socket_of which)
{
	return which == LINK ? evil->link : evil->control;
}

static bool
say(int socket, const char *text)
{
	return evil_message(socket, text, strlen(text), NULL, 0);
}

/* ---- texts ------------------------------------------------------------------------ */

struct saying {
	const char *link, *control; /* names of the kinds; NULL: not there */
	const char *text;
	enum evil_verdict verdict; /* on the link */
	enum evil_verdict control_verdict;
};

static const struct saying sayings[] = {
	{ "link: no JSON", "control: no JSON", "\xff\xfe{", EVIL_CAUGHT,
	  EVIL_CONTROL },
	{ "link: an array", "control: an array", "[1,2,3]", EVIL_CAUGHT,
	  EVIL_CONTROL },
	{ "link: no type", "control: no type", "{\"index\":0}", EVIL_CAUGHT,
	  EVIL_CONTROL },
	{ "link: type 7", "control: type 7", "{\"type\":7}", EVIL_CAUGHT,
	  EVIL_CONTROL },
	{ "link: a member twice", "control: a member twice",
	  "{\"type\":\"attached\",\"type\":\"attached\"}", EVIL_CAUGHT,
	  EVIL_CONTROL },
	{ "link: large without memory", "control: large without memory",
	  "{\"type\":\"large\"}", EVIL_CAUGHT, EVIL_CONTROL },
	{ "link: unknown type", "control: unknown type", "{\"type\":\"evil\"}",
	  EVIL_MAYBE, EVIL_MAYBE },
	{ "link: attached again", NULL, "{\"type\":\"attached\",\"index\":0}",
	  EVIL_CAUGHT, EVIL_MAYBE },
	{ "link: attached 4000000000", NULL,
	  "{\"type\":\"attached\",\"index\":4000000000}", EVIL_CAUGHT,
	  EVIL_MAYBE },
	{ "link: attached -1", NULL, "{\"type\":\"attached\",\"index\":-1}",
	  EVIL_CAUGHT, EVIL_MAYBE },
	{ "link: attached as text", NULL,
	  "{\"type\":\"attached\",\"index\":\"0\"}", EVIL_CAUGHT, EVIL_MAYBE },
	{ "link: refused", NULL,
	  "{\"type\":\"refused\",\"index\":0,"
	  "\"message\":\"no\\r\\n2026-01-01T00:00:00Z error thanks\"}",
	  EVIL_CAUGHT, EVIL_MAYBE },
	{ NULL, "control: ready again", "{\"type\":\"ready\",\"loops\":1}",
	  EVIL_MAYBE, EVIL_MAYBE },
	{ NULL, "control: pong", "{\"type\":\"pong\",\"id\":77}", EVIL_MAYBE,
	  EVIL_MAYBE },
	{ NULL, "control: stopped", "{\"type\":\"stopped\",\"served\":-1}",
	  EVIL_MAYBE, EVIL_MAYBE },
	{ NULL, "control: words of the listener",
	  "{\"type\":\"worker-lost\",\"worker\":1,\"lied\":true}", EVIL_MAYBE,
	  EVIL_MAYBE },
};

#define SAYINGS (sizeof(sayings) / sizeof(sayings[0]))

static bool
say_on_link(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	/* "Again" is said twice, in case it was not said before. */
	if (strcmp(sayings[variant].link, "link: attached again") == 0)
		(void)say(evil->link, sayings[variant].text);
	return say(evil->link, sayings[variant].text);
}

static bool
say_on_control(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	return say(evil->control, sayings[variant].text);
}

/* Whatever the length at which it is cut, that is inside of a character for
 * some of the beginnings. */
static bool
refuse_at_length(struct evil *evil, struct evil_request *request, int variant)
{
	char text[2000];
	size_t at = (size_t)snprintf(
		text, sizeof(text),
		"{\"type\":\"refused\",\"index\":0,\"message\":\"%.*s",
		(int)evil_draw(evil, 3), "aa");

	(void)request;
	(void)variant;
	while (at < 1000) {
		memcpy(text + at, "\xe2\x82\xac", 3);
		at += 3;
	}
	text[at] = '\0';
	(void)snprintf(text + at, sizeof(text) - at, "\"}");
	return say(evil->link, text);
}

/* ---- sizes -------------------------------------------------------------------------- */

enum {
	SIZE_NOTHING,
	SIZE_65537,
	SIZE_DEEP,
	SIZE_RANDOM
};

static bool
send_size(struct evil *evil, int socket, int variant)
{
	static char bytes[70000];
	size_t size = 65537;

	switch (variant) {
	case SIZE_NOTHING:
		size = 0;
		break;
	case SIZE_65537:
		memset(bytes, ' ', sizeof(bytes));
		break;
	case SIZE_DEEP:
		memset(bytes, '[', sizeof(bytes));
		size = 60000;
		break;
	case SIZE_RANDOM:
		size = 1 + evil_draw(evil, 200);
		evil_fill(evil, bytes, size);
		break;
	}
	return evil_message(socket, bytes, size, NULL, 0);
}

static bool
size_on_link(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	return send_size(evil, evil->link, variant);
}

static bool
size_on_control(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	return send_size(evil, evil->control, variant);
}

/* ---- memory and descriptors ----------------------------------------------------------- */

enum {
	MEMORY_UNSEALED,
	MEMORY_OTHER_FILE,
	MEMORY_ARRAYS
};

/* A message that lies in memory: not sealed, no memory, or one that takes
 * forty times its size when it is read. */
static int
open_memory(int variant)
{
	static const char text[] = "{\"type\":\"attached\",\"index\":0}";
	const size_t most = 4u << 20;
	int fd;

	if (variant == MEMORY_OTHER_FILE)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	fd = memfd_create("evil", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || variant == MEMORY_UNSEALED) {
		(void)!write(fd, text, sizeof(text) - 1);
		return fd;
	}
	(void)!write(fd, "[[]", 3);
	for (size_t at = 3; at < most; at += 3 * 1024) {
		char arrays[3 * 1024];

		for (size_t i = 0; i < sizeof(arrays); i += 3)
			memcpy(arrays + i, ",[]", 3);
		(void)!write(fd, arrays, sizeof(arrays));
	}
	(void)!write(fd, "]", 1);
	(void)fcntl(fd, F_ADD_SEALS,
		    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
	return fd;
}

static bool
send_memory(int socket, int variant)
{
	static const char stub[] = "{\"type\":\"large\"}";
	int fd = open_memory(variant);
	bool done;

	if (fd < 0)
		return false;
	done = evil_message(socket, stub, sizeof(stub) - 1, &fd, 1);
	close(fd);
	return done;
}

static bool
memory_on_link(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	return send_memory(evil->link, variant);
}

static bool
memory_on_control(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	return send_memory(evil->control, variant);
}

/* Descriptors that nobody wants, with a message that nobody minds. */
static bool
send_descriptors(struct evil *evil, struct evil_request *request, int variant)
{
	static const char text[] = "{\"type\":\"evil\"}";
	int socket = socket_of(evil, variant < 256 ? LINK : CONTROL);
	size_t count = (size_t)variant % 256;
	int fds[253];

	(void)request;
	for (size_t i = 0; i < count; i++)
		fds[i] = (int)(i % 3);
	return evil_message(socket, text, sizeof(text) - 1, fds, count);
}

/* ---- floods ------------------------------------------------------------------------------ */

static bool
flood(struct evil *evil, struct evil_request *request, int variant)
{
	int socket = socket_of(evil, (enum socket_of)variant);
	unsigned rounds = evil->quick ? 300 : 3000;

	(void)request;
	for (unsigned i = 0; i < rounds; i++) {
		if (!say(socket, "{\"type\":\"evil\"}"))
			break;
	}
	return true;
}

static bool
hang_up(struct evil *evil, struct evil_request *request, int variant)
{
	int socket = socket_of(evil, (enum socket_of)(variant % 2));

	(void)request;
	(void)shutdown(socket, variant < 2 ? SHUT_RDWR : SHUT_WR);
	return true;
}

/* As if it were on its way out, and then it is attached after all. */
static bool
hang_up_and_attach(struct evil *evil, struct evil_request *request, int variant)
{
	(void)request;
	(void)variant;
	(void)shutdown(evil->control, SHUT_RDWR);
	evil_nap_us(5000);
	for (unsigned i = 0; i < evil->count; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text),
			       "{\"type\":\"attached\",\"index\":%u}", i);
		(void)say(evil->link, text);
	}
	return true;
}

static const struct evil_kind others[] = {
	{ "early: control shut, then attached", hang_up_and_attach, 0,
	  EVIL_CONTROL, false, 8 },
	{ "link: refused at length", refuse_at_length, 0, EVIL_CAUGHT, false,
	  0 },
	{ "link: nothing", size_on_link, SIZE_NOTHING, EVIL_CAUGHT, false, 0 },
	{ "link: 65537 bytes", size_on_link, SIZE_65537, EVIL_CAUGHT, false,
	  0 },
	{ "link: deep", size_on_link, SIZE_DEEP, EVIL_CAUGHT, false, 0 },
	{ "link: random bytes", size_on_link, SIZE_RANDOM, EVIL_CAUGHT, false,
	  0 },
	{ "control: nothing", size_on_control, SIZE_NOTHING, EVIL_MAYBE, false,
	  0 },
	{ "control: 65537 bytes", size_on_control, SIZE_65537, EVIL_CONTROL,
	  false, 0 },
	{ "control: deep", size_on_control, SIZE_DEEP, EVIL_CONTROL, false, 0 },
	{ "control: random bytes", size_on_control, SIZE_RANDOM, EVIL_CONTROL,
	  false, 0 },
	{ "link: memory without seals", memory_on_link, MEMORY_UNSEALED,
	  EVIL_CAUGHT, false, 0 },
	{ "link: no memory", memory_on_link, MEMORY_OTHER_FILE, EVIL_CAUGHT,
	  false, 0 },
	{ "link: arrays by the million", memory_on_link, MEMORY_ARRAYS,
	  EVIL_CAUGHT, false, 16 },
	{ "control: memory without seals", memory_on_control, MEMORY_UNSEALED,
	  EVIL_CONTROL, false, 0 },
	{ "control: no memory", memory_on_control, MEMORY_OTHER_FILE,
	  EVIL_CONTROL, false, 0 },
	{ "control: arrays by the million", memory_on_control, MEMORY_ARRAYS,
	  EVIL_CONTROL, false, 16 },
	{ "link: three descriptors", send_descriptors, 3, EVIL_MAYBE, false,
	  0 },
	{ "link: 253 descriptors", send_descriptors, 253, EVIL_CAUGHT, false,
	  0 },
	{ "control: three descriptors", send_descriptors, 256 + 3, EVIL_MAYBE,
	  false, 0 },
	{ "control: 253 descriptors", send_descriptors, 256 + 253, EVIL_CONTROL,
	  false, 0 },
	{ "link: flood", flood, LINK, EVIL_MAYBE, false, 4 },
	{ "control: flood", flood, CONTROL, EVIL_MAYBE, false, 4 },
	{ "link: shut", hang_up, LINK, EVIL_CAUGHT, false, 0 },
	{ "link: half shut", hang_up, 2 + LINK, EVIL_CAUGHT, false, 0 },
	{ "control: shut", hang_up, CONTROL, EVIL_CONTROL, false, 8 },
};

#define OTHERS (sizeof(others) / sizeof(others[0]))

struct evil_kinds
evil_link_kinds(void)
{
	static struct evil_kind kinds[2 * SAYINGS + OTHERS];
	size_t count = 0;

	for (size_t i = 0; i < SAYINGS; i++) {
		if (sayings[i].link != NULL)
			kinds[count++] = (struct evil_kind){
				sayings[i].link,    say_on_link, (int)i,
				sayings[i].verdict, false,	 0
			};
		if (sayings[i].control != NULL)
			kinds[count++] =
				(struct evil_kind){ sayings[i].control,
						    say_on_control,
						    (int)i,
						    sayings[i].control_verdict,
						    false,
						    0 };
	}
	memcpy(kinds + count, others, sizeof(others));
	return (struct evil_kinds){ kinds, count + OTHERS };
}
