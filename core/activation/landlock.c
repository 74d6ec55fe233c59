/* SPDX-License-Identifier: Apache-2.0
 *
 * Landlock.  The structs are our own: what is built here with old headers has
 * to use what a newer kernel can do.
 */
#include "core/activation/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/activation/events.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/settings.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

struct ruleset_attributes {
	uint64_t file_system;
	uint64_t network;
	uint64_t scopes;
};

struct path_attributes {
	uint64_t access;
	int32_t fd;
} __attribute__((packed));

#define CREATE_VERSION 1u
#define RULE_PATH 1

#define ACCESS_EXECUTE (1u << 0)
#define ACCESS_WRITE_FILE (1u << 1)
#define ACCESS_READ_FILE (1u << 2)
#define ACCESS_READ_DIR (1u << 3)
#define ACCESS_TRUNCATE (1u << 14)
#define ACCESS_IOCTL_DEVICE (1u << 15)
#define ACCESS_ABI_1 ((1u << 13) - 1)
#define ACCESS_ABI_2 ((1u << 14) - 1) /* + links and renames elsewhere */
#define ACCESS_ABI_3 ((1u << 15) - 1) /* + truncate */
#define ACCESS_ABI_5 ((1u << 16) - 1) /* + ioctl of devices */
#define ACCESS_OF_FILES                                                        \
	(ACCESS_EXECUTE | ACCESS_WRITE_FILE | ACCESS_READ_FILE |               \
	 ACCESS_TRUNCATE | ACCESS_IOCTL_DEVICE)

#define SCOPE_ABSTRACT_SOCKETS (1u << 0) /* ABI 6 */
#define SCOPE_SIGNALS (1u << 1)

/* Of a system, for every program.  /etc has secrets of others, too, so of it
 * only what libraries look for. */
static const char *const readable[] = {
	"/proc",
	"/sys/devices/system",
	"/sys/kernel/mm",
	"/etc/alternatives",
	"/etc/ca-certificates",
	"/etc/crypto-policies",
	"/etc/gai.conf",
	"/etc/group",
	"/etc/host.conf",
	"/etc/hostname",
	"/etc/hosts",
	"/etc/ld.so.cache",
	"/etc/ld.so.conf",
	"/etc/ld.so.conf.d",
	"/etc/ld.so.preload",
	"/etc/locale.alias",
	"/etc/localtime",
	"/etc/mime.types",
	"/etc/nsswitch.conf",
	"/etc/passwd",
	"/etc/perl",
	"/etc/pki",
	"/etc/protocols",
	"/etc/resolv.conf",
	"/etc/services",
	"/etc/ssl/certs",
	"/etc/ssl/openssl.cnf",
	"/etc/timezone",
	"/run/systemd/resolve",
};
static const char *const executable[] = { "/usr",      "/bin",	 "/sbin",
					  "/lib",      "/lib32", "/lib64",
					  "/nix/store" };
static const char *const writable[] = { "/dev/null",	"/dev/zero",
					"/dev/full",	"/dev/random",
					"/dev/urandom", "/dev/tty" };

