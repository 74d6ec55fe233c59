/* SPDX-License-Identifier: Apache-2.0
 *
 * What the listener says of its connections, sites and times, for people.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/memory.h"
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

/* ---- urls ------------------------------------------------------------------- */

/* One URL: a binding at one of its applications. */
struct url {
	const json_t *binding, *application;
};

/* In the order in which they are tried. */
static long long
rank_of(const char *kind)
{
	static const char *const kinds[] = { "strong", "host", "subdomain",
					     "address", "weak" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i], kind) == 0)
			return (long long)i;
	return -1;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* Port, category, host; then longer paths first. */
static int
by_precedence(const void *left, const void *right)
{
	const struct url *a = left, *b = right;
	long long order =
		json_integer_value(json_object_get(a->binding, "port")) -
		json_integer_value(json_object_get(b->binding, "port"));
	int text;

	if (order == 0)
		order = rank_of(text_of(a->binding, "kind")) -
			rank_of(text_of(b->binding, "kind"));
	if (order != 0)
		return order < 0 ? -1 : 1;
	text = strcmp(text_of(a->binding, "host"), text_of(b->binding, "host"));
	if (text != 0)
		return text;
	return strcmp(text_of(b->application, "below"),
		      text_of(a->application, "below"));
}

/* "http://host:80" + "/path/". */
static void
print_url(struct table *table, const struct url *url)
{
	const char *text = text_of(url->binding, "url");
	const char *below = text_of(url->application, "below");
	const char *host = strstr(text, "//");
	size_t origin;
	char line[2048];

	host = host == NULL ? text : host + 2;
	origin = (size_t)(host - text) + strcspn(host, "/");
	snprintf(line, sizeof line, "%.*s%s%s", (int)origin, text, below,
		 strcmp(below, "/") == 0 ? "" : "/");
	table_text(table, line);
	table_member(table, url->binding, "kind");
	table_member(table, url->binding, "site");
	table_member(table, url->application, "path");
	table_member(table, url->application, "pool");
	table_member(table, url->binding, "certificate");
}

static size_t
count_urls(const json_t *bindings)
{
	size_t i, count = 0;
	json_t *binding;

	json_array_foreach(bindings, i, binding) count +=
		json_array_size(json_object_get(binding, "applications"));
	return count;
}

void
show_urls(const json_t *answer)
{
	const json_t *bindings =
		json_object_get(json_object_get(answer, "routes"), "bindings");
	struct url *urls =
		mem_zalloc_array(count_urls(bindings) + 1, sizeof *urls);
	struct table *table =
		table_new("URL KIND SITE APPLICATION POOL CERTIFICATE");
	size_t i, k, count = 0;
	json_t *binding, *application;

	json_array_foreach(bindings, i, binding)
	{
		json_array_foreach(json_object_get(binding, "applications"), k,
				   application)
			urls[count++] = (struct url){ binding, application };
	}
	qsort(urls, count, sizeof *urls, by_precedence);
	for (i = 0; i < count; i++)
		print_url(table, &urls[i]);
	table_print(table, stdout);
	table_free(table);
	mem_free(urls);
	show_silence(answer, "routes");
}

/* ---- counters and times -------------------------------------------------------- */

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
	static const char *const of_logs[] = { "name", "state", "waiting",
					       "lost", "file",	NULL };
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
	printf("\n");
	print_rows("LOG STATE >WAITING/B >LOST FILE",
		   json_object_get(counters, "logs"), of_logs);
	show_silence(answer, "counters");
}

static const char *
text_or_null(const json_t *entry, const char *name)
{
	const char *text = json_string_value(json_object_get(entry, name));

	return text == NULL || *text == '\0' ? "(null)" : text;
}

/* ---- sites --------------------------------------------------------------- */

static long long
requests_of(const json_t *answer, const char *name)
{
	size_t i;
	json_t *site;

	json_array_foreach(json_object_get(json_object_get(answer, "figures"),
					   "sites"),
			   i, site)
	{
		if (strcmp(text_or_null(site, "name"), name) == 0)
			return json_integer_value(
				json_object_get(site, "requests"));
	}
	return 0;
}

