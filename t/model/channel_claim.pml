/* SPDX-License-Identifier: Apache-2.0
 *
 * The claim protocol of core/channel (README.md there, rules 30 to 36): one
 * request that must not run twice, two workers that may die at any moment or
 * hang up and go on, a listener that revokes when it likes, gives up whom it has
 * lost and hands on what was not started.
 *
 * Each worker has one slot, used again under a new generation, and a ring from
 * which it takes old offers too.
 *
 * Shown: the request is started at most once; it is answered exactly once,
 * also when workers die; a stale offer is never taken.
 *
 * Each of these makes the proof fail, and channel-model.sh sees that it does:
 *   BROKEN_SWAP        take is a load and a store, no compare-and-swap
 *   BROKEN_GENERATION  take does not compare the generation
 *   BROKEN_STARTED     a worker starts before it says so
 *   BROKEN_START       start is a store, no compare-and-swap: a worker that has
 *                      hung up and lives runs what was withdrawn from it
 *   BROKEN_WITHDRAW    the listener believes that whoever has hung up is dead,
 *                      and hands on what was taken
 */
#define FREE 0
#define OFFERED 1
#define TAKEN 2
#define STARTED 3
#define REVOKED 4

#ifndef OFFERS
#define OFFERS 4
#endif

byte word_state[2];
byte word_generation[2];
bool alive[2] = true;
bool lost[2]; /* the listener has given it up; it may live */
bool over;

byte started; /* how often the first module was run */
byte answered; /* how often the client was answered */

chan ring_0 = [OFFERS] of { byte };
chan ring_1 = [OFFERS] of { byte };
chan ends_0 = [OFFERS] of { byte };
chan ends_1 = [OFFERS] of { byte };

proctype worker(byte w; chan ring; chan ends)
{
	byte generation;
	bool mine;

	{
end:
		do
		:: ring?generation ->
			mine = false;
#ifdef BROKEN_SWAP
			if
			:: word_state[w] == OFFERED &&
			   word_generation[w] == generation ->
				word_state[w] = TAKEN;
				mine = true
			:: else -> skip
			fi;
#else
			atomic {
				if
#ifdef BROKEN_GENERATION
				:: word_state[w] == OFFERED ->
#else
				:: (word_state[w] == OFFERED &&
				    word_generation[w] == generation) ->
#endif
					word_state[w] = TAKEN;
					mine = true
				:: else -> skip
				fi
			}
#endif
#ifdef BROKEN_STARTED
			if
			:: mine -> started++
			:: else -> skip
			fi;
#endif
#ifdef BROKEN_START
			if
			:: mine -> word_state[w] = STARTED
			:: else -> skip
			fi;
#else
			atomic {
				if
				:: mine && word_state[w] == TAKEN &&
				   word_generation[w] == generation ->
					word_state[w] = STARTED
				:: else -> mine = false
				fi
			}
#endif
			if
			:: mine ->
#ifndef BROKEN_STARTED
				started++;
#endif
				assert(started == 1);
				ends!generation
			:: else -> skip
			fi
		od
	} unless {
		!alive[w]
	}
}

/* A worker may die between any two of its steps, or live. */
proctype death(byte w)
{
	if
	:: alive[w] = false
	:: skip
	fi
}

proctype listener()
{
	byte w, generation, ended, offers;
	bool swapped;

again:
	/* Choose a worker that lives, if there is one. */
	if
	:: offers == OFFERS -> goto give_up
	:: offers < OFFERS && alive[0] && !lost[0] -> w = 0
	:: offers < OFFERS && alive[1] && !lost[1] -> w = 1
	:: else -> goto give_up
	fi;
	offers++;
	generation++;
	atomic {
		word_state[w] = OFFERED;
		word_generation[w] = generation
	}
	if
	:: w == 0 -> ring_0!generation
	:: w == 1 -> ring_1!generation
	fi;

	do
	:: w == 0 && ends_0?[ended] -> ends_0?ended; goto check
	:: w == 1 && ends_1?[ended] -> ends_1?ended; goto check
	:: offers < OFFERS ->
		/* no progress for some milliseconds: compare-and-swap */
		atomic {
			swapped = false;
			if
			:: word_state[w] == OFFERED &&
			   word_generation[w] == generation ->
				word_state[w] = REVOKED;
				swapped = true
			:: else -> skip
			fi
		}
		if
		:: swapped -> goto again
		:: else -> skip
		fi;
		/* it was too late; wait */
		if
		:: w == 0 && ends_0?[ended] -> ends_0?ended; goto check
		:: w == 1 && ends_1?[ended] -> ends_1?ended; goto check
		:: !alive[w] -> goto dead
		fi
	:: !alive[w] -> goto dead
	:: goto dead /* it has hung up, or was caught lying, and may live */
	od;

check:
	assert(ended == generation);
	answered++;
	goto out;

dead:
	lost[w] = true;
	/* What it had handed over counts first. */
	if
	:: w == 0 && ends_0?[ended] -> ends_0?ended; goto check
	:: w == 1 && ends_1?[ended] -> ends_1?ended; goto check
	:: else -> skip
	fi;
#ifdef BROKEN_WITHDRAW
	atomic {
		swapped = word_state[w] == OFFERED || word_state[w] == TAKEN;
		if
		:: word_state[w] == OFFERED -> word_state[w] = REVOKED
		:: else -> skip
		fi
	}
#else
	/* Two swaps in the worker's order. */
	atomic {
		swapped = false;
		if
		:: word_state[w] == OFFERED ->
			word_state[w] = REVOKED;
			swapped = true
		:: else -> skip
		fi
	}
	atomic {
		if
		:: word_state[w] == TAKEN ->
			word_state[w] = REVOKED;
			swapped = true
		:: else -> skip
		fi
	}
#endif
	if
	:: swapped -> goto again
	:: else -> answered++; goto out /* 502 */
	fi;

give_up:
	answered++; /* 503 */
out:
	assert(answered == 1);
	over = true
}

init {
	atomic {
		run worker(0, ring_0, ends_0);
		run worker(1, ring_1, ends_1);
		run death(0);
		run death(1);
		run listener()
	}
}
