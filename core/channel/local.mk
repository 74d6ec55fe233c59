# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/channel/libchannel.la
core_channel_libchannel_la_SOURCES = \
	core/channel/block.c \
	core/channel/channel.c \
	core/channel/channel.h \
	core/channel/channel_loop.c \
	core/channel/channel_loop.h \
	core/channel/block_priv.h \
	core/channel/channel_priv.h \
	core/channel/check.c \
	core/channel/claim.c \
	core/channel/file.c \
	core/channel/limits.h \
	core/channel/message.c \
	core/channel/message.h \
	core/channel/region.c \
	core/channel/ring.c \
	core/channel/segment.c \
	core/channel/waker.c \
	core/channel/wire.h
EXTRA_DIST += core/channel/README.md

CHANNEL_LIBS = core/channel/libchannel.la

if HAVE_CMOCKA
CHANNEL_UNIT_LIBS = $(CHANNEL_LIBS) $(UNIT_LIBS) $(UV_LIBS)
UNIT_TESTS += \
	t/unit/channel/block-t \
	t/unit/channel/channel_loop-t \
	t/unit/channel/claim-t \
	t/unit/channel/file-t \
	t/unit/channel/region-t \
	t/unit/channel/ring-t \
	t/unit/channel/segment-t \
	t/unit/channel/trim-t \
	t/unit/channel/wakeup-t
t_unit_channel_block_t_SOURCES = t/unit/channel/block-t.c
t_unit_channel_block_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_channel_loop_t_SOURCES = t/unit/channel/channel_loop-t.c
t_unit_channel_channel_loop_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_claim_t_SOURCES = t/unit/channel/claim-t.c
t_unit_channel_claim_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_file_t_SOURCES = t/unit/channel/file-t.c
t_unit_channel_file_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_region_t_SOURCES = t/unit/channel/region-t.c
t_unit_channel_region_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_ring_t_SOURCES = t/unit/channel/ring-t.c
t_unit_channel_ring_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_segment_t_SOURCES = t/unit/channel/segment-t.c
t_unit_channel_segment_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_trim_t_SOURCES = t/unit/channel/trim-t.c
t_unit_channel_trim_t_LDADD = $(CHANNEL_UNIT_LIBS)
t_unit_channel_wakeup_t_SOURCES = t/unit/channel/wakeup-t.c
t_unit_channel_wakeup_t_LDADD = $(CHANNEL_UNIT_LIBS)
endif
EXTRA_DIST += t/unit/channel/pair.h

# Moves 12 million messages; PORTICO_STRESS_MESSAGES sets another number.
check_PROGRAMS += t/channel/channel-stress
TESTS += t/channel/channel-stress
t_channel_channel_stress_SOURCES = \
	t/channel/channel-stress.c \
	t/channel/stress.c \
	t/channel/stress.h \
	t/channel/stress_listener.c \
	t/channel/stress_mapping.c \
	t/channel/stress_worker.c
t_channel_channel_stress_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=mmap,--wrap=munmap
t_channel_channel_stress_LDADD = $(CHANNEL_LIBS) $(BASE_LIBS) $(UV_LIBS)

CHECKS += t/model/channel-model.sh
EXTRA_DIST += t/model/channel.pml t/model/channel_claim.pml

FUZZERS += fuzz/channel_fuzz
fuzz_channel_fuzz_SOURCES = fuzz/channel_fuzz.c fuzz/replay_main.c
fuzz_channel_fuzz_LDADD = $(CHANNEL_LIBS) $(BASE_LIBS) $(UV_LIBS)
fuzz_channel_fuzz_LDFLAGS = $(FUZZ_FLAGS)

check_PROGRAMS += bench/channel_bench
bench_channel_bench_SOURCES = bench/channel_bench.c
bench_channel_bench_LDADD = $(CHANNEL_LIBS) $(BASE_LIBS) $(UV_LIBS)
