/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls_staple.h.
 *
 * The bytes lie in the certificate's own extra data, so that they live exactly
 * as long as it does, which connections may keep after a reload.
 */
#include "core/listener/tls_staple.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "core/base/check.h"
#include "core/base/memory.h"

#define TLS_STAPLE_MAGIC 0x7157a91eu

struct tls_staple {
	unsigned magic;
	time_t until;
	size_t length;
	unsigned char data[];
};

static int staple_index;

static void
on_free(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long number,
	void *arg)
{
	struct tls_staple *staple = data;

	(void)parent;
	(void)all;
	(void)index;
	(void)number;
	(void)arg;
	if (staple == NULL)
		return;
	CHECK(staple, TLS_STAPLE_MAGIC);
	staple->magic = 0;
	mem_free(staple);
}

static void
make_index(void)
{
	staple_index = X509_get_ex_new_index(0, NULL, NULL, NULL, on_free);
	if (staple_index < 0)
		check_panic("out of memory for TLS");
}

static int
get_index(void)
{
	static uv_once_t once = UV_ONCE_INIT;

	uv_once(&once, make_index);
	return staple_index;
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
				      -1;
}

static bool
decode(unsigned char *data, const char *hex, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		data[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

void
tls_staple_attach(X509 *leaf, const json_t *pair)
{
	const json_t *hex = json_object_get(pair, "staple");
	size_t length = json_string_length(hex) / 2;
	struct tls_staple *staple;

	if (length == 0)
		return;
	staple = mem_zalloc(sizeof(*staple) + length);
	staple->magic = TLS_STAPLE_MAGIC;
	staple->length = length;
	staple->until = (time_t)json_integer_value(
		json_object_get(pair, "stapleUntil"));
	if (!decode(staple->data, json_string_value(hex), length) ||
	    X509_set_ex_data(leaf, get_index(), staple) != 1)
		mem_free(staple);
}

int
tls_staple_show(SSL *ssl, void *arg)
{
	const X509 *leaf = SSL_get_certificate(ssl);
	const struct tls_staple *staple =
		leaf == NULL ? NULL : X509_get_ex_data(leaf, get_index());
	unsigned char *copy;

	(void)arg;
	if (staple == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	CHECK(staple, TLS_STAPLE_MAGIC);
	if (time(NULL) >= staple->until)
		return SSL_TLSEXT_ERR_NOACK;
	copy = OPENSSL_memdup(staple->data, staple->length);
	if (copy == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	/* The connection's from here on. */
	SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)staple->length);
	return SSL_TLSEXT_ERR_OK;
}
