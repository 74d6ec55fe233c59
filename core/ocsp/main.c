/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-ocsp: started by porticod for one question to one OCSP responder,
 * since porticod reads no bytes of strangers.  It has no rights, no secrets and
 * a short life; what it is asked and what it answers is in exchange.h.
 */
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/ocsp/answer.h"
#include "core/ocsp/exchange.h"
#include "core/ocsp/fetch.h"
#include "core/ocsp/limits.h"

static void
usage(FILE *file)
{
	fputs("Usage: portico-ocsp --control-fd FD\n"
	      "Started by porticod, see porticod(8).\n",
	      file);
}

/* Descriptor, or -1 and the exit status. */
static int
parse_options(int argc, char **argv, int *code_r)
{
	static const struct option options[] = {
		{ "control-fd", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int option, fd = -1;

	*code_r = EXIT_FAILURE;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			fd = (int)strtol(optarg, NULL, 10);
			break;
		case 'v':
			puts("portico-ocsp " PORTICO_VERSION);
			*code_r = EXIT_SUCCESS;
			return -1;
		default:
			usage(option == 'h' ? stdout : stderr);
			*code_r = option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
			return -1;
		}
	}
	if (fd < 0 || optind < argc) {
		usage(stderr);
		return -1;
	}
	return fd;
}

/* Whatever happens, it is over soon, and leaves nothing behind. */
static void
limit(void)
{
	static const struct rlimit none = { 0, 0 };
	static const struct rlimit processor = { OCSP_PROCESSOR_S,
						 OCSP_PROCESSOR_S };

	alarm(OCSP_LIFE_S);
	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_CPU, &processor);
}

static X509 *
read_certificate(const json_t *question, const char *member)
{
	const char *text = json_string_value(json_object_get(question, member));
	BIO *bio;
	X509 *x509;

	if (text == NULL)
		return NULL;
	bio = BIO_new_mem_buf(text, -1);
	x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	return x509;
}

static json_t *
answer_to_json(const struct buffer *answer, int64_t from, int64_t until)
{
	struct buffer hex;
	json_t *json;

	buffer_init(&hex, 2 * OCSP_ANSWER_BYTES_MAX + 1);
	for (size_t i = 0; i < answer->length; i++)
		(void)buffer_printf(&hex, "%02x",
				    (unsigned char)answer->data[i]);
	json = json_pack("{s:s, s:I, s:I}", "answer", buffer_text(&hex), "from",
			 (json_int_t)from, "until", (json_int_t)until);
	buffer_fini(&hex);
	return json;
}

static json_t *
ask(const char *url, X509 *leaf, X509 *issuer, struct portico_error *err)
{
	struct buffer question, answer;
	int64_t from, until;
	json_t *json = NULL;

	buffer_init(&question, OCSP_ANSWER_BYTES_MAX);
	buffer_init(&answer, OCSP_ANSWER_BYTES_MAX);
	if (ocsp_question(leaf, issuer, &question, err) == PORTICO_OK &&
	    ocsp_fetch(url, &question, &answer, err) == PORTICO_OK) {
		if (ocsp_answer_check(leaf, issuer, answer.data, answer.length,
				      &from, &until, err) == PORTICO_OK)
			json = answer_to_json(&answer, from, until);
		else
			error_prefix(err, "asking %s", url);
	}
	buffer_fini(&question);
	buffer_fini(&answer);
	return json;
}

static json_t *
answer_question(const json_t *question)
{
	const char *url =
		json_string_value(json_object_get(question, "responder"));
	X509 *leaf = read_certificate(question, "leaf");
	X509 *issuer = read_certificate(question, "issuer");
	struct portico_error err;
	json_t *json = NULL;

	if (url == NULL || leaf == NULL || issuer == NULL)
		error_set(&err, PORTICO_PROTOCOL, "the question is incomplete");
	else
		json = ask(url, leaf, issuer, &err);
	if (json == NULL)
		json = json_pack("{s:s}", "error", err.message);
	X509_free(leaf);
	X509_free(issuer);
	return json;
}

int
main(int argc, char **argv)
{
	struct portico_error err;
	json_t *question, *answer;
	int code, fd = parse_options(argc, argv, &code);

	if (fd < 0)
		return code;
	log_open("portico-ocsp", LOG_LEVEL_INFO, STDERR_FILENO);
	limit();
	question = ocsp_exchange_read(fd, &err);
	if (question != NULL) {
		answer = answer_question(question);
		code = ocsp_exchange_write(fd, answer, &err) == PORTICO_OK ?
			       EXIT_SUCCESS :
			       EXIT_FAILURE;
		json_decref(answer);
		json_decref(question);
	}
	if (code != EXIT_SUCCESS)
		error_print(stderr, &err);
	return code;
}
