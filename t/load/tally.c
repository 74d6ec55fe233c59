/* SPDX-License-Identifier: Apache-2.0
 *
 * What load-client has seen, and how it says so.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "t/load/client.h"

/* Of one power of two; a quantile is right within 1/64. */
#define STEPS 64u

struct tally tally;

/* Values below STEPS are their own bucket; above, the six bits that follow
 * the highest one choose it. */
static unsigned
bucket_of(uint64_t us)
{
	unsigned power;

	if (us < STEPS)
		return (unsigned)us;
	power = 63u - (unsigned)__builtin_clzll(us) - 6u;
	return (power + 1) * STEPS + (unsigned)(us >> power) - STEPS;
}

static uint64_t
bucket_value(unsigned bucket)
{
	unsigned power = bucket / STEPS;

	if (power == 0)
		return bucket;
	return (uint64_t)(bucket % STEPS + STEPS) << (power - 1);
}

void
tally_latency(uint64_t ns)
{
	unsigned bucket = bucket_of(ns / 1000);

	tally.latency[bucket < TALLY_BUCKETS ? bucket : TALLY_BUCKETS - 1]++;
	if (ns > tally.latency_max)
		tally.latency_max = ns;
}

static uint64_t
quantile(double share)
{
	uint64_t all = 0, seen = 0;

	for (unsigned i = 0; i < TALLY_BUCKETS; i++)
		all += tally.latency[i];
	for (unsigned i = 0; i < TALLY_BUCKETS; i++) {
		seen += tally.latency[i];
		if (seen > 0 && (double)seen >= share * (double)all)
			return bucket_value(i);
	}
	return 0;
}

void
tally_complain(const char *format, ...)
{
	va_list arguments;

	if (tally.complaint_count == TALLY_COMPLAINTS)
		return;
	va_start(arguments, format);
	vsnprintf(tally.complaints[tally.complaint_count++],
		  sizeof(tally.complaints[0]), format, arguments);
	va_end(arguments);
}

static void
print_text(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text < 0x20 || *text > 0x7e ? '?' : *text);
	}
	putchar('"');
}

static void
print_statuses(void)
{
	const char *comma = "";

	printf("\"statuses\":{");
	for (unsigned i = 0; i < 600; i++) {
		if (tally.statuses[i] == 0)
			continue;
		printf("%s\"%u\":%" PRIu64, comma, i, tally.statuses[i]);
		comma = ",";
	}
	printf("},");
}

void
tally_print(const char *event, unsigned open, double seconds)
{
	printf("{\"event\":\"%s\",\"seconds\":%.3f,\"open\":%u,"
	       "\"good\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"wrong\":%" PRIu64
	       ",\"left\":%" PRIu64 ",\"stale\":%" PRIu64 ",\"opened\":%" PRIu64
	       ",\"closed\":%" PRIu64 ",\"bytes\":%" PRIu64 ",",
	       event, seconds, open, tally.good, tally.failed, tally.wrong,
	       tally.left, tally.stale, tally.opened, tally.closed,
	       tally.bytes);
	printf("\"p50\":%" PRIu64 ",\"p90\":%" PRIu64 ",\"p99\":%" PRIu64
	       ",\"max\":%" PRIu64 ",",
	       quantile(0.5), quantile(0.9), quantile(0.99),
	       tally.latency_max / 1000);
	print_statuses();
	printf("\"complaints\":[");
	for (unsigned i = 0; i < tally.complaint_count; i++) {
		if (i > 0)
			putchar(',');
		print_text(tally.complaints[i]);
	}
	printf("]}\n");
	fflush(stdout);
}
