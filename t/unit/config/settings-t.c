/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: what a file means, every problem with its place, and that a
 * listener and a worker read what porticod hands them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/config/config.h"
#include "core/config/settings.h"

static const char whole[] =
	"{\n"
	"  // the shop\n"
	"  \"moduleDirectory\": \"modules\",\n"
	"  \"runtimeDirectory\": \"/run/p\",\n"
	"  \"listener\": { \"threads\": 2, \"maxRequestBytes\": \"8KiB\", "
	"\"minReceiveRate\": 99,\n    "
	"\"http2\": { \"maxConcurrentStreams\": 7, \"pingRate\": 3 }, "
	"\"accessLog\": { \"fields\": [\"date\", \"cs(Referer)\"] } },\n"
	"  \"poolDefaults\": { \"queueLength\": 77 },\n"
	"  \"pools\": { \"shop\": { \"workers\": 3, \"startMode\": "
	"\"AlwaysRunning\",\n"
	"      \"environment\": { \"SECRET\": \"x\" },\n"
	"      \"startupTimeLimit\": \"5s\", \"maxRequestBody\": \"1MiB\", "
	"\"queueTimeout\": \"7s\", \"revokeAfter\": \"70ms\", "
	"\"responseIdleTimeout\": 0 },\n"
	"    \"other\": {} },\n"
	"  \"sites\": {\n"
	"    \"a\": { \"bindings\": [ \"http://*:8080\", { \"url\": "
	"\"http://[::1]:81/x\" } ],\n"
	"      \"applications\": {\n"
	"        \"/\": { \"pool\": \"shop\", \"root\": \"files\",\n"
	"               \"static\": { \"key\": [1,\n"
	"                  2] } },\n"
	"        \"/api\": { \"pool\": \"other\", \"modules\": [\"gate\"],\n"
	"          \"handlers\": [ { \"path\": \"*.x\", \"methods\": \"GET\", "
	"\"module\": \"echo\", \"handler\": \"e\" } ] } } },\n"
	"    \"b\": { \"id\": 1, \"bindings\": [\"http://B.example\"],\n"
	"      \"applications\": { \"/\": { \"pool\": \"other\" } } }\n"
	"  }\n"
	"}\n";

static struct settings *
read_good(const char *text)
{
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings = settings_read_text(
		text, strlen(text), "/etc/p/portico.json", problems);

	if (settings == NULL)
		config_print_problems(problems, stderr);
	assert_non_null(settings);
	arena_free(arena);
	return settings;
}

static void
test_whole(void **state)
{
	struct settings *settings = read_good(whole);
	const struct settings_pool *shop = settings_find_pool(settings, "shop");
	const struct settings_site *a = &settings->sites[0];

	(void)state;
	assert_int_equal(settings->pool_count, 2);
	assert_int_equal(shop->workers, 3);
	assert_int_equal(shop->queue_length, 77);
	assert_int_equal(shop->start_mode, SETTINGS_START_ALWAYS_RUNNING);
	assert_true(shop->startup_time_limit == 5000000000ull);
	assert_true(shop->max_request_body == 1048576);
	assert_int_equal(shop->place.line, 8);
	assert_string_equal(settings->module_directory, "/etc/p/modules");
	assert_string_equal(settings->control_socket, "/run/p/control.sock");
	assert_int_equal(settings->listener.threads, 2);
	assert_true(settings->listener.limits.max_request_bytes == 8192);
	assert_int_equal(settings->listener.access_log.column_count, 2);
	assert_int_equal(settings->listener.access_log.columns[1].field,
			 SETTINGS_LOG_REFERER);
	assert_int_equal(settings->site_count, 2);
	assert_int_equal(a->id, 2); /* 1 is taken by b */
	assert_int_equal(a->binding_count, 2);
	assert_int_equal(a->bindings[0].host_kind, SETTINGS_HOST_WEAK);
	assert_int_equal(a->bindings[0].port, 8080);
	assert_string_equal(a->bindings[1].address, "::1");
	assert_string_equal(a->bindings[1].path, "/x/");
	assert_string_equal(settings->sites[1].bindings[0].host, "b.example");
	assert_int_equal(settings->sites[1].bindings[0].port, 80);
	settings_unref(&settings);
	assert_null(settings);
}

