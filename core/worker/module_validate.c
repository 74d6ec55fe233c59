/* SPDX-License-Identifier: Apache-2.0
 *
 * Order matters: magic, then size, then the interface version, then the copy;
 * nothing past the version is read from a descriptor of another major.  Walks
 * over arrays are bounded, names are printed cut and escaped.
 */
#include "core/worker/module_validate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <portico/global.h>

#include "core/base/check.h"
#include "core/base/error.h"
#include "core/worker/module_config.h"
#include "core/worker/pipeline_order.h"

/* All sentences begin alike; the file is what the operator can act upon. */
static enum portico_status refuse(struct portico_error *err,
				  const struct module_record *record,
				  const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum portico_status
refuse(struct portico_error *err, const struct module_record *record,
       const char *format, ...)
{
	char text[384];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(err, PORTICO_INVALID, "module %s: %s", record->path,
			 text);
}

bool
module_name_is_valid(const char *name)
{
	size_t length;

	if (name == NULL || name[0] < 'a' || name[0] > 'z')
		return false;
	length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
	return length <= MODULE_NAME_LENGTH_MAX && name[length] == '\0';
}

/* Printable text of a sensible length: what goes into logs and manuals. */
static bool
text_is_sane(const char *text)
{
	size_t length = strnlen(text, MODULE_TEXT_LENGTH_MAX + 1);

	if (length == 0 || length > MODULE_TEXT_LENGTH_MAX)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return true;
}

/* ---- head: what must be right before the copy ---------------------------- */

static enum portico_status
check_head(const struct module_record *record,
	   const struct portico_module *module, const struct portico_host *host,
	   struct portico_error *err)
{
	enum portico_status status;

	if (module == NULL)
		return refuse(err, record, "%s returned no descriptor",
			      PORTICO_MODULE_ENTRY);
	if (module->magic != PORTICO_MODULE_MAGIC)
		return refuse(err, record,
			      "descriptor begins with %08" PRIx32
			      ", this server expects %08x",
			      module->magic, PORTICO_MODULE_MAGIC);
	if (module->size < offsetof(struct portico_module, flags))
		return refuse(err, record,
			      "descriptor of %" PRIu32 " bytes, too short to "
			      "tell its ABI",
			      module->size);
	if (module->abi_major != host->abi_major ||
	    module->abi_minor > host->abi_minor) {
		status = error_set(err, PORTICO_ABI,
				   "module %s: ABI %u.%u, this server has "
				   "%u.%u",
				   record->path, module->abi_major,
				   module->abi_minor, host->abi_major,
				   host->abi_minor);
		error_hint(err, "The major number must be equal, the module's "
				"minor number not above the server's.");
		return status;
	}
	if (module->size < MODULE_SIZE_MIN || module->size > MODULE_SIZE_MAX)
		return refuse(err, record,
			      "descriptor of %" PRIu32
			      " bytes, this server expects at least %zu",
			      module->size, (size_t)MODULE_SIZE_MIN);
	return PORTICO_OK;
}

static enum portico_status
check_identity(const struct module_record *record, struct portico_error *err)
{
	const struct portico_module *module = &record->module;

	if (!module_name_is_valid(module->name))
		return refuse(err, record,
			      "name of the descriptor is not of the form "
			      "[a-z][a-z0-9-]{0,31}");
	if (record->name != NULL && strcmp(module->name, record->name) != 0)
		return refuse(err, record,
			      "names itself \"%s\", configured as \"%s\"",
			      module->name, record->name);
	if (module->version == NULL || !text_is_sane(module->version))
		return refuse(err, record, "descriptor has no version");
	if (module->summary == NULL || !text_is_sane(module->summary))
		return refuse(err, record, "descriptor has no summary");
	if ((module->flags & ~(uint32_t)PORTICO_MODULE_INTERNAL) != 0)
		return refuse(err, record,
			      "unknown flags %08" PRIx32 " in the descriptor",
			      module->flags);
	if (module->flags & PORTICO_MODULE_INTERNAL) {
		const char *build = module->build_id;

		if (build == NULL || strcmp(build, PORTICO_VERSION) != 0)
			return refuse(err, record,
				      "built for exactly %.64s, this server is "
				      "%s",
				      build == NULL ? "(nothing)" : build,
				      PORTICO_VERSION);
	}
	if (module->request_size > MODULE_REQUEST_BYTES_MAX)
		return refuse(err, record,
			      "request_size is %" PRIu32
			      ", allowed are at most %u",
			      module->request_size, MODULE_REQUEST_BYTES_MAX);
	if (module->configuration_size > MODULE_CONFIGURATION_BYTES_MAX)
		return refuse(err, record,
			      "configuration_size is %" PRIu32
			      ", allowed are at most %u",
			      module->configuration_size,
			      MODULE_CONFIGURATION_BYTES_MAX);
	return PORTICO_OK;
}

/* ---- arrays -------------------------------------------------------------- */

static enum portico_status
check_names(const struct module_record *record, const char *const *names,
	    const char *what, struct portico_error *err)
{
	if (names == NULL)
		return PORTICO_OK;
	for (size_t i = 0; i < MODULE_NAMES_MAX; i++) {
		if (names[i] == NULL)
			return PORTICO_OK;
		if (!module_name_is_valid(names[i]))
			return refuse(err, record,
				      "%s[%zu] is not a name of the form "
				      "[a-z][a-z0-9-]{0,31}",
				      what, i);
	}
	return refuse(err, record, "%s has no end within %d names", what,
		      MODULE_NAMES_MAX);
}

/* [a-z0-9.-]{1,64} */
static bool
is_event_name(const char *name)
{
	size_t length = name == NULL ? 0 :
				       strnlen(name, MODULE_EVENT_NAME_MAX + 1);

	return length >= 1 && length <= MODULE_EVENT_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-") == length;
}

/* That, for CUSTOM alone. */
static enum portico_status
check_event_name(const struct module_record *record,
		 const struct portico_subscription *row, size_t index,
		 struct portico_error *err)
{
	if (row->event != PORTICO_EVENT_CUSTOM) {
		if (row->name == NULL)
			return PORTICO_OK;
		return refuse(err, record, "subscription %zu: %s has no name",
			      index, pipeline_event_name(row->event));
	}
	if (!is_event_name(row->name))
		return refuse(err, record,
			      "subscription %zu: CUSTOM without a name of the "
			      "form [a-z0-9.-]{1,%d}",
			      index, MODULE_EVENT_NAME_MAX);
	return PORTICO_OK;
}

static enum portico_status
check_subscription(const struct module_record *record,
		   const struct portico_subscription *row, size_t index,
		   struct portico_error *err)
{
	enum portico_status status;

	if ((unsigned)row->event >= PORTICO_EVENT_COUNT)
		return refuse(err, record,
			      "subscription %zu: event %u, this server knows 1 "
			      "to %d",
			      index, (unsigned)row->event,
			      PORTICO_EVENT_COUNT - 1);
	if ((unsigned)row->phase > PORTICO_PHASE_POST)
		return refuse(err, record,
			      "subscription %zu: phase %u, this server knows 0 "
			      "and 1",
			      index, (unsigned)row->phase);
	if (row->phase == PORTICO_PHASE_POST && row->event > PORTICO_EVENT_END)
		return refuse(err, record,
			      "subscription %zu: %s has no post-event", index,
			      pipeline_event_name(row->event));
	if (row->function == NULL)
		return refuse(err, record,
			      "subscription %zu: %s without a function", index,
			      pipeline_event_name(row->event));
	status = check_event_name(record, row, index, err);
	if (status == PORTICO_OK)
		status = check_names(record, row->before, "before", err);
	if (status == PORTICO_OK)
		status = check_names(record, row->after, "after", err);
	return status;
}

static enum portico_status
check_global(const struct module_record *record,
	     const struct portico_global_subscription *row, size_t index,
	     struct portico_error *err)
{
	bool custom = row->event == PORTICO_GLOBAL_CUSTOM;

	if ((unsigned)row->event >= PORTICO_GLOBAL_COUNT)
		return refuse(err, record,
			      "global subscription %zu: event %u, this server "
			      "knows 1 to %d",
			      index, (unsigned)row->event,
			      PORTICO_GLOBAL_COUNT - 1);
	if (row->function == NULL)
		return refuse(err, record,
			      "global subscription %zu: no function", index);
	if (custom ? !is_event_name(row->name) : row->name != NULL)
		return refuse(err, record,
			      "global subscription %zu: a name of the form "
			      "[a-z0-9.-]{1,64} belongs to CUSTOM, and to no "
			      "other event",
			      index);
	return PORTICO_OK;
}

static enum portico_status
check_globals(const struct module_record *record, struct portico_error *err)
{
	const struct portico_global_subscription *rows =
		record->module.global_subscriptions;

	if (rows == NULL)
		return PORTICO_OK;
	for (size_t i = 0; i < MODULE_SUBSCRIPTIONS_MAX; i++) {
		enum portico_status status;

		if (rows[i].event == PORTICO_GLOBAL_NONE)
			return PORTICO_OK;
		status = check_global(record, &rows[i], i, err);
		if (status != PORTICO_OK)
			return status;
	}
	return refuse(err, record,
		      "global subscriptions have no end within %d rows",
		      MODULE_SUBSCRIPTIONS_MAX);
}

static enum portico_status
check_subscriptions(struct module_record *record, struct portico_error *err)
{
	const struct portico_subscription *rows = record->module.subscriptions;

	if (rows == NULL)
		return PORTICO_OK;
	for (size_t i = 0; i < MODULE_SUBSCRIPTIONS_MAX; i++) {
		enum portico_status status;

		if (rows[i].event == PORTICO_EVENT_NONE) {
			record->subscription_count = (uint32_t)i;
			return PORTICO_OK;
		}
		status = check_subscription(record, &rows[i], i, err);
		if (status != PORTICO_OK)
			return status;
	}
	return refuse(err, record, "subscriptions have no end within %d rows",
		      MODULE_SUBSCRIPTIONS_MAX);
}

/* "GET,HEAD": tokens of capitals and hyphens, commas between. */
static bool
methods_are_sane(const char *methods)
{
	size_t length = strnlen(methods, MODULE_TEXT_LENGTH_MAX + 1);
	size_t word = 0;

	if (length > MODULE_TEXT_LENGTH_MAX)
		return false;
	for (size_t i = 0; i <= length; i++) {
		char c = methods[i];

		if (c == ',' || c == '\0') {
			if (word == 0)
				return false;
			word = 0;
		} else if ((c >= 'A' && c <= 'Z') || c == '-') {
			word++;
		} else if (c != ' ') {
			return false;
		}
	}
	return true;
}

static enum portico_status
check_handlers(struct module_record *record, struct portico_error *err)
{
	const struct portico_handler *rows = record->module.handlers;

	if (rows == NULL)
		return PORTICO_OK;
	for (size_t i = 0; i < MODULE_HANDLERS_MAX; i++) {
		if (rows[i].name == NULL) {
			record->handler_count = (uint32_t)i;
			return PORTICO_OK;
		}
		if (!module_name_is_valid(rows[i].name))
			return refuse(err, record,
				      "handler %zu: name is not of the form "
				      "[a-z][a-z0-9-]{0,31}",
				      i);
		if (rows[i].function == NULL)
			return refuse(err, record,
				      "handler \"%s\" without a function",
				      rows[i].name);
		if (rows[i].methods != NULL &&
		    !methods_are_sane(rows[i].methods))
			return refuse(err, record,
				      "handler \"%s\": methods are not of the "
				      "form \"GET,HEAD\"",
				      rows[i].name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(rows[i].name, rows[j].name) == 0)
				return refuse(err, record,
					      "handler \"%s\" occurs twice",
					      rows[i].name);
	}
	return refuse(err, record, "handlers have no end within %d rows",
		      MODULE_HANDLERS_MAX);
}

static enum portico_status
check_filter(const struct module_record *record, struct portico_error *err)
{
	const struct portico_filter *filter = record->module.filter;
	enum portico_status status;

	if (filter == NULL)
		return PORTICO_OK;
	if (!module_name_is_valid(filter->name))
		return refuse(err, record,
			      "filter: name is not of the form "
			      "[a-z][a-z0-9-]{0,31}");
	if (filter->head == NULL && filter->data == NULL)
		return refuse(err, record,
			      "filter \"%s\" has neither head nor data",
			      filter->name);
	status = check_names(record, filter->before, "filter: before", err);
	if (status == PORTICO_OK)
		status = check_names(record, filter->after, "filter: after",
				     err);
	return status;
}

static enum portico_status
check_directives(struct module_record *record, struct portico_error *err)
{
	const struct portico_directive *rows = record->module.directives;
	enum portico_status status;
	size_t count = 0;

	if (rows == NULL)
		return PORTICO_OK;
	while (count < MODULE_DIRECTIVES_MAX && rows[count].name != NULL)
		count++;
	if (count == MODULE_DIRECTIVES_MAX)
		return refuse(err, record,
			      "directives have no end within %d rows",
			      MODULE_DIRECTIVES_MAX);
	record->directive_count = (uint32_t)count;
	status = module_config_check_table(&record->module, count, err);
	if (status != PORTICO_OK)
		error_prefix(err, "module %s", record->path);
	return status;
}

enum portico_status
module_validate(struct module_record *record,
		const struct portico_module *descriptor,
		const struct portico_host *host, struct portico_error *err)
{
	enum portico_status status;
	size_t size;

	CHECK(record, MODULE_RECORD_MAGIC);
	status = check_head(record, descriptor, host, err);
	if (status != PORTICO_OK)
		return status;
	size = descriptor->size;
	if (size > sizeof(record->module))
		size = sizeof(record->module);
	memset(&record->module, 0, sizeof(record->module));
	memcpy(&record->module, descriptor, size);

	status = check_identity(record, err);
	if (status == PORTICO_OK)
		status = check_names(record, record->module.provides,
				     "provides", err);
	if (status == PORTICO_OK)
		status =
			check_names(record, record->module.needs, "needs", err);
	if (status == PORTICO_OK)
		status = check_subscriptions(record, err);
	if (status == PORTICO_OK)
		status = check_globals(record, err);
	if (status == PORTICO_OK)
		status = check_handlers(record, err);
	if (status == PORTICO_OK)
		status = check_filter(record, err);
	if (status == PORTICO_OK)
		status = check_directives(record, err);
	return status;
}
