/* SPDX-License-Identifier: Apache-2.0
 *
 * From a file to a tree of values with places.  jansson judges the syntax and
 * decodes; it keeps no positions, so a second, simple scan over the same text
 * (valid by then) adds them.  Comments are blanked first, byte by byte, so
 * that every offset stays what it was.
 */
#include "core/config/config_priv.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/io.h"
#include "core/base/slice.h"

struct place {
	uint32_t line, column;
};

/* A text and where its first byte stands in the file. */
struct source {
	const char *name;
	char *data; /* our copy */
	size_t length;
	const char *key; /* of the whole in a larger file, or NULL */
	struct place origin;
	struct arena *arena;
	struct config_problems *problems;
};

struct scanner {
	const struct source *source;
	const struct config_document *document;
	size_t at;
	/* Place of `known_at`, from which later ones are counted. */
	size_t known_at;
	struct place known;
};

static void scan_value(struct scanner *s, struct config_value *value);

static void
advance(const struct source *source, size_t from, size_t to,
	struct place *place)
{
	for (size_t i = from; i < to; i++) {
		if (source->data[i] == '\n') {
			place->line++;
			place->column = 1;
		} else {
			place->column++;
		}
	}
}

static struct place
place_of(const struct source *source, size_t offset)
{
	struct place place = source->origin;

	advance(source, 0, offset, &place);
	return place;
}

/* ---- comments ----------------------------------------------------------- */

static void
blank(struct source *source, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		if (source->data[i] != '\n' && source->data[i] != '\r')
			source->data[i] = ' ';
	}
}

/* The offset after the string that begins at `at`, or the end. */
static size_t
skip_string(const struct source *source, size_t at)
{
	for (at++; at < source->length; at++) {
		char c = source->data[at];

		if (c == '\\')
			at++;
		else if (c == '"' || c == '\n')
			return at + 1;
	}
	return source->length;
}

/* The offset after the comment that begins at `at`; 0 if it has no end. */
static size_t
skip_comment(const struct source *source, size_t at)
{
	const char *start = source->data + at, *end;
	size_t left = source->length - at;

	if (start[1] == '/') {
		end = memchr(start, '\n', left);
		return end == NULL ? source->length :
				     (size_t)(end - source->data);
	}
	end = memmem(start + 2, left - 2, "*/", 2);
	return end == NULL ? 0 : (size_t)(end - source->data) + 2;
}

static bool
blank_comments(struct source *source)
{
	size_t at = 0;

	/* A byte order mark means nothing in UTF-8. */
	if (source->length >= 3 && memcmp(source->data, "\xef\xbb\xbf", 3) == 0)
		blank(source, 0, 3);
	while (at < source->length) {
		char c = source->data[at];
		char d = at + 1 < source->length ? source->data[at + 1] : '\0';
		size_t end;

		if (c == '"') {
			at = skip_string(source, at);
			continue;
		}
		if (c != '/' || (d != '/' && d != '*')) {
			at++;
			continue;
		}
		end = skip_comment(source, at);
		if (end == 0) {
			struct place place = place_of(source, at);

			config_problem_at(source->problems, source->name,
					  place.line, place.column,
					  "a comment that does not end, "
					  "expected is */");
			return false;
		}
		blank(source, at, end);
		at = end;
	}
	return true;
}

/* ---- syntax ------------------------------------------------------------- */

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The last offset before `at` that is no white space; `at` if none. */
static size_t
last_before(const struct source *source, size_t at)
{
	size_t i = at;

	while (i > 0) {
		if (!is_space(source->data[--i]))
			return i;
	}
	return at;
}

/* Something that people write and JSON does not have, or NULL. */
static const char *
syntax_hint(const struct source *source, size_t at)
{
	char c = at < source->length ? source->data[at] : '\0';
	char before = at > 0 ? source->data[last_before(source, at)] : '\0';

	if ((c == '}' || c == ']') && before == ',')
		return "the comma before it is one too many";
	if (c == '\'')
		return "texts stand in double quotes";
	if (c == '"' && (before == '"' || before == '}' || before == ']' ||
			 (before >= '0' && before <= '9') || before == 'e'))
		return "a comma is missing before it";
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_')
		return "keys and texts stand in double quotes";
	return NULL;
}

/* jansson's position is behind the offending token: back to its start. */
static size_t
token_start(const struct source *source, const json_error_t *error)
{
	size_t end = error->position < 0 ? 0 : (size_t)error->position;
	const char *near = strstr(error->text, " near '");
	size_t length;

	if (end > source->length)
		end = source->length;
	if (near == NULL)
		return end;
	near += strlen(" near '");
	length = strlen(near) - 1; /* the closing quote */
	if (length > 0 && length <= end &&
	    memcmp(source->data + end - length, near, length) == 0)
		return end - length;
	return end;
}

