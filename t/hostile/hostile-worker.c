/* SPDX-License-Identifier: Apache-2.0
 *
 * See hostile.h.  Started by porticod under the name portico-worker, by way
 * of PORTICO_LIBEXEC_DIR; for any other pool than "evil", and for checks, it
 * becomes the real one.
 *
 *	PORTICO_HOSTILE_REAL    the real portico-worker
 *	PORTICO_HOSTILE_STATS   a file of struct evil_stats
 *	PORTICO_HOSTILE_ONLY    part of the name of the kinds to try
 *	PORTICO_HOSTILE_WITHOUT part of the name of those not to try
 *	PORTICO_HOSTILE_LONG    long floods
 *
 *	hostile-worker --kinds  number, verdict and name of each kind
 */
#include "t/hostile/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/io.h"

/* How long the other side may take to notice, before it has missed a lie. */
#define NOTICE_MS 10000

/* ---- kinds ----------------------------------------------------------------------- */

static struct evil_kind kinds[EVIL_KINDS_MAX];
static unsigned kind_count;

#define NO_KIND EVIL_KINDS_MAX

static void
add_kinds(struct evil_kinds more)
{
	for (size_t i = 0; i < more.count; i++) {
		if (kind_count == EVIL_KINDS_MAX)
			abort();
		kinds[kind_count++] = more.kinds[i];
	}
}

static void
collect_kinds(void)
{
	add_kinds(evil_ring_kinds());
	add_kinds(evil_head_kinds());
	add_kinds(evil_body_kinds());
	add_kinds(evil_socket_kinds());
	add_kinds(evil_file_kinds());
	add_kinds(evil_link_kinds());
	add_kinds(evil_race_kinds());
}

static int
print_kinds(void)
{
	static const char *const verdicts[] = { "maybe", "caught", "control" };

	for (unsigned i = 0; i < kind_count; i++)
		printf("%u %s %s\n", i, verdicts[kinds[i].verdict],
		       kinds[i].name);
	return 0;
}

/* ---- attaching --------------------------------------------------------------------- */

static void
die_badly(const char *why)
{
	fprintf(stderr, "hostile-worker: %s\n", why);
	_exit(3);
}

static bool
receive(int socket, char *text, size_t size, int *fds, size_t *nfds)
{
	struct pollfd one = { .fd = socket, .events = POLLIN };
	ssize_t got = PORTICO_AGAIN;

	while (got == PORTICO_AGAIN) {
		if (poll(&one, 1, NOTICE_MS) <= 0)
			return false;
		got = io_recv_message(socket, text, size - 1, fds, nfds);
	}
	if (got <= 0)
		return false;
	text[got] = '\0';
	return true;
}

/* The first message of that type, with its descriptors. */
static bool
await(int socket, const char *type, int *fds, size_t *nfds)
{
	static char text[70000];
	char member[64];
	size_t room = *nfds;

	(void)snprintf(member, sizeof(member), "\"type\":\"%s\"", type);
	for (;;) {
		*nfds = room;
		if (!receive(socket, text, sizeof(text), fds, nfds))
			return false;
		if (strstr(text, member) != NULL)
			return true;
		for (size_t i = 0; i < *nfds; i++)
			io_close(&fds[i]);
		if (strstr(text, "\"type\":\"stop\"") != NULL)
			_exit(0);
		if (strstr(text, "\"type\":\"link-done\"") != NULL)
			return false;
	}
}

static bool
attach_one(struct evil *evil)
{
	struct evil_channel *channel = &evil->channels[evil->count];
	struct channel_handles handles;
	size_t nfds = CHANNEL_HANDLES;
	int fds[CHANNEL_HANDLES];

	if (!await(evil->link, "channel", fds, &nfds) ||
	    nfds != CHANNEL_HANDLES)
		return false;
	handles = (struct channel_handles){ fds[0], fds[1], fds[2], fds[3],
					    fds[4] };
	channel->down = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
	channel->up = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
	channel->received = CHANNEL_BLOCK_NONE;
	if (channel_attach(&handles, &channel->channel, NULL) != PORTICO_OK)
		die_badly("cannot attach");
	evil->count++;
	return true;
}

static void
say_attached(struct evil *evil, unsigned index)
{
	char text[64];
	int length = snprintf(text, sizeof(text),
			      "{\"type\":\"attached\",\"index\":%u}", index);

	/* Early floods may have filled the link, and the listener looks only at
	 * what is attached. */
	for (unsigned i = 0; i < NOTICE_MS / 10; i++) {
		if (evil_message(evil->link, text, (size_t)length, NULL, 0))
			return;
	}
	die_badly("cannot say what is attached");
}

