# SPDX-License-Identifier: Apache-2.0

PART_FLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-export-symbols-regex '^single_part_run$$'

single_LTLIBRARIES += \
	core/single/single-listener.la \
	core/single/single-worker.la
core_single_single_listener_la_SOURCES = \
	core/single/listener.c \
	core/single/part.h
core_single_single_listener_la_LIBADD = $(LISTENER_LIBS)
core_single_single_listener_la_LDFLAGS = $(PART_FLAGS)
core_single_single_worker_la_SOURCES = \
	core/single/part.h \
	core/single/worker.c
core_single_single_worker_la_LIBADD = $(WORKER_LIBS)
core_single_single_worker_la_LDFLAGS = $(PART_FLAGS)

pkglibexec_PROGRAMS += portico-single
portico_single_SOURCES = \
	core/single/host.c \
	core/single/host.h \
	core/single/main.c \
	core/single/part.h \
	core/single/relay.c \
	core/single/relay.h
portico_single_LDADD = $(BASE_LIBS)

EXTRA_DIST += core/single/README.md
