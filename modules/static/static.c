/* SPDX-License-Identifier: Apache-2.0
 *
 * The static file module: GET and HEAD of files below the application's root.
 *
 * A path that the loop knows is answered at once: small files from memory in
 * one block with their head, others by a descriptor that the listener has and
 * sends from.  A path that it does not know, or has not looked at for
 * `revalidate`, is looked up on the thread pool, so that no file-system call
 * runs on the loop.
 *
 * Only portico_file_open() opens files: the kernel refuses every way out of
 * the root.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "modules/static/static_priv.h"

struct static_application {
	const struct static_configuration *configuration;
	struct static_watches *watches;
	struct static_cache *caches[]; /* one per loop */
};

/* Failed look-ups are told once in so long. */
#define TELL_AGAIN_NS 1000000000ull

/* The same for all applications, set before the first application_init. */
static uint32_t loop_count;
static struct portico_worker *the_worker;

/* ---- answering, on the loop ---------------------------------------------- */

static bool
set_text(struct portico_request *request, struct portico_slice name,
	 const char *value, size_t length)
{
	return portico_response_set_field(
		       request, name,
		       (struct portico_slice){ value, length }) == PORTICO_OK;
}

static enum portico_verdict
answer_error(struct portico_request *request, unsigned status,
	     unsigned substatus, const char *explanation)
{
	return portico_response_error(request, status, substatus,
				      explanation) == PORTICO_OK ?
		       PORTICO_DONE :
		       PORTICO_ERROR;
}

/* RFC 9110 section 15.4.1 and RFC 3986: the path percent-encoded again.  It
 * begins with exactly one slash, so that it can never name another host. */
static enum portico_verdict
redirect_to_directory(struct portico_request *request)
{
	static const char unreserved[] = "-._~!$&'()*+,;=:@/";
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH);
	struct portico_slice query =
		portico_request_text(request, PORTICO_TEXT_QUERY);
	char *target = portico_request_alloc(request, path.length * 3 +
							      query.length + 3);
	char *at = target;

	if (target == NULL)
		return PORTICO_ERROR;
	for (size_t i = 0; i < path.length; i++) {
		unsigned char byte = (unsigned char)path.data[i];
		bool plain = (byte >= '0' && byte <= '9') ||
			     (byte >= 'a' && byte <= 'z') ||
			     (byte >= 'A' && byte <= 'Z') ||
			     (byte != 0 && strchr(unreserved, byte) != NULL);

		if (plain)
			*at++ = (char)byte;
		else
			at += snprintf(at, 4, "%%%02X", byte);
	}
	*at++ = '/';
	if (query.length > 0) {
		*at++ = '?';
		memcpy(at, query.data, query.length);
		at += query.length;
	}
	if (portico_response_set_status(request, 301, 0) != PORTICO_OK ||
	    portico_response_set_length(request, 0) != PORTICO_OK ||
	    !set_text(request, PORTICO_SLICE("Location"), target,
		      (size_t)(at - target)))
		return PORTICO_ERROR;
	return PORTICO_DONE;
}

/* Fields that a 304 carries as well as a 200 (RFC 9110 section 15.4.5). */
static bool
set_validators(struct portico_request *request,
	       const struct static_configuration *configuration,
	       const struct static_entry *entry)
{
	const char *cache_control = configuration->cache_control;

	return set_text(request, PORTICO_SLICE("Last-Modified"),
			entry->last_modified, STATIC_DATE_SIZE - 1) &&
	       set_text(request, PORTICO_SLICE("ETag"), entry->etag,
			entry->etag_length) &&
	       (cache_control == NULL || *cache_control == '\0' ||
		set_text(request, PORTICO_SLICE("Cache-Control"), cache_control,
			 strlen(cache_control)));
}

static enum portico_verdict
answer_unsatisfiable(struct portico_request *request,
		     const struct static_entry *entry)
{
	char value[48];
	int length =
		snprintf(value, sizeof(value), "bytes */%" PRIu64, entry->size);

	if (!set_text(request, PORTICO_SLICE("Content-Range"), value,
		      (size_t)length))
		return PORTICO_ERROR;
	return answer_error(request, 416, 0, NULL);
}

static int
requested_ranges(struct portico_request *request,
		 const struct static_entry *entry,
		 struct static_range ranges_r[STATIC_RANGES_MAX])
{
	struct portico_slice field;

	/* RFC 9110 section 14.2: Range has a meaning for GET only. */
	if (!portico_request_field(request, PORTICO_SLICE("Range"), &field) ||
	    static_is_head(request) || !static_if_range(request, entry))
		return 0;
	return static_range_parse(field, entry->size, ranges_r);
}

