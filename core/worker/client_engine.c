/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl's multi handle on a libuv loop.
 */
#include "core/worker/client_engine.h"

#include <stdatomic.h>

#include "core/base/check.h"
#include "core/base/memory.h"

struct client_socket {
	uv_poll_t poll;
	struct client_engine *engine;
	curl_socket_t fd;
};

static _Atomic int background;

uint32_t
client_background_count(void)
{
	return (uint32_t)atomic_load(&background);
}

void
client_background_add(int one)
{
	atomic_fetch_add(&background, one);
}

/* ---- news ------------------------------------------------------------------- */

static void
settle(struct client_engine *engine)
{
	struct list now;
	CURLMsg *message;
	int left;

	while ((message = engine->curl->multi_info_read(engine->multi,
							&left)) != NULL) {
		struct portico_client_call *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		engine->curl->easy_getinfo(message->easy_handle,
					   CURLINFO_PRIVATE, (char **)&call);
		CHECK(call, CLIENT_CALL_MAGIC);
		client_transfer_end(call, message->data.result);
	}
	/* What changes meanwhile waits for the next turn. */
	list_init(&now);
	list_move_all(&now, &engine->changed);
	for (;;) {
		struct list *first = list_take_first(&now);
		struct portico_client_call *call;

		if (first == NULL)
			break;
		call = CONTAINER_OF(first, struct portico_client_call,
				    changed_link);
		if (call->doomed)
			client_transfer_end(call, CURLE_OK);
		client_tell(call);
	}
	if (list_empty(&engine->changed))
		uv_idle_stop(&engine->idle);
}

static void
on_idle(uv_idle_t *idle)
{
	settle(idle->data);
}

void
client_engine_changed(struct portico_client_call *call)
{
	struct client_engine *engine = call->engine;

	if (list_linked(&call->changed_link))
		return;
	list_add_tail(&engine->changed, &call->changed_link);
	uv_idle_start(&engine->idle, on_idle);
}

/* ---- libcurl's sockets and timer ------------------------------------------------ */

static void
act(struct client_engine *engine, curl_socket_t fd, int flags)
{
	int running;

	engine->curl->multi_socket_action(engine->multi, fd, flags, &running);
	settle(engine);
}

static void
on_timer(uv_timer_t *timer)
{
	act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct client_socket *socket = poll->data;
	int flags = 0;

	if (status < 0)
		flags = CURL_CSELECT_ERR;
	if ((events & UV_READABLE) != 0)
		flags |= CURL_CSELECT_IN;
	if ((events & UV_WRITABLE) != 0)
		flags |= CURL_CSELECT_OUT;
	act(socket->engine, socket->fd, flags);
}

static void
on_socket_closed(uv_handle_t *handle)
{
	mem_free(handle->data);
}

/* libcurl is about to close it. */
static void
socket_remove(struct client_engine *engine, struct client_socket *socket)
{
	if (socket == NULL)
		return;
	engine->curl->multi_assign(engine->multi, socket->fd, NULL);
	uv_poll_stop(&socket->poll);
	uv_close((uv_handle_t *)&socket->poll, on_socket_closed);
}

/*
 * The descriptor cannot be watched: this call is over.  Were libcurl told, it
 * would end all calls of the loop.
 */
static int
doom(struct client_engine *engine, CURL *easy)
{
	struct portico_client_call *call = NULL;

	engine->curl->easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
	if (call == NULL)
		return -1;
	CHECK(call, CLIENT_CALL_MAGIC);
	call->doomed = true;
	if (call->why == NULL) {
		call->result = PORTICO_CLIENT_FAILED;
		call->why = "its connection cannot be watched";
	}
	client_engine_changed(call);
	return 0;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct client_engine *engine = arg;
	struct client_socket *socket = socket_arg;
	int events = 0;

	CHECK(engine, CLIENT_ENGINE_MAGIC);
	if (what == CURL_POLL_REMOVE) {
		socket_remove(engine, socket);
		return 0;
	}
	if (socket == NULL) {
		socket = mem_zalloc(sizeof(*socket));
		if (uv_poll_init(engine->uv, &socket->poll, fd) != 0) {
			mem_free(socket);
			return doom(engine, easy);
		}
		socket->poll.data = socket;
		socket->engine = engine;
		socket->fd = fd;
		engine->curl->multi_assign(engine->multi, fd, socket);
	}
	if ((what & CURL_POLL_IN) != 0)
		events |= UV_READABLE;
	if ((what & CURL_POLL_OUT) != 0)
		events |= UV_WRITABLE;
	uv_poll_start(&socket->poll, events, on_poll);
	return 0;
}

