/* SPDX-License-Identifier: Apache-2.0
 *
 * See tls.h.
 *
 * OpenSSL reads from and writes to the socket by a BIO of ours, which makes the
 * system calls that a plain connection makes.
 *
 * What is encrypted may lie in memory that a worker can change meanwhile, and
 * OpenSSL does not promise to read it once: it is copied first, a record's worth
 * at a time, to a buffer of the loop.  A record that the socket did not take
 * whole lies encrypted in OpenSSL; the same number of bytes is then offered
 * again, and OpenSSL does not look at them.
 */
#include "core/listener/tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/http/limits.h"
#include "core/listener/address.h"
#include "core/listener/connection.h"
#include "core/listener/limits.h"
#include "core/listener/loop.h"
#include "core/listener/snapshot.h"
#include "core/listener/tls_peer.h"
#include "core/listener/tls_store.h"

#define TLS_STREAM_MAGIC 0x7157574eu

struct tls_stream {
	unsigned magic;
	SSL *ssl;
	bool starved; /* what is inside is no whole record */
	bool client_ended; /* close_notify has come */
	bool failed; /* for good */
	bool more; /* bytes follow what is written now */
	bool wire_ended; /* the socket has */
	bool heard; /* of the client */
	bool holding; /* what is written is kept in `held` */
	uint32_t retry; /* bytes of the record that waits in OpenSSL */
	uint32_t ahead; /* of one that has left, beyond what was offered then */
	unsigned long error; /* OpenSSL's, of the handshake */
	uint64_t policy; /* of the entry */
	struct buffer held; /* encrypted bytes that go first */
	struct buffer details; /* for request heads, made with the first */
	char *name; /* owned: that the client asked for; NULL: none */
};

static struct tls_stream *
stream_of(const struct transport *transport)
{
	struct tls_stream *stream = transport->state;

	CHECK(stream, TLS_STREAM_MAGIC);
	return stream;
}

/* ---- the socket as OpenSSL sees it --------------------------------------------- */

static int
bio_read(BIO *bio, char *data, size_t size, size_t *got_r)
{
	struct listener_connection *connection = BIO_get_data(bio);
	struct tls_stream *stream = stream_of(&connection->transport);
	ssize_t got = io_recv(connection->transport.fd, data, size, 0);

	BIO_clear_retry_flags(bio);
	*got_r = got > 0 ? (size_t)got : 0;
	if (got > 0) {
		stream->heard = true;
		return 1;
	}
	if (got == 0)
		stream->wire_ended = true;
	else if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(bio);
	return 0;
}

/* What is held, then `data`; how much of both has left, or -1. */
static ssize_t
send_both(const struct listener_connection *connection,
	  struct tls_stream *stream, const char *data, size_t size)
{
	int flags = MSG_NOSIGNAL | (stream->more ? MSG_MORE : 0);
	struct iovec iov[2] = {
		{ stream->held.data, stream->held.length },
		{ (void *)(uintptr_t)data, size },
	};
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent;

	do
		sent = stream->held.length == 0 ?
			       io_send(connection->transport.fd, data, size,
				       flags) :
			       sendmsg(connection->transport.fd, &message,
				       flags);
	while (sent < 0 && errno == EINTR);
	return sent;
}

/* Takes what was sent off what is held; how much is left of it. */
static size_t
release_held(struct tls_stream *stream, size_t sent)
{
	if (sent < stream->held.length) {
		buffer_consume(&stream->held, sent);
		return 0;
	}
	sent -= stream->held.length;
	buffer_fini(&stream->held);
	return sent;
}

