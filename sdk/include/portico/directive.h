/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings of a module as a table: what the descriptor's `directives`
 * point to (module.h).
 */
#ifndef PORTICO_DIRECTIVE_H
#define PORTICO_DIRECTIVE_H

#include <portico/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a setting is, and the type of its member.  Since 1.0. */
enum portico_directive_type {
	PORTICO_DIRECTIVE_BOOL, /* bool */
	PORTICO_DIRECTIVE_INTEGER, /* int64_t, minimum..maximum */
	PORTICO_DIRECTIVE_SIZE, /* uint64_t bytes; "64KiB" */
	PORTICO_DIRECTIVE_DURATION, /* uint64_t nanoseconds; "90s" */
	PORTICO_DIRECTIVE_STRING, /* const char *, NUL-terminated, or NULL */
	PORTICO_DIRECTIVE_ENUM, /* int: index into `values` */
	PORTICO_DIRECTIVE_LIST, /* const char *const *, ends with NULL */
	PORTICO_DIRECTIVE_MAP, /* struct portico_pair *, ends with NULL name */
	PORTICO_DIRECTIVE_JSON, /* const char *: the value as JSON text */
	/* const char *, absolute, or NULL; a relative one starts from the
	 * directory of the file that says it */
	PORTICO_DIRECTIVE_PATH,
	/* const char *: text that PCRE2 compiles (UTF-8), or NULL */
	PORTICO_DIRECTIVE_REGEX,
	/* const char *, or NULL; no tool and no message ever shows it, and it
	 * has no default */
	PORTICO_DIRECTIVE_SECRET,
};

/* An entry of a MAP.  Since 1.0. */
struct portico_pair {
	const char *name;
	const char *value;
};

/*
 * One configuration setting of a module.  The core reads the module's section
 * (named as the module) by this table and hands the module a filled struct;
 * manual, schema and error messages come from the same table.  The array ends
 * with a NULL name.  Since 1.0.
 */
struct portico_directive {
	const char *name; /* as written in the configuration */
	enum portico_directive_type type;
	uint32_t offset; /* of the member in the module's struct */
	const char *default_value; /* as JSON text; NULL = zero/absent */
	int64_t minimum, maximum; /* both 0 = no bounds */
	const char *const *values; /* ENUM: permitted words, ends with NULL */
	const char *summary; /* one sentence */
	const void *reserved[3];
};

/* Offset of a member that must have the given type, checked by the compiler. */
#define PORTICO_MEMBER(structure, member, type)                                \
	((uint32_t)(offsetof(structure, member) +                              \
		    0 * sizeof((type *)0 == &((structure *)0)->member)))

#ifdef __cplusplus
}
#endif

#endif