int
landlock_abi(void)
{
	long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* ---- the list ------------------------------------------------------------ */

static void
add(struct landlock_rules *rules, const char *path, size_t length,
    enum landlock_access access)
{
	struct landlock_rule *rule;

	if (length == 0 || path[0] != '/')
		return;
	/* Room grows in steps of a power of two. */
	if ((rules->count & (rules->count - 1)) == 0)
		rules->items =
			mem_realloc(rules->items,
				    (rules->count == 0 ? 1 : rules->count * 2) *
					    sizeof *rules->items);
	rule = &rules->items[rules->count++];
	rule->path = mem_alloc(length + 1);
	memcpy(rule->path, path, length);
	rule->path[length] = '\0';
	rule->access = access;
	rule->no_links = false;
}

static void
add_all(struct landlock_rules *rules, const char *const *paths, size_t count,
	enum landlock_access access)
{
	for (size_t i = 0; i < count; i++)
		add(rules, paths[i], strlen(paths[i]), access);
}

/* Of a list as the dynamic linker reads it. */
static void
add_list(struct landlock_rules *rules, const char *list)
{
	while (list != NULL && *list != '\0') {
		size_t length = strcspn(list, ": ");

		add(rules, list, length, LANDLOCK_READ);
		list += length;
		list += strspn(list, ": ");
	}
}

static const char *
variable_of(const struct settings_pool *pool, const char *name)
{
	for (size_t i = 0; i < pool->environment_count; i++)
		if (strcmp(pool->environment[i].name, name) == 0)
			return pool->environment[i].value;
	return getenv(name);
}

/* With the libraries that lie beside it, of a module that has brought some. */
static void
add_module(struct landlock_rules *rules, const char *file)
{
	const char *slash = strrchr(file, '/');
	char real[PATH_MAX];

	add(rules, file, strlen(file), LANDLOCK_READ);
	if (slash != NULL)
		add(rules, file, (size_t)(slash - file), LANDLOCK_READ);
	slash = realpath(file, real) == NULL ? NULL : strrchr(real, '/');
	if (slash != NULL)
		add(rules, real, (size_t)(slash - real), LANDLOCK_READ);
}

/* A text in a module's settings may be the name of a file, relative to the
 * file that says it.  One that is a directory has to be in isolation.paths:
 * "/" may mean something else there. */
static void
add_named(struct landlock_rules *rules, const json_t *value, const char *file)
{
	const char *text = json_string_value(value), *key, *slash;
	char path[PATH_MAX];
	const json_t *item;
	size_t i;

	json_array_foreach(value, i, item) add_named(rules, item, file);
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
		add_named(rules, item, file);
	if (text == NULL || text[0] == '\0' || strlen(text) >= PATH_MAX / 2)
		return;
	slash = file == NULL ? NULL : strrchr(file, '/');
	if (text[0] == '/')
		add(rules, text, strlen(text), LANDLOCK_READ_FILE);
	else if (slash != NULL && slash - file < PATH_MAX / 2 - 2) {
		snprintf(path, sizeof path, "%.*s/%s", (int)(slash - file),
			 file, text);
		if (access(path, F_OK) == 0)
			add(rules, path, strlen(path), LANDLOCK_READ_FILE);
	}
}

static void
add_sections(struct landlock_rules *rules,
	     const struct settings_section *sections, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct settings_section *section = &sections[i];

		for (; section != NULL; section = section->outer) {
			json_t *json = json_loadb(section->json,
						  section->json_length,
						  JSON_DECODE_ANY, NULL);

			add_named(rules, json, section->place.file);
			json_decref(json);
		}
	}
}

static void
add_application(struct landlock_rules *rules, const struct settings *settings,
		const struct settings_application *application)
{
	if (application->root != NULL)
		add(rules, application->root, strlen(application->root),
		    LANDLOCK_READ);
	for (size_t i = 0; i < application->module_count; i++)
		for (size_t k = 0; k < settings->module_count; k++)
			if (strcmp(settings->modules[k].name,
				   application->modules[i]) == 0)
				add_module(rules, settings->modules[k].file);
	add_sections(rules, application->sections, application->section_count);
	for (size_t i = 0; i < application->location_count; i++)
		add_sections(rules, application->locations[i].sections,
			     application->locations[i].section_count);
}

/* What is made later is of no use to who has started before. */
static void
tell_missing(const struct settings_pool *pool,
	     const struct settings_paths *paths)
{
	const struct log_context context = { .name = "pool",
					     .value = pool->name };

	for (size_t i = 0; i < paths->count; i++)
		if (access(paths->items[i], F_OK) != 0)
			log_warn(EVENT_RUNTIME, &context,
				 "%s of isolation.paths cannot be used by a "
				 "worker that starts now: %s",
				 paths->items[i], strerror(errno));
}

