/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of load-client: what it was asked to do, what it has seen, and
 * one connection.  One thread; everything is static or belongs to main().
 */
#ifndef T_LOAD_CLIENT_H
#define T_LOAD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FILES_MAX 64
#define LINE_BYTES 2048 /* a response head, or a line of chunked framing */
#define HEAD_BYTES 400 /* of a request of ours */

enum load_kind {
	KIND_PATTERN, /* GET /pattern: bytes from the module */
	KIND_FILE, /* GET of a file whose bytes are known */
	KIND_STORE, /* PUT /store: a body that the module checks */
	KIND_POST, /* POST /store with an id: executions are counted */
	KINDS
};

struct load_file {
	uint64_t seed, bytes;
};

struct load_options {
	uint16_t port;
	unsigned connections;
	double seconds; /* 0: until SIGTERM */
	uint64_t requests; /* of all connections; 0: no limit */
	uint64_t seed;
	const char *name; /* begins the ids of POSTs */
	const char *prefix; /* path of the module's application */
	const char *files_prefix; /* path of the files' application */
	struct load_file files[FILES_MAX];
	unsigned file_count;
	unsigned weights[KINDS];
	uint64_t bytes_min, bytes_max;
	unsigned delay_ms; /* the module waits up to this long */
	uint32_t rate; /* bytes/s of a connection, each way; 0: no limit */
	unsigned leave; /* of 1000 requests so many are left in the middle */
	unsigned requests_per_connection; /* 0: no limit */
	int receive_buffer; /* bytes; 0: the kernel's default */
	int max_segment; /* bytes; 0: the kernel's, which is 64 KiB here and
			    lets the server's socket take megabytes */
	bool hold; /* one request, silence until SIGTERM, one request */
	double spread; /* s over which the connections are opened */
	double timeout; /* s without a byte: failed */
	double grace; /* s that requests in progress get at the end */
	FILE *journal; /* what became of each POST; NULL: none */
	FILE *failures; /* a line for each that failed; NULL: none */
};

extern struct load_options options;

/* Exits with a sentence when they make no sense. */
void options_read(int argc, char **argv);
void options_usage(const char *why) __attribute__((noreturn));

/* ---- what was seen (tally.c) -------------------------------------------------- */

#define TALLY_BUCKETS 2048
#define TALLY_COMPLAINTS 12

struct tally {
	uint64_t good; /* complete and every byte right */
	uint64_t failed; /* no answer, a cut one, or another status than 200 */
	uint64_t wrong; /* a byte, a length or a field that cannot be */
	uint64_t left; /* given up by this client, as it was told to */
	uint64_t stale; /* of `failed`: a kept connection ended before the
			   first byte of the answer */
	uint64_t opened, closed; /* closed: by the server, between requests */
	uint64_t bytes; /* of bodies, both ways */
	uint64_t statuses[600];
	uint64_t latency[TALLY_BUCKETS]; /* of good ones */
	uint64_t latency_max; /* ns */
	char complaints[TALLY_COMPLAINTS][160];
	unsigned complaint_count;
};

extern struct tally tally;

void tally_latency(uint64_t ns);

/* Of failed and wrong requests; the first ones are kept. */
void tally_complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

/* One line of JSON to standard output. */
void tally_print(const char *event, unsigned open, double seconds);

/* ---- a connection (exchange.c) ----------------------------------------------------- */

enum load_state {
	STATE_CLOSED, /* opened again when `due` */
	STATE_CONNECTING,
	STATE_IDLE,
	STATE_BUSY, /* a request is in progress */
	STATE_HELD,
	STATE_OVER, /* not to be opened again */
};

enum load_part {
	PART_HEAD,
	PART_SIZED,
	PART_CHUNK_LINE,
	PART_CHUNK,
	PART_CHUNK_END,
	PART_TRAILER,
	PART_TO_CLOSE, /* the end of the connection ends the body */
};

struct load_connection {
	int fd; /* -1: none */
	uint32_t events; /* asked of epoll */
	enum load_state state;
	uint64_t due; /* ns: to be opened, or to read on */
	uint64_t began, moved; /* ns: the request, and its last byte */
	unsigned requests; /* on this connection */
	bool answered_once;

	enum load_kind kind;
	uint64_t seed, id;
	uint64_t response_bytes; /* that must come */
	char head[HEAD_BYTES];
	uint64_t head_length, body_length, sent; /* sent: of both together */
	char answer[48]; /* KIND_STORE: the body that must come */
	uint64_t leave_after; /* bytes of both directions; UINT64_MAX: never */
	uint64_t transferred; /* bytes of both directions */

	enum load_part part;
	char line[LINE_BYTES];
	unsigned line_length;
	unsigned status;
	bool close_after, chunked, seed_seen;
	bool wrong; /* and complained about */
	uint64_t left; /* of the body or of the chunk */
	uint64_t received; /* of the body */
};

uint64_t load_random(uint64_t below);

/* Start connecting.  False: failed at once, and counted. */
bool connection_open(struct load_connection *connection, uint64_t now);

/* Begin the next request. */
void connection_ask(struct load_connection *connection, uint64_t now);

/* Send what the socket takes, or the rate allows. */
void connection_send(struct load_connection *connection, uint64_t now);

/* Receive at most `most` bytes. */
void connection_receive(struct load_connection *connection, size_t most,
			uint64_t now);

/* The request in progress has failed: counted, closed. */
void connection_fail(struct load_connection *connection, const char *why);

/* ---- between exchange.c and answer.c ---- */

#define LOAD_SCRATCH_BYTES (256 * 1024)
extern char load_scratch[LOAD_SCRATCH_BYTES];

/* What became of a POST. */
void connection_journal(const struct load_connection *connection,
			const char *what);

/* It failed: when it began, when it ended (s of the real time), how ("503",
 * "cut" in the middle, "none": not a byte came, "connect"), method, target, and
 * the how manieth request of its connection it was. */
void connection_note_failure(const struct load_connection *connection,
			     const char *how);

/* The target of its request, in `text`. */
const char *connection_target(const struct load_connection *connection,
			      char *text, size_t size);

/* The answer cannot be true: complained about once. */
void connection_wrong(struct load_connection *connection, const char *why);

/* It is time to leave in the middle, and it has been done. */
bool connection_leaves(struct load_connection *connection);

/* At most so many bytes until then. */
size_t connection_up_to_leaving(const struct load_connection *connection,
				size_t most);

/* Close without counting; opened again when due. */
void connection_shut(struct load_connection *connection, bool reset);

/* Whether bytes of the request are still to be sent. */
static inline bool
connection_sends(const struct load_connection *connection)
{
	return connection->state == STATE_BUSY &&
	       connection->sent <
		       connection->head_length + connection->body_length;
}

#endif
