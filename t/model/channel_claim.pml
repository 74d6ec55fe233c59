/* SPDX-License-Identifier: Apache-2.0
 *
 * Who has a request: the claim protocol of core/channel (README.md there,
 * rules 30 to 36) as claim.c has it there, worker_channel.c, revoke.c,
 * request.c and dispatch.c in core/listener, attachment.c in core/worker.
 *
 * REQUESTS requests, WORKERS workers with one slot each, so that a slot is
 * used again at once.  A worker takes, starts, answers (in one part or two, or
 * with SHORT_ANSWERS in one) and ends, each whenever it likes.  EVENTS things
 * go wrong, whichever and whenever: a worker dies, hangs for ever, or is slow
 * to take; the listener ends the channel of a worker that lives; a client
 * leaves; a deadline passes; with LISTENER_DIES, the listener dies.
 *
 * Shown:
 *   - what is not safe to run twice is started at most once; what is safe is
 *     started again only if no byte of an answer has left and one of the two
 *     channels has ended, and then once;
 *   - a client gets one end (an answer, an error, a cut connection), and the
 *     request is forgotten once, after both halves of it have ended;
 *   - what was handed over completely before its worker died is delivered;
 *   - neither slot nor head is used again while the worker may read it, an
 *     ABORT never hits the next request in a slot (in the ring it comes before
 *     that one's REQUEST), and nothing that an honest worker does looks like a
 *     lie;
 *   - nothing is lost: when nothing more can happen and a worker is well, each
 *     request has ended, but for those that a hanging worker has taken and no
 *     deadline has ended.  `audit' looks at that.  No run is endless, which
 *     channel-model.sh has shown too, so each one comes to that point.
 *
 * One handler of the listener's loop is one step here.  All that is not private
 * in it are words of workers, and what a worker may do between two touches of
 * its words (a revocation and the next offer, say) it may as well do before or
 * after both: it finds a stale REQUEST refused either way.  What is sent is
 * seen at once: to see it later is to be slow.
 *
 * What stays outside of the model is the order of memory, for there is none
 * here but the program's.  The C code may be looked at so because of
 *   - claim words: one atomic word each, changed by compare-and-swap with
 *     acquire and release, so that each has one history, the same for both;
 *   - descriptors: written before the ring's tail, which is stored with release
 *     (channel_flush) and loaded with acquire (ring_refresh_peer_tail).  So who
 *     sees REQUEST sees the offer and the head, and who sees END may write over
 *     the head that the worker has read;
 *   - death: what a process stored before it died is in memory before the
 *     kernel tells anybody of its death.
 * Nothing here needs a store to be seen before a later load.  The sleep words
 * do: channel.pml models them with store buffers, and channel-model.sh looks
 * that the fences are where it says.
 *
 * Each of these makes the proof fail, and channel-model.sh sees that it does:
 *   BROKEN_TAKE        take is a load and a store, no compare-and-swap
 *   BROKEN_REVOKE      revoke is a load and a store
 *   BROKEN_GENERATION  take does not compare the generation
 *   BROKEN_STARTED     a module runs before STARTED is said
 *   BROKEN_START       STARTED is stored, whatever the word has become
 *   BROKEN_REUSE       slot and head are free when the client has left
 *   BROKEN_METHOD      what is not safe is run again, too
 *   BROKEN_REPLAYED    nobody remembers that it was run again
 *   BROKEN_SENT        it is run again though bytes have left
 *   BROKEN_DRAIN       what a dead worker has sent is not looked at
 *   BROKEN_PUMP        a slot that ABORT has freed is given to nobody
 *   BROKEN_STUCK       what a hanging worker was offered stays with it
 *   BROKEN_LEASE       the request is forgotten when its client is
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#ifndef REQUESTS
#define REQUESTS 2
#endif
#ifndef EVENTS
#define EVENTS 2
#endif

/* Of claim words. */
#define FREE 0
#define OFFERED 1
#define TAKEN 2
#define STARTED 3
#define REVOKED 4

