# SPDX-License-Identifier: Apache-2.0

check_PROGRAMS += bench/idle_clients
bench_idle_clients_SOURCES = bench/idle_clients.c
bench_idle_clients_CFLAGS = $(AM_CFLAGS)
bench_idle_clients_LDADD = $(SSL_LIBS)

EXTRA_DIST += \
	bench/README.md \
	bench/bench.pl \
	bench/report.lua \
	bench/tls.pl \
	bench/lib/Bench/Process.pm \
	bench/lib/Bench/Servers.pm

# The load of bench/tls.pl.
check_PROGRAMS += bench/tls_load
bench_tls_load_SOURCES = bench/tls_load.c
bench_tls_load_LDADD = $(SSL_LIBS)
