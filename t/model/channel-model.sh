#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs the models of the channel's protocols through spin: each must be free of
# errors, and each deliberately broken variant must be found out; otherwise the
# proof would prove nothing.

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

# check MODEL EXPECTED NAME OPTIONS...: EXPECTED is "proved" or "refuted".
check()
{
	model=$1 expected=$2 name=$3
	shift 3
	number=$((number + 1))
	rm -f pan pan.* ./*.trail
	result=broken
	# $CC may be a command with options.
	if $SPIN "$@" -a "$srcdir/t/model/$model" >spin.log 2>&1 &&
		$CC -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=2048 -w -o pan pan.c \
			>>spin.log 2>&1 &&
		./pan -m200000 >pan.log 2>&1; then
		if grep -q 'errors: 0$' pan.log; then
			result=proved
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

plan=16
test -z "$PORTICO_MODEL_LONG" || plan=19
echo "1..$plan"
# The sizes are several words on purpose.
check channel.pml proved "wake-up, nearly no room" $(sizes 1 1 1 1)
check channel.pml proved "wake-up, full ring" $(sizes 2 0 1 2)
check channel.pml proved "wake-up, few blocks" $(sizes 3 0 2 1)
check channel.pml proved "wake-up, both ways" $(sizes 2 1 2 2)
if test -n "$PORTICO_MODEL_LONG"; then
	check channel.pml proved "wake-up, both ways, nearly no room" \
		$(sizes 2 1 1 1)
	check channel.pml proved "wake-up, both ways, few blocks" \
		$(sizes 2 1 2 1)
	check channel_claim.pml proved "claim, many offers" -DOFFERS=7
fi
check channel.pml refuted "wake-up without fences" -DBROKEN_NO_FENCE \
	$(sizes 1 1 1 1)
check channel.pml refuted "sleep without a second look" -DBROKEN_NO_RECHECK \
	$(sizes 1 1 1 1)
check channel.pml refuted "release that wakes no starving side" \
	-DBROKEN_STARVED $(sizes 2 1 2 1)
check channel.pml refuted "full ring of releases that wakes nobody" \
	-DBROKEN_OVERFLOW $(sizes 2 1 1 1)
check channel.pml refuted "sleeps that are not told apart" -DBROKEN_WOKEN \
	$(sizes 2 1 2 2)
check channel_claim.pml proved "claim" -DOFFERS=4
check channel_claim.pml proved "claim, more offers" -DOFFERS=5
check channel_claim.pml refuted "take without compare-and-swap" -DBROKEN_SWAP
check channel_claim.pml refuted "take of any generation" -DBROKEN_GENERATION
check channel_claim.pml refuted "start before it is said" -DBROKEN_STARTED
check channel_claim.pml refuted "start without compare-and-swap" -DBROKEN_START
check channel_claim.pml refuted "withdrawn without compare-and-swap" \
	-DBROKEN_WITHDRAW
exit $failed
