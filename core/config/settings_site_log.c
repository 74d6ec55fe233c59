/* SPDX-License-Identifier: Apache-2.0
 *
 * Access logs of sites: what a site says, over what siteDefaults says, over
 * what the listener has for all.  One without a file of its own has its lines
 * in the listener's log, and they look as all others there.
 */
#include "core/config/settings_priv.h"

#include <string.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/hash.h"
#include "core/base/slice.h"

static const char *const looks[] = {
	"format",    "fields",	     "customFields",
	"period",    "truncateSize", "localTimeRollover",
	"keepFiles", "keepFor",
};

/* ---- names of files -------------------------------------------------------- */

static bool
add_part(struct settings_resolver *resolver, struct buffer *path,
	 const struct settings_site *site, const char **at,
	 const struct config_value *source)
{
	if (strncmp(*at, "{site}", 6) == 0) {
		if (strcmp(site->name, ".") == 0 ||
		    strcmp(site->name, "..") == 0)
			config_problem(resolver->problems, source,
				       "the site %s cannot give its name to a "
				       "file",
				       site->name);
		buffer_append_text(path, site->name);
		*at += 6;
		return true;
	}
	if (strncmp(*at, "{id}", 4) == 0) {
		const char *id = arena_printf(resolver->arena, "%u", site->id);

		buffer_append_text(path, id);
		*at += 4;
		return true;
	}
	if (**at == '{')
		return false;
	buffer_append_char(path, *(*at)++);
	return true;
}

/* The file of this site.  NULL: a problem that was added. */
static const char *
expand(struct settings_resolver *resolver, const struct settings_site *site,
       const char *pattern, const struct config_value *source)
{
	const char *at = pattern, *file = NULL;
	struct buffer path;

	buffer_init(&path, 0);
	while (*at != '\0' && add_part(resolver, &path, site, &at, source))
		;
	if (*at != '\0')
		config_problem(resolver->problems, source,
			       "\"%s\" cannot be the file of a site's log: {} "
			       "is for {site} and {id} only",
			       pattern);
	else
		file = settings_absolute(
			resolver, resolver->settings->log_directory,
			arena_printf(resolver->arena, "%.*s", (int)path.length,
				     path.data));
	buffer_fini(&path);
	return file;
}

/* ---- files that are shared -------------------------------------------------- */

/* An absolute path without empty parts, "." and "..": what it is called, not
 * what links make of it. */
static struct portico_slice
plain(struct settings_resolver *resolver, const char *path)
{
	char *text = arena_strdup(resolver->arena, path), *end = text;

	for (const char *at = path; *at != '\0';) {
		size_t length;

		at += strspn(at, "/");
		length = strcspn(at, "/");
		if (length == 2 && at[0] == '.' && at[1] == '.') {
			while (end > text && *--end != '/')
				;
		} else if (length > 0 && !(length == 1 && at[0] == '.')) {
			*end++ = '/';
			memcpy(end, at, length);
			end += length;
		}
		at += length;
	}
	return (struct portico_slice){ text, (size_t)(end - text) };
}

static bool
same_look(const struct settings_access_log *a,
	  const struct settings_access_log *b)
{
	const struct settings_log_rotation *left = &a->rotation,
					   *right = &b->rotation;

	if (a->format != b->format || a->column_count != b->column_count ||
	    left->period != right->period ||
	    left->truncate_size != right->truncate_size ||
	    left->local != right->local ||
	    left->keep_files != right->keep_files ||
	    left->keep_for != right->keep_for)
		return false;
	for (size_t i = 0; a->columns != b->columns && i < a->column_count; i++)
		if (strcmp(a->columns[i].name, b->columns[i].name) != 0 ||
		    a->columns[i].field != b->columns[i].field)
			return false;
	return true;
}

/* Several sites may have one file, if they agree about it; it has one name
 * then. */
static void
claim_file(struct settings_resolver *resolver, struct hash_table *files,
	   struct settings_access_log *log, const struct config_value *source)
{
	struct portico_slice path = plain(resolver, log->file);
	const struct settings_access_log *other = hash_find(files, path);

	if (other == NULL)
		hash_add(files, path, log);
	else if (!same_look(log, other))
		config_problem(resolver->problems, source,
			       "%s is another log already, of other fields, "
			       "format or periods",
			       log->file);
	else
		log->file = other->file;
}

/* A log that no site can agree with. */
static void
claim_for_server(struct settings_resolver *resolver, struct hash_table *files,
		 const char *file)
{
	struct settings_access_log *log =
		arena_zalloc(resolver->arena, sizeof *log);

	log->file = settings_absolute(resolver,
				      resolver->settings->log_directory, file);
	hash_add(files, plain(resolver, log->file), log);
}

