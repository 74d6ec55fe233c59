/* SPDX-License-Identifier: Apache-2.0
 *
 * Handshakes as fast as a server makes them: so many processes, each with one
 * connection at a time, which sends one request, reads its answer and closes.
 *
 *	tls_load PORT PATH full|resumed SECONDS PROCESSES
 *
 * Prints "RESULT handshakes=N resumed=N failed=N".  TLS 1.3; no certificate is
 * checked.  `resumed` begins with one that is not.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct counts {
	unsigned long handshakes, resumed, failed;
};

static SSL_SESSION *session; /* the newest, with which the next one begins */

static int
on_session(SSL *ssl, SSL_SESSION *given)
{
	(void)ssl;
	SSL_SESSION_free(session);
	session = given;
	return 1; /* ours from here on */
}

static int
connect_to(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port) };
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 ||
	    connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

/* One connection from its first byte to its last. */
static void
converse(SSL_CTX *context, int port, const char *request, bool resume,
	 struct counts *counts)
{
	SSL *ssl = SSL_new(context);
	int fd = connect_to(port);
	bool good = false;
	char answer[8192];

	if (fd >= 0 && ssl != NULL && SSL_set_fd(ssl, fd) == 1) {
		if (resume && session != NULL)
			SSL_set_session(ssl, session);
		good = SSL_connect(ssl) == 1 &&
		       SSL_write(ssl, request, (int)strlen(request)) > 0 &&
		       SSL_read(ssl, answer, sizeof answer) > 12 &&
		       memcmp(answer + 8, " 200", 4) == 0;
		if (good) {
			counts->handshakes++;
			counts->resumed += SSL_session_reused(ssl) == 1;
			while (SSL_read(ssl, answer, sizeof answer) > 0)
				;
			SSL_shutdown(ssl);
		}
	}
	counts->failed += !good;
	SSL_free(ssl);
	if (fd >= 0)
		close(fd);
}

static void
run(int port, const char *path, bool resume, int seconds, struct counts *counts)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	time_t end = time(NULL) + seconds;
	char request[1024];

	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	SSL_CTX_set_session_cache_mode(
		context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(context, on_session);
	snprintf(request, sizeof request,
		 "GET %s HTTP/1.1\r\nHost: localhost\r\n"
		 "Connection: close\r\n\r\n",
		 path);
	while (time(NULL) < end)
		converse(context, port, request, resume, counts);
}

static int
number_of(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

int
main(int argc, char **argv)
{
	struct counts *counts, all = { 0 };
	int processes = argc == 6 ? number_of(argv[5]) : 0;

	if (processes < 1) {
		fputs("usage: tls_load PORT PATH full|resumed SECONDS "
		      "PROCESSES\n",
		      stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	counts = mmap(NULL, (size_t)processes * sizeof *counts,
		      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		return 1;
	for (int i = 0; i < processes; i++) {
		if (fork() == 0) {
			run(number_of(argv[1]), argv[2],
			    strcmp(argv[3], "resumed") == 0, number_of(argv[4]),
			    &counts[i]);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	for (int i = 0; i < processes; i++) {
		all.handshakes += counts[i].handshakes;
		all.resumed += counts[i].resumed;
		all.failed += counts[i].failed;
	}
	printf("RESULT handshakes=%lu resumed=%lu failed=%lu\n", all.handshakes,
	       all.resumed, all.failed);
	return 0;
}
