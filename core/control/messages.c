/* SPDX-License-Identifier: Apache-2.0
 *
 * Encoders and decoders of control messages, all driven by one table of
 * members for each message.
 */
#include "core/control/messages.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/memory.h"

enum member_type {
	MEMBER_END,
	MEMBER_U16,
	MEMBER_U32,
	MEMBER_U64,
	MEMBER_I32,
	MEMBER_BOOL,
	MEMBER_TEXT, /* absent reads as "" when optional */
	MEMBER_JSON,
	MEMBER_STATE, /* enum control_pool_state by name */
};

struct member {
	const char *name;
	enum member_type type;
	bool optional; /* may be absent; then zero or "" */
	size_t offset;
};

#define M(structure, text, kind, field)                                        \
	{                                                                      \
		text, MEMBER_##kind, false, offsetof(structure, field)         \
	}
#define O(structure, text, kind, field)                                        \
	{                                                                      \
		text, MEMBER_##kind, true, offsetof(structure, field)          \
	}
#define END                                                                    \
	{                                                                      \
		NULL, MEMBER_END, false, 0                                     \
	}

static const struct member members_configure[] = {
	M(struct control_configure, "generation", U32, generation),
	O(struct control_configure, "pool", TEXT, pool),
	O(struct control_configure, "restarted", BOOL, restarted), END
};
static const struct member members_secrets[] = {
	M(struct control_configure, "generation", U32, generation),
	O(struct control_configure, "pool", TEXT, pool), END
};
static const struct member members_socket[] = {
	M(struct control_socket, "address", TEXT, address),
	M(struct control_socket, "port", U16, port),
	M(struct control_socket, "realPort", U16, real_port),
	M(struct control_socket, "family", I32, family),
	M(struct control_socket, "thread", U32, thread),
	O(struct control_socket, "tls", BOOL, tls),
	END
};
static const struct member members_sockets_done[] = {
	M(struct control_sockets_done, "count", U32, count), END
};
static const struct member members_worker[] = {
	M(struct control_worker, "pool", TEXT, pool),
	M(struct control_worker, "worker", U32, worker),
	M(struct control_worker, "pid", I32, pid),
	M(struct control_worker, "loops", U32, loops),
	M(struct control_worker, "generation", U32, generation),
	O(struct control_worker, "affinity", TEXT, affinity),
	END
};
static const struct member members_worker_drain[] = {
	M(struct control_worker_drain, "worker", U32, worker),
	O(struct control_worker_drain, "abort", BOOL, abort),
	O(struct control_worker_drain, "pause", BOOL, pause),
	O(struct control_worker_drain, "resume", BOOL, resume),
	O(struct control_worker_drain, "round", U32, round),
	END
};
static const struct member members_worker_drained[] = {
	M(struct control_worker_drained, "worker", U32, worker),
	O(struct control_worker_drained, "round", U32, round), END
};
static const struct member members_worker_gone[] = {
	M(struct control_worker_gone, "worker", U32, worker),
	O(struct control_worker_gone, "reason", TEXT, reason), END
};
static const struct member members_pool_state[] = {
	M(struct control_pool_state_message, "pool", TEXT, pool),
	M(struct control_pool_state_message, "state", STATE, state),
	O(struct control_pool_state_message, "reason", TEXT, reason), END
};
static const struct member members_site_state[] = {
	M(struct control_site_state, "site", TEXT, site),
	M(struct control_site_state, "stopped", BOOL, stopped), END
};
static const struct member members_drain[] = {
	M(struct control_drain, "deadlineMs", U64, deadline_ms),
	O(struct control_drain, "idleMs", U64, idle_ms), END
};
static const struct member members_query[] = {
	M(struct control_query, "id", U32, id),
	M(struct control_query, "what", TEXT, what), END
};
static const struct member members_reply[] = {
	M(struct control_reply, "id", U32, id),
	O(struct control_reply, "body", JSON, body), END
};
static const struct member members_ready[] = {
	O(struct control_ready, "loops", U32, loops),
	O(struct control_ready, "generation", U32, generation),
	O(struct control_ready, "modules", JSON, modules),
	O(struct control_ready, "events", JSON, events),
	O(struct control_ready, "loaded", JSON, loaded),
	O(struct control_ready, "degraded", TEXT, degraded),
	END
};
static const struct member members_demand[] = {
	M(struct control_demand, "pool", TEXT, pool),
	O(struct control_demand, "more", BOOL, more), END
};
static const struct member members_worker_attached[] = {
	M(struct control_worker_attached, "worker", U32, worker), END
};
static const struct member members_worker_lost[] = {
	M(struct control_worker_lost, "worker", U32, worker),
	O(struct control_worker_lost, "reason", TEXT, reason),
	O(struct control_worker_lost, "lied", BOOL, lied),
	O(struct control_worker_lost, "exhausted", BOOL, exhausted),
	O(struct control_worker_lost, "refused", BOOL, refused),
	END
};
static const struct member members_worker_remains[] = {
	M(struct control_worker_remains, "worker", U32, worker),
	O(struct control_worker_remains, "requests", JSON, requests), END
};
static const struct member members_drained[] = {
	O(struct control_drained, "aborted", U32, aborted), END
};
static const struct member members_link[] = {
	O(struct control_link, "listener", U32, listener), END
};
static const struct member members_stop[] = {
	M(struct control_stop, "deadlineMs", U64, deadline_ms), END
};
static const struct member members_notice[] = {
	M(struct control_notice, "what", TEXT, what),
	O(struct control_notice, "text", TEXT, text),
	O(struct control_notice, "value", U32, value), END
};
static const struct member members_replace[] = {
	M(struct control_replace, "reason", TEXT, reason),
	O(struct control_replace, "module", TEXT, module),
	O(struct control_replace, "text", TEXT, text), END
};
static const struct member members_ping[] = {
	M(struct control_ping, "id", U32, id),
	O(struct control_ping, "quiet", BOOL, quiet), END
};
static const struct member members_late[] = {
	M(struct control_late, "id", U32, id),
	O(struct control_late, "text", TEXT, text), END
};
static const struct member members_initializing[] = {
	M(struct control_initializing, "pages", U32, pages), END
};
static const struct member members_pong[] = {
	M(struct control_pong, "id", U32, id),
	O(struct control_pong, "served", U32, served),
	O(struct control_pong, "active", U32, active), END
};
static const struct member members_failed[] = {
	M(struct control_failed, "message", TEXT, message),
	O(struct control_failed, "detail", TEXT, detail),
	O(struct control_failed, "hint", TEXT, hint),
	O(struct control_failed, "file", TEXT, file),
	O(struct control_failed, "line", U32, line),
	O(struct control_failed, "column", U32, column),
	END
};
static const struct member members_stopped[] = {
	O(struct control_stopped, "served", U32, served), END
};
static const struct member members_channel[] = {
	M(struct control_channel, "index", U32, index),
	M(struct control_channel, "count", U32, count),
	M(struct control_channel, "version", U32, version), END
};
static const struct member members_link_done[] = {
	O(struct control_link_done, "count", U32, count), END
};
static const struct member members_attached[] = {
	M(struct control_attached, "index", U32, index), END
};
static const struct member members_refused[] = {
	M(struct control_refused, "index", U32, index),
	O(struct control_refused, "message", TEXT, message), END
};

