/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the other parts of this installation are: below the same root as the
 * command itself (DESTDIR, a container's tree), else where it was configured.
 * Environment variables overrule, for build trees and tests.
 */
#ifndef CORE_COMMAND_INSTALLATION_H
#define CORE_COMMAND_INSTALLATION_H

enum installation_part {
	INSTALLATION_LIBEXEC, /* PORTICO_LIBEXEC_DIR: portico-worker, ... */
	INSTALLATION_SBIN, /* porticod; also looked for in the former */
	INSTALLATION_DATA, /* PORTICO_DATA_DIR: template */
	INSTALLATION_MODULES, /* PORTICO_MODULE_DIR: modules of ours */
};

#define INSTALLATION_PATH_BYTES 4096

/* The path of `name` there, or of the directory if it is NULL; in `text`, of
 * INSTALLATION_PATH_BYTES. */
const char *installation_path(enum installation_part part, const char *name,
			      char *text);

#endif
