/* SPDX-License-Identifier: Apache-2.0
 *
 * See pem.h.
 */
#include "core/activation/pem.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "core/activation/events.h"
#include "core/activation/limits.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/config/settings.h"

/* Nobody is there to be asked: a key with a password counts as unreadable. */
static int
no_password(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	*(bool *)arg = true;
	return -1;
}

static const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason != NULL ? reason : "of an unknown kind";
}

/* PEM_read_...() has found no more, and nothing that it cannot read. */
static bool
is_end_of_pem(void)
{
	unsigned long error = ERR_peek_last_error();

	return ERR_GET_LIB(error) == ERR_LIB_PEM &&
	       ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static X509 *
next_certificate(BIO *bio, const char *path, unsigned number,
		 struct portico_error *err)
{
	X509 *x509;

	ERR_clear_error();
	x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (x509 != NULL || (number > 1 && is_end_of_pem()))
		error_clear(err);
	else if (is_end_of_pem())
		error_set(err, PORTICO_CONFIG,
			  "%s: there is no certificate in it", path);
	else
		error_set(err, PORTICO_CONFIG,
			  "%s: reading certificate number %u: %s", path, number,
			  openssl_reason());
	ERR_clear_error();
	return x509;
}

/* The first one; all that follow can be read, too. */
static X509 *
read_chain(const struct buffer *text, const char *path,
	   struct portico_error *err)
{
	BIO *bio = BIO_new_mem_buf(text->data, (int)text->length);
	X509 *leaf = next_certificate(bio, path, 1, err), *other = leaf;

	for (unsigned number = 2; other != NULL; number++) {
		other = next_certificate(bio, path, number, err);
		X509_free(other);
	}
	BIO_free(bio);
	if (err->status != PORTICO_OK) {
		X509_free(leaf);
		return NULL;
	}
	return leaf;
}

static EVP_PKEY *
read_key(const struct buffer *text, const char *path, struct portico_error *err)
{
	BIO *bio = BIO_new_mem_buf(text->data, (int)text->length);
	bool password = false;
	EVP_PKEY *key;

	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &password);
	if (key == NULL && password)
		error_set(err, PORTICO_CONFIG,
			  "%s: the private key is protected by a password",
			  path);
	else if (key == NULL && is_end_of_pem())
		error_set(err, PORTICO_CONFIG,
			  "%s: there is no private key in it", path);
	else if (key == NULL)
		error_set(err, PORTICO_CONFIG,
			  "%s: reading the private key: %s", path,
			  openssl_reason());
	ERR_clear_error();
	BIO_free(bio);
	return key;
}

static void
tell_validity(const X509 *leaf, const struct settings_certificate *certificate,
	      const char *path)
{
	time_t soon = time(NULL) + CERTIFICATE_SOON_S;

	if (X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0)
		log_warn(EVENT_CERTIFICATE_VALIDITY, NULL,
			 "certificate %s (%s) is not valid yet",
			 certificate->name, path);
	if (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0)
		log_warn(EVENT_CERTIFICATE_VALIDITY, NULL,
			 "certificate %s (%s) has expired", certificate->name,
			 path);
	else if (X509_cmp_time(X509_get0_notAfter(leaf), &soon) < 0)
		log_info(NULL, "certificate %s (%s) expires within %d days",
			 certificate->name, path, CERTIFICATE_SOON_S / 86400);
}

static enum portico_status
check_pair(const struct settings_certificate *certificate,
	   const struct settings_certificate_files *files,
	   const struct buffer *chain, const struct buffer *key_text,
	   struct portico_error *err)
{
	X509 *leaf = read_chain(chain, files->certificate, err);
	EVP_PKEY *key = NULL;

	if (leaf != NULL)
		key = read_key(key_text, files->key, err);
	if (key != NULL && X509_check_private_key(leaf, key) != 1)
		error_set(err, PORTICO_CONFIG,
			  "%s: the key is not that of the certificate in %s",
			  files->key, files->certificate);
	else if (key != NULL)
		tell_validity(leaf, certificate, files->certificate);
	ERR_clear_error();
	X509_free(leaf);
	EVP_PKEY_free(key);
	return err->status;
}

static json_t *
read_pair(const struct settings_certificate *certificate,
	  const struct settings_certificate_files *files,
	  struct portico_error *err)
{
	json_t *pair = NULL;
	struct buffer chain, key;

