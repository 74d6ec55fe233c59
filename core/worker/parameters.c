/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoded parameters in one piece of memory: the items, then their texts.
 */
#include "core/base/arena.h"
#include "core/base/slice.h"
#include "core/http/form.h"
#include "core/worker/changes.h"

static struct portico_slice
decode(struct portico_slice text, char **at)
{
	struct portico_slice decoded = { *at, http_form_decode(text, *at) };

	(*at)[decoded.length] = '\0';
	*at += decoded.length + 1;
	return decoded;
}

enum portico_status
parameters_parse(struct arena *arena, struct portico_slice text, uint32_t limit,
		 const struct parameters **parameters_r)
{
	struct portico_slice rest = text, name, value;
	struct parameters *parameters;
	uint32_t count = 0;
	char *at;

	while (http_form_next(&rest, &name, &value))
		if (++count > limit)
			return PORTICO_TOO_LARGE;
	parameters = arena_try_alloc(
		arena, sizeof(*parameters) +
			       count * sizeof(parameters->items[0]) +
			       text.length + 2 * (size_t)count);
	if (parameters == NULL)
		return PORTICO_NO_MEMORY;
	parameters->count = 0;
	at = (char *)&parameters->items[count];
	rest = text;
	while (http_form_next(&rest, &name, &value)) {
		struct parameter *item =
			&parameters->items[parameters->count++];

		item->name = decode(name, &at);
		item->value = decode(value, &at);
	}
	*parameters_r = parameters;
	return PORTICO_OK;
}

bool
parameters_find(const struct parameters *parameters, struct portico_slice name,
		struct portico_slice *value_r)
{
	for (uint32_t i = 0; i < parameters->count; i++) {
		if (slice_equal(parameters->items[i].name, name)) {
			*value_r = parameters->items[i].value;
			return true;
		}
	}
	return false;
}

void
parameters_each(const struct parameters *parameters, portico_field_fn *fn,
		void *arg)
{
	for (uint32_t i = 0; i < parameters->count; i++)
		if (!fn(arg, parameters->items[i].name,
			parameters->items[i].value))
			return;
}