/* Descriptors.  WHOLE is RESPONSE with LAST, LAST is BODY with it. */
#define REQUEST 1
#define ABORT 2
#define RESPONSE 3
#define WHOLE 4
#define LAST 5
#define END 6

/* Leases of requests. */
#define NEW 0
#define QUEUED 1
#define ASSIGNED 2
#define RESPONDING 3
#define DONE 4

/* Of workers. */
#define RUNS 0
#define HANGS 1
#define DEAD 2

/* ---- shared memory ------------------------------------------------------- */

/* The claim word of a worker's slot. */
byte state[WORKERS];
byte generation[WORKERS];
/* The head block of its last use: whose it is, and of which generation. */
byte head_request[WORKERS];
byte head_generation[WORKERS];
/* Rings: type and generation.  A full ring overflows into private memory, so
 * these are large enough. */
chan down[WORKERS] = [6] of { byte, byte };
chan up[WORKERS] = [6] of { byte, byte };

/* ---- the listener's own -------------------------------------------------- */

byte used[WORKERS]; /* generation of the slot's last use */
byte holder[WORKERS]; /* request in the slot, counted from 1 */
bool lost[WORKERS]; /* the channel has ended */
bool stuck[WORKERS];
byte lease[REQUESTS];
byte at[REQUESTS]; /* worker, while leased */
bool wire_done[REQUESTS];
bool aborted[REQUESTS];
bool replayed[REQUESTS];
bool own[REQUESTS]; /* the answer is the listener's */
bool last[REQUESTS]; /* the answer is complete */
bool head_seen[REQUESTS];
bool sent[REQUESTS]; /* bytes of it have left */

/* ---- what goes wrong ----------------------------------------------------- */

byte budget = EVENTS; /* of such things */
byte life[WORKERS];
bool listener_dead;

/* ---- for the proof only -------------------------------------------------- */

bool safe[REQUESTS]; /* its method allows a second run */
byte runs[REQUESTS]; /* how often a first module was called */
byte runner[REQUESTS]; /* by which worker last */
byte ends[REQUESTS]; /* that its client has seen */
bool forgotten[REQUESTS];
bool handed[REQUESTS]; /* complete in a ring before the worker died */
bool accused[WORKERS]; /* its channel was ended, though it lived */
byte busy[WORKERS]; /* generation of the request that the worker has */

#if REQUESTS == 1
#define SOME_REQUEST(guard) (guard(0))
#define ANY_REQUEST(guard, r)                                                  \
	if                                                                     \
	:: guard(0) -> r = 0                                                   \
	fi
#else
#define SOME_REQUEST(guard) (guard(0) || guard(1))
#define ANY_REQUEST(guard, r)                                                  \
	if                                                                     \
	:: guard(0) -> r = 0                                                   \
	:: guard(1) -> r = 1                                                   \
	fi
#endif

#if WORKERS == 2
#define SOME_WORKER(guard) (guard(0) || guard(1))
#define ANY_WORKER(guard, w)                                                   \
	if                                                                     \
	:: guard(0) -> w = 0                                                   \
	:: guard(1) -> w = 1                                                   \
	fi
#else
#define SOME_WORKER(guard) (guard(0) || guard(1) || guard(2))
#define ANY_WORKER(guard, w)                                                   \
	if                                                                     \
	:: guard(0) -> w = 0                                                   \
	:: guard(1) -> w = 1                                                   \
	:: guard(2) -> w = 2                                                   \
	fi
#endif

/* ---- the worker ---------------------------------------------------------- */

/* The head is the request's until END is sent. */
inline still_mine()
{
	assert(head_generation[w] == busy[w] && head_request[w] == r)
}

inline put(what)
{
	if
	:: lost[w] || listener_dead -> skip
	:: else ->
		assert(nfull(up[w]));
		up[w]!what, busy[w];
		if
		:: what == WHOLE || what == LAST -> handed[r] = true
		:: else -> skip
		fi
	fi
}

