/* SPDX-License-Identifier: Apache-2.0
 *
 * See staples.h.
 *
 * A certificate is known by its PEM text and the responder of the settings, so
 * that one that was read again keeps its answer.  What cannot be had is told
 * once, and tried again later and later; an answer that we have stays until its
 * time is over, which listeners look at themselves.
 */
#include "core/activation/staples.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "core/activation/environment.h"
#include "core/activation/events.h"
#include "core/activation/identity.h"
#include "core/activation/manager.h"
#include "core/activation/process.h"
#include "core/activation/staple_times.h"
#include "core/base/check.h"
#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/ocsp/exchange.h"
#include "core/ocsp/limits.h"

#define STAPLES_MAGIC 0x57a91e50u
#define STAPLE_MAGIC 0x57a91e51u

struct staple {
	unsigned magic;
	struct list link;
	struct staples *staples;
	unsigned char id[32];
	char *name; /* of the certificate, the first that wants it */
	bool wanted; /* else it goes when its process has ended */
	bool must; /* the certificate says that it comes with an answer */
	const char *never; /* why nobody is asked; NULL */
	json_t *question; /* NULL: nobody is asked */
	json_t *pairs; /* array of those that show it */
	json_t *answer; /* text, or NULL */
	int64_t until; /* seconds of 1970, of the answer */
	int64_t refresh; /* the same */
	uint64_t retry_ns; /* of the monotonic clock, after a failure */
	unsigned failures; /* in a row */
	char *error; /* of the last one, or NULL */
	struct process *process; /* that asks, or NULL */
	uint64_t limit_ns; /* it is ended then */
	int exchange; /* -1 */
};

struct staples {
	unsigned magic;
	struct manager *manager;
	staples_changed_fn *on_changed;
	void *arg;
	struct list all;
	struct hash_table *by_id;
	unsigned asking;
	uv_timer_t timer;
};

static void look(struct staples *staples);

/* ---- one certificate ------------------------------------------------------- */

static void
make_id(unsigned char id[32], const json_t *pair, const char *responder)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	const json_t *chain = json_object_get(pair, "chain");

	if (digest == NULL ||
	    EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1 ||
	    (responder != NULL &&
	     EVP_DigestUpdate(digest, responder, strlen(responder)) != 1) ||
	    EVP_DigestUpdate(digest, "\n", 1) != 1 ||
	    EVP_DigestUpdate(digest, json_string_value(chain),
			     json_string_length(chain)) != 1 ||
	    EVP_DigestFinal_ex(digest, id, NULL) != 1)
		check_panic("out of memory for a digest");
	EVP_MD_CTX_free(digest);
}

static struct staple *
find(const struct staples *staples, const json_t *pair, const char *responder)
{
	unsigned char id[32];

	make_id(id, pair, responder);
	return hash_find(staples->by_id,
			 slice_make((const char *)id, sizeof id));
}

static json_t *
certificate_to_json(X509 *x509)
{
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *json = NULL;
	char *text;
	long length;

	if (bio != NULL && PEM_write_bio_X509(bio, x509) == 1) {
		length = BIO_get_mem_data(bio, &text);
		json = json_stringn(text, (size_t)length);
	}
	BIO_free(bio);
	return json;
}

/* RFC 7633: 5 is status_request of TLS. */
static bool
must_staple(const X509 *leaf)
{
	TLS_FEATURE *features =
		X509_get_ext_d2i(leaf, NID_tlsfeature, NULL, NULL);
	bool must = false;

	for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
		must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
			5;
	sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
	return must;
}

/* The first that speaks HTTP.  OWNERSHIP: the caller's, json_decref(). */
static json_t *
responder_of(X509 *leaf)
{
	STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(leaf);
	json_t *json = NULL;

	for (int i = 0; json == NULL && i < sk_OPENSSL_STRING_num(urls); i++) {
		const char *url = sk_OPENSSL_STRING_value(urls, i);

		if (strncasecmp(url, "http://", 7) == 0)
			json = json_string(url);
	}
	X509_email_free(urls);
	return json;
}