/* A row for each binding; what is the site's only in its first. */
void
show_sites(const json_t *answer)
{
	struct table *table =
		table_new("SITE >ID STATE >REQUESTS BINDING POOLS");
	json_t *site, *binding, *pool;
	size_t i, k, n;

	json_array_foreach(json_object_get(answer, "sites"), i, site)
	{
		const char *name = text_or_null(site, "name");
		char pools[512] = "";

		json_array_foreach(json_object_get(site, "pools"), n, pool)
		{
			size_t used = strlen(pools);

			snprintf(pools + used, sizeof pools - used, "%s%s",
				 used == 0 ? "" : ",", json_string_value(pool));
		}
		json_array_foreach(json_object_get(site, "bindings"), k,
				   binding)
		{
			table_member(table, k == 0 ? site : NULL, "name");
			table_member(table, k == 0 ? site : NULL, "id");
			table_member(table, k == 0 ? site : NULL, "state");
			if (k == 0)
				table_number(table, requests_of(answer, name));
			else
				table_text(table, "-");
			table_text(table, json_string_value(binding));
			table_text(table, k == 0 ? pools : "-");
		}
	}
	table_print(table, stdout);
	table_free(table);
	show_silence(answer, "figures");
}

void
show_site_change(const json_t *answer)
{
	const json_t *site = json_object_get(answer, "site");

	printf("site %s is %s\n", text_or_null(site, "name"),
	       text_or_null(site, "state"));
}

void
show_logs(const json_t *answer)
{
	static const char *const members[] = { "name", "state", "waiting",
					       "lost", "file",	NULL };

	print_rows("LOG STATE >WAITING/B >LOST FILE",
		   json_object_get(json_object_get(answer, "figures"), "logs"),
		   members);
	show_silence(answer, "figures");
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

/* ---- the cache ----------------------------------------------------------- */

static long long
number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* As netsh shows it. */
static void
print_entry(const json_t *entry)
{
	time_t created = (time_t)number_of(entry, "created");
	char when[40];
	struct tm parts;

	strftime(when, sizeof when, "%Y.%m.%d:%H.%M.%S",
		 gmtime_r(&created, &parts));
	printf("\nURL: %s\n", text_or_null(entry, "url"));
	printf("    Status code: %lld\n", number_of(entry, "status"));
	printf("    HTTP verb: %s\n", text_or_null(entry, "verb"));
	printf("    Cache policy type: %s%s\n", text_or_null(entry, "policy"),
	       json_is_true(json_object_get(entry, "whileWorker")) ?
		       " (while its worker lives)" :
		       "");
	if (json_object_get(entry, "ttl") != NULL)
		printf("    Cache policy TTL: %lld\n", number_of(entry, "ttl"));
	printf("    Creation time: %s\n", when);
	printf("    Request queue name: %s\n", text_or_null(entry, "pool"));
	printf("    Content type: %s\n", text_or_null(entry, "contentType"));
	printf("    Content encoding: %s\n",
	       text_or_null(entry, "contentEncoding"));
	printf("    Headers length: %lld\n", number_of(entry, "headersLength"));
	printf("    Content length: %lld\n", number_of(entry, "contentLength"));
	printf("    Hit count: %lld\n", number_of(entry, "hits"));
}

void
show_cache(const json_t *answer)
{
	const json_t *figures = json_object_get(answer, "figures");
	const json_t *kept = json_object_get(figures, "kept");
	const json_t *cache = json_object_get(figures, "cache");
	size_t i;
	json_t *entry;

	printf("cache\n");
	print_numbers(cache);
	printf("\nSnapshot of HTTP response cache:\n"
	       "--------------------------------\n");
	json_array_foreach(kept, i, entry) print_entry(entry);
	if ((long long)json_array_size(kept) < number_of(cache, "entries"))
		printf("\n(and %lld more)\n",
		       number_of(cache, "entries") -
			       (long long)json_array_size(kept));
	show_silence(answer, "figures");
}

void
show_cache_flush(const json_t *answer)
{
	const json_t *figures = json_object_get(answer, "figures");

	printf("%lld flushed\n",
	       number_of(json_object_get(figures, "cache"), "flushedNow"));
	show_silence(answer, "figures");
}

void
show_certs(const json_t *answer)
{
	static const char *const members[] = { "certificate", "key",
					       "notAfter",    "subject",
					       "issuer",      "file",
					       "ocsp",	      NULL };

	print_rows("NAME KEY EXPIRES SUBJECT ISSUER FILE OCSP",
		   json_object_get(answer, "certificates"), members);
}
