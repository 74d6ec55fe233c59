/* SPDX-License-Identifier: Apache-2.0
 *
 * Services of the host: regular expressions.
 *
 * One match context for all is enough, since it is only read: limits, and no
 * stack for compiled code but that of the thread (32 KiB of it, what PCRE2
 * takes by itself).
 */
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8

#include <pcre2.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/worker/host_priv.h"
#include "core/worker/limits.h"

#define REGEX_MAGIC 0x52454758u

struct portico_regex {
	unsigned magic;
	uint32_t pairs; /* of brackets */
	pcre2_code *code;
	pcre2_match_context *context;
};

/* ---- memory: a match's own comes from the stack ---------------------------------- */

struct match_memory {
	size_t used;
	_Alignas(16) char bytes[REGEX_MATCH_BYTES];
};

static void *
memory_take(PCRE2_SIZE size, void *arg)
{
	struct match_memory *memory = arg;
	size_t rounded = (size + 15) & ~(size_t)15;
	void *result;

	if (rounded > sizeof(memory->bytes) - memory->used)
		return mem_try_alloc(size);
	result = memory->bytes + memory->used;
	memory->used += rounded;
	return result;
}

static void
memory_give(void *bytes, void *arg)
{
	const struct match_memory *memory = arg;
	const char *at = bytes;

	if (at < memory->bytes || at >= memory->bytes + sizeof(memory->bytes))
		mem_free(bytes);
}

/* ---- compiling --------------------------------------------------------------------- */

static void
host_regex_free(struct portico_regex *regex)
{
	if (regex == NULL)
		return;
	CHECK(regex, REGEX_MAGIC);
	pcre2_match_context_free(regex->context);
	pcre2_code_free(regex->code);
	regex->magic = 0;
	mem_free(regex);
}

static enum portico_status
syntax_error(const char *pattern, int number, size_t offset,
	     struct portico_error *err)
{
	PCRE2_UCHAR reason[160];

	pcre2_get_error_message(number, reason, sizeof(reason));
	return error_set(err, PORTICO_SYNTAX,
			 "regular expression \"%s\": %s, at byte %zu", pattern,
			 (const char *)reason, offset + 1);
}

static uint32_t
options_of(uint32_t flags)
{
	uint32_t options = PCRE2_UTF;

	if ((flags & PORTICO_REGEX_ANY_CASE) != 0)
		options |= PCRE2_CASELESS;
	if ((flags & PORTICO_REGEX_WHOLE) != 0)
		options |= PCRE2_ANCHORED | PCRE2_ENDANCHORED;
	return options;
}

static enum portico_status
host_regex_compile(const char *pattern, uint32_t flags,
		   struct portico_regex **regex_r, struct portico_error *err)
{
	struct portico_regex *regex;
	PCRE2_SIZE offset;
	int number;

	*regex_r = NULL;
	if (strlen(pattern) > REGEX_BYTES_MAX)
		return error_set(err, PORTICO_TOO_LARGE,
				 "regular expression: longer than %d bytes",
				 REGEX_BYTES_MAX);
	regex = mem_zalloc(sizeof(*regex));
	regex->magic = REGEX_MAGIC;
	regex->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
				    options_of(flags), &number, &offset, NULL);
	if (regex->code == NULL) {
		host_regex_free(regex);
		return syntax_error(pattern, number, offset, err);
	}
	/* Where it is not to be had (a machine, a policy) it is interpreted. */
	(void)pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE);
	regex->context = pcre2_match_context_create(NULL);
	if (regex->context == NULL) {
		host_regex_free(regex);
		return error_set(err, PORTICO_NO_MEMORY,
				 "regular expression: out of memory");
	}
	pcre2_set_match_limit(regex->context, REGEX_STEPS_MAX);
	pcre2_set_heap_limit(regex->context, REGEX_HEAP_KIB_MAX);
	pcre2_pattern_info(regex->code, PCRE2_INFO_CAPTURECOUNT, &regex->pairs);
	*regex_r = regex;
	return PORTICO_OK;
}

/* ---- matching ------------------------------------------------------------------------ */

static enum portico_status
status_of(int result)
{
	if (result >= 0)
		return PORTICO_OK;
	switch (result) {
	case PCRE2_ERROR_NOMATCH:
		return PORTICO_NOT_FOUND;
	case PCRE2_ERROR_NOMEMORY:
		return PORTICO_NO_MEMORY;
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_JIT_STACKLIMIT:
		return PORTICO_TOO_LARGE;
	}
	/* No UTF-8, of which there are twenty kinds. */
	return PORTICO_NOT_FOUND;
}

static uint32_t
fill(const struct portico_regex *regex, pcre2_match_data *data,
     struct portico_slice text, struct portico_slice *captures,
     uint32_t capacity)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data);
	uint32_t count = regex->pairs + 1;

	if (count > capacity)
		count = capacity;
	for (uint32_t i = 0; i < count; i++) {
		PCRE2_SIZE from = at[2 * i], to = at[2 * i + 1];

		/* \K may set the beginning behind the end. */
		captures[i] = from == PCRE2_UNSET || from > to ?
				      (struct portico_slice){ NULL, 0 } :
				      (struct portico_slice){ text.data + from,
							      to - from };
	}
	return count;
}

static enum portico_status
host_regex_match(const struct portico_regex *regex, struct portico_slice text,
		 struct portico_slice *captures, uint32_t capacity,
		 uint32_t *count_r)
{
	struct match_memory memory = { .used = 0 };
	pcre2_general_context *general;
	pcre2_match_data *data;
	int result;

	CHECK(regex, REGEX_MAGIC);
	if (count_r != NULL)
		*count_r = 0;
	general =
		pcre2_general_context_create(memory_take, memory_give, &memory);
	if (general == NULL)
		return PORTICO_NO_MEMORY;
	data = pcre2_match_data_create_from_pattern(regex->code, general);
	if (data == NULL) {
		pcre2_general_context_free(general);
		return PORTICO_NO_MEMORY;
	}
	result = pcre2_match(regex->code,
			     (PCRE2_SPTR)(text.data == NULL ? "" : text.data),
			     text.length, 0, 0, data, regex->context);
	if (result >= 0 && capacity > 0) {
		uint32_t count = fill(regex, data, text, captures, capacity);

		if (count_r != NULL)
			*count_r = count;
	}
	pcre2_match_data_free(data);
	pcre2_general_context_free(general);
	return status_of(result);
}

static uint32_t
host_regex_group(const struct portico_regex *regex, const char *name)
{
	int number;

	CHECK(regex, REGEX_MAGIC);
	number =
		pcre2_substring_number_from_name(regex->code, (PCRE2_SPTR)name);
	return number < 0 ? 0 : (uint32_t)number;
}

const struct portico_host_regex worker_host_regex = {
	.size = sizeof(struct portico_host_regex),
	.compile = host_regex_compile,
	.match = host_regex_match,
	.group = host_regex_group,
	.release = host_regex_free,
};