/* Whether the text that begins there names a member. */
static bool
is_key(const struct source *source, size_t at)
{
	if (at >= source->length || source->data[at] != '"')
		return false;
	at = skip_string(source, at);
	while (at < source->length && is_space(source->data[at]))
		at++;
	return at < source->length && source->data[at] == ':';
}

static void
syntax_problem(const struct source *source, const json_error_t *error)
{
	size_t at = token_start(source, error);
	const char *hint = strstr(error->text, "decode byte") != NULL ?
				   "the file has to be UTF-8" :
				   syntax_hint(source, at);
	struct place place = place_of(source, at);
	const char *near = strstr(error->text, " near '\"");
	int length = (int)strlen(error->text);

	/* The place says it as well, and the text may be a secret. */
	if (near != NULL && !is_key(source, at))
		length = (int)(near - error->text);
	config_problem_at(source->problems, source->name, place.line,
			  place.column, "no valid JSON: %.*s%s%s", length,
			  error->text, hint == NULL ? "" : "; ",
			  hint == NULL ? "" : hint);
}

/* ---- places ------------------------------------------------------------- */

static struct place
place_here(struct scanner *s)
{
	advance(s->source, s->known_at, s->at, &s->known);
	s->known_at = s->at;
	return s->known;
}

static char
skip_space(struct scanner *s)
{
	while (s->at < s->source->length && is_space(s->source->data[s->at]))
		s->at++;
	return s->at < s->source->length ? s->source->data[s->at] : '\0';
}

/* The key that begins here, decoded; the scanner stands behind it. */
static const char *
scan_key(struct scanner *s)
{
	const char *start = s->source->data + s->at;
	size_t length;
	const char *key;
	json_t *json;

	s->at = skip_string(s->source, s->at);
	length = (size_t)(s->source->data + s->at - start);
	if (memchr(start, '\\', length) == NULL)
		return arena_strndup(s->source->arena, start + 1, length - 2);
	json = json_loadb(start, length, JSON_DECODE_ANY, NULL);
	/* NULL: out of memory; then it is an unknown key, which is told. */
	key = json == NULL ?
		      arena_strndup(s->source->arena, start, length) :
		      arena_strdup(s->source->arena, json_string_value(json));
	json_decref(json);
	return key;
}

static struct config_value *
new_value(struct scanner *s, const struct config_value *parent, json_t *json)
{
	struct config_value *value;
	struct place place = place_here(s);

	value = arena_zalloc(s->source->arena, sizeof *value);
	value->magic = CONFIG_VALUE_MAGIC;
	value->document = s->document;
	value->parent = parent;
	value->json = json;
	value->line = value->key_line = place.line;
	value->column = value->key_column = place.column;
	return value;
}

/*
 * jansson keeps the last of several members with one key.  Reports each later
 * one and unlinks the earlier, whose json is not its own.
 */
static void
drop_duplicates(struct scanner *s, struct config_value *object)
{
	struct hash_table *seen = hash_new("keys", 0);

	for (struct config_value *v = object->first; v != NULL; v = v->next) {
		struct config_value *earlier;
		void *old = NULL;

		if (hash_set(seen, slice_from(v->key), v, &old) != PORTICO_OK) {
			config_problem_at_key(s->source->problems, v,
					      "no memory to look for a second "
					      "value of this key");
			break;
		}
		if (old == NULL)
			continue;
		earlier = old;
		config_problem_at_key(s->source->problems, v,
				      "a second value for this key, the first "
				      "is on line %u",
				      (unsigned)earlier->key_line);
		for (struct config_value **at = &object->first; *at != NULL;
		     at = &(*at)->next) {
			if (*at == earlier) {
				*at = earlier->next;
				object->count--;
				break;
			}
		}
	}
	hash_free(seen);
}

static void
scan_object(struct scanner *s, struct config_value *object)
{
	struct config_value **tail = &object->first;

	object->kind = CONFIG_KIND_OBJECT;
	s->at++; /* { */
	while (skip_space(s) == '"') {
		struct place place = place_here(s);
		const char *key = scan_key(s);
		struct config_value *value;

		skip_space(s);
		s->at++; /* : */
		skip_space(s);
		value = new_value(s, object,
				  json_object_get(object->json, key));
		value->key = key;
		value->key_line = place.line;
		value->key_column = place.column;
		scan_value(s, value);
		*tail = value;
		tail = &value->next;
		object->count++;
		if (skip_space(s) == ',')
			s->at++;
	}
	s->at++; /* } */
	if (object->count > 1)
		drop_duplicates(s, object);
}

