/* SPDX-License-Identifier: Apache-2.0
 *
 * What the listener says of its connections, sites and times, for people.
 */
#include <stdint.h>
#include <stdio.h>

#include "core/command/show.h"
#include "core/command/table.h"

/* One row for each element, with these members. */
static void
print_rows(const char *titles, const json_t *rows, const char *const *members)
{
	struct table *table = table_new(titles);
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; members[k] != NULL; k++)
			table_member(table, row, members[k]);
	}
	table_print(table, stdout);
	table_free(table);
}

void
show_connections(const json_t *answer)
{
	static const char *const members[] = { "client",   "server", "state",
					       "site",	   "ageMs",  "idleMs",
					       "requests", "sent",   "request",
					       NULL };

	print_rows("CLIENT SERVER STATE SITE >AGE/ms >SILENT/ms >REQUESTS "
		   ">SENT/B REQUEST",
		   json_object_get(json_object_get(answer, "figures"),
				   "clients"),
		   members);
	show_silence(answer, "figures");
}

/* Everything that counts, one number to a line. */
static void
print_numbers(const json_t *object)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, name, value)
	{
		if (json_is_integer(value))
			printf("  %-12s %lld\n", name,
			       (long long)json_integer_value(value));
	}
}

void
show_counters(const json_t *answer)
{
	static const char *const of_sites[] = { "name",		  "connections",
						"maxConnections", "refused",
						"requests",	  "bytesSent",
						"bytesReceived",  NULL };
	static const char *const of_pools[] = { "name",	    "queued",
						"accepted", "rejected",
						"served",   "replayed",
						"requeued", NULL };
	const json_t *counters = json_object_get(answer, "counters");

	printf("connections\n");
	print_numbers(json_object_get(counters, "connections"));
	printf("\n");
	print_rows("SITE >CONNECTIONS >MAX >REFUSED >REQUESTS >SENT/B "
		   ">RECEIVED/B",
		   json_object_get(json_object_get(answer, "figures"), "sites"),
		   of_sites);
	printf("\n");
	print_rows("POOL >QUEUED >ACCEPTED >REJECTED >SERVED >REPLAYED "
		   ">REQUEUED",
		   json_object_get(counters, "pools"), of_pools);
	show_silence(answer, "counters");
}

void
show_timeouts(const json_t *answer)
{
	static const char *const members[] = { "name",
					       "headerWaitTimeout",
					       "connectionTimeout",
					       "entityBodyTimeout",
					       "drainEntityBodyTimeout",
					       "minSendRate",
					       "minReceiveRate",
					       NULL };

	print_rows("OF HEADER IDLE BODY DRAIN >SEND/B/s >RECEIVE/B/s",
		   json_object_get(answer, "timeouts"), members);
}
