/* SPDX-License-Identifier: Apache-2.0
 *
 * Lets in who shows a key that an HTTP service knows.  README.md has the
 * settings and what the service must answer.
 *
 * One call is under way for a key at a time; whoever comes with the same key
 * meanwhile waits for it.  The call belongs to no request, so that the first
 * client may leave without taking it from the others.
 *
 * Threads: requests run on several loops and share the keys of their
 * application, which `lock` guards.  It is held for a look-up, never while
 * anything is waited for.
 */
#include <portico/portico.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MAX 256
#define USER_BYTES_MAX 256
#define BUCKETS 1024

/* ---- settings --------------------------------------------------------------- */

enum when_down {
	WHEN_DOWN_REFUSE,
	WHEN_DOWN_OLD_ANSWER,
	WHEN_DOWN_LET_IN,
};

static const char *const when_down_words[] = { "refuse", "oldAnswer", "letIn",
					       NULL };

struct settings {
	const char *url;
	const char *header;
	const char *ca_file;
	uint64_t cache_ns, timeout_ns;
	int64_t cache_size;
	int when_down;
};

static const struct portico_directive directives[] = {
	{ .name = "url",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct settings, url, const char *),
	  .summary = "The service that is asked about a key." },
	{ .name = "header",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = PORTICO_MEMBER(struct settings, header, const char *),
	  .default_value = "\"X-API-Key\"",
	  .summary = "The request field that has the key." },
	{ .name = "caFile",
	  .type = PORTICO_DIRECTIVE_PATH,
	  .offset = PORTICO_MEMBER(struct settings, ca_file, const char *),
	  .summary = "Certificates that vouch for the service." },
	{ .name = "cache",
	  .type = PORTICO_DIRECTIVE_DURATION,
	  .offset = PORTICO_MEMBER(struct settings, cache_ns, uint64_t),
	  .default_value = "\"60s\"",
	  .summary = "How long an answer of the service holds." },
	{ .name = "cacheSize",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = PORTICO_MEMBER(struct settings, cache_size, int64_t),
	  .default_value = "10000",
	  .minimum = 1,
	  .maximum = 1000000,
	  .summary = "Keys whose answers are kept by a worker." },
	{ .name = "timeout",
	  .type = PORTICO_DIRECTIVE_DURATION,
	  .offset = PORTICO_MEMBER(struct settings, timeout_ns, uint64_t),
	  .default_value = "\"2s\"",
	  .summary = "How long the service may take." },
	{ .name = "whenDown",
	  .type = PORTICO_DIRECTIVE_ENUM,
	  .offset = PORTICO_MEMBER(struct settings, when_down, int),
	  .default_value = "\"refuse\"",
	  .values = when_down_words,
	  .summary = "What happens while the service does not answer: 503, "
		     "an answer that has expired, or nobody is asked for a "
		     "key." },
	{ 0 }
};

/* ---- keys -------------------------------------------------------------------- */

enum answer {
	ANSWER_KNOWN,
	ANSWER_UNKNOWN, /* 401 */
	ANSWER_FORBIDDEN, /* 403 */
	ANSWER_DOWN, /* the service did not say */
};

struct verdict {
	enum answer answer;
	char user[USER_BYTES_MAX + 1];
};

/* A request that waits; in its state. */
struct waiter {
	struct key *key; /* NULL: it does not wait */
	struct waiter *next, **before; /* in key->waiters */
	struct portico_token token;
	struct verdict verdict;
};

struct key {
	struct gate *gate;
	struct key *next; /* of its bucket */
	struct key *newer, *older; /* by when they were first seen */
	struct waiter *waiters;
	bool asking; /* a call is under way */
	bool has_verdict;
	struct verdict verdict;
	uint64_t expires; /* ns */
	size_t length;
	char text[KEY_BYTES_MAX];
};

/* Of an application. */
struct gate {
	const struct settings *settings;
	pthread_mutex_t lock;
	struct key *buckets[BUCKETS];
	struct key *newest, *oldest;
	int64_t count;
};

