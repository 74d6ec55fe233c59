/* SPDX-License-Identifier: Apache-2.0
 *
 * Server variables.  Those of the server are a sorted table of names; most are
 * texts that the request has anyway, the others are written once into the
 * request's memory and kept on a list.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/slice.h"
#include "core/http/chars.h"
#include "core/worker/changes.h"
#include "core/worker/host_priv.h"
#include "core/worker/request.h"

/* What a name stands for. */
enum kind {
	KIND_TEXT, /* an enum portico_text */
	KIND_FIELD, /* a field of the request */
	KIND_CONSTANT,
	KIND_TLS, /* an enum http_tls */
	KIND_CHAIN, /* a line of HTTP_TLS_CLIENT_CHAIN */
	KIND_FLAG, /* "on"/"off", "1"/"0" or nothing */
	KIND_USER, /* of an authenticated request */
	KIND_APPLICATION, /* "" for the root application */
	KIND_ADDRESS, /* written */
	KIND_PORT, /* written */
	KIND_FILE, /* written */
	KIND_VERSION, /* written */
	KIND_SERVER, /* host, or written */
};

struct known {
	const char *name;
	enum kind kind;
	int detail; /* by kind */
	const char *text; /* by kind */
};

enum flag {
	FLAG_HTTPS,
	FLAG_SECURE,
	FLAG_WARMUP,
	FLAG_CERTIFICATE,
};

/* Sorted as strcasecmp() does: '_' comes before the letters. */
static const struct known known[] = {
	{ "APP_POOL_ID", KIND_TEXT, PORTICO_TEXT_POOL, NULL },
	{ "APP_WARMING_UP", KIND_FLAG, FLAG_WARMUP, NULL },
	{ "APPL_PHYSICAL_PATH", KIND_FILE, 0, "/" },
	{ "AUTH_TYPE", KIND_TEXT, PORTICO_TEXT_AUTHENTICATION, NULL },
	{ "AUTH_USER", KIND_USER, 0, NULL },
	{ "CERT_FLAGS", KIND_FLAG, FLAG_CERTIFICATE, NULL },
	{ "CERT_ISSUER", KIND_TLS, HTTP_TLS_CLIENT_ISSUER, NULL },
	{ "CERT_SERIALNUMBER", KIND_TLS, HTTP_TLS_CLIENT_SERIAL, NULL },
	{ "CERT_SUBJECT", KIND_TLS, HTTP_TLS_CLIENT_SUBJECT, NULL },
	{ "CONTENT_LENGTH", KIND_FIELD, 0, "Content-Length" },
	{ "CONTENT_TYPE", KIND_FIELD, 0, "Content-Type" },
	{ "DOCUMENT_ROOT", KIND_TEXT, PORTICO_TEXT_ROOT, NULL },
	{ "GATEWAY_INTERFACE", KIND_CONSTANT, 0, "CGI/1.1" },
	{ "HTTP_METHOD", KIND_TEXT, PORTICO_TEXT_METHOD, NULL },
	{ "HTTP_URL", KIND_TEXT, PORTICO_TEXT_TARGET, NULL },
	{ "HTTP_VERSION", KIND_VERSION, 0, NULL },
	{ "HTTPS", KIND_FLAG, FLAG_HTTPS, NULL },
	{ "INSTANCE_NAME", KIND_TEXT, PORTICO_TEXT_SITE, NULL },
	{ "LOCAL_ADDR", KIND_ADDRESS, false, NULL },
	{ "LOGON_USER", KIND_USER, 0, NULL },
	{ "PATH_INFO", KIND_TEXT, PORTICO_TEXT_PATH_IN_APPLICATION, NULL },
	{ "PATH_TRANSLATED", KIND_FILE, 0, NULL },
	{ "QUERY_STRING", KIND_TEXT, PORTICO_TEXT_QUERY, NULL },
	{ "REMOTE_ADDR", KIND_ADDRESS, true, NULL },
	{ "REMOTE_HOST", KIND_ADDRESS, true, NULL },
	{ "REMOTE_PORT", KIND_PORT, true, NULL },
	{ "REMOTE_USER", KIND_USER, 0, NULL },
	{ "REQUEST_FILENAME", KIND_FILE, 0, NULL },
	{ "REQUEST_METHOD", KIND_TEXT, PORTICO_TEXT_METHOD, NULL },
	{ "REQUEST_URI", KIND_TEXT, PORTICO_TEXT_TARGET, NULL },
	{ "SCRIPT_FILENAME", KIND_FILE, 0, NULL },
	{ "SCRIPT_NAME", KIND_APPLICATION, 0, NULL },
	{ "SERVER_ADDR", KIND_ADDRESS, false, NULL },
	{ "SERVER_NAME", KIND_SERVER, 0, NULL },
	{ "SERVER_PORT", KIND_PORT, false, NULL },
	{ "SERVER_PORT_SECURE", KIND_FLAG, FLAG_SECURE, NULL },
	{ "SERVER_PROTOCOL", KIND_VERSION, 0, NULL },
	{ "SERVER_SOFTWARE", KIND_CONSTANT, 0, "Portico/" PORTICO_VERSION },
	{ "SSL_CIPHER", KIND_TLS, HTTP_TLS_CIPHER, NULL },
	{ "SSL_CLIENT_CHAIN_LENGTH", KIND_CHAIN, 0, NULL },
	{ "SSL_CLIENT_FINGERPRINT", KIND_TLS, HTTP_TLS_CLIENT_FINGERPRINT,
	  NULL },
	{ "SSL_PROTOCOL", KIND_TLS, HTTP_TLS_PROTOCOL, NULL },
	{ "SSL_SERVER_NAME", KIND_TLS, HTTP_TLS_SERVER_NAME, NULL },
	{ "UNENCODED_URL", KIND_TEXT, PORTICO_TEXT_TARGET, NULL },
	{ "URL", KIND_TEXT, PORTICO_TEXT_PATH, NULL },
};