static void
test_applications(void **state)
{
	struct settings *settings = read_good(whole);
	const struct settings_site *a = &settings->sites[0];
	const struct settings_application *api = &a->applications[0];
	const struct settings_application *top = &a->applications[1];
	const struct settings_section *section;

	(void)state;
	assert_string_equal(api->path, "/api"); /* the longest first */
	assert_string_equal(api->pool->name, "other");
	assert_int_equal(api->module_count, 2);
	assert_string_equal(api->modules[0], "gate");
	assert_string_equal(api->modules[1], "echo");
	assert_string_equal(api->handlers[0].methods, "GET");
	assert_string_equal(top->root, "/etc/p/files");
	assert_int_equal(top->handler_count, 1);
	assert_string_equal(top->handlers[0].module, "static");
	section = settings_find_section(top, "static");
	assert_non_null(section);
	assert_int_equal(section->place.line, 16);
	assert_int_equal(section->place.column, 26);
	assert_null(settings_find_section(top, "echo"));
	assert_ptr_equal(settings_find_application(settings, top->id), top);
	assert_null(settings_find_application(settings, 99));
	assert_int_equal(settings->module_count, 3);
	assert_string_equal(settings_find_module(settings, "gate")->file,
			    "/etc/p/modules/gate.so");
	settings_unref(&settings);
}

static void
test_defaults(void **state)
{
	struct settings *settings = read_good(
		"{\"sites\": {\"s\": {\"bindings\": [\"http://*:0\"], "
		"\"applications\": {\"/\": {}}}}}");
	const struct settings_pool *pool =
		settings_find_pool(settings, "default");

	(void)state;
	assert_non_null(pool);
	assert_int_equal(pool->queue_length, 1000);
	assert_int_equal(pool->max_concurrent_requests, 5000);
	assert_true(pool->shutdown_time_limit == 90000000000ull);
	/* By default nobody waits for ever. */
	assert_true(pool->queue_timeout == 120000000000ull);
	assert_true(pool->activation_timeout == 90000000000ull);
	assert_true(pool->execution_timeout == 0);
	assert_true(pool->response_idle_timeout == 120000000000ull);
	assert_true(pool->revoke_after == 50000000ull);
	assert_true(pool->idle_timeout == 1200000000000ull);
	assert_true(pool->pinging_enabled);
	assert_true(pool->ping_interval == 30000000000ull);
	assert_true(pool->ping_response_time == 90000000000ull);
	assert_true(pool->recycling.time == 29 * 3600 * 1000000000ull);
	assert_true(pool->recycling.requests == 0);
	assert_true(pool->recycling.private_memory == 0);
	assert_false(pool->recycling.disallow_overlapping_rotation);
	assert_true(pool->recycling.unhealthy_interval == 10000000000ull);
	assert_true(pool->max_request_body == 30000000);
	assert_true(pool->replay);
	assert_null(pool->user);
	assert_in_range(settings->listener.threads, 1, 4);
	assert_int_equal(settings->listener.backlog, 511);
	assert_true(settings->listener.limits.min_send_rate == 240);
	assert_true(settings->listener.limits.min_receive_rate == 240);
	assert_true(settings->listener.http2.enabled);
	assert_true(settings->listener.http2.max_concurrent_streams == 100);
	assert_true(settings->listener.http2.initial_window == 65536);
	assert_int_equal(settings->listener.access_log.column_count, 17);
	settings_unref(&settings);
}