static struct key **
bucket_of(struct gate *gate, struct portico_slice text)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < text.length; i++)
		hash = (hash ^ (unsigned char)text.data[i]) * 16777619u;
	return &gate->buckets[hash % BUCKETS];
}

static void
key_remove(struct gate *gate, struct key *key)
{
	struct key **place = bucket_of(
		gate, (struct portico_slice){ key->text, key->length });

	while (*place != key)
		place = &(*place)->next;
	*place = key->next;
	if (key->newer != NULL)
		key->newer->older = key->older;
	else
		gate->newest = key->older;
	if (key->older != NULL)
		key->older->newer = key->newer;
	else
		gate->oldest = key->newer;
	gate->count--;
	free(key);
}

/* The oldest that nobody waits for. */
static bool
make_room(struct gate *gate)
{
	struct key *key = gate->oldest;

	while (key != NULL && key->asking)
		key = key->newer;
	if (key == NULL)
		return false;
	key_remove(gate, key);
	return true;
}

/* NULL: there is no room. */
static struct key *
key_get(struct gate *gate, struct portico_slice text)
{
	struct key **bucket = bucket_of(gate, text), *key;

	for (key = *bucket; key != NULL; key = key->next) {
		if (key->length == text.length &&
		    memcmp(key->text, text.data, text.length) == 0)
			return key;
	}
	if (gate->count >= gate->settings->cache_size && !make_room(gate))
		return NULL;
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return NULL;
	key->gate = gate;
	key->length = text.length;
	memcpy(key->text, text.data, text.length);
	key->next = *bucket;
	*bucket = key;
	key->older = gate->newest;
	if (gate->newest != NULL)
		gate->newest->newer = key;
	else
		gate->oldest = key;
	gate->newest = key;
	gate->count++;
	return key;
}

static void
wait_for(struct key *key, struct waiter *waiter)
{
	waiter->key = key;
	waiter->next = key->waiters;
	waiter->before = &key->waiters;
	if (waiter->next != NULL)
		waiter->next->before = &waiter->next;
	key->waiters = waiter;
}

static void
wait_no_more(struct waiter *waiter)
{
	*waiter->before = waiter->next;
	if (waiter->next != NULL)
		waiter->next->before = waiter->before;
	waiter->key = NULL;
}

/* ---- the service ------------------------------------------------------------------ */

/* The first line of the body, without control bytes. */
static void
read_user(struct portico_client_call *call, char user[USER_BYTES_MAX + 1])
{
	struct portico_slice body = portico_client_body(call);
	size_t length = 0;

	while (length < body.length && length < USER_BYTES_MAX &&
	       (unsigned char)body.data[length] >= ' ' &&
	       body.data[length] != 127) {
		user[length] = body.data[length];
		length++;
	}
	user[length] = '\0';
}

static void
read_answer(struct portico_client_call *call, struct verdict *verdict)
{
	verdict->answer = ANSWER_DOWN;
	verdict->user[0] = '\0';
	if (portico_client_result(call) != PORTICO_CLIENT_OK) {
		portico_log(NULL, PORTICO_LOG_WARN, 1,
			    "the service that knows the keys does not answer: "
			    "%s",
			    portico_client_message(call));
		return;
	}
	switch (portico_client_status(call)) {
	case 200:
		verdict->answer = ANSWER_KNOWN;
		read_user(call, verdict->user);
		return;
	case 204:
		verdict->answer = ANSWER_KNOWN;
		return;
	case 401:
	case 404:
		verdict->answer = ANSWER_UNKNOWN;
		return;
	case 403:
		verdict->answer = ANSWER_FORBIDDEN;
		return;
	default:
		portico_log(NULL, PORTICO_LOG_WARN, 2,
			    "the service that knows the keys says %u",
			    portico_client_status(call));
	}
}

