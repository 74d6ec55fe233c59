#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the models of the channel's protocols through spin: each must be free of
# errors, and each deliberately broken variant must be found out; otherwise the
# proof would prove nothing.  Then looks for the fences that the models take for
# granted.
#
# PORTICO_MODEL_LONG=1 takes larger sizes as well: ten minutes and 2 GB.

SPIN=${SPIN:-spin}
CC=${CC:-cc}
srcdir=${PORTICO_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}

if test "$SPIN" = no || ! command -v "$SPIN" >/dev/null 2>&1; then
	echo "1..0 # SKIP spin is not installed"
	exit 0
fi

folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
trap 'exit 99' HUP INT TERM
cd "$folder" || exit 99
number=0
failed=0

# check MODEL EXPECTED NAME OPTIONS...: EXPECTED is "proved", "refuted", or
# "finite": no run of it is endless.
check()
{
	model=$1 expected=$2 name=$3
	shift 3
	number=$((number + 1))
	rm -f pan pan.* ./*.trail
	result=broken
	# Compiling costs more than it saves where little is to be run.
	how="-O1 -DSAFETY" search=
	case $expected in
	refuted) how="-O0 -DSAFETY" ;;
	finite) how="-O1 -DNP" search=-l ;;
	esac
	# $CC may be a command with options, $how is several words.
	if $SPIN "$@" -a "$srcdir/t/model/$model" >spin.log 2>&1 &&
		$CC $how -DCOLLAPSE -DMEMLIM=4096 -w -o pan pan.c \
			>>spin.log 2>&1 &&
		./pan $search -m1000000 >pan.log 2>&1; then
		if grep -q 'errors: 0$' pan.log; then
			result=proved
			test -z "$search" || result=finite
		elif grep -q 'errors: [1-9]' pan.log; then
			result=refuted
		fi
		if grep -q 'max search depth too small\|reached -DMEMLIM' \
			pan.log; then
			result=incomplete
		fi
	fi
	if test "$result" = "$expected"; then
		states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' \
			pan.log)
		echo "ok $number - $name: $result ($states states)"
	else
		failed=1
		echo "not ok $number - $name: $result, not $expected"
		cat spin.log pan.log 2>/dev/null | sed 's/^/# /'
	fi
}

# Sizes of the wake-up model: messages of side 0 and 1, ring, blocks.
sizes()
{
	echo "-DMESSAGES_0=$1 -DMESSAGES_1=$2 -DRING=$3 -DBLOCKS=$4"
}

# Sizes of the claim model: workers, requests, things that go wrong.
claims()
{
	echo "-DWORKERS=$1 -DREQUESTS=$2 -DEVENTS=$3"
}

# in_order NAME FILE FUNCTION PATTERN...: whether the body of the function has
# lines with these patterns one after the other.
in_order()
{
	name=$1 file=$2 function=$3
	shift 3
	number=$((number + 1))
	if sed -n "/^$function(/,/^}/p" "$srcdir/$file" |
		awk 'BEGIN {
			for (i = 1; i < ARGC; i++)
				pattern[i] = ARGV[i]
			count = ARGC - 1
			ARGC = 1
			next_one = 1
		}
		next_one <= count && index($0, pattern[next_one]) {
			next_one++
		}
		END { exit next_one <= count }' "$@"; then
		echo "ok $number - $name"
	else
		failed=1
		echo "not ok $number - $name"
		echo "# $file: $function() does not have, in this order: $*"
	fi
}

# The sizes are several words on purpose.
check channel.pml proved "wake-up, nearly no room" $(sizes 1 1 1 1)
check channel.pml proved "wake-up, full ring" $(sizes 2 0 1 2)
check channel.pml proved "wake-up, few blocks" $(sizes 2 0 2 1)
check channel.pml proved "wake-up, both ways" $(sizes 2 1 2 2) -DNO_LATER
check channel.pml refuted "wake-up without the waker's fence" \
	-DBROKEN_NO_FENCE_0 $(sizes 1 1 2 1)
check channel.pml refuted "wake-up without the sleeper's fence" \
	-DBROKEN_NO_FENCE_1 $(sizes 1 1 2 1)
check channel.pml refuted "sleep without a second look" -DBROKEN_NO_RECHECK \
	$(sizes 1 1 1 1)
check channel.pml refuted "release that wakes no starving side" \
	-DBROKEN_STARVED $(sizes 2 1 2 1)
check channel.pml refuted "full ring of releases that wakes nobody" \
	-DBROKEN_OVERFLOW $(sizes 2 1 1 1)
check channel.pml refuted "sleeps that are not told apart" -DBROKEN_WOKEN \
	$(sizes 2 1 2 2)

check channel_claim.pml proved "claim, one request, three faults" \
	$(claims 2 1 3)
check channel_claim.pml proved "claim, two requests, two faults" \
	$(claims 2 2 2) -DSHORT_ANSWERS
check channel_claim.pml proved "claim, a listener that may die" \
	$(claims 2 1 2) -DLISTENER_DIES -DSHORT_ANSWERS
check channel_claim.pml finite "claim" $(claims 2 1 1)
check channel_claim.pml refuted "take without compare-and-swap" \
	-DBROKEN_TAKE $(claims 2 1 1)
check channel_claim.pml refuted "revocation without compare-and-swap" \
	-DBROKEN_REVOKE $(claims 2 1 1)
check channel_claim.pml refuted "start without compare-and-swap" \
	-DBROKEN_START $(claims 2 1 1)
check channel_claim.pml refuted "take of any generation" \
	-DBROKEN_GENERATION $(claims 2 1 2)
check channel_claim.pml refuted "module that runs before STARTED" \
	-DBROKEN_STARTED $(claims 2 1 1)
check channel_claim.pml refuted "slot that is free before END" \
	-DBROKEN_REUSE $(claims 2 2 1)
check channel_claim.pml refuted "second run of what is not safe" \
	-DBROKEN_METHOD $(claims 2 1 1)
check channel_claim.pml refuted "third run" -DBROKEN_REPLAYED \
	$(claims 3 1 2) -DSHORT_ANSWERS
check channel_claim.pml refuted "second run though bytes have left" \
	-DBROKEN_SENT $(claims 2 1 1)
check channel_claim.pml refuted "dead worker's answer that is not looked for" \
	-DBROKEN_DRAIN $(claims 2 1 1)
check channel_claim.pml refuted "slot freed by ABORT that nobody is given" \
	-DBROKEN_PUMP $(claims 2 2 2)
check channel_claim.pml refuted "offer that stays with a hanging worker" \
	-DBROKEN_STUCK $(claims 2 1 1)
check channel_claim.pml refuted "request forgotten with its client" \
	-DBROKEN_LEASE $(claims 2 1 1)

ring=core/channel/ring.c
in_order "the waker stores, fences, looks" $ring channel_flush \
	'&channel->out->producer.tail' 'memory_order_release' 'wake_if_asleep('
in_order "the waker's fence is there" $ring wake_if_asleep \
	'atomic_thread_fence(memory_order_seq_cst)' 'in->consumer.sleeping'
in_order "the sleeper stores, fences, looks" $ring channel_sleep \
	'sleep_word_store(channel, state)' \
	'atomic_thread_fence(memory_order_seq_cst)' 'look_again('

if test -n "$PORTICO_MODEL_LONG"; then
	check channel.pml proved "wake-up, few blocks, more messages" \
		$(sizes 3 0 2 1)
	check channel.pml proved "wake-up, both ways, and later" \
		$(sizes 2 1 2 2)
	check channel.pml proved "wake-up, both ways, nearly no room" \
		$(sizes 2 1 1 1)
	check channel.pml proved "wake-up, both ways, few blocks" \
		$(sizes 2 1 2 1)
	check channel_claim.pml proved "claim, one request, four faults" \
		$(claims 2 1 4)
	check channel_claim.pml proved "claim, two requests, long answers" \
		$(claims 2 2 2) -DLISTENER_DIES
	check channel_claim.pml proved "claim, two requests, three faults" \
		$(claims 2 2 3) -DSHORT_ANSWERS
	check channel_claim.pml proved "claim, three workers" $(claims 3 1 3)
	check channel_claim.pml finite "claim, two requests" $(claims 2 2 1)
fi
echo "1..$number"
exit $failed
