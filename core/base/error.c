/* SPDX-License-Identifier: Apache-2.0
 *
 * Error records and status texts.
 */
#include "core/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

const char *
status_text(enum portico_status status)
{
	switch (status) {
#define CASE(number, symbol, text)                                             \
	case PORTICO_##symbol:                                                 \
		return text;
		PORTICO_STATUS_MAP(CASE)
#undef CASE
	}
	return "unknown status";
}

const char *
status_name(enum portico_status status)
{
	switch (status) {
#define CASE(number, symbol, text)                                             \
	case PORTICO_##symbol:                                                 \
		return #symbol;
		PORTICO_STATUS_MAP(CASE)
#undef CASE
	}
	return "UNKNOWN";
}

enum portico_status
status_from_errno(int os_error)
{
	switch (os_error) {
	case 0:
		return PORTICO_OK;
	case ENOMEM:
		return PORTICO_NO_MEMORY;
	case EINVAL:
		return PORTICO_INVALID;
	case ENOENT:
	case ESRCH:
		return PORTICO_NOT_FOUND;
	case EEXIST:
	case EADDRINUSE:
		return PORTICO_EXISTS;
	case EFBIG:
	case EMSGSIZE:
	case ENAMETOOLONG:
		return PORTICO_TOO_LARGE;
	case ENOSPC:
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ETOOMANYREFS: /* descriptors in messages that nobody has read */
		return PORTICO_FULL;
	case EAGAIN:
		return PORTICO_AGAIN;
	case EPIPE:
	case ECONNRESET:
	case ENOTCONN:
		return PORTICO_CLOSED;
	case ECONNABORTED:
	case ECANCELED:
		return PORTICO_ABORTED;
	case ETIMEDOUT:
		return PORTICO_TIMED_OUT;
	case EACCES:
	case EPERM:
		return PORTICO_DENIED;
	case ENOSYS:
	case EOPNOTSUPP:
	case EAFNOSUPPORT:
		return PORTICO_UNSUPPORTED;
	default:
		return PORTICO_SYSTEM;
	}
}

void
error_clear(struct portico_error *err)
{
	if (err == NULL)
		return;
	err->status = PORTICO_OK;
	err->os_error = 0;
	err->line = 0;
	err->column = 0;
	err->file[0] = '\0';
	err->message[0] = '\0';
	err->detail[0] = '\0';
	err->hint[0] = '\0';
}

/* Appends to a text that is already terminated. */
static void
append(char *text, size_t size, const char *more)
{
	size_t length = strlen(text);

	snprintf(text + length, size - length, "%s", more);
}

enum portico_status
error_set(struct portico_error *err, enum portico_status status,
	  const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (err == NULL)
		return status;
	error_clear(err);
	err->status = status;
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	errno = saved;
	return status;
}

static enum portico_status
set_os_error(struct portico_error *err, int os_error, const char *format,
	     va_list args)
{
	enum portico_status status = status_from_errno(os_error);
	char text[128];

	if (err == NULL)
		return status;
	error_clear(err);
	err->status = status;
	err->os_error = os_error;
	vsnprintf(err->message, sizeof err->message, format, args);
	append(err->message, sizeof err->message, ": ");
	append(err->message, sizeof err->message,
	       strerror_r(os_error, text, sizeof text));
	return status;
}

enum portico_status
error_system(struct portico_error *err, const char *format, ...)
{
	int saved = errno;
	enum portico_status status;
	va_list args;

	va_start(args, format);
	status = set_os_error(err, saved, format, args);
	va_end(args);
	errno = saved;
	return status;
}

enum portico_status
error_os(struct portico_error *err, int os_error, const char *format, ...)
{
	int saved = errno;
	enum portico_status status;
	va_list args;

	/* libuv hands out negative error numbers. */
	if (os_error < 0)
		os_error = -os_error;
	va_start(args, format);
	status = set_os_error(err, os_error, format, args);
	va_end(args);
	errno = saved;
	return status;
}

void
error_place(struct portico_error *err, const char *file, uint32_t line,
	    uint32_t column)
{
	if (err == NULL)
		return;
	snprintf(err->file, sizeof err->file, "%s", file);
	err->line = line;
	err->column = column;
}

void
error_detail(struct portico_error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	vsnprintf(err->detail, sizeof err->detail, format, args);
	va_end(args);
}

void
error_hint(struct portico_error *err, const char *format, ...)
{
	va_list args;

	if (err == NULL)
		return;
	va_start(args, format);
	vsnprintf(err->hint, sizeof err->hint, format, args);
	va_end(args);
}

void
error_prefix(struct portico_error *err, const char *format, ...)
{
	char old[sizeof err->message];
	va_list args;

	if (err == NULL)
		return;
	memcpy(old, err->message, sizeof old);
	va_start(args, format);
	vsnprintf(err->message, sizeof err->message, format, args);
	va_end(args);
	append(err->message, sizeof err->message, ": ");
	append(err->message, sizeof err->message, old);
}

const char *
error_format(const struct portico_error *err, char *text, size_t size)
{
	char number[32];

	if (size == 0)
		return "";
	text[0] = '\0';
	if (err == NULL)
		return text;
	if (err->file[0] != '\0') {
		append(text, size, err->file);
		if (err->line != 0) {
			snprintf(number, sizeof number, ":%u", err->line);
			append(text, size, number);
		}
		if (err->line != 0 && err->column != 0) {
			snprintf(number, sizeof number, ":%u", err->column);
			append(text, size, number);
		}
		append(text, size, ": ");
	}
	append(text, size,
	       err->message[0] != '\0' ? err->message :
					 status_text(err->status));
	return text;
}

void
error_print(FILE *stream, const struct portico_error *err)
{
	char text[sizeof err->file + sizeof err->message + 32];

	if (err == NULL)
		return;
	fprintf(stream, "%s\n", error_format(err, text, sizeof text));
	if (err->detail[0] != '\0')
		fprintf(stream, "    %s\n", err->detail);
	if (err->hint[0] != '\0')
		fprintf(stream, "    %s\n", err->hint);
}
