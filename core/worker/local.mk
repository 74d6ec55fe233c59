# SPDX-License-Identifier: Apache-2.0

include core/worker/module.mk

noinst_LTLIBRARIES += core/worker/libworker.la
core_worker_libworker_la_SOURCES = \
	core/worker/application.c \
	core/worker/application.h \
	core/worker/async.c \
	core/worker/attachment.c \
	core/worker/attachment.h \
	core/worker/body.c \
	core/worker/calls.c \
	core/worker/calls.h \
	core/worker/changes.h \
	core/worker/child.c \
	core/worker/child.h \
	core/worker/child_head.c \
	core/worker/child_priv.h \
	core/worker/child_process.c \
	core/worker/child_process.h \
	core/worker/client_engine.c \
	core/worker/client_engine.h \
	core/worker/client_transfer.c \
	core/worker/configure.c \
	core/worker/curl_library.c \
	core/worker/curl_library.h \
	core/worker/fields.c \
	core/worker/file.c \
	core/worker/file.h \
	core/worker/globals.c \
	core/worker/health.c \
	core/worker/health.h \
	core/worker/globals.h \
	core/worker/host.c \
	core/worker/host_abort.c \
	core/worker/host_child.c \
	core/worker/host_background.c \
	core/worker/host_background.h \
	core/worker/cache_policy.c \
	core/worker/host_cache.c \
	core/worker/host_client.c \
	core/worker/host_event.c \
	core/worker/host_form.c \
	core/worker/host_identity.c \
	core/worker/host_parameters.c \
	core/worker/host_priv.h \
	core/worker/host_process.c \
	core/worker/host_process.h \
	core/worker/host_request.c \
	core/worker/host_resolve.c \
	core/worker/host_resolve.h \
	core/worker/host_response.c \
	core/worker/host_trailer.c \
	core/worker/host_shared.c \
	core/worker/host_global.c \
	core/worker/host_metric.c \
	core/worker/metrics.h \
	core/worker/host_change.c \
	core/worker/host_regex.c \
	core/worker/host_variable.c \
	core/worker/host_worker.c \
	core/worker/health_check.c \
	core/worker/health_check.h \
	core/worker/initialization.c \
	core/worker/initialization.h \
	core/worker/internal_request.c \
	core/worker/internal_request.h \
	core/worker/limits.h \
	core/worker/link.c \
	core/worker/link.h \
	core/worker/location.h \
	core/worker/loop.c \
	core/worker/loop.h \
	core/worker/main_loop.c \
	core/worker/main_loop.h \
	core/worker/offload.c \
	core/worker/offload.h \
	core/worker/parameters.c \
	core/worker/process.c \
	core/worker/process.h \
	core/worker/program.c \
	core/worker/program.h \
	core/worker/request.c \
	core/worker/request.h \
	core/worker/resolver.c \
	core/worker/resolver.h \
	core/worker/response.c \
	core/worker/response.h \
	core/worker/response_error.c \
	core/worker/response_filter.c \
	core/worker/response_front.c \
	core/worker/response_out.c \
	core/worker/response_trailer.c \
	core/worker/response_trailer.h \
	core/worker/rewrite.c \
	core/worker/service.h \
	core/worker/shared.c \
	core/worker/shared.h \
	core/worker/shared_lock.c \
	core/worker/shared_priv.h \
	core/worker/shared_store.c \
	core/worker/shared_store.h \
	core/worker/shared_watch.c \
	core/worker/token.c \
	core/worker/token.h \
	core/worker/page_out.c \
	core/worker/page_out.h \
	core/worker/watchdog.c \
	core/worker/watchdog.h \
	core/worker/tunnel.c \
	core/worker/tunnel.h \
	core/worker/worker.c \
	core/worker/worker.h

