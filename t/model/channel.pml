/* SPDX-License-Identifier: Apache-2.0
 *
 * The wake-up protocol of core/channel (README.md there, rules 20 to 27) as
 * ring.c has it: two sides, side s sends MESSAGES_s messages through a ring
 * of RING places, needs a block for each, gets blocks back by RELEASE, and
 * sleeps whenever it may.  While it sleeps something else may wake it, like a
 * client (not with NO_LATER): then it sends, but does not receive, and sleeps
 * on under the same word if that still says what it should.
 *
 * Stores go through a store buffer per side, which memory() empties at some
 * later moment: that is what the fences are for.  A store that a side makes is
 * private knowledge to it at once, as in the C code, which reads only the
 * other side's words from shared memory.
 *
 * Shown: no state is reached in which a side sleeps for ever while there is
 * something for it (an invalid end state); a side that is only ASLEEP is not
 * woken by RELEASE alone.
 *
 * Each of these makes the proof fail, and channel-model.sh sees that it does:
 *   BROKEN_NO_FENCE_0  no fence between store and load in the waker
 *   BROKEN_NO_FENCE_1  nor in the sleeper
 *   BROKEN_NO_RECHECK  sleep without looking again
 *   BROKEN_STARVED     RELEASE and consumption wake nobody
 *   BROKEN_OVERFLOW    a full ring of releases does not count as a message
 *   BROKEN_WOKEN       a sleep is not told from the one before
 */
#ifndef MESSAGES_0
#define MESSAGES_0 2
#endif
#ifndef MESSAGES_1
#define MESSAGES_1 1
#endif
#ifndef RING
#define RING 2
#endif
#ifndef BLOCKS
#define BLOCKS 1
#endif

#define AWAKE 0
#define ASLEEP 1
#define STARVED 2

#define MESSAGE 0
#define RELEASE 1

/* Words that a side can store. */
#define TAIL 0
#define HEAD 1
#define WORD 2

/* Shared memory; [side] is written by that side alone. */
byte tail[2];
byte head[2];
byte sleep_state[2];
byte sleep_count[2];
byte ring[2 * RING]; /* MESSAGE or RELEASE; made visible by tail */
bool pipe[2]; /* something is in the pipe that wakes the side */

/* Private to side s, and here only so that fresh() can see them. */
byte sleeps[2]; /* the number of the last sleep; 0 is no sleep */
byte woken[2]; /* the sleep of the other side that was ended last */
byte count[2]; /* the sleep of the other side as read just now */

chan stores_0 = [3] of { byte, byte, byte };
chan stores_1 = [3] of { byte, byte, byte };

inline store(word, value, second)
{
	if
	:: side == 0 -> stores_0!word, value, second
	:: side == 1 -> stores_1!word, value, second
	fi
}

/*
 * The next sleep's number.  In the C code it counts to 2^62; to keep the model
 * finite it is here the smallest that nobody remembers, which is as different
 * from all others.
 */
inline fresh()
{
	if
	:: 1 != sleeps[side] && 1 != woken[1 - side] && 1 != count[1 - side] ->
		sleeps[side] = 1
	:: else ->
		if
		:: 2 != sleeps[side] && 2 != woken[1 - side] &&
		   2 != count[1 - side] ->
			sleeps[side] = 2
		:: else ->
			if
			:: 3 != sleeps[side] && 3 != woken[1 - side] &&
			   3 != count[1 - side] ->
				sleeps[side] = 3
			:: else ->
				sleeps[side] = 4
			fi
		fi
	fi
}

inline fence(sleeper)
{
	if
#ifdef BROKEN_NO_FENCE_0
	:: sleeper == 0 -> skip
#endif
#ifdef BROKEN_NO_FENCE_1
	:: sleeper == 1 -> skip
#endif
	:: side == 0 -> empty(stores_0)
	:: side == 1 -> empty(stores_1)
	fi
}

/* The store buffer of a side reaches memory in order, some time. */
proctype memory(byte side; chan stores)
{
	byte word, value, second;

end:
	do
	:: atomic {
		stores?word, value, second;
		if
		:: word == TAIL -> tail[side] = value
		:: word == HEAD -> head[side] = value
		:: word == WORD ->
			sleep_state[side] = value;
			sleep_count[side] = second
		fi;
		word = 0;
		value = 0;
		second = 0
	   }
	od
}

/* An atomic block reads shared memory at most once and at its beginning; the
 * rest of it is private, so nothing is lost by taking it as one step. */
