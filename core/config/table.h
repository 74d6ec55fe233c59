/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables of settings: one row per key says name, type, member, default,
 * bounds and prose.  Parsing, defaults, messages, the dump and the JSON
 * Schema all come from them.
 *
 *	static const struct config_field pool_fields[] = {
 *		CONFIG_INTEGER(struct pool, queue_length, "queueLength",
 *			       .fallback = "1000", .min = 10, .max = 65535,
 *			       .prose = "Most requests that may wait."),
 *		CONFIG_DURATION(struct pool, queue_timeout, "queueTimeout",
 *				.fallback = "20s", .flags = CONFIG_ZERO,
 *				.prose = "How long one may wait; 0: for ever."),
 *	};
 *	static const struct config_table pool_table =
 *		CONFIG_TABLE(struct pool, pool_fields, "A worker pool.");
 *
 * The compiler checks that each member has the type that its row fills.
 */
#ifndef CORE_CONFIG_TABLE_H
#define CORE_CONFIG_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <portico/types.h>

struct arena;
struct buffer;
struct config_problems;
struct config_table;
struct config_value;

/* What a key holds, and what member it fills. */
enum config_type {
	CONFIG_TYPE_BOOL, /* bool */
	CONFIG_TYPE_INTEGER, /* any integer type; bounds also by its width */
	CONFIG_TYPE_SIZE, /* "64KiB": uint64_t bytes */
	CONFIG_TYPE_DURATION, /* "90s": uint64_t nanoseconds */
	CONFIG_TYPE_STRING, /* const char *, NULL when absent */
	CONFIG_TYPE_ENUM, /* an enum or int: index into `words` */
	CONFIG_TYPE_STRINGS, /* struct config_strings; one string counts too */
	CONFIG_TYPE_PAIRS, /* struct config_pairs: object of strings */
	CONFIG_TYPE_OBJECT, /* a struct in place, by `table` */
	CONFIG_TYPE_OPTIONAL, /* a pointer to a struct, NULL when absent */
	CONFIG_TYPE_LIST, /* struct config_list of structs by `table` */
	CONFIG_TYPE_MAP, /* struct config_map: any name -> struct by `table` */
	CONFIG_TYPE_JSON, /* const struct config_value *, not looked into */
	CONFIG_TYPE_REST, /* struct config_rest: keys that no row names */
	CONFIG_TYPE_SOURCE, /* const struct config_value *: the object itself */
};

struct config_strings {
	size_t count;
	const char **items; /* a NULL follows */
	const struct config_value **values; /* for places; NULL: a default */
};

struct config_pair {
	const char *name;
	const char *text;
	const struct config_value *value;
};

struct config_pairs {
	size_t count;
	struct config_pair *items;
};

struct config_list {
	size_t count;
	void **items; /* structs of the row's table */
};

struct config_entry {
	const char *name;
	void *object; /* struct of the row's table */
	const struct config_value *value;
};

struct config_map {
	size_t count;
	struct config_entry *items; /* in the order of the file */
};

struct config_rest {
	size_t count;
	const struct config_value **values;
};

/*
 * Looks at what was just parsed and adds problems (config_problem).  For a
 * row: `target` is the member; called only when the key is there and fits
 * its type.  For a table: `target` is the struct, after all its rows; not
 * called if one of them had a problem.
 */
typedef void config_check_fn(const void *target,
			     const struct config_value *value,
			     struct config_problems *problems);

enum config_flags {
	CONFIG_REQUIRED = 1 << 0,
	/* 0 is allowed too, whatever the bounds say; it means "none". */
	CONFIG_ZERO = 1 << 1,
	/* OBJECT: only a base for others (see `inherits`): required keys may
	 * be missing and the table's check is not called. */
	CONFIG_PARTIAL = 1 << 2,
	/* Left out of dumps and of the schema. */
	CONFIG_HIDDEN = 1 << 3,
	/* STRING: no message shows it, no dump has it. */
	CONFIG_SECRET = 1 << 4,
};

struct config_field {
	const char *name; /* as IIS has it where it has one; NULL: REST, SOURCE */
	enum config_type type;
	unsigned flags; /* enum config_flags */
	size_t offset; /* of the member */
	size_t size; /* of the member */
	bool is_signed; /* INTEGER */
	const char *fallback; /* the default, as in the file but unquoted;
				 STRINGS: with commas; NULL: zero */
	/* INTEGER value, SIZE bytes, DURATION ns, STRING length, number of
	 * STRINGS, PAIRS, LIST, MAP.  Both 0: none; max 0: no upper one. */
	int64_t min, max;
	const char *const *words; /* ENUM: NULL at the end */
	const struct config_table *table; /* OBJECT, OPTIONAL, LIST, MAP */
	/* MAP, LIST, OPTIONAL: name of an OBJECT row of the same table that
	 * stands before this one; what an entry does not say comes from it. */
	const char *inherits;
	const char *prose; /* full sentences for manual, schema and dump */
	config_check_fn *check; /* may be NULL */
};

struct config_table {
	const char *prose; /* what one such object is */
	size_t size; /* of the struct */
	const struct config_field *fields;
	size_t count;
	/* A string, where an object of this table is expected, stands for an
	 * object with only this key; may be NULL. */
	const char *shorthand;
	config_check_fn *check; /* may be NULL */
};

/* The offset, if the member has the type; else an error of the compiler. */
#define CONFIG_OFFSET_(structure, member, ...)                                 \
	(offsetof(structure, member) +                                         \
	 0 * sizeof(char[__builtin_types_compatible_p(                         \
				 __typeof__(((structure *)0)->member),         \
				 __VA_ARGS__) ?                                \
				 1 :                                           \
				 -1]))

