# SPDX-License-Identifier: Apache-2.0
#
# What a module author gets: headers, portico.pc, examples.  The examples are
# built here too (not installed), so that they stay correct and tests can load
# them; their own Makefiles need nothing of this tree.

porticoincludedir = $(includedir)/portico
porticoinclude_HEADERS = \
	sdk/include/portico/abort.h \
	sdk/include/portico/async.h \
	sdk/include/portico/child.h \
	sdk/include/portico/background.h \
	sdk/include/portico/cache.h \
	sdk/include/portico/client.h \
	sdk/include/portico/client_call.h \
	sdk/include/portico/cookie.h \
	sdk/include/portico/event.h \
	sdk/include/portico/cpp_base.hpp \
	sdk/include/portico/cpp_child.hpp \
	sdk/include/portico/cpp_client.hpp \
	sdk/include/portico/cpp_metric.hpp \
	sdk/include/portico/cpp_module.hpp \
	sdk/include/portico/cpp_request.hpp \
	sdk/include/portico/cpp_shared.hpp \
	sdk/include/portico/cpp_timer.hpp \
	sdk/include/portico/cpp_tunnel.hpp \
	sdk/include/portico/cpp_worker.hpp \
	sdk/include/portico/directive.h \
	sdk/include/portico/file.h \
	sdk/include/portico/filter.h \
	sdk/include/portico/form.h \
	sdk/include/portico/host.h \
	sdk/include/portico/log.h \
	sdk/include/portico/module.h \
	sdk/include/portico/portico.h \
	sdk/include/portico/portico.hpp \
	sdk/include/portico/process.h \
	sdk/include/portico/query.h \
	sdk/include/portico/request.h \
	sdk/include/portico/resolve.h \
	sdk/include/portico/response.h \
	sdk/include/portico/rewrite.h \
	sdk/include/portico/trailer.h \
	sdk/include/portico/shared.h \
	sdk/include/portico/testkit.h \
	sdk/include/portico/testkit_abort.h \
	sdk/include/portico/testkit_background.h \
	sdk/include/portico/testkit_change.h \
	sdk/include/portico/testkit_child.h \
	sdk/include/portico/testkit_cache.h \
	sdk/include/portico/testkit_client.h \
	sdk/include/portico/testkit_global.h \
	sdk/include/portico/testkit_metric.h \
	sdk/include/portico/testkit_trailer.h \
	sdk/include/portico/testkit_tunnel.h \
	sdk/include/portico/testkit_process.h \
	sdk/include/portico/testkit_resolve.h \
	sdk/include/portico/global.h \
	sdk/include/portico/metric.h \
	sdk/include/portico/change.h \
	sdk/include/portico/regex.h \
	sdk/include/portico/tunnel.h \
	sdk/include/portico/types.h \
	sdk/include/portico/variable.h \
	sdk/include/portico/worker.h

pkgconfig_DATA += sdk/portico.pc

include sdk/testkit/local.mk

# What `portico module new` copies.
templatedir = $(pkgdatadir)/template
dist_template_DATA = \
	sdk/template/Makefile \
	sdk/template/README.md \
	sdk/template/gitignore \
	sdk/template/module.c \
	sdk/template/test.c
dist_template_SCRIPTS = sdk/template/check
templatewwwdir = $(templatedir)/www
dist_templatewww_DATA = sdk/template/www/index.html

# -rpath makes libtool build a real .so although nothing is installed.
EXAMPLE_FLAGS = $(MODULE_FLAGS) -rpath /nowhere
EXAMPLE_CPPFLAGS = -I$(top_srcdir)/sdk/include

noinst_LTLIBRARIES += \
	sdk/examples/api-key/api-key.la \
	sdk/examples/hello/hello.la \
	sdk/examples/html-snippet/html-snippet.la \
	sdk/examples/chat/chat.la \
	sdk/examples/echo/echo.la
