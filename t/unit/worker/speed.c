/* SPDX-License-Identifier: Apache-2.0
 *
 * Not a test: CPU time of the worker per tiny request, the listener's part
 * left out.  Run by hand: t/unit/worker/speed [requests at once]
 */
#include "t/unit/worker/stage_speed.h"

#define ROUNDS 50000

int
main(int argc, char **argv)
{
	uint32_t at_once = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) :
				      AT_ONCE_MAX;
	uint64_t spent = 0, done = 0;

	if (at_once < 1 || at_once > AT_ONCE_MAX)
		return 2;
	stage_begin();
	speed_start();
	for (unsigned i = 0; i < ROUNDS; i++)
		done += speed_round(at_once, &spent);
	printf("%u at once: %.3f us per request (%llu requests)\n", at_once,
	       (double)spent / 1000 / (double)done, (unsigned long long)done);
	stage_end();
	return 0;
}
