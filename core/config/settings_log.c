/* SPDX-License-Identifier: Apache-2.0
 *
 * The access log's settings: their keys, and from names to columns.
 */
#include "core/config/settings_log_rows.h"
#include "core/config/settings_priv.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/check.h"

/* ---- keys ---------------------------------------------------------------- */

static const char *const formats[] = { "w3c", "json", NULL };

static const char *const source_types[] = { "RequestHeader", "ResponseHeader",
					    "ServerVariable", NULL };

/* In their order. */
static const enum settings_log_field source_fields[] = {
	SETTINGS_LOG_REQUEST_HEADER,
	SETTINGS_LOG_RESPONSE_HEADER,
	SETTINGS_LOG_VARIABLE,
};

const char *const settings_log_periods[] = { "None",   "Hourly",  "Daily",
					     "Weekly", "Monthly", NULL };

static const struct config_field custom_fields[] = {
	CONFIG_SOURCE(struct raw_log_custom, source),
	CONFIG_STRING(struct raw_log_custom, name, "logFieldName",
		      .flags = CONFIG_REQUIRED, .min = 1,
		      .max = SETTINGS_LOG_NAME_MAX,
		      .prose = "Name of the field in the log: letters, digits "
			       "and -_.() only."),
	CONFIG_STRING(struct raw_log_custom, source_name, "sourceName",
		      .flags = CONFIG_REQUIRED, .min = 1, .max = 128,
		      .prose = "Name of the header field, or of the server "
			       "variable: APP_POOL_ID, APPL_PATH, CACHE_HIT, "
			       "CONNECTION_ID, HTTPS, INSTANCE_ID or "
			       "REQUEST_ID."),
	CONFIG_ENUM(struct raw_log_custom, source_type, "sourceType",
		    .flags = CONFIG_REQUIRED, .words = source_types,
		    .prose = "Where the value comes from."),
};
static const struct config_table custom_table = CONFIG_TABLE(
	struct raw_log_custom, custom_fields, "A field of our own.");

static const struct config_field access_log_fields[] = {
	CONFIG_SOURCE(struct raw_access_log, source),
	CONFIG_BOOL(struct raw_access_log, enabled, "enabled",
		    .fallback = "true",
		    .prose = "Whether requests are written to the access "
			     "log."),
	CONFIG_ENUM(struct raw_access_log, format, "format", .fallback = "w3c",
		    .words = formats,
		    .prose = "w3c: W3C extended format, a value for each field "
			     "with blanks between them. json: an object on "
			     "each line, without the fields that have no "
			     "value."),
	CONFIG_STRING(struct raw_access_log, file, "file",
		      .fallback = "access.log", .min = 1, .max = 1024,
		      .prose = "Name of the access log, relative to "
			       "logDirectory. A site's own may contain "
			       "{site} and {id}, the site's name and number; a "
			       "site without one is in the server's."),
	SETTINGS_ROTATION_ROWS(struct raw_access_log, rotation),
	CONFIG_STRINGS(
		struct raw_access_log, fields, "fields",
		.fallback = "date,time,s-ip,cs-method,cs-uri-stem,"
			    "cs-uri-query,s-port,cs-username,c-ip,"
			    "cs(User-Agent),cs(Referer),sc-status,"
			    "sc-substatus,sc-win32-status,sc-bytes,"
			    "cs-bytes,time-taken",
		.min = 1, .max = SETTINGS_LOG_FIELDS_MAX,
		.prose = "Fields of a line, in this order. As IIS names them: "
			 "date, time, s-sitename, s-computername, s-ip, "
			 "cs-method, cs-uri-stem, cs-uri-query, s-port, "
			 "cs-username, c-ip, cs-version, cs-host, "
			 "cs(User-Agent), cs(Cookie), cs(Referer), sc-status, "
			 "sc-substatus, sc-win32-status, sc-bytes, cs-bytes, "
			 "time-taken (milliseconds). Besides: c-port, streamid "
			 "(of HTTP/2), sc-reason (of an answer of the "
			 "listener's own), x-cache (HIT or MISS), and "
			 "time(A,B), the microseconds from one moment of the "
			 "request to another: first-byte, head, queued, "
			 "worker, assigned, response, finished."),
	CONFIG_LIST(struct raw_access_log, custom, "customFields",
		    &custom_table, .max = SETTINGS_LOG_CUSTOM_MAX,
		    .prose = "Fields behind those: header fields of requests "
			     "and responses, and server variables."),
};
const struct config_table settings_access_log_table = CONFIG_TABLE(
	struct raw_access_log, access_log_fields, "The access log.");

