# SPDX-License-Identifier: Apache-2.0

module_LTLIBRARIES += modules/static/static.la
modules_static_static_la_SOURCES = \
	modules/static/static_priv.h \
	modules/static/static.c \
	modules/static/content_type.c \
	modules/static/entry_cache.c \
	modules/static/lookup.c \
	modules/static/page_cache.c \
	modules/static/precondition.c \
	modules/static/range.c \
	modules/static/transfer.c \
	modules/static/watch.c
modules_static_static_la_LDFLAGS = $(MODULE_FLAGS)

if HAVE_CMOCKA
UNIT_TESTS += t/unit/modules/static-t
t_unit_modules_static_t_SOURCES = \
	t/unit/modules/static-t.c \
	modules/static/content_type.c \
	modules/static/entry_cache.c \
	modules/static/page_cache.c \
	modules/static/precondition.c \
	modules/static/range.c
# Objects of its own: the module's are made by libtool.
t_unit_modules_static_t_CPPFLAGS = $(AM_CPPFLAGS)
t_unit_modules_static_t_LDADD = $(UNIT_LIBS)
endif

EXTRA_DIST += modules/README.md modules/static/README.md

check_PROGRAMS += t/modules/page-cache
t_modules_page_cache_SOURCES = t/modules/page_cache.c

SYSTEM_TESTS += t/modules/cold-file.t
SYSTEM_TESTS += t/modules/crawl.t
SYSTEM_TESTS += t/modules/static.t
SYSTEM_TESTS += t/modules/static-cache.t