inline run_module()
{
	atomic {
#ifdef BROKEN_STARTED
		r = head_request[w];
#endif
		still_mine();
		assert(runs[r] == 0 ||
		       (safe[r] && runs[r] == 1 &&
			(lost[w] || lost[runner[r]])));
		assert(!forgotten[r] || lost[w] || listener_dead);
		runs[r]++;
		runner[r] = w
	}
}

/* A module leaves out the rest of its answer only when told to abort. */
proctype worker(byte w)
{
	byte type, number, r;
	bool told, head, complete;

	{
end:
		do
		:: atomic {
			down[w]?type, number;
			if
			:: type == REQUEST && state[w] == OFFERED &&
#ifndef BROKEN_GENERATION
			   generation[w] == number
#else
			   true
#endif
			   -> skip
			:: type == ABORT && busy[w] == number ->
				told = true;
				type = 0
			:: else -> type = 0
			fi
#ifndef BROKEN_TAKE
			;
#else
		   }
		   atomic {
#endif
			if
			:: type == REQUEST ->
				assert(busy[w] == 0);
				busy[w] = number;
				state[w] = TAKEN;
				generation[w] = number
			:: else -> skip
			fi
		   }
		   if
		   :: type == REQUEST ->
#ifdef BROKEN_STARTED
			run_module();
#endif
			atomic {
				assert(head_generation[w] == busy[w]);
				r = head_request[w];
				type = 0;
				number = 0;
				if
#ifndef BROKEN_START
				:: state[w] != TAKEN ||
				   generation[w] != busy[w] ->
					/* The channel has ended meanwhile. */
					busy[w] = 0;
					r = 0
#endif
				:: else -> state[w] = STARTED
				fi
			}
			if
			:: busy[w] != 0 ->
#ifndef BROKEN_STARTED
				run_module()
#else
				skip
#endif
			:: else -> skip
			fi
		   :: else -> number = 0
		   fi
		:: atomic {
			/* The end of the channel aborts what is there. */
			busy[w] != 0 && !told && len(down[w]) == 0 &&
			(lost[w] || listener_dead) ->
				told = true
		   }
		:: atomic {
			busy[w] != 0 && !head ->
				still_mine();
				put(WHOLE);
				head = true;
				complete = true
		   }
#ifndef SHORT_ANSWERS
		:: atomic {
			busy[w] != 0 && !head ->
				still_mine();
				put(RESPONSE);
				head = true
		   }
		:: atomic {
			busy[w] != 0 && head && !complete ->
				still_mine();
				put(LAST);
				complete = true
		   }
#endif
		:: atomic {
			busy[w] != 0 && (complete || told) ->
				still_mine();
				put(END);
				busy[w] = 0;
				r = 0;
				told = false;
				head = false;
				complete = false
		   }
		od
	} unless {
		atomic {
			life[w] != RUNS ->
			busy[w] = 0;
			r = 0;
			type = 0;
			number = 0;
			told = false;
			head = false;
			complete = false
		}
	}
}

/* ---- the listener: slots, dispatch.c ------------------------------------- */

inline slot_free(w_)
{
	assert(holder[w_] != 0);
	holder[w_] = 0
}

/* What nobody will read is left out, to have fewer states. */
inline send(w_, what)
{
	if
	:: life[w_] == RUNS ->
		assert(nfull(down[w_]));
		down[w_]!what, used[w_]
	:: else -> skip
	fi
}

#define IS_QUEUED(r) (lease[r] == QUEUED)
#define HAS_ROOM(w) (!lost[w] && !stuck[w] && holder[w] == 0)

/* dispatch_pump(), at the end of a handler that calls it: what it does then
 * is private until the handler's end. */
inline pump()
{
	do
	:: room && SOME_REQUEST(IS_QUEUED) && SOME_WORKER(HAS_ROOM) ->
		ANY_REQUEST(IS_QUEUED, q);
		ANY_WORKER(HAS_ROOM, v);
		used[v]++;
		head_generation[v] = used[v];
		head_request[v] = q;
		generation[v] = used[v];
		state[v] = OFFERED;
		holder[v] = q + 1;
		at[q] = v;
		lease[q] = ASSIGNED;
		send(v, REQUEST)
	:: else -> break
	od;
	room = false;
	q = 0;
	v = 0
}