/* ---- names --------------------------------------------------------------- */

/* As many as have one come first. */
static const char *const field_names[] = {
#define FIELD_NAME(symbol, name) [SETTINGS_LOG_##symbol] = name,
	SETTINGS_LOG_FIELD_MAP(FIELD_NAME)
#undef FIELD_NAME
};
#define NAMED_FIELDS SETTINGS_LOG_BETWEEN

static const char *const moment_names[] = {
#define MOMENT_NAME(symbol, name) name,
	SETTINGS_LOG_MOMENT_MAP(MOMENT_NAME)
#undef MOMENT_NAME
};

static const char *const variable_names[] = {
#define VARIABLE_NAME(symbol, name) name,
	SETTINGS_LOG_VARIABLE_MAP(VARIABLE_NAME)
#undef VARIABLE_NAME
};

/* The index, or `count`. */
static size_t
find_name(const char *const *names, size_t count, const char *name,
	  size_t length)
{
	size_t i = 0;

	while (i < count && (strlen(names[i]) != length ||
			     memcmp(names[i], name, length) != 0))
		i++;
	return i;
}

/* "time(A,B)" */
static bool
parse_between(const char *name, struct settings_log_column *column)
{
	const char *comma = strchr(name, ','), *end = strchr(name, ')');
	size_t from, to;

	if (strncmp(name, "time(", 5) != 0 || comma == NULL || end == NULL ||
	    end < comma || end[1] != '\0')
		return false;
	from = find_name(moment_names, SETTINGS_LOG_MOMENTS, name + 5,
			 (size_t)(comma - name) - 5);
	to = find_name(moment_names, SETTINGS_LOG_MOMENTS, comma + 1,
		       (size_t)(end - comma) - 1);
	if (from == SETTINGS_LOG_MOMENTS || to == SETTINGS_LOG_MOMENTS)
		return false;
	column->field = SETTINGS_LOG_BETWEEN;
	column->from = (enum settings_log_moment)from;
	column->to = (enum settings_log_moment)to;
	return true;
}

static bool
find_field(const char *name, struct settings_log_column *column)
{
	size_t known = find_name(field_names, NAMED_FIELDS, name, strlen(name));

	column->name = name;
	if (known == NAMED_FIELDS)
		return parse_between(name, column);
	column->field = (enum settings_log_field)known;
	return true;
}

/* ---- resolving ----------------------------------------------------------- */

