/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls_material.h.
 */
#include "core/listener/tls_material.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/listener/limits.h"
#include "core/listener/tls_staple.h"

#define TLS_MATERIAL_MAGIC 0x7157a7e1u
#define KEY_BYTES sizeof(struct tls_ticket_key)

_Static_assert(sizeof(struct tls_ticket_key) == 80, "as porticod makes them");

/* ---- certificates ----------------------------------------------------------- */

static void
pair_fini(struct tls_pair *pair)
{
	X509_free(pair->leaf);
	sk_X509_pop_free(pair->chain, X509_free);
	EVP_PKEY_free(pair->key);
}

static void
certificate_free(struct tls_certificate *certificate)
{
	for (size_t i = 0; i < certificate->count; i++)
		pair_fini(&certificate->pairs[i]);
	mem_free(certificate);
}

/* All certificates of a PEM text; empty: there are none. */
static STACK_OF(X509) * read_certificates(const char *text, size_t length)
{
	STACK_OF(X509) *all = sk_X509_new_null();
	BIO *bio = BIO_new_mem_buf(text, (int)length);
	X509 *x509;

	while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
		sk_X509_push(all, x509);
	BIO_free(bio);
	ERR_clear_error(); /* that there are no more */
	return all;
}

static bool
pair_init(struct tls_pair *pair, json_t *json)
{
	const char *chain = json_string_value(json_object_get(json, "chain"));
	const char *key = json_string_value(json_object_get(json, "key"));
	BIO *bio;

	if (chain == NULL || key == NULL)
		return false;
	pair->chain = read_certificates(chain, strlen(chain));
	pair->leaf = sk_X509_shift(pair->chain);
	if (pair->leaf != NULL)
		tls_staple_attach(pair->leaf, json);
	bio = BIO_new_mem_buf(key, -1);
	pair->key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return pair->leaf != NULL && pair->key != NULL;
}

static struct tls_certificate *
certificate_new(json_t *pairs)
{
	size_t count = json_array_size(pairs);
	struct tls_certificate *certificate = mem_zalloc(
		sizeof(*certificate) + count * sizeof(struct tls_pair));

	certificate->count = count;
	for (size_t i = 0; i < count; i++) {
		if (pair_init(&certificate->pairs[i], json_array_get(pairs, i)))
			continue;
		certificate_free(certificate);
		return NULL;
	}
	return certificate;
}

/* ---- authorities ------------------------------------------------------------ */

static void
authorities_free(struct tls_authorities *authorities)
{
	X509_STORE_free(authorities->store);
	sk_X509_NAME_pop_free(authorities->names, X509_NAME_free);
	mem_free(authorities);
}

static struct tls_authorities *
authorities_new(json_t *json)
{
	STACK_OF(X509) *all = read_certificates(json_string_value(json),
						json_string_length(json));
	struct tls_authorities *authorities;

	authorities = mem_zalloc(sizeof(*authorities));
	authorities->store = X509_STORE_new();
	authorities->names = sk_X509_NAME_new_null();
	for (int i = 0; i < sk_X509_num(all); i++) {
		X509 *x509 = sk_X509_value(all, i);

		X509_STORE_add_cert(authorities->store, x509);
		sk_X509_NAME_push(authorities->names,
				  X509_NAME_dup(X509_get_subject_name(x509)));
	}
	sk_X509_pop_free(all, X509_free);
	if (EVP_Digest(json_string_value(json), json_string_length(json),
		       authorities->digest, NULL, EVP_sha256(), NULL) != 1)
		UNREACHABLE();
	return authorities;
}

/* ---- the whole -------------------------------------------------------------- */

static bool
read_key(struct tls_ticket_key *key, const char *text)
{
	unsigned char *bytes = (unsigned char *)key;

	if (text == NULL || strlen(text) != 2 * KEY_BYTES)
		return false;
	for (size_t i = 0; i < KEY_BYTES; i++) {
		unsigned value;

		if (sscanf(text + 2 * i, "%2x", &value) != 1)
			return false;
		bytes[i] = (unsigned char)value;
	}
	return true;
}

static const char *
read_keys(struct tls_material *material, json_t *json)
{
	size_t index;
	json_t *text;

	json_array_foreach(json, index, text)
	{
		if (index == TLS_TICKET_KEYS_MAX)
			break;
		if (!read_key(&material->keys[index], json_string_value(text)))
			return "tickets";
		material->key_count++;
	}
	return NULL;
}

/* NULL, or what cannot be used. */
static const char *
read_all(struct tls_material *material, json_t *json)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(json, "certificates"), name, value)
	{
		struct tls_certificate *certificate = certificate_new(value);

		if (certificate == NULL)
			return name;
		hash_add(material->certificates, slice_from(name), certificate);
	}
	json_object_foreach(json_object_get(json, "authorities"), name, value)
		hash_add(material->authorities, slice_from(name),
			 authorities_new(value));
	return read_keys(material, json_object_get(json, "tickets"));
}

static json_t *
read_json(int fd, struct portico_error *err)
{
	struct buffer text;
	json_error_t problem;
	json_t *json = NULL;

	buffer_init(&text, TLS_MATERIAL_BYTES_MAX);
	if (io_memfd_read(fd, TLS_MATERIAL_BYTES_MAX, &text, err) ==
	    PORTICO_OK) {
		json = json_loadb(text.data, text.length, 0, &problem);
		if (json == NULL)
			error_set(err, PORTICO_PROTOCOL,
				  "reading certificates: %s", problem.text);
	}
	if (text.length > 0)
		OPENSSL_cleanse(text.data, text.length);
	buffer_fini(&text);
	return json;
}

struct tls_material *
tls_material_read(int fd, struct portico_error *err)
{
	json_t *json = read_json(fd, err);
	struct tls_material *material;
	const char *problem;

	if (json == NULL)
		return NULL;
	material = mem_zalloc(sizeof(*material));
	material->magic = TLS_MATERIAL_MAGIC;
	atomic_init(&material->refs, 1);
	material->certificates = hash_new("certificates", HASH_COPY_KEYS);
	material->authorities = hash_new("authorities", HASH_COPY_KEYS);
	problem = read_all(material, json);
	if (problem != NULL) {
		error_set(err, PORTICO_CONFIG,
			  "reading certificates: \"%s\" cannot be used",
			  problem);
		tls_material_unref(&material);
	}
	json_decref(json);
	return material;
}

struct tls_material *
tls_material_ref(struct tls_material *material)
{
	CHECK(material, TLS_MATERIAL_MAGIC);
	atomic_fetch_add_explicit(&material->refs, 1, memory_order_relaxed);
	return material;
}

void
tls_material_unref(struct tls_material **material_p)
{
	struct tls_material *material = *material_p;
	size_t cursor = 0;
	void *value;

	*material_p = NULL;
	if (material == NULL)
		return;
	CHECK(material, TLS_MATERIAL_MAGIC);
	if (atomic_fetch_sub_explicit(&material->refs, 1,
				      memory_order_acq_rel) != 1)
		return;
	while (hash_next(material->certificates, &cursor, NULL, &value))
		certificate_free(value);
	cursor = 0;
	while (hash_next(material->authorities, &cursor, NULL, &value))
		authorities_free(value);
	hash_free(material->certificates);
	hash_free(material->authorities);
	OPENSSL_cleanse(material->keys, sizeof(material->keys));
	material->magic = 0;
	mem_free(material);
}

const struct tls_certificate *
tls_material_find(const struct tls_material *material, const char *name)
{
	CHECK(material, TLS_MATERIAL_MAGIC);
	return hash_find(material->certificates, slice_from(name));
}