/* ---- the listener: request.c --------------------------------------------- */

inline request_end(r)
{
	assert(!forgotten[r]);
	forgotten[r] = true;
	/* No longer looked at: to have fewer states. */
	aborted[r] = false;
	replayed[r] = false;
	own[r] = false;
	last[r] = false;
	head_seen[r] = false;
	sent[r] = false;
	handed[r] = false
}

inline request_wire_done(r)
{
	assert(!wire_done[r] && ends[r] == 0);
	ends[r]++;
	wire_done[r] = true;
	if
	:: lease[r] == DONE || lease[r] == NEW -> request_end(r)
#ifdef BROKEN_LEASE
	:: else -> request_end(r); lease[r] = DONE
#else
	:: else -> skip
#endif
	fi
}

inline request_lease_done(r)
{
	lease[r] = DONE;
	if
	:: wire_done[r] -> request_end(r)
	:: else -> skip
	fi
}

/* worker_channel_abort() is in it. */
inline request_abort(r)
{
	if
	:: aborted[r] -> skip
	:: !aborted[r] && lease[r] == QUEUED -> lease[r] = DONE
	:: !aborted[r] && (lease[r] == ASSIGNED || lease[r] == RESPONDING) &&
	   !(last[r] && !own[r]) ->
		aborted[r] = true;
		if
		:: lost[at[r]] -> skip
		:: !lost[at[r]] && lease[r] == ASSIGNED &&
		   state[at[r]] == OFFERED &&
		   generation[at[r]] == used[at[r]] ->
			state[at[r]] = REVOKED;
			slot_free(at[r]);
			lease[r] = DONE;
#ifndef BROKEN_PUMP
			room = true
#endif
		:: else ->
			send(at[r], ABORT)
#ifdef BROKEN_REUSE
			;
			slot_free(at[r]);
			lease[r] = DONE;
			room = true
#endif
		fi
	:: else -> skip
	fi
}

/* The end of request_fail(): the client sees an error or, where bytes have
 * left, a cut connection. */
inline error_or_cut(r)
{
	if
	:: sent[r] -> request_wire_done(r)
	:: else ->
		own[r] = true;
		last[r] = true
	fi
}

/* ---- the listener: worker_channel.c, response.c -------------------------- */

/* A descriptor of a worker. */
inline take(w)
{
	r = holder[w];
	/* A lie, otherwise. */
	assert(r != 0 && number == used[w]);
	r--;
	room = stuck[w];
	stuck[w] = false;
	if
	:: type == RESPONSE || type == WHOLE ->
		assert(lease[r] == ASSIGNED);
		lease[r] = RESPONDING;
		if
		:: wire_done[r] || own[r] -> skip
		:: else ->
			head_seen[r] = true;
			last[r] = (type == WHOLE)
		fi
	:: type == LAST ->
		assert(lease[r] == RESPONDING && (!last[r] || own[r]));
		if
		:: wire_done[r] || own[r] -> skip
		:: else -> last[r] = true
		fi
	:: type == END ->
		/* Modules fail only where somebody has aborted them. */
		assert(wire_done[r] || own[r] || last[r]);
		slot_free(w);
		request_lease_done(r);
		room = true
	fi;
	type = 0;
	number = 0;
	r = 0
}

/* The worker cannot have begun with it, nor will. */
#define UNTOUCHED(w, r)                                                        \
	(lease[r] == ASSIGNED && !aborted[r] && generation[w] == used[w] &&    \
	 (state[w] == OFFERED || state[w] == TAKEN))