static int
bio_write(BIO *bio, const char *data, size_t size, size_t *sent_r)
{
	struct listener_connection *connection = BIO_get_data(bio);
	struct tls_stream *stream = stream_of(&connection->transport);
	ssize_t sent;

	BIO_clear_retry_flags(bio);
	if (stream->holding &&
	    buffer_append(&stream->held, data, size) == PORTICO_OK) {
		*sent_r = size;
		return 1;
	}
	sent = send_both(connection, stream, data, size);
	*sent_r = sent > 0 ? release_held(stream, (size_t)sent) : 0;
	if (*sent_r > 0)
		return 1;
	if (sent > 0 || errno == EAGAIN)
		BIO_set_retry_write(bio);
	return 0;
}

/* False: some of it is still held, and errno says why. */
static bool
send_held(const struct listener_connection *connection,
	  struct tls_stream *stream)
{
	ssize_t sent;

	if (stream->held.length == 0)
		return true;
	stream->more = false;
	sent = send_both(connection, stream, NULL, 0);
	if (sent < 0)
		return false;
	(void)release_held(stream, (size_t)sent);
	errno = EAGAIN;
	return stream->held.length == 0;
}

static long
bio_control(BIO *bio, int command, long number, void *arg)
{
	struct listener_connection *connection = BIO_get_data(bio);

	(void)number;
	(void)arg;
	if (command == BIO_CTRL_EOF)
		return stream_of(&connection->transport)->wire_ended;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void
make_bio_method(void)
{
	bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
				  "portico socket");
	if (bio_method == NULL)
		check_panic("out of memory for TLS");
	BIO_meth_set_read_ex(bio_method, bio_read);
	BIO_meth_set_write_ex(bio_method, bio_write);
	BIO_meth_set_ctrl(bio_method, bio_control);
}

