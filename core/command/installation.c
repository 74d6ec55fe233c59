/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the other parts of this installation are.
 */
#include "core/command/installation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *variable;
	const char *directory;
} parts[] = {
	[INSTALLATION_LIBEXEC] = { "PORTICO_LIBEXEC_DIR", PORTICO_LIBEXECDIR },
	[INSTALLATION_SBIN] = { "PORTICO_LIBEXEC_DIR", PORTICO_SBINDIR },
	[INSTALLATION_DATA] = { "PORTICO_DATA_DIR", PORTICO_DATADIR },
	[INSTALLATION_MODULES] = { "PORTICO_MODULE_DIR", PORTICO_MODULEDIR },
};

/* What stands before the configured path of the command; usually nothing. */
static const char *
find_root(char *text, size_t size)
{
	static const char own[] = PORTICO_BINDIR "/portico";
	ssize_t length = readlink("/proc/self/exe", text, size - 1);
	size_t root;

	if (length < (ssize_t)sizeof own - 1)
		return "";
	text[length] = '\0';
	root = (size_t)length - (sizeof own - 1);
	if (strcmp(text + root, own) != 0)
		return "";
	text[root] = '\0';
	return text;
}

const char *
installation_path(enum installation_part part, const char *name, char *text)
{
	const char *given = getenv(parts[part].variable);
	const char *slash = name == NULL ? "" : "/";
	char root[INSTALLATION_PATH_BYTES];

	if (name == NULL)
		name = "";
	if (given != NULL) {
		snprintf(text, INSTALLATION_PATH_BYTES, "%s%s%s", given, slash,
			 name);
		/* Only a build tree has all programs in one place. */
		if (part != INSTALLATION_SBIN || access(text, X_OK) == 0)
			return text;
	}
	snprintf(text, INSTALLATION_PATH_BYTES, "%s%s%s%s",
		 find_root(root, sizeof root), parts[part].directory, slash,
		 name);
	return text;
}
