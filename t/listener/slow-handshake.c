/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of TLS with the smallest window, which takes its time before it
 * reads, and takes any number of certificates:
 *
 *	slow-handshake PORT NAME
 *
 * Prints how many bytes the handshake had and the first line of an answer.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_MS 300
#define CERTIFICATES_BYTES_MAX (1l << 20)

static int
connect_to(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
	};
	const int least = 1, segment = 536;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof least);
	/* Then the server's buffer is small, too. */
	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		perror("slow-handshake");
		exit(EXIT_FAILURE);
	}
	return fd;
}

int
main(int argc, char **argv)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(context);
	char text[512];
	int got, fd;

	if (argc != 3)
		return EXIT_FAILURE;
	fd = connect_to(argv[1]);
	SSL_set_max_cert_list(ssl, CERTIFICATES_BYTES_MAX);
	SSL_set_tlsext_host_name(ssl, argv[2]);
	SSL_set_fd(ssl, fd);
	/* The first message, and then nothing is read for a while. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	(void)SSL_connect(ssl);
	(void)poll(NULL, 0, WAIT_MS);
	fcntl(fd, F_SETFL, 0);
	if (SSL_connect(ssl) != 1) {
		puts("no handshake");
		return EXIT_FAILURE;
	}
	printf("%llu bytes\n",
	       (unsigned long long)BIO_number_read(SSL_get_rbio(ssl)));
	snprintf(text, sizeof text,
		 "GET /count HTTP/1.1\r\nHost: %s\r\n"
		 "Connection: close\r\n\r\n",
		 argv[2]);
	SSL_write(ssl, text, (int)strlen(text));
	got = SSL_read(ssl, text, sizeof text - 1);
	text[got > 0 ? got : 0] = '\0';
	printf("%.*s\n", (int)strcspn(text, "\r\n"), text);
	SSL_free(ssl);
	SSL_CTX_free(context);
	return EXIT_SUCCESS;
}