static BIO *
bio_new(struct listener_connection *connection)
{
	static uv_once_t once = UV_ONCE_INIT;
	BIO *bio;

	uv_once(&once, make_bio_method);
	bio = BIO_new(bio_method);
	if (bio == NULL)
		return NULL;
	BIO_set_data(bio, connection);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- the transport ---------------------------------------------------------------- */

static ssize_t
fail(struct tls_stream *stream)
{
	stream->failed = true;
	ERR_clear_error();
	errno = ECONNRESET;
	return -1;
}

static ssize_t
tls_read(struct transport *transport, void *data, size_t size)
{
	struct tls_stream *stream = stream_of(transport);
	int got;

	if (stream->client_ended)
		return 0;
	if (stream->failed)
		return fail(stream);
	ERR_clear_error();
	got = SSL_read(stream->ssl, data, size < INT_MAX ? (int)size : INT_MAX);
	stream->starved = got <= 0;
	if (got > 0)
		return got;
	switch (SSL_get_error(stream->ssl, got)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		stream->client_ended = true;
		return 0;
	default:
		/* Without close_notify somebody else may have cut it off. */
		return fail(stream);
	}
}

/* Whether what is offered next was encrypted before. */
static bool
is_committed(const struct tls_stream *stream)
{
	return stream->retry > 0 || stream->ahead > 0;
}

static ssize_t
take_ahead(struct tls_stream *stream, size_t offered)
{
	size_t taken = stream->ahead < offered ? stream->ahead : offered;

	stream->ahead -= (uint32_t)taken;
	return (ssize_t)taken;
}

/* A record of what lies in `data`, or of what did not leave before: that may be
 * more than is offered now, since others have their turns; what is too much is
 * remembered, and not sent again. */
static ssize_t
write_record(struct tls_stream *stream, const char *data, size_t size,
	     bool more)
{
	size_t offered = size;
	int sent;

	if (stream->failed)
		return fail(stream);
	if (stream->ahead > 0)
		return take_ahead(stream, size);
	if (stream->retry > 0)
		size = stream->retry;
	stream->more = more;
	ERR_clear_error();
	sent = SSL_write(stream->ssl, data, (int)size);
	if (sent > 0) {
		stream->retry = 0;
		stream->ahead = (uint32_t)sent;
		return take_ahead(stream, offered);
	}
	switch (SSL_get_error(stream->ssl, sent)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		stream->retry = (uint32_t)size;
		errno = EAGAIN;
		return -1;
	default:
		return fail(stream);
	}
}

/* Where the next byte lies. */
struct cursor {
	const struct iovec *iov;
	unsigned count;
	size_t offset;
};

static void
cursor_skip(struct cursor *cursor, size_t size)
{
	while (cursor->count > 0) {
		size_t rest = cursor->iov->iov_len - cursor->offset;

		if (size < rest) {
			cursor->offset += size;
			return;
		}
		size -= rest;
		cursor->iov++;
		cursor->count--;
		cursor->offset = 0;
	}
}

/* There are so many. */
static void
cursor_copy(struct cursor from, char *to, size_t size)
{
	size_t total = 0;

	while (total < size) {
		size_t rest = from.iov->iov_len - from.offset;

		if (rest > size - total)
			rest = size - total;
		memcpy(to + total, (char *)from.iov->iov_base + from.offset,
		       rest);
		total += rest;
		from.iov++;
		from.count--;
		from.offset = 0;
	}
}

static struct listener_loop *
loop_of(const struct tls_stream *stream)
{
	struct listener_connection *connection = SSL_get_app_data(stream->ssl);

	return connection->loop;
}

static ssize_t
tls_write(struct transport *transport, const struct iovec *iov, unsigned count,
	  bool more)
{
	struct tls_stream *stream = stream_of(transport);
	char *record = loop_of(stream)->record;
	struct cursor cursor = { iov, count, 0 };
	size_t left = 0, total = 0;

	for (unsigned i = 0; i < count; i++)
		left += iov[i].iov_len;
	while (left > 0) {
		size_t size = left < TLS_RECORD_BYTES ? left : TLS_RECORD_BYTES;
		ssize_t sent;

		if (!is_committed(stream))
			cursor_copy(cursor, record, size);
		sent = write_record(stream, record, size, more || left > size);

		if (sent < 0)
			return total > 0 ? (ssize_t)total : -1;
		ASSERT((size_t)sent <= left);
		cursor_skip(&cursor, (size_t)sent);
		left -= (size_t)sent;
		total += (size_t)sent;
	}
	return (ssize_t)total;
}

static ssize_t
tls_send_file(struct transport *transport, int fd, off_t position, size_t size)
{
	struct tls_stream *stream = stream_of(transport);
	char *record = loop_of(stream)->record;
	size_t total = 0;

	while (total < size) {
		size_t wanted = size - total;
		ssize_t got, sent;

		if (wanted > TLS_RECORD_BYTES)
			wanted = TLS_RECORD_BYTES;
		got = is_committed(stream) ? (ssize_t)wanted :
					     pread(fd, record, wanted,
						   position + (off_t)total);
		if (got <= 0)
			return total > 0 ? (ssize_t)total : got;
		sent = write_record(stream, record, (size_t)got,
				    size - total > (size_t)got);
		if (sent < 0)
			return total > 0 ? (ssize_t)total : -1;
		total += (size_t)sent;
	}
	return (ssize_t)total;
}

/* Our close_notify; that it may not fit is no reason to wait. */
static void
say_end(struct tls_stream *stream)
{
	if (stream->failed || !SSL_is_init_finished(stream->ssl))
		return;
	stream->more = false;
	ERR_clear_error();
	(void)SSL_shutdown(stream->ssl);
	ERR_clear_error();
}

static bool
tls_shutdown(struct transport *transport)
{
	say_end(stream_of(transport));
	return shutdown(transport->fd, SHUT_WR) == 0;
}

static bool
tls_pending(const struct transport *transport)
{
	const struct tls_stream *stream = stream_of(transport);

	if (stream->client_ended)
		return true;
	return !stream->failed && !stream->starved &&
	       SSL_is_init_finished(stream->ssl) &&
	       SSL_has_pending(stream->ssl);
}

static void
tls_close(struct transport *transport, bool orderly)
{
	struct tls_stream *stream = stream_of(transport);
	struct listener_connection *connection = SSL_get_app_data(stream->ssl);

	connection->tls_stream = NULL;
	if (orderly)
		say_end(stream);
	/* Else SSL_free() would look for it in a cache. */
	SSL_set_quiet_shutdown(stream->ssl, 1);
	SSL_free(stream->ssl);
	buffer_fini(&stream->held);
	buffer_fini(&stream->details);
	MEM_FREE(stream->name);
	stream->magic = 0;
	mem_free(stream);
}

static const struct transport_methods methods = {
	.read = tls_read,
	.write = tls_write,
	.send_file = tls_send_file,
	.shutdown = tls_shutdown,
	.pending = tls_pending,
	.close = tls_close,
};

/* ---- the handshake ------------------------------------------------------------------ */

bool
tls_open(struct listener_connection *connection)
{
	struct listener_snapshot *snapshot = connection->loop->snapshot->shared;
	struct tls_stream *stream;
	SSL *ssl;
	BIO *bio;

	if (snapshot->tls == NULL)
		return false;
	ssl = SSL_new(snapshot->tls_context);
	bio = bio_new(connection);
	if (ssl == NULL || bio == NULL) {
		SSL_free(ssl);
		BIO_free(bio);
		ERR_clear_error();
		return false;
	}
	stream = mem_zalloc(sizeof(*stream));
	stream->magic = TLS_STREAM_MAGIC;
	stream->ssl = ssl;
	buffer_init(&stream->held, TLS_HELD_BYTES_MAX);
	buffer_init(&stream->details, HTTP_TLS_BYTES_MAX);
	connection->transport.methods = &methods;
	connection->transport.state = stream;
	connection->tls_stream = stream;
	SSL_set_app_data(ssl, connection);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_accept_state(ssl);
	if (connection->loop->record == NULL)
		connection->loop->record = mem_alloc(TLS_RECORD_BYTES);
	return true;
}

/* HTTP to a port for HTTPS; the bytes are gone. */
static bool
was_http(const struct tls_stream *stream)
{
	return ERR_GET_LIB(stream->error) == ERR_LIB_SSL &&
	       (ERR_GET_REASON(stream->error) == SSL_R_HTTP_REQUEST ||
		ERR_GET_REASON(stream->error) == SSL_R_HTTPS_PROXY_REQUEST);
}

/* Of TLS 1.3 only tickets are left then: if a request is there already they go
 * with its answer. */
static bool
tickets_wait(const struct tls_stream *stream)
{
	return SSL_is_init_finished(stream->ssl) &&
	       SSL_version(stream->ssl) >= TLS1_3_VERSION &&
	       SSL_has_pending(stream->ssl);
}

/* Messages of a flight leave together. */
static int
shake_hands(struct listener_connection *connection, struct tls_stream *stream)
{
	bool gone = true;
	int result;

	ERR_clear_error();
	stream->holding = true;
	result = SSL_do_handshake(stream->ssl);
	stream->holding = false;
	result = result == 1 ? SSL_ERROR_NONE :
			       SSL_get_error(stream->ssl, result);
	if (!tickets_wait(stream))
		gone = send_held(connection, stream);
	if (!gone && errno == EAGAIN &&
	    (result == SSL_ERROR_NONE || result == SSL_ERROR_WANT_READ))
		return SSL_ERROR_WANT_WRITE;
	return result;
}

enum tls_result
tls_handshake(struct listener_connection *connection)
{
	struct tls_stream *stream = stream_of(&connection->transport);

	switch (shake_hands(connection, stream)) {
	case SSL_ERROR_NONE:
		return TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return TLS_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WRITE;
	default:
		break;
	}
	stream->failed = true;
	stream->error = ERR_peek_last_error();
	ERR_clear_error();
	if (!was_http(stream))
		return TLS_FAILED;
	transport_close(&connection->transport, false);
	return TLS_PLAIN;
}

const char *
tls_failure(const struct listener_connection *connection)
{
	const struct tls_stream *stream = stream_of(&connection->transport);
	long verdict = SSL_get_verify_result(stream->ssl);
	const char *reason;

	if (!stream->heard)
		return NULL;
	if (verdict != X509_V_OK)
		return X509_verify_cert_error_string(verdict);
	if (stream->wire_ended)
		return "the client has gone";
	reason = ERR_reason_error_string(stream->error);
	return reason != NULL ? reason : "the connection is lost";
}

/* Where the client has come to; `address` is ADDRESS_TEXT_SIZE large. */
static struct tls_target
target_of(const struct listener_connection *connection, char *address,
	  struct portico_slice host)
{
	size_t length = address_format(&connection->server, address);

	return (struct tls_target){
		.port = connection->route_port,
		.address = slice_make(address, length),
		.host = host,
	};
}

/* In lower case.  Again, if the client was asked for another hello. */
static void
keep_name(struct tls_stream *stream, struct portico_slice name)
{
	MEM_FREE(stream->name);
	if (name.length == 0)
		return;
	stream->name = mem_alloc(name.length + 1);
	for (size_t i = 0; i < name.length; i++)
		stream->name[i] = slice_lower(name.data[i]);
	stream->name[name.length] = '\0';
}

const struct tls_entry *
tls_connection_choose(struct listener_connection *connection,
		      struct portico_slice name)
{
	struct tls_stream *stream = stream_of(&connection->transport);
	const struct tls_store *store = connection->loop->snapshot->shared->tls;
	char address[ADDRESS_TEXT_SIZE];
	const struct tls_entry *entry;
	struct tls_target target;

	/* A client may write a final dot, or what is no name at all. */
	if (name.length > 0 && name.data[name.length - 1] == '.')
		name.length--;
	if (name.length > HTTP_HOST_LENGTH_MAX ||
	    (name.length > 0 && memchr(name.data, '\0', name.length) != NULL))
		name.length = 0;
	keep_name(stream, name);
	if (store == NULL)
		return NULL;
	target = target_of(connection, address,
			   slice_make(stream->name != NULL ? stream->name : "",
				      name.length));
	entry = tls_store_find(store, &target);
	if (entry != NULL)
		stream->policy = entry->policy;
	return entry;
}

bool
tls_serves(const struct listener_connection *connection,
	   struct portico_slice host, struct portico_slice path)
{
	const struct tls_stream *stream = connection->tls_stream;
	const struct tls_store *store = connection->loop->snapshot->shared->tls;
	char address[ADDRESS_TEXT_SIZE];
	struct tls_target target;

	/* The last binding that asked may be gone. */
	if (store == NULL || !tls_store_has_policies(store))
		return true;
	target = target_of(connection, address, host);
	return stream != NULL &&
	       tls_store_policy(store, &target, path) == stream->policy;
}

/* ---- what modules are told ----------------------------------------------------------- */

static void
make_details(struct tls_stream *stream)
{
	struct buffer *details = &stream->details;
	const char *cipher = SSL_get_cipher_name(stream->ssl);

	(void)buffer_append_text(details, SSL_get_version(stream->ssl));
	(void)buffer_append(details, "", 1);
	(void)buffer_append_text(details, cipher != NULL ? cipher : "");
	(void)buffer_append(details, "", 1);
	for (const char *at = stream->name != NULL ? stream->name : "";
	     *at != '\0'; at++)
		(void)buffer_append(details, *at > ' ' && *at < 0x7f ? at : "?",
				    1);
	tls_peer_describe(stream->ssl, details);
}

struct portico_slice
tls_details(const struct listener_connection *connection)
{
	struct tls_stream *stream = connection->tls_stream;

	if (stream == NULL)
		return PORTICO_SLICE("");
	CHECK(stream, TLS_STREAM_MAGIC);
	if (stream->details.length == 0)
		make_details(stream);
	return buffer_slice(&stream->details);
}
