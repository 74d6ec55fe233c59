/* SPDX-License-Identifier: Apache-2.0
 *
 * The listener's limits and times that no configuration changes.
 */
#ifndef CORE_LISTENER_LIMITS_H
#define CORE_LISTENER_LIMITS_H

/* Why a worker is lost, in words. */
#define WORKER_REASON_BYTES 300

/* Loops of one process. */
#define LISTENER_LOOPS_MAX 64

/* Connections accepted from one socket before others get a turn. */
#define ACCEPT_BATCH 64
/* Out of descriptors: how long accepting pauses. */
#define ACCEPT_PAUSE_MS 100
/* A quarter of all descriptors, and not more than this, are not for
 * connections: so full of clients, the listener can still take on a worker,
 * open its logs and send files. */
#define DESCRIPTOR_RESERVE_MAX 1024
/* Files that each channel may hold open here, as a share of all descriptors,
 * at least the second figure; and those beyond, of all channels together. */
#define CHANNEL_FILES_SHARE 64
#define CHANNEL_FILES_LEAST 16
#define FILE_BUDGET_SHARE 8

/* A shortage is over when it was not noted for so long; each time that one
 * comes within PRESSURE_FORGET_NS of the last, twice as long. */
#define PRESSURE_QUIET_NS (1 * CLOCK_NS_PER_S)
#define PRESSURE_QUIET_MAX_NS (64 * CLOCK_NS_PER_S)
#define PRESSURE_FORGET_NS (60 * CLOCK_NS_PER_S)
#define PRESSURE_CHECK_MS 200

/* TCP asks a silent client whether its host is there: two minutes in all. */
#define KEEPALIVE_IDLE_SECONDS 60
#define KEEPALIVE_INTERVAL_SECONDS 10
#define KEEPALIVE_PROBES 6

/* A connection borrows this while it has bytes; most heads fit. */
#define INPUT_SMALL_BYTES 4096
/* Raw head and cooked path together; the rest of a block of 64 KiB is for the
 * fixed part, the fields and what is known of TLS. */
#define HEAD_AND_PATH_BYTES_MAX (56 * 1024)
/* Room that a chunked body needs behind the head for its framing. */
#define INPUT_FRAMING_BYTES 1024
/* Free buffers and requests that a loop keeps; a burst's rest is freed at
 * once, and these when they were not used between two trims, down to some. */
#define LOOP_KEEP_BUFFERS 1024
#define LOOP_KEEP_REQUESTS 1024
#define LOOP_KEEP_IDLE 64
/* When a trim has freed so many pieces, the heap is asked to give back what it
 * holds; that takes its locks. */
#define TRIM_HEAP_PIECES 256

/* Per loop: output scratch, cooked URL, response head copy. */
#define LOOP_OUTPUT_BYTES (96 * 1024)
#define LOOP_DISCARD_BYTES (64 * 1024)

/* Body up to this is copied behind its head, so that one plain send() does. */
#define OUTPUT_COPY_BYTES 8192
/* Pieces in one sendmsg(). */
#define OUTPUT_IOV_MAX 64
/* From a file, per connection and loop turn. */
#define OUTPUT_FILE_TURN_BYTES (2 * 1024 * 1024)
/* Pieces that wait for one slow client; a worker never gets near. */
#define OUTPUT_ITEMS_MAX 65536

/* Certificates as porticod hands them over. */
#define TLS_MATERIAL_BYTES_MAX (256 * 1024 * 1024)
/* Names and number of a client's certificate, and all that is told of those that
 * vouch for it: what is longer is not told.  HTTP_TLS_BYTES_MAX has room. */
#define TLS_NAME_BYTES_MAX 700
#define TLS_SERIAL_BYTES_MAX 64
#define TLS_CHAIN_BYTES_MAX 3072
/* What is encrypted at once: the most that a record of TLS can have. */
#define TLS_RECORD_BYTES 16384
/* Of a handshake, sent together: a flight with a long chain of certificates. */
#define TLS_HELD_BYTES_MAX (64u * 1024)

/* Steps of handshakes in one turn of a loop: a step takes 100 us or more, and
 * others want their turns. */
#define HANDSHAKE_TURN_STEPS 16

/* What is read and thrown away after a response, to keep a connection. */
#define DRAIN_BYTES_MAX (64 * 1024)
/* And before a connection is closed, so that the answer is not lost. */
#define LINGER_BYTES_MAX (4 * 1024 * 1024)
#define LINGER_TIMEOUT_NS (5 * CLOCK_NS_PER_S)
/* A client that closes its side right after its request most likely waits for
 * the answer: so long it is not asked whether it does. */
#define HALF_CLOSE_PATIENCE_NS (30 * CLOCK_NS_PER_MS)
/* What cannot be asked is believed so long; so is one that does not react. */
#define HALF_CLOSED_TIMEOUT_NS (2 * CLOCK_NS_PER_S)
/* Its second leave would not be heard of: who was there is asked again. */
#define HALF_CLOSED_AGAIN_NS (5 * CLOCK_NS_PER_S)