proctype side_run(byte side)
{
	byte my_tail, published, peer_head; /* of the ring that we write */
	byte my_head, noted, peer_tail; /* of the ring that we read */
	byte to_send = (side == 0 -> MESSAGES_0 : MESSAGES_1);
	byte to_get = (side == 0 -> MESSAGES_1 : MESSAGES_0);
	byte sent, got; /* messages */
	byte owed; /* releases that we owe */
	byte blocks = BLOCKS;
	byte state; /* of the other side, as read */
	byte armed; /* our sleep word's state */
	bool loud, wanted, overflow, more, later;

	do
	:: true ->
		/* channel_receive, until the ring is empty */
		atomic {
			peer_tail = tail[1 - side];
			do
			:: my_head != peer_tail ->
				if
				:: ring[(1 - side) * RING + my_head % RING] ==
				   MESSAGE ->
					got++;
					owed++
				:: else ->
					blocks++
				fi;
				/* Dead until it is written again: fewer states. */
				ring[(1 - side) * RING + my_head % RING] = 0;
				my_head++
			:: else -> break
			od;
			if
			:: my_head != noted -> store(HEAD, my_head, 0)
			:: else -> skip
			fi;
			peer_tail = 0
		}

sending:
		/* Releases first, then messages: as many as go; or fewer, and
		 * then no sleep; or fewer, and the rest comes up when the side
		 * sleeps.  A ring that looks full is looked at again, so the
		 * look may as well come first. */
		atomic {
			peer_head = head[1 - side];
			more = false;
			later = false;
			overflow = false;
			do
			:: owed > 0 && my_tail - peer_head < RING ->
				ring[side * RING + my_tail % RING] = RELEASE;
				owed--;
				my_tail++
			:: owed == 0 && sent < to_send && blocks > 0 &&
			   my_tail - peer_head < RING ->
				if
				:: ring[side * RING + my_tail % RING] = MESSAGE;
				   loud = true;
				   sent++;
				   blocks--;
				   my_tail++
				:: my_tail != published && armed == AWAKE ->
				   more = true;
				   break
#ifndef NO_LATER
				:: later = true;
				   break
#endif
				fi
			:: (owed > 0 || (sent < to_send && blocks > 0)) &&
			   my_tail - peer_head >= RING ->
				overflow = true;
				break
			:: owed == 0 && (sent == to_send || blocks == 0) ->
				break
			od;
			wanted = (sent < to_send && blocks == 0 && !later);
			if
			:: !overflow -> peer_head = 0
			:: else -> skip
			fi;

			/* channel_flush */
#ifndef BROKEN_OVERFLOW
			if
			:: overflow -> loud = true
			:: else -> skip
			fi;
#endif
			if
			:: my_tail != published -> store(TAIL, my_tail, 0)
			:: else -> skip
			fi
		}
		if
		:: my_tail != published || my_head != noted || loud ->
			fence(0);
			atomic {
				state = sleep_state[1 - side];
				count[side] = sleep_count[1 - side];
				published = my_tail;
				noted = my_head
			}
			if
#ifdef BROKEN_STARVED
			:: (state == ASLEEP || state == STARVED) && loud &&
#else
			:: (state == STARVED || (state == ASLEEP && loud)) &&
#endif
#ifdef BROKEN_WOKEN
			   woken[side] == 0 ->
#else
			   woken[side] != count[side] ->
#endif
				atomic {
					woken[side] = count[side];
					assert(state == STARVED || loud);
					pipe[1 - side] = true
				}
			:: else -> skip
			fi;
			atomic {
				state = 0;
				count[side] = 0;
				loud = false
			}
		:: else -> skip
		fi;
		if
		:: more -> goto turn
		:: else -> skip
		fi;

		/* channel_sleep */
		atomic {
			state = (wanted || overflow -> STARVED : ASLEEP);
			if
			:: armed == state ->
				/* Nothing has disarmed it since. */
				state = 0;
				goto poll
			:: else ->
				fresh();
				armed = state;
				state = 0;
				store(WORD, armed, sleeps[side])
			fi
		}
		fence(1);
#ifndef BROKEN_NO_RECHECK
		if
		:: my_head != tail[1 - side] ->
			goto awake
		:: else -> skip
		fi;
		if
		:: overflow && peer_head != head[1 - side] ->
			goto awake
		:: else -> skip
		fi;
#endif
poll:
		/* Whoever has done all may sleep on. */
		if
		:: sent == to_send && got == to_get && owed == 0 ->
end:			atomic {
				pipe[side] ->
				pipe[side] = false
			}
		:: else ->
			if
			:: atomic {
				pipe[side] ->
				pipe[side] = false
			   }
			:: later ->
				/* Something else than the pipe: this side sends
				 * without being awake. */
				goto sending
			fi
		fi;
awake:
		atomic {
			armed = AWAKE;
			store(WORD, AWAKE, sleeps[side])
		}
turn:
		skip
	od
}

init {
	atomic {
		run memory(0, stores_0);
		run memory(1, stores_1);
		run side_run(0);
		run side_run(1)
	}
}
