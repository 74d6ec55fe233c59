# SPDX-License-Identifier: Apache-2.0
#
# System tests: whole servers driven from outside, and the modules they load.
# -rpath makes libtool build a real .so although nothing is installed.

TEST_MODULE_FLAGS = $(MODULE_FLAGS) -rpath /nowhere

check_LTLIBRARIES += \
	t/activation/warm.la \
	t/worker/confined.la \
	t/worker/marks.la \
	t/worker/probe.la \
	t/worker/stages.la \
	t/worker/start-steps.la \
	t/worker/steps.la \
	t/worker/who-loads.la \
	t/worker/wrong-abi.la
t_activation_warm_la_SOURCES = t/activation/warm.c
t_activation_warm_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_confined_la_SOURCES = t/worker/confined.c
t_worker_confined_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_marks_la_SOURCES = t/worker/marks.c
t_worker_marks_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_probe_la_SOURCES = t/worker/probe.c
t_worker_probe_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_stages_la_SOURCES = t/worker/stages.c
t_worker_stages_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_start_steps_la_SOURCES = t/worker/start_steps.c t/worker/stop.h
t_worker_start_steps_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_steps_la_SOURCES = t/worker/steps.c t/worker/stop.h
t_worker_steps_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_who_loads_la_SOURCES = t/worker/who_loads.c
t_worker_who_loads_la_LDFLAGS = $(TEST_MODULE_FLAGS)
t_worker_wrong_abi_la_SOURCES = t/worker/wrong_abi.c
t_worker_wrong_abi_la_LDFLAGS = $(TEST_MODULE_FLAGS)

noinst_HEADERS += t/worker/argument.h t/worker/refuse_call.h
check_PROGRAMS += t/worker/refuse-call
t_worker_refuse_call_SOURCES = t/worker/refuse_call.c

# portico-worker with stops where no module runs.
check_PROGRAMS += t/worker/stopping-worker
t_worker_stopping_worker_SOURCES = \
	core/worker/main.c \
	t/worker/stop.h \
	t/worker/stopping.c
t_worker_stopping_worker_LDADD = $(WORKER_LIBS)
t_worker_stopping_worker_LDFLAGS = \
	-Wl,--wrap=settings_read_memfd \
	-Wl,--wrap=control_encode_ready \
	-Wl,--wrap=control_encode_stopped \
	-Wl,--wrap=channel_attach \
	-Wl,--wrap=channel_claim_take \
	-Wl,--wrap=channel_claim_start

# A listener of another version.
check_PROGRAMS += t/activation/other-version
t_activation_other_version_SOURCES = \
	core/listener/main.c \
	t/activation/other_version.c
t_activation_other_version_LDADD = $(LISTENER_LIBS)
t_activation_other_version_LDFLAGS = -Wl,--wrap=channel_create

# And one that lies.
check_PROGRAMS += t/activation/lying-listener
t_activation_lying_listener_SOURCES = t/activation/lying_listener.c
t_activation_lying_listener_LDADD = $(BASE_LIBS)

# A porticod that leaves a state of another version.
check_PROGRAMS += t/activation/other-state
t_activation_other_state_SOURCES = \
	core/activation/main.c \
	t/activation/other_state.c
t_activation_other_state_LDADD = $(ACTIVATION_LIBS)
t_activation_other_state_LDFLAGS = -Wl,--wrap=keeper_put

# And one that dies when it gives a worker to the listener.
check_PROGRAMS += t/activation/dies-joining
t_activation_dies_joining_SOURCES = \
	core/activation/main.c \
	t/activation/dies_joining.c
t_activation_dies_joining_LDADD = $(ACTIVATION_LIBS)
t_activation_dies_joining_LDFLAGS = -Wl,--wrap=worker_process_join \
	-Wl,--wrap=control_encode_worker

# And one with a slow end.
check_PROGRAMS += t/activation/slow-end
t_activation_slow_end_SOURCES = \
	core/listener/main.c \
	t/activation/slow_end.c
t_activation_slow_end_LDADD = $(LISTENER_LIBS)
t_activation_slow_end_LDFLAGS = -Wl,--wrap=log_writer_free

EXTRA_DIST += \
	t/lib/Portico/Control.pm \
	t/lib/Portico/Family.pm \
	t/lib/Portico/Http.pm \
	t/lib/Portico/Http2.pm \
	t/lib/Portico/Limits.pm \
	t/lib/Portico/Mischief.pm \
	t/lib/Portico/Server.pm \
	t/lib/Portico/Stops.pm \
	t/lib/Portico/Tls.pm \
	t/lib/Portico/Tunnels.pm \
	t/lib/Portico/Upstream.pm \
	t/lib/Portico/Wait.pm

