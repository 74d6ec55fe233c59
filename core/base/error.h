/* SPDX-License-Identifier: Apache-2.0
 *
 * Filling and showing struct portico_error, and the texts of statuses.
 *
 * Every function accepts err == NULL: then only the status is returned, so a
 * callee writes `return error_set(err, ...)` and need not ask who reads it.
 * The texts' rules are those of types.h: lower case, no full stop, what was
 * attempted on which object and why it failed.
 */
#ifndef CORE_BASE_ERROR_H
#define CORE_BASE_ERROR_H

#include <stdio.h>

#include <portico/types.h>

/* "out of memory"; a number not in the list gives "unknown status". */
const char *status_text(enum portico_status status);

/* "NO_MEMORY"; "UNKNOWN" for a number not in the list. */
const char *status_name(enum portico_status status);

/* The status nearest to an errno; PORTICO_SYSTEM where none fits. */
enum portico_status status_from_errno(int os_error);

/* Empties the record: status PORTICO_OK, all texts empty. */
void error_clear(struct portico_error *err);

/* Replaces the whole record and returns `status`.  errno is left alone. */
enum portico_status error_set(struct portico_error *err,
			      enum portico_status status, const char *format,
			      ...) __attribute__((format(printf, 3, 4)));

/*
 * For a failed system call: keeps errno as os_error and appends ": " and its
 * text.  Returns status_from_errno(errno); errno is left alone.
 */
enum portico_status error_system(struct portico_error *err, const char *format,
				 ...) __attribute__((format(printf, 2, 3)));

/* The same for an error number that is not in errno (posix_spawn, -uv). */
enum portico_status error_os(struct portico_error *err, int os_error,
			     const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds to a record that error_set() or error_system() has filled. */
void error_place(struct portico_error *err, const char *file, uint32_t line,
		 uint32_t column);
void error_detail(struct portico_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void error_hint(struct portico_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "text: " before the message, for the caller that knows more. */
void error_prefix(struct portico_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * "file:line:column: message", without newline, into `text` (truncated, always
 * terminated).  Returns `text`.
 */
const char *error_format(const struct portico_error *err, char *text,
			 size_t size);

/* The same as a line, then detail and hint on indented lines. */
void error_print(FILE *stream, const struct portico_error *err);

#endif
