/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP calls when something runs out: memory, descriptors, what libcurl or
 * libuv refuse.  Each ends with a reason or does not begin, leaves nothing
 * behind, and takes no other call with it; the next one works.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/memory.h"
#include "core/worker/client_engine.h"
#include "core/worker/link.h"
#include "t/unit/descriptors.h"

const struct curl_library *__wrap_curl_library_get(void);
const struct curl_library *__real_curl_library_get(void);
int __wrap_uv_poll_init(uv_loop_t *uv, uv_poll_t *poll, int fd);
int __real_uv_poll_init(uv_loop_t *uv, uv_poll_t *poll, int fd);

/* What fails. */
static unsigned poll_failure; /* the n-th uv_poll_init */
static bool no_library, no_multi, no_easy, no_list, no_add;

static uv_loop_t loop;
static struct mailbox mailbox;
static char url[64];
static int listener;
static pthread_t server;
static atomic_bool held; /* the server does not answer yet */
static atomic_bool holding; /* and somebody waits for that */

/* ---- failures --------------------------------------------------------------- */

int
__wrap_uv_poll_init(uv_loop_t *uv, uv_poll_t *poll, int fd)
{
	if (poll_failure == 0 || --poll_failure > 0)
		return __real_uv_poll_init(uv, poll, fd);
	return UV_ENOSPC;
}

static CURLM *
multi_init(void)
{
	return no_multi ? NULL : __real_curl_library_get()->multi_init();
}

static CURL *
easy_init(void)
{
	return no_easy ? NULL : __real_curl_library_get()->easy_init();
}

static struct curl_slist *
slist_append(struct curl_slist *list, const char *text)
{
	return no_list ? NULL :
			 __real_curl_library_get()->slist_append(list, text);
}

static CURLMcode
multi_add_handle(CURLM *multi, CURL *easy)
{
	return no_add ?
		       CURLM_OUT_OF_MEMORY :
		       __real_curl_library_get()->multi_add_handle(multi, easy);
}

const struct curl_library *
__wrap_curl_library_get(void)
{
	static struct curl_library library;

	if (no_library)
		return NULL;
	library = *__real_curl_library_get();
	library.multi_init = multi_init;
	library.easy_init = easy_init;
	library.slist_append = slist_append;
	library.multi_add_handle = multi_add_handle;
	return &library;
}

/* ---- a server ------------------------------------------------------------------ */

static void
answer(int connection)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
				   "X-Field: value\r\nConnection: close\r\n\r\n"
				   "answer";
	char head[4096];

	if (read(connection, head, sizeof(head)) <= 0)
		return;
	/* "GET /held": when it is told to. */
	while (strncmp(head, "GET /held", 9) == 0 && atomic_load(&held)) {
		atomic_store(&holding, true);
		usleep(1000);
	}
	if (write(connection, text, sizeof(text) - 1) < 0)
		return;
	shutdown(connection, SHUT_WR);
}

static void *
serve_one(void *arg)
{
	int connection = (int)(intptr_t)arg;

	answer(connection);
	close(connection);
	return NULL;
}

static void *
serve(void *arg)
{
	(void)arg;
	for (;;) {
		int connection = accept(listener, NULL, NULL);
		pthread_t thread;

		if (connection < 0 && errno == EMFILE)
			continue;
		if (connection < 0)
			return NULL;
		assert_int_equal(pthread_create(&thread, NULL, serve_one,
						(void *)(intptr_t)connection),
				 0);
		pthread_detach(thread);
	}
}

static int
setup(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(address);

	(void)state;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(listener, 64), 0);
	getsockname(listener, (struct sockaddr *)&address, &length);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/",
		 ntohs(address.sin_port));
	assert_int_equal(pthread_create(&server, NULL, serve, NULL), 0);
	poll_failure = 0;
	no_library = no_multi = no_easy = no_list = no_add = false;
	atomic_store(&held, false);
	atomic_store(&holding, false);
	assert_int_equal(uv_loop_init(&loop), 0);
	mailbox_init(&mailbox, &loop);
	main_loop_open(&loop, &mailbox);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	main_loop_stop();
	main_loop_close();
	mailbox_close(&mailbox);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	shutdown(listener, SHUT_RDWR);
	pthread_join(server, NULL);
	close(listener);
	assert_int_equal(client_background_count(), 0);
	return 0;
}

/* ---- a call ----------------------------------------------------------------------- */

static struct portico_client_call *
make(const char *path)
{
	struct portico_client_call *call;
	char text[128];

	snprintf(text, sizeof(text), "%s%s", url, path);
	assert_int_equal(worker_host_client.open(
				 NULL, PORTICO_SLICE("GET"),
				 (struct portico_slice){ text, strlen(text) },
				 &call),
			 PORTICO_OK);
	return call;
}

static struct portico_client_call *
begin(const char *path)
{
	struct portico_client_call *call = make(path);

	assert_int_equal(worker_host_client.start(call, NULL, NULL),
			 PORTICO_OK);
	return call;
}

static void
await(struct portico_client_call *call)
{
	/* A turn may do it all and then sleep for nothing more. */
	while (worker_host_client.result(call) == PORTICO_CLIENT_UNFINISHED) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(200);
	}
}