/* What each audience reads back, and what it is not told. */
static void
test_hand_on(void **state)
{
	struct settings *settings = read_good(whole), *copy;
	const struct settings_pool *shop = settings_find_pool(settings, "shop");
	const struct settings_application *top =
		&settings->sites[0].applications[1];
	struct portico_error err = { .status = PORTICO_OK };
	int fd;

	(void)state;
	settings->generation = 42;
	fd = settings_to_memfd(settings, SETTINGS_FOR_WORKER, shop, &err);
	assert_true(fd >= 0);
	copy = settings_read_memfd(fd, &err);
	assert_non_null(copy);
	assert_int_equal(copy->generation, 42);
	assert_int_equal(copy->pool_count, 1);
	assert_int_equal(copy->site_count, 1);
	assert_int_equal(copy->sites[0].application_count, 1);
	assert_int_equal(copy->sites[0].applications[0].id, top->id);
	/* Of the others it is told where they are, and no more. */
	assert_int_equal(copy->sites[0].elsewhere_count,
			 settings->sites[0].application_count - 1);
	assert_string_equal(copy->sites[0].elsewhere[0],
			    settings->sites[0].applications[0].path);
	assert_int_equal(copy->module_count, 1);
	assert_string_equal(copy->modules[0].file, "/etc/p/modules/static.so");
	assert_string_equal(copy->pools[0].environment[0].value, "x");
	const struct settings_section *section = settings_find_section(
		&copy->sites[0].applications[0], "static");
	assert_non_null(section);
	assert_int_equal(section->place.line, 16);
	assert_string_equal(section->place.file, "/etc/p/portico.json");
	assert_non_null(strchr(section->json, '\n'));
	settings_unref(&copy);
	io_close(&fd);

	fd = settings_to_memfd(settings, SETTINGS_FOR_LISTENER, NULL, &err);
	copy = settings_read_memfd(fd, &err);
	assert_non_null(copy);
	assert_int_equal(copy->pool_count, 2);
	assert_int_equal(copy->site_count, 2);
	assert_int_equal(copy->sites[0].id, settings->sites[0].id);
	assert_int_equal(copy->sites[0].applications[1].id, top->id);
	assert_int_equal(copy->pools[0].environment_count, 0);
	assert_int_equal(copy->sites[0].applications[1].section_count, 0);
	assert_true(copy->listener.limits.max_request_bytes == 8192);
	assert_true(copy->listener.limits.min_receive_rate == 99);
	assert_true(copy->listener.http2.max_concurrent_streams == 7);
	assert_true(copy->listener.http2.ping_rate == 3);
	assert_true(copy->listener.http2.connection_window == 1 << 20);
	assert_true(copy->pools[0].queue_timeout == 7000000000ull);
	assert_true(copy->pools[0].revoke_after == 70000000ull);
	assert_true(copy->pools[0].response_idle_timeout == 0);
	assert_int_equal(copy->listener.access_log.column_count, 2);
	settings_unref(&copy);
	io_close(&fd);
	settings_unref(&settings);
}

/* Reading back what was written gives the same text: nothing is lost. */
static void
test_round_trip(void **state)
{
	struct settings *settings = read_good(whole), *copy;
	size_t length, again_length;
	char *text =
		settings_to_text(settings, SETTINGS_FOR_ALL, NULL, &length);
	int fd = settings_to_memfd(settings, SETTINGS_FOR_ALL, NULL, NULL);
	struct portico_error err;
	char *again;

	(void)state;
	copy = settings_read_memfd(fd, &err);
	assert_non_null(copy);
	again = settings_to_text(copy, SETTINGS_FOR_ALL, NULL, &again_length);
	assert_string_equal(text, again);
	mem_free(text);
	mem_free(again);
	settings_unref(&copy);
	settings_unref(&settings);
	io_close(&fd);
}

