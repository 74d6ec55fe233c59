/* SPDX-License-Identifier: Apache-2.0
 *
 * Which certificate goes with which name, and what clients are asked for, by
 * the same order as routes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/slice.h"
#include "core/config/config.h"
#include "core/config/settings.h"
#include "core/listener/tls_material.h"
#include "core/listener/tls_store.h"

static char key_text[4096], certificate_text[4096];

/* One certificate for all names: it is told by the name that it has here. */
static int
make_certificate(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x509 = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());

	(void)state;
	X509_set_pubkey(x509, key);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 1000);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN",
				   MBSTRING_ASC, (const unsigned char *)"t", -1,
				   -1, 0);
	X509_set_issuer_name(x509, X509_get_subject_name(x509));
	X509_sign(x509, key, EVP_sha256());
	PEM_write_bio_X509(bio, x509);
	BIO_read(bio, certificate_text, sizeof certificate_text - 1);
	PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	BIO_read(bio, key_text, sizeof key_text - 1);
	BIO_free(bio);
	X509_free(x509);
	EVP_PKEY_free(key);
	return 0;
}

static struct tls_material *
read_material(json_t *json, struct portico_error *err)
{
	char *text = json_dumps(json, JSON_COMPACT);
	struct tls_material *material;
	int fd = io_memfd_from("test", text, strlen(text), NULL);

	assert_true(fd >= 0);
	material = tls_material_read(fd, err);
	close(fd);
	free(text);
	json_decref(json);
	return material;
}

/* Certificates of these names; "ca" and "ca2" are authorities. */
static struct tls_material *
material_of(const char *const *names)
{
	json_t *certificates = json_object();
	struct portico_error err;
	struct tls_material *material;

	for (; *names != NULL; names++)
		json_object_set_new(certificates, *names,
				    json_pack("[{s:s, s:s}]", "chain",
					      certificate_text, "key",
					      key_text));
	material = read_material(
		json_pack("{s:o, s:{s:s, s:s}, s:[]}", "certificates",
			  certificates, "authorities", "/ca", certificate_text,
			  "/ca2", certificate_text, "tickets"),
		&err);
	assert_non_null(material);
	return material;
}

static struct tls_store *
store_of(const char *bindings, struct tls_material *material)
{
	struct arena *arena = arena_new("test", 0);
	struct config_problems *problems = config_problems_new(arena);
	const char *text = arena_printf(
		arena,
		"{\"certificates\": {\"a\": {\"certificate\": \"x\", \"key\": "
		"\"x\"}, \"b\": {\"certificate\": \"x\", \"key\": \"x\"}, "
		"\"c\": {\"certificate\": \"x\", \"key\": \"x\"}, "
		"\"d\": {\"certificate\": \"x\", \"key\": \"x\"}}, "
		"\"sites\": {\"s\": {\"bindings\": [%s], \"applications\": "
		"{\"/\": {}}}}}",
		bindings);
	struct settings *settings =
		settings_read_text(text, strlen(text), "test", problems);
	struct tls_store *store;

	if (settings == NULL)
		fail_msg("%s", config_problem_text(problems, 0));
	store = tls_store_new(settings, material);
	settings_unref(&settings);
	arena_free(arena);
	return store;
}

static struct tls_target
target(unsigned port, const char *host)
{
	return (struct tls_target){ .port = (uint16_t)port,
				    .address = PORTICO_SLICE("192.0.2.1"),
				    .host = slice_from(host) };
}

static const char *
find(const struct tls_store *store, unsigned port, const char *host)
{
	const struct tls_target at = target(port, host);
	const struct tls_entry *entry = tls_store_find(store, &at);

	return entry == NULL ? "none" : entry->certificate_name;
}

static const char *const all[] = { "a", "b", "c", "d", NULL };

#define BINDING(url, certificate)                                              \
	"{\"url\": \"https://" url "\", \"certificate\": \"" certificate "\"}"

static void
test_names(void **state)
{
	struct tls_material *material = material_of(all);
	struct tls_store *store =
		store_of(BINDING("first.test", "d") ", " BINDING(
				 "x.test", "a") ", " BINDING("*.x.test", "b"),
			 material);

	(void)state;
	assert_string_equal(find(store, 443, "x.test"), "a");
	assert_string_equal(find(store, 443, "y.x.test"), "b");
	assert_string_equal(find(store, 443, "z.y.x.test"), "b");
	/* What is not bound, or not named, gets the first of the port. */
	assert_string_equal(find(store, 443, "xx.test"), "d");
	assert_string_equal(find(store, 443, ""), "d");
	assert_string_equal(find(store, 443, "."), "d");
	assert_string_equal(find(store, 444, "x.test"), "none");
	tls_store_free(&store);
	tls_material_unref(&material);
}

