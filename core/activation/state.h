/* SPDX-License-Identifier: Apache-2.0
 *
 * What another porticod has to know to go on in our place: kept up to date in
 * the keeper, with the descriptors that belong to it.  Before the loop sleeps
 * it is looked at what has changed: nobody has to say so.
 *
 * A record is a JSON object under a key:
 *	manager, settings, sites, certificates	one each, if there is one
 *	socket/..., given/...		listening sockets
 *	listener/NUMBER, worker/ID	processes: pidfd, control socket, output
 *	pool/NAME, removed/GENERATION/NAME	what has happened to it
 * takeover.c reads them.
 */
#ifndef CORE_ACTIVATION_STATE_H
#define CORE_ACTIVATION_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of all records together.  Another number is another meaning: what this
 * program cannot read it does not take over. */
#define STATE_VERSION 1

struct manager;
struct state;

struct state_record {
	json_t *json;
	int fds[4]; /* borrowed unless `owned` */
	size_t nfds;
	int watch; /* index of the pidfd, or -1 */
	bool owned;
};

void state_open(struct manager *manager, struct state **state_r);
void state_close(struct state **state_p);

/* The keeper has nothing of it: all is put again.  Before state_open() too. */
void state_forget(struct manager *manager);

/* It has this, of a porticod before us: put anew or dropped by the next
 * sweep. */
void state_adopt(struct manager *manager, const char *key);

/* Now, rather than before the loop sleeps. */
void state_sweep(struct manager *manager);
/* The keeper has all of it, as far as we can tell. */
bool state_is_kept(const struct manager *manager);

/* All records without their descriptors: {"version","program","items"}.
 * OWNERSHIP: the caller's. */
json_t *state_to_json(struct manager *manager);

/* ---- state_write.c ---------------------------------------------------------- */

/* Called for each record.  `fingerprint` differs when what it says may. */
typedef void state_write_fn(const void *object, struct state_record *record);
typedef void state_visit_fn(void *arg, const char *key, uint64_t fingerprint,
			    state_write_fn *write, const void *object);

void state_visit(const struct manager *manager, state_visit_fn *visit,
		 void *arg);

#endif