static const char *const type_texts[] = { [CONTROL_UNKNOWN] = "unknown",
#define TYPE_TEXT(name, text, type) [CONTROL_TYPE_##name] = text,
					  CONTROL_MESSAGES(TYPE_TEXT)
#undef TYPE_TEXT
};

static const char *const state_names[] = {
	[CONTROL_POOL_STARTED] = "started",
	[CONTROL_POOL_STOPPED] = "stopped",
	[CONTROL_POOL_DISABLED] = "disabled",
};

enum control_type
control_type_find(const char *text)
{
	for (int i = CONTROL_UNKNOWN + 1; i < CONTROL_TYPE_COUNT; i++)
		if (strcmp(text, type_texts[i]) == 0)
			return (enum control_type)i;
	return CONTROL_UNKNOWN;
}

const char *
control_type_text(enum control_type type)
{
	ASSERT((unsigned)type < CONTROL_TYPE_COUNT);
	return type_texts[type];
}

const char *
control_pool_state_name(enum control_pool_state state)
{
	ASSERT((unsigned)state < sizeof state_names / sizeof *state_names);
	return state_names[state];
}

/* Whether a character of UTF-8 is there; its bytes. */
static size_t
character_at(const char *text)
{
	unsigned char first = (unsigned char)text[0];
	size_t length = first < 0x80 ? 1 :
			first < 0xe0 ? 2 :
			first < 0xf0 ? 3 :
				       4;
	json_t *probe;

	if (strnlen(text, length) < length)
		return 0;
	probe = json_stringn(text, length);
	json_decref(probe);
	return probe == NULL ? 0 : length;
}

