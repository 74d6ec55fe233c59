/* SPDX-License-Identifier: Apache-2.0
 *
 * Writes portico.json(5) or the JSON Schema of portico.json from the tables
 * that read the file, so that neither can say anything else.
 *
 *	generate manual | schema
 */
#include <stdio.h>
#include <string.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/config/settings_priv.h"

static const char head[] =
	".\\\" SPDX-License-Identifier: Apache-2.0\n"
	".\\\" Generated from the tables of core/config; do not edit.\n"
	".TH PORTICO.JSON 5 \"\" \"Portico\" \"File formats\"\n"
	".SH NAME\n"
	"portico.json \\- configuration of the Portico web server\n"
	".SH DESCRIPTION\n"
	"One JSON object, with comments of the forms // and /* */.\n"
	"Relative paths start from the directory of the file.\n"
	"A problem is told as file:line:column: key: what was found, what is\n"
	"allowed; all problems are told at once, and a file that has one is "
	"not\n"
	"used.\n"
	".PP\n"
	"Durations are texts such as \"500ms\", \"90s\", \"20m\", \"1h30m\";\n"
	"sizes are numbers of bytes or texts such as \"64KiB\", \"1.5MiB\".\n"
	".SH EXAMPLES\n"
	".nf\n"
	"{\n"
	"  \"pools\": { \"shop\": { \"workers\": 2 } },\n"
	"  \"sites\": {\n"
	"    \"shop\": {\n"
	"      \"bindings\": [ \"http://*:8080\" ],\n"
	"      \"applications\": {\n"
	"        \"/\": { \"pool\": \"shop\", \"root\": \"/srv/shop\" }\n"
	"      }\n"
	"    }\n"
	"  }\n"
	"}\n"
	".fi\n"
	".PP\n"
	"A pool for modules of others: 16 MiB for what its workers share, a\n"
	"module that holds a loop up for 200 ms is named in the log, a request\n"
	"that is not answered in a minute gets 504, and an upgraded connection\n"
	"on which nothing has moved for 10 minutes is cut.\n"
	"A \"counter\" that fails is passed over; a \"gate\" that fails also\n"
	"gets a new worker.\n"
	"Below /shop/upload its limit is another one.\n"
	".PP\n"
	".nf\n"
	"\"pools\": {\n"
	"  \"shop\": { \"sharedMemory\": \"16MiB\", \"loopBlockLimit\": "
	"\"200ms\",\n"
	"            \"executionTimeout\": \"1m\", \"tunnelIdleTimeout\": "
	"\"10m\" }\n"
	"},\n"
	"\\&...\n"
	"  \"/shop\": { \"pool\": \"shop\", \"root\": \"/srv/shop\",\n"
	"    \"modules\": [ \"gate\", \"counter\" ],\n"
	"    \"onError\": { \"counter\": \"skip\", \"gate\": \"recycle\" },\n"
	"    \"gate\": { \"limit\": \"1MiB\" },\n"
	"    \"locations\": { \"/upload\": { \"gate\": { \"limit\": \"100MiB\" "
	"} } } }\n"
	".fi\n";

static const char tail[] =
	".SH BINDINGS\n"
	"A binding is written scheme://host:port/prefix.\n"
	"These hosts are possible, in the order in which they win:\n"
	".TP\n"
	".B +\n"
	"Every host, before all others.\n"
	".TP\n"
	".B www.example.com\n"
	"This host.\n"
	".TP\n"
	".B *.example.com\n"
	"Every host below it.\n"
	".TP\n"
	".BR 192.0.2.1 \", \" [2001:db8::1]\n"
	"This address; only there the server listens then.\n"
	".TP\n"
	".B *\n"
	"Every host that nothing else takes.\n"
	".PP\n"
	"Port 0 takes any free port, for tests; portico listener show tells "
	"it.\n"
	".PP\n"
	"With https a binding names one of \"certificates\". Which of them a "
	"client is shown is decided by the name that it asks for, in the order "
	"in which hosts win; who asks for none, or for one that is not bound, "
	"gets that of * or else that of the port's first binding. porticod "
	"reads the files of certificates, keys and authorities at the start, at "
	"a reload and when they change; a new one that cannot be used is "
	"reported and the old one stays. TLS 1.2 and 1.3 are spoken.\n"
	".SH SEE ALSO\n"
	".BR porticod (8),\n"
	".BR portico (1)\n";