/* It need not be looked up again. */
static bool
is_current(const struct static_configuration *configuration,
	   const struct static_entry *entry)
{
	uint64_t age = portico_clock() - entry->checked_at;

	if (age >= configuration->revalidate ||
	    (entry->watch_wanted && age >= STATIC_WATCH_NS))
		return false;
	return entry->watch == NULL ||
	       static_watch_changes(entry->watch) == entry->changes;
}

/* As IIS has it: what is asked for often, without a query.  Whoever changes
 * the file is heard of, and then it is flushed (watch.c). */
static void
allow_keeping(struct portico_request *request,
	      const struct static_configuration *configuration,
	      struct static_entry *entry)
{
	uint64_t now;

	if (!configuration->keep || configuration->revalidate == 0 ||
	    entry->watch == NULL || entry->size > STATIC_KEPT_BYTES)
		return;
	now = portico_clock();
	if (now - entry->asked_since >= STATIC_FREQUENT_NS) {
		entry->asked_since = now;
		entry->asked = 0;
	}
	if (++entry->asked < STATIC_FREQUENT_COUNT ||
	    portico_request_text(request, PORTICO_TEXT_QUERY).length > 0)
		return;
	(void)portico_cache_allow(request, configuration->keep_time,
				  PORTICO_CACHE_WHILE_WORKER);
}

static enum portico_verdict
answer_entry(struct portico_request *request, struct static_entry *entry)
{
	const struct static_configuration *configuration =
		portico_request_configuration(request);
	struct static_range ranges[STATIC_RANGES_MAX];
	int count;

	if (entry->is_directory)
		return redirect_to_directory(request);
	if (entry->content_type == NULL)
		return answer_error(request, 404, 3, NULL);
	switch (static_precondition(request, entry)) {
	case STATIC_CONDITION_GO_ON:
		break;
	case STATIC_CONDITION_NOT_MODIFIED:
		if (!set_validators(request, configuration, entry) ||
		    portico_response_set_status(request, 304, 0) != PORTICO_OK)
			return PORTICO_ERROR;
		return PORTICO_DONE;
	case STATIC_CONDITION_FAILED:
		return answer_error(request, 412, 0, NULL);
	}
	count = requested_ranges(request, entry, ranges);
	if (count < 0)
		return answer_unsatisfiable(request, entry);
	if (portico_response_set_status(request, 200, 0) != PORTICO_OK ||
	    !set_text(request, PORTICO_SLICE("Content-Type"),
		      entry->content_type, strlen(entry->content_type)) ||
	    !set_validators(request, configuration, entry) ||
	    !set_text(request, PORTICO_SLICE("Accept-Ranges"), "bytes", 5))
		return PORTICO_ERROR;
	if (count == 0)
		allow_keeping(request, configuration, entry);
	return static_transfer(request, entry, ranges, count);
}

static struct static_cache *
cache_of(struct portico_request *request)
{
	struct static_application *application =
		portico_application_state(request);

	return application->caches[portico_request_loop_number(request)];
}

static enum portico_verdict
answer_found(struct portico_request *request, struct static_lookup *lookup)
{
	struct static_cache *cache = cache_of(request);
	struct static_entry *entry = static_cache_find(cache, lookup->path);
	enum portico_verdict verdict;

	if (entry != NULL && static_lookup_is_same(lookup, entry)) {
		entry->checked_at = portico_clock();
		entry->watch = lookup->watch;
		entry->changes = lookup->changes;
		entry->watch_wanted = lookup->watch_wanted;
		return answer_entry(request, entry);
	}
	entry = static_lookup_entry(lookup);
	if (entry == NULL)
		return PORTICO_ERROR;
	static_entry_ref(entry);
	static_cache_add(cache, entry);
	verdict = answer_entry(request, entry);
	static_entry_unref(entry);
	return verdict;
}

/* A disk that fails, or a process without descriptors, fails for all: that is
 * told once in a while.  *silent_r: how often it was not, since then. */
static bool
may_tell(uint64_t *silent_r)
{
	static atomic_uint_fast64_t told_at, silent;
	uint64_t now = portico_clock(), before = atomic_load(&told_at);

	if ((before != 0 && now - before < TELL_AGAIN_NS) ||
	    !atomic_compare_exchange_strong(&told_at, &before, now)) {
		atomic_fetch_add(&silent, 1);
		return false;
	}
	*silent_r = atomic_exchange(&silent, 0);
	return true;
}