static void
scan_list(struct scanner *s, struct config_value *list)
{
	struct config_value **tail = &list->first;

	list->kind = CONFIG_KIND_LIST;
	s->at++; /* [ */
	while (skip_space(s) != ']') {
		struct config_value *value;

		/* Only a text that jansson refused would end here. */
		ASSERT(s->at < s->source->length);
		value = new_value(s, list,
				  json_array_get(list->json, list->count));
		value->index = list->count++;
		scan_value(s, value);
		*tail = value;
		tail = &value->next;
		if (skip_space(s) == ',')
			s->at++;
	}
	s->at++; /* ] */
}

/* A number, true, false or null. */
static void
scan_word(struct scanner *s, struct config_value *value)
{
	size_t from = s->at;
	bool real = false;
	char first = s->source->data[from];

	while (s->at < s->source->length) {
		char c = s->source->data[s->at];

		if (is_space(c) || c == ',' || c == '}' || c == ']')
			break;
		if (c == '.' || c == 'e' || c == 'E')
			real = true;
		s->at++;
	}
	if (first == 'n')
		value->kind = CONFIG_KIND_NULL;
	else if (first == 't' || first == 'f')
		value->kind = CONFIG_KIND_BOOLEAN;
	else
		value->kind = real ? CONFIG_KIND_REAL : CONFIG_KIND_INTEGER;
}

static void
scan_value(struct scanner *s, struct config_value *value)
{
	size_t from = s->at;

	switch (s->source->data[from]) {
	case '{':
		scan_object(s, value);
		break;
	case '[':
		scan_list(s, value);
		break;
	case '"':
		value->kind = CONFIG_KIND_STRING;
		s->at = skip_string(s->source, from);
		break;
	default:
		scan_word(s, value);
		break;
	}
	value->text = slice_make(s->source->data + from, s->at - from);
}

/* ---- entry -------------------------------------------------------------- */

static void
free_json(void *json)
{
	json_decref(json);
}

static struct config_document *
read_source(struct source *source)
{
	struct config_document *document;
	struct scanner scanner;
	json_error_t error;
	json_t *json;

	if (!blank_comments(source))
		return NULL;
	json = json_loadb(source->data, source->length, 0, &error);
	if (json == NULL) {
		syntax_problem(source, &error);
		return NULL;
	}
	arena_on_free(source->arena, free_json, json);
	document = arena_zalloc(source->arena, sizeof *document);
	document->magic = CONFIG_DOCUMENT_MAGIC;
	document->name = source->name;
	document->json = json;
	document->text = slice_make(source->data, source->length);
	scanner = (struct scanner){ .source = source,
				    .document = document,
				    .known = source->origin };
	skip_space(&scanner);
	document->root = new_value(&scanner, NULL, json);
	document->root->key = source->key;
	scan_value(&scanner, document->root);
	if (document->root->kind != CONFIG_KIND_OBJECT) {
		config_problem(source->problems, document->root,
			       "found %s, expected is an object: { ... }",
			       config_describe(document->root, source->arena));
		return NULL;
	}
	return document;
}

struct config_document *
config_read_piece(struct arena *arena, const char *name, const char *key,
		  uint32_t line, uint32_t column, struct portico_slice text,
		  struct config_problems *problems)
{
	struct source source = {
		.name = arena_strdup(arena, name),
		.data = arena_strndup(arena, text.data, text.length),
		.length = text.length,
		.key = key == NULL ? NULL : arena_strdup(arena, key),
		.origin = { line, column },
		.arena = arena,
		.problems = problems,
	};

	return read_source(&source);
}

struct config_document *
config_read_text(struct arena *arena, const char *name,
		 struct portico_slice text, struct config_problems *problems)
{
	return config_read_piece(arena, name, NULL, 1, 1, text, problems);
}

struct config_document *
config_read(struct arena *arena, const char *path,
	    struct config_problems *problems)
{
	struct config_document *document = NULL;
	struct portico_error err;
	struct buffer buffer;

	buffer_init(&buffer, 0);
	if (io_read_file(path, CONFIG_FILE_BYTES_MAX, &buffer, &err) ==
	    PORTICO_OK)
		document = config_read_text(arena, path, buffer_slice(&buffer),
					    problems);
	else
		config_problem_at(problems, path, 0, 0, "%s", err.message);
	buffer_fini(&buffer);
	return document;
}

const struct config_value *
config_root(const struct config_document *document)
{
	CHECK(document, CONFIG_DOCUMENT_MAGIC);
	return document->root;
}
