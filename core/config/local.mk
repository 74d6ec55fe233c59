# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/config/libconfig.la
core_config_libconfig_la_SOURCES = \
	core/config/config.h \
	core/config/config_priv.h \
	core/config/document.c \
	core/config/dump.c \
	core/config/nearest.c \
	core/config/parse.c \
	core/config/problems.c \
	core/config/schema.c \
	core/config/table.c \
	core/config/table.h \
	core/config/units.c \
	core/config/value.c

EXTRA_DIST += core/config/README.md

noinst_HEADERS += t/unit/config/sample.h
if HAVE_CMOCKA
UNIT_TESTS += t/unit/config/document-t
t_unit_config_document_t_SOURCES = t/unit/config/document-t.c
t_unit_config_document_t_LDADD = core/config/libconfig.la $(UNIT_LIBS) \
	$(JANSSON_LIBS)
UNIT_TESTS += t/unit/config/dump-t
t_unit_config_dump_t_SOURCES = t/unit/config/dump-t.c
t_unit_config_dump_t_LDADD = core/config/libconfig.la $(UNIT_LIBS) \
	$(JANSSON_LIBS)
UNIT_TESTS += t/unit/config/parse-t
t_unit_config_parse_t_SOURCES = t/unit/config/parse-t.c
t_unit_config_parse_t_LDADD = core/config/libconfig.la $(UNIT_LIBS) \
	$(JANSSON_LIBS)
UNIT_TESTS += t/unit/config/units-t
t_unit_config_units_t_SOURCES = t/unit/config/units-t.c
t_unit_config_units_t_LDADD = core/config/libconfig.la $(UNIT_LIBS) \
	$(JANSSON_LIBS)
endif

FUZZERS += fuzz/config_fuzz
fuzz_config_fuzz_SOURCES = fuzz/config_fuzz.c fuzz/replay_main.c
fuzz_config_fuzz_LDADD = $(CONFIG_LIBS)
fuzz_config_fuzz_LDFLAGS = $(FUZZ_FLAGS)

include core/config/settings.mk
