/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters of media types and dispositions, and the header of a part.
 */
#include <string.h>

#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/http/multipart_priv.h"

struct parameter {
	struct portico_slice name;
	struct portico_slice value; /* of a quoted one: between the quotes */
	bool quoted;
};

static struct portico_slice
take_token(struct portico_slice *rest)
{
	size_t length = 0;

	while (length < rest->length &&
	       http_char_is(rest->data[length], HTTP_CHAR_TOKEN))
		length++;
	*rest = slice_skip(*rest, length);
	return slice_make(rest->data - length, length);
}

/* Up to the quote that is not quoted.  A backslash quotes a quote and itself;
 * before anything else it is a byte like others, since there are browsers
 * that send paths of DOS. */
static bool
take_quoted(struct portico_slice *rest, struct portico_slice *value_r)
{
	size_t at = 1;

	while (at < rest->length && rest->data[at] != '"') {
		if (rest->data[at] == '\\' && at + 1 < rest->length &&
		    (rest->data[at + 1] == '"' || rest->data[at + 1] == '\\'))
			at++;
		at++;
	}
	if (at >= rest->length)
		return false;
	*value_r = slice_make(rest->data + 1, at - 1);
	*rest = slice_skip(*rest, at + 1);
	return true;
}

/* END: there is none any more. */
static enum portico_status
next_parameter(struct portico_slice *rest, struct parameter *parameter)
{
	*rest = slice_trim(*rest);
	if (rest->length == 0)
		return PORTICO_END;
	if (rest->data[0] != ';')
		return PORTICO_SYNTAX;
	*rest = slice_trim(slice_skip(*rest, 1));
	parameter->name = take_token(rest);
	if (parameter->name.length == 0 || rest->length == 0 ||
	    rest->data[0] != '=')
		return PORTICO_SYNTAX;
	*rest = slice_skip(*rest, 1);
	parameter->quoted = rest->length > 0 && rest->data[0] == '"';
	if (parameter->quoted)
		return take_quoted(rest, &parameter->value) ? PORTICO_OK :
							      PORTICO_SYNTAX;
	parameter->value = take_token(rest);
	return parameter->value.length > 0 ? PORTICO_OK : PORTICO_SYNTAX;
}

/* What stands before the parameters; *rest_r begins with ';' or is empty. */
static struct portico_slice
take_main(struct portico_slice value, struct portico_slice *rest_r)
{
	ptrdiff_t semicolon = slice_find_char(value, ';');
	size_t length = semicolon < 0 ? value.length : (size_t)semicolon;

	*rest_r = slice_skip(value, length);
	return slice_trim(slice_take(value, length));
}

bool
http_media_type_is(struct portico_slice content_type,
		   struct portico_slice wanted)
{
	struct portico_slice rest;

	return slice_equal_nocase(take_main(content_type, &rest), wanted);
}

/* bchars */
static bool
is_boundary(struct portico_slice text)
{
	if (text.length == 0 || text.length > HTTP_BOUNDARY_LENGTH_MAX ||
	    text.data[text.length - 1] == ' ')
		return false;
	for (size_t i = 0; i < text.length; i++) {
		char c = text.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z');

		if (c == '\0' || (!alnum && !strchr("'()+_,-./:=? ", c)))
			return false;
	}
	return true;
}

enum portico_status
http_multipart_boundary(struct portico_slice content_type,
			struct portico_slice *boundary_r)
{
	struct portico_slice rest, found = { NULL, 0 };
	struct parameter parameter;
	enum portico_status status;

	if (!slice_equal_nocase(take_main(content_type, &rest),
				PORTICO_SLICE("multipart/form-data")))
		return PORTICO_UNSUPPORTED;
	while ((status = next_parameter(&rest, &parameter)) == PORTICO_OK) {
		if (!slice_equal_nocase(parameter.name,
					PORTICO_SLICE("boundary")))
			continue;
		if (found.data != NULL)
			return PORTICO_SYNTAX;
		found = parameter.value;
	}
	if (status != PORTICO_END || !is_boundary(found))
		return PORTICO_SYNTAX;
	*boundary_r = found;
	return PORTICO_OK;
}

/* ---- the header of a part --------------------------------------------------------- */

/* One line without its end, as a field. */
static enum portico_status
read_line(struct http_multipart *parser, char *line, size_t length)
{
	struct portico_slice rest = { line, length }, name, value;
	struct http_part_field *field;

	name = take_token(&rest);
	if (name.length == 0 || rest.length == 0 || rest.data[0] != ':')
		return PORTICO_SYNTAX;
	value = slice_trim(slice_skip(rest, 1));
	if (http_scan_value(value.data, value.data + value.length) !=
	    value.data + value.length)
		return PORTICO_SYNTAX;
	if (parser->field_count == HTTP_PART_FIELDS_MAX)
		return PORTICO_TOO_LARGE;
	field = &parser->fields[parser->field_count++];
	field->name = name;
	field->value = value;
	line[name.length] = '\0';
	line[(size_t)(value.data - line) + value.length] = '\0';
	return PORTICO_OK;
}