static void
attach(struct evil *evil)
{
	static const char ready[] = "{\"type\":\"ready\",\"loops\":1}";
	/* The settings, and the memory that the pool shares. */
	int fds[2] = { -1, -1 };
	size_t nfds = 2;

	if (!await(evil->control, "configure", fds, &nfds))
		die_badly("no configuration");
	io_close(&fds[0]);
	io_close(&fds[1]);
	(void)evil_message(evil->control, ready, sizeof(ready) - 1, NULL, 0);
	nfds = 1;
	if (!await(evil->control, "link", &evil->link, &nfds) || nfds != 1)
		die_badly("no link");
	while (evil->count < EVIL_CHANNELS_MAX && attach_one(evil))
		;
	if (evil->count == 0)
		die_badly("no channel");
}

/* ---- being caught --------------------------------------------------------------------- */

/* The peer of a socket has hung up. */
static bool
hung_up(int socket, int milliseconds)
{
	struct pollfd one = { .fd = socket, .events = POLLRDHUP };

	return poll(&one, 1, milliseconds) > 0 &&
	       (one.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
}

/* Whether the listener may have thrown the lie away unseen: the client had
 * left after all, since the test ends, and this was on its way to us. */
static bool
excused(struct evil *evil, struct channel_descriptor of, unsigned channel)
{
	evil_gather(evil, 0);
	for (unsigned i = 0; i < evil->request_count; i++) {
		struct evil_request *request = &evil->requests[i];

		if (request->channel == channel &&
		    request->request.slot == of.slot &&
		    request->request.generation == of.generation)
			return request->aborted;
	}
	return false;
}

/* It has been found out; porticod has to end it. */
static void
await_death(struct evil *evil)
{
	for (unsigned i = 0; i < NOTICE_MS / 10; i++)
		evil_nap_us(10000);
	atomic_fetch_add(&evil->stats->survived, 1);
	die_badly("found out, and still alive");
}

static void
await_verdict(struct evil *evil, unsigned kind, enum evil_verdict verdict,
	      const struct evil_request *about)
{
	struct evil_count *count = &evil->stats->kinds[kind];
	int socket = verdict == EVIL_CONTROL ? evil->control : evil->link;
	struct evil_request request =
		about == NULL ? (struct evil_request){ 0 } : *about;

	/* For the test to see, which lets us come to the end of this. */
	(void)prctl(PR_SET_NAME, "awaits verdict");
	for (unsigned i = 0; i < NOTICE_MS / 250; i++) {
		if (hung_up(socket, 250)) {
			atomic_fetch_add(&count->caught, 1);
			await_death(evil);
		}
		if (about != NULL &&
		    excused(evil, request.request, request.channel)) {
			(void)prctl(PR_SET_NAME, "portico-worker");
			return;
		}
	}
	atomic_fetch_add(&count->missed, 1);
	fprintf(stderr, "hostile-worker: nobody minds: %s\n", kinds[kind].name);
	_exit(3);
}

/* ---- a life ------------------------------------------------------------------------------ */

static const char *only, *without;

static bool
is_early(unsigned kind)
{
	return strncmp(kinds[kind].name, "early: ", 7) == 0;
}

static bool
is_wanted(unsigned kind)
{
	return (only == NULL || strstr(kinds[kind].name, only) != NULL) &&
	       (without == NULL || strstr(kinds[kind].name, without) == NULL);
}

/* Many are found out, and a process is of no use after that: so most of the
 * others come first. */
static unsigned
choose(struct evil *evil, bool early)
{
	bool any = only != NULL || evil_chance(evil, 2);

	for (;;) {
		unsigned kind = (unsigned)evil_draw(evil, kind_count);

		if (!any && kinds[kind].verdict != EVIL_MAYBE)
			continue;
		if ((!early && is_early(kind)) || !is_wanted(kind))
			continue;
		if (only != NULL || kinds[kind].rarity == 0 ||
		    evil_chance(evil, kinds[kind].rarity))
			return kind;
	}
}

/* What has to be found out is told about a request that stays: what is said
 * about another may be thrown away unseen. */
static struct evil_request *
find_request(struct evil *evil, const struct evil_kind *kind)
{
	bool upgrade = evil_wants_upgrade(kind);
	struct evil_request *request = NULL;

	if (kind->verdict == EVIL_MAYBE && !upgrade) {
		evil_gather(evil, 100);
		return evil_pick(evil);
	}
	for (unsigned i = 0; i < 10 && request == NULL; i++) {
		if (i > 0)
			evil_answer_all(evil);
		evil_gather(evil, 100);
		request = evil_pick_staying(evil, upgrade);
	}
	return request;
}

/* One lie.  False: it could not be told. */
static bool
lie(struct evil *evil, unsigned number)
{
	const struct evil_kind *kind = &kinds[number];
	struct evil_request *request = NULL, about;

	if (kind->wants_request) {
		request = find_request(evil, kind);
		if (request == NULL)
			return false;
		about = *request;
	}
	if (!kind->fn(evil, request, kind->variant))
		return false;
	atomic_fetch_add(&evil->stats->kinds[number].tried, 1);
	if (kind->verdict != EVIL_MAYBE)
		await_verdict(evil, number, kind->verdict,
			      request == NULL ? NULL : &about);
	else if (hung_up(evil->link, evil_chance(evil, 4) ? 2 : 0)) {
		atomic_fetch_add(&evil->stats->kinds[number].caught, 1);
		await_death(evil);
	}
	return true;
}

/*
 * What a life begins with, so that no kind is left to chance: each in turn,
 * and then in as many lives none.
 */
static unsigned
choose_due(const struct evil *evil, uint64_t number)
{
	unsigned kind = (unsigned)((evil->stats->seed + number) % kind_count);

	return number / kind_count % 2 == 0 && is_wanted(kind) ? kind : NO_KIND;
}

/* While the worker is still to be attached. */
static void
lie_early(struct evil *evil, unsigned due)
{
	unsigned number;

	if (due != NO_KIND) {
		(void)lie(evil, due);
		return;
	}
	for (unsigned i = 0; i < 1000; i++) {
		number = choose(evil, true);
		if (is_early(number) ||
		    strncmp(kinds[number].name, "link: ", 6) == 0 ||
		    strncmp(kinds[number].name, "control: ", 9) == 0) {
			(void)lie(evil, number);
			return;
		}
	}
}

static void
die_somehow(struct evil *evil)
{
	switch (evil_draw(evil, 4)) {
	case 0:
		_exit((int)evil_draw(evil, 256));
	case 1:
		raise(SIGKILL);
		break;
	case 2:
		prctl(PR_SET_DUMPABLE, 0);
		abort();
	default:
		/* All that it has, in any order, and then nothing. */
		for (unsigned i = 0; i < 40; i++)
			close(3 + (int)evil_draw(evil, 40));
		evil_nap_us(2000);
		_exit(0);
	}
}

/* The test ends, or a part of it: until we do, or the next one begins. */
static void
hush(struct evil *evil)
{
	while (atomic_load(&evil->stats->hush) != 0)
		evil_nap_us(10000);
}

static void
live(struct evil *evil)
{
	uint64_t number = atomic_fetch_add(&evil->stats->lives, 1);
	unsigned lies = 2 + (unsigned)(number % 12);
	unsigned due = choose_due(evil, number);

	evil->random = evil->stats->seed * UINT64_C(1000003) + number;
	attach(evil);
	if (due != NO_KIND ? is_early(due) : evil_chance(evil, 16)) {
		lie_early(evil, due);
		due = NO_KIND;
	}
	for (unsigned i = 0; i < evil->count; i++)
		say_attached(evil, i);
	atomic_fetch_add(&evil->stats->attached, 1);
	for (unsigned i = 0; i < lies; i++) {
		unsigned work = (unsigned)evil_draw(evil, 6);

		for (unsigned k = 0; k < work; k++)
			evil_work(evil);
		hush(evil);
		for (unsigned k = 0; k < 20; k++) {
			if (lie(evil,
				due != NO_KIND ? due : choose(evil, false)))
				break;
		}
		due = NO_KIND;
	}
	hush(evil);
	die_somehow(evil);
}

/* ---- start ----------------------------------------------------------------------------------- */

static void
become_real(char **arguments)
{
	const char *real = getenv("PORTICO_HOSTILE_REAL");

	if (real != NULL)
		execv(real, arguments);
	fprintf(stderr, "hostile-worker: PORTICO_HOSTILE_REAL: %s\n",
		real == NULL ? "not set" : strerror(errno));
	exit(3);
}

static struct evil_stats *
map_stats(void)
{
	const char *path = getenv("PORTICO_HOSTILE_STATS");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *map = fd < 0 ? MAP_FAILED :
			     mmap(NULL, sizeof(struct evil_stats),
				  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		die_badly("PORTICO_HOSTILE_STATS");
	close(fd);
	return map;
}

int
main(int argc, char **argv)
{
	static struct evil evil;
	bool is_evil = false;

	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "--pool") == 0)
			is_evil = strncmp(argv[i + 1], "evil", 4) == 0;
	}
	collect_kinds();
	if (argc == 2 && strcmp(argv[1], "--kinds") == 0)
		return print_kinds();
	if (!is_evil)
		become_real(argv);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	only = getenv("PORTICO_HOSTILE_ONLY");
	without = getenv("PORTICO_HOSTILE_WITHOUT");
	evil.quick = getenv("PORTICO_HOSTILE_LONG") == NULL;
	evil.stats = map_stats();
	evil.control = 3;
	live(&evil);
	return 0;
}