/* Descriptors taken from one channel before others get a turn. */
#define CHANNEL_TURN_DESCRIPTORS 512
/* How often offers are looked at that a worker leaves lying. */
#define REVOKE_CHECK_MS 25
/* Where no other worker has room, they go back to the queue when the worker has
 * read nothing for so long: then it hangs, and is not merely late. */
#define REVOKE_ALONE_NS (CLOCK_NS_PER_S)
/* Deadlines of all requests are looked at no more often than this. */
#define DEADLINE_DISTANCE_NS (10 * CLOCK_NS_PER_MS)

/* Response body beyond the window before it counts as a lie. */
#define WINDOW_SLACK_BYTES (64 * 1024)
/* A worker's request-body window; more is granted in vain. */
#define BODY_CREDIT_MAX (UINT64_C(1) << 40)

/*
 * A body that comes in crumbs would fill the channel with blocks of a few
 * bytes.  After so many small pieces that the worker has not used yet, they
 * are gathered up to BODY_GATHER_BYTES or to the next tick, and after many
 * more not even a tick helps.
 */
#define BODY_SMALL_BYTES 1024
#define BODY_GATHER_BYTES 2048
#define BODY_PIECES_FREE 64
#define BODY_PIECES_MAX 1024

/* The coarse timer: time-outs, logs, date. */
#define TICK_MS 250
/* The minimum rate of receiving is judged over entityBodyTimeout; over this
 * where there is none. */
#define RECEIVE_RATE_WINDOW_NS (120 * CLOCK_NS_PER_S)
/* Memory that idles goes back this often. */
#define TRIM_TICKS 12

/* A loop's part of a log, handed to the writer when full or at a tick. */
#define LOG_CHUNK_BYTES (64 * 1024)
/* One line is never longer. */
#define LOG_LINE_MAX 16384
/* Waiting for a slow or full disk; what is beyond is dropped and counted. */
#define LOG_BACKLOG_BYTES (16 * 1024 * 1024)
/* The same of the sites' logs together; and how many have their file open. */
#define LOG_GROUP_BACKLOG_BYTES (64 * 1024 * 1024)
#define LOG_GROUP_FILES_MAX 128
/* A log that could not be renamed goes on under its name for so long. */
#define LOG_ROTATE_RETRY_SECONDS 60
/* After a failure, until the next try; for a reader that is slow. */
#define LOG_RETRY_MS 1000
#define LOG_RETRY_SOON_MS 50
/* Trouble that comes again sooner is not told again. */
#define LOG_TELL_AGAIN_NS (30 * CLOCK_NS_PER_S)

/* Loops that have not taken over a new configuration by then are not waited
 * for.  Less than the manager waits for us. */
#define READY_LIMIT_MS 4000u

/* A query is answered with what has come by then. */
#define QUERY_DEADLINE_MS 50
#define QUERY_REQUESTS_MAX 10000
#define QUERY_CACHE_MAX 1000
#define QUERY_LOGS_MAX 1000
#define QUERY_CLIENTS_MAX 10000 /* of each loop */

/* The response cache: what was not used for so long goes, looked at so often.
 * URLs that are known, though nothing of them is kept. */
#define CACHE_IDLE_NS (240 * CLOCK_NS_PER_S)
#define CACHE_SWEEP_NS (10 * CLOCK_NS_PER_S)
#define CACHE_BARE_URLS_MAX 1024
/* Requests that wait for an answer that another one fetches: of a loop, and
 * how long. */
#define CACHE_WAITING_MAX 4096
#define CACHE_WAIT_NS (2 * CLOCK_NS_PER_S)
/* A head that is kept. */
#define CACHE_HEAD_BYTES_MAX (16 * 1024)

/* HTTP/2: of a session and turn, read and gathered; and sent in a turn. */
#define HTTP2_INPUT_BYTES (64 * 1024)
#define HTTP2_BATCH_BYTES (64 * 1024)
#define HTTP2_TURN_BYTES (1024 * 1024)
#define HTTP2_FLUSH_ROUNDS 4
/* Answers to the frames of a client who does not read: it is not read either. */
#define HTTP2_CONTROL_BYTES 4096
/* Rates of frames: so much of them may come at once. */
#define HTTP2_FLOOD_SPAN_NS (10 * CLOCK_NS_PER_S)
/* A head beyond its limit is read so many times as far, to be answered. */
#define HTTP2_HEAD_PATIENCE 4
/* Between the two GOAWAY frames of a drain. */
#define HTTP2_DRAIN_DISTANCE_NS (200 * CLOCK_NS_PER_MS)

/* Told to clients that are turned away, in seconds. */
#define RETRY_AFTER_SECONDS "1"

/* Between two wishes of a loop that a busy pool get another worker. */
#define MORE_WORKERS_NS 200000000ull

#endif
