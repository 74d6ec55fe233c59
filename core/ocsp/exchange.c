/* SPDX-License-Identifier: Apache-2.0
 *
 * See exchange.h.
 */
#include "core/ocsp/exchange.h"

#include <string.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/memory.h"
#include "core/ocsp/limits.h"

enum portico_status
ocsp_exchange_write(int fd, const json_t *answer, struct portico_error *err)
{
	char *text = mem_zalloc(OCSP_EXCHANGE_BYTES);
	size_t length =
		json_dumpb(answer, text, OCSP_EXCHANGE_BYTES - 1, JSON_COMPACT);
	enum portico_status status = PORTICO_OK;

	error_clear(err);
	if (length == 0 || length >= OCSP_EXCHANGE_BYTES)
		status = error_set(err, PORTICO_TOO_LARGE,
				   "an OCSP exchange takes more than %u bytes",
				   OCSP_EXCHANGE_BYTES);
	else if (pwrite(fd, text, OCSP_EXCHANGE_BYTES, 0) !=
		 (ssize_t)OCSP_EXCHANGE_BYTES)
		status = error_system(err, "writing an OCSP exchange");
	mem_free(text);
	return status;
}

int
ocsp_exchange_new(const json_t *question, struct portico_error *err)
{
	int fd = io_memfd_create("portico-ocsp", OCSP_EXCHANGE_BYTES, err);
	enum portico_status status;

	if (fd < 0)
		return fd;
	/* The other process can change what lies in it, not its size. */
	status = io_memfd_seal(fd, IO_SEAL_SIZE, err);
	if (status == PORTICO_OK)
		status = ocsp_exchange_write(fd, question, err);
	if (status == PORTICO_OK)
		return fd;
	io_close(&fd);
	return (int)status;
}

json_t *
ocsp_exchange_read(int fd, struct portico_error *err)
{
	struct buffer text;
	json_error_t problem;
	json_t *json = NULL;

	buffer_init(&text, OCSP_EXCHANGE_BYTES);
	if (io_memfd_read(fd, OCSP_EXCHANGE_BYTES, &text, err) == PORTICO_OK) {
		json = json_loadb(text.data, strnlen(text.data, text.length), 0,
				  &problem);
		if (json == NULL)
			error_set(err, PORTICO_PROTOCOL,
				  "reading an OCSP exchange: %s", problem.text);
	}
	buffer_fini(&text);
	return json;
}