/* Who may be asked about what; else staple->never says why nobody. */
static void
prepare(struct staple *staple, const json_t *pair, const char *responder)
{
	const char *text = json_string_value(json_object_get(pair, "chain"));
	BIO *bio = BIO_new_mem_buf(text, -1);
	X509 *leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	X509 *issuer = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	json_t *url = NULL;

	if (leaf != NULL) {
		staple->must = must_staple(leaf);
		url = responder != NULL ? json_string(responder) :
					  responder_of(leaf);
	}
	if (url == NULL)
		staple->never = "no responder";
	else if (issuer == NULL || X509_check_issued(issuer, leaf) != X509_V_OK)
		staple->never = "the file has no issuer";
	else
		staple->question =
			json_pack("{s:O, s:o, s:o}", "responder", url, "leaf",
				  certificate_to_json(leaf), "issuer",
				  certificate_to_json(issuer));
	json_decref(url);
	X509_free(leaf);
	X509_free(issuer);
	BIO_free(bio);
}

static struct staple *
staple_new(struct staples *staples, const char *name, const json_t *pair,
	   const char *responder)
{
	struct staple *staple = mem_zalloc(sizeof *staple);

	staple->magic = STAPLE_MAGIC;
	staple->staples = staples;
	staple->name = mem_strdup(name);
	staple->pairs = json_array();
	staple->exchange = -1;
	make_id(staple->id, pair, responder);
	prepare(staple, pair, responder);
	/* Somebody has asked for it, or clients will refuse the certificate. */
	if (staple->never != NULL && (responder != NULL || staple->must))
		log_warn(EVENT_STAPLE_NEVER, NULL,
			 "certificate %s is shown without an answer of OCSP: "
			 "%s%s",
			 name, staple->never,
			 staple->must ? "; it says that it comes with one" :
					"");
	list_init(&staple->link);
	list_add_tail(&staples->all, &staple->link);
	hash_add(staples->by_id,
		 slice_make((const char *)staple->id, sizeof staple->id),
		 staple);
	return staple;
}

static void
end_process(struct staple *staple)
{
	if (staple->process == NULL)
		return;
	process_signal(staple->process, SIGKILL);
	process_free(&staple->process);
	staple->staples->asking--;
	io_close(&staple->exchange);
}

static void
staple_free(struct staple *staple)
{
	CHECK(staple, STAPLE_MAGIC);
	end_process(staple);
	list_remove(&staple->link);
	hash_remove(staple->staples->by_id,
		    slice_make((const char *)staple->id, sizeof staple->id));
	json_decref(staple->question);
	json_decref(staple->pairs);
	json_decref(staple->answer);
	mem_free(staple->name);
	mem_free(staple->error);
	staple->magic = 0;
	mem_free(staple);
}

/* ---- what came back -------------------------------------------------------- */

static int64_t
now_s(void)
{
	return (int64_t)time(NULL);
}

static void
put_into(const struct staple *staple, json_t *pair)
{
	if (staple->answer == NULL) {
		json_object_del(pair, "staple");
		return;
	}
	json_object_set(pair, "staple", staple->answer);
	json_object_set_new(pair, "stapleUntil",
			    json_integer((json_int_t)staple->until));
}

static void
fail(struct staple *staple, const char *why)
{
	if (staple->failures++ == 0)
		log_warn(EVENT_STAPLE_FAILED, NULL, "certificate %s: %s; %s%s",
			 staple->name, why,
			 staple->answer != NULL && staple->until > now_s() ?
				 "the answer from before is shown" :
				 "it is shown without an answer of OCSP",
			 staple->must ? ", but says that it comes with one" :
					"");
	mem_free(staple->error);
	staple->error = mem_strdup(why);
	staple->retry_ns = clock_monotonic_ns() +
			   staple_retry_s(staple->failures) * CLOCK_NS_PER_S;
}

static void
succeed(struct staple *staple, json_t *answer, int64_t from, int64_t until)
{
	size_t index;
	json_t *pair;

	if (staple->failures > 0)
		log_info(NULL, "certificate %s: the responder has answered",
			 staple->name);
	staple->failures = 0;
	json_decref(staple->answer);
	staple->answer = json_incref(answer);
	staple->until = until;
	staple->refresh = staple_refresh(from, until, now_s());
	json_array_foreach(staple->pairs, index, pair) put_into(staple, pair);
	staple->staples->on_changed(staple->staples->arg);
}

/* It may come from a process that lies: bounded text of hexadecimal digits. */
static bool
is_answer(const json_t *json)
{
	const char *text = json_string_value(json);
	size_t length = json_string_length(json);

	return text != NULL && length > 0 && length % 2 == 0 &&
	       length <= 2 * OCSP_ANSWER_BYTES_MAX &&
	       strspn(text, "0123456789abcdef") == length;
}

