/* SPDX-License-Identifier: Apache-2.0
 *
 * Spans of files and the page cache.
 *
 * The listener copies a file to the socket by sendfile on its loop, which
 * waits when a page is not in memory.  So a span goes to it only when its
 * pages are: static_span_is_cached() asks, on the worker's loop;
 * static_fetch_run() reads what is not there, on the thread pool.
 *
 * Asking is by RWF_NOWAIT: a read of one byte that fails where it would have
 * to wait, be it for a page that is not there or for one that another thread
 * is still reading.  mincore and cachestat know more pages at once, but not
 * the second case, and tell nobody but a file's owner.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "modules/static/static_priv.h"

#define FETCH_BUFFER_BYTES (64u << 10)

/* False too where the file system knows no RWF_NOWAIT (EOPNOTSUPP): all that
 * is sent from there goes by the thread pool, be it cached or not. */
static bool
byte_is_cached(int fd, uint64_t offset)
{
	char byte;
	struct iovec buffer = { &byte, 1 };
	ssize_t n;

	do
		n = preadv2(fd, &buffer, 1, (off_t)offset, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	/* 0: the file has shrunk, and there is nothing to wait for. */
	return n >= 0;
}

bool
static_span_is_cached(int fd, uint64_t offset, uint64_t length)
{
	uint64_t end = offset + length;

	for (uint64_t at = offset; at < end;
	     at = (at / STATIC_SAMPLE_BYTES + 1) * STATIC_SAMPLE_BYTES) {
		if (!byte_is_cached(fd, at))
			return false;
	}
	return length == 0 || byte_is_cached(fd, end - 1);
}

void
static_fetch_run(void *arg)
{
	struct static_fetch *fetch = arg;
	uint64_t at = fetch->offset, end = fetch->offset + fetch->length;
	char buffer[FETCH_BUFFER_BYTES];

	/* Starts all of it, so that the disk has something to choose from; in
	 * pieces, since a device's setting cuts what is asked for at once.
	 * Unlike reads, it never goes beyond the end of the span. */
	for (uint64_t start = at; start < end; start += STATIC_SAMPLE_BYTES) {
		uint64_t left = end - start;

		readahead(fetch->fd, (off_t)start,
			  left < STATIC_SAMPLE_BYTES ? left :
						       STATIC_SAMPLE_BYTES);
	}
	/* And waits for it, page by page. */
	while (at < end) {
		uint64_t left = end - at;
		ssize_t n = pread(fetch->fd, buffer,
				  left < sizeof(buffer) ? left : sizeof(buffer),
				  (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			fetch->os_error = errno;
		if (n <= 0) /* 0: shorter by now; the listener will see it */
			return;
		at += (uint64_t)n;
	}
}
