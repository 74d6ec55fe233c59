/* SPDX-License-Identifier: Apache-2.0
 *
 * The program portico-worker as a whole, with this test as its manager and its
 * listener: configure, ready, link, a request answered by a module from a
 * file, a listener that dies, stop.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>

#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/base/arena.h"
#include "core/channel/channel.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/control/messages.h"
#include "core/http/request_head.h"
#include "core/http/response_head.h"

extern char **environ;

struct played {
	pid_t pid;
	int pidfd;
	int control;
	int link;
	struct channel *channel;
	uint32_t generation;
};

static struct played played;

static const char *
build_directory(void)
{
	const char *directory = getenv("PORTICO_BUILDDIR");

	return directory != NULL ? directory : ".";
}

/* ---- messages ---------------------------------------------------------------- */

static void
wait_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	if (poll(&poll_fd, 1, 20000) != 1)
		fail_msg("nothing came for 20 s");
}

static void
send_json(int fd, json_t *json, const int *fds, size_t nfds)
{
	char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(text);
	assert_int_equal(io_send_message(fd, text, strlen(text), fds, nfds),
			 PORTICO_OK);
	free(text);
	json_decref(json);
}

/* The next message of that type; others are skipped. */
static json_t *
receive_json(int fd, const char *type)
{
	static char text[65536];

	for (;;) {
		ssize_t length;
		json_t *json;

		wait_readable(fd);
		length = io_recv_message(fd, text, sizeof(text), NULL, NULL);
		if (length <= 0)
			fail_msg("closed while waiting for %s", type);
		json = json_loadb(text, (size_t)length, 0, NULL);
		assert_non_null(json);
		if (strcmp(json_string_value(json_object_get(json, "type")),
			   type) == 0)
			return json;
		json_decref(json);
	}
}

/* ---- the worker ------------------------------------------------------------------ */

static void
worker_spawn(void)
{
	posix_spawn_file_actions_t actions;
	char path[4096];
	char option[] = "--control-fd=3", pool[] = "--pool=p";
	char *argv[] = { path, option, pool, NULL };
	int fds[2];

	snprintf(path, sizeof(path), "%s/portico-worker", build_directory());
	assert_int_equal(io_seqpacket_pair(fds, false, NULL), PORTICO_OK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 3);
	assert_int_equal(posix_spawn(&played.pid, path, &actions, NULL, argv,
				     environ),
			 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	played.control = fds[0];
}

static void
settings_write(char *text, size_t size, const char *extra)
{
	char resolved[PATH_MAX];

	assert_non_null(realpath(build_directory(), resolved));
	snprintf(text, size,
		 "{ \"pools\": { \"p\": { \"threads\": 2 } },"
		 "  \"sites\": { \"s\": { \"bindings\": [ \"http://*:8080\" ],"
		 "    \"applications\": { \"/\": { \"pool\": \"p\","
		 "      \"root\": \"/tmp\","
		 "      \"handlers\": [ { \"path\": \"*\","
		 "        \"module\": \"hello\" } ] %s } } } },"
		 "  \"modules\": { \"hello\": { \"file\":"
		 "    \"%s/sdk/examples/hello/.libs/hello.so\" },"
		 "    \"global\": { \"file\":"
		 "    \"%s/t/sdk/modules/.libs/global.so\" } } }",
		 extra, resolved, resolved);
}

static void
configure(const char *extra)
{
	char text[8192];
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);
	struct settings *settings;
	struct portico_error err = { 0 };
	int memfd;

	settings_write(text, sizeof(text), extra);
	settings =
		settings_read_text(text, strlen(text), "test.json", problems);
	if (settings == NULL)
		fail_msg("%s", config_problem_text(problems, 0));
	memfd = settings_to_memfd(settings, SETTINGS_FOR_WORKER,
				  settings_find_pool(settings, "p"), &err);
	if (memfd < 0)
		fail_msg("%s", err.message);
	send_json(played.control,
		  control_encode_configure(&(struct control_configure){
			  .generation = 1, .pool = "p" }),
		  &memfd, 1);
	close(memfd);
	settings_unref(&settings);
	arena_free(arena);
}

