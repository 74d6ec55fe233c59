-- SPDX-License-Identifier: Apache-2.0
--
-- Makes wrk print what bench.pl needs as one line.  Only the end of a run is
-- hooked: requests cost what they cost without a script.

function done(summary, latency, requests)
	local errors = summary.errors
	io.write(string.format(
		"RESULT requests=%d microseconds=%d bytes=%d p50=%d p99=%d "
		.. "connect=%d read=%d write=%d status=%d timeout=%d\n",
		summary.requests, summary.duration, summary.bytes,
		latency:percentile(50), latency:percentile(99),
		errors.connect, errors.read, errors.write, errors.status,
		errors.timeout))
end