static void
test_keep_numbers(void **state)
{
	struct settings *old = read_good(
		"{\"sites\": {\"s\": {\"bindings\": [\"http://*:0\"], "
		"\"applications\": {\"/\": {}, \"/b\": {}}}}}");
	struct settings *new = read_good(
		"{\"sites\": {\"r\": {\"bindings\": [\"http://*:1\"], "
		"\"applications\": {\"/\": {}}}, \"s\": {\"bindings\": "
		"[\"http://*:0\"], \"applications\": {\"/a\": {}, \"/\": {}, "
		"\"/b\": {}}}}}");

	(void)state;
	settings_keep_numbers(new, old);
	for (size_t i = 0; i < 3; i++) {
		const struct settings_application *application =
			&new->sites[1].applications[i];
		uint32_t id = application->id;

		if (strcmp(application->path, "/") == 0)
			assert_int_equal(id, old->sites[0].applications[1].id);
		else if (strcmp(application->path, "/b") == 0)
			assert_int_equal(id, old->sites[0].applications[0].id);
		else
			assert_true(id > 2);
		assert_true(id != new->sites[0].applications[0].id);
	}
	settings_unref(&old);
	settings_unref(&new);
}

/* One wrong text, and what has to be said of it, with its place. */
struct wrong {
	const char *text;
	const char *said[4];
};

#define SITE(bindings, application)                                            \
	"{\"sites\":{\"s\":{\"bindings\":" bindings                            \
	",\"applications\":{" application "}}}}"

#define TWO_LOGS(one, two)                                                     \
	"{\"sites\": {\"a\": {\"bindings\": [\"http://*:1\"],\n"               \
	"\"log\": " one ",\n\"applications\": {\"/\": {}}},\n"                 \
	"\"b\": {\"bindings\": [\"http://*:2\"],\n"                            \
	"\"log\": " two ",\n\"applications\": {\"/\": {}}}}}"

/* Each log has a line to itself: the second and the fifth. */
static const struct wrong wrong_site_logs[] = {
	{ TWO_LOGS("{\"file\": \"x.log\"}",
		   "{\"file\": \"./x.log\", \"format\": \"json\"}"),
	  { "portico.json:5:8: sites.b.log: /var/log/portico/./x.log is "
	    "another log already, of other fields, format or periods" } },
	{ TWO_LOGS("{\"file\": \"x.log\", \"keepFiles\": 3}",
		   "{\"file\": \"/var/log/portico/x.log\"}"),
	  { "portico.json:5:8: sites.b.log: /var/log/portico/x.log is" } },
	{ TWO_LOGS("{\"file\": \"d/x.log\"}",
		   "{\"file\": \"e//../d/x.log\", \"format\": \"json\"}"),
	  { "portico.json:5:8: sites.b.log: /var/log/portico/e//../d/x.log is "
	    "another log already" } },
	{ TWO_LOGS("{\"file\": \"../portico/httperr.log\"}", "{}"),
	  { "portico.json:2:8: sites.a.log: /var/log/portico/../portico/"
	    "httperr.log is another log already" } },
	{ TWO_LOGS("{\"file\": \"httperr.log\"}", "{}"),
	  { "portico.json:2:8: sites.a.log: /var/log/portico/httperr.log is "
	    "another log already" } },
	{ TWO_LOGS("{}", "{\"format\": \"jsn\"}"),
	  { "portico.json:5:19: sites.b.log.format: found \"jsn\", " } },
	{ TWO_LOGS("{\"file\": \"x\", \"fields\": [\"date\", \"c_ip\"]}",
		   "{\"file\": \"y\", \"fields\": []}"),
	  { "portico.json:2:41: sites.a.log.fields[1]: \"c_ip\" is no field of "
	    "the access log; did you mean \"c-ip\"?",
	    "portico.json:5:32: sites.b.log.fields: " } },
	{ TWO_LOGS("{\"file\": \"x\", \"period\": \"daily\"}",
		   "{\"fields\": [\"date\"]}"),
	  { "portico.json:2:32: sites.a.log.period: found \"daily\", ",
	    "portico.json:5:19: sites.b.log.fields: needs a file of the "
	    "site's own" } },
	{ TWO_LOGS("{\"file\": \"{name}.log\"}", "{\"file\": \"\"}"),
	  { "portico.json:2:8: sites.a.log: \"{name}.log\" cannot be the file "
	    "of a site's log: {} is for {site} and {id} only",
	    "portico.json:5:17: sites.b.log.file: " } },
};