/* The same for any integer or enum type (but no pointer, no bool). */
#define CONFIG_OFFSET_INTEGER_(structure, member)                               \
	(offsetof(structure, member) +                                          \
	 0 * sizeof(char[__builtin_types_compatible_p(                          \
				 __typeof__(((structure *)0)->member), _Bool) ? \
				 -1 :                                           \
				 1]) +                                          \
	 0 * sizeof(1 % ((structure *)0)->member))

#define CONFIG_ROW_(structure, member, type_, text, ...)                       \
	{                                                                      \
		.name = (text), .type = (type_),                               \
		.size = sizeof(((structure *)0)->member), __VA_ARGS__          \
	}

/* One macro per type: struct, member, key, then designated initialisers. */
#define CONFIG_BOOL(structure, member, text, ...)                              \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_BOOL, text,                 \
		    .offset = CONFIG_OFFSET_(structure, member, bool),         \
		    __VA_ARGS__)
#define CONFIG_INTEGER(structure, member, text, ...)                           \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_INTEGER, text,              \
		    .offset = CONFIG_OFFSET_INTEGER_(structure, member),       \
		    .is_signed = (__typeof__(((structure *)0)->member))-1 < 1, \
		    __VA_ARGS__)
#define CONFIG_SIZE(structure, member, text, ...)                              \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_SIZE, text,                 \
		    .offset = CONFIG_OFFSET_(structure, member, uint64_t),     \
		    __VA_ARGS__)
#define CONFIG_DURATION(structure, member, text, ...)                          \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_DURATION, text,             \
		    .offset = CONFIG_OFFSET_(structure, member, uint64_t),     \
		    __VA_ARGS__)
#define CONFIG_STRING(structure, member, text, ...)                            \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_STRING, text,               \
		    .offset = CONFIG_OFFSET_(structure, member, const char *), \
		    __VA_ARGS__)
#define CONFIG_ENUM(structure, member, text, ...)                              \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_ENUM, text,                 \
		    .offset = CONFIG_OFFSET_INTEGER_(structure, member),       \
		    __VA_ARGS__)
#define CONFIG_STRINGS(structure, member, text, ...)                           \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_STRINGS, text,              \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     struct config_strings),           \
		    __VA_ARGS__)
#define CONFIG_PAIRS(structure, member, text, ...)                             \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_PAIRS, text,                \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     struct config_pairs),             \
		    __VA_ARGS__)
#define CONFIG_LIST(structure, member, text, table_, ...)                      \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_LIST, text,                 \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     struct config_list),              \
		    .table = (table_), __VA_ARGS__)
#define CONFIG_MAP(structure, member, text, table_, ...)                       \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_MAP, text,                  \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     struct config_map),               \
		    .table = (table_), __VA_ARGS__)
/* The member's size is compared with the table's by config_check_table(). */
#define CONFIG_OBJECT(structure, member, text, table_, ...)                    \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_OBJECT, text,               \
		    .offset = offsetof(structure, member), .table = (table_),  \
		    __VA_ARGS__)
#define CONFIG_OPTIONAL(structure, member, text, table_, ...)                  \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_OPTIONAL, text,             \
		    .offset = offsetof(structure, member) +                    \
			      0 * sizeof(*((structure *)0)->member),           \
		    .table = (table_), __VA_ARGS__)
#define CONFIG_JSON(structure, member, text, ...)                              \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_JSON, text,                 \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     const struct config_value *),     \
		    __VA_ARGS__)
#define CONFIG_REST(structure, member, ...)                                    \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_REST, NULL,                 \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     struct config_rest),              \
		    __VA_ARGS__)
#define CONFIG_SOURCE(structure, member)                                       \
	CONFIG_ROW_(structure, member, CONFIG_TYPE_SOURCE, NULL,               \
		    .offset = CONFIG_OFFSET_(structure, member,                \
					     const struct config_value *))

#define CONFIG_TABLE(structure, rows, text, ...)                               \
	{                                                                      \
		.prose = (text), .size = sizeof(structure), .fields = (rows),  \
		.count = sizeof(rows) / sizeof((rows)[0]), __VA_ARGS__         \
	}

/*
 * Fills `target` (table->size bytes) from an object: defaults first, then what
 * the object says, then the checks.  False when problems were added; the
 * struct is then still safe to look at.
 */
bool config_parse_object(const struct config_table *table,
			 const struct config_value *value, void *target,
			 struct arena *arena, struct config_problems *problems);

/* The same, but what the object does not say comes from `base`, a struct of
 * the same table; also where that row is required. */
bool config_parse_over(const struct config_table *table,
		       const struct config_value *value, const void *base,
		       void *target, struct arena *arena,
		       struct config_problems *problems);

/* A struct with the defaults alone. */
void config_set_defaults(const struct config_table *table, void *target,
			 struct arena *arena);

/* What a row takes, with its bounds, for people: "a whole number from 1 to 9". */
const char *config_describe_field(const struct config_field *field,
				  struct arena *arena);

/*
 * The effective configuration as JSON that reads back to the same; with
 * `prose` each key has its sentence as a comment.
 */
enum portico_status config_dump(const struct config_table *table,
				const void *target, bool prose,
				struct buffer *buffer);

/* JSON Schema (draft 2020-12) of documents that the table accepts. */
enum portico_status config_schema(const struct config_table *table,
				  const char *title, struct buffer *buffer);

/*
 * Whether the table itself is in order, with those it refers to: names
 * unique, prose everywhere, defaults that its own bounds admit, members that
 * do not overlap.  For tests.
 */
enum portico_status config_check_table(const struct config_table *table,
				       struct portico_error *err);

#endif