/* Of each certificate, from HTTP_TLS_CLIENT_SUBJECT to its fingerprint. */
#define CHAIN_LINES (HTTP_TLS_CLIENT_FINGERPRINT - HTTP_TLS_CLIENT_SUBJECT + 1)

static const struct portico_slice none = { NULL, 0 };

static int
by_name(const void *name, const void *entry)
{
	return strcasecmp(name, ((const struct known *)entry)->name);
}

static const struct known *
find_known(const char *name)
{
	return bsearch(name, known, sizeof(known) / sizeof(known[0]),
		       sizeof(known[0]), by_name);
}

/* ---- written ones ---------------------------------------------------------------- */

static struct portico_slice
keep(struct portico_request *request, const struct known *entry,
     const char *first, const char *second)
{
	struct changes *changes = changes_get(request);
	size_t a = strlen(first), b = strlen(second);
	struct variable *variable =
		arena_try_alloc(request->arena, sizeof(*variable) + a + b + 1);
	char *text;

	if (variable == NULL)
		return none;
	text = (char *)(variable + 1);
	memcpy(text, first, a);
	memcpy(text + a, second, b + 1);
	*variable = (struct variable){ .next = changes->computed,
				       .name = entry->name,
				       .value = { text, a + b } };
	changes->computed = variable;
	return variable->value;
}

static struct portico_slice
write_address(struct portico_request *request, const struct known *entry)
{
	struct portico_address address;

	host_request_address(request, entry->detail != 0, &address);
	return address.family == 0 ? none :
				     keep(request, entry, address.text, "");
}

static struct portico_slice
write_port(struct portico_request *request, const struct known *entry)
{
	struct portico_address address;
	char text[8];

	host_request_address(request, entry->detail != 0, &address);
	if (address.family == 0)
		return none;
	snprintf(text, sizeof(text), "%u", address.port);
	return keep(request, entry, text, "");
}

static struct portico_slice
write_version(struct portico_request *request, const struct known *entry)
{
	const struct http_request_head *head = request->head;
	char text[16];

	snprintf(text, sizeof(text), "HTTP/%u.%u", head->major, head->minor);
	return keep(request, entry, text, "");
}

static struct portico_slice
write_file(struct portico_request *request, const struct known *entry)
{
	const char *root = request->application->root.data;

	if (root[0] == '\0')
		return none;
	return keep(request, entry, root,
		    entry->text != NULL ?
			    entry->text :
			    request_path_in_application(request).data);
}

