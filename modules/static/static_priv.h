/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the static module share.
 *
 *   static.c        descriptor, settings, the handler
 *   lookup.c        from a path to a file, off the loop
 *   entry_cache.c   the files known to one loop
 *   content_type.c  file name -> media type
 *   precondition.c  If-Match and its relatives (RFC 9110 section 13)
 *   range.c         Range and If-Range (RFC 9110 section 14)
 *   transfer.c      the body: all, one range, several ranges
 *   page_cache.c    is a span of a file in memory?  bring it there
 *   watch.c         directories whose files the listener may keep
 *
 * Threads: everything but static_lookup_run() and static_fetch_run() runs on
 * the request's loop, and each loop has a cache of its own, so nothing there
 * takes a lock.  watch.c says what is its own.
 */
#ifndef PORTICO_STATIC_PRIV_H
#define PORTICO_STATIC_PRIV_H

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include <portico/portico.h>

#define STATIC_LOG_LOOKUP_FAILED 1
#define STATIC_LOG_READ_FAILED 2

/* What is handed over at once of a file; and of one that has to come from the
 * disk, what is waited for before the first byte leaves (then twice that ...). */
#define STATIC_SPAN_BYTES (2u << 20)
#define STATIC_FIRST_FETCH_BYTES (256u << 10)
/* The kernel reads ahead, and forgets, in about such pieces. */
#define STATIC_SAMPLE_BYTES (128u << 10)
/* So long a whole file that was in the page cache is believed to be there
 * still: asking costs 5 % of what sending does, and one that is asked for so
 * often is not what the kernel forgets. */
#define STATIC_CACHED_NS UINT64_C(100000000)

/* The listener may keep files up to this size, of which this is said when they
 * are asked for so often in so long. */
#define STATIC_KEPT_BYTES (256u << 10)
#define STATIC_FREQUENT_COUNT 2
#define STATIC_FREQUENT_NS UINT64_C(10000000000)
/* One that is to be watched is looked up again after this. */
#define STATIC_WATCH_NS UINT64_C(100000000)
/* Posted to the main thread: a directory is to be watched. */
#define STATIC_WATCH_EVENT "static.watch"

#define STATIC_DATE_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and NUL */
#define STATIC_ETAG_SIZE 72
#define STATIC_RANGES_MAX 16 /* more in one request: Range is ignored */

/* Filled from the application's "static" section. */
struct static_configuration {
	const char *const *default_documents;
	const struct portico_pair *types; /* extension -> media type */
	const char *unknown_type; /* "": refuse, 404.3 */
	const char *charset; /* for text types; "": none */
	const char *cache_control; /* "": no such field */
	bool dot_files;
	uint64_t revalidate; /* ns an entry is used without looking again */
	bool keep; /* the listener may keep files */
	uint64_t keep_time; /* ns; 0: until they change */
	uint64_t small_file; /* bytes; smaller files are kept in memory */
	uint64_t cache_size; /* bytes of contents per loop */
	int64_t cache_entries; /* per loop */
};

/* One resource as it was when `checked_at`.  Counted by the loop alone. */
struct static_entry {
	unsigned magic;
#define STATIC_ENTRY_MAGIC 0x5e47a71cu
	unsigned references; /* the cache's, and one per suspended transfer */
	struct static_entry *next_in_bucket;
	struct static_entry *newer, *older; /* order of last use */
	uint64_t hash;
	uint64_t checked_at; /* portico_clock() */
	uint64_t cached_at; /* portico_clock(): the whole file was in memory */
	uint64_t asked_since; /* portico_clock(): `asked` counts from then on */
	unsigned asked;
	const struct static_watch *watch; /* of its directory; NULL: none that
					     would see it change */
	uint64_t changes; /* of that, before it was looked at */
	bool watch_wanted; /* there will be one soon */
	uint64_t size;
	struct timespec modified, changed;
	uint64_t device, inode;
	struct portico_file *file; /* NULL for directories and small files */
	char *content; /* of a small file, `size` bytes; owned */
	char *content_type; /* owned; NULL: unknown and refused */
	bool is_directory; /* a path without its final slash */
	size_t etag_length;
	char etag[STATIC_ETAG_SIZE];
	char last_modified[STATIC_DATE_SIZE];
	size_t path_length;
	char path[]; /* cooked path in the application */
};

struct static_cache;

struct static_cache *static_cache_new(const struct static_configuration *);
void static_cache_free(struct static_cache **cache_p);
struct static_entry *static_cache_find(struct static_cache *cache,
				       struct portico_slice path);
/* Takes the caller's reference; replaces an entry of the same path. */
void static_cache_add(struct static_cache *cache, struct static_entry *entry);
void static_cache_remove(struct static_cache *cache,
			 struct static_entry *entry);