sdk_examples_api_key_api_key_la_SOURCES = sdk/examples/api-key/api-key.c
sdk_examples_api_key_api_key_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
sdk_examples_api_key_api_key_la_LDFLAGS = $(EXAMPLE_FLAGS)
sdk_examples_hello_hello_la_SOURCES = sdk/examples/hello/hello.c
sdk_examples_hello_hello_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
sdk_examples_hello_hello_la_LDFLAGS = $(EXAMPLE_FLAGS)
sdk_examples_html_snippet_html_snippet_la_SOURCES = \
	sdk/examples/html-snippet/html-snippet.c
sdk_examples_html_snippet_html_snippet_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
sdk_examples_html_snippet_html_snippet_la_LDFLAGS = $(EXAMPLE_FLAGS)
sdk_examples_chat_chat_la_SOURCES = \
	sdk/examples/chat/chat.c \
	sdk/examples/chat/websocket.c \
	sdk/examples/chat/websocket.h
sdk_examples_chat_chat_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
sdk_examples_chat_chat_la_LDFLAGS = $(EXAMPLE_FLAGS)
sdk_examples_echo_echo_la_SOURCES = sdk/examples/echo/echo.c
sdk_examples_echo_echo_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
sdk_examples_echo_echo_la_LDFLAGS = $(EXAMPLE_FLAGS)

# Their tests, with the test kit; own Makefiles run them, too.
UNIT_TESTS += \
	sdk/examples/api-key/api-key-test \
	sdk/examples/chat/chat-test \
	sdk/examples/chat/frames-test \
	sdk/examples/echo/echo-test \
	sdk/examples/hello/hello-test \
	sdk/examples/html-snippet/html-snippet-test
sdk_examples_api_key_api_key_test_SOURCES = \
	sdk/examples/api-key/api-key.c sdk/examples/api-key/test.c
sdk_examples_api_key_api_key_test_LDADD = $(KIT_LIBS)
sdk_examples_chat_chat_test_SOURCES = \
	sdk/examples/chat/chat.c \
	sdk/examples/chat/test.c \
	sdk/examples/chat/websocket.c \
	sdk/examples/chat/websocket.h
sdk_examples_chat_chat_test_LDADD = $(KIT_LIBS)
sdk_examples_chat_frames_test_SOURCES = \
	sdk/examples/chat/test_frames.c \
	sdk/examples/chat/websocket.c \
	sdk/examples/chat/websocket.h
sdk_examples_chat_frames_test_LDADD =
sdk_examples_echo_echo_test_SOURCES = \
	sdk/examples/echo/echo.c sdk/examples/echo/test.c
sdk_examples_echo_echo_test_LDADD = $(KIT_LIBS)
sdk_examples_hello_hello_test_SOURCES = \
	sdk/examples/hello/hello.c sdk/examples/hello/test.c
sdk_examples_hello_hello_test_LDADD = $(KIT_LIBS)
sdk_examples_html_snippet_html_snippet_test_SOURCES = \
	sdk/examples/html-snippet/html-snippet.c \
	sdk/examples/html-snippet/test.c
sdk_examples_html_snippet_html_snippet_test_LDADD = $(KIT_LIBS)

FUZZERS += fuzz/websocket_fuzz
fuzz_websocket_fuzz_SOURCES = \
	fuzz/websocket_fuzz.c fuzz/replay_main.c \
	sdk/examples/chat/websocket.c sdk/examples/chat/websocket.h
fuzz_websocket_fuzz_LDADD = $(BASE_LIBS)
fuzz_websocket_fuzz_LDFLAGS = $(FUZZ_FLAGS)