/* Texts come from elsewhere and are cut on their way; what is not UTF-8 in
 * them becomes '?', so that the message is not lost with it. */
static json_t *
encode_text(const char *text)
{
	json_t *json = json_string(text);
	size_t length = 0;
	char *copy;

	if (json != NULL)
		return json;
	copy = mem_try_alloc(strlen(text) + 1);
	if (copy == NULL)
		return NULL;
	while (*text != '\0') {
		size_t bytes = character_at(text);

		if (bytes == 0)
			copy[length] = '?';
		else
			memcpy(copy + length, text, bytes);
		length += bytes == 0 ? 1 : bytes;
		text += bytes == 0 ? 1 : bytes;
	}
	json = json_stringn(copy, length);
	mem_free(copy);
	return json;
}

static json_t *
encode_member(const struct member *member, const void *at)
{
	const char *text;

	switch (member->type) {
	case MEMBER_U16:
		return json_integer(*(const uint16_t *)at);
	case MEMBER_U32:
		return json_integer(*(const uint32_t *)at);
	case MEMBER_U64:
		return json_integer((json_int_t) * (const uint64_t *)at);
	case MEMBER_I32:
		return json_integer(*(const int32_t *)at);
	case MEMBER_BOOL:
		return json_boolean(*(const bool *)at);
	case MEMBER_TEXT:
		text = *(const char *const *)at;
		return encode_text(text == NULL ? "" : text);
	case MEMBER_JSON:
		return *(json_t *const *)at == NULL ?
			       json_null() :
			       json_incref(*(json_t *const *)at);
	case MEMBER_STATE:
		return json_string(control_pool_state_name(
			*(const enum control_pool_state *)at));
	case MEMBER_END:
		break;
	}
	UNREACHABLE();
}

static json_t *
encode(const char *type, const struct member *members, const void *message)
{
	json_t *json = json_object();

	if (json == NULL ||
	    json_object_set_new(json, "type", json_string(type)) != 0)
		goto fail;
	for (; members->type != MEMBER_END; members++) {
		const char *at = (const char *)message + members->offset;

		if (json_object_set_new(json, members->name,
					encode_member(members, at)) != 0)
			goto fail;
	}
	return json;
fail:
	json_decref(json);
	return NULL;
}

/* An integer within bounds. */
static bool
read_integer(const json_t *value, json_int_t low, json_int_t high,
	     json_int_t *number_r)
{
	if (!json_is_integer(value))
		return false;
	*number_r = json_integer_value(value);
	return *number_r >= low && *number_r <= high;
}

