/* SPDX-License-Identifier: Apache-2.0
 *
 * What porticod hands over for TLS: certificates with their keys, authorities
 * of client certificates, keys of session tickets.  Immutable and counted.
 */
#ifndef CORE_LISTENER_TLS_MATERIAL_H
#define CORE_LISTENER_TLS_MATERIAL_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stddef.h>

#include <portico/types.h>

#define TLS_TICKET_NAME_BYTES 16
#define TLS_TICKET_SECRET_BYTES 32
#define TLS_TICKET_KEYS_MAX 8

/* A certificate with its chain and key. */
struct tls_pair {
	X509 *leaf;
	STACK_OF(X509) * chain; /* without the leaf */
	EVP_PKEY *key;
};

/* What a binding names: a pair for each kind of key. */
struct tls_certificate {
	size_t count;
	struct tls_pair pairs[];
};

struct tls_authorities {
	X509_STORE *store;
	STACK_OF(X509_NAME) * names; /* told to clients */
	unsigned char digest[32]; /* of the text */
};

/* The first one encrypts. */
struct tls_ticket_key {
	unsigned char name[TLS_TICKET_NAME_BYTES];
	unsigned char cipher[TLS_TICKET_SECRET_BYTES];
	unsigned char mac[TLS_TICKET_SECRET_BYTES];
};

struct tls_material {
	unsigned magic;
	atomic_uint refs;
	struct hash_table *certificates; /* of struct tls_certificate, by name */
	struct hash_table *authorities; /* of struct tls_authorities, by path */
	struct tls_ticket_key keys[TLS_TICKET_KEYS_MAX];
	unsigned key_count;
};

/* From what came with the message.  `fd` stays the caller's.  NULL: err. */
struct tls_material *tls_material_read(int fd, struct portico_error *err);

struct tls_material *tls_material_ref(struct tls_material *material);
void tls_material_unref(struct tls_material **material_p);

/* NULL: there is none. */
const struct tls_certificate *
tls_material_find(const struct tls_material *material, const char *name);

#endif
