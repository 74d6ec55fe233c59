# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/channel/libchannel.la
core_channel_libchannel_la_SOURCES = \
	core/channel/block.c \
	core/channel/channel.c \
	core/channel/channel.h \
	core/channel/channel_loop.c \
	core/channel/channel_loop.h \
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
	core/channel/wire.h
EXTRA_DIST += core/channel/README.md
