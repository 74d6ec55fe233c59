/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pipeline costs: the worker's CPU time per tiny request without
 * subscribers, and with ten to each of the twelve events that do nothing.  The
 * two take turns, and the best round of each counts, so that what else the
 * machine does is left out.
 *
 *	bench/pipeline_bench [--json] [ROUNDS]
 */
#include "t/unit/worker/stage_many.h"

#define AT_ONCE 64
#define TURNS 400 /* in one round */

static double
measure(unsigned modules)
{
	uint64_t spent = 0, done = 0;

	stage_begin();
	many_add_modules(modules);
	speed_start();
	for (unsigned i = 0; i < 50; i++)
		speed_round(AT_ONCE, &spent);
	spent = 0;
	for (unsigned i = 0; i < TURNS; i++)
		done += speed_round(AT_ONCE, &spent);
	stage_end();
	return (double)spent / (double)done;
}

static double
least(double a, double b)
{
	return a < b ? a : b;
}

int
main(int argc, char **argv)
{
	bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	int rounds = argc > 1 + json ? (int)strtol(argv[1 + json], NULL, 10) :
				       20;
	double none = 1e9, again = 1e9, many = 1e9;

	for (int i = 0; i < rounds; i++) {
		none = least(none, measure(0));
		many = least(many, measure(MANY_MODULES));
		again = least(again, measure(0));
	}
	printf(json ? "{\"none\":%.0f,\"noneAgain\":%.0f,\"subscribers\":%.0f}\n" :
		      "no subscriber: %.0f ns per request (the same again: "
		      "%.0f)\n12 events with 10 subscribers: %.0f ns\n",
	       none, again, many);
	if (!json)
		printf("so 120 calls: %.0f ns, one: %.1f ns\n",
		       many - least(none, again),
		       (many - least(none, again)) / 120);
	return 0;
}
