/* SPDX-License-Identifier: Apache-2.0
 *
 * portico module new: the template of the installation, with the name of the
 * module for @NAME@ in its files, and for "module" in their names.
 */
#include "core/command/module.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/command/installation.h"
#include "core/command/options.h"

#define FILE_BYTES_MAX (1u << 20)
#define MARK "@NAME@"
#define NAME_LENGTH_MAX 32

/* As the server wants it (worker/module_validate.c). */
static bool
name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return name[0] >= 'a' && name[0] <= 'z' && length <= NAME_LENGTH_MAX &&
	       name[length] == '\0';
}

/* `text` with each `what` replaced, appended. */
static enum portico_status
fill(struct buffer *out, const char *text, const char *what, const char *name)
{
	enum portico_status status = PORTICO_OK;

	for (;;) {
		const char *mark = strstr(text, what);

		if (mark == NULL)
			break;
		status = buffer_append(out, text, (size_t)(mark - text));
		if (status == PORTICO_OK)
			status = buffer_append_text(out, name);
		if (status != PORTICO_OK)
			return status;
		text = mark + strlen(what);
	}
	return buffer_append_text(out, text);
}

static enum portico_status
write_file(const char *from, const char *to, const char *name, mode_t mode,
	   struct portico_error *err)
{
	struct buffer text, filled;
	enum portico_status status;

	buffer_init(&text, 0);
	buffer_init(&filled, 0);
	status = io_read_file(from, FILE_BYTES_MAX, &text, err);
	if (status == PORTICO_OK &&
	    fill(&filled, buffer_text(&text), MARK, name) != PORTICO_OK)
		status = error_set(err, PORTICO_NO_MEMORY,
				   "writing %s: out of memory", to);
	if (status == PORTICO_OK)
		status = io_write_file(to, filled.data, filled.length,
				       mode & 0777, err);
	buffer_fini(&text);
	buffer_fini(&filled);
	return status;
}

static enum portico_status
make_directory(const char *path, struct portico_error *err)
{
	enum portico_status status;

	if (mkdir(path, 0777) == 0)
		return PORTICO_OK;
	status = error_system(err, "making %s", path);
	if (status == PORTICO_EXISTS || errno == EEXIST)
		error_hint(err, "--dir names another place.");
	return status;
}

static enum portico_status copy_tree(const char *from, const char *to,
				     const char *name, json_t *files,
				     struct portico_error *err);

static enum portico_status
copy_entry(const char *from, const char *to, const char *entry,
	   const char *name, json_t *files, struct portico_error *err)
{
	char source[PATH_MAX], target[PATH_MAX];
	struct buffer renamed;
	struct stat what;

	buffer_init(&renamed, 0);
	if (fill(&renamed, entry, "module", name) != PORTICO_OK) {
		buffer_fini(&renamed);
		return error_set(err, PORTICO_NO_MEMORY, "out of memory");
	}
	snprintf(source, sizeof source, "%s/%s", from, entry);
	/* Dots would hide the file in the installation, too. */
	snprintf(target, sizeof target, "%s/%s%s", to,
		 strcmp(entry, "gitignore") == 0 ? "." : "",
		 buffer_text(&renamed));
	buffer_fini(&renamed);
	if (stat(source, &what) != 0)
		return error_system(err, "reading %s", source);
	if (S_ISDIR(what.st_mode))
		return copy_tree(source, target, name, files, err);
	json_array_append_new(files, json_string(target));
	return write_file(source, target, name, what.st_mode, err);
}

static enum portico_status
copy_tree(const char *from, const char *to, const char *name, json_t *files,
	  struct portico_error *err)
{
	enum portico_status status;
	const struct dirent *entry;
	DIR *directory = opendir(from);

	if (directory == NULL)
		return error_system(err, "reading %s", from);
	status = make_directory(to, err);
	while (status == PORTICO_OK) {
		entry = readdir(directory);
		if (entry == NULL)
			break;
		if (entry->d_name[0] != '.')
			status = copy_entry(from, to, entry->d_name, name,
					    files, err);
	}
	closedir(directory);
	return status;
}

static void
print_made(const struct options *options, const char *name,
	   const char *directory, json_t *files)
{
	json_t *json, *file;
	size_t i;

	if (options->json) {
		json = json_pack("{s:b, s:s, s:s, s:O}", "ok", 1, "name", name,
				 "directory", directory, "files", files);
		json_dumpf(json, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(json);
		return;
	}
	json_array_foreach(files, i, file)
		printf("%s\n", json_string_value(file));
	printf("\nNext: cd %s && make check && make run\n", directory);
}

/* "static", say: what is installed would be gone after make install. */
static void
warn_of_namesake(const char *name)
{
	char file[NAME_LENGTH_MAX + sizeof ".so"];
	char path[INSTALLATION_PATH_BYTES];

	snprintf(file, sizeof file, "%s.so", name);
	if (access(installation_path(INSTALLATION_MODULES, file, path), F_OK) ==
	    0)
		fprintf(stderr,
			"portico: %s is there already; make install of this "
			"module would write over it\n",
			path);
}

static void
print_refusal(const struct options *options, struct portico_error *err)
{
	json_t *json;

	if (options->json) {
		json = json_pack("{s:b, s:s}", "ok", 0, "error", err->message);
		json_dumpf(json, stdout, JSON_INDENT(2));
		printf("\n");
		json_decref(json);
	}
	error_prefix(err, "portico");
	error_print(stderr, err);
}

int
module_new(const struct options *options, const char *name)
{
	const char *directory = options->directory == NULL ? name :
							     options->directory;
	char template[INSTALLATION_PATH_BYTES];
	json_t *files = json_array();
	enum portico_status status;
	struct portico_error err;

	error_clear(&err);
	if (!name_is_valid(name))
		status = error_set(&err, PORTICO_INVALID,
				   "the name \"%s\" is not of the form "
				   "[a-z][a-z0-9-]{0,31}",
				   name);
	else
		status = copy_tree(installation_path(INSTALLATION_DATA,
						     "template", template),
				   directory, name, files, &err);
	if (status == PORTICO_OK) {
		print_made(options, name, directory, files);
		warn_of_namesake(name);
	} else {
		print_refusal(options, &err);
	}
	json_decref(files);
	return status == PORTICO_OK ? 0 : EXIT_FAILED;
}
