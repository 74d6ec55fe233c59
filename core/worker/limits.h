/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits of the worker, named, with the unit in the name.
 */
#ifndef CORE_WORKER_LIMITS_H
#define CORE_WORKER_LIMITS_H

/* Memory of a request: kept between requests, and the most it may get. */
#define REQUEST_ARENA_FIRST_BYTES 4096
#define REQUEST_ARENA_LIMIT_BYTES (1024 * 1024)

/* Request objects that a loop keeps for the next requests. */
#define REQUEST_SPARE_MAX 512
#define REQUEST_SPARE_IDLE 32 /* that stay though nobody needs them */
/* When a trim has freed so many, the heap is asked to give back what it holds;
 * that takes its locks. */
#define TRIM_HEAP_REQUESTS 128

/* Response fields: in the request itself, and in all. */
#define RESPONSE_FIELDS_INLINE 12
#define RESPONSE_FIELDS_MAX 256
#define RESPONSE_FIELDS_BYTES_MAX (32 * 1024)

/* Request fields once a module has changed one: in all, and room for new ones
 * before the list has to grow. */
#define REQUEST_FIELDS_MAX 256
#define REQUEST_FIELDS_SPARE 8
#define REQUEST_FIELDS_BYTES_MAX (64 * 1024)

/* Decoded parameters of a query. */
#define QUERY_PARAMETERS_MAX 1000

/* Forms: what is read whole, and what of a part is kept. */
#define FORM_BYTES_DEFAULT (64 * 1024)
#define FORM_BYTES_MAX (512 * 1024)
#define MULTIPART_PARTS_DEFAULT 128
#define MULTIPART_HEADER_BYTES_DEFAULT (8 * 1024)
#define MULTIPART_HEADER_BYTES_MAX (64 * 1024)

/* Variables that modules set, and their names. */
#define VARIABLES_MAX 64
#define VARIABLE_NAME_BYTES_MAX 64

/* Who the user is, and why the response is what it is. */
#define USER_BYTES_MAX 1024
#define AUTHENTICATION_BYTES_MAX 64
#define REASON_BYTES_MAX 512

/* Request body asked for at once; asked again when half of it was read. */
#define BODY_WINDOW_BYTES (128 * 1024)

/* Tunnels.  Chunks that were read until the listener hears of it, though they
 * are few bytes; fewer than half of the listener's BODY_PIECES_FREE.  And how
 * many pieces of less than so many bytes may be out to the client. */
#define TUNNEL_WINDOW_PIECES 24
#define TUNNEL_SMALL_BYTES 1024
#define TUNNEL_PIECES_MAX 32
#define BODY_CHUNKS_INLINE 4

/* What filters may have produced beyond the room there is. */
#define FILTER_BACKLOG_BYTES_MAX (16 * 1024 * 1024)
/* Read at once of a file that passes through filters. */
#define FILTER_FILE_BYTES (64 * 1024)
#define FILTERS_MAX 32 /* of one response */

/* Largest piece that portico_response_reserve lends for filtered data. */
#define SCRATCH_BYTES (64 * 1024)

/* Rewrites of one request, and the target they give. */
#define REWRITES_MAX 10
#define REWRITE_BYTES_MAX (16 * 1024)

/* Holds on the start of a worker; a name and a reason; reports. */
#define GLOBAL_HOLDS_MAX 64
#define GLOBAL_NAME_BYTES_MAX 64
#define REPORT_BYTES_MAX 256
/* A worker does not ask for its replacement more often. */
#define REPORT_INTERVAL_NS 10000000000ull

/* Regular expressions: a pattern; a match, in PCRE2's steps; its memory, on
 * the stack first. */
#define REGEX_BYTES_MAX (16 * 1024)
#define REGEX_STEPS_MAX 1000000
#define REGEX_HEAP_KIB_MAX 1024
#define REGEX_MATCH_BYTES 1024

/* Files that modules watch. */
#define CHANGE_WATCHES_MAX 256
#define CHANGE_DELAY_DEFAULT_NS 100000000ull
#define CHANGE_DELAY_MAX_NS 60000000000ull

/* Child requests: of one another, of one request at a time, and their sizes. */
#define CHILD_DEPTH_MAX 10
#define CHILDREN_MAX 16
#define CHILD_BODY_BYTES_MAX (1024 * 1024)
#define CHILD_FIELDS_BYTES_MAX (64 * 1024)
#define CHILD_WINDOW_BYTES_MIN (4 * 1024)
#define CHILD_WINDOW_BYTES_DEFAULT (64 * 1024)
#define CHILD_WINDOW_BYTES_MAX (1024 * 1024)
#define CHILD_COLLECT_BYTES_MAX (16 * 1024 * 1024)

/* A request says where it is at each call; what time it is, once in so many:
 * the clock costs as much as the call. */
#define CALLS_PER_CLOCK 16u

/* Custom events that are raised within one another. */
#define EVENT_DEPTH_MAX 8

/* Calls of modules to other servers, of one loop. */
#define CLIENT_CALLS_MAX 1024
#define CLIENT_IDLE_CONNECTIONS_MAX 32
#define CLIENT_HOST_CONNECTIONS_MAX 64
#define CLIENT_CONNECTIONS_MAX 256
/* ... and of one call. */
#define CLIENT_METHOD_BYTES_MAX 32
#define CLIENT_URL_BYTES_MAX (16 * 1024)
#define CLIENT_FIELDS_MAX 128
#define CLIENT_HEAD_BYTES_MAX (64 * 1024)
#define CLIENT_BODY_BYTES_DEFAULT (1024 * 1024)
#define CLIENT_BODY_BYTES_MAX (64 * 1024 * 1024)
#define CLIENT_WINDOW_BYTES (128 * 1024)
#define CLIENT_UPLOAD_BYTES (64 * 1024)
#define CLIENT_REDIRECTS_MAX 20

/* Lookups of names, of the process, and of one. */
#define RESOLVER_THREADS_MAX 16
#define RESOLVER_WAITING_MAX 1024
#define LOOKUP_NAME_BYTES_MAX 253
#define LOOKUP_ADDRESSES_MAX 64

/* Child processes of modules, and of one. */
#define PROCESSES_MAX 64
#define PROCESS_FAILURES_MAX 100
#define PROCESS_ARGUMENT_BYTES_MAX (128u * 1024)

/* Tokens: slots come in chunks, so that a slot never moves. */
#define TOKEN_CHUNK_SLOTS 256
#define TOKEN_CHUNKS_MAX 4096
#define TOKEN_LOOPS_MAX 256

/* Ends of requests written to the log are not flooded by one fault. */
#define MODULE_NUMBER_CORE 0xffff /* progress: the core itself */

/* What a loop opens for itself, roughly. */
#define LOOP_DESCRIPTORS 4

/* SIGTERM: time for what runs, less than the manager waits until SIGKILL. */
#define TERMINATE_MS 1500

/* Timers */
#define FILE_RETRY_MS 2 /* the channel's socket was full */
#define TRIM_INTERVAL_MS 3000

/* Names of query parameters, the key of caches, a path to be flushed. */
#define CACHE_QUERY_BYTES_MAX 256
#define CACHE_KEY_BYTES_MAX 8192
#define CACHE_PATH_BYTES_MAX 65536

/* Lack of memory is told once in so long. */
#define MEMORY_TELL_AGAIN_NS 60000000000ull
#define STOP_POLL_MS 10
#define STOP_QUIET_MS 250 /* no request for so long after `stop` */
/* ... and a health check that was aborted then may take to end. */
#define STOP_CHECKS_MS 1000

#endif
