/* SPDX-License-Identifier: Apache-2.0
 *
 * Limits and times of the activation manager.
 */
#ifndef CORE_ACTIVATION_LIMITS_H
#define CORE_ACTIVATION_LIMITS_H

/* Largest rapidFailProtectionMaxCrashes. */
#define RAPID_FAIL_MAX 64

/* Delays before the next start after 1, 2, 3 ... failures in a row. */
#define BACKOFF_MAX_MS 1000

/* A listener that lived this long is started again at once. */
#define LISTENER_STEADY_NS 2000000000ull

/* A listener that was replaced leaves connections without a request open for
 * so long: their next request, which may be on its way, is served. */
#define UPGRADE_IDLE_MS 10000
/* Replaced ones that have not finished; no more upgrades then. */
#define UPGRADE_OLD_MAX 4

/* The listener's answer to a query; status answers without it after that. */
#define QUERY_LIMIT_MS 200
/* The same for its routes, of which there may be tens of thousands. */
#define QUERY_ROUTES_LIMIT_MS 5000
/* A worker that is to sleep: giving back gigabytes takes its time. */
#define PAGE_OUT_LIMIT_MS 5000

/* The listener's confirmation of new settings; the reload ends without. */
#define CONFIRM_LIMIT_MS 5000
/* Between two tries to hand over a configuration, without descriptors. */
#define TELL_AGAIN_MS 100

/* Workers of a pool that do not answer and are left alone: older ones are
 * killed. */
#define ORPHANS_MAX 3

/* A program that is run when a pool is disabled or a worker orphaned. */
#define ACTION_LIMIT_MS 30000

/* From aborting the requests of a worker to SIGTERM. */
#define ABORT_TO_TERM_MS 2000

/* From SIGTERM to SIGKILL: twice what a worker takes that heeds it, for a
 * busy machine. */
#define TERM_TO_KILL_MS 3000

/* A child that has said why it failed, or whose control socket hung up, is
 * expected to exit by itself. */
#define HANGUP_EXIT_MS 1000

/* Kept per pool. */
#define START_RECORDS_MAX 5
#define START_LINES_MAX 32
#define START_LINE_BYTES 512

/* Longest line taken from a child's stderr; the rest is a line of its own. */
#define CHILD_LINE_BYTES 4000

/* `portico-worker --check-config`, run by --check and before a reload. */
#define CHECK_LIMIT_MS 30000

/* One certificate with its chain, or a key; authorities of clients. */
#define CERTIFICATE_FILE_BYTES_MAX (256u << 10)
#define AUTHORITIES_FILE_BYTES_MAX (4u << 20)
/* That a certificate expires is said so long before. */
#define CERTIFICATE_SOON_S (14 * 86400)
/* How often their files are looked at. */
#define WATCH_MS_LEAST 500
#define WATCH_MS_PER_FILE 5
/* Answers of OCSP responders go to listeners together: the first waits for
 * others, and between two times there is more. */
#define RENEWAL_MS_FIRST 100
#define RENEWAL_MS_LEAST 2000

/* Commands connected at once. */
#define COMMANDS_MAX 64

#endif