/* With the lock. */
static void
settle(struct key *key, const struct verdict *verdict)
{
	struct gate *gate = key->gate;

	key->asking = false;
	if (verdict->answer != ANSWER_DOWN) {
		key->verdict = *verdict;
		key->has_verdict = true;
		key->expires = portico_clock() + gate->settings->cache_ns;
	} else if (gate->settings->when_down == WHEN_DOWN_OLD_ANSWER &&
		   key->has_verdict) {
		verdict = &key->verdict;
	}
	while (key->waiters != NULL) {
		struct waiter *waiter = key->waiters;

		/* What is in the request must be done before it goes on. */
		waiter->verdict = *verdict;
		wait_no_more(waiter);
		portico_complete(waiter->token);
	}
	if (!key->has_verdict)
		key_remove(gate, key);
}

static void
on_service(struct portico_client_call *call, uint32_t events, void *arg)
{
	struct key *key = arg;
	struct gate *gate = key->gate;
	struct verdict verdict;

	if ((events & PORTICO_CLIENT_END) == 0)
		return;
	read_answer(call, &verdict);
	pthread_mutex_lock(&gate->lock);
	settle(key, &verdict);
	pthread_mutex_unlock(&gate->lock);
	portico_client_free(call);
}

/* With the lock; false: it could not be asked. */
static bool
ask(struct key *key)
{
	const struct settings *settings = key->gate->settings;
	struct portico_client_call *call;
	struct portico_slice url = { settings->url, strlen(settings->url) };

	if (portico_client_new(NULL, PORTICO_SLICE("GET"), url, &call) !=
	    PORTICO_OK)
		return false;
	portico_client_add_field(call, PORTICO_SLICE("X-API-Key"),
				 (struct portico_slice){ key->text,
							 key->length });
	portico_client_set_number(call, PORTICO_CLIENT_TOTAL_NS,
				  (int64_t)settings->timeout_ns);
	portico_client_set_number(call, PORTICO_CLIENT_BODY_MAX, 64 * 1024);
	if (settings->ca_file != NULL)
		portico_client_set_text(
			call, PORTICO_CLIENT_CA_FILE,
			(struct portico_slice){ settings->ca_file,
						strlen(settings->ca_file) });
	if (portico_client_start(call, on_service, key) != PORTICO_OK) {
		portico_client_free(call);
		return false;
	}
	key->asking = true;
	return true;
}

/* ---- requests ------------------------------------------------------------------------ */

static enum portico_verdict
refuse(struct portico_request *request, unsigned status, const char *why)
{
	if (status == 401)
		portico_response_set_field(request,
					   PORTICO_SLICE("WWW-Authenticate"),
					   PORTICO_SLICE("ApiKey"));
	if (status == 503)
		portico_response_set_field(request,
					   PORTICO_SLICE("Retry-After"),
					   PORTICO_SLICE("5"));
	portico_response_error(request, status, 0, why);
	return PORTICO_DONE;
}

static enum portico_verdict
obey(struct portico_request *request, const struct verdict *verdict)
{
	const struct gate *gate = portico_application_state(request);
	struct portico_slice user = { verdict->user, strlen(verdict->user) };

	switch (verdict->answer) {
	case ANSWER_KNOWN:
		return portico_request_authenticate(request, user,
						    PORTICO_SLICE("ApiKey")) ==
				       PORTICO_OK ?
			       PORTICO_NEXT :
			       PORTICO_ERROR;
	case ANSWER_UNKNOWN:
		return refuse(request, 401, "The key is not known.");
	case ANSWER_FORBIDDEN:
		return refuse(request, 403, "The key does not open this.");
	case ANSWER_DOWN:
		break;
	}
	if (gate->settings->when_down == WHEN_DOWN_LET_IN)
		return PORTICO_NEXT;
	return refuse(request, 503, "Keys cannot be checked at the moment.");
}

static enum portico_verdict
on_answered(struct portico_request *request, void *arg)
{
	const struct waiter *waiter = arg;

	return portico_request_aborted(request) ?
		       PORTICO_DONE :
		       obey(request, &waiter->verdict);
}