/* It ended well. */
static void
assert_good(struct portico_client_call *call)
{
	await(call);
	assert_int_equal(worker_host_client.result(call), PORTICO_CLIENT_OK);
	assert_string_equal(worker_host_client.message(call), "");
	assert_int_equal(worker_host_client.status(call), 200);
	assert_string_equal(worker_host_client.body(call).data, "answer");
	worker_host_client.free(call);
}

/* ---- tests -------------------------------------------------------------------------- */

static void
no_engine(void **state)
{
	struct portico_client_call *call;
	const struct portico_slice target = { url, strlen(url) };

	(void)state;
	no_library = true;
	assert_int_equal(worker_host_client.open(NULL, PORTICO_SLICE("GET"),
						 target, &call),
			 PORTICO_UNSUPPORTED);
	assert_null(call);
	no_library = false;
	no_multi = true;
	assert_int_equal(worker_host_client.open(NULL, PORTICO_SLICE("GET"),
						 target, &call),
			 PORTICO_NO_MEMORY);
	assert_null(call);
	no_multi = false;
	assert_good(begin(""));
}

static void
no_start(void **state)
{
	bool *const failures[] = { &no_easy, &no_list, &no_add };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct portico_client_call *call = make("");

		*failures[i] = true;
		assert_int_equal(worker_host_client.start(call, NULL, NULL),
				 PORTICO_NO_MEMORY);
		*failures[i] = false;
		assert_int_equal(worker_host_client.result(call),
				 PORTICO_CLIENT_UNFINISHED);
		assert_int_equal(client_background_count(), 0);
		/* The same call once more. */
		assert_int_equal(worker_host_client.start(call, NULL, NULL),
				 PORTICO_OK);
		assert_good(call);
	}
}

static void
no_field(void **state)
{
	struct portico_client_call *call = make("");

	(void)state;
	no_list = true;
	assert_int_equal(worker_host_client.add_field(call,
						      PORTICO_SLICE("X-A"),
						      PORTICO_SLICE("b")),
			 PORTICO_NO_MEMORY);
	no_list = false;
	/* Without the field it would be another request. */
	assert_int_equal(worker_host_client.start(call, NULL, NULL),
			 PORTICO_NO_MEMORY);
	worker_host_client.free(call);
	assert_good(begin(""));
}

/* One call's connection cannot be watched; another is under way. */
static void
no_poll(void **state)
{
	struct portico_client_call *other, *call;

	(void)state;
	atomic_store(&held, true);
	other = begin("held");
	while (!atomic_load(&holding)) {
		uv_run(&loop, UV_RUN_NOWAIT);
		usleep(200);
	}
	poll_failure = 1;
	call = begin("");
	await(call);
	assert_int_equal(poll_failure, 0);
	assert_int_equal(worker_host_client.result(call),
			 PORTICO_CLIENT_FAILED);
	assert_string_equal(worker_host_client.message(call),
			    "its connection cannot be watched");
	worker_host_client.free(call);
	assert_int_equal(worker_host_client.result(other),
			 PORTICO_CLIENT_UNFINISHED);
	assert_good(begin(""));
	atomic_store(&held, false);
	assert_good(other);
}

static void
no_descriptors(void **state)
{
	struct rlimit limit, none;
	struct portico_client_call *call;
	int lowest;

	(void)state;
	assert_good(begin(""));
	call = make("");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	lowest = fcntl(0, F_DUPFD_CLOEXEC, 0);
	close(lowest);
	none = limit;
	none.rlim_cur = (rlim_t)lowest;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(worker_host_client.start(call, NULL, NULL),
			 PORTICO_OK);
	await(call);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(worker_host_client.result(call),
			 PORTICO_CLIENT_CONNECT);
	assert_true(worker_host_client.message(call)[0] != '\0');
	worker_host_client.free(call);
	assert_good(begin(""));
}

/* The n-th allocation that may fail does, for each n of a whole call. */
static void
no_memory(void **state)
{
	const struct portico_slice target = { url, strlen(url) };
	struct portico_client_call *call;
	unsigned before, n;
	bool hit = true;

	(void)state;
	assert_good(begin(""));
	before = descriptors_open();
	for (n = 1; hit; n++) {
		enum portico_status status;

		assert_true(n < 1000);
		mem_fault_set(n);
		status = worker_host_client.open(NULL, PORTICO_SLICE("GET"),
						 target, &call);
		if (status == PORTICO_OK) {
			status = worker_host_client.start(call, NULL, NULL);
			if (status == PORTICO_OK)
				await(call);
		}
		hit = mem_fault_hit();
		mem_fault_set(0);
		if (status != PORTICO_OK)
			assert_int_equal(status, PORTICO_NO_MEMORY);
		else if (hit)
			assert_true(worker_host_client.result(call) !=
				    PORTICO_CLIENT_OK);
		if (call == NULL)
			continue;
		if (status == PORTICO_OK && !hit)
			assert_good(call);
		else
			worker_host_client.free(call);
	}
	assert_true(n > 3); /* the call, its answer */
	assert_good(begin(""));
	/* The server's threads may still have theirs. */
	while (descriptors_open() > before)
		usleep(1000);
}

#define ENGINE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	ENGINE_TEST(no_engine),	     ENGINE_TEST(no_start),
	ENGINE_TEST(no_field),	     ENGINE_TEST(no_poll),
	ENGINE_TEST(no_descriptors), ENGINE_TEST(no_memory),
};

UNIT_MAIN(tests)