static int
on_timeout(CURLM *multi, long milliseconds, void *arg)
{
	struct client_engine *engine = arg;

	(void)multi;
	CHECK(engine, CLIENT_ENGINE_MAGIC);
	if (milliseconds < 0) {
		uv_timer_stop(&engine->timer);
		return 0;
	}
	uv_update_time(engine->uv);
	uv_timer_start(&engine->timer, on_timer, (uint64_t)milliseconds, 0);
	return 0;
}

/* ---- life ------------------------------------------------------------------------ */

static struct client_engine *
engine_new(const struct service_loop *here, const struct curl_library *curl)
{
	CURLM *multi = curl->multi_init();
	struct client_engine *engine;

	if (multi == NULL)
		return NULL;
	engine = mem_zalloc(sizeof(*engine));
	engine->magic = CLIENT_ENGINE_MAGIC;
	engine->curl = curl;
	engine->multi = multi;
	engine->uv = here->uv;
	list_init(&engine->calls);
	list_init(&engine->changed);
	uv_timer_init(engine->uv, &engine->timer);
	uv_idle_init(engine->uv, &engine->idle);
	engine->timer.data = engine->idle.data = engine;
	curl->multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl->multi_setopt(multi, CURLMOPT_SOCKETDATA, engine);
	curl->multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl->multi_setopt(multi, CURLMOPT_TIMERDATA, engine);
	curl->multi_setopt(multi, CURLMOPT_MAXCONNECTS,
			   (long)CLIENT_IDLE_CONNECTIONS_MAX);
	curl->multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
			   (long)CLIENT_HOST_CONNECTIONS_MAX);
	curl->multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
			   (long)CLIENT_CONNECTIONS_MAX);
	return engine;
}

struct client_engine *
client_engine_get(const struct service_loop *here,
		  enum portico_status *status_r)
{
	const struct curl_library *curl;

	*status_r = PORTICO_OK;
	if (*here->client != NULL)
		return *here->client;
	if (here->closing) {
		*status_r = PORTICO_STATE;
		return NULL;
	}
	curl = curl_library_get();
	if (curl == NULL) {
		*status_r = PORTICO_UNSUPPORTED;
		return NULL;
	}
	*here->client = engine_new(here, curl);
	if (*here->client == NULL)
		*status_r = PORTICO_NO_MEMORY;
	return *here->client;
}

static void
on_engine_closed(uv_handle_t *handle)
{
	struct client_engine *engine = handle->data;

	engine->magic = 0;
	mem_free(engine);
}

void
client_engine_free(struct client_engine **engine_p)
{
	struct client_engine *engine = *engine_p;

	if (engine == NULL)
		return;
	CHECK(engine, CLIENT_ENGINE_MAGIC);
	engine->closing = true;
	LIST_FOREACH(struct portico_client_call, link, call, &engine->calls)
		client_transfer_cancel(call);
	/* Those who are told may free calls, others as well as theirs. */
	while (!list_empty(&engine->changed))
		settle(engine);
	while (!list_empty(&engine->calls)) {
		struct portico_client_call *call = LIST_FIRST(
			struct portico_client_call, link, &engine->calls);

		/* Freed by its request, or never: the process ends. */
		list_remove(&call->link);
		call->engine = NULL;
	}
	*engine_p = NULL;
	engine->curl->multi_cleanup(engine->multi);
	uv_close((uv_handle_t *)&engine->idle, NULL);
	uv_close((uv_handle_t *)&engine->timer, on_engine_closed);
}