static const struct wrong wrongs[] = {
	{ "{\"pools\": {\"p\": {\"queueLength\": 9,\n \"workers\": 0,\n "
	  "\"startupTimeLimit\": \"5\"}}}",
	  { "portico.json:1:33: pools.p.queueLength: ", "portico.json:2:13: ",
	    "portico.json:3:22: " } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"pool\": \"nope\"}"),
	  { "pool \"nope\" does not exist" } },
	{ SITE("[\"http://*:1\"]", "\"x\": {}"), { "begins with '/'" } },
	{ SITE("[\"http://*:1\"]", "\"/x/\": {}"), { "ends without '/'" } },
	{ SITE("[\"ftp://*:1\"]", "\"/\": {}"), { "http:// or https://" } },
	{ SITE("[\"http://*:70000\"]", "\"/\": {}"), { "1 to 65535" } },
	{ SITE("[\"http://a b:1\"]", "\"/\": {}"), { "the host has to be" } },
	{ SITE("[\"http://a..b\"]", "\"/\": {}"), { "the host has to be" } },
	{ SITE("[\"http://[::1\"]", "\"/\": {}"), { "the host has to be" } },
	{ SITE("[\"http://*:1/a//b\"]", "\"/\": {}"), { "plain path" } },
	{ SITE("[\"http://*:1\",\n\"http://*:1/\"]", "\"/\": {}"),
	  { "portico.json:2:1: ", "is bound already in line 1" } },
	{ SITE("[\"http://*:1\",\"https://a:1/\"]", "\"/\": {}"),
	  { "needs a port of its own" } },
	{ SITE("[{\"url\":\"http://*:1\",\"address\":\"x\"}]", "\"/\": {}"),
	  { "address \"x\" has to be" } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"rooot\": \"x\"}"),
	  { "did you mean \"root\"?" } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"proxy\": {}}"),
	  { "unknown key; allowed are",
	    "modules of this application: \"static\"" } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"static\": 3}"),
	  { "has to be an object" } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"modules\": [\"Bad_\"]}"),
	  { "cannot be a module" } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"handlers\": [{\"path\": \"x\", "
				   "\"module\": \"m\"}]}"),
	  { "has to begin with '/' or '*'" } },
	{ SITE("[\"http://*:1\"]", "\"/\": {\"sections\": {\"static\": "
				   "{\"text\": \"{}\"}}}"),
	  { "unknown key" } },
	{ "{\"sites\": {\"a\": {\"elsewhere\": [\"/x\"], \"bindings\": "
	  "[\"http://*:1\"], \"applications\": {\"/\": {}}}}}",
	  { "unknown key" } },
	{ "{\"sites\": {\"a\": {\"id\": 4, \"bindings\": [\"http://*:1\"], "
	  "\"applications\": {\"/\": {}}}, \"b\": {\"id\": 4, \"bindings\": "
	  "[\"http://*:2\"], \"applications\": {\"/\": {}}}}}",
	  { "id 4 is that of site \"a\" already" } },
	{ "{\"listener\": {\"accessLog\": {\"fields\": [\"dat\"]}}}",
	  { "is no field of the access log; did you mean \"date\"?" } },
	{ "{\"listener\": {\"accessLog\": {\"fields\": "
	  "[\"time(head,tail)\"]}}}",
	  { "\"time(head,tail)\" is no field of the access log" } },
	{ "{\"listener\": {\"accessLog\": {\"fields\": [\"date\", "
	  "\"date\"]}}}",
	  { "the access log has the field \"date\" twice" } },
	{ "{\"listener\": {\"accessLog\": {\"customFields\": [{"
	  "\"logFieldName\": \"a b\", \"sourceName\": \"X Y\", "
	  "\"sourceType\": \"RequestHeader\"}, {\"logFieldName\": \"c\", "
	  "\"sourceName\": \"PATH\", \"sourceType\": "
	  "\"ServerVariable\"}]}}}",
	  { "\"a b\" cannot be the name of a field in the log",
	    "\"X Y\" cannot be the name of a header field",
	    "\"PATH\" is no server variable" } },
	{ "{\"pools\": {\"a b\": {}}}", { "cannot be the name of a pool" } },
	{ "{\"pool\": {}}", { "portico.json:1:2: " } },
	{ "{\"pools\": {\"p\": {\"environment\": {\"A=B\": \"x\"}}}}",
	  { "cannot be the name of an environment variable" } },
	{ "[]", { "portico.json" } },
	{ "{", { "portico.json" } },
};

