/* SPDX-License-Identifier: Apache-2.0
 *
 * Matching regular expressions with the server's PCRE2, compiled to machine
 * code where the machine allows: those of a REGEX setting, and a module's own.
 *
 *	static enum portico_status
 *	application_init(struct portico_application *application, ...)
 *	{
 *		return portico_regex_compile(settings->pattern, 0, &state->regex,
 *					     err);
 *	}
 *	...
 *	if (portico_regex_match(state->regex, path, captures, 4, &count) ==
 *	    PORTICO_OK)
 *
 * A match is bounded in steps and memory, so an expression that explodes on
 * what some client has made up costs a fraction of a second, not the worker.
 *
 * Threads: a compiled expression is read-only; all loops may match by it at the
 * same time.  Compiling and freeing: any thread, but compile before the
 * requests, it takes time.
 */
#ifndef PORTICO_REGEX_H
#define PORTICO_REGEX_H

#include <portico/host.h>

#ifdef __cplusplus
extern "C" {
#endif

struct portico_regex; /* opaque */

/* How a pattern is read.  Since 1.0. */
enum portico_regex_flag {
	PORTICO_REGEX_ANY_CASE = 1, /* (?i) */
	PORTICO_REGEX_WHOLE = 2, /* only from the first byte to the last */
};

struct portico_host_regex {
	uint32_t size;
	enum portico_status (*compile)(const char *pattern, uint32_t flags,
				       struct portico_regex **regex_r,
				       struct portico_error *err);
	enum portico_status (*match)(const struct portico_regex *,
				     struct portico_slice text,
				     struct portico_slice *captures,
				     uint32_t capacity, uint32_t *count_r);
	uint32_t (*group)(const struct portico_regex *, const char *name);
	void (*release)(struct portico_regex *);
};

/*
 * Compile a pattern: PCRE2's syntax, UTF-8.  A REGEX setting was checked by
 * the same rules, so it compiles.
 *   PORTICO_SYNTAX     err says what and at which byte
 *   PORTICO_TOO_LARGE  the pattern is longer than 16 KiB
 *   PORTICO_NO_MEMORY
 * OWNERSHIP: the module's, to be ended by portico_regex_free.  Since 1.0.
 */
static inline enum portico_status
portico_regex_compile(const char *pattern, uint32_t flags,
		      struct portico_regex **regex_r, struct portico_error *err)
{
	return portico_host->regex->compile(pattern, flags, regex_r, err);
}

/*
 * Does the pattern match `text`, or a part of it?  Bytes that are no UTF-8 do
 * not match, whatever the pattern is.
 *
 * captures[0] becomes the part that matched, captures[n] that of the n-th pair
 * of brackets, with data NULL if that has taken no part; they point into
 * `text`.  Up to `capacity` are filled, which may be 0; *count_r (may be NULL)
 * is how many, counted to the last pair of the pattern.
 *   PORTICO_OK         it matches
 *   PORTICO_NOT_FOUND  it does not
 *   PORTICO_TOO_LARGE  it could not be found out within the limits; treat it
 *                      as something hostile
 *   PORTICO_NO_MEMORY
 * Any thread; allocates nothing for up to 15 pairs of brackets.  Since 1.0.
 */
static inline enum portico_status
portico_regex_match(const struct portico_regex *regex,
		    struct portico_slice text, struct portico_slice *captures,
		    uint32_t capacity, uint32_t *count_r)
{
	return portico_host->regex->match(regex, text, captures, capacity,
					  count_r);
}

/* Number of the brackets "(?<name>...)", for captures[]; 0: there are none of
 * that name.  Any thread.  Since 1.0. */
static inline uint32_t
portico_regex_group(const struct portico_regex *regex, const char *name)
{
	return portico_host->regex->group(regex, name);
}

/* NULL is ignored.  Nobody may be matching by it.  Since 1.0. */
static inline void
portico_regex_free(struct portico_regex *regex)
{
	portico_host->regex->release(regex);
}

#ifdef __cplusplus
}
#endif

#endif
