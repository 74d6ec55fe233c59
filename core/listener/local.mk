# SPDX-License-Identifier: Apache-2.0

noinst_LTLIBRARIES += core/listener/liblistener.la
core_listener_liblistener_la_SOURCES = \
	core/listener/accept.c \
	core/listener/again.c \
	core/listener/again.h \
	core/listener/accept.h \
	core/listener/affinity.c \
	core/listener/affinity.h \
	core/listener/access_log.c \
	core/listener/access_log.h \
	core/listener/access_log_format.c \
	core/listener/address.c \
	core/listener/address.h \
	core/listener/bandwidth.c \
	core/listener/bandwidth.h \
	core/listener/cache.c \
	core/listener/cache.h \
	core/listener/cache_answer.c \
	core/listener/cache_answer.h \
	core/listener/cache_fill.c \
	core/listener/cache_fill.h \
	core/listener/cache_rules.c \
	core/listener/cache_rules.h \
	core/listener/cache_wait.c \
	core/listener/cache_wait.h \
	core/listener/connection.c \
	core/listener/connection.h \
	core/listener/control.c \
	core/listener/deadline.c \
	core/listener/deadline.h \
	core/listener/dispatch.c \
	core/listener/dispatch.h \
	core/listener/drain.c \
	core/listener/drain.h \
	core/listener/error_log.c \
	core/listener/error_log.h \
	core/listener/error_page.c \
	core/listener/error_page.h \
	core/listener/half_close.c \
	core/listener/half_close.h \
	core/listener/http2.h \
	core/listener/http2_guard.c \
	core/listener/http2_priority.c \
	core/listener/http2_priv.h \
	core/listener/http2_receive.c \
	core/listener/http2_send.c \
	core/listener/http2_session.c \
	core/listener/http2_stream.c \
	core/listener/handshake.c \
	core/listener/handshake.h \
	core/listener/hsts.c \
	core/listener/hsts.h \
	core/listener/limits.h \
	core/listener/listener.c \
	core/listener/listener.h \
	core/listener/log_buffer.c \
	core/listener/log_buffer.h \
	core/listener/log_text.c \
	core/listener/log_text.h \
	core/listener/log_rotation.c \
	core/listener/log_rotation.h \
	core/listener/log_writer.c \
	core/listener/log_writer.h \
	core/listener/loop.c \
	core/listener/loop.h \
	core/listener/output.c \
	core/listener/output.h \
	core/listener/pool.c \
	core/listener/pool.h \
	core/listener/pool_queue.c \
	core/listener/pool_queue.h \
	core/listener/pressure.c \
	core/listener/pressure.h \
	core/listener/process.c \
	core/listener/process.h \
	core/listener/proxied.c \
	core/listener/proxied.h \
	core/listener/query.c \
	core/listener/query.h \
	core/listener/query_cache.c \
	core/listener/query_loop.c \
	core/listener/query_priv.h \
	core/listener/query_routes.c \
	core/listener/query_site.c \
	core/listener/request.c \
	core/listener/request.h \
	core/listener/request_body.c \
	core/listener/response.c \
	core/listener/response.h \
	core/listener/response_trailers.c \
	core/listener/response_trailers.h \
	core/listener/revoke.c \
	core/listener/revoke.h \
	core/listener/routes.c \
	core/listener/routes.h \
	core/listener/site.c \
	core/listener/site.h \
	core/listener/site_logs.c \
	core/listener/site_logs.h \
	core/listener/snapshot.c \
	core/listener/snapshot.h \
	core/listener/spare.h \
	core/listener/sweep.c \
	core/listener/tls.c \
	core/listener/tls.h \
	core/listener/tls_context.c \
	core/listener/tls_context.h \
	core/listener/tls_material.c \
	core/listener/tls_material.h \
	core/listener/tls_peer.c \
	core/listener/tls_peer.h \
	core/listener/tls_staple.c \
	core/listener/tls_staple.h \
	core/listener/tls_store.c \
	core/listener/tls_store.h \
	core/listener/transport.h \
	core/listener/tunnel.c \
	core/listener/tunnel.h \
	core/listener/task.c \
	core/listener/task.h \
	core/listener/timers.c \
	core/listener/timers.h \
	core/listener/unread.c \
	core/listener/unread.h \
	core/listener/worker_channel.c \
	core/listener/worker_channel.h \
	core/listener/worker_link.c \
	core/listener/worker_remains.c \
	core/listener/worker_remains.h \
	core/listener/worker_link.h