/* Roff takes '.' and '\'' at the beginning of a line and '\\' as its own. */
static void
print_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text != '\0'; text++) {
		if (*text == ',' && text[1] > ' ')
			fputs(", ", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

static const char *
type_text(const struct config_field *field)
{
	switch (field->type) {
	case CONFIG_TYPE_BOOL:
		return "true or false";
	case CONFIG_TYPE_INTEGER:
		return "number";
	case CONFIG_TYPE_SIZE:
		return "size";
	case CONFIG_TYPE_DURATION:
		return "duration";
	case CONFIG_TYPE_STRING:
		return "text";
	case CONFIG_TYPE_ENUM:
		return "word";
	case CONFIG_TYPE_STRINGS:
		return "list of texts";
	case CONFIG_TYPE_PAIRS:
		return "object of texts";
	case CONFIG_TYPE_OBJECT:
	case CONFIG_TYPE_OPTIONAL:
		return "object";
	case CONFIG_TYPE_LIST:
		return "list of objects";
	case CONFIG_TYPE_MAP:
		return "object of objects, by name";
	case CONFIG_TYPE_JSON:
		return "any JSON";
	case CONFIG_TYPE_REST:
		return "objects";
	case CONFIG_TYPE_SOURCE:
		break;
	}
	return "";
}

static bool
has_bounds(const struct config_field *field)
{
	return (field->type == CONFIG_TYPE_INTEGER ||
		field->type == CONFIG_TYPE_SIZE ||
		field->type == CONFIG_TYPE_DURATION) &&
	       (field->min != 0 || field->max != 0);
}

static void
print_bound(const struct config_field *field, int64_t bound)
{
	char text[CONFIG_UNIT_TEXT_SIZE];

	if (field->type == CONFIG_TYPE_DURATION)
		print_text(config_format_duration((uint64_t)bound, text,
						  sizeof text));
	else if (field->type == CONFIG_TYPE_SIZE)
		print_text(
			config_format_size((uint64_t)bound, text, sizeof text));
	else
		printf("%lld", (long long)bound);
}

static void
print_field(const struct config_field *field)
{
	printf(".TP\n.B ");
	print_text(field->name == NULL ? "(name of a module)" : field->name);
	printf("\n");
	print_text(field->prose);
	printf("\n(%s", type_text(field));
	for (size_t i = 0; field->words != NULL && field->words[i] != NULL;
	     i++) {
		printf("%s", i == 0 ? ": " : ", ");
		print_text(field->words[i]);
	}
	if (has_bounds(field)) {
		printf(", ");
		if (field->max == 0)
			printf("at least ");
		print_bound(field, field->min);
		if (field->max != 0) {
			printf(" to ");
			print_bound(field, field->max);
		}
	}
	if ((field->flags & CONFIG_REQUIRED) != 0) {
		printf("; required");
	} else if (field->fallback != NULL) {
		printf("; default ");
		print_text(field->fallback);
	}
	printf(")\n");
}

/* A section for the table, then for those below it. */
static void
print_table(const struct config_table *table, const char *name)
{
	printf(".SH ");
	print_text(name);
	printf("\n");
	print_text(table->prose);
	printf("\n");
	for (size_t i = 0; i < table->count; i++)
		if (table->fields[i].type != CONFIG_TYPE_SOURCE &&
		    (table->fields[i].flags & CONFIG_HIDDEN) == 0)
			print_field(&table->fields[i]);
	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];
		char path[256];

		if (field->table == NULL ||
		    (field->flags & (CONFIG_HIDDEN | CONFIG_PARTIAL)) != 0)
			continue;
		snprintf(path, sizeof path, "%s%s%s%s",
			 table == &settings_root_table ? "" : name,
			 table == &settings_root_table ? "" : ".", field->name,
			 field->type == CONFIG_TYPE_MAP	 ? ".NAME" :
			 field->type == CONFIG_TYPE_LIST ? "[]" :
							   "");
		print_table(field->table, path);
	}
}

static int
print_schema(void)
{
	struct buffer schema;
	enum portico_status status;

	buffer_init(&schema, 0);
	status = config_schema(&settings_root_table,
			       "Configuration of the Portico web server",
			       &schema);
	if (status == PORTICO_OK)
		fwrite(schema.data, 1, schema.length, stdout);
	buffer_fini(&schema);
	return status == PORTICO_OK ? 0 : 1;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "schema") == 0)
		return print_schema();
	if (argc != 2 || strcmp(argv[1], "manual") != 0) {
		fputs("Usage: generate manual | schema\n", stderr);
		return 2;
	}
	fputs(head, stdout);
	print_table(&settings_root_table, "THE WHOLE");
	fputs(tail, stdout);
	return 0;
}
