# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/control/libcontrol.la
core_control_libcontrol_la_SOURCES = \
	core/control/connection.c \
	core/control/connection.h \
	core/control/messages.c \
	core/control/messages.h

# What a program that speaks control messages links.
CONTROL_LIBS = core/control/libcontrol.la $(BASE_LIBS) \
	$(JANSSON_LIBS) $(UV_LIBS)