static void
test_order(void **state)
{
	struct tls_material *material = material_of(all);
	struct tls_store *store =
		store_of(BINDING("*", "a") ", " BINDING(
				 "192.0.2.1", "b") ", " BINDING("x.test", "c"),
			 material);

	(void)state;
	assert_string_equal(find(store, 443, "x.test"), "c");
	assert_string_equal(find(store, 443, ""), "b");
	assert_string_equal(find(store, 443, "other.test"), "b");
	tls_store_free(&store);
	store = store_of(BINDING("x.test", "c") ", " BINDING("+", "d"),
			 material);
	assert_string_equal(find(store, 443, "x.test"), "d");
	tls_store_free(&store);
	store = store_of(BINDING("x.test", "c") ", " BINDING("*", "d"),
			 material);
	assert_string_equal(find(store, 443, ""), "d");
	tls_store_free(&store);
	tls_material_unref(&material);
}

static void
test_long_names(void **state)
{
	struct tls_material *material = material_of(all);
	struct tls_store *store = store_of(BINDING("*", "a"), material);
	char name[1000];

	(void)state;
	memset(name, 'x', sizeof name);
	for (size_t i = 50; i < sizeof name; i += 50)
		name[i] = '.';
	name[sizeof name - 1] = '\0';
	assert_string_equal(find(store, 443, name), "a");
	name[255] = '\0';
	assert_string_equal(find(store, 443, name), "a");
	tls_store_free(&store);
	tls_material_unref(&material);
}

#define ASKING(url, mode, file)                                                \
	"{\"url\": \"https://" url "\", \"certificate\": \"a\", "              \
	"\"clientCertificate\": \"" mode "\", "                                \
	"\"clientCertificateAuthorities\": \"" file "\"}"

static uint64_t
policy(const struct tls_store *store, const char *host, const char *path)
{
	const struct tls_target at = target(443, host);

	return tls_store_policy(store, &at, slice_from(path));
}

static void
test_policies(void **state)
{
	struct tls_material *material = material_of(all);
	struct tls_store *store = store_of(
		BINDING("open.test", "a") ", " ASKING("may.test", "accept", "/ca") ", " ASKING(
			"must.test", "require",
			"/ca") ", " ASKING("*.must.test", "require",
					   "/ca2") ", " ASKING("*", "require",
							       "/none") ", " BINDING("half.test/open",
										     "a"),
		material);
	struct tls_target at = target(443, "must.test");

	(void)state;
	assert_true(tls_store_has_policies(store));
	assert_int_equal(policy(store, "open.test", "/"), 0);
	assert_int_not_equal(policy(store, "may.test", "/"), 0);
	assert_int_not_equal(policy(store, "may.test", "/"),
			     policy(store, "must.test", "/"));
	/* The same text of authorities is the same demand. */
	assert_int_equal(policy(store, "a.b.must.test", "/"),
			 policy(store, "must.test", "/"));
	assert_int_equal(tls_store_find(store, &at)->policy,
			 policy(store, "must.test", "/"));
	/* Nobody can give what nobody can check. */
	assert_true(policy(store, "else.test", "/") == UINT64_MAX);
	assert_int_equal(policy(store, "half.test", "/open/x"), 0);
	assert_true(policy(store, "half.test", "/x") == UINT64_MAX);
	tls_store_free(&store);
	store = store_of(BINDING("open.test", "a"), material);
	assert_false(tls_store_has_policies(store));
	tls_store_free(&store);
	tls_material_unref(&material);
}

/* A binding whose certificate is not there is not served by another's name. */
static void
test_missing(void **state)
{
	static const char *const some[] = { "a", NULL };
	struct tls_material *material = material_of(some);
	struct tls_store *store = store_of(BINDING("x.test", "b"), material);

	(void)state;
	assert_string_equal(find(store, 443, "x.test"), "none");
	tls_store_free(&store);
	tls_material_unref(&material);
}

static void
test_bad_material(void **state)
{
	struct portico_error err;

	(void)state;
	assert_null(read_material(json_pack("{s:{s:[{s:s, s:s}]}}",
					    "certificates", "x", "chain",
					    "nothing", "key", key_text),
				  &err));
	assert_int_equal(err.status, PORTICO_CONFIG);
	assert_null(
		read_material(json_pack("{s:[s]}", "tickets", "00ff"), &err));
	assert_int_equal(err.status, PORTICO_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_bad_material),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_certificate, NULL);
}
