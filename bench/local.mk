# SPDX-License-Identifier: Apache-2.0

EXTRA_DIST += \
	bench/README.md \
	bench/bench.pl \
	bench/report.lua \
	bench/lib/Bench/Process.pm \
	bench/lib/Bench/Servers.pm
