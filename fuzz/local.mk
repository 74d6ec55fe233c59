# SPDX-License-Identifier: Apache-2.0
#
# Fuzz targets.  To add one called NAME:
#
#  - write fuzz/NAME_fuzz.c with LLVMFuzzerTestOneInput() (fuzz/fuzz.h);
#  - put a handful of inputs into fuzz/corpus/NAME/, named after what they are;
#  - add four lines to the fragment of the part it belongs to:
#
#	FUZZERS += fuzz/NAME_fuzz
#	fuzz_NAME_fuzz_SOURCES = fuzz/NAME_fuzz.c fuzz/replay_main.c
#	fuzz_NAME_fuzz_LDADD = core/http/libhttp.la $(BASE_LIBS)
#	fuzz_NAME_fuzz_LDFLAGS = $(FUZZ_FLAGS)
#
# A usual build links a plain main(): `make check` runs the target over its
# corpus, one TAP line per input.  `configure CC=clang --enable-fuzzing` links
# libFuzzer instead; `script/fuzz NAME [SECONDS]` does all of it.

check_PROGRAMS += $(FUZZERS)
FUZZ_FLAGS = $(AM_LDFLAGS) $(FUZZ_ENGINE)
if !FUZZING
TESTS += $(FUZZERS)
endif
EXTRA_DIST += fuzz/fuzz.h fuzz/corpus