/* A link with one channel, as a listener would hand it over. */
static void
attach(void)
{
	struct channel_options options = { .name = "test", .slots = 8 };
	struct channel_handles handles;
	struct portico_error err = { 0 };
	int fds[2], all[CHANNEL_HANDLES];

	assert_int_equal(io_seqpacket_pair(fds, false, NULL), PORTICO_OK);
	send_json(played.control,
		  control_encode_link(&(struct control_link){ .listener = 1 }),
		  &fds[1], 1);
	close(fds[1]);
	played.link = fds[0];
	if (channel_create(&options, &played.channel, &handles, &err) !=
	    PORTICO_OK)
		fail_msg("%s", err.message);
	all[0] = handles.down;
	all[1] = handles.up;
	all[2] = handles.wake_worker;
	all[3] = handles.wake_listener;
	all[4] = handles.socket;
	send_json(played.link,
		  control_encode_channel(&(struct control_channel){
			  .index = 1, .count = 2, .version = CHANNEL_VERSION }),
		  all, CHANNEL_HANDLES);
	for (int i = 0; i < CHANNEL_HANDLES; i++)
		close(all[i]);
	json_decref(receive_json(played.link, "attached"));
}

static void
detach(void)
{
	channel_free(&played.channel);
	io_close(&played.link);
}

static void
assert_exits(int status)
{
	int got = -1;

	assert_int_equal(waitpid(played.pid, &got, 0), played.pid);
	assert_true(WIFEXITED(got));
	assert_int_equal(WEXITSTATUS(got), status);
}

/* ---- a request --------------------------------------------------------------------- */

static void
request_send(void)
{
	static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	static struct http_parsed_head parsed;
	struct http_address address = { .family = HTTP_FAMILY_UNIX };
	struct http_request_source source = { .raw = text,
					      .parsed = &parsed,
					      .client = &address,
					      .server = &address,
					      .request_id = 1,
					      .application_id = 1,
					      .path = PORTICO_SLICE("/"),
					      .scheme = HTTP_SCHEME_HTTP,
					      .major = 1 };
	struct channel_descriptor descriptor = {
		.type = CHANNEL_REQUEST,
		.count = 1,
		.slot = 3,
		.generation = ++played.generation,
	};
	struct http_parser parser;
	uint32_t size;
	void *block;

	http_parser_init(&parser, &http_parser_limits_default);
	assert_int_equal(http_parser_execute(&parser, &parsed, text,
					     strlen(text)),
			 HTTP_PARSE_DONE);
	block = channel_block_alloc(played.channel, CHANNEL_BLOCK_4K,
				    &descriptor.refs[0].block, &size);
	descriptor.refs[0].length =
		(uint32_t)http_request_head_write(&source, block, size);
	channel_claim_offer(played.channel, 3, descriptor.generation);
	assert_int_equal(channel_send(played.channel, &descriptor), PORTICO_OK);
	channel_flush(played.channel);
}

static void
assert_hello(void)
{
	struct channel_descriptor descriptor;
	const char *data;

	request_send();
	while (channel_receive(played.channel, &descriptor) == PORTICO_AGAIN) {
		if (!channel_sleep(played.channel))
			continue;
		wait_readable(channel_wake_fd(played.channel));
		channel_awake(played.channel, true);
	}
	assert_int_equal(descriptor.type, CHANNEL_RESPONSE);
	assert_int_equal(descriptor.flags,
			 CHANNEL_FLAG_LAST | CHANNEL_FLAG_END);
	assert_int_equal(descriptor.count, 1);
	data = channel_block_data(played.channel, descriptor.refs[0]);
	assert_memory_equal(data + descriptor.extra, "Hello, world\n", 13);
	channel_release(played.channel, descriptor.refs[0].block);
}

/* ---- tests ----------------------------------------------------------------------------- */

static void
test_hello_through_the_program(void **state)
{
	(void)state;
	worker_spawn();
	configure("");
	json_decref(receive_json(played.control, "ready"));
	send_json(played.control,
		  control_encode_ping(&(struct control_ping){ .id = 42 }), NULL,
		  0);
	json_decref(receive_json(played.control, "pong"));
	attach();
	assert_hello();
	assert_hello();
	/* The listener dies; another one comes. */
	detach();
	attach();
	assert_hello();
	send_json(played.control,
		  control_encode_stop(
			  &(struct control_stop){ .deadline_ms = 10000 }),
		  NULL, 0);
	json_decref(receive_json(played.control, "stopped"));
	assert_exits(0);
	detach();
	io_close(&played.control);
}

static void
test_it_ends_when_manager_and_listener_are_gone(void **state)
{
	(void)state;
	worker_spawn();
	configure("");
	json_decref(receive_json(played.control, "ready"));
	attach();
	io_close(&played.control);
	/* With a listener it goes on. */
	assert_hello();
	detach();
	assert_exits(0);
}