static struct portico_slice
written(struct portico_request *request, const struct known *entry)
{
	struct variable *one =
		request->changes == NULL ? NULL : request->changes->computed;

	for (; one != NULL; one = one->next)
		if (one->name == entry->name)
			return one->value;
	switch (entry->kind) {
	case KIND_ADDRESS:
	case KIND_SERVER:
		return write_address(request, entry);
	case KIND_PORT:
		return write_port(request, entry);
	case KIND_FILE:
		return write_file(request, entry);
	case KIND_VERSION:
		return write_version(request, entry);
	case KIND_TLS:
	case KIND_CHAIN:
	case KIND_TEXT:
	case KIND_FIELD:
	case KIND_CONSTANT:
	case KIND_FLAG:
	case KIND_USER:
	case KIND_APPLICATION:
		break;
	}
	UNREACHABLE();
}

/* ---- the client's chain of certificates --------------------------------------------- */

/* Its lines become texts of their own with the first one that is asked for. */
static struct portico_slice
cut_chain(struct portico_request *request)
{
	struct portico_slice lines =
		http_request_head_tls(request->head, HTTP_TLS_CLIENT_CHAIN);
	struct changes *changes;
	char *copy;

	if (lines.length == 0)
		return none;
	changes = changes_get(request);
	if (changes->client_chain.data != NULL)
		return changes->client_chain;
	copy = arena_try_alloc(request->arena, lines.length + 1);
	if (copy == NULL)
		return none;
	for (size_t i = 0; i < lines.length; i++)
		copy[i] = lines.data[i] == '\n' ? '\0' : lines.data[i];
	copy[lines.length] = '\0';
	changes->client_chain = slice_make(copy, lines.length);
	return changes->client_chain;
}

static struct portico_slice
line_of_chain(struct portico_request *request, unsigned line)
{
	struct portico_slice rest = cut_chain(request);

	while (rest.data != NULL) {
		size_t length = strlen(rest.data);

		if (line == 0)
			return length == 0 ? none :
					     slice_make(rest.data, length);
		if (length >= rest.length)
			break;
		rest = slice_skip(rest, length + 1);
		line--;
	}
	return none;
}

/* CERT_SUBJECT_2 and the like, of the second one above the client's: its line. */
static bool
names_issuer(const char *name, unsigned *line_r)
{
	size_t length = strlen(name);
	const struct known *entry;
	char base[32];

	if (length < 3 || length - 2 >= sizeof(base) ||
	    name[length - 2] != '_' || name[length - 1] < '1' ||
	    name[length - 1] > '9')
		return false;
	memcpy(base, name, length - 2);
	base[length - 2] = '\0';
	entry = find_known(base);
	if (entry == NULL || entry->kind != KIND_TLS ||
	    entry->detail < HTTP_TLS_CLIENT_SUBJECT)
		return false;
	*line_r = 1 + (unsigned)(name[length - 1] - '1') * CHAIN_LINES +
		  (unsigned)(entry->detail - HTTP_TLS_CLIENT_SUBJECT);
	return true;
}

/* ---- all -------------------------------------------------------------------------- */

static struct portico_slice
flag(const struct portico_request *request, enum flag which)
{
	bool secure = request->head->scheme == HTTP_SCHEME_HTTPS;

	switch (which) {
	case FLAG_HTTPS:
		return secure ? PORTICO_SLICE("on") : PORTICO_SLICE("off");
	case FLAG_SECURE:
		return secure ? PORTICO_SLICE("1") : PORTICO_SLICE("0");
	case FLAG_WARMUP:
		if ((request->head->flags & HTTP_REQUEST_WARMUP) != 0)
			return PORTICO_SLICE("1");
		break;
	case FLAG_CERTIFICATE:
		if (http_request_head_tls(request->head,
					  HTTP_TLS_CLIENT_FINGERPRINT)
			    .length > 0)
			return PORTICO_SLICE("1");
		break;
	}
	return none;
}

static struct portico_slice
text_or_none(struct portico_slice text)
{
	return text.length == 0 ? none : text;
}

static struct portico_slice
field(const struct portico_request *request, struct portico_slice name)
{
	struct portico_slice value = none;

	fields_find(request, name, &value);
	return value;
}