	buffer_init(&chain, CERTIFICATE_FILE_BYTES_MAX);
	buffer_init(&key, CERTIFICATE_FILE_BYTES_MAX);
	error_clear(err);
	if (io_read_file(files->certificate, CERTIFICATE_FILE_BYTES_MAX, &chain,
			 err) == PORTICO_OK &&
	    io_read_file(files->key, CERTIFICATE_FILE_BYTES_MAX, &key, err) ==
		    PORTICO_OK &&
	    check_pair(certificate, files, &chain, &key, err) == PORTICO_OK) {
		pair = json_pack("{s:s%, s:s%}", "chain", chain.data,
				 chain.length, "key", key.data, key.length);
		if (pair == NULL)
			error_set(err, PORTICO_CONFIG,
				  "%s, %s: they are no text in UTF-8",
				  files->certificate, files->key);
	}
	if (pair == NULL) {
		error_prefix(err, "certificate %s", certificate->name);
		error_place(err, files->place.file, files->place.line,
			    files->place.column);
	}
	if (key.length > 0)
		OPENSSL_cleanse(key.data, key.length);
	buffer_fini(&chain);
	buffer_fini(&key);
	return pair;
}

json_t *
pem_read_certificate(const struct settings_certificate *certificate,
		     struct portico_error *err)
{
	json_t *pairs = json_array();

	for (size_t i = 0; i < certificate->file_count; i++) {
		json_t *pair =
			read_pair(certificate, &certificate->files[i], err);

		if (pair == NULL) {
			json_decref(pairs);
			return NULL;
		}
		json_array_append_new(pairs, pair);
	}
	return pairs;
}

json_t *
pem_read_authorities(const char *path, struct portico_error *err)
{
	struct buffer text;
	json_t *json = NULL;
	X509 *first = NULL;

	buffer_init(&text, AUTHORITIES_FILE_BYTES_MAX);
	error_clear(err);
	if (io_read_file(path, AUTHORITIES_FILE_BYTES_MAX, &text, err) ==
	    PORTICO_OK)
		first = read_chain(&text, path, err);
	if (first != NULL)
		json = json_stringn(text.data, text.length);
	if (first != NULL && json == NULL)
		error_set(err, PORTICO_CONFIG, "%s: it is no text in UTF-8",
			  path);
	X509_free(first);
	buffer_fini(&text);
	return json;
}

/* ---- for people ---------------------------------------------------------- */

static json_t *
name_to_json(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *json = NULL;
	char *text;
	long length;

	if (bio == NULL)
		return json_string("");
	if (X509_NAME_print_ex(bio, name, 0,
			       XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		length = BIO_get_mem_data(bio, &text);
		json = json_stringn(text, (size_t)length);
	}
	BIO_free(bio);
	return json != NULL ? json : json_string("");
}

static json_t *
names_to_json(const X509 *x509)
{
	json_t *names = json_array();
	GENERAL_NAMES *all =
		X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type == GEN_DNS)
			json_array_append_new(
				names,
				json_stringn((const char *)ASN1_STRING_get0_data(
						     name->d.dNSName),
					     (size_t)ASN1_STRING_length(
						     name->d.dNSName)));
	}
	GENERAL_NAMES_free(all);
	return names;
}

static json_t *
time_to_json(const ASN1_TIME *time)
{
	char text[32] = "";
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) == 1)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *
describe_one(const json_t *pair)
{
	const char *chain = json_string_value(json_object_get(pair, "chain"));
	BIO *bio = BIO_new_mem_buf(chain, -1);
	X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	json_t *json = NULL;

	if (x509 != NULL)
		json = json_pack(
			"{s:o, s:o, s:o, s:s, s:o}", "subject",
			name_to_json(X509_get_subject_name(x509)), "issuer",
			name_to_json(X509_get_issuer_name(x509)), "names",
			names_to_json(x509), "key",
			EVP_PKEY_get0_type_name(X509_get0_pubkey(x509)),
			"notAfter", time_to_json(X509_get0_notAfter(x509)));
	X509_free(x509);
	BIO_free(bio);
	ERR_clear_error();
	return json;
}

json_t *
pem_describe(const json_t *pairs)
{
	json_t *all = json_array();
	size_t index;
	json_t *pair;

	json_array_foreach(pairs, index, pair)
	{
		json_t *one = describe_one(pair);

		if (one != NULL)
			json_array_append_new(all, one);
	}
	return all;
}