/* A reload removes the pool while a listener is replaced. */
static void
test_channels_may_come_until_it_has_ended(void **state)
{
	enum portico_status status;
	int fds[2], nowhere[CHANNEL_HANDLES];

	(void)state;
	worker_spawn();
	configure("");
	json_decref(receive_json(played.control, "ready"));
	assert_int_equal(io_seqpacket_pair(fds, false, NULL), PORTICO_OK);
	send_json(played.control,
		  control_encode_link(&(struct control_link){ .listener = 1 }),
		  &fds[1], 1);
	close(fds[1]);
	send_json(played.control,
		  control_encode_stop(&(struct control_stop){ 10000 }), NULL,
		  0);
	for (int i = 0; i < CHANNEL_HANDLES; i++)
		nowhere[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
	do {
		const struct control_channel channel = {
			.index = 1, .count = 2, .version = CHANNEL_VERSION
		};
		json_t *json = control_encode_channel(&channel);
		char *text = json_dumps(json, JSON_COMPACT);

		status = io_send_message(fds[0], text, strlen(text), nowhere,
					 CHANNEL_HANDLES);
		free(text);
		json_decref(json);
	} while (status == PORTICO_OK);
	assert_exits(0);
	for (int i = 0; i < CHANNEL_HANDLES; i++)
		close(nowhere[i]);
	close(fds[0]);
	io_close(&played.control);
}

static void
test_a_sick_module_is_told(void **state)
{
	json_t *message;

	(void)state;
	worker_spawn();
	configure(", \"modules\": [ \"global\" ], \"global\":"
		  " { \"sick\": true }");
	json_decref(receive_json(played.control, "ready"));
	send_json(played.control,
		  control_encode_ping(&(struct control_ping){ .id = 7 }), NULL,
		  0);
	message = receive_json(played.control, "replace");
	assert_string_equal(
		json_string_value(json_object_get(message, "module")),
		"global");
	assert_string_equal(
		json_string_value(json_object_get(message, "reason")),
		"unhealthy");
	json_decref(message);
	/* It still answers, and ends as any other. */
	send_json(played.control,
		  control_encode_stop(
			  &(struct control_stop){ .deadline_ms = 10000 }),
		  NULL, 0);
	json_decref(receive_json(played.control, "stopped"));
	assert_exits(0);
	io_close(&played.control);
}

static void
test_wrong_configuration_is_told(void **state)
{
	json_t *json;

	(void)state;
	worker_spawn();
	configure(", \"hello\": { \"greting\": 1 }");
	json = receive_json(played.control, "failed");
	assert_non_null(
		strstr(json_string_value(json_object_get(json, "message")),
		       "greting"));
	assert_string_equal(json_string_value(json_object_get(json, "file")),
			    "test.json");
	json_decref(json);
	assert_exits(1);
	io_close(&played.control);
}

/* What the program prints, and its exit status. */
static int
run(char *first, char *second, char *output, size_t size)
{
	posix_spawn_file_actions_t actions;
	char path[PATH_MAX];
	char *argv[] = { path, first, second, NULL };
	size_t length = 0;
	ssize_t got;
	int fds[2], status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/portico-worker", build_directory());
	assert_int_equal(pipe(fds), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 2);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	assert_int_equal(posix_spawn(&pid, path, &actions, NULL, argv, environ),
			 0);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (length < size - 1) {
		got = read(fds[0], output + length, size - 1 - length);
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	output[length] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_show_pipeline_and_wrong_options(void **state)
{
	char text[8192], output[8192];
	char path[] = "/tmp/portico-worker-XXXXXX";
	char show[] = "--show-pipeline", help[] = "--help", extra[] = "extra";
	char bad_fd[] = "--control-fd=x", good_fd[] = "--control-fd=3";
	int fd = mkstemp(path);

	(void)state;
	settings_write(text, sizeof(text), "");
	assert_int_equal(io_write_all(fd, text, strlen(text)), PORTICO_OK);
	close(fd);
	assert_int_equal(run(show, path, output, sizeof(output)), 0);
	assert_non_null(strstr(output, "s/\n"));
	unlink(path);
	assert_int_equal(run(show, path, output, sizeof(output)), 1);
	assert_non_null(strstr(output, path));
	assert_int_equal(run(good_fd, NULL, output, sizeof(output)), 2);
	assert_int_equal(run(bad_fd, NULL, output, sizeof(output)), 2);
	assert_int_equal(run(extra, NULL, output, sizeof(output)), 2);
	assert_int_equal(run(help, NULL, output, sizeof(output)), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_hello_through_the_program),
	cmocka_unit_test(test_it_ends_when_manager_and_listener_are_gone),
	cmocka_unit_test(test_channels_may_come_until_it_has_ended),
	cmocka_unit_test(test_a_sick_module_is_told),
	cmocka_unit_test(test_wrong_configuration_is_told),
	cmocka_unit_test(test_show_pipeline_and_wrong_options),
};

UNIT_MAIN(tests)
