/* SPDX-License-Identifier: Apache-2.0
 *
 * porticod: the activation manager.  Options and wiring.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/activation/cgroup.h"
#include "core/activation/check.h"
#include "core/activation/handover.h"
#include "core/activation/keep.h"
#include "core/activation/manager.h"
#include "core/activation/takeover.h"
#include "core/base/check.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/base/log.h"
#include "core/base/slice.h"
#include "core/config/settings.h"

#define EXIT_USAGE 2

/* Where process.h puts what a child is given. */
#define CHILD_FD 3
#define DEFAULT_FILE PORTICO_SYSCONFDIR "/portico.json"

static const char usage[] =
	"Usage: porticod [--config FILE] [--check [--json]] [--log-level LEVEL]\n"
	"                [--ready-fd N] [--foreground]\n"
	"\n"
	"Starts the Portico web server: opens the sockets that FILE names,\n"
	"starts the listener, and workers when they are needed.\n"
	"\n"
	"  --config FILE      configuration (" DEFAULT_FILE ")\n"
	"  --check            check it, print every problem, start nothing;\n"
	"                     exit status 1 if there is one\n"
	"  --json             with --check: the problems as JSON\n"
	"  --log-level LEVEL  error, warning, info or debug (info)\n"
	"  --ready-fd N       write a line to descriptor N when serving\n"
	"  --foreground       stay in the foreground (always so)\n"
	"  --subgroup, --release-groups\n"
	"                     for a unit of systemd: see porticod(8)\n"
	"  --version, --help\n"
	"\n"
	"SIGTERM and SIGINT stop gracefully, a second one at once; SIGHUP reads\n"
	"the configuration again.  See porticod(8), portico.json(5).\n";

struct options {
	const char *file;
	const char *keep; /* a directory: be its keeper */
	bool check, json, check_state, subgroup, release_groups;
	int ready_fd;
	enum log_level level;
};

enum option_key {
	KEY_CONFIG = 256,
	KEY_CHECK,
	KEY_CHECK_STATE,
	KEY_KEEP,
	KEY_RELEASE_GROUPS,
	KEY_SUBGROUP,
	KEY_JSON,
	KEY_FOREGROUND,
	KEY_LEVEL,
	KEY_READY_FD,
	KEY_VERSION,
	KEY_HELP,
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, KEY_CONFIG },
	{ "check", no_argument, NULL, KEY_CHECK },
	{ "check-state", no_argument, NULL, KEY_CHECK_STATE },
	{ "keep", required_argument, NULL, KEY_KEEP },
	{ "subgroup", no_argument, NULL, KEY_SUBGROUP },
	{ "release-groups", no_argument, NULL, KEY_RELEASE_GROUPS },
	{ "json", no_argument, NULL, KEY_JSON },
	{ "foreground", no_argument, NULL, KEY_FOREGROUND },
	{ "log-level", required_argument, NULL, KEY_LEVEL },
	{ "ready-fd", required_argument, NULL, KEY_READY_FD },
	{ "version", no_argument, NULL, KEY_VERSION },
	{ "help", no_argument, NULL, KEY_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
refuse(const char *what, const char *value)
{
	fprintf(stderr, "porticod: %s: \"%s\"\n%s", what, value, usage);
	exit(EXIT_USAGE);
}

static void
take_option(struct options *options, int key)
{
	uint64_t number;

	switch (key) {
	case KEY_CONFIG:
		options->file = optarg;
		return;
	case KEY_CHECK:
		options->check = true;
		return;
	case KEY_CHECK_STATE:
		options->check_state = true;
		return;
	case KEY_SUBGROUP:
		options->subgroup = true;
		return;
	case KEY_RELEASE_GROUPS:
		options->release_groups = true;
		return;
	case KEY_KEEP:
		options->keep = optarg;
		return;
	case KEY_JSON:
		options->json = true;
		return;
	case KEY_FOREGROUND:
		return;
	case KEY_LEVEL:
		if (!log_level_parse(slice_from(optarg), &options->level))
			refuse("no such log level", optarg);
		return;
	case KEY_READY_FD:
		if (!slice_to_u64(slice_from(optarg), &number) ||
		    number > 65535)
			refuse("not a descriptor", optarg);
		options->ready_fd = (int)number;
		return;
	case KEY_VERSION:
		printf("porticod " PORTICO_VERSION "\n");
		exit(0);
	case KEY_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(EXIT_USAGE);
	}
}

static void
parse(struct options *options, int argc, char **argv)
{
	for (;;) {
		int key = getopt_long(argc, argv, "", long_options, NULL);

		if (key == -1)
			break;
		take_option(options, key);
	}
	if (optind < argc)
		refuse("unexpected argument", argv[optind]);
}

/* NULL after the problems were printed. */
static struct settings *
load(const char *file, bool all, bool json)
{
	const char *libexec = getenv("PORTICO_LIBEXEC_DIR");
	char worker[PATH_MAX];

	snprintf(worker, sizeof worker, "%s/portico-worker",
		 libexec == NULL ? PORTICO_LIBEXECDIR : libexec);
	return check_now(file, worker, all, json);
}

static int
run(const struct options *options, struct settings *settings,
    struct takeover *takeover, char **argv)
{
	struct manager_options manager_options = {
		.config_file = options->file,
		.ready_fd = options->ready_fd,
		.takeover = takeover,
		.arguments = argv,
	};
	struct manager manager;
	struct portico_error err;
	int result = 1;

	/* That number is another descriptor now. */
	if (takeover != NULL && takeover_is_handed_over(takeover))
		manager_options.ready_fd = -1;
	if (manager_init(&manager, &manager_options, settings, &err) !=
	    PORTICO_OK)
		error_print(stderr, &err);
	else
		result = manager_run(&manager);
	manager_fini(&manager);
	return result;
}

/* Goes on in the place of another one, or starts anew. */
static int
serve(const struct options *options, char **argv)
{
	struct settings *settings;
	struct takeover *takeover;
	struct portico_error err;

	if (options->subgroup)
		cgroup_leave_unit();
	if (takeover_find(options->file, &takeover, &err) != PORTICO_OK) {
		error_print(stderr, &err);
		return 1;
	}
	settings = takeover == NULL ? load(options->file, false, false) :
				      takeover_settings(takeover);
	if (settings == NULL) {
		fprintf(stderr,
			"porticod: the configuration has problems, nothing was "
			"started\n");
		return 1;
	}
	return run(options, settings, takeover, argv);
}

static int
check(const struct options *options)
{
	struct settings *settings = load(options->file, true, options->json);

	if (settings == NULL && !options->json)
		fprintf(stderr,
			"porticod: the configuration has problems, nothing was "
			"started\n");
	if (settings == NULL)
		return 1;
	if (!options->json)
		printf("%s: no problems found\n", options->file);
	settings_unref(&settings);
	return 0;
}

int
main(int argc, char **argv)
{
	struct options options = { .file = DEFAULT_FILE,
				   .ready_fd = -1,
				   .level = LOG_LEVEL_INFO };

	parse(&options, argc, argv);
	log_open("porticod", options.level, STDERR_FILENO);
	check_install_handlers();
	/* A few descriptors for each worker; the usual 1024 are soon gone. */
	io_raise_descriptor_limit();
	if (options.keep != NULL)
		return keep_run(CHILD_FD, options.keep);
	if (options.check_state)
		return handover_check_state(CHILD_FD);
	if (options.release_groups) {
		cgroup_release_unit();
		return 0;
	}
	if (options.check)
		return check(&options);
	return serve(&options, argv);
}