static enum portico_status
read_lines(struct http_multipart *parser)
{
	/* Without the empty line; each line ends with CR LF. */
	char *at = parser->header;
	char *end = parser->header + parser->header_length - 2;

	while (at < end) {
		char *stop = at;
		enum portico_status status;

		while (stop[0] != '\r' || stop[1] != '\n')
			stop++;
		status = read_line(parser, at, (size_t)(stop - at));
		if (status != PORTICO_OK)
			return status;
		at = stop + 2;
	}
	return PORTICO_OK;
}

/* The only field of that name; NULL: none, or *twice_r. */
static const struct http_part_field *
find_only(const struct http_multipart *parser, struct portico_slice name,
	  bool *twice_r)
{
	const struct http_part_field *found = NULL;

	*twice_r = false;
	for (uint32_t i = 0; i < parser->field_count; i++) {
		if (!slice_equal_nocase(parser->fields[i].name, name))
			continue;
		if (found != NULL)
			*twice_r = true;
		found = &parser->fields[i];
	}
	return *twice_r ? NULL : found;
}

/* Unquotes into the second half of the storage. */
static struct portico_slice
unquote(const struct parameter *parameter, char **to)
{
	struct portico_slice from = parameter->value;
	char *begin = *to, *at = begin;

	for (size_t i = 0; i < from.length; i++) {
		if (parameter->quoted && from.data[i] == '\\' &&
		    i + 1 < from.length &&
		    (from.data[i + 1] == '"' || from.data[i + 1] == '\\'))
			i++;
		*at++ = from.data[i];
	}
	*at++ = '\0';
	*to = at;
	return slice_make(begin, (size_t)(at - begin) - 1);
}

static enum portico_status
read_disposition(struct http_multipart *parser, struct portico_slice value)
{
	char *to = parser->header + parser->header_max;
	struct parameter parameter;
	struct portico_slice rest;
	enum portico_status status;

	if (!slice_equal_nocase(take_main(value, &rest),
				PORTICO_SLICE("form-data")))
		return PORTICO_SYNTAX;
	while ((status = next_parameter(&rest, &parameter)) == PORTICO_OK) {
		struct portico_slice *text = NULL;

		if (slice_equal_nocase(parameter.name, PORTICO_SLICE("name")))
			text = &parser->name;
		else if (slice_equal_nocase(parameter.name,
					    PORTICO_SLICE("filename")))
			text = &parser->filename;
		/* Not in forms (RFC 7578 section 4.2); who reads it sees
		 * another name than who does not. */
		else if (slice_equal_nocase(parameter.name,
					    PORTICO_SLICE("filename*")))
			return PORTICO_SYNTAX;
		if (text == NULL)
			continue;
		if (text->data != NULL)
			return PORTICO_SYNTAX;
		*text = unquote(&parameter, &to);
	}
	if (status != PORTICO_END || parser->name.data == NULL)
		return PORTICO_SYNTAX;
	return PORTICO_OK;
}

static bool
encodes(struct portico_slice encoding)
{
	return !slice_equal_nocase(encoding, PORTICO_SLICE("binary")) &&
	       !slice_equal_nocase(encoding, PORTICO_SLICE("8bit")) &&
	       !slice_equal_nocase(encoding, PORTICO_SLICE("7bit"));
}

enum portico_status
multipart_header_read(struct http_multipart *parser)
{
	const struct http_part_field *field;
	enum portico_status status;
	bool twice;

	parser->name = parser->filename = parser->type = slice_make(NULL, 0);
	parser->field_count = 0;
	status = read_lines(parser);
	if (status != PORTICO_OK)
		return status;
	field = find_only(parser, PORTICO_SLICE("Content-Disposition"), &twice);
	if (field == NULL)
		return PORTICO_SYNTAX;
	status = read_disposition(parser, field->value);
	if (status != PORTICO_OK)
		return status;
	field = find_only(parser, PORTICO_SLICE("Content-Transfer-Encoding"),
			  &twice);
	if (twice || (field != NULL && encodes(field->value)))
		return PORTICO_UNSUPPORTED;
	field = find_only(parser, PORTICO_SLICE("Content-Type"), &twice);
	if (twice)
		return PORTICO_SYNTAX;
	if (field != NULL)
		parser->type = field->value;
	return PORTICO_OK;
}