/* ---- sites ------------------------------------------------------------------ */

static void
merge(struct settings_resolver *resolver, const struct config_value *source,
      struct raw_access_log *over)
{
	struct raw_access_log base = *over;

	/* Its problems have been told when it was read first. */
	config_parse_over(&settings_access_log_table, source, &base, over,
			  resolver->arena,
			  config_problems_new(resolver->arena));
}

static bool
says_columns(const struct config_value *source)
{
	return source != NULL &&
	       (config_value_find(source, "fields") != NULL ||
		config_value_find(source, "customFields") != NULL);
}

/* The log as `raw` has it; columns are those of `like`, if nothing is said of
 * them. */
static void
resolve_log(struct settings_resolver *resolver,
	    const struct raw_access_log *raw, const struct config_value *source,
	    const struct settings_access_log *like,
	    struct settings_access_log *log)
{
	if (says_columns(source)) {
		settings_resolve_access_log(resolver, raw, log);
	} else {
		*log = *like;
		log->enabled = raw->enabled;
		log->format = (enum settings_log_format)raw->format;
		log->rotation = settings_rotation(&raw->rotation);
	}
	log->file = NULL;
	log->pattern = raw->file;
}

static bool
is_servers(struct settings_resolver *resolver, const char *file)
{
	const struct settings *settings = resolver->settings;

	return slice_equal(
		plain(resolver, file),
		plain(resolver,
		      settings_absolute(resolver, settings->log_directory,
					settings->listener.access_log.file)));
}

/* What cannot be so for a part of the server's log. */
static void
check_shared(struct settings_resolver *resolver,
	     const struct config_value *source)
{
	const struct config_value *enabled =
		config_value_find(source, "enabled");

	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		const struct config_value *value =
			config_value_find(source, looks[i]);

		if (value != NULL)
			config_problem(resolver->problems, value,
				       "needs a file of the site's own: "
				       "without one its lines are in the "
				       "server's access log");
	}
	if (enabled != NULL && !resolver->settings->listener.access_log.enabled)
		config_problem(resolver->problems, enabled,
			       "the server's access log is off, and the site "
			       "has no file of its own");
}

static void
resolve_site(struct settings_resolver *resolver, struct hash_table *files,
	     const struct raw_access_log *defaults,
	     const struct settings_access_log *like, struct settings_site *site,
	     const struct config_value *source)
{
	const struct settings_access_log *all =
		&resolver->settings->listener.access_log;
	struct raw_access_log raw = *defaults;
	const struct config_value *place = source != NULL ? source :
							    defaults->source;

	site->says_log = source != NULL;
	if (source != NULL)
		merge(resolver, source, &raw);
	resolve_log(resolver, &raw, source, like, &site->log);
	if (raw.file != NULL)
		site->log.file = expand(resolver, site, raw.file, place);
	if (site->log.file != NULL && !is_servers(resolver, site->log.file)) {
		if (site->log.enabled)
			claim_file(resolver, files, &site->log, place);
		return;
	}
	if (source != NULL && !resolver->handed_on && raw.enabled)
		check_shared(resolver, source);
	site->log = *all;
	site->log.pattern = raw.file;
	site->log.file = NULL;
	site->log.enabled = raw.enabled && all->enabled;
}

void
settings_resolve_site_logs(struct settings_resolver *resolver)
{
	struct settings *settings = resolver->settings;
	const struct settings_listener *listener = &settings->listener;
	struct raw_access_log defaults = resolver->raw.listener.access_log;
	const struct config_value *source =
		resolver->raw.site_defaults.log.source;
	struct settings_access_log *like =
		arena_zalloc(resolver->arena, sizeof *like);
	struct hash_table *files = hash_new("files of logs", 0);

	/* Whose file is its own may write it, though the server's is off. */
	defaults.enabled = true;
	defaults.file = NULL;
	if (source != NULL)
		merge(resolver, source, &defaults);
	defaults.source = source;
	resolve_log(resolver, &defaults, source, &listener->access_log, like);
	if (source != NULL)
		settings->site_log = like;
	if (listener->access_log.enabled)
		claim_for_server(resolver, files, listener->access_log.file);
	if (listener->error_log.enabled)
		claim_for_server(resolver, files, listener->error_log.file);
	for (size_t i = 0; i < settings->site_count; i++) {
		struct settings_site *site = &settings->sites[i];
		const struct raw_site *raw =
			resolver->raw.sites.items[i].object;

		if (site->name == NULL)
			continue; /* said already */
		resolve_site(resolver, files, &defaults, like, site,
			     raw->log.source);
	}
	hash_free(files);
}
