# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/base/libbase.la
core_base_libbase_la_SOURCES = \
	core/base/arena.c \
	core/base/arena.h \
	core/base/buffer.c \
	core/base/buffer.h \
	core/base/check.c \
	core/base/check.h \
	core/base/clock.c \
	core/base/clock.h \
	core/base/error.c \
	core/base/error.h \
	core/base/hash.c \
	core/base/hash.h \
	core/base/io.c \
	core/base/io.h \
	core/base/io_foreign.c \
	core/base/io_message.c \
	core/base/list.h \
	core/base/log.c \
	core/base/log.h \
	core/base/memory.c \
	core/base/memory.h \
	core/base/queue.c \
	core/base/queue.h \
	core/base/slice.c \
	core/base/slice.h

# Apart, so that only who enters one is linked with libseccomp.
noinst_LTLIBRARIES += core/base/libsandbox.la
core_base_libsandbox_la_SOURCES = \
	core/base/sandbox.c \
	core/base/sandbox.h
core_base_libsandbox_la_LIBADD = $(SECCOMP_LIBS)

EXTRA_DIST += core/base/README.md

if HAVE_CMOCKA
UNIT_TESTS += t/unit/base/arena-t
t_unit_base_arena_t_SOURCES = t/unit/base/arena-t.c
t_unit_base_arena_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/buffer-t
t_unit_base_buffer_t_SOURCES = t/unit/base/buffer-t.c
t_unit_base_buffer_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/check-t
t_unit_base_check_t_SOURCES = t/unit/base/check-t.c
t_unit_base_check_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/error-t
t_unit_base_error_t_SOURCES = t/unit/base/error-t.c
t_unit_base_error_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/hash-t
t_unit_base_hash_t_SOURCES = t/unit/base/hash-t.c
t_unit_base_hash_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/io-t
t_unit_base_io_t_SOURCES = t/unit/base/io-t.c
t_unit_base_io_t_LDADD = $(UNIT_LIBS)
t_unit_base_io_t_LDFLAGS = -Wl,--wrap=io_descriptors_free
UNIT_TESTS += t/unit/base/list-t
t_unit_base_list_t_SOURCES = t/unit/base/list-t.c
t_unit_base_list_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/log-t
t_unit_base_log_t_SOURCES = t/unit/base/log-t.c
t_unit_base_log_t_LDADD = $(UNIT_LIBS)
t_unit_base_log_t_LDFLAGS = -Wl,--wrap=poll
UNIT_TESTS += t/unit/base/queue-t
t_unit_base_queue_t_SOURCES = t/unit/base/queue-t.c
t_unit_base_queue_t_LDADD = $(UNIT_LIBS)
UNIT_TESTS += t/unit/base/slice-t
t_unit_base_slice_t_SOURCES = t/unit/base/slice-t.c
t_unit_base_slice_t_LDADD = $(UNIT_LIBS)
endif