struct static_entry *static_entry_new(struct portico_slice path);
void static_entry_ref(struct static_entry *entry);
void static_entry_unref(struct static_entry *entry);

/* NULL: not known and to be refused.  Static or of the configuration. */
const char *
static_content_type(const struct static_configuration *configuration,
		    const char *name, size_t length);

enum static_lookup_result {
	STATIC_LOOKUP_FILE,
	STATIC_LOOKUP_DIRECTORY, /* without its final slash */
	STATIC_LOOKUP_NO_DEFAULT_DOCUMENT,
	STATIC_LOOKUP_NOT_FOUND,
	STATIC_LOOKUP_DENIED,
	STATIC_LOOKUP_FAILED, /* see error */
};

/* A look-up on the thread pool; from the request's arena. */
struct static_lookup {
	struct portico_request *request;
	const struct static_configuration *configuration;
	struct static_watches *watches;
	struct portico_slice path;
	/* out: */
	const struct static_watch *watch; /* NULL: as for an entry */
	uint64_t changes;
	bool watch_wanted;
	enum static_lookup_result result;
	int fd; /* owned until an entry takes it */
	struct stat stat;
	char *content; /* owned until an entry takes it */
	const char *content_type;
	struct portico_error error;
};

/* Runs on the thread pool; `arg` is the look-up. */
void static_lookup_run(void *arg);
/* A new entry, which takes descriptor and content; NULL: no memory. */
struct static_entry *static_lookup_entry(struct static_lookup *lookup);
/* The file is what it was: keep the entry, whose descriptor the listener has
 * already. */
bool static_lookup_is_same(const struct static_lookup *lookup,
			   const struct static_entry *entry);
/* Close and free what no entry took. */
void static_lookup_drop(void *arg);

struct static_watch;
struct static_watches;

struct static_watches *
static_watches_new(struct portico_worker *worker,
		   struct portico_application *application);
void static_watches_free(struct static_watches **watches_p);

/* The watch of the directory that `path` (in the application) lies in, and how
 * many changes it has seen; NULL: there is none now, perhaps later. */
struct static_watch *static_watch_find(struct static_watches *watches,
				       struct portico_slice path,
				       uint64_t *changes_r);

/* There is to be one: a file was found there.  False: there will be none. */
bool static_watch_want(struct static_watches *watches,
		       struct portico_slice path);

/* Whether that sees all changes of the open file of that path. */
bool static_watch_fits(const struct static_watches *watches, int fd,
		       const struct stat *stat, struct portico_slice path);

/* Any thread. */
uint64_t static_watch_changes(const struct static_watch *watch);

/* STATIC_WATCH_EVENT, on the main thread. */
enum portico_verdict
static_watch_on_wanted(struct portico_worker *worker,
		       const struct portico_global *global);

enum static_condition {
	STATIC_CONDITION_GO_ON,
	STATIC_CONDITION_NOT_MODIFIED, /* 304 */
	STATIC_CONDITION_FAILED, /* 412 */
};

enum static_condition static_precondition(struct portico_request *request,
					  const struct static_entry *entry);

/* May the Range field be used?  False if If-Range names another version. */
bool static_if_range(struct portico_request *request,
		     const struct static_entry *entry);

void static_date_format(time_t when, char date_r[STATIC_DATE_SIZE]);
bool static_date_parse(struct portico_slice text, time_t *when_r);

struct static_range {
	uint64_t offset;
	uint64_t length;
};

/*
 * Number of ranges to send; 0: send everything, the field is to be ignored;
 * -1: none can be satisfied, 416.
 */
int static_range_parse(struct portico_slice field, uint64_t size,
		       struct static_range ranges_r[STATIC_RANGES_MAX]);

/* Send the body of a response whose fields are set, but for those that
 * depend on the ranges.  The handler returns what this returns. */
enum portico_verdict static_transfer(struct portico_request *request,
				     struct static_entry *entry,
				     const struct static_range *ranges,
				     int range_count);

/*
 * Is the span in the page cache, so that sending it waits for no disk?  Cheap,
 * and true only if every page that it looked at is; it looks at one in
 * STATIC_SAMPLE_BYTES.
 */
bool static_span_is_cached(int fd, uint64_t offset, uint64_t length);

/* A span to be brought into the page cache. */
struct static_fetch {
	int fd; /* borrowed */
	uint64_t offset, length;
	int os_error; /* out: why the disk did not give it, or 0 */
};

/* Runs on the thread pool; `arg` is the fetch.  The span is in the page cache
 * then, as far as the file goes. */
void static_fetch_run(void *arg);

/* Write from the entry's content or file; PENDING when the client is slow. */
bool static_is_head(struct portico_request *request);

#endif