static void
refuse_field(struct settings_resolver *resolver, const char *name,
	     const struct config_value *value)
{
	const char *near = config_nearest(name, field_names, NAMED_FIELDS);

	config_problem(resolver->problems, value,
		       "\"%s\" is no field of the access log%s%s%s", name,
		       near == NULL ? "" : "; did you mean \"",
		       near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static bool
is_made_of(const char *text, const char *others)
{
	for (; *text != '\0'; text++)
		if (!(*text >= 'a' && *text <= 'z') &&
		    !(*text >= 'A' && *text <= 'Z') &&
		    !(*text >= '0' && *text <= '9') &&
		    strchr(others, *text) == NULL)
			return false;
	return true;
}

static void
resolve_custom(struct settings_resolver *resolver,
	       const struct raw_log_custom *raw,
	       struct settings_log_column *column)
{
	size_t variable;

	*column = (struct settings_log_column){
		.name = raw->name,
		.field = source_fields[raw->source_type],
		.custom = true,
		.source = raw->source_name,
	};
	if (!is_made_of(raw->name, "-_.()"))
		config_problem(resolver->problems, raw->source,
			       "\"%s\" cannot be the name of a field in the "
			       "log; allowed are letters, digits and -_.()",
			       raw->name);
	if (column->field != SETTINGS_LOG_VARIABLE) {
		if (!is_made_of(raw->source_name, "!#$%&'*+-.^_`|~"))
			config_problem(resolver->problems, raw->source,
				       "\"%s\" cannot be the name of a header "
				       "field",
				       raw->source_name);
		return;
	}
	variable = find_name(variable_names, SETTINGS_LOG_VARIABLES,
			     raw->source_name, strlen(raw->source_name));
	column->number = (unsigned)variable;
	if (variable == SETTINGS_LOG_VARIABLES)
		config_problem(resolver->problems, raw->source,
			       "\"%s\" is no server variable that the listener "
			       "knows",
			       raw->source_name);
}

/* A name twice would make a JSON object that nobody can read. */
static void
check_names(struct settings_resolver *resolver,
	    const struct settings_access_log *log,
	    const struct raw_access_log *raw)
{
	for (size_t i = 0; i < log->column_count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(log->columns[i].name,
				   log->columns[k].name) == 0)
				config_problem(resolver->problems, raw->source,
					       "the access log has the field "
					       "\"%s\" twice",
					       log->columns[i].name);
}

struct settings_log_rotation
settings_rotation(const struct raw_log_rotation *raw)
{
	return (struct settings_log_rotation){
		.period = (enum settings_log_period)raw->period,
		.truncate_size = raw->truncate_size,
		.local = raw->local,
		.keep_files = raw->keep_files,
		.keep_for = raw->keep_for,
	};
}

void
settings_resolve_access_log(struct settings_resolver *resolver,
			    const struct raw_access_log *raw,
			    struct settings_access_log *log)
{
	struct settings_log_column *columns =
		settings_array(resolver, raw->fields.count + raw->custom.count,
			       sizeof *columns);

	*log = (struct settings_access_log){
		.enabled = raw->enabled,
		.format = (enum settings_log_format)raw->format,
		.file = raw->file,
		.rotation = settings_rotation(&raw->rotation),
		.columns = columns,
	};
	if (columns == NULL)
		return;
	for (size_t i = 0; i < raw->fields.count; i++)
		if (find_field(raw->fields.items[i],
			       &columns[log->column_count]))
			log->column_count++;
		else
			refuse_field(resolver, raw->fields.items[i],
				     raw->fields.values[i]);
	for (size_t i = 0; i < raw->custom.count; i++) {
		const struct raw_log_custom *custom = raw->custom.items[i];
		struct settings_log_column *column =
			&columns[log->column_count];

		if (custom->name == NULL || custom->source_name == NULL)
			continue; /* said already */
		resolve_custom(resolver, custom, column);
		if (column->field == SETTINGS_LOG_RESPONSE_HEADER)
			column->number = log->response_headers++;
		log->custom = true;
		log->column_count++;
	}
	check_names(resolver, log, raw);
}

/* ---- handing on ---------------------------------------------------------- */

static const char *
source_type(enum settings_log_field field)
{
	for (size_t i = 0; source_types[i] != NULL; i++)
		if (source_fields[i] == field)
			return source_types[i];
	UNREACHABLE();
}

json_t *
settings_write_access_log(const struct settings_access_log *log)
{
	json_t *fields = json_array(), *custom = json_array();

	for (size_t i = 0; i < log->column_count; i++) {
		const struct settings_log_column *column = &log->columns[i];

		if (!column->custom)
			json_array_append_new(fields,
					      json_string(column->name));
		else
			json_array_append_new(
				custom,
				json_pack("{s:s, s:s, s:s}", "logFieldName",
					  column->name, "sourceName",
					  column->source, "sourceType",
					  source_type(column->field)));
	}
	return json_pack("{s:b, s:s, s:s*, s:o, s:o}", "enabled", log->enabled,
			 "format", formats[log->format], "file",
			 log->pattern != NULL ? log->pattern : log->file,
			 "fields", fields, "customFields", custom);
}
