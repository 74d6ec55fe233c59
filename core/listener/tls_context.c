/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls_context.h.
 *
 * Protocols, ciphers and groups are Mozilla's "intermediate" without finite
 * field Diffie-Hellman.
 *
 * One context serves all certificates: the client's first message says the name,
 * and only then the connection is given certificates and demands of its own.
 * That comes before a ticket is opened, so the session's context (sid_ctx) is
 * that of the binding's demands: who was not asked for a certificate at one
 * binding cannot go on at another that asks.
 */
#include "core/listener/tls_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/listener/connection.h"
#include "core/listener/loop.h"
#include "core/listener/tls.h"
#include "core/listener/tls_material.h"
#include "core/listener/tls_peer.h"
#include "core/listener/tls_staple.h"
#include "core/listener/tls_store.h"

#define CIPHERS                                                                \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"           \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"           \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
#define CIPHERS_13                                                             \
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"                       \
	"TLS_CHACHA20_POLY1305_SHA256"
#define GROUPS "X25519:P-256:P-384"

/* Issuers between a client's certificate and an authority. */
#define CLIENT_CHAIN_MAX 8

static struct listener_connection *
connection_of(SSL *ssl)
{
	struct listener_connection *connection = SSL_get_app_data(ssl);

	CHECK(connection, LISTENER_CONNECTION_MAGIC);
	return connection;
}

/* ---- the client's name --------------------------------------------------------- */

/* RFC 6066 section 3: a list, of which only one host_name makes sense. */
static bool
read_name(const unsigned char *data, size_t size, struct portico_slice *name_r)
{
	size_t length;

	if (size < 5 || ((size_t)data[0] << 8 | data[1]) != size - 2 ||
	    data[2] != TLSEXT_NAMETYPE_host_name)
		return false;
	length = (size_t)data[3] << 8 | data[4];
	if (length > size - 5 || length > TLSEXT_MAXLEN_host_name)
		return false;
	*name_r = (struct portico_slice){ (const char *)data + 5, length };
	return true;
}

/* ---- choosing the certificate ---------------------------------------------------- */

static bool
use_certificate(SSL *ssl, const struct tls_certificate *certificate)
{
	for (size_t i = 0; i < certificate->count; i++) {
		const struct tls_pair *pair = &certificate->pairs[i];

		if (SSL_use_cert_and_key(ssl, pair->leaf, pair->key,
					 pair->chain, 1) != 1)
			return false;
	}
	return true;
}

static bool
ask_for_certificate(SSL *ssl, const struct tls_entry *entry)
{
	int mode = SSL_VERIFY_PEER;

	if (entry->client_certificate == SETTINGS_CLIENT_CERTIFICATE_REQUIRE)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_set_verify(ssl, mode, NULL);
	SSL_set_verify_depth(ssl, CLIENT_CHAIN_MAX);
	SSL_set0_CA_list(ssl, SSL_dup_CA_list(entry->authorities->names));
	return SSL_set1_verify_cert_store(ssl, entry->authorities->store) == 1;
}

/* Of the same demand and the same authorities, in every process. */
static bool
set_session_context(SSL *ssl, const struct tls_entry *entry)
{
	unsigned char id[SSL_MAX_SID_CTX_LENGTH] = { 0 };

	if (entry->authorities != NULL)
		memcpy(id, entry->authorities->digest, sizeof(id));
	id[0] = (unsigned char)entry->client_certificate;
	return SSL_set_session_id_context(ssl, id, sizeof(id)) == 1;
}

static bool
apply_entry(SSL *ssl, const struct tls_entry *entry)
{
	if (!use_certificate(ssl, entry->certificate) ||
	    !set_session_context(ssl, entry))
		return false;
	return entry->authorities == NULL || ask_for_certificate(ssl, entry);
}

