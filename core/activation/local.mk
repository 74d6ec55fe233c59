# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/activation/libactivation.la
core_activation_libactivation_la_SOURCES = \
	core/activation/action.c \
	core/activation/action.h \
	core/activation/age.c \
	core/activation/age.h \
	core/activation/backoff.c \
	core/activation/backoff.h \
	core/activation/certificates.c \
	core/activation/certificates.h \
	core/activation/check.c \
	core/activation/check.h \
	core/activation/cgroup.c \
	core/activation/cgroup.h \
	core/activation/child.c \
	core/activation/child.h \
	core/activation/commands.c \
	core/activation/complaint.c \
	core/activation/complaint.h \
	core/activation/confinement.c \
	core/activation/confinement.h \
	core/activation/commands.h \
	core/activation/core_files.c \
	core/activation/core_files.h \
	core/activation/crash.c \
	core/activation/crash.h \
	core/activation/environment.c \
	core/activation/environment.h \
	core/activation/event_log.c \
	core/activation/event_log.h \
	core/activation/event_ring.c \
	core/activation/event_ring.h \
	core/activation/event_sink.c \
	core/activation/event_sink.h \
	core/activation/events.h \
	core/activation/figures.c \
	core/activation/figures.h \
	core/activation/worker_queries.c \
	core/activation/worker_queries.h \
	core/activation/module_files.c \
	core/activation/module_files.h \
	core/activation/handover.c \
	core/activation/handover.h \
	core/activation/health.c \
	core/activation/health.h \
	core/activation/keep.c \
	core/activation/keep.h \
	core/activation/keeper.c \
	core/activation/keeper.h \
	core/activation/identity.c \
	core/activation/identity.h \
	core/activation/landlock.c \
	core/activation/landlock.h \
	core/activation/limits.h \
	core/activation/listener_process.c \
	core/activation/listener_process.h \
	core/activation/listeners.c \
	core/activation/listeners.h \
	core/activation/log_check.c \
	core/activation/log_check.h \
	core/activation/manager.c \
	core/activation/manager.h \
	core/activation/metering.c \
	core/activation/metering.h \
	core/activation/orphan.c \
	core/activation/orphan.h \
	core/activation/pem.c \
	core/activation/pem.h \
	core/activation/pool.c \
	core/activation/pool.h \
	core/activation/probe.c \
	core/activation/probe.h \
	core/activation/process.c \
	core/activation/process.h \
	core/activation/recycle.c \
	core/activation/recycle.h \
	core/activation/reload.c \
	core/activation/reload.h \
	core/activation/runtime.c \
	core/activation/runtime.h \
	core/activation/schedule.c \
	core/activation/schedule.h \
	core/activation/shortage.c \
	core/activation/shortage.h \
	core/activation/service.c \
	core/activation/service.h \
	core/activation/suspend.c \
	core/activation/suspend.h \
	core/activation/sites.c \
	core/activation/sites.h \
	core/activation/sockets.c \
	core/activation/sockets.h \
	core/activation/staple_times.c \
	core/activation/staple_times.h \
	core/activation/staples.c \
	core/activation/staples.h \
	core/activation/start_record.c \
	core/activation/start_record.h \
	core/activation/state.c \
	core/activation/state.h \
	core/activation/state_write.c \
	core/activation/stats_sum.c \
	core/activation/stats_sum.h \
	core/activation/temporary.c \
	core/activation/temporary.h \
	core/activation/takeover.c \
	core/activation/takeover.h \
	core/activation/takeover_read.c \
	core/activation/takeover_read.h \
	core/activation/timeouts.c \
	core/activation/timeouts.h \
	core/activation/throttle.c \
	core/activation/throttle.h \
	core/activation/upgrade.c \
	core/activation/usage.c \
	core/activation/usage.h \
	core/activation/upgrade.h \
	core/activation/worker_describe.c \
	core/activation/worker_process.c \
	core/activation/worker_process.h

sbin_PROGRAMS += porticod
porticod_SOURCES = core/activation/main.c
porticod_LDADD = core/activation/libactivation.la core/http/libhttp.la \
	core/ocsp/libocsp.la core/control/libcontrol.la $(CONFIG_LIBS) \
	$(UV_LIBS) $(SSL_LIBS)

ACTIVATION_LIBS = core/activation/libactivation.la core/http/libhttp.la \
	core/ocsp/libocsp.la core/control/libcontrol.la $(CONFIG_LIBS) \
	$(UV_LIBS) $(SSL_LIBS)

if HAVE_CMOCKA
UNIT_TESTS += t/unit/activation/backoff-t
t_unit_activation_backoff_t_SOURCES = t/unit/activation/backoff-t.c
t_unit_activation_backoff_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/event_ring-t
t_unit_activation_event_ring_t_SOURCES = t/unit/activation/event_ring-t.c
t_unit_activation_event_ring_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/figures-t
t_unit_activation_figures_t_SOURCES = t/unit/activation/figures-t.c
t_unit_activation_figures_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/process-t
t_unit_activation_process_t_SOURCES = t/unit/activation/process-t.c
t_unit_activation_process_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/usage-t
t_unit_activation_usage_t_SOURCES = t/unit/activation/usage-t.c
t_unit_activation_usage_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)

UNIT_TESTS += t/unit/activation/schedule-t
t_unit_activation_schedule_t_SOURCES = t/unit/activation/schedule-t.c
t_unit_activation_schedule_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/shortage-t
t_unit_activation_shortage_t_SOURCES = t/unit/activation/shortage-t.c
t_unit_activation_shortage_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/runtime-t
t_unit_activation_runtime_t_SOURCES = t/unit/activation/runtime-t.c
t_unit_activation_runtime_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/sockets-t
t_unit_activation_sockets_t_SOURCES = t/unit/activation/sockets-t.c
t_unit_activation_sockets_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/stats_sum-t
t_unit_activation_stats_sum_t_SOURCES = t/unit/activation/stats_sum-t.c
t_unit_activation_stats_sum_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/staple_times-t
t_unit_activation_staple_times_t_SOURCES = t/unit/activation/staple_times-t.c
t_unit_activation_staple_times_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/activation/start_record-t
t_unit_activation_start_record_t_SOURCES = t/unit/activation/start_record-t.c
t_unit_activation_start_record_t_LDADD = $(ACTIVATION_LIBS) $(CMOCKA_LIBS)
endif

EXTRA_DIST += core/activation/README.md

SYSTEM_TESTS += \
	t/activation/blocked-log.t \
	t/activation/exhaustion.t \
	t/activation/failing.t \
	t/activation/garden.t \
	t/activation/recycle.t \
	t/activation/rotation.t \
	t/activation/reload-running.t \
	t/activation/reload.t \
	t/activation/start.t \
	t/activation/warm-up.t
