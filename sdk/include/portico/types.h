/* SPDX-License-Identifier: Apache-2.0
 *
 * The few types that every other Portico header is built from: status codes,
 * byte slices and the error record.  Plain data, no functions of the host.
 *
 * These declarations are part of the stable ABI.  The core uses the same
 * types, so nothing is translated at the border between server and module.
 */
#ifndef PORTICO_TYPES_H
#define PORTICO_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Status codes: 0 is success, everything negative says why the world refused.
 * One list gives number, symbol and text; numbers never change and are never
 * used again.  Since 1.0.
 */
#define PORTICO_STATUS_MAP(X)                                                  \
	X(0, OK, "success")                                                    \
	X(-1, NO_MEMORY, "out of memory")                                      \
	X(-2, INVALID, "invalid argument or value")                            \
	X(-3, NOT_FOUND, "not found")                                          \
	X(-4, EXISTS, "exists already")                                        \
	X(-5, TOO_LARGE, "larger than the limit")                              \
	X(-6, FULL, "no room left")                                            \
	X(-7, AGAIN, "not ready, try again later")                             \
	X(-8, CLOSED, "closed by the other side")                              \
	X(-9, ABORTED, "aborted")                                              \
	X(-10, TIMED_OUT, "timed out")                                         \
	X(-11, DENIED, "permission denied")                                    \
	X(-12, UNSUPPORTED, "not supported")                                   \
	X(-13, PROTOCOL, "the peer broke the protocol")                        \
	X(-14, SYSTEM, "system call failed")                                   \
	X(-15, STATE, "not allowed in this state")                             \
	X(-16, ABI, "binary interface does not match")                         \
	X(-17, CONFIG, "configuration is wrong")                               \
	X(-18, SYNTAX, "syntax error")                                         \
	X(-19, END, "end of data")

enum portico_status {
#define PORTICO_STATUS_ENUM(number, symbol, text) PORTICO_##symbol = (number),
	PORTICO_STATUS_MAP(PORTICO_STATUS_ENUM)
#undef PORTICO_STATUS_ENUM
};

/*
 * A run of bytes that somebody else owns.  `data` may be NULL only when
 * `length` is 0.  Not NUL-terminated unless the function that returned it
 * says so.  Lifetime: as the function that returned it says.  Since 1.0.
 */
struct portico_slice {
	const char *data;
	size_t length; /* bytes */
};

#ifndef __cplusplus
/* A slice of a string literal. */
#define PORTICO_SLICE(literal)                                                 \
	((struct portico_slice){ (literal), sizeof(literal) - 1 })
#else
#define PORTICO_SLICE(literal) (portico_slice{ (literal), sizeof(literal) - 1 })
#endif

/*
 * An error that a person will read.  The caller owns the storage (usually on
 * its stack) and passes it as last argument, `err`; the callee fills it only
 * when it returns a negative status.  Texts are truncated to fit, never
 * allocated.  Since 1.0.
 *
 *   message: lower case, no full stop: what was attempted on which object and
 *            why it failed
 *   detail, hint: full sentences, may be empty
 *   file, line, column: the place in the configuration, or empty and 0
 */
struct portico_error {
	enum portico_status status;
	int os_error; /* errno at the spot, or 0 */
	uint32_t line; /* from 1; 0 = no place */
	uint32_t column; /* from 1, in bytes; 0 = no place */
	char file[256];
	char message[512];
	char detail[512];
	char hint[256];
};

#ifdef __cplusplus
}
#endif

#endif