static void
take(struct staple *staple, const json_t *json)
{
	const char *why = json_string_value(json_object_get(json, "error"));
	json_t *answer = json_object_get(json, "answer");
	json_int_t from = json_integer_value(json_object_get(json, "from"));
	json_int_t until = json_integer_value(json_object_get(json, "until"));

	if (why != NULL) {
		char text[256];

		/* A line of the log, whatever it is. */
		snprintf(text, sizeof text, "%s", why);
		for (char *at = text; *at != '\0'; at++)
			if ((unsigned char)*at < 0x20 || *at == 0x7f)
				*at = '?';
		fail(staple, text);
	} else if (is_answer(answer) && from >= 0 && until > now_s() &&
		   until <= STAPLE_TIME_MAX && from <= STAPLE_TIME_MAX) {
		succeed(staple, answer, from, until);
	} else {
		fail(staple, "portico-ocsp has given no answer");
	}
}

static void
on_exit_of(struct process *process, const struct process_exit *result,
	   void *arg)
{
	struct staple *staple = arg;
	struct staples *staples = staple->staples;
	struct portico_error err;
	char text[128], why[192];
	json_t *json;

	CHECK(staple, STAPLE_MAGIC);
	(void)process;
	if (!staple->wanted) {
		end_process(staple);
		staple_free(staple);
		return;
	}
	if (result->signalled || result->status != 0) {
		snprintf(why, sizeof why, "portico-ocsp %s",
			 process_exit_text(result, text, sizeof text));
		fail(staple, why);
	} else {
		json = ocsp_exchange_read(staple->exchange, &err);
		if (json != NULL)
			take(staple, json);
		else
			fail(staple, err.message);
		json_decref(json);
	}
	end_process(staple);
	look(staples);
}

/* ---- asking ---------------------------------------------------------------- */

static void
on_line(struct process *process, const char *line, void *arg)
{
	const struct staple *staple = arg;
	const struct log_context context = { .name = "certificate",
					     .value = staple->name };

	process_relay(process, &context, line);
}

static enum portico_status
spawn(struct staple *staple, struct portico_error *err)
{
	static const char *const arguments[] = { "portico-ocsp", "--control-fd",
						 "3", NULL };
	struct manager *manager = staple->staples->manager;
	struct identity identity;
	struct process_options options = { .arguments = arguments,
					   .control_fd = staple->exchange,
					   .identity = &identity };
	enum portico_status status =
		identity_resolve(manager->settings, NULL, &identity, err);
	const char **environment;
	char *path;

	if (status != PORTICO_OK)
		return status;
	environment = environment_new(NULL);
	path = manager_program(manager, "portico-ocsp");
	options.path = path;
	options.environment = environment;
	status = environment == NULL ?
			 error_set(err, PORTICO_NO_MEMORY,
				   "starting portico-ocsp: out of memory") :
			 process_start(&manager->loop, &options, on_line,
				       on_exit_of, staple, &staple->process,
				       err);
	environment_free(environment);
	mem_free(path);
	return status;
}

static void
ask(struct staple *staple)
{
	struct portico_error err;

	staple->exchange = ocsp_exchange_new(staple->question, &err);
	if (staple->exchange >= 0 && spawn(staple, &err) == PORTICO_OK) {
		staple->staples->asking++;
		staple->limit_ns = clock_monotonic_ns() +
				   (OCSP_LIFE_S + 1) * CLOCK_NS_PER_S;
		return;
	}
	io_close(&staple->exchange);
	fail(staple, err.message);
}

/* How long until something is to be done for it. */
static uint64_t
wait_ns(const struct staple *staple, uint64_t now)
{
	int64_t left;

	if (staple->question == NULL)
		return UINT64_MAX;
	if (staple->process != NULL)
		return staple->limit_ns > now ? staple->limit_ns - now : 0;
	if (staple->failures > 0)
		return staple->retry_ns > now ? staple->retry_ns - now : 0;
	if (staple->answer == NULL)
		return 0;
	left = staple->refresh - now_s();
	return left > 0 ? (uint64_t)left * CLOCK_NS_PER_S : 0;
}

static void
on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

/* Does what is due, and comes again when something will be; now and then in any
 * case, since the clock of answers may be set. */
