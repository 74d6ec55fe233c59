/* SPDX-License-Identifier: Apache-2.0
 *
 * --check-module: one file, what its descriptor says, and whether it is fit.
 * The checks of a whole configuration are in config_check.c.
 */
#include "core/worker/module_check.h"

#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/worker/exported_symbols.h"
#include "core/worker/module_config.h"
#include "core/worker/module_load.h"
#include "core/worker/pipeline_order.h"

/* Names gathered for printing. */
struct names {
	struct arena *arena;
	const char *items[64];
	size_t count; /* also those beyond the array */
};

struct report {
	FILE *out;
	const char *path;
	struct arena *arena;
	const struct module_record *record; /* NULL: not loaded */
	struct names exported;
	struct names problems;
};

static void
add_name(const char *name, void *arg)
{
	struct names *names = arg;

	if (names->count < sizeof(names->items) / sizeof(names->items[0]))
		names->items[names->count] = arena_strdup(names->arena, name);
	names->count++;
}

static size_t
kept(const struct names *names)
{
	size_t most = sizeof(names->items) / sizeof(names->items[0]);

	return names->count < most ? names->count : most;
}

static void add_problem(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
add_problem(struct report *report, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = arena_vprintf(report->arena, format, arguments);
	va_end(arguments);
	add_name(text, &report->problems);
}

/* ---- checks -------------------------------------------------------------- */

static void
check_exports(struct report *report)
{
	struct portico_error err;
	bool found = false;

	if (exported_symbols_visit(report->path, add_name, &report->exported,
				   &err) != PORTICO_OK) {
		add_problem(report, "module %s", err.message);
		return;
	}
	for (size_t i = 0; i < kept(&report->exported); i++) {
		const char *name = report->exported.items[i];

		if (strcmp(name, PORTICO_MODULE_ENTRY) == 0)
			found = true;
		else
			add_problem(report,
				    "module %s: exports %s; build it with "
				    "-fvisibility=hidden, so that only %s is "
				    "left",
				    report->path, name, PORTICO_MODULE_ENTRY);
	}
	if (!found && report->record != NULL)
		add_problem(report, "module %s: %s is not exported",
			    report->path, PORTICO_MODULE_ENTRY);
}

static void
check_module(struct report *report, struct module_set *set)
{
	struct module_record *record = NULL;
	struct portico_error err;

	if (module_set_add(set, NULL, report->path, &record, &err) !=
	    PORTICO_OK) {
		add_problem(report, "%s", err.message);
		return;
	}
	report->record = record;
	check_exports(report);
}

/* ---- as text ------------------------------------------------------------- */

static void
print_list(FILE *out, const char *label, const char *const *names)
{
	if (names == NULL || names[0] == NULL)
		return;
	fputs(label, out);
	for (; *names != NULL; names++)
		fprintf(out, " %s", *names);
}

static void
print_directives(FILE *out, const struct module_record *record)
{
	for (uint32_t i = 0; i < record->directive_count; i++) {
		const struct portico_directive *row =
			&record->module.directives[i];

		fprintf(out, "setting    %s: %s", row->name,
			module_directive_type_name(row->type));
		if (row->minimum != 0 || row->maximum != 0)
			fprintf(out, ", %" PRId64 " to %" PRId64, row->minimum,
				row->maximum);
		if (row->type == PORTICO_DIRECTIVE_ENUM)
			print_list(out, ", one of", row->values);
		if (row->default_value != NULL)
			fprintf(out, ", default %s", row->default_value);
		fprintf(out, "\n           %s\n", row->summary);
	}
}

static void
print_subscriptions(FILE *out, const struct module_record *record)
{
	for (uint32_t i = 0; i < record->subscription_count; i++) {
		const struct portico_subscription *row =
			&record->module.subscriptions[i];

		fprintf(out, "event      %s%s",
			row->phase == PORTICO_PHASE_POST ? "POST_" : "",
			pipeline_event_name(row->event));
		if (row->name != NULL)
			fprintf(out, " %s", row->name);
		print_list(out, ", before", row->before);
		print_list(out, ", after", row->after);
		fputc('\n', out);
	}
}

static void
print_record(FILE *out, const struct module_record *record)
{
	const struct portico_module *module = &record->module;

	fprintf(out, "module     %s %s\n", module->name, module->version);
	fprintf(out, "summary    %s\n", module->summary);
	fprintf(out, "ABI        %u.%u\n", module->abi_major,
		module->abi_minor);
	fprintf(out, "memory     %" PRIu32 " bytes per request\n",
		module->request_size);
	if (module->provides != NULL) {
		print_list(out, "provides  ", module->provides);
		fputc('\n', out);
	}
	if (module->needs != NULL) {
		print_list(out, "needs     ", module->needs);
		fputc('\n', out);
	}
	print_subscriptions(out, record);
	for (uint32_t i = 0; i < record->handler_count; i++)
		fprintf(out, "handler    %s, methods %s\n",
			module->handlers[i].name,
			module->handlers[i].methods == NULL ?
				"all" :
				module->handlers[i].methods);
	if (module->filter != NULL) {
		fprintf(out, "filter     %s", module->filter->name);
		print_list(out, ", before", module->filter->before);
		print_list(out, ", after", module->filter->after);
		fputc('\n', out);
	}
	print_directives(out, record);
}

static void
print_text(const struct report *report)
{
	fprintf(report->out, "file       %s\n", report->path);
	if (report->record != NULL)
		print_record(report->out, report->record);
	for (size_t i = 0; i < kept(&report->exported); i++)
		fprintf(report->out, "exports    %s\n",
			report->exported.items[i]);
	fprintf(report->out, "result     %s\n",
		report->problems.count == 0 ? "fit for use" :
					      "not fit for use");
	fflush(report->out);
	for (size_t i = 0; i < kept(&report->problems); i++)
		fprintf(stderr, "%s\n", report->problems.items[i]);
}

/* ---- as JSON ------------------------------------------------------------- */

static json_t *
json_names(const char *const *names)
{
	json_t *array = json_array();

	for (; names != NULL && *names != NULL; names++)
		json_array_append_new(array, json_string(*names));
	return array;
}

static json_t *
json_gathered(const struct names *names)
{
	json_t *array = json_array();

	for (size_t i = 0; i < kept(names); i++)
		json_array_append_new(array, json_string(names->items[i]));
	return array;
}

static json_t *
json_directives(const struct module_record *record)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < record->directive_count; i++) {
		const struct portico_directive *row =
			&record->module.directives[i];
		json_t *item = json_pack("{s:s, s:s, s:s}", "name", row->name,
					 "type",
					 module_directive_type_name(row->type),
					 "summary", row->summary);

		if (row->default_value != NULL)
			json_object_set_new(item, "default",
					    json_loads(row->default_value,
						       JSON_DECODE_ANY, NULL));
		if (row->minimum != 0 || row->maximum != 0) {
			json_object_set_new(item, "minimum",
					    json_integer(row->minimum));
			json_object_set_new(item, "maximum",
					    json_integer(row->maximum));
		}
		if (row->type == PORTICO_DIRECTIVE_ENUM)
			json_object_set_new(item, "values",
					    json_names(row->values));
		json_array_append_new(array, item);
	}
	return array;
}

