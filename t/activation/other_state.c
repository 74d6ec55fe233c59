/* SPDX-License-Identifier: Apache-2.0
 *
 * porticod, but for a number in what it leaves behind: PORTICO_TEST_STATE is
 * "KEY MEMBER NUMBER", KEY the beginning of the records' keys.  Linked with the
 * objects of the real one and -Wl,--wrap=keeper_put.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/activation/keeper.h"

void __real_keeper_put(struct keeper *keeper, const char *key, json_t *record,
		       const int *fds, size_t nfds, int watch);
void __wrap_keeper_put(struct keeper *keeper, const char *key, json_t *record,
		       const int *fds, size_t nfds, int watch);

void
__wrap_keeper_put(struct keeper *keeper, const char *key, json_t *record,
		  const int *fds, size_t nfds, int watch)
{
	const char *change = getenv("PORTICO_TEST_STATE");
	char beginning[64], member[64];
	int number;

	if (change != NULL &&
	    sscanf(change, "%63s %63s %d", beginning, member, &number) == 3 &&
	    strncmp(key, beginning, strlen(beginning)) == 0)
		json_object_set_new(record, member, json_integer(number));
	__real_keeper_put(keeper, key, record, fds, nfds, watch);
}
