/* SPDX-License-Identifier: Apache-2.0
 *
 * See answer.h.
 *
 * No nonce is sent: hardly a public responder heeds it, and answers that are
 * made beforehand could have none.
 */
#include "core/ocsp/answer.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <time.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/ocsp/limits.h"

static const char *
openssl_reason(void)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	return reason != NULL ? reason : "of an unknown kind";
}

enum portico_status
ocsp_question(X509 *leaf, X509 *issuer, struct buffer *question,
	      struct portico_error *err)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);
	unsigned char *der = NULL;
	int length = -1;

	error_clear(err);
	if (request != NULL && id != NULL &&
	    OCSP_request_add0_id(request, id) != NULL) {
		id = NULL; /* the request's */
		length = i2d_OCSP_REQUEST(request, &der);
	}
	if (length <= 0 ||
	    buffer_append(question, der, (size_t)length) != PORTICO_OK)
		error_set(err, PORTICO_NO_MEMORY,
			  "making a question for the responder: %s",
			  openssl_reason());
	OPENSSL_free(der);
	OCSP_CERTID_free(id);
	OCSP_REQUEST_free(request);
	ERR_clear_error();
	return err->status;
}

/* The issuer is trusted, whoever has issued it. */
static bool
is_signed(OCSP_BASICRESP *basic, X509 *issuer)
{
	X509_STORE *store = X509_STORE_new();
	STACK_OF(X509) *known = sk_X509_new_null();
	bool yes = store != NULL && known != NULL &&
		   X509_STORE_add_cert(store, issuer) == 1 &&
		   X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) ==
			   1 &&
		   sk_X509_push(known, issuer) > 0 &&
		   OCSP_basic_verify(basic, known, store, 0) == 1;

	sk_X509_free(known);
	X509_STORE_free(store);
	return yes;
}

static int64_t
seconds_of(const ASN1_GENERALIZEDTIME *time)
{
	struct tm tm;

	return time != NULL && ASN1_TIME_to_tm(time, &tm) == 1 ?
		       (int64_t)timegm(&tm) :
		       0;
}

static enum portico_status
check_status(OCSP_BASICRESP *basic, OCSP_CERTID *id, int64_t *from_r,
	     int64_t *until_r, struct portico_error *err)
{
	ASN1_GENERALIZEDTIME *revoked = NULL, *from = NULL, *until = NULL;
	int status, reason;

	if (OCSP_resp_find_status(basic, id, &status, &reason, &revoked, &from,
				  &until) != 1)
		return error_set(err, PORTICO_PROTOCOL,
				 "the answer is for another certificate");
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return error_set(err, PORTICO_DENIED,
				 "the certificate is revoked");
	if (status != V_OCSP_CERTSTATUS_GOOD)
		return error_set(err, PORTICO_DENIED,
				 "the responder does not know the certificate");
	if (OCSP_check_validity(from, until, OCSP_SKEW_S, -1) != 1)
		return error_set(err, PORTICO_PROTOCOL,
				 "the answer holds at another time: %s",
				 openssl_reason());
	*from_r = seconds_of(from);
	*until_r = until != NULL ? seconds_of(until) :
				   (int64_t)time(NULL) + OCSP_UNLIMITED_S;
	/* OpenSSL lets it be over for as long as the clocks may differ. */
	if (*until_r <= (int64_t)time(NULL))
		return error_set(err, PORTICO_PROTOCOL,
				 "the answer holds no longer");
	return PORTICO_OK;
}

static enum portico_status
check_basic(OCSP_BASICRESP *basic, X509 *leaf, X509 *issuer, int64_t *from_r,
	    int64_t *until_r, struct portico_error *err)
{
	OCSP_CERTID *id = OCSP_cert_to_id(NULL, leaf, issuer);

	if (!is_signed(basic, issuer))
		error_set(err, PORTICO_DENIED,
			  "the answer is not signed by who may: %s",
			  openssl_reason());
	else if (id == NULL)
		error_set(err, PORTICO_NO_MEMORY, "out of memory");
	else
		check_status(basic, id, from_r, until_r, err);
	OCSP_CERTID_free(id);
	return err->status;
}

enum portico_status
ocsp_answer_check(X509 *leaf, X509 *issuer, const void *data, size_t length,
		  int64_t *from_r, int64_t *until_r, struct portico_error *err)
{
	const unsigned char *at = data;
	OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)length);
	OCSP_BASICRESP *basic = NULL;
	int status;

	error_clear(err);
	if (response == NULL || at != (const unsigned char *)data + length) {
		error_set(err, PORTICO_PROTOCOL, "it is no answer of OCSP");
	} else {
		status = OCSP_response_status(response);
		if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
			error_set(err, PORTICO_DENIED, "the responder says %s",
				  OCSP_response_status_str(status));
		else
			basic = OCSP_response_get1_basic(response);
	}
	if (basic != NULL)
		check_basic(basic, leaf, issuer, from_r, until_r, err);
	else if (err->status == PORTICO_OK)
		error_set(err, PORTICO_PROTOCOL,
			  "the answer is of a kind that "
			  "is not known");
	OCSP_BASICRESP_free(basic);
	OCSP_RESPONSE_free(response);
	ERR_clear_error();
	return err->status;
}