# What the worker and its tests link.
WORKER_LIBS = core/worker/libworker.la core/worker/libmodule.la \
	core/base/libsandbox.la \
	core/control/libcontrol.la core/channel/libchannel.la \
	core/http/libhttp.la $(CONFIG_LIBS) $(UV_LIBS)

# A worker whose resolver is slow where a test wants it.
check_PROGRAMS += t/worker/slow-names
t_worker_slow_names_SOURCES = core/worker/main.c t/worker/slow_names.c
t_worker_slow_names_LDADD = $(WORKER_LIBS)

pkglibexec_PROGRAMS += portico-worker
portico_worker_SOURCES = core/worker/main.c
portico_worker_LDADD = $(WORKER_LIBS)

EXTRA_DIST += core/worker/README.md
noinst_HEADERS += \
	t/unit/worker/stage.h \
	t/unit/worker/stage_base.h \
	t/unit/worker/stage_many.h \
	t/unit/worker/stage_receive.h \
	t/unit/worker/stage_send.h \
	t/unit/worker/stage_speed.h
if HAVE_CMOCKA
check_PROGRAMS += t/unit/worker/speed
t_unit_worker_speed_SOURCES = t/unit/worker/speed.c
t_unit_worker_speed_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += bench/pipeline_bench
bench_pipeline_bench_SOURCES = bench/pipeline_bench.c
bench_pipeline_bench_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/cost-t
t_unit_worker_cost_t_SOURCES = t/unit/worker/cost-t.c
t_unit_worker_cost_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/child_process-t
t_unit_worker_child_process_t_SOURCES = t/unit/worker/child_process-t.c
t_unit_worker_child_process_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
t_unit_worker_child_process_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=fork \
	-Wl,--wrap=io_pidfd_open -Wl,--wrap=uv_poll_init
UNIT_TESTS += t/unit/worker/client_engine-t
t_unit_worker_client_engine_t_SOURCES = t/unit/worker/client_engine-t.c
t_unit_worker_client_engine_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
t_unit_worker_client_engine_t_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=curl_library_get -Wl,--wrap=uv_poll_init
UNIT_TESTS += t/unit/worker/resolver-t
t_unit_worker_resolver_t_SOURCES = t/unit/worker/resolver-t.c
t_unit_worker_resolver_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
t_unit_worker_resolver_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getaddrinfo \
	-Wl,--wrap=pthread_create
UNIT_TESTS += t/unit/worker/page_out-t
t_unit_worker_page_out_t_SOURCES = t/unit/worker/page_out-t.c
t_unit_worker_page_out_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/file-t
t_unit_worker_file_t_SOURCES = t/unit/worker/file-t.c
t_unit_worker_file_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/offload-t
t_unit_worker_offload_t_SOURCES = t/unit/worker/offload-t.c
t_unit_worker_offload_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/process-t
t_unit_worker_process_t_SOURCES = t/unit/worker/process-t.c
t_unit_worker_process_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
EXTRA_t_unit_worker_process_t_DEPENDENCIES = \
	portico-worker sdk/examples/hello/hello.la \
	t/sdk/modules/global.la
UNIT_TESTS += t/unit/worker/program-t
t_unit_worker_program_t_SOURCES = t/unit/worker/program-t.c
t_unit_worker_program_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/scarce-t
t_unit_worker_scarce_t_SOURCES = t/unit/worker/scarce-t.c
t_unit_worker_scarce_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/shared-t
t_unit_worker_shared_t_SOURCES = t/unit/worker/shared-t.c
t_unit_worker_shared_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/stream-t
t_unit_worker_stream_t_SOURCES = t/unit/worker/stream-t.c
t_unit_worker_stream_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/stress-t
t_unit_worker_stress_t_SOURCES = t/unit/worker/stress-t.c
t_unit_worker_stress_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/worker/response-t
t_unit_worker_response_t_SOURCES = t/unit/worker/response-t.c
t_unit_worker_response_t_LDADD = $(WORKER_LIBS) $(CMOCKA_LIBS)
endif
