# SPDX-License-Identifier: Apache-2.0
#
# The test kit: one archive for the unit tests of module authors.  Its objects
# are linked into one, in which only kit_* can be seen from outside, so that
# no name of ours meets one of theirs.  Each allocation of an arena is a
# malloc() of its own (PORTICO_POOL_DEBUG), for AddressSanitizer.

noinst_LTLIBRARIES += sdk/testkit/libtestkit.la
sdk_testkit_libtestkit_la_CPPFLAGS = $(AM_CPPFLAGS) -DPORTICO_POOL_DEBUG
sdk_testkit_libtestkit_la_SOURCES = \
	sdk/testkit/answer.c \
	sdk/testkit/area.h \
	sdk/testkit/async.c \
	sdk/testkit/background.c \
	sdk/testkit/body.c \
	sdk/testkit/change.c \
	sdk/testkit/child.c \
	sdk/testkit/cache.c \
	sdk/testkit/client.c \
	sdk/testkit/clock.c \
	sdk/testkit/clock.h \
	sdk/testkit/faults.c \
	sdk/testkit/file.c \
	sdk/testkit/file.h \
	sdk/testkit/global.c \
	sdk/testkit/guard.c \
	sdk/testkit/guard.h \
	sdk/testkit/host.c \
	sdk/testkit/kit.c \
	sdk/testkit/kit_priv.h \
	sdk/testkit/look.c \
	sdk/testkit/metric.c \
	sdk/testkit/out.c \
	sdk/testkit/process.c \
	sdk/testkit/request.c \
	sdk/testkit/resolve.c \
	sdk/testkit/run.c \
	sdk/testkit/stand_in.c \
	sdk/testkit/shared.c \
	sdk/testkit/token.c \
	sdk/testkit/trailer.c \
	sdk/testkit/tunnel.c \
	sdk/testkit/tunnel.h \
	core/base/arena.c \
	core/worker/application.c \
	core/worker/cache_policy.c \
	core/worker/calls.c \
	core/worker/child_head.c \
	core/worker/fields.c \
	core/worker/file.c \
	core/worker/globals.c \
	core/worker/host_abort.c \
	core/worker/host_event.c \
	core/worker/host_form.c \
	core/worker/host_identity.c \
	core/worker/host_parameters.c \
	core/worker/host_regex.c \
	core/worker/host_request.c \
	core/worker/host_resolve.c \
	core/worker/host_response.c \
	core/worker/host_trailer.c \
	core/worker/host_variable.c \
	core/worker/host_worker.c \
	core/worker/parameters.c \
	core/worker/response.c \
	core/worker/response_error.c \
	core/worker/response_filter.c \
	core/worker/response_front.c \
	core/worker/response_trailer.c \
	core/worker/rewrite.c \
	core/worker/tunnel.c \
	core/worker/worker.c

TESTKIT_PARTS = core/worker/libmodule.la core/http/libhttp.la \
	core/config/libconfig.la core/base/libbase.la
testkitdir = $(libdir)
testkit_DATA = sdk/testkit/libportico-testkit.a
pkgconfig_DATA += sdk/portico-testkit.pc

# Where libtool has put the archives of these.
sdk/testkit/libportico-testkit.a: sdk/testkit/libtestkit.la $(TESTKIT_PARTS)
	$(AM_V_GEN)rm -f $@ $@.o; \
	$(CC) -r -nostdlib -o $@.o \
		-Wl,--whole-archive sdk/testkit/.libs/libtestkit.a \
		-Wl,--no-whole-archive core/worker/.libs/libmodule.a \
		core/http/.libs/libhttp.a core/config/.libs/libconfig.a \
		core/base/.libs/libbase.a && \
	$(OBJCOPY) --wildcard --keep-global-symbol='kit_*' $@.o && \
	$(AR) rc $@ $@.o && rm -f $@.o

CLEANFILES += sdk/testkit/libportico-testkit.a

# What a test in this tree links.
KIT_LIBS = sdk/testkit/libportico-testkit.a $(TESTKIT_LIBS)

noinst_HEADERS += t/unit/sdk/puppet.h
if HAVE_CMOCKA
UNIT_TESTS += t/unit/sdk/misuse-t
t_unit_sdk_misuse_t_SOURCES = t/unit/sdk/misuse-t.c
t_unit_sdk_misuse_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit-t
t_unit_sdk_testkit_t_SOURCES = t/unit/sdk/testkit-t.c
t_unit_sdk_testkit_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_areas-t
t_unit_sdk_testkit_areas_t_SOURCES = t/unit/sdk/testkit_areas-t.c
t_unit_sdk_testkit_areas_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_background-t
t_unit_sdk_testkit_background_t_SOURCES = t/unit/sdk/testkit_background-t.c
t_unit_sdk_testkit_background_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_change-t
t_unit_sdk_testkit_change_t_SOURCES = t/unit/sdk/testkit_change-t.c
t_unit_sdk_testkit_change_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_child-t
t_unit_sdk_testkit_child_t_SOURCES = t/unit/sdk/testkit_child-t.c
t_unit_sdk_testkit_child_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_client-t
t_unit_sdk_testkit_client_t_SOURCES = t/unit/sdk/testkit_client-t.c
t_unit_sdk_testkit_client_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_global-t
t_unit_sdk_testkit_global_t_SOURCES = t/unit/sdk/testkit_global-t.c
t_unit_sdk_testkit_global_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_metric-t
t_unit_sdk_testkit_metric_t_SOURCES = t/unit/sdk/testkit_metric-t.c
t_unit_sdk_testkit_metric_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_tunnel-t
t_unit_sdk_testkit_tunnel_t_SOURCES = t/unit/sdk/testkit_tunnel-t.c
t_unit_sdk_testkit_tunnel_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_process-t
t_unit_sdk_testkit_process_t_SOURCES = t/unit/sdk/testkit_process-t.c
t_unit_sdk_testkit_process_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_resolve-t
t_unit_sdk_testkit_resolve_t_SOURCES = t/unit/sdk/testkit_resolve-t.c
t_unit_sdk_testkit_resolve_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/sdk/testkit_world-t
t_unit_sdk_testkit_world_t_SOURCES = t/unit/sdk/testkit_world-t.c
t_unit_sdk_testkit_world_t_LDADD = $(KIT_LIBS) $(CMOCKA_LIBS)
endif