static struct portico_slice
value_of(struct portico_request *request, const struct known *entry)
{
	struct portico_slice text;

	switch (entry->kind) {
	case KIND_TEXT:
		text = host_request_text(request,
					 (enum portico_text)entry->detail);
		return entry->detail == PORTICO_TEXT_AUTHENTICATION ?
			       text_or_none(text) :
			       text;
	case KIND_TLS:
		return http_request_head_tls(request->head,
					     (enum http_tls)entry->detail);
	case KIND_CHAIN:
		return line_of_chain(request, (unsigned)entry->detail);
	case KIND_FIELD:
		return field(request, slice_from(entry->text));
	case KIND_CONSTANT:
		return slice_from(entry->text);
	case KIND_FLAG:
		return flag(request, (enum flag)entry->detail);
	case KIND_USER:
		return host_request_is_authenticated(request) ?
			       text_or_none(request->user) :
			       none;
	case KIND_APPLICATION:
		text = request->application->path;
		return text.length <= 1 ? PORTICO_SLICE("") : text;
	case KIND_SERVER:
		text = host_request_text(request, PORTICO_TEXT_HOST);
		return text.length > 0 ? text : written(request, entry);
	case KIND_ADDRESS:
	case KIND_PORT:
	case KIND_FILE:
	case KIND_VERSION:
		return written(request, entry);
	}
	return none;
}

/* HTTP_X_Y and HEADER_X_Y; false if the name is neither. */
static bool
names_field(const char *name, char *field_name, size_t size,
	    struct portico_slice *field_r)
{
	bool http = strncasecmp(name, "HTTP_", 5) == 0;
	size_t length = strlen(name), at = http ? 5 : 7;

	if (!http && strncasecmp(name, "HEADER_", 7) != 0)
		return false;
	if (length - at > size)
		length = at; /* no field has such a name */
	for (size_t i = at; i < length; i++)
		field_name[i - at] = http && name[i] == '_' ? '-' : name[i];
	*field_r = slice_make(field_name, length - at);
	return true;
}

struct portico_slice
host_variable(struct portico_request *request, const char *name)
{
	char text[HTTP_NAME_LENGTH_MAX];
	const struct known *entry;
	const struct variable *one;
	struct portico_slice field_name;
	unsigned line;

	CHECK(request, REQUEST_MAGIC);
	entry = find_known(name);
	if (entry != NULL)
		return value_of(request, entry);
	if (names_issuer(name, &line))
		return line_of_chain(request, line);
	if (names_field(name, text, sizeof(text), &field_name))
		return field(request, field_name);
	one = request->changes == NULL ? NULL : request->changes->variables;
	for (; one != NULL; one = one->next)
		if (strcasecmp(one->name, name) == 0)
			return one->value;
	return none;
}

/* ---- of modules --------------------------------------------------------------------- */

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool
is_name(const char *name)
{
	size_t length = strnlen(name, VARIABLE_NAME_BYTES_MAX + 1);

	if (length > VARIABLE_NAME_BYTES_MAX || !is_letter(name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_letter(name[i]) && (name[i] < '0' || name[i] > '9') &&
		    name[i] != '.' && name[i] != '-')
			return false;
	return true;
}

/* Where the one of that name hangs, or the end of the list. */
static struct variable **
place_of(struct changes *changes, const char *name)
{
	struct variable **at = &changes->variables;

	while (*at != NULL && strcasecmp((*at)->name, name) != 0)
		at = &(*at)->next;
	return at;
}

enum portico_status
host_variable_set(struct portico_request *request, const char *name,
		  struct portico_slice value)
{
	struct changes *changes;
	struct variable *made, **at;
	struct portico_slice unused;
	char text[HTTP_NAME_LENGTH_MAX], *copy;
	unsigned line;

	CHECK(request, REQUEST_MAGIC);
	if (!is_name(name))
		return PORTICO_INVALID;
	if (find_known(name) != NULL || names_issuer(name, &line) ||
	    names_field(name, text, sizeof(text), &unused))
		return PORTICO_EXISTS;
	changes = changes_get(request);
	at = place_of(changes, name);
	if (value.data == NULL) {
		changes->variable_count -= *at != NULL;
		if (*at != NULL)
			*at = (*at)->next;
		return PORTICO_OK;
	}
	if (*at == NULL && changes->variable_count >= VARIABLES_MAX)
		return PORTICO_FULL;
	made = arena_try_alloc(request->arena,
			       sizeof(*made) + strlen(name) + value.length + 2);
	if (made == NULL)
		return PORTICO_NO_MEMORY;
	copy = (char *)(made + 1);
	memcpy(copy, value.data, value.length);
	copy[value.length] = '\0';
	made->value = slice_make(copy, value.length);
	memcpy(copy + value.length + 1, name, strlen(name) + 1);
	made->name = copy + value.length + 1;
	made->next = *at == NULL ? NULL : (*at)->next;
	changes->variable_count += *at == NULL;
	*at = made;
	return PORTICO_OK;
}