static void
check_wrong(const struct wrong *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct wrong *wrong = &list[i];
		struct arena *arena = arena_new("test", 0);
		struct config_problems *problems = config_problems_new(arena);

		assert_null(settings_read_text(wrong->text, strlen(wrong->text),
					       "portico.json", problems));
		for (size_t k = 0; k < 4 && wrong->said[k] != NULL; k++) {
			bool found = false;

			for (size_t n = 0; n < config_problem_count(problems);
			     n++)
				found |=
					strstr(config_problem_text(problems, n),
					       wrong->said[k]) != NULL;
			if (!found) {
				print_error("%s\nnot said: %s\n", wrong->text,
					    wrong->said[k]);
				config_print_problems(problems, stderr);
			}
			assert_true(found);
		}
		arena_free(arena);
	}
}

static void
test_wrong(void **state)
{
	(void)state;
	check_wrong(wrongs, sizeof wrongs / sizeof *wrongs);
}

/* Files that are the same by another name are one, as is the server's. */
static void
test_shared_logs(void **state)
{
	struct settings *settings = read_good(
		TWO_LOGS("{\"file\": \"x.log\"}", "{\"file\": \".//x.log\"}"));

	(void)state;
	assert_string_equal(settings->sites[0].log.file,
			    settings->sites[1].log.file);
	settings_unref(&settings);
	settings = read_good(TWO_LOGS("{\"file\": \"./access.log\"}",
				      "{\"file\": "
				      "\"a/../access.log\"}"));
	assert_null(settings->sites[0].log.file);
	assert_null(settings->sites[1].log.file);
	settings_unref(&settings);
}

static void
test_wrong_site_logs(void **state)
{
	(void)state;
	check_wrong(wrong_site_logs,
		    sizeof wrong_site_logs / sizeof *wrong_site_logs);
}

/* All problems of a file at once, not the first alone. */
static void
test_all_at_once(void **state)
{
	const char *text =
		"{\"listener\": {\"threads\": 900},\n"
		" \"sites\": {\"s\": {\"bindings\": [\"x\", \"y\"],\n"
		" \"applications\": {\"a\": {\"pool\": \"no\"}}}}}";
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);

	(void)state;
	assert_null(settings_read_text(text, strlen(text), "f", problems));
	assert_int_equal(config_problem_count(problems), 5);
	arena_free(arena);
}