EXTRA_DIST += t/listener/conformance

SYSTEM_TESTS += \
	t/activation/aging.t \
	t/activation/events.t \
	t/activation/bad-workers.t \
	t/activation/configuration.t \
	t/activation/crash.t \
	t/activation/health.t \
	t/activation/confinement.t \
	t/activation/identity.t \
	t/activation/isolation.t \
	t/activation/lying-listener.t \
	t/activation/lying-worker.t \
	t/activation/pool-limits.t \
	t/activation/polled-limits.t \
	t/activation/cpu-limit.t \
	t/activation/core-files.t \
	t/activation/pool-returns.t \
	t/activation/restart.t \
	t/activation/scale.t \
	t/activation/service.t \
	t/activation/sites.t \
	t/activation/stop.t \
	t/activation/pool-restart.t \
	t/activation/health-check.t \
	t/activation/recycle-load.t \
	t/activation/affinity-survives.t \
	t/activation/suspend.t \
	t/activation/takeover.t \
	t/activation/system-calls.t \
	t/activation/under-load.t \
	t/activation/upgrade.t \
	t/activation/unknown-state.t \
	t/activation/unit-file.t \
	t/activation/upgrade-failures.t \
	t/activation/upgrade-manager.t \
	t/command/command.t \
	t/command/module-check.t \
	t/command/module-doc.t \
	t/command/module-list.t \
	t/command/module-stats.t \
	t/command/module-new.t \
	t/command/module-order.t \
	t/command/module-run.t \
	t/command/module-single.t \
	t/docs/documents.t \
	t/listener/abort.t \
	t/listener/affinity.t \
	t/listener/balance.t \
	t/listener/cache-conditions.t \
	t/listener/cache.t \
	t/listener/churn.t \
	t/listener/conformance.t \
	t/listener/deadlines.t \
	t/listener/descriptors.t \
	t/listener/file-shares.t \
	t/listener/hostile.t \
	t/listener/hostile-tunnels.t \
	t/listener/http1.t \
	t/listener/http2.t \
	t/listener/log-fields.t \
	t/listener/log-injection.t \
	t/listener/site-logs.t \
	t/listener/slowhttptest.t \
	t/listener/http2-floods.t \
	t/listener/http2-log.t \
	t/listener/http2-neighbour.t \
	t/listener/http2-priorities.t \
	t/listener/http2-rules.t \
	t/listener/http2-tls.t \
	t/listener/http2-tunnels.t \
	t/listener/log-trouble.t \
	t/listener/lease-states.t \
	t/listener/log-rotation.t \
	t/listener/logs.t \
	t/listener/malformed.t \
	t/listener/proxy-protocol.t \
	t/listener/queue.t \
	t/listener/site-limits.t \
	t/listener/slow-reader.t \
	t/listener/timers.t \
	t/listener/tls-keys.t \
	t/listener/tls.t \
	t/listener/hsts.t \
	t/listener/ocsp.t \
	t/listener/testssl.t \
	t/listener/tls-handshakes.t \
	t/listener/tls-clients.t \
	t/worker/openat2.t \
	t/worker/exhaustion.t \
	t/worker/pipeline.t \
	t/worker/watchdog.t

# For t/listener/tls-handshakes.t.
check_PROGRAMS += t/listener/slow-handshake
t_listener_slow_handshake_SOURCES = t/listener/slow-handshake.c
t_listener_slow_handshake_LDADD = $(SSL_LIBS)

# Stands in for portico-worker in t/listener/hostile.t.
check_PROGRAMS += t/hostile/hostile-worker
t_hostile_hostile_worker_SOURCES = \
	t/hostile/hostile-worker.c \
	t/hostile/hostile.h \
	t/hostile/lies_body.c \
	t/hostile/lies_file.c \
	t/hostile/lies_head.c \
	t/hostile/lies_link.c \
	t/hostile/lies_race.c \
	t/hostile/lies_ring.c \
	t/hostile/lies_socket.c \
	t/hostile/work.c
t_hostile_hostile_worker_LDADD = core/channel/libchannel.la \
	core/http/libhttp.la $(BASE_LIBS) $(UV_LIBS)

# A file system that hangs, for those tests that may mount one.
check_PROGRAMS += t/hostile/stuck-fs
t_hostile_stuck_fs_SOURCES = t/hostile/stuck-fs.c
