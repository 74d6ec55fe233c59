/* SPDX-License-Identifier: Apache-2.0
 *
 * The dictionary of RFC 8941 that a priority is: read to its end, since one that
 * is broken anywhere says nothing (section 4.2).  Only `u` and `i` are kept.
 */
#include <string.h>

#include "core/http/priority.h"

/* RFC 8941 section 3.3.1: digits of an integer, and of a decimal before and
 * behind the point. */
#define INTEGER_DIGITS 15
#define WHOLE_DIGITS 12
#define FRACTION_DIGITS 3

struct text {
	const char *at, *end;
};

enum kind {
	KIND_INTEGER,
	KIND_BOOLEAN,
	KIND_OTHER,
};

struct item {
	enum kind kind;
	int64_t number; /* of an integer; 0 or 1 of a boolean */
};

static bool
is_next(const struct text *text, char c)
{
	return text->at < text->end && *text->at == c;
}

static bool
take(struct text *text, char c)
{
	if (!is_next(text, c))
		return false;
	text->at++;
	return true;
}

static void
skip_spaces(struct text *text)
{
	while (take(text, ' '))
		;
}

static void
skip_blanks(struct text *text)
{
	while (is_next(text, ' ') || is_next(text, '\t'))
		text->at++;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_letter(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool
is_one_of(char c, const char *list)
{
	return c != '\0' && strchr(list, c) != NULL;
}

/* ---- items ---------------------------------------------------------------------- */

static unsigned
take_digits(struct text *text, int64_t *number_r)
{
	unsigned count = 0;

	for (*number_r = 0; text->at < text->end && is_digit(*text->at) &&
			    count <= INTEGER_DIGITS;
	     text->at++, count++)
		*number_r = *number_r * 10 + (*text->at - '0');
	return count;
}

static bool
take_number(struct text *text, struct item *item_r)
{
	bool negative = take(text, '-');
	int64_t fraction;
	unsigned digits = take_digits(text, &item_r->number);

	if (digits == 0 || digits > INTEGER_DIGITS)
		return false;
	item_r->kind = KIND_INTEGER;
	if (negative)
		item_r->number = -item_r->number;
	if (!take(text, '.'))
		return true;
	item_r->kind = KIND_OTHER;
	if (digits > WHOLE_DIGITS)
		return false;
	digits = take_digits(text, &fraction);
	return digits >= 1 && digits <= FRACTION_DIGITS;
}

static bool
take_string(struct text *text)
{
	while (text->at < text->end) {
		char c = *text->at++;

		if (c == '"')
			return true;
		if (c == '\\') {
			if (!is_next(text, '"') && !is_next(text, '\\'))
				return false;
			text->at++;
		} else if (c < 0x20 || c > 0x7e) {
			return false;
		}
	}
	return false;
}

static bool
take_token(struct text *text)
{
	while (text->at < text->end &&
	       (is_letter(*text->at) || is_digit(*text->at) ||
		is_one_of(*text->at, "!#$%&'*+-.^_`|~:/")))
		text->at++;
	return true;
}

static bool
take_bytes(struct text *text)
{
	while (text->at < text->end &&
	       (is_letter(*text->at) || is_digit(*text->at) ||
		is_one_of(*text->at, "+/=")))
		text->at++;
	return take(text, ':');
}

static bool
take_bare_item(struct text *text, struct item *item_r)
{
	*item_r = (struct item){ KIND_OTHER, 0 };
	if (text->at == text->end)
		return false;
	if (*text->at == '-' || is_digit(*text->at))
		return take_number(text, item_r);
	if (is_letter(*text->at) || *text->at == '*')
		return take_token(text);
	switch (*text->at++) {
	case '"':
		return take_string(text);
	case ':':
		return take_bytes(text);
	case '?':
		*item_r = (struct item){ KIND_BOOLEAN, is_next(text, '1') };
		return take(text, '0') || take(text, '1');
	default:
		return false;
	}
}

/* ---- members -------------------------------------------------------------------- */

static bool
take_key(struct text *text, struct portico_slice *key_r)
{
	key_r->data = text->at;
	if (text->at == text->end || !(is_lower(*text->at) || *text->at == '*'))
		return false;
	while (text->at < text->end &&
	       (is_lower(*text->at) || is_digit(*text->at) ||
		is_one_of(*text->at, "_-.*")))
		text->at++;
	key_r->length = (size_t)(text->at - key_r->data);
	return true;
}

static bool
take_parameters(struct text *text)
{
	while (take(text, ';')) {
		struct portico_slice key;
		struct item item;

		skip_spaces(text);
		if (!take_key(text, &key))
			return false;
		if (take(text, '=') && !take_bare_item(text, &item))
			return false;
	}
	return true;
}

/* Behind its parenthesis. */
static bool
take_list(struct text *text)
{
	struct item item;

	for (;;) {
		skip_spaces(text);
		if (take(text, ')'))
			return true;
		if (!take_bare_item(text, &item) || !take_parameters(text))
			return false;
		if (!is_next(text, ' ') && !is_next(text, ')'))
			return false;
	}
}

/* Of keys that occur again the last counts, whatever it says. */
static void
keep(struct http_priority *priority, struct portico_slice key,
     const struct item *item)
{
	if (key.length != 1)
		return;
	if (*key.data == 'u') {
		priority->has_urgency =
			item->kind == KIND_INTEGER && item->number >= 0 &&
			item->number <= HTTP_PRIORITY_URGENCY_LEAST;
		priority->urgency =
			priority->has_urgency ? (uint8_t)item->number : 0;
	} else if (*key.data == 'i') {
		priority->has_incremental = item->kind == KIND_BOOLEAN;
		priority->incremental = priority->has_incremental &&
					item->number != 0;
	}
}

static bool
take_member(struct text *text, struct http_priority *priority)
{
	struct item item = { KIND_BOOLEAN, 1 };
	struct portico_slice key;

	if (!take_key(text, &key))
		return false;
	if (take(text, '=')) {
		item.kind = KIND_OTHER;
		if (take(text, '(') ? !take_list(text) :
				      !take_bare_item(text, &item))
			return false;
	}
	keep(priority, key, &item);
	return take_parameters(text);
}

bool
http_priority_read(struct portico_slice value, struct http_priority *priority)
{
	struct text text = { value.data, value.data + value.length };
	struct http_priority found = *priority;

	if (value.length == 0)
		return true;
	skip_spaces(&text);
	while (text.at < text.end) {
		if (!take_member(&text, &found))
			return false;
		skip_blanks(&text);
		if (text.at == text.end)
			break;
		if (!take(&text, ','))
			return false;
		skip_blanks(&text);
		if (text.at == text.end)
			return false;
	}
	*priority = found;
	return true;
}

struct http_priority
http_priority_merge(struct http_priority asked, struct http_priority answered)
{
	struct http_priority merged = {
		.has_urgency = true,
		.has_incremental = true,
		.urgency = HTTP_PRIORITY_URGENCY_USUAL,
	};

	if (answered.has_urgency)
		merged.urgency = answered.urgency;
	else if (asked.has_urgency)
		merged.urgency = asked.urgency;
	if (answered.has_incremental)
		merged.incremental = answered.incremental;
	else if (asked.has_incremental)
		merged.incremental = asked.incremental;
	return merged;
}