static void
test_world(void **state)
{
	char directory[] = "/tmp/portico-settings-XXXXXX";
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings;
	char *text;

	(void)state;
	assert_non_null(mkdtemp(directory));
	text = arena_printf(
		arena,
		"{\"moduleDirectory\": \"%s\", \"modules\": {\"m\": "
		"\"/bin/sh\"}, \"sites\": {\"s\": {\"bindings\": "
		"[\"http://*:1\"],\n\"applications\": "
		"{\"/\": {\"root\": \"%s\", \"modules\": \"m\"},\n\"/a\": "
		"{\"root\": \"/nonexistent\", \"modules\": \"m\"},\n\"/b\": "
		"{\"root\": \"/bin/sh\", \"modules\": \"m\"}}}}}",
		directory, directory);
	settings = read_good(text);
	settings_check_world(settings, problems);
	/* Two roots, static.so. */
	assert_int_equal(config_problem_count(problems), 3);
	settings_unref(&settings);
	arena_free(arena);
	rmdir(directory);
}

/* What bindings say of certificates, and that only porticod keeps the files. */
static void
test_certificates(void **state)
{
	struct settings *settings = read_good(
		"{\"certificates\": {\"c\": {\"certificate\": \"c.pem\", "
		"\"key\": \"/k\", \"alternatives\": [{\"certificate\": "
		"\"d.pem\", \"key\": \"d.key\"}]}}, \"sites\": {\"s\": "
		"{\"hsts\": {\"enabled\": true, \"maxAge\": \"1d\"}, "
		"\"bindings\": [{\"url\": \"https://*:1\", "
		"\"certificate\": \"c\", \"clientCertificate\": \"accept\", "
		"\"clientCertificateAuthorities\": \"/ca\"}], "
		"\"applications\": {\"/\": {}}}}}");
	const struct settings_certificate *certificate =
		&settings->certificates[0];
	struct settings *copy;
	struct portico_error err;
	char *text;
	size_t length;
	int fd;

	(void)state;
	assert_int_equal(certificate->file_count, 2);
	assert_string_equal(certificate->files[0].key, "/k");
	assert_string_equal(settings->sites[0].bindings[0].certificate, "c");
	assert_int_equal(settings->sites[0].hsts.max_age, 86400);
	fd = settings_to_memfd(settings, SETTINGS_FOR_LISTENER, NULL, &err);
	copy = settings_read_memfd(fd, &err);
	assert_non_null(copy);
	close(fd);
	assert_int_equal(copy->certificate_count, 0);
	assert_int_equal(copy->sites[0].bindings[0].client_certificate,
			 SETTINGS_CLIENT_CERTIFICATE_ACCEPT);
	assert_string_equal(copy->sites[0].bindings[0].client_authorities,
			    "/ca");
	assert_true(copy->sites[0].hsts.enabled);
	settings_unref(&copy);
	text = settings_to_text(settings, SETTINGS_FOR_WORKER,
				&settings->pools[0], &length);
	assert_null(strstr(text, "/ca"));
	assert_null(strstr(text, "\"/k\""));
	mem_free(text);
	settings_unref(&settings);
}

#define HTTPS(url, more)                                                       \
	"{\"url\": \"" url "\", \"certificate\": \"c\"" more "}"
#define ASKING(file)                                                           \
	", \"clientCertificate\": \"accept\", "                                \
	"\"clientCertificateAuthorities\": \"" file "\""

/* Whoever is sent to https has to find it. */
static void
test_redirect(void **state)
{
	static const char text[] =
		"{\"sites\": {\"s\": {\n\"bindings\": [\"http://*:1\"],\n"
		"\"hsts\": {\n\"redirectHttpToHttps\": true},\n"
		"\"applications\": {\"/\": {}}}}}";
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings;

	(void)state;
	assert_null(settings_read_text(text, strlen(text), "test", problems));
	assert_int_equal(config_problem_count(problems), 1);
	assert_non_null(strstr(config_problem_text(problems, 0), "test:4:"));
	assert_non_null(strstr(config_problem_text(problems, 0),
			       "redirectHttpToHttps needs a binding with "
			       "https, and site \"s\" has none"));
	arena_free(arena);
	settings = read_good(
		"{\"certificates\": {\"c\": {\"certificate\": \"c\", "
		"\"key\": \"k\"}}, \"sites\": {\"s\": {\"bindings\": "
		"[\"http://*:1\", " HTTPS("https://*:2/a", "") ", " HTTPS(
			"https://*:2/b",
			"") "], "
			    "\"hsts\": {\"redirectHttpToHttps\": true}, "
			    "\"applications\": {\"/\": {}}}}}");
	assert_true(settings->sites[0].hsts.redirect);
	settings_unref(&settings);
}

