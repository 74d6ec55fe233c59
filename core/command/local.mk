# SPDX-License-Identifier: Apache-2.0

bin_PROGRAMS += portico
portico_SOURCES = \
	core/command/client.c \
	core/command/client.h \
	core/command/events.c \
	core/command/events.h \
	core/command/installation.c \
	core/command/installation.h \
	core/command/main.c \
	core/command/module.c \
	core/command/module.h \
	core/command/module_new.c \
	core/command/module_run.c \
	core/command/sandbox.c \
	core/command/sandbox.h \
	core/command/options.c \
	core/command/options.h \
	core/command/show.c \
	core/command/single.c \
	core/command/show.h \
	core/command/show_listener.c \
	core/command/show_metrics.c \
	core/command/show_metrics.h \
	core/command/table.c \
	core/command/table.h \
	core/command/words.c \
	core/command/words.h \
	core/command/worker.c \
	core/command/worker.h
portico_LDADD = core/control/libcontrol.la $(CONFIG_LIBS) \
	$(UV_LIBS)

EXTRA_DIST += core/command/README.md