static bool
decode_state(const json_t *value, enum control_pool_state *state_r)
{
	if (!json_is_string(value))
		return false;
	for (int i = CONTROL_POOL_STARTED; i <= CONTROL_POOL_DISABLED; i++) {
		if (strcmp(state_names[i], json_string_value(value)) == 0) {
			*state_r = (enum control_pool_state)i;
			return true;
		}
	}
	return false;
}

static bool
decode_member(const struct member *member, json_t *value, void *at)
{
	json_int_t number;

	switch (member->type) {
	case MEMBER_U16:
		if (!read_integer(value, 0, UINT16_MAX, &number))
			return false;
		*(uint16_t *)at = (uint16_t)number;
		return true;
	case MEMBER_U32:
		if (!read_integer(value, 0, UINT32_MAX, &number))
			return false;
		*(uint32_t *)at = (uint32_t)number;
		return true;
	case MEMBER_U64:
		if (!read_integer(value, 0, INT64_MAX, &number))
			return false;
		*(uint64_t *)at = (uint64_t)number;
		return true;
	case MEMBER_I32:
		if (!read_integer(value, INT32_MIN, INT32_MAX, &number))
			return false;
		*(int32_t *)at = (int32_t)number;
		return true;
	case MEMBER_BOOL:
		if (!json_is_boolean(value))
			return false;
		*(bool *)at = json_is_true(value);
		return true;
	case MEMBER_TEXT:
		if (!json_is_string(value))
			return false;
		*(const char **)at = json_string_value(value);
		return true;
	case MEMBER_JSON:
		*(json_t **)at = value;
		return true;
	case MEMBER_STATE:
		return decode_state(value, at);
	case MEMBER_END:
		break;
	}
	UNREACHABLE();
}

static enum portico_status
decode(const char *type, const struct member *members, const json_t *json,
       void *message, size_t size, struct portico_error *err)
{
	memset(message, 0, size);
	for (; members->type != MEMBER_END; members++) {
		char *at = (char *)message + members->offset;
		json_t *value = json_object_get(json, members->name);

		if (value == NULL && members->optional) {
			if (members->type == MEMBER_TEXT)
				*(const char **)(void *)at = "";
			continue;
		}
		if (value == NULL)
			return error_set(err, PORTICO_PROTOCOL,
					 "reading a \"%s\" message: member "
					 "\"%s\" is missing",
					 type, members->name);
		if (!decode_member(members, value, at))
			return error_set(err, PORTICO_PROTOCOL,
					 "reading a \"%s\" message: member "
					 "\"%s\" has a wrong type or is out "
					 "of range",
					 type, members->name);
	}
	return PORTICO_OK;
}

#define CONTROL_DEFINE(name, text, type)                                       \
	json_t *control_encode_##name(const type *message)                     \
	{                                                                      \
		return encode(text, members_##name, message);                  \
	}                                                                      \
	enum portico_status control_decode_##name(const json_t *json,          \
						  type *message_r,             \
						  struct portico_error *err)   \
	{                                                                      \
		return decode(text, members_##name, json, message_r,           \
			      sizeof *message_r, err);                         \
	}
CONTROL_MESSAGES(CONTROL_DEFINE)
#undef CONTROL_DEFINE

void
control_failed_from_error(struct control_failed *message,
			  const struct portico_error *err)
{
	*message = (struct control_failed){
		.message = err->message[0] != '\0' ? err->message :
						     status_text(err->status),
		.detail = err->detail,
		.hint = err->hint,
		.file = err->file,
		.line = err->line,
		.column = err->column,
	};
}

void
control_failed_to_error(const struct control_failed *message,
			struct portico_error *err)
{
	error_set(err, PORTICO_CONFIG, "%s", message->message);
	if (message->detail[0] != '\0')
		error_detail(err, "%s", message->detail);
	if (message->hint[0] != '\0')
		error_hint(err, "%s", message->hint);
	if (message->file[0] != '\0')
		error_place(err, message->file, message->line, message->column);
}
