/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes an answer of an OCSP responder in DER, as a test wants it:
 *
 *	ocsp-answer LEAF ISSUER SIGNER SIGNER-KEY good|revoked|unknown FROM UNTIL
 *
 * FROM and UNTIL are seconds from now; UNTIL "none": it does not say.
 */
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Noreturn void
die(const char *what)
{
	fprintf(stderr, "ocsp-answer: %s\n", what);
	exit(EXIT_FAILURE);
}

static X509 *
read_certificate(const char *path)
{
	FILE *file = fopen(path, "r");
	X509 *x509 = file == NULL ? NULL :
				    PEM_read_X509(file, NULL, NULL, NULL);

	if (x509 == NULL)
		die(path);
	fclose(file);
	return x509;
}

static EVP_PKEY *
read_key(const char *path)
{
	FILE *file = fopen(path, "r");
	EVP_PKEY *key = file == NULL ?
				NULL :
				PEM_read_PrivateKey(file, NULL, NULL, NULL);

	if (key == NULL)
		die(path);
	fclose(file);
	return key;
}

static ASN1_TIME *
time_from_now(const char *seconds)
{
	if (strcmp(seconds, "none") == 0)
		return NULL;
	return ASN1_GENERALIZEDTIME_set(
		NULL, time(NULL) + (time_t)strtol(seconds, NULL, 10));
}

int
main(int argc, char **argv)
{
	OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
	OCSP_RESPONSE *response;
	OCSP_CERTID *id;
	X509 *leaf, *issuer, *signer;
	EVP_PKEY *key;
	ASN1_TIME *from, *until, *revoked;
	unsigned char *der = NULL;
	int length, status;

	if (argc != 8 || basic == NULL)
		die("LEAF ISSUER SIGNER SIGNER-KEY STATUS FROM UNTIL");
	leaf = read_certificate(argv[1]);
	issuer = read_certificate(argv[2]);
	signer = read_certificate(argv[3]);
	key = read_key(argv[4]);
	status = strcmp(argv[5], "good") == 0	 ? V_OCSP_CERTSTATUS_GOOD :
		 strcmp(argv[5], "revoked") == 0 ? V_OCSP_CERTSTATUS_REVOKED :
						   V_OCSP_CERTSTATUS_UNKNOWN;
	from = time_from_now(argv[6]);
	until = time_from_now(argv[7]);
	revoked = status == V_OCSP_CERTSTATUS_REVOKED ? time_from_now("-60") :
							NULL;
	id = OCSP_cert_to_id(NULL, leaf, issuer);
	if (OCSP_basic_add1_status(basic, id, status, 0, revoked, from,
				   until) == NULL ||
	    OCSP_basic_sign(basic, signer, key, EVP_sha256(), NULL, 0) != 1)
		die("signing");
	response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
	length = i2d_OCSP_RESPONSE(response, &der);
	if (length <= 0 || fwrite(der, (size_t)length, 1, stdout) != 1)
		die("writing");
	OPENSSL_free(der);
	OCSP_RESPONSE_free(response);
	OCSP_BASICRESP_free(basic);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(revoked);
	EVP_PKEY_free(key);
	X509_free(signer);
	X509_free(issuer);
	X509_free(leaf);
	return EXIT_SUCCESS;
}
