# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/control/libcontrol.la
core_control_libcontrol_la_SOURCES = \
	core/control/connection.c \
	core/control/connection.h \
	core/control/messages.c \
	core/control/messages.h \
	core/control/messages_pool.h \
	core/control/server.c \
	core/control/server.h \
	core/control/site_state.h \
	core/control/worker_remains.h

# What a program that speaks control messages links.
CONTROL_LIBS = core/control/libcontrol.la $(BASE_LIBS) \
	$(JANSSON_LIBS) $(UV_LIBS)

if HAVE_CMOCKA
UNIT_TESTS += t/unit/control/messages-t
t_unit_control_messages_t_SOURCES = t/unit/control/messages-t.c
t_unit_control_messages_t_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/control/connection-t
t_unit_control_connection_t_SOURCES = t/unit/control/connection-t.c
t_unit_control_connection_t_LDADD = $(CONTROL_LIBS) $(CMOCKA_LIBS)
endif

EXTRA_DIST += core/control/README.md