static enum portico_verdict
answer_failure(struct portico_request *request,
	       const struct static_lookup *lookup)
{
	int os_error = lookup->error.os_error;
	uint64_t silent;

	if (may_tell(&silent))
		portico_log(request, PORTICO_LOG_ERROR,
			    STATIC_LOG_LOOKUP_FAILED,
			    "opening \"%.*s\" failed: %s (%llu more were not "
			    "told)",
			    (int)lookup->path.length, lookup->path.data,
			    lookup->error.message, (unsigned long long)silent);
	if (os_error == EMFILE || os_error == ENFILE)
		return answer_error(request, 503, 0, NULL);
	return answer_error(request, 500, 0, NULL);
}

static enum portico_verdict
on_looked_up(struct portico_request *request, void *arg)
{
	struct static_lookup *lookup = arg;
	struct static_cache *cache = cache_of(request);
	struct static_entry *entry;

	if (lookup->result == STATIC_LOOKUP_FILE ||
	    lookup->result == STATIC_LOOKUP_DIRECTORY)
		return answer_found(request, lookup);
	entry = static_cache_find(cache, lookup->path);
	if (entry != NULL)
		static_cache_remove(cache, entry);
	if (lookup->result == STATIC_LOOKUP_NO_DEFAULT_DOCUMENT)
		return answer_error(request, 403, 14, NULL);
	if (lookup->result == STATIC_LOOKUP_DENIED)
		return answer_error(request, 403, 0, NULL);
	if (lookup->result == STATIC_LOOKUP_NOT_FOUND)
		return answer_error(request, 404, 0, NULL);
	return answer_failure(request, lookup);
}

static enum portico_verdict
start_lookup(struct portico_request *request,
	     const struct static_configuration *configuration,
	     struct portico_slice path)
{
	const struct static_application *application =
		portico_application_state(request);
	struct static_lookup *lookup =
		portico_request_alloc(request, sizeof(*lookup));

	if (lookup == NULL)
		return PORTICO_ERROR;
	memset(lookup, 0, sizeof(*lookup));
	lookup->request = request;
	lookup->configuration = configuration;
	lookup->watches = application->watches;
	lookup->path = path;
	lookup->fd = -1;
	if (portico_request_on_free(request, static_lookup_drop, lookup) !=
		    PORTICO_OK ||
	    portico_offload(request, static_lookup_run, lookup, on_looked_up,
			    lookup) != PORTICO_OK)
		return PORTICO_ERROR;
	return PORTICO_PENDING;
}

/* A segment that begins with a dot; "." and ".." are gone already. */
static bool
has_dot_segment(struct portico_slice path)
{
	const char *at = path.data, *end = path.data + path.length;

	while (at < end && (at = memchr(at, '/', (size_t)(end - at))) != NULL) {
		if (++at < end && *at == '.')
			return true;
	}
	return false;
}

static enum portico_verdict
on_execute(struct portico_request *request)
{
	const struct static_configuration *configuration =
		portico_request_configuration(request);
	struct portico_slice path =
		portico_request_text(request, PORTICO_TEXT_PATH_IN_APPLICATION);
	struct portico_slice whole =
		portico_request_text(request, PORTICO_TEXT_PATH);
	struct static_entry *entry;

	if (!configuration->dot_files && has_dot_segment(path))
		return answer_error(request, 404, 8, NULL);
	/* "/shop" of the application "/shop": relative links need the slash. */
	if (path.length == 1 && whole.data[whole.length - 1] != '/')
		return redirect_to_directory(request);
	entry = static_cache_find(cache_of(request), path);
	if (entry != NULL && is_current(configuration, entry))
		return answer_entry(request, entry);
	return start_lookup(request, configuration, path);
}

/* ---- life of the module -------------------------------------------------- */

static enum portico_status
on_worker_init(struct portico_worker *worker, struct portico_error *err)
{
	(void)err;
	loop_count = portico_worker_loops(worker);
	the_worker = worker;
	return PORTICO_OK;
}

static void
on_application_fini(struct portico_application *application, void *arg)
{
	struct static_application *state = arg;

	(void)application;
	for (uint32_t i = 0; i < loop_count; i++)
		static_cache_free(&state->caches[i]);
	static_watches_free(&state->watches);
	free(state);
}

static enum portico_status
on_application_init(struct portico_application *application,
		    const void *configuration, void **state_r,
		    struct portico_error *err)
{
	struct static_application *state = calloc(
		1, sizeof(*state) + loop_count * sizeof(struct static_cache *));

