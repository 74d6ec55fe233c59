/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-worker: options, then process.c.  Started by porticod; the other
 * forms are for people.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/worker/module_check.h"
#include "core/worker/process.h"
#include "core/worker/worker.h"

static const char usage[] =
	"portico-worker: runs the requests of one pool; started by porticod\n"
	"\n"
	"  portico-worker --control-fd FD --pool NAME\n"
	"  portico-worker --check-module FILE [--json]\n"
	"  portico-worker --describe-module FILE [--json | --schema]\n"
	"  portico-worker --check-config FILE [--json]\n"
	"  portico-worker --check-config FILE --order SITE/PATH [--json]\n"
	"  portico-worker --show-pipeline FILE [--pool NAME]\n"
	"  portico-worker --version\n"
	"\n"
	"  --control-fd FD       socket to porticod; with --check-config: the\n"
	"                        text of FILE, in sealed memory\n"
	"  --pool NAME           the pool\n"
	"  --log-level LEVEL     error, warning, info (default) or debug\n"
	"  --check-module FILE   is FILE a module that this server can load?\n"
	"  --describe-module FILE  its settings, in words, as JSON or as\n"
	"                        JSON Schema\n"
	"  --check-config FILE   check modules and their settings\n"
	"  --order SITE/PATH     show what runs for this request, and why\n"
	"  --method NAME         of that request (GET)\n"
	"  --show-pipeline FILE  print which modules run in which order\n"
	"  --json                print the result of a check as JSON\n";

struct options {
	int control_fd;
	const char *pool;
	const char *check_module;
	const char *describe_module;
	const char *check_config;
	const char *show_pipeline;
	const char *order;
	const char *method;
	bool json;
	bool schema;
	enum log_level level;
};

enum option_name {
	OPTION_CONTROL_FD = 256,
	OPTION_POOL,
	OPTION_CHECK_MODULE,
	OPTION_DESCRIBE_MODULE,
	OPTION_SCHEMA,
	OPTION_CHECK_CONFIG,
	OPTION_SHOW_PIPELINE,
	OPTION_ORDER,
	OPTION_METHOD,
	OPTION_JSON,
	OPTION_LOG_LEVEL,
	OPTION_HELP,
	OPTION_VERSION,
};

static const struct option long_options[] = {
	{ "control-fd", required_argument, NULL, OPTION_CONTROL_FD },
	{ "pool", required_argument, NULL, OPTION_POOL },
	{ "check-module", required_argument, NULL, OPTION_CHECK_MODULE },
	{ "describe-module", required_argument, NULL, OPTION_DESCRIBE_MODULE },
	{ "schema", no_argument, NULL, OPTION_SCHEMA },
	{ "check-config", required_argument, NULL, OPTION_CHECK_CONFIG },
	{ "show-pipeline", required_argument, NULL, OPTION_SHOW_PIPELINE },
	{ "order", required_argument, NULL, OPTION_ORDER },
	{ "method", required_argument, NULL, OPTION_METHOD },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ "version", no_argument, NULL, OPTION_VERSION },
	{ NULL, 0, NULL, 0 },
};

static void
refuse(const char *what)
{
	fprintf(stderr, "portico-worker: %s; see --help\n", what);
	exit(2);
}

static int
parse_fd(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || number < 0 || number > 1000000)
		refuse("--control-fd wants the number of a descriptor");
	return (int)number;
}

static void
parse_one(struct options *options, int name)
{
	switch (name) {
	case OPTION_CONTROL_FD:
		options->control_fd = parse_fd(optarg);
		break;
	case OPTION_POOL:
		options->pool = optarg;
		break;
	case OPTION_CHECK_MODULE:
		options->check_module = optarg;
		break;
	case OPTION_DESCRIBE_MODULE:
		options->describe_module = optarg;
		break;
	case OPTION_SCHEMA:
		options->schema = true;
		break;
	case OPTION_CHECK_CONFIG:
		options->check_config = optarg;
		break;
	case OPTION_SHOW_PIPELINE:
		options->show_pipeline = optarg;
		break;
	case OPTION_ORDER:
		options->order = optarg;
		break;
	case OPTION_METHOD:
		options->method = optarg;
		break;
	case OPTION_JSON:
		options->json = true;
		break;
	case OPTION_LOG_LEVEL:
		if (!log_level_parse((struct portico_slice){ optarg,
							     strlen(optarg) },
				     &options->level))
			refuse("--log-level wants error, warning, info or "
			       "debug");
		break;
	case OPTION_HELP:
		fputs(usage, stdout);
		exit(0);
	case OPTION_VERSION:
		puts("portico-worker " PORTICO_VERSION);
		exit(0);
	default:
		exit(2);
	}
}

static void
parse(struct options *options, int argc, char **argv)
{
	int name;

	for (;;) {
		name = getopt_long(argc, argv, "", long_options, NULL);
		if (name == -1)
			break;
		parse_one(options, name);
	}
	if (optind < argc)
		refuse("unexpected argument");
}

int
main(int argc, char **argv)
{
	struct options options = { .control_fd = -1,
				   .method = "GET",
				   .level = LOG_LEVEL_INFO };

	parse(&options, argc, argv);
	log_open("portico-worker", options.level, STDERR_FILENO);
	if (options.check_module != NULL)
		return module_check_file(stdout, options.check_module,
					 options.json, &worker_host);
	if (options.describe_module != NULL)
		return module_doc_file(stdout, options.describe_module,
				       options.schema ? MODULE_DOC_SCHEMA :
				       options.json   ? MODULE_DOC_JSON :
							MODULE_DOC_PROSE,
				       &worker_host);
	if (options.check_config != NULL && options.order != NULL)
		return module_show_order(stdout, options.check_config,
					 options.control_fd, options.order,
					 options.method, options.json,
					 &worker_host);
	if (options.check_config != NULL)
		return module_check_config(stdout, options.check_config,
					   options.control_fd, options.json,
					   &worker_host);
	if (options.show_pipeline != NULL)
		return process_show_pipeline(options.show_pipeline,
					     options.pool);
	if (options.control_fd < 0 || options.pool == NULL)
		refuse("--control-fd and --pool are needed");
	check_install_handlers();
	return process_run(options.control_fd, options.pool);
}