EXTRA_DIST += \
	sdk/examples/html-snippet/Makefile \
	sdk/examples/html-snippet/README.md \
	sdk/README.md \
	sdk/testkit/README.md \
	sdk/abi/portico-1.abi \
	t/sdk/golden/README.md \
	t/sdk/golden/api-key-1.0.so \
	t/sdk/golden/chat-1.0.so \
	t/sdk/golden/echo-1.0.so \
	t/sdk/golden/hello-1.0.so \
	t/sdk/golden/html-snippet-1.0.so \
	sdk/examples/api-key/Makefile \
	sdk/examples/api-key/README.md \
	sdk/examples/hello/Makefile \
	sdk/examples/hello/README.md \
	sdk/examples/chat/Makefile \
	sdk/examples/chat/README.md \
	sdk/examples/echo/Makefile \
	sdk/examples/echo/README.md \
	sdk/examples/greeting-cpp/Makefile \
	sdk/examples/greeting-cpp/README.md \
	sdk/examples/greeting-cpp/exports.map \
	sdk/examples/greeting-cpp/greeting-cpp.cc \
	sdk/examples/greeting-cpp/test.cc \
	t/sdk/modules/wrapped-areas.cc \
	t/sdk/modules/wrappers.cc

# The reference is made from the headers' comments.
sdkdoc_DATA = docs/sdk/reference.md
CLEANFILES += docs/sdk/reference.md
docs/sdk/reference.md: script/reference $(porticoinclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) docs/sdk && $(PERL) \
		$(top_srcdir)/script/reference \
		--include $(top_srcdir)/sdk/include --output $@

# Where the documents say, below theirs.
exampledir = $(docdir)
nobase_dist_example_DATA = \
	sdk/examples/api-key/Makefile \
	sdk/examples/api-key/README.md \
	sdk/examples/api-key/api-key.c \
	sdk/examples/api-key/test.c \
	sdk/examples/chat/Makefile \
	sdk/examples/chat/README.md \
	sdk/examples/chat/chat.c \
	sdk/examples/chat/test.c \
	sdk/examples/chat/test_frames.c \
	sdk/examples/chat/websocket.c \
	sdk/examples/chat/websocket.h \
	sdk/examples/echo/Makefile \
	sdk/examples/echo/README.md \
	sdk/examples/echo/echo.c \
	sdk/examples/echo/test.c \
	sdk/examples/greeting-cpp/Makefile \
	sdk/examples/greeting-cpp/README.md \
	sdk/examples/greeting-cpp/exports.map \
	sdk/examples/greeting-cpp/greeting-cpp.cc \
	sdk/examples/greeting-cpp/test.cc \
	sdk/examples/hello/Makefile \
	sdk/examples/hello/README.md \
	sdk/examples/hello/hello.c \
	sdk/examples/hello/test.c \
	sdk/examples/html-snippet/Makefile \
	sdk/examples/html-snippet/README.md \
	sdk/examples/html-snippet/html-snippet.c \
	sdk/examples/html-snippet/test.c

# As in the tree, so that they find one another.
sdkdocdir = $(docdir)/sdk
cookbookdir = $(docdir)/sdk/cookbook
dist_sdkdoc_DATA = \
	docs/sdk/answers.md \
	docs/sdk/compatibility.md \
	docs/sdk/on-error.md \
	docs/sdk/ownership-and-threads.md \
	docs/sdk/porting.md \
	docs/sdk/request-life.md \
	docs/sdk/testing.md \
	docs/sdk/tutorial.md \
	docs/sdk/writing-a-module.md
dist_cookbook_DATA = \
	docs/sdk/cookbook/background-job.md \
	docs/sdk/cookbook/body-filter.md \
	docs/sdk/cookbook/child-process.md \
	docs/sdk/cookbook/http-call.md \
	docs/sdk/cookbook/kept-responses.md \
	docs/sdk/cookbook/shared-counter.md \
	docs/sdk/cookbook/websocket-echo.md