static json_t *
json_subscriptions(const struct module_record *record)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < record->subscription_count; i++) {
		const struct portico_subscription *row =
			&record->module.subscriptions[i];

		json_array_append_new(
			array, json_pack("{s:s, s:s*, s:b, s:o, s:o}", "event",
					 pipeline_event_name(row->event),
					 "name", row->name, "post",
					 row->phase == PORTICO_PHASE_POST,
					 "before", json_names(row->before),
					 "after", json_names(row->after)));
	}
	return array;
}

static json_t *
json_handlers(const struct module_record *record)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < record->handler_count; i++)
		json_array_append_new(
			array,
			json_pack("{s:s, s:s?}", "name",
				  record->module.handlers[i].name, "methods",
				  record->module.handlers[i].methods));
	return array;
}

json_t *
module_to_json(const struct module_record *record)
{
	const struct portico_module *module = &record->module;
	json_t *abi =
		json_sprintf("%u.%u", module->abi_major, module->abi_minor);

	return json_pack(
		"{s:s, s:s, s:s, s:o, s:i, s:o, s:o, s:o, s:o, s:s?, s:o}",
		"name", module->name, "version", module->version, "summary",
		module->summary, "abi", abi, "requestSize",
		(int)module->request_size, "provides",
		json_names(module->provides), "needs",
		json_names(module->needs), "events", json_subscriptions(record),
		"handlers", json_handlers(record), "filter",
		module->filter == NULL ? NULL : module->filter->name,
		"settings", json_directives(record));
}

static void
print_json(const struct report *report)
{
	json_t *root = json_pack("{s:b, s:s, s:o, s:o}", "ok",
				 report->problems.count == 0, "file",
				 report->path, "exports",
				 json_gathered(&report->exported), "problems",
				 json_gathered(&report->problems));

	if (report->record != NULL)
		json_object_set_new(root, "module",
				    module_to_json(report->record));
	json_dumpf(root, report->out, JSON_INDENT(2));
	fputc('\n', report->out);
	fflush(report->out);
	json_decref(root);
}

int
module_check_file(FILE *out, const char *path, bool json,
		  const struct portico_host *host)
{
	struct report report = { .out = out, .path = path };
	struct module_set *set = module_set_new(host);

	report.arena = arena_new("module-check", 0);
	report.exported.arena = report.arena;
	report.problems.arena = report.arena;
	check_module(&report, set);
	if (json)
		print_json(&report);
	else
		print_text(&report);
	arena_free(report.arena);
	module_set_free(set);
	return report.problems.count == 0 ? 0 : 1;
}