static void
distrust_links(struct landlock_rules *rules,
	       const struct settings_paths *writable)
{
	for (size_t i = 0; i < rules->count; i++)
		for (size_t k = 0; k < writable->count; k++)
			if (strcmp(rules->items[i].path, writable->items[k]) !=
				    0 &&
			    settings_path_covers(
				    slice_from(writable->items[k]),
				    slice_from(rules->items[i].path)))
				rules->items[i].no_links = true;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

void
landlock_init(struct landlock_rules *rules, const struct settings *settings,
	      const struct settings_pool *pool, const char *program)
{
	const struct settings_isolation *isolation = &pool->isolation;

	*rules = (struct landlock_rules){ .abi = landlock_abi() };
	if (rules->abi == 0)
		return;
	add_all(rules, readable, COUNT(readable), LANDLOCK_READ);
	add_all(rules, executable, COUNT(executable), LANDLOCK_EXECUTE);
	add_all(rules, writable, COUNT(writable), LANDLOCK_WRITE);
	add(rules, program, strlen(program), LANDLOCK_EXECUTE);
	add_list(rules, variable_of(pool, "LD_LIBRARY_PATH"));
	add_list(rules, variable_of(pool, "LD_PRELOAD"));
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++)
			if (site->applications[k].pool == pool)
				add_application(rules, settings,
						&site->applications[k]);
	}
	add_all(rules, isolation->read.items, isolation->read.count,
		LANDLOCK_READ);
	add_all(rules, isolation->execute.items, isolation->execute.count,
		LANDLOCK_EXECUTE);
	add_all(rules, isolation->write.items, isolation->write.count,
		LANDLOCK_WRITE);
	distrust_links(rules, &isolation->write);
	tell_missing(pool, &isolation->read);
	tell_missing(pool, &isolation->execute);
	tell_missing(pool, &isolation->write);
}

void
landlock_fini(struct landlock_rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		mem_free(rules->items[i].path);
	mem_free(rules->items);
	*rules = (struct landlock_rules){ .abi = 0 };
}

/* ---- in the child -------------------------------------------------------- */

static uint64_t
handled(int abi)
{
	return abi >= 5 ? ACCESS_ABI_5 :
	       abi >= 3 ? ACCESS_ABI_3 :
	       abi >= 2 ? ACCESS_ABI_2 :
			  ACCESS_ABI_1;
}

static int
open_path(const char *path, bool no_links)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_NO_SYMLINKS };

	return no_links ? (int)syscall(SYS_openat2, AT_FDCWD, path, &how,
				       sizeof how) :
			  open(path, O_PATH | O_CLOEXEC);
}

/* What does not exist, or may not be reached, cannot be used anyway. */
static int
allow(int ruleset, int abi, const char *path, bool no_links,
      enum landlock_access access)
{
	struct path_attributes rule = { .fd = open_path(path, no_links) };
	struct stat info;
	int os_error = 0;

	if (rule.fd < 0)
		return 0;
	rule.access = access == LANDLOCK_WRITE ?
			      handled(abi) & ~ACCESS_EXECUTE :
			      ACCESS_READ_FILE | ACCESS_READ_DIR;
	if (access == LANDLOCK_EXECUTE || access == LANDLOCK_READ_FILE)
		rule.access |= ACCESS_EXECUTE;
	if (fstat(rule.fd, &info) == 0 && !S_ISDIR(info.st_mode))
		rule.access &= ACCESS_OF_FILES;
	else if (access == LANDLOCK_READ_FILE)
		rule.access = 0;
	if (rule.access != 0 &&
	    syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) != 0)
		os_error = errno;
	close(rule.fd);
	return os_error;
}

int
landlock_apply(const struct landlock_rules *rules, const char *temporary,
	       bool tmp_is_own, bool here)
{
	const struct ruleset_attributes attributes = {
		.file_system = handled(rules->abi),
		.scopes = rules->abi >= 6 ?
				  SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS :
				  0,
	};
	int ruleset, os_error = 0;

	/* An older kernel knows a shorter struct; the rest of ours is 0. */
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes,
			       sizeof attributes, 0);
	if (ruleset < 0)
		return errno;
	for (size_t i = 0; i < rules->count && os_error == 0; i++)
		os_error = allow(ruleset, rules->abi, rules->items[i].path,
				 rules->items[i].no_links,
				 rules->items[i].access);
	if (os_error == 0 && temporary != NULL)
		os_error = allow(ruleset, rules->abi, temporary, false,
				 LANDLOCK_WRITE);
	if (os_error == 0 && tmp_is_own)
		os_error = allow(ruleset, rules->abi, "/var/tmp", false,
				 LANDLOCK_WRITE);
	if (os_error == 0 && here)
		os_error =
			allow(ruleset, rules->abi, ".", false, LANDLOCK_WRITE);
	if (os_error == 0 &&
	    syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		os_error = errno;
	close(ruleset);
	return os_error;
}