SYSTEM_TESTS += \
	t/sdk/abi.t \
	t/sdk/api-key.t \
	t/sdk/areas.t \
	t/sdk/basics.t \
	t/sdk/background.t \
	t/sdk/changes.t \
	t/sdk/chat.t \
	t/sdk/client.t \
	t/sdk/check_module.t \
	t/sdk/cpp-areas.t \
	t/sdk/cpp.t \
	t/sdk/child.t \
	t/sdk/cookbook.t \
	t/sdk/custom_events.t \
	t/sdk/examples.t \
	t/sdk/forms.t \
	t/sdk/parameters.t \
	t/sdk/process.t \
	t/sdk/resolve.t \
	t/sdk/locations.t \
	t/sdk/rewrite.t \
	t/sdk/golden.t \
	t/sdk/abort-reason.t \
	t/sdk/response-trailer.t \
	t/sdk/trailer.t \
	t/sdk/cache.t \
	t/sdk/on-error.t \
	t/sdk/shared.t \
	t/sdk/html_snippet.t \
	t/sdk/global.t \
	t/sdk/metric.t \
	t/sdk/regex.t \
	t/sdk/serving.t \
	t/sdk/testkit.t \
	t/sdk/tutorial.t \
	t/sdk/tunnel.t \
	t/worker/back-pressure.t \
	t/worker/echo-2gib.t

# Modules of tests: good ones, and those that must be refused.
SDK_TEST_MODULES = \
	t/sdk/modules/abi-two.la \
	t/sdk/modules/abort-reason.la \
	t/sdk/modules/areas.la \
	t/sdk/modules/basics.la \
	t/sdk/modules/background.la \
	t/sdk/modules/changes.la \
	t/sdk/modules/child.la \
	t/sdk/modules/circle-a.la \
	t/sdk/modules/circle-b.la \
	t/sdk/modules/client.la \
	t/sdk/modules/crash.la \
	t/sdk/modules/every-directive.la \
	t/sdk/modules/custom-first.la \
	t/sdk/modules/custom-second.la \
	t/sdk/modules/forms.la \
	t/sdk/modules/no-symbol.la \
	t/sdk/modules/parameters.la \
	t/sdk/modules/process.la \
	t/sdk/modules/resolve.la \
	t/sdk/modules/located.la \
	t/sdk/modules/rewrite.la \
	t/sdk/modules/order-first.la \
	t/sdk/modules/order-second.la \
	t/sdk/modules/order-third.la \
	t/sdk/modules/response-trailer.la \
	t/sdk/modules/trailer.la \
	t/sdk/modules/cache.la \
	t/sdk/modules/on-error.la \
	t/sdk/modules/shared.la \
	t/sdk/modules/shared-other.la \
	t/sdk/modules/global.la \
	t/sdk/modules/metric.la \
	t/sdk/modules/regex.la \
	t/sdk/modules/tunnel.la \
	t/sdk/modules/two-symbols.la \
	t/sdk/modules/undefined.la \
	t/sdk/modules/whoami.la
SDK_TEST_MODULE_FLAGS = $(AM_LDFLAGS) -module -avoid-version -shared \
	-rpath /nowhere