inline recover(w)
{
	r = holder[w] - 1;
	again = UNTOUCHED(w, r);
	if
	:: again -> state[w] = REVOKED
	:: else -> skip
	fi;
	slot_free(w);
	if
	:: wire_done[r] || own[r] || last[r] -> request_lease_done(r)
	:: else ->
		/* Nobody asks for what was complete. */
		assert(!handed[r] || accused[w]);
		if
		:: again -> skip
		:: !again && !aborted[r] &&
#ifndef BROKEN_REPLAYED
		   !replayed[r] &&
#endif
#ifndef BROKEN_METHOD
		   safe[r] &&
#endif
#ifndef BROKEN_SENT
		   !sent[r] &&
#endif
		   true ->
			replayed[r] = true;
			again = true
		:: else -> skip
		fi;
		if
		:: again ->
			/* The client would see two beginnings. */
			assert(!sent[r]);
			head_seen[r] = false;
			handed[r] = false;
			lease[r] = QUEUED
		:: else ->
			lease[r] = DONE;
			error_or_cut(r)
		fi
	fi
}

inline lose(w)
{
	lost[w] = true;
	if
	:: holder[w] != 0 -> recover(w)
	:: else -> skip
	fi;
	again = false;
	r = 0;
	room = true
}

/* revoke.c: the look at one channel.  Whether another one has room is not
 * asked, so that it does not matter how that is weighed. */
#define LEFT_LYING(w)                                                          \
	(!lost[w] && holder[w] != 0 && state[w] == OFFERED &&                  \
	 generation[w] == used[w] && lease[holder[w] - 1] == ASSIGNED)

inline take_back(w)
{
	stuck[w] = true;
	r = holder[w] - 1;
	state[w] = REVOKED;
	slot_free(w);
	lease[r] = QUEUED;
	r = 0;
	room = true
}

/* ---- the listener: its loop ---------------------------------------------- */

#define ARRIVES(r) (lease[r] == NEW && !wire_done[r])
#define HAS_SENT(w) (!lost[w] && len(up[w]) > 0)
#ifndef BROKEN_DRAIN
#define IS_GONE(w) (!lost[w] && life[w] == DEAD && len(up[w]) == 0)
#else
#define IS_GONE(w) (!lost[w] && life[w] == DEAD)
#endif
#ifndef BROKEN_STUCK
#define HANGS_WITH_OFFER(w) (life[w] != RUNS && LEFT_LYING(w))
#else
#define HANGS_WITH_OFFER(w) false
#endif
#define TURNS_AGAIN(w) (!lost[w] && stuck[w] && life[w] == RUNS)
#define CAN_SEND(r) (head_seen[r] && !sent[r] && !wire_done[r] && !own[r])
#define IS_COMPLETE(r) (last[r] && !wire_done[r])

#define IS_SLOW(w) (life[w] == RUNS && LEFT_LYING(w))
#define MAY_LIE(w) (!lost[w] && life[w] != DEAD)
#define MAY_LEAVE(r) (!wire_done[r])
#define MAY_EXPIRE(r)                                                          \
	(!wire_done[r] && !own[r] && !last[r] && lease[r] != NEW)