static void
test_certificate_problems(void **state)
{
	static const struct {
		const char *binding, *problem;
	} rows[] = {
		{ "\"https://*:1\"", "needs a certificate" },
		{ "{\"url\": \"https://*:1\", \"certificate\": \"x\"}",
		  "certificate \"x\" is not in" },
		{ "{\"url\": \"http://*:1\", \"certificate\": \"c\"}",
		  "is no https" },
		{ "{\"url\": \"https://*:1\", \"certificate\": \"c\", "
		  "\"clientCertificate\": \"require\"}",
		  "needs clientCertificateAuthorities" },
		{ HTTPS("https://*:1/a", "") "," HTTPS(
			  "https://*:1/b",
			  ", \"clientCertificate\": \"require\", "
			  "\"clientCertificateAuthorities\": \"/ca\""),
		  "needs the same clientCertificate and "
		  "clientCertificateAuthorities as line 1: TLS is agreed on "
		  "before the path is known" },
		{ HTTPS("https://a.example:1/a", ASKING("/ca")) "," HTTPS(
			  "https://A.Example:1/b", ASKING("/other")),
		  "needs the same clientCertificate" },
		{ HTTPS("https://*:1/a",
			"") ",{\"url\": \"https://*:1/b\", \"certificate\": "
			    "\"d\"}",
		  "\"https://*:1/b\" needs the same certificate as line 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct arena *arena = arena_new("test", 0);
		struct config_problems *problems = config_problems_new(arena);
		const char *text = arena_printf(
			arena,
			"{\"certificates\": {\"c\": {\"certificate\": \"c\", "
			"\"key\": \"k\"}, \"d\": {\"certificate\": \"d\", "
			"\"key\": \"k\"}}, \"sites\": {\"s\": "
			"{\"bindings\": [%s], \"applications\": {\"/\": "
			"{}}}}}",
			rows[i].binding);

		assert_null(settings_read_text(text, strlen(text), "test",
					       problems));
		assert_int_equal(config_problem_count(problems), 1);
		assert_non_null(strstr(config_problem_text(problems, 0),
				       rows[i].problem));
		arena_free(arena);
	}
}

static void
test_memfd_is_checked(void **state)
{
	struct portico_error err;
	int fd = io_memfd_create("test", 10, NULL);

	(void)state;
	assert_null(settings_read_memfd(fd, &err)); /* not sealed */
	assert_int_equal(err.status, PORTICO_PROTOCOL);
	io_close(&fd);
	fd = io_memfd_from("test", "{\"x\":1}", 7, NULL);
	assert_null(settings_read_memfd(fd, &err));
	assert_int_equal(err.status, PORTICO_CONFIG);
	io_close(&fd);
}

/* The tables themselves: prose everywhere, defaults within bounds. */
extern const struct config_table settings_root_table;

static void
test_tables(void **state)
{
	struct portico_error err = { .status = PORTICO_OK };

	(void)state;
	if (config_check_table(&settings_root_table, &err) != PORTICO_OK)
		error_print(stderr, &err);
	assert_int_equal(err.status, PORTICO_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_applications),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_hand_on),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_keep_numbers),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_wrong_site_logs),
		cmocka_unit_test(test_shared_logs),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_world),
		cmocka_unit_test(test_certificates),
		cmocka_unit_test(test_certificate_problems),
		cmocka_unit_test(test_redirect),
		cmocka_unit_test(test_memfd_is_checked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