	if (state == NULL)
		goto no_memory;
	state->configuration = configuration;
	state->watches = static_watches_new(the_worker, application);
	if (state->watches == NULL) {
		free(state);
		goto no_memory;
	}
	for (uint32_t i = 0; i < loop_count; i++) {
		state->caches[i] = static_cache_new(configuration);
		if (state->caches[i] == NULL) {
			on_application_fini(application, state);
			goto no_memory;
		}
	}
	*state_r = state;
	return PORTICO_OK;
no_memory:
	err->status = PORTICO_NO_MEMORY;
	snprintf(err->message, sizeof(err->message),
		 "making the file cache failed: out of memory");
	return PORTICO_NO_MEMORY;
}

#define SETTING(member, type)                                                  \
	PORTICO_MEMBER(struct static_configuration, member, type)

static const struct portico_directive directives[] = {
	{ .name = "defaultDocuments",
	  .type = PORTICO_DIRECTIVE_LIST,
	  .offset = SETTING(default_documents, const char *const *),
	  .default_value = "[\"index.html\", \"index.htm\", \"default.htm\"]",
	  .summary = "Names that are tried in turn where a path ends with a "
		     "slash." },
	{ .name = "types",
	  .type = PORTICO_DIRECTIVE_MAP,
	  .offset = SETTING(types, const struct portico_pair *),
	  .summary = "Media types by file extension, before the built-in "
		     "ones." },
	{ .name = "unknownType",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = SETTING(unknown_type, const char *),
	  .default_value = "\"application/octet-stream\"",
	  .summary = "Media type of files with an unknown extension; an empty "
		     "string refuses them with 404.3, as IIS does." },
	{ .name = "charset",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = SETTING(charset, const char *),
	  .default_value = "\"\"",
	  .summary = "Added as charset to text types; empty: nothing is "
		     "added." },
	{ .name = "cacheControl",
	  .type = PORTICO_DIRECTIVE_STRING,
	  .offset = SETTING(cache_control, const char *),
	  .default_value = "\"\"",
	  .summary = "Value of the Cache-Control field; empty: none is sent." },
	{ .name = "dotFiles",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = SETTING(dot_files, bool),
	  .default_value = "false",
	  .summary = "Serve files and folders whose name begins with a dot; "
		     "otherwise they are answered with 404.8." },
	{ .name = "revalidate",
	  .type = PORTICO_DIRECTIVE_DURATION,
	  .offset = SETTING(revalidate, uint64_t),
	  .default_value = "\"1s\"",
	  .summary = "How long a file may be served without looking whether "
		     "it changed." },
	{ .name = "listenerCache",
	  .type = PORTICO_DIRECTIVE_BOOL,
	  .offset = SETTING(keep, bool),
	  .default_value = "true",
	  .summary = "Let the listener keep files up to 256 KiB that are asked "
		     "for twice in 10 s, without a query; they are flushed "
		     "when they change. Not with revalidate 0." },
	{ .name = "listenerCacheTime",
	  .type = PORTICO_DIRECTIVE_DURATION,
	  .offset = SETTING(keep_time, uint64_t),
	  .default_value = "\"60s\"",
	  .summary = "How long it keeps them at most, changed or not. 0: until "
		     "they change." },
	{ .name = "smallFile",
	  .type = PORTICO_DIRECTIVE_SIZE,
	  .offset = SETTING(small_file, uint64_t),
	  .default_value = "\"16KiB\"",
	  .maximum = 60 * 1024,
	  .summary = "Files up to this size are kept in memory and sent in "
		     "one piece with their head." },
	{ .name = "cacheSize",
	  .type = PORTICO_DIRECTIVE_SIZE,
	  .offset = SETTING(cache_size, uint64_t),
	  .default_value = "\"16MiB\"",
	  .summary = "Memory for small files, per application and loop." },
	{ .name = "cacheEntries",
	  .type = PORTICO_DIRECTIVE_INTEGER,
	  .offset = SETTING(cache_entries, int64_t),
	  .default_value = "1000",
	  .minimum = 1,
	  .maximum = 1000000,
	  .summary = "Files known at once, per application and loop." },
	{ 0 }
};

static const struct portico_handler handlers[] = {
	{ .name = "static", .methods = "GET,HEAD", .function = on_execute },
	{ 0 }
};

static const struct portico_global_subscription globals[] = {
	{ .event = PORTICO_GLOBAL_CUSTOM,
	  .function = static_watch_on_wanted,
	  .name = STATIC_WATCH_EVENT },
	{ 0 }
};

PORTICO_MODULE(.name = "static", .version = "1.0.0", .summary = "serves files",
	       .directives = directives,
	       .configuration_size = sizeof(struct static_configuration),
	       .handlers = handlers, .global_subscriptions = globals,
	       .worker_init = on_worker_init,
	       .application_init = on_application_init,
	       .application_fini = on_application_fini);