proctype listener()
{
	byte w, r, q, v, type, number;
	bool again, room, leaves;

	{
end:
		do
		:: atomic {
			if
			:: SOME_REQUEST(ARRIVES) -> /* request_begin */
				ANY_REQUEST(ARRIVES, r);
				lease[r] = QUEUED;
				room = true
			:: SOME_WORKER(HAS_SENT) -> /* on_descriptor */
				ANY_WORKER(HAS_SENT, w);
				up[w]?type, number;
				take(w)
			:: SOME_WORKER(TURNS_AGAIN) -> /* check_channel */
				ANY_WORKER(TURNS_AGAIN, w);
				stuck[w] = false;
				room = true
			:: SOME_REQUEST(CAN_SEND) -> /* bytes leave, */
				ANY_REQUEST(CAN_SEND, r);
				sent[r] = true
			:: SOME_REQUEST(IS_COMPLETE) -> /* the last, too */
				ANY_REQUEST(IS_COMPLETE, r);
				request_wire_done(r)
			fi;
			w = 0;
			r = 0;
			pump()
		   }
		:: atomic { /* on_closed, worker_channel_end */
			if
			:: SOME_WORKER(IS_GONE) ->
				ANY_WORKER(IS_GONE, w)
			:: budget > 0 && SOME_WORKER(MAY_LIE) ->
				budget--;
				ANY_WORKER(MAY_LIE, w);
				accused[w] = true
			fi;
			lose(w);
			w = 0;
			pump()
		   }
		:: atomic { /* check_channel */
			if
			:: SOME_WORKER(HANGS_WITH_OFFER) ->
				ANY_WORKER(HANGS_WITH_OFFER, w)
			:: budget > 0 && SOME_WORKER(IS_SLOW) ->
				budget--;
				ANY_WORKER(IS_SLOW, w)
			fi
#ifdef BROKEN_REVOKE
		   }
		   atomic {
			skip
#endif
			;
			take_back(w);
			w = 0;
			pump()
		   }
		:: atomic {
			if
			:: budget > 0 && SOME_REQUEST(MAY_LEAVE) ->
				budget--;
				ANY_REQUEST(MAY_LEAVE, r);
				leaves = true
			:: budget > 0 && SOME_REQUEST(MAY_EXPIRE) ->
				budget--;
				ANY_REQUEST(MAY_EXPIRE, r)
			fi;
			request_abort(r);
			if
			:: leaves -> /* request_client_gone */
				request_wire_done(r)
			:: else -> /* request_fail */
				error_or_cut(r)
			fi;
			leaves = false;
			r = 0;
			pump()
		   }
		od
	} unless {
		listener_dead
	}
}

/* ---- what else goes wrong ------------------------------------------------ */

#define MAY_DIE(w) (life[w] != DEAD)
#define MAY_HANG(w) (life[w] == RUNS)

inline forget_ring(w)
{
	do
	:: len(down[w]) > 0 -> down[w]?_, _
	:: else -> break
	od
}

proctype events()
{
	byte w;

	do
	:: atomic {
		budget > 0 && SOME_WORKER(MAY_DIE) ->
		budget--;
		ANY_WORKER(MAY_DIE, w);
		life[w] = DEAD;
		forget_ring(w);
		w = 0
	   }
	:: atomic {
		budget > 0 && SOME_WORKER(MAY_HANG) ->
		budget--;
		ANY_WORKER(MAY_HANG, w);
		life[w] = HANGS;
		forget_ring(w);
		w = 0
	   }
#ifdef LISTENER_DIES
	:: atomic {
		budget > 0 && !listener_dead ->
		budget--;
		listener_dead = true
	   }
#endif
	/* Nothing has to go wrong. */
	:: atomic {
		true ->
		budget = 0;
		break
	   }
	od
}

/* ---- when nothing more can happen ---------------------------------------- */

#define IS_WELL(w) (life[w] == RUNS && !lost[w])
/* A hanging worker has it, and nobody knows how far it is. */
#define IS_HELD(r)                                                             \
	((lease[r] == ASSIGNED || lease[r] == RESPONDING) &&                   \
	 life[at[r]] == HANGS && state[at[r]] != OFFERED)

#define AUDIT_REQUEST(r)                                                       \
	assert(wire_done[r] || IS_HELD(r) || !SOME_WORKER(IS_WELL));           \
	assert(!wire_done[r] || forgotten[r] || IS_HELD(r))
#define AUDIT_WORKER(w)                                                        \
	assert(life[w] != RUNS || busy[w] == 0);                               \
	assert(!IS_WELL(w) || listener_dead || holder[w] == 0)

proctype audit()
{
	timeout;
	atomic {
		if
		:: !listener_dead ->
			AUDIT_REQUEST(0);
#if REQUESTS == 2
			AUDIT_REQUEST(1);
#endif
			skip
		:: else -> skip
		fi;
		AUDIT_WORKER(0);
		AUDIT_WORKER(1);
#if WORKERS == 3
		AUDIT_WORKER(2);
#endif
		skip
	}
}

init {
	atomic {
#if REQUESTS == 1
		if
		:: safe[0] = true
		:: skip
		fi;
#else
		safe[0] = true;
#endif
		run worker(0);
		run worker(1);
#if WORKERS == 3
		run worker(2);
#endif
		run listener();
		run events();
		run audit()
	}
}
