# SPDX-License-Identifier: Apache-2.0

dist_man_MANS += \
	docs/man/portico.1 \
	docs/man/portico-listener.8 \
	docs/man/portico-worker.8 \
	docs/man/porticod.8

# From the tables that read the file.
noinst_PROGRAMS += docs/man/generate
docs_man_generate_SOURCES = docs/man/generate.c
docs_man_generate_LDADD = $(CONFIG_LIBS)

man_MANS += docs/man/portico.json.5
pkgdata_DATA += etc/portico.schema.json
CLEANFILES += docs/man/portico.json.5 etc/portico.schema.json

docs/man/portico.json.5: docs/man/generate$(EXEEXT)
	$(AM_V_GEN)docs/man/generate$(EXEEXT) manual >$@.new && mv $@.new $@

etc/portico.schema.json: docs/man/generate$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) etc && \
		docs/man/generate$(EXEEXT) schema >$@.new && mv $@.new $@