LISTENER_LIBS = core/listener/liblistener.la core/base/libsandbox.la \
	core/channel/libchannel.la \
	core/http2/libhttp2.la core/http/libhttp.la \
	core/control/libcontrol.la $(CONFIG_LIBS) \
	$(NGHTTP2_LIBS) $(UV_LIBS) $(SSL_LIBS)

pkglibexec_PROGRAMS += portico-listener
portico_listener_SOURCES = core/listener/main.c
portico_listener_LDADD = $(LISTENER_LIBS)

EXTRA_DIST += core/listener/README.md

if HAVE_CMOCKA
check_LTLIBRARIES += t/unit/listener/libstage.la
t_unit_listener_libstage_la_SOURCES = \
	t/unit/listener/stage.c \
	t/unit/listener/stage.h
UNIT_TESTS += t/unit/listener/body-t
t_unit_listener_body_t_SOURCES = t/unit/listener/body-t.c
t_unit_listener_body_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/cache-t
t_unit_listener_cache_t_SOURCES = t/unit/listener/cache-t.c
t_unit_listener_cache_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=hash_bytes
t_unit_listener_cache_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/cache_rules-t
t_unit_listener_cache_rules_t_SOURCES = t/unit/listener/cache_rules-t.c
t_unit_listener_cache_rules_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/deadline-t
t_unit_listener_deadline_t_SOURCES = t/unit/listener/deadline-t.c
t_unit_listener_deadline_t_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=channel_claim_revoke -Wl,--wrap=channel_is_scarce
t_unit_listener_deadline_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/drain-t
t_unit_listener_drain_t_SOURCES = t/unit/listener/drain-t.c
t_unit_listener_drain_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/hostile-t
t_unit_listener_hostile_t_SOURCES = t/unit/listener/hostile-t.c
t_unit_listener_hostile_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/leaving-t
t_unit_listener_leaving_t_SOURCES = t/unit/listener/leaving-t.c
t_unit_listener_leaving_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/ready-t
t_unit_listener_ready_t_SOURCES = t/unit/listener/ready-t.c
t_unit_listener_ready_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/lease-t
t_unit_listener_lease_t_SOURCES = t/unit/listener/lease-t.c
t_unit_listener_lease_t_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=channel_block_alloc -Wl,--wrap=region_populate
t_unit_listener_lease_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
FUZZERS += fuzz/http2_fuzz
fuzz_http2_fuzz_SOURCES = fuzz/http2_fuzz.c fuzz/replay_main.c
fuzz_http2_fuzz_LDADD = t/unit/listener/libstage.la $(LISTENER_LIBS) \
	$(CMOCKA_LIBS)
fuzz_http2_fuzz_LDFLAGS = $(FUZZ_FLAGS)
UNIT_TESTS += t/unit/listener/tunnel-t
t_unit_listener_tunnel_t_SOURCES = t/unit/listener/tunnel-t.c
t_unit_listener_tunnel_t_LDADD = t/unit/listener/libstage.la \
	$(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/error_page-t
t_unit_listener_error_page_t_SOURCES = t/unit/listener/error_page-t.c
t_unit_listener_error_page_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/log_rotation-t
t_unit_listener_log_rotation_t_SOURCES = t/unit/listener/log_rotation-t.c
t_unit_listener_log_rotation_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/log_writer-t
t_unit_listener_log_writer_t_SOURCES = t/unit/listener/log_writer-t.c
t_unit_listener_log_writer_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/logs-t
t_unit_listener_logs_t_SOURCES = t/unit/listener/logs-t.c
t_unit_listener_logs_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/routes-t
t_unit_listener_routes_t_SOURCES = t/unit/listener/routes-t.c
t_unit_listener_routes_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/tls_store-t
t_unit_listener_tls_store_t_SOURCES = t/unit/listener/tls_store-t.c
t_unit_listener_tls_store_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
UNIT_TESTS += t/unit/listener/timers-t
t_unit_listener_timers_t_SOURCES = t/unit/listener/timers-t.c
t_unit_listener_timers_t_LDADD = $(LISTENER_LIBS) $(CMOCKA_LIBS)
endif
