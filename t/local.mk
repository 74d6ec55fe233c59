# SPDX-License-Identifier: Apache-2.0
#
# How tests run: automake's TAP driver for all of them.  A part lists its own
# tests in its own fragment (core/<part>/local.mk, modules/local.mk):
#
#   C unit test (cmocka; a program without extension, mirrors core/):
#
#	if HAVE_CMOCKA
#	UNIT_TESTS += t/unit/http/url-t
#	t_unit_http_url_t_SOURCES = t/unit/http/url-t.c
#	t_unit_http_url_t_LDADD = core/http/libhttp.la $(UNIT_LIBS)
#	endif
#
#   main() calls cmocka_set_message_output(CM_OUTPUT_TAP) before it runs its
#   group.  cmocka's skip() counts as failed: leave a test out of the array
#   with #ifdef instead.  UNIT_LIBS is core/base and cmocka; libraries above go before it.
#
#   System test (Perl Test::More, core modules and t/lib only):
#
#	SYSTEM_TESTS += t/listener/keep_alive.t
#
#   A check script (TAP on stdout, POSIX sh):
#
#	CHECKS += script/checks/banned.sh
#
# Tests find the trees in PORTICO_SRCDIR and PORTICO_BUILDDIR (absolute), and
# in PORTICO_SANITIZED (yes or no) whether times mean anything.

TEST_EXTENSIONS = .t .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
T_LOG_DRIVER = $(LOG_DRIVER)
SH_LOG_DRIVER = $(LOG_DRIVER)
T_LOG_COMPILER = $(PERL)
AM_T_LOG_FLAGS = -I$(top_srcdir)/t/lib
SH_LOG_COMPILER = $(SHELL)

AM_TESTS_ENVIRONMENT = \
	PORTICO_SRCDIR='$(abs_top_srcdir)'; export PORTICO_SRCDIR; \
	PORTICO_BUILDDIR='$(abs_top_builddir)'; export PORTICO_BUILDDIR; \
	PORTICO_SANITIZED='$(SANITIZED)'; export PORTICO_SANITIZED; \
	CLANG_FORMAT='$(CLANG_FORMAT)'; export CLANG_FORMAT; \
	SPIN='$(SPIN)'; export SPIN; \
	CC='$(CC)'; export CC; \
	CXX='$(CXX_CHECK)'; export CXX;

UNIT_LIBS = $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS) $(CHECKS) $(SYSTEM_TESTS)
dist_check_SCRIPTS += $(CHECKS)
EXTRA_DIST += $(SYSTEM_TESTS)

EXTRA_DIST += build-aux/tap-driver.sh
# Of the machine of script/vm.
EXTRA_DIST += t/vm/unit.t

include t/system.mk
include t/load/local.mk
noinst_HEADERS += t/unit/descriptors.h t/unit/lingering.h t/unit/stuck.h t/unit/unit.h
