/* SPDX-License-Identifier: Apache-2.0
 *
 * portico-worker --check-module FILE and --check-config FILE: the same
 * checks as at start-up, in a process that is thrown away.
 */
#ifndef CORE_WORKER_MODULE_CHECK_H
#define CORE_WORKER_MODULE_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include <portico/host.h>

struct module_record;

/*
 * Loads the module, prints what its descriptor says, and checks that it
 * exports exactly the one symbol.  Prints to `out`; returns the exit status:
 * 0 fit for use, 1 not (the sentence is on `out` too with json, else on
 * stderr).  `host` may be a table whose functions are never called: nothing of
 * the module runs but its entry function.
 */
int module_check_file(FILE *out, const char *path, bool json,
		      const struct portico_host *host);

enum module_doc_form {
	MODULE_DOC_PROSE,
	MODULE_DOC_JSON,
	MODULE_DOC_SCHEMA, /* of its section, draft 2020-12 */
};

/* Loads the module and prints to `out` what it is and the settings of its
 * section; returns the exit status as above. */
int module_doc_file(FILE *out, const char *path, enum module_doc_form form,
		    const struct portico_host *host);

/* The descriptor for programs.  OWNERSHIP: the caller's, json_decref(). */
json_t *module_to_json(const struct module_record *record);

/* Reads a configuration and checks all module sections, handlers and orders
 * of all applications; prints every problem to stderr; 0 none, 1 some.
 * With `fd` >= 0 the text is in that sealed memfd, `path` only names it, and
 * no pipelines are shown. */
int module_check_config(FILE *out, const char *path, int fd, bool json,
			const struct portico_host *host);

/*
 * For a request: which application gets it, which modules run for it on which
 * event in which order, and why, and its handlers.  `url` is SITE/PATH; the
 * file is read as above.  Only the modules of that application are loaded.
 * Prints to `out`; problems to stderr, with json to `out`; 0, or 1 when there
 * are problems or the site or an application for the path does not exist.
 */
int module_show_order(FILE *out, const char *path, int fd, const char *url,
		      const char *method, bool json,
		      const struct portico_host *host);

#endif
