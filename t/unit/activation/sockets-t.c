/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening sockets: one for each thread, kept while the settings want them,
 * nothing left behind by a failure.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/activation/sockets.h"
#include "core/base/arena.h"
#include "core/base/io.h"
#include "core/config/config.h"
#include "core/config/settings.h"

/* Settings with three threads and these bindings. */
static struct settings *
with_bindings(const char *bindings)
{
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);
	const char *text = arena_printf(
		arena,
		"{\"listener\":{\"threads\":3},\"sites\":{\"s\":{\"bindings\":"
		"[%s],\"applications\":{\"/\":{}}}}}",
		bindings);
	struct settings *settings =
		settings_read_text(text, strlen(text), "/test.json", problems);

	if (settings == NULL)
		config_print_problems(problems, stderr);
	assert_non_null(settings);
	arena_free(arena);
	return settings;
}

/* Whether something listens on the port of 127.0.0.1. */
static bool
answers(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool good;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	good = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	io_close(&fd);
	return good;
}

static void
test_one_for_each_thread(void **state)
{
	struct settings *settings = with_bindings("\"http://127.0.0.1:0\"");
	struct sockets sockets;
	struct portico_error err;
	uint16_t port;
	uint32_t thread = 0;

	(void)state;
	sockets_init(&sockets);
	assert_int_equal(sockets_open(&sockets, settings, &err), PORTICO_OK);
	assert_int_equal(sockets.count, 3);
	port = sockets_real_port(&sockets, "127.0.0.1", 0);
	assert_int_not_equal(port, 0);
	LIST_FOREACH(struct sockets_entry, link, entry, &sockets.entries) {
		assert_int_equal(entry->real_port, port);
		assert_int_equal(entry->thread, thread++);
		assert_int_equal(entry->family, AF_INET);
	}
	assert_true(answers(port));
	sockets_fini(&sockets);
	assert_false(answers(port));
	settings_unref(&settings);
}

/* "*" takes IPv4, over a dual-stack socket where there is IPv6. */
static void
test_everywhere(void **state)
{
	struct settings *settings = with_bindings("\"http://*:0\"");
	struct sockets sockets;
	struct portico_error err;

	(void)state;
	sockets_init(&sockets);
	assert_int_equal(sockets_open(&sockets, settings, &err), PORTICO_OK);
	assert_true(answers(sockets_real_port(&sockets, "*", 0)));
	sockets_fini(&sockets);
	settings_unref(&settings);
}

static void
test_new_settings(void **state)
{
	struct settings *first = with_bindings("\"http://127.0.0.1:0\"");
	struct settings *second = with_bindings("\"http://127.0.0.2:0\"");
	struct settings *both =
		with_bindings("\"http://127.0.0.1:0\",\"http://127.0.0.2:0\"");
	struct sockets sockets;
	struct portico_error err;
	uint16_t port;

	(void)state;
	sockets_init(&sockets);
	assert_int_equal(sockets_open(&sockets, first, &err), PORTICO_OK);
	port = sockets_real_port(&sockets, "127.0.0.1", 0);
	assert_int_equal(sockets_open(&sockets, both, &err), PORTICO_OK);
	assert_int_equal(sockets.count, 6);
	assert_int_equal(sockets_real_port(&sockets, "127.0.0.1", 0), port);
	assert_int_equal(sockets_open(&sockets, second, &err), PORTICO_OK);
	assert_true(answers(port)); /* until it is swept */
	sockets_sweep(&sockets);
	assert_false(answers(port));
	assert_int_equal(sockets.count, 3);
	sockets_fini(&sockets);
	settings_unref(&first);
	settings_unref(&second);
	settings_unref(&both);
}

/* Another server's port, also if that would share it (SO_REUSEPORT). */
static void
test_taken(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;
	struct sockets sockets;
	struct portico_error err;
	struct settings *settings;
	char bindings[128];

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length),
			 0);
	snprintf(bindings, sizeof bindings,
		 "\"http://127.0.0.1:0\",\n\"http://127.0.0.1:%u\"",
		 ntohs(address.sin_port));
	settings = with_bindings(bindings);
	sockets_init(&sockets);
	assert_int_equal(sockets_open(&sockets, settings, &err),
			 PORTICO_EXISTS);
	assert_int_equal(err.line, 2);
	assert_non_null(strstr(err.message, "listening on http://127.0.0.1:"));
	assert_int_equal(sockets.count, 0); /* the first one, too */
	sockets_fini(&sockets);
	settings_unref(&settings);
	io_close(&fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_for_each_thread),
		cmocka_unit_test(test_everywhere),
		cmocka_unit_test(test_new_settings),
		cmocka_unit_test(test_taken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
