/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion tokens.  A number counts from 1 and is never used again while a
 * kit is open, so each token of any age is known for what it is.
 *
 * Threads: portico_complete comes from anywhere; the mutex has the table.
 */
#include <time.h>

#include "core/worker/token.h"
#include "core/worker/tunnel.h"
#include "sdk/testkit/kit_priv.h"

struct token {
	struct portico_request *request; /* NULL: void */
	bool completed;
	bool collected;
	bool tunnel; /* portico_tunnel_token */
	char *line; /* of its request, for sentences */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t completed = PTHREAD_COND_INITIALIZER;
static struct token *tokens;
static size_t token_count;

void
kit_tokens_reset(void)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < token_count; i++)
		mem_free(tokens[i].line);
	MEM_FREE(tokens);
	token_count = 0;
	pthread_mutex_unlock(&mutex);
}

static struct portico_token
make(struct portico_request *request, bool tunnel)
{
	struct portico_token made;

	pthread_mutex_lock(&mutex);
	tokens = mem_realloc(tokens, (token_count + 1) * sizeof(*tokens));
	tokens[token_count++] = (struct token){
		.request = request,
		.tunnel = tunnel,
		.line = mem_strdup(kit_of(request)->line),
	};
	made.value = token_count;
	pthread_mutex_unlock(&mutex);
	return made;
}

struct portico_token
kit_token_make(struct portico_request *request)
{
	return make(request, false);
}

void
kit_token_cancel(const struct portico_request *request)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < token_count; i++)
		if (tokens[i].request == request && !tokens[i].tunnel)
			tokens[i].request = NULL;
	pthread_mutex_unlock(&mutex);
}

struct portico_token
kit_token_of(const struct portico_request *request)
{
	struct portico_token found = { 0 };

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < token_count; i++)
		if (tokens[i].request == request && !tokens[i].collected &&
		    !tokens[i].tunnel)
			found.value = i + 1;
	pthread_mutex_unlock(&mutex);
	return found;
}

struct portico_token
kit_tunnel_token_of(const struct portico_request *request)
{
	struct portico_token found = { 0 };

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < token_count; i++)
		if (tokens[i].request == request && tokens[i].tunnel &&
		    !tokens[i].completed)
			found.value = i + 1;
	pthread_mutex_unlock(&mutex);
	return found;
}

/* ---- what the worker's tunnels look for: slots are numbers, from 0 ---------------- */

enum portico_status
token_new(struct token_table *table, struct portico_request *request,
	  struct portico_token *token_r, uint32_t *slot_r)
{
	(void)table;
	*token_r = make(request, true);
	*slot_r = (uint32_t)(token_r->value - 1);
	return PORTICO_OK;
}

void
token_cancel(struct token_table *table, uint32_t slot)
{
	(void)table;
	pthread_mutex_lock(&mutex);
	tokens[slot].request = NULL;
	pthread_mutex_unlock(&mutex);
}

/* ---- completing -------------------------------------------------------------------- */

/* What is wrong with it; NULL: it counts. */
static const char *
complete(uint64_t value, char *line, size_t size)
{
	const char *wrong = NULL;
	struct token *token;

	if (value == 0 || value > token_count)
		return "a token that portico_suspend never gave";
	token = &tokens[value - 1];
	snprintf(line, size, "%s: ", token->line);
	if (token->completed)
		wrong = "the token was completed before";
	else if (token->request == NULL)
		wrong = "the request has ended, or its suspension failed";
	token->completed = true;
	pthread_cond_broadcast(&completed);
	return wrong;
}

/* False: there is none.  *one_r may be void.  `of_tunnels`: only such. */
static bool
collect_one(bool of_tunnels, struct token *one_r, uint32_t *slot_r)
{
	for (size_t i = 0; i < token_count; i++) {
		if (tokens[i].completed && !tokens[i].collected &&
		    (tokens[i].tunnel || !of_tunnels)) {
			tokens[i].collected = true;
			*one_r = tokens[i];
			*slot_r = (uint32_t)i;
			return true;
		}
	}
	return false;
}

static void
collect(bool of_tunnels)
{
	struct token token;
	uint32_t slot;
	bool found;

	do {
		pthread_mutex_lock(&mutex);
		found = collect_one(of_tunnels, &token, &slot);
		pthread_mutex_unlock(&mutex);
		if (!found || token.request == NULL)
			continue;
		if (token.tunnel)
			tunnel_woken(token.request, slot);
		else if (token.request->wait.kind == WAIT_TOKEN)
			request_ready(token.request);
	} while (found);
}

void
kit_tokens_collect(void)
{
	collect(false);
}

enum portico_status
kit_token_complete(struct portico_token token)
{
	char line[256] = "";
	const char *wrong;

	pthread_mutex_lock(&mutex);
	wrong = complete(token.value, line, sizeof(line));
	pthread_mutex_unlock(&mutex);
	if (wrong != NULL) {
		kit_fail("portico_complete: %s%s", line, wrong);
		return PORTICO_STATE;
	}
	/* On its loop a tunnel is woken at once. */
	if (kit_offloaded == 0 && pthread_equal(pthread_self(), kit_now->loop))
		collect(true);
	return PORTICO_OK;
}

bool
kit_complete(struct kit_request *request)
{
	struct portico_token token;

	CHECK(request, KIT_REQUEST_MAGIC);
	token = kit_token_of(&request->request);
	if (kit_state(request) != KIT_TOKEN || token.value == 0)
		return false;
	kit_token_complete(token);
	kit_turn(request->kit);
	return true;
}

static bool
is_waiting(void)
{
	for (size_t i = 0; i < token_count; i++)
		if (tokens[i].completed && !tokens[i].collected)
			return true;
	return false;
}

bool
kit_await(struct kit *kit, unsigned milliseconds)
{
	struct timespec until;
	bool came;
	int failed = 0;

	CHECK(kit, KIT_MAGIC);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += milliseconds / 1000;
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&mutex);
	while (!is_waiting() && failed == 0)
		failed = pthread_cond_timedwait(&completed, &mutex, &until);
	came = is_waiting();
	pthread_mutex_unlock(&mutex);
	kit_turn(kit);
	return came;
}