check_LTLIBRARIES += $(SDK_TEST_MODULES)
t_sdk_modules_abi_two_la_SOURCES = t/sdk/modules/abi-two.c
t_sdk_modules_abi_two_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_abi_two_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_areas_la_SOURCES = t/sdk/modules/areas.c
t_sdk_modules_areas_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS) -D_GNU_SOURCE
t_sdk_modules_areas_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_areas_la_LIBADD = $(UV_LIBS)
t_sdk_modules_basics_la_SOURCES = t/sdk/modules/basics.c
t_sdk_modules_basics_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_basics_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_background_la_SOURCES = t/sdk/modules/background.c
t_sdk_modules_background_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS) -D_GNU_SOURCE
t_sdk_modules_background_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_changes_la_SOURCES = t/sdk/modules/changes.c
t_sdk_modules_changes_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_changes_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_child_la_SOURCES = t/sdk/modules/child.c
t_sdk_modules_child_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_child_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_circle_a_la_SOURCES = t/sdk/modules/circle-a.c
t_sdk_modules_circle_a_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_circle_a_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_circle_b_la_SOURCES = t/sdk/modules/circle-b.c
t_sdk_modules_circle_b_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_circle_b_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_client_la_SOURCES = t/sdk/modules/client.c
t_sdk_modules_client_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_client_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_custom_first_la_SOURCES = t/sdk/modules/custom-first.c
t_sdk_modules_custom_first_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_custom_first_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_custom_second_la_SOURCES = t/sdk/modules/custom-second.c
t_sdk_modules_custom_second_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_custom_second_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_crash_la_SOURCES = t/sdk/modules/crash.c
t_sdk_modules_crash_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_every_directive_la_SOURCES = t/sdk/modules/every-directive.c
t_sdk_modules_every_directive_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_every_directive_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_forms_la_SOURCES = t/sdk/modules/forms.c
t_sdk_modules_forms_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_forms_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_no_symbol_la_SOURCES = t/sdk/modules/no-symbol.c
t_sdk_modules_no_symbol_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_no_symbol_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_parameters_la_SOURCES = t/sdk/modules/parameters.c
t_sdk_modules_parameters_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_parameters_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_process_la_SOURCES = t/sdk/modules/process.c
t_sdk_modules_process_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_process_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_resolve_la_SOURCES = t/sdk/modules/resolve.c
t_sdk_modules_resolve_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS) -D_GNU_SOURCE
t_sdk_modules_resolve_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_located_la_SOURCES = t/sdk/modules/located.c
t_sdk_modules_located_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_located_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_rewrite_la_SOURCES = t/sdk/modules/rewrite.c
t_sdk_modules_rewrite_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_rewrite_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_order_first_la_SOURCES = t/sdk/modules/order-first.c
t_sdk_modules_order_first_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_order_first_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_order_second_la_SOURCES = t/sdk/modules/order-second.c
t_sdk_modules_order_second_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_order_second_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_order_third_la_SOURCES = t/sdk/modules/order-third.c
t_sdk_modules_order_third_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_order_third_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_cache_la_SOURCES = t/sdk/modules/cache.c
t_sdk_modules_cache_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_cache_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_response_trailer_la_SOURCES = t/sdk/modules/response-trailer.c
t_sdk_modules_response_trailer_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_response_trailer_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_abort_reason_la_SOURCES = t/sdk/modules/abort-reason.c
t_sdk_modules_abort_reason_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_abort_reason_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_trailer_la_SOURCES = t/sdk/modules/trailer.c
t_sdk_modules_trailer_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_trailer_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_on_error_la_SOURCES = t/sdk/modules/on-error.c
t_sdk_modules_on_error_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS) -I$(top_srcdir)
t_sdk_modules_on_error_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_shared_la_SOURCES = t/sdk/modules/shared.c
t_sdk_modules_shared_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS) -I$(top_srcdir)
t_sdk_modules_shared_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_shared_other_la_SOURCES = t/sdk/modules/shared-other.c
t_sdk_modules_shared_other_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS) -I$(top_srcdir)
t_sdk_modules_shared_other_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_metric_la_SOURCES = t/sdk/modules/metric.c
t_sdk_modules_metric_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_metric_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_global_la_SOURCES = t/sdk/modules/global.c
t_sdk_modules_global_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_global_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_regex_la_SOURCES = t/sdk/modules/regex.c
t_sdk_modules_regex_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_regex_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_tunnel_la_SOURCES = t/sdk/modules/tunnel.c
t_sdk_modules_tunnel_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_tunnel_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS) -pthread
t_sdk_modules_two_symbols_la_SOURCES = t/sdk/modules/two-symbols.c
t_sdk_modules_two_symbols_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_two_symbols_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_undefined_la_SOURCES = t/sdk/modules/undefined.c
t_sdk_modules_undefined_la_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
t_sdk_modules_undefined_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
t_sdk_modules_whoami_la_SOURCES = t/sdk/modules/whoami.c
t_sdk_modules_whoami_la_LDFLAGS = $(SDK_TEST_MODULE_FLAGS)
