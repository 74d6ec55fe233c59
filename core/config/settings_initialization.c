/* SPDX-License-Identifier: Apache-2.0
 *
 * Warming applications up: pages, and what clients see meanwhile.
 */
#include "core/config/settings_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/io.h"
#include "core/config/table.h"

#define SPLASH_BYTES_MAX (64u << 10)

void
settings_check_page_path(const void *target, const struct config_value *value,
			 struct config_problems *problems)
{
	const char *path = *(const char *const *)target;

	if (path[0] != '/' || strpbrk(path, " #\t\r\n") != NULL)
		config_problem(problems, value,
			       "found \"%s\", expected a path that begins with "
			       "'/' and has no blank and no '#'",
			       path);
}

void
settings_check_page_host(const void *target, const struct config_value *value,
			 struct config_problems *problems)
{
	const char *host = *(const char *const *)target;

	for (const char *at = host; *at != '\0'; at++) {
		if ((*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') ||
		    *at == '.' || *at == '-' || *at == '_')
			continue;
		config_problem(problems, value,
			       "found \"%s\", expected the name of a host in "
			       "lower case, without a port",
			       host);
		return;
	}
}

static const struct config_field page_fields[] = {
	CONFIG_SOURCE(struct raw_page, source),
	CONFIG_STRING(struct raw_page, path, "path", .flags = CONFIG_REQUIRED,
		      .min = 1, .max = 4095, .check = settings_check_page_path,
		      .prose = "Path below the application, with a query or "
			       "without."),
	CONFIG_STRING(struct raw_page, host, "host", .min = 1, .max = 255,
		      .check = settings_check_page_host,
		      .prose = "Host that is asked for; without it that of the "
			       "site's first binding, or \"localhost\"."),
};
static const struct config_table page_table = CONFIG_TABLE(
	struct raw_page, page_fields,
	"A page that is requested in a new worker.", .shorthand = "path");

static const struct config_field initialization_fields[] = {
	CONFIG_SOURCE(struct raw_initialization, source),
	CONFIG_LIST(struct raw_initialization, pages, "pages", &page_table,
		    .max = 1000,
		    .prose = "Pages that a new worker requests of itself, one "
			     "after the other, before it gets requests of "
			     "clients; while one replaces another, the old one "
			     "serves. To modules such a request has the "
			     "variable APP_WARMING_UP. All have to be done in "
			     "four fifths of startupTimeLimit; what is left "
			     "then counts as failed."),
	CONFIG_BOOL(struct raw_initialization, required, "required",
		    .fallback = "false",
		    .prose = "Whether a page that fails (a status from 400, or "
			     "no response in time) fails the start of the "
			     "worker. Otherwise it is logged only."),
	CONFIG_BOOL(struct raw_initialization, after_restart,
		    "doAppInitAfterRestart", .fallback = "true",
		    .prose = "Whether the pages are requested, too, when the "
			     "worker replaces another since its configuration "
			     "changed."),
	CONFIG_STRING(struct raw_initialization, remap,
		      "remapManagedRequestsTo", .min = 1, .max = 4095,
		      .prose = "File with HTML in UTF-8, of at most 64 KiB, "
			       "that clients get for GET and HEAD while the "
			       "pool has no worker yet, instead of waiting for "
			       "it; read with the configuration, relative to "
			       "the file that says it."),
	CONFIG_INTEGER(struct raw_initialization, remap_status, "remapStatus",
		       .fallback = "0", .flags = CONFIG_ZERO, .min = 200,
		       .max = 599,
		       .prose = "Status of that answer; without a file it is a "
				"page of the listener's. 0: 200 with a file, "
				"and clients wait without one."),
	CONFIG_STRING(struct raw_initialization, splash, "splash",
		      .flags = CONFIG_HIDDEN,
		      .prose = "The file, as porticod hands it on."),
};
const struct config_table settings_initialization_table =
	CONFIG_TABLE(struct raw_initialization, initialization_fields,
		     "How a new worker is warmed up for the application.");

/* The file's contents; NULL: a problem was added. */
static const char *
read_splash(struct settings_resolver *resolver, const char *path,
	    const struct config_value *value, size_t *length_r)
{
	char *text = arena_try_alloc(resolver->arena, SPLASH_BYTES_MAX + 1);
	/* A pipe must not hold us up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int os_error = fd < 0 ? errno : 0;
	size_t length = 0;
	json_t *valid;

	while (fd >= 0 && text != NULL && length <= SPLASH_BYTES_MAX) {
		ssize_t got =
			read(fd, text + length, SPLASH_BYTES_MAX + 1 - length);

		if (got < 0)
			os_error = errno;
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	io_close(&fd);
	if (text == NULL || os_error != 0) {
		config_problem(resolver->problems, value, "file \"%s\": %s",
			       path,
			       strerror(text == NULL ? ENOMEM : os_error));
		return NULL;
	}
	valid = memchr(text, '\0', length) == NULL ?
			json_stringn(text, length) :
			NULL;
	json_decref(valid);
	if (length > SPLASH_BYTES_MAX || valid == NULL) {
		config_problem(resolver->problems, value, "file \"%s\" %s",
			       path,
			       valid == NULL ? "is no text in UTF-8" :
					       "has more than 64 KiB");
		return NULL;
	}
	*length_r = length;
	return text;
}

static void
resolve_splash(struct settings_resolver *resolver,
	       const struct raw_initialization *raw,
	       struct settings_initialization *initialization)
{
	initialization->splash_status = raw->remap_status;
	initialization->splash = raw->splash;
	if (raw->splash != NULL)
		initialization->splash_length = strlen(raw->splash);
	if (raw->remap == NULL || resolver->handed_on)
		return;
	if (initialization->splash_status == 0)
		initialization->splash_status = 200;
	initialization->splash = read_splash(
		resolver,
		settings_absolute(resolver, resolver->directory, raw->remap),
		config_value_find(raw->source, "remapManagedRequestsTo"),
		&initialization->splash_length);
}

void
settings_resolve_initialization(struct settings_resolver *resolver,
				const struct raw_initialization *raw,
				bool preload,
				struct settings_initialization *initialization)
{
	static const struct settings_page root = { .path = "/" };
	size_t count = raw == NULL ? 0 : raw->pages.count;
	struct settings_page *pages =
		settings_array(resolver, count, sizeof *pages);

	*initialization = (struct settings_initialization){
		.pages = count == 0 && preload ? &root : pages,
		.page_count = count == 0 && preload ? 1 : count,
		.after_restart = true,
	};
	if (raw == NULL || pages == NULL)
		return;
	for (size_t i = 0; i < count; i++) {
		const struct raw_page *page = raw->pages.items[i];

		pages[i] = (struct settings_page){ page->path, page->host };
	}
	initialization->required = raw->required;
	initialization->after_restart = raw->after_restart;
	resolve_splash(resolver, raw, initialization);
}

json_t *
settings_write_initialization(
	const struct settings_initialization *initialization, bool of_worker)
{
	json_t *json = json_object(), *pages = json_array();

	for (size_t i = 0; i < initialization->page_count && of_worker; i++) {
		const struct settings_page *page = &initialization->pages[i];
		json_t *one = json_pack("{s:s}", "path", page->path);

		if (page->host != NULL)
			json_object_set_new(one, "host",
					    json_string(page->host));
		json_array_append_new(pages, one);
	}
	json_object_set_new(json, "pages", pages);
	if (of_worker) {
		json_object_set_new(json, "required",
				    json_boolean(initialization->required));
		json_object_set_new(
			json, "doAppInitAfterRestart",
			json_boolean(initialization->after_restart));
		return json;
	}
	json_object_set_new(
		json, "remapStatus",
		json_integer((json_int_t)initialization->splash_status));
	if (initialization->splash != NULL)
		json_object_set_new(
			json, "splash",
			json_stringn(initialization->splash,
				     initialization->splash_length));
	return json;
}
