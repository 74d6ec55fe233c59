/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion tokens.  A number counts from 1 and is never used again while a
 * kit is open, so each token of any age is known for what it is.
 *
 * Threads: portico_complete comes from anywhere; the mutex has the table.
 */
#include <time.h>

#include "sdk/testkit/kit_priv.h"

struct token {
	struct portico_request *request; /* NULL: void */
	bool completed;
	bool collected;
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

struct portico_token
kit_token_make(struct portico_request *request)
{
	struct portico_token made;

	pthread_mutex_lock(&mutex);
	tokens = mem_realloc(tokens, (token_count + 1) * sizeof(*tokens));
	tokens[token_count++] = (struct token){
		.request = request,
		.line = mem_strdup(kit_of(request)->line),
	};
	made.value = token_count;
	pthread_mutex_unlock(&mutex);
	return made;
}

void
kit_token_cancel(const struct portico_request *request)
{
	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < token_count; i++)
		if (tokens[i].request == request)
			tokens[i].request = NULL;
	pthread_mutex_unlock(&mutex);
}

struct portico_token
kit_token_of(const struct portico_request *request)
{
	struct portico_token found = { 0 };

	pthread_mutex_lock(&mutex);
	for (size_t i = 0; i < token_count; i++)
		if (tokens[i].request == request && !tokens[i].collected)
			found.value = i + 1;
	pthread_mutex_unlock(&mutex);
	return found;
}

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

enum portico_status
kit_token_complete(struct portico_token token)
{
	char line[256] = "";
	const char *wrong;

	pthread_mutex_lock(&mutex);
	wrong = complete(token.value, line, sizeof(line));
	pthread_mutex_unlock(&mutex);
	if (wrong == NULL)
		return PORTICO_OK;
	kit_fail("portico_complete: %s%s", line, wrong);
	return PORTICO_STATE;
}

static struct portico_request *
collect_one(void)
{
	for (size_t i = 0; i < token_count; i++) {
		if (tokens[i].completed && !tokens[i].collected) {
			tokens[i].collected = true;
			return tokens[i].request;
		}
	}
	return NULL;
}

void
kit_tokens_collect(void)
{
	struct portico_request *request;

	do {
		pthread_mutex_lock(&mutex);
		request = collect_one();
		pthread_mutex_unlock(&mutex);
		if (request != NULL && request->wait.kind == WAIT_TOKEN)
			request_ready(request);
	} while (request != NULL);
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