/* With the lock.  PENDING, or waiter->verdict is there. */
static enum portico_verdict
look_up(struct portico_request *request, struct gate *gate,
	struct portico_slice text, struct waiter *waiter)
{
	struct key *key = key_get(gate, text);

	waiter->verdict.answer = ANSWER_DOWN;
	if (key == NULL)
		return PORTICO_NEXT;
	if (key->has_verdict && portico_clock() < key->expires) {
		waiter->verdict = key->verdict;
		return PORTICO_NEXT;
	}
	if (!key->asking && !ask(key)) {
		if (!key->has_verdict)
			key_remove(gate, key);
		return PORTICO_NEXT;
	}
	if (portico_suspend(request, on_answered, waiter, &waiter->token) !=
	    PORTICO_OK)
		return PORTICO_ERROR;
	wait_for(key, waiter);
	return PORTICO_PENDING;
}

static enum portico_verdict
on_authenticate(struct portico_request *request)
{
	struct gate *gate = portico_application_state(request);
	struct waiter *waiter = portico_request_state(request);
	const char *header = gate->settings->header;
	enum portico_verdict verdict;
	struct portico_slice text;

	if (!portico_request_field(
		    request, (struct portico_slice){ header, strlen(header) },
		    &text) ||
	    text.length == 0)
		return refuse(request, 401, "A key is needed.");
	if (text.length > KEY_BYTES_MAX)
		return refuse(request, 401, "The key is not known.");
	pthread_mutex_lock(&gate->lock);
	verdict = look_up(request, gate, text, waiter);
	pthread_mutex_unlock(&gate->lock);
	return verdict == PORTICO_NEXT ? obey(request, &waiter->verdict) :
					 verdict;
}

/* Whoever takes the waiter from its key completes the token. */
static void
on_abort(struct portico_request *request)
{
	struct gate *gate = portico_application_state(request);
	struct waiter *waiter = portico_request_state(request);
	bool waits;

	pthread_mutex_lock(&gate->lock);
	waits = waiter->key != NULL;
	if (waits)
		wait_no_more(waiter);
	pthread_mutex_unlock(&gate->lock);
	if (waits)
		portico_complete(waiter->token);
}

/* ---- applications ------------------------------------------------------------------------ */

static enum portico_status
on_application_init(struct portico_application *application,
		    const void *configuration, void **state_r,
		    struct portico_error *err)
{
	const struct settings *settings = configuration;
	struct gate *gate;

	(void)application;
	if (settings->url == NULL ||
	    (strncmp(settings->url, "http://", 7) != 0 &&
	     strncmp(settings->url, "https://", 8) != 0)) {
		snprintf(err->message, sizeof(err->message),
			 "the setting \"url\" of api-key must be an http or "
			 "https URL");
		return PORTICO_CONFIG;
	}
	gate = calloc(1, sizeof(*gate));
	if (gate == NULL)
		return PORTICO_NO_MEMORY;
	gate->settings = settings;
	pthread_mutex_init(&gate->lock, NULL);
	*state_r = gate;
	return PORTICO_OK;
}

static void
on_application_fini(struct portico_application *application, void *state)
{
	struct gate *gate = state;

	(void)application;
	while (gate->oldest != NULL)
		key_remove(gate, gate->oldest);
	pthread_mutex_destroy(&gate->lock);
	free(gate);
}

static const struct portico_subscription subscriptions[] = {
	{ .event = PORTICO_EVENT_AUTHENTICATE, .function = on_authenticate },
	{ 0 }
};

PORTICO_MODULE(.name = "api-key", .version = "1.0.0",
	       .summary = "lets in who shows a key that a service knows",
	       .directives = directives,
	       .configuration_size = sizeof(struct settings),
	       .request_size = sizeof(struct waiter),
	       .subscriptions = subscriptions,
	       .application_init = on_application_init,
	       .application_fini = on_application_fini, .on_abort = on_abort);