static int
on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct listener_connection *connection = connection_of(ssl);
	struct portico_slice name = PORTICO_SLICE("");
	const struct tls_entry *entry;
	const unsigned char *data;
	size_t size;

	(void)arg;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data,
				      &size) == 1 &&
	    !read_name(data, size, &name)) {
		*alert = SSL_AD_DECODE_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	entry = tls_connection_choose(connection, name);
	if (entry == NULL) {
		*alert = SSL_AD_UNRECOGNIZED_NAME;
		return SSL_CLIENT_HELLO_ERROR;
	}
	if (!apply_entry(ssl, entry)) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* ---- application protocol --------------------------------------------------------- */

static const unsigned char *
find_protocol(const unsigned char *offered, size_t size, const char *name,
	      size_t length)
{
	for (size_t at = 0; at < size; at += 1 + (size_t)offered[at]) {
		if (offered[at] == length && length < size - at &&
		    memcmp(offered + at + 1, name, length) == 0)
			return offered + at + 1;
	}
	return NULL;
}

const unsigned char *
tls_choose_protocol(const struct listener_connection *connection,
		    const unsigned char *offered, size_t size, size_t *length_r)
{
	static const char *const known[] = { "h2", "http/1.1", "http/1.0" };
	const struct listener_snapshot *snapshot =
		connection->loop->snapshot->shared;
	size_t i = snapshot->settings->listener.http2.enabled ? 0 : 1;

	for (; i < sizeof(known) / sizeof(known[0]); i++) {
		const unsigned char *found;

		*length_r = strlen(known[i]);
		found = find_protocol(offered, size, known[i], *length_r);
		if (found != NULL)
			return found;
	}
	return NULL;
}

/* No common protocol ends the handshake (RFC 7301 section 3.2): what was meant
 * for another one is not taken for a request. */
static int
on_alpn(SSL *ssl, const unsigned char **chosen_r, unsigned char *length_r,
	const unsigned char *offered, unsigned size, void *arg)
{
	size_t length = 0;

	(void)arg;
	*chosen_r =
		tls_choose_protocol(connection_of(ssl), offered, size, &length);
	if (*chosen_r == NULL)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*length_r = (unsigned char)length;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- session tickets --------------------------------------------------------------- */

static int
set_mac(EVP_MAC_CTX *mac, const struct tls_ticket_key *key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
						  (void *)(uintptr_t)key->mac,
						  sizeof(key->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
						 (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

static int
seal_ticket(const struct tls_material *material, unsigned char *name,
	    unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	const struct tls_ticket_key *key = &material->keys[0];

	if (material->key_count == 0)
		return 0; /* no ticket */
	if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
	    EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher, iv,
				NULL) != 1 ||
	    set_mac(mac, key) != 1)
		return -1;
	memcpy(name, key->name, sizeof(key->name));
	return 1;
}

/* 0: unknown, a full handshake follows; 2: known, and to be replaced: with
 * TLS 1.3 always, since clients use a ticket once (RFC 8446 C.4). */
static int
open_ticket(const SSL *ssl, const struct tls_material *material,
	    const unsigned char *name, const unsigned char *iv,
	    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac)
{
	for (unsigned i = 0; i < material->key_count; i++) {
		const struct tls_ticket_key *key = &material->keys[i];

		if (memcmp(name, key->name, sizeof(key->name)) != 0)
			continue;
		if (set_mac(mac, key) != 1 ||
		    EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key->cipher,
					iv, NULL) != 1)
			return -1;
		return i == 0 && SSL_version(ssl) < TLS1_3_VERSION ? 1 : 2;
	}
	return 0;
}

static int
on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv,
	  EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
	const struct listener_connection *connection = connection_of(ssl);
	const struct tls_store *store = connection->loop->snapshot->shared->tls;
	const struct tls_material *material;

	if (store == NULL)
		return 0;
	material = tls_store_material(store);
	return seal ? seal_ticket(material, name, iv, cipher, mac) :
		      open_ticket(ssl, material, name, iv, cipher, mac);
}

/* ---- the context --------------------------------------------------------------------- */

static bool
set_options(SSL_CTX *context)
{
	SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION |
					     SSL_OP_NO_RENEGOTIATION |

					     SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS |
					  SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* One recv() for what the kernel has of a record. */
	SSL_CTX_set_read_ahead(context, 1);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
	       SSL_CTX_set_ciphersuites(context, CIPHERS_13) == 1 &&
	       SSL_CTX_set1_groups_list(context, GROUPS) == 1;
}

SSL_CTX *
tls_context_new(uint64_t lifetime_s, struct portico_error *err)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	if (context == NULL || !set_options(context)) {
		const char *reason =
			ERR_reason_error_string(ERR_peek_last_error());

		error_set(err, PORTICO_SYSTEM, "setting up TLS: %s",
			  reason != NULL ? reason : "unknown reason");
		ERR_clear_error();
		SSL_CTX_free(context);
		return NULL;
	}
	/* Sessions are in tickets alone.  Each connection gives one, so a client
	 * has as many as connections that it may open at once again. */
	SSL_CTX_set_num_tickets(context, 1);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(context, (long)lifetime_s);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
	SSL_CTX_set_session_ticket_cb(context, tls_peer_on_ticket, NULL, NULL);
	SSL_CTX_set_client_hello_cb(context, on_client_hello, NULL);
	SSL_CTX_set_alpn_select_cb(context, on_alpn, NULL);
	SSL_CTX_set_tlsext_status_cb(context, tls_staple_show);
	return context;
}
