/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator wants to know of a module, from its descriptor: what it is,
 * where it takes part, and each setting with type, bounds, default and prose.
 */
#include "core/worker/module_check.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/slice.h"
#include "core/worker/module_config.h"
#include "core/worker/module_load.h"
#include "core/worker/pipeline_order.h"

#define WIDTH 76
#define INDENT 8

/* Words of one paragraph, broken into lines. */
static void
print_paragraph(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t length = strcspn(text, " ");

		if (column > 0 && column + 1 + length > WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (column == 0)
			column = (size_t)fprintf(out, "%*s", INDENT, "");
		else
			column += (size_t)fprintf(out, " ");
		fwrite(text, 1, length, out);
		column += length;
		text += length;
		text += strspn(text, " ");
	}
	if (column > 0)
		fputc('\n', out);
}

static void
print_settings(FILE *out, const struct module_record *record,
	       struct arena *arena)
{
	const struct portico_module *module = &record->module;

	if (record->directive_count == 0) {
		fprintf(out, "\nIt has no settings.\n");
		return;
	}
	fprintf(out, "\nSettings (of its section in an application or in "
		     "moduleDefaults):\n");
	for (uint32_t i = 0; i < record->directive_count; i++) {
		const struct portico_directive *row = &module->directives[i];
		const char *takes = module_config_describe(module, i, arena);

		fprintf(out, "\n    %s\n", row->name);
		print_paragraph(out, row->summary);
		print_paragraph(
			out,
			row->default_value == NULL ?
				arena_printf(arena,
					     "Takes %s. It has no "
					     "default.",
					     takes) :
				arena_printf(arena, "Takes %s. Default: %s.",
					     takes, row->default_value));
	}
}

static void
print_parts(FILE *out, const struct module_record *record)
{
	const struct portico_module *module = &record->module;

	for (uint32_t i = 0; i < record->handler_count; i++)
		fprintf(out, "%s %s (%s)", i == 0 ? "\nHandlers:" : ",",
			module->handlers[i].name,
			module->handlers[i].methods == NULL ?
				"all methods" :
				module->handlers[i].methods);
	if (record->handler_count > 0)
		fputc('\n', out);
	for (uint32_t i = 0; i < record->subscription_count; i++)
		fprintf(out, "%s %s%s", i == 0 ? "\nTakes part in:" : ",",
			module->subscriptions[i].phase == PORTICO_PHASE_POST ?
				"POST_" :
				"",
			pipeline_event_name(module->subscriptions[i].event));
	if (record->subscription_count > 0)
		fputc('\n', out);
	if (module->filter != NULL)
		fprintf(out, "\nFilters responses, as %s.\n",
			module->filter->name);
}

static void
print_prose(FILE *out, const struct module_record *record)
{
	struct arena *arena = arena_new("module-doc", 0);

	fprintf(out, "%s %s: %s\n", record->module.name, record->module.version,
		record->module.summary);
	print_parts(out, record);
	print_settings(out, record, arena);
	arena_free(arena);
}

static int
print_schema(FILE *out, const struct module_record *record)
{
	struct buffer text;
	bool good;

	buffer_init(&text, 0);
	good = module_config_schema(&record->module, &text) == PORTICO_OK;
	if (good)
		fwrite(text.data, 1, text.length, out);
	buffer_fini(&text);
	return good ? 0 : 1;
}

static void
refuse(FILE *out, enum module_doc_form form, const struct portico_error *err)
{
	json_t *json;

	fprintf(stderr, "%s\n", err->message);
	if (form != MODULE_DOC_JSON)
		return;
	json = json_pack("{s:b, s:[s]}", "ok", 0, "problems", err->message);
	json_dumpf(json, out, JSON_INDENT(2));
	fputc('\n', out);
	json_decref(json);
}

int
module_doc_file(FILE *out, const char *path, enum module_doc_form form,
		const struct portico_host *host)
{
	struct module_set *set = module_set_new(host);
	struct module_record *record = NULL;
	struct portico_error err;
	int result = 0;
	json_t *json;

	if (module_set_add(set, NULL, path, &record, &err) != PORTICO_OK) {
		refuse(out, form, &err);
		module_set_free(set);
		return 1;
	}
	switch (form) {
	case MODULE_DOC_PROSE:
		print_prose(out, record);
		break;
	case MODULE_DOC_JSON:
		json = module_to_json(record);
		json_object_set_new(json, "ok", json_true());
		json_dumpf(json, out, JSON_INDENT(2));
		fputc('\n', out);
		json_decref(json);
		break;
	case MODULE_DOC_SCHEMA:
		result = print_schema(out, record);
		break;
	}
	fflush(out);
	module_set_free(set);
	return result;
}
