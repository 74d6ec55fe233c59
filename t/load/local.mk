# SPDX-License-Identifier: Apache-2.0
#
# Load: a client that checks every byte, the module that answers it, and the
# tests of what must hold while both are at work.

check_PROGRAMS += t/load/load-client
t_load_load_client_SOURCES = \
	t/load/answer.c \
	t/load/client.h \
	t/load/exchange.c \
	t/load/load-client.c \
	t/load/options.c \
	t/load/pattern.h \
	t/load/tally.c
t_load_load_client_LDADD = $(BASE_LIBS)

check_LTLIBRARIES += t/load/load.la
t_load_load_la_SOURCES = t/load/load.c t/load/pattern.h
t_load_load_la_LDFLAGS = $(TEST_MODULE_FLAGS)

EXTRA_DIST += t/lib/Portico/Load.pm
SYSTEM_TESTS += \
	t/load/faults.t \
	t/load/listeners.t \
	t/load/reloads.t \
	t/load/slow-readers.t \
	t/load/torture.t
