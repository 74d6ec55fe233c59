/* SPDX-License-Identifier: Apache-2.0
 *
 * portico module check, doc and order: portico-worker does it.
 */
#include "core/command/module.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/command/installation.h"
#include "core/command/options.h"
#include "core/command/worker.h"
#include "core/config/config.h"
#include "core/config/settings.h"

int
module_check(const struct options *options, const char *file)
{
	const char *const arguments[] = { "--check-module", file,
					  options->json ? "--json" : NULL,
					  NULL };
	const struct worker_run run = {
		.arguments = arguments,
		.user = options->user,
		.about = file,
		.fd = -1,
		.output = -1,
		.json = options->json,
	};

	return worker_run(&run);
}

/*
 * The text of a configuration, in memory that a portico-worker under another
 * user can read.  Negative: err is filled.  `user` gets the configuration's
 * own default user, if it has one; what is wrong with the file is the worker's
 * to say.
 */
static int
open_configuration(const char *file, char *user, size_t user_size,
		   struct portico_error *err)
{
	struct arena *arena = arena_new("settings", 0);
	struct settings *settings;
	struct buffer text;
	int fd = -1;

	user[0] = '\0';
	buffer_init(&text, 0);
	if (io_read_file(file, CONFIG_FILE_BYTES_MAX, &text, err) == PORTICO_OK)
		fd = io_memfd_from("portico-configuration", text.data,
				   text.length, err);
	if (fd >= 0) {
		settings = settings_read_text(text.data, text.length, file,
					      config_problems_new(arena));
		if (settings != NULL && settings->user != NULL)
			snprintf(user, user_size, "%s", settings->user);
		settings_unref(&settings);
	}
	buffer_fini(&text);
	arena_free(arena);
	return fd;
}

int
module_order(const struct options *options, const char *url)
{
	const char *const arguments[] = {
		"--check-config",
		options->config,
		"--order",
		url,
		"--method",
		options->method ? options->method : "GET",
		"--control-fd",
		"3",
		options->json ? "--json" : NULL,
		NULL,
	};
	struct worker_run run = { .arguments = arguments,
				  .user = options->user,
				  .about = url,
				  .output = -1,
				  .json = options->json };
	struct portico_error err;
	char user[256];
	int result;

	error_clear(&err);
	run.fd = open_configuration(options->config, user, sizeof user, &err);
	if (run.fd < 0)
		return worker_fail(&run, "%s", err.message);
	if (run.user == NULL && user[0] != '\0' && geteuid() == 0)
		run.user = user;
	result = worker_run(&run);
	io_close(&run.fd);
	return result;
}

/*
 * The file of a module that is named as in a configuration: what the
 * configuration says, if it can be read, else where modules are installed.
 */
static const char *
find_file(const char *config, const char *name, struct arena *arena)
{
	struct settings *settings =
		settings_read_file(config, config_problems_new(arena));
	const struct settings_module *module;
	char installed[INSTALLATION_PATH_BYTES];
	const char *directory =
		installation_path(INSTALLATION_MODULES, NULL, installed);
	const char *file = NULL;

	if (settings != NULL) {
		module = settings_find_module(settings, name);
		if (module != NULL)
			file = arena_strdup(arena, module->file);
		directory = arena_strdup(arena, settings->module_directory);
		settings_unref(&settings);
	}
	return file != NULL ? file :
			      arena_printf(arena, "%s/%s.so", directory, name);
}

static bool
is_file(const char *text)
{
	size_t length = strlen(text);

	return strchr(text, '/') != NULL ||
	       (length > 3 && strcmp(text + length - 3, ".so") == 0);
}

int
module_doc(const struct options *options, const char *what)
{
	bool schema = (options->given & OPTION_SCHEMA) != 0;
	struct arena *arena = arena_new("module-doc", 0);
	const char *file =
		is_file(what) ? what : find_file(options->config, what, arena);
	const char *const arguments[] = { "--describe-module", file,
					  schema	? "--schema" :
					  options->json ? "--json" :
							  NULL,
					  NULL };
	const struct worker_run run = {
		.arguments = arguments,
		.user = options->user,
		.about = file,
		.fd = -1,
		.output = -1,
		.json = options->json,
	};
	int result = worker_run(&run);

	arena_free(arena);
	return result;
}
