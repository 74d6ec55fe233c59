/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that do nothing: opens so many, plain or TLS 1.3, makes one
 * request on each, reads the answer, and keeps them open until its standard
 * input ends.  What they cost is measured outside, in the server.
 *
 *   idle_clients PORT COUNT PATH [tls]
 *
 * Says "ready" when all are idle; the exit status is 1 when one failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 65536

struct client {
	int fd;
	SSL *ssl; /* NULL: plain */
};

static void
fail(const char *what)
{
	fprintf(stderr, "idle_clients: %s: %s\n", what, strerror(errno));
	exit(1);
}

static ssize_t
get(struct client *client, char *bytes, size_t size)
{
	return client->ssl == NULL ? read(client->fd, bytes, size) :
				     SSL_read(client->ssl, bytes, (int)size);
}

static ssize_t
put(struct client *client, const char *bytes, size_t length)
{
	return client->ssl == NULL ? write(client->fd, bytes, length) :
				     SSL_write(client->ssl, bytes, (int)length);
}

/* Source addresses change, since one has not enough ports for very many. */
static void
open_one(struct client *client, int port, int number, SSL_CTX *tls)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = { .sin_family = AF_INET };
	/* Their ports are free at once for whoever listens next. */
	const struct linger none = { .l_onoff = 1, .l_linger = 0 };
	const int yes = 1;

	from.sin_addr.s_addr =
		htonl(INADDR_LOOPBACK + 1 + (uint32_t)(number / 20000));
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(client->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
	if (client->fd < 0 ||
	    bind(client->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
	    connect(client->fd, (struct sockaddr *)&to, sizeof to) != 0)
		fail("connecting");
	if (tls == NULL)
		return;
	client->ssl = SSL_new(tls);
	if (client->ssl == NULL || SSL_set_fd(client->ssl, client->fd) != 1 ||
	    SSL_connect(client->ssl) != 1)
		fail("TLS handshake");
}

/* Until Content-Length bytes after the head. */
static void
make_request(struct client *client, const char *path)
{
	static char answer[ANSWER_MAX];
	size_t length = 0, wanted = 0;
	char request[512];
	int size = snprintf(request, sizeof request,
			    "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

	if (put(client, request, (size_t)size) != size)
		fail("sending a request");
	while (wanted == 0 || length < wanted) {
		ssize_t got = get(client, answer + length,
				  sizeof answer - 1 - length);
		const char *end, *field;

		if (got <= 0)
			fail("reading an answer");
		length += (size_t)got;
		answer[length] = '\0';
		end = strstr(answer, "\r\n\r\n");
		if (wanted != 0 || end == NULL)
			continue;
		field = strcasestr(answer, "\r\ncontent-length:");
		if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || field == NULL)
			fail("an answer without length, or not 200");
		wanted = (size_t)(end + 4 - answer) +
			 strtoul(field + 17, NULL, 10);
	}
}

int
main(int argc, char **argv)
{
	struct rlimit limit;
	SSL_CTX *tls = NULL;
	struct client *clients;
	int count;
	char byte;

	if (argc != 4 && argc != 5) {
		fprintf(stderr, "usage: idle_clients PORT COUNT PATH [tls]\n");
		return 2;
	}
	count = (int)strtol(argv[2], NULL, 10);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (argc == 5) {
		tls = SSL_CTX_new(TLS_client_method());
		SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
		SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	}
	clients = calloc((size_t)count, sizeof *clients);
	if (clients == NULL)
		fail("memory");
	for (int i = 0; i < count; i++) {
		open_one(&clients[i], (int)strtol(argv[1], NULL, 10), i, tls);
		make_request(&clients[i], argv[3]);
	}
	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}
