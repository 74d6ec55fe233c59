/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of core/config share.
 */
#ifndef CORE_CONFIG_CONFIG_PRIV_H
#define CORE_CONFIG_CONFIG_PRIV_H

#include <jansson.h>

#include "core/config/config.h"

#define CONFIG_VALUE_MAGIC 0x4a500010u
#define CONFIG_DOCUMENT_MAGIC 0x4a500011u
#define CONFIG_PROBLEMS_MAGIC 0x4a500012u

struct config_value {
	unsigned magic;
	enum config_kind kind;
	const struct config_document *document;
	const struct config_value *parent; /* NULL for the root */
	struct config_value *next; /* of the same parent, in the file's order */
	struct config_value *first; /* child */
	size_t count; /* of children */
	const char *key; /* in an object */
	size_t index; /* in a list */
	json_t *json; /* borrowed from the document's tree */
	uint32_t line, column; /* of the value */
	uint32_t key_line, key_column; /* of the key, else as above */
	struct portico_slice text;
};

struct config_document {
	unsigned magic;
	const char *name;
	json_t *json; /* the tree; ended by a clean-up of the arena */
	struct config_value *root;
	struct portico_slice text; /* comments blanked, same offsets */
};

/* "an object", "a list", or the scalar's text, cut to a readable length. */
const char *config_describe(const struct config_value *value,
			    struct arena *arena);

struct arena *config_problems_arena(const struct config_problems *problems);

/* Text of min..max in the notation of the row's type: "from 1 to 10", "at
 * least 1", or "" without bounds. */
const char *config_describe_bounds(const struct config_field *field,
				   struct arena *arena);

/* "\"a\", \"b\" and \"c\"" */
const char *config_describe_words(const char *const *words, size_t count,
				  const char *last_joint, struct arena *arena);

/* Bounds of a row with the width of its member applied. */
void config_field_bounds(const struct config_field *field, int64_t *min_r,
			 int64_t *max_r);

/* An INTEGER or ENUM member, whatever its width. */
int64_t config_load_integer(const struct config_field *field,
			    const void *member);
void config_store_integer(const struct config_field *field, void *member,
			  int64_t number);

/*
 * Stores a fallback or other plain text into a member of a scalar type or
 * STRINGS; false when the text does not fit the type or its bounds.
 */
bool config_store_text(const struct config_field *field, const char *text,
		       void *member, struct arena *arena);

/* Whether a required key was given neither by an object nor by its base. */
bool config_is_absent(const struct config_field *field, const void *member);

static inline void *
config_member(const struct config_field *field, void *target)
{
	return (char *)target + field->offset;
}

static inline const void *
config_member_const(const struct config_field *field, const void *target)
{
	return (const char *)target + field->offset;
}

#endif