static void
look(struct staples *staples)
{
	uint64_t now = clock_monotonic_ns(), least = STAPLE_LOOK_S;

	CHECK(staples, STAPLES_MAGIC);
	if (staples->manager->phase != MANAGER_RUNNING)
		return;
	least *= CLOCK_NS_PER_S;
	LIST_FOREACH(struct staple, link, staple, &staples->all) {
		uint64_t wait = wait_ns(staple, now);

		if (wait == 0 && staple->process != NULL) {
			process_signal(staple->process, SIGKILL);
			staple->limit_ns = now + CLOCK_NS_PER_S;
			wait = CLOCK_NS_PER_S;
		} else if (wait == 0 && staples->asking < STAPLES_AT_ONCE) {
			ask(staple);
			wait = wait_ns(staple, now);
		} else if (wait == 0) {
			continue; /* the end of another one's brings us here */
		}
		if (wait < least)
			least = wait;
	}
	uv_timer_start(&staples->timer, on_timer, least / CLOCK_NS_PER_MS + 1,
		       0);
}

/* ---- what is wanted -------------------------------------------------------- */

void
staples_begin(struct staples *staples)
{
	CHECK(staples, STAPLES_MAGIC);
	LIST_FOREACH(struct staple, link, staple, &staples->all) {
		staple->wanted = false;
		json_array_clear(staple->pairs);
	}
}

void
staples_want(struct staples *staples, const char *name, json_t *pairs,
	     const char *responder)
{
	size_t index;
	json_t *pair;

	CHECK(staples, STAPLES_MAGIC);
	json_array_foreach(pairs, index, pair)
	{
		struct staple *staple = find(staples, pair, responder);

		if (staple == NULL)
			staple = staple_new(staples, name, pair, responder);
		staple->wanted = true;
		json_array_append(staple->pairs, pair);
		put_into(staple, pair);
	}
}

void
staples_unwant(json_t *pairs)
{
	size_t index;
	json_t *pair;

	json_array_foreach(pairs, index, pair) json_object_del(pair, "staple");
}

void
staples_end(struct staples *staples)
{
	CHECK(staples, STAPLES_MAGIC);
	LIST_FOREACH_SAFE(struct staple, link, staple, &staples->all) {
		if (staple->wanted)
			continue;
		/* Its process is waited for, so that it can be reaped. */
		if (staple->process != NULL)
			process_signal(staple->process, SIGKILL);
		else
			staple_free(staple);
	}
	/* Later: whoever is starting goes on with that first. */
	if (!list_empty(&staples->all))
		uv_timer_start(&staples->timer, on_timer, 0, 0);
}

json_t *
staples_describe(const struct staples *staples, const json_t *pair,
		 const char *responder)
{
	const struct staple *staple = find(staples, pair, responder);
	char text[64];
	struct tm tm;
	time_t until;

	CHECK(staples, STAPLES_MAGIC);
	if (staple == NULL)
		return json_string("off");
	if (staple->never != NULL)
		return json_string(staple->never);
	if (staple->answer == NULL || staple->until <= now_s())
		return staple->error != NULL ? json_string(staple->error) :
					       json_string("asking");
	until = (time_t)staple->until;
	gmtime_r(&until, &tm);
	strftime(text, sizeof text, "good until %Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

/* ---- life ------------------------------------------------------------------ */

struct staples *
staples_open(struct manager *manager, staples_changed_fn *on_changed, void *arg)
{
	struct staples *staples = mem_zalloc(sizeof *staples);

	staples->magic = STAPLES_MAGIC;
	staples->manager = manager;
	staples->on_changed = on_changed;
	staples->arg = arg;
	list_init(&staples->all);
	staples->by_id = hash_new("staples", 0);
	uv_timer_init(&manager->loop, &staples->timer);
	staples->timer.data = staples;
	return staples;
}

static void
on_closed(uv_handle_t *handle)
{
	struct staples *staples = handle->data;

	CHECK(staples, STAPLES_MAGIC);
	staples->magic = 0;
	mem_free(staples);
}

void
staples_free(struct staples **staples_p)
{
	struct staples *staples = *staples_p;

	*staples_p = NULL;
	if (staples == NULL)
		return;
	CHECK(staples, STAPLES_MAGIC);
	while (!list_empty(&staples->all))
		staple_free(LIST_FIRST(struct staple, link, &staples->all));
	hash_free(staples->by_id);
	uv_close((uv_handle_t *)&staples->timer, on_closed);
}
