/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls_peer.h.
 *
 * The texts of a certificate come from whoever asked for it: control bytes are
 * escaped, so that none can be taken for what ends a text, and a name that is too
 * long is left out, not cut.
 */
#include "core/listener/tls_peer.h"

#include <openssl/err.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/listener/limits.h"

static void
add_name(struct buffer *text, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	unsigned long flags = XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB;
	char *data;
	long length;

	if (bio == NULL)
		return;
	if (X509_NAME_print_ex(bio, name, 0, flags) >= 0) {
		length = BIO_get_mem_data(bio, &data);
		if (length > 0 && length <= TLS_NAME_BYTES_MAX &&
		    memchr(data, '\0', (size_t)length) == NULL &&
		    memchr(data, '\n', (size_t)length) == NULL)
			(void)buffer_append(text, data, (size_t)length);
	}
	BIO_free(bio);
}

static void
add_serial(struct buffer *text, const X509 *x509)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	char *digits = number != NULL ? BN_bn2hex(number) : NULL;

	if (digits != NULL && strlen(digits) <= TLS_SERIAL_BYTES_MAX)
		(void)buffer_append(text, digits, strlen(digits));
	OPENSSL_free(digits);
	BN_free(number);
}

static void
add_fingerprint(struct buffer *text, const X509 *x509)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (X509_digest(x509, EVP_sha256(), digest, &length) != 1)
		return;
	for (unsigned i = 0; i < length; i++)
		(void)buffer_printf(text, "%02x", digest[i]);
}

/* Subject, issuer, serial number and fingerprint, each behind `between`. */
static void
add_certificate(struct buffer *text, const X509 *x509, char between)
{
	(void)buffer_append_char(text, between);
	add_name(text, X509_get_subject_name(x509));
	(void)buffer_append_char(text, between);
	add_name(text, X509_get_issuer_name(x509));
	(void)buffer_append_char(text, between);
	add_serial(text, x509);
	(void)buffer_append_char(text, between);
	add_fingerprint(text, x509);
}

/*
 * HTTP_TLS_CLIENT_CHAIN, of a handshake in which it was verified: as many as
 * CLIENT_CHAIN_MAX permits.  A part could be taken for the whole: if it is too
 * long, there is none.
 */
static void
describe_chain(const STACK_OF(X509) * chain, struct buffer *text)
{
	int count = sk_X509_num(chain);

	(void)buffer_printf(text, "%d", count);
	for (int i = 1; i < count; i++)
		add_certificate(text, sk_X509_value(chain, i), '\n');
	if (text->length > TLS_CHAIN_BYTES_MAX)
		buffer_reset(text);
}

/* That of the handshake, or of the one with which the session began. */
static void
add_chain(SSL *ssl, struct buffer *text)
{
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	void *kept = NULL;
	size_t length = 0;

	if (chain != NULL)
		describe_chain(chain, text);
	else if (SSL_SESSION_get0_ticket_appdata(SSL_get_session(ssl), &kept,
						 &length) == 1)
		(void)buffer_append(text, kept, length);
}

static X509 *
verified(const SSL *ssl)
{
	return SSL_get_verify_result(ssl) == X509_V_OK ?
		       SSL_get0_peer_certificate(ssl) :
		       NULL;
}

void
tls_peer_describe(SSL *ssl, struct buffer *details)
{
	const X509 *x509 = verified(ssl);
	struct buffer chain;

	if (x509 == NULL)
		return;
	add_certificate(details, x509, '\0');
	buffer_init(&chain, 0);
	add_chain(ssl, &chain);
	(void)buffer_append_char(details, '\0');
	(void)buffer_append(details, chain.data, chain.length);
	buffer_fini(&chain);
	ERR_clear_error();
}

int
tls_peer_on_ticket(SSL *ssl, void *unused)
{
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	struct buffer text;
	int result;

	(void)unused;
	if (chain == NULL || verified(ssl) == NULL)
		return 1; /* none, or the ticket that went on had it */
	buffer_init(&text, 0);
	describe_chain(chain, &text);
	result = SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl),
						 text.data, text.length);
	buffer_fini(&text);
	return result;
}
