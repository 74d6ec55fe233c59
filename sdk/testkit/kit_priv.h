/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the test kit.
 *
 * The kit is the worker with its outside replaced.  These files of core/worker
 * are linked as they are: engine, fields, parameters, forms, variables,
 * response, filters, rewriting, modules and their settings.  These are the
 * kit's: requests (request.c), their bodies (body.c), where responses go
 * (out.c), suspension, time and tokens (async.c, token.c), and what remains of
 * loops (stand_in.c).  host.c has the table that modules get: each entry is
 * guarded, then the worker's or the kit's own.
 */
#ifndef SDK_TESTKIT_KIT_PRIV_H
#define SDK_TESTKIT_KIT_PRIV_H

#include <pthread.h>

#include <portico/testkit.h>

#include "core/base/arena.h"
#include "core/base/buffer.h"
#include "core/base/check.h"
#include "core/base/list.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/worker/attachment.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

#define KIT_MAGIC 0x4b495430u
#define KIT_REQUEST_MAGIC 0x4b495231u
#define KIT_TIMER_MAGIC 0x4b495432u
#define KIT_WATCH_MAGIC 0x4b495733u

/* Texts in the order in which they came. */
struct kit_texts {
	char **items;
	unsigned count;
};

/* A descriptor from portico_file_open, to be closed by the module. */
struct kit_descriptor {
	struct list link;
	int fd;
	uint64_t device, inode;
	bool adopted;
	char path[256];
};

/* A file from portico_file_adopt. */
struct kit_file {
	struct list link;
	struct portico_file *file; /* NULL: given back */
	unsigned refs; /* the module's; the host has more */
	int fd;
};

struct kit {
	unsigned magic;
	struct portico_worker *worker;
	struct portico_application *application;
	struct module_record *record; /* of the module */
	struct attachment attachment; /* for what the worker looks up there */
	struct kit_options options;
	struct list requests; /* of struct kit_request, until kit_close */
	struct list timers; /* of struct portico_timer, until kit_close */
	struct list watches; /* the same */
	struct list due; /* of struct kit_due, the first one first */
	struct list pumps; /* of struct offload_work: files through filters */
	struct list descriptors, files;
	bool opened; /* the modules have started: requests may run */
	pthread_t loop; /* the thread that called kit_open */
	pthread_mutex_t mutex; /* for texts, files, descriptors */
	uint64_t now; /* virtual, ns */
	uint64_t last_id;
	struct kit_faults *faults;
	struct kit_texts failures, logs, traces, raised;
	kit_subscriber_fn *subscriber;
	void *subscriber_arg;
};

/* What another handler answers. */
struct kit_piece {
	struct list link;
	enum {
		KIT_PIECE_CHUNK,
		KIT_PIECE_FLUSH,
		KIT_PIECE_FILE
	} kind;
	struct portico_file *file;
	uint64_t offset, length;
	size_t done;
	char *data;
};

struct kit_field {
	struct kit_field *next;
	char *name, *value;
};

/* How the module's functions for one event go on after a wait. */
struct kit_single {
	bool active;
	unsigned stage;
	unsigned next; /* subscriber */
	enum portico_verdict verdict;
};

struct kit_request {
	unsigned magic;
	struct kit *kit;
	struct list link; /* kit->requests */
	bool freed; /* by the test */
	bool started, ended, secure;
	char *line; /* "GET /path", for sentences */
	char *raw; /* head of kit_request_head, or NULL */
	struct buffer fields; /* lines of the head */
	struct http_address client;
	unsigned child_depth; /* 0: it is none */
	int64_t body_length; /* -2: no body */
	char *user, *user_type;
	void *head; /* struct http_request_head */

	struct list chunks; /* of the body, struct kit_piece */
	struct kit_piece *lent;
	struct buffer trailers; /* lines, until the body has ended */

	bool answers;
	unsigned answer_status;
	int64_t answer_length;
	struct kit_field *answer_fields;
	struct list answer_pieces;

	struct kit_single single;
	struct kit_tunnel *tunnel; /* tunnel.c; NULL: nothing of one */
	struct list work; /* struct kit_work, at most one */

	/* what has left */
	struct buffer sent;
	uint64_t files[16];
	unsigned file_count;
	bool aborted, cut;
	unsigned status, substatus;
	bool cache_allowed;
	uint64_t cache_ttl; /* ns */
	int64_t length;
	struct kit_field *response_fields, *response_trailers;
	const char *reason, *user_name, *rewritten; /* in texts */
	struct kit_texts texts;

	struct portico_request request; /* magic is wiped at its end */
};

extern struct kit *kit_now;

static inline struct kit_request *
kit_of(const struct portico_request *request)
{
	return CONTAINER_OF(request, struct kit_request, request);
}

/* ---- kit.c ------------------------------------------------------------------ */

/* One breach of the rules. */
void kit_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void kit_texts_add(struct kit_texts *texts, const char *text);
void kit_texts_free(struct kit_texts *texts);
void kit_field_add(struct kit_field **list, struct portico_slice name,
		   struct portico_slice value);
const struct kit_field *kit_field_find(const struct kit_field *list,
				       const char *name);
/* As the SDK's functions for fields do. */
bool kit_field_get(const struct kit_field *list, struct portico_slice name,
		   struct portico_slice *value_r);
void kit_fields_each(const struct kit_field *list, portico_field_fn *fn,
		     void *arg);
void kit_fields_free(struct kit_field **list);
struct kit_piece *kit_piece_add(struct list *list, const void *data,
				size_t length);
void kit_piece_free(struct kit_piece *piece);

/* ---- request.c ----------------------------------------------------------------- */

bool kit_begin(struct kit_request *request);
/* At kit_close. */
void kit_request_release(struct kit_request *request);

/* ---- run.c ---------------------------------------------------------------------- */

/* Lets everything run that can. */
void kit_turn(struct kit *kit);

/* ---- body.c ---------------------------------------------------------------------- */

void kit_body_drop(struct kit_request *request);

/* ---- trailer.c ------------------------------------------------------------------- */

/* The response is complete: what it has of them. */
void kit_trailers_leave(struct kit_request *request);

/* ---- answer.c -------------------------------------------------------------------- */

extern const struct portico_module kit_answer_module;

/* ---- async.c --------------------------------------------------------------------- */

void kit_work_drop(struct kit_request *request);
void kit_timers_free(struct kit *kit);

/* Offloaded work runs on this thread; its depth. */
extern _Thread_local unsigned kit_offloaded;

/* ---- token.c --------------------------------------------------------------------- */

/* Requests whose tokens were completed by other threads go on. */
void kit_tokens_collect(void);
/* Forgets all. */
void kit_tokens_reset(void);
struct portico_token kit_token_make(struct portico_request *request);
/* It is void from now on. */
void kit_token_cancel(const struct portico_request *request);
enum portico_status kit_token_complete(struct portico_token token);
/* The one that it waits for; value 0: none. */
struct portico_token kit_token_of(const struct portico_request *request);
/* The one of its tunnel that was not completed; value 0: none. */
struct portico_token kit_tunnel_token_of(const struct portico_request *request);

/* ---- faults.c -------------------------------------------------------------------- */

/* Does this call fail?  *status_r: how, if `status` is not 0. */
bool kit_fault(enum kit_fault_kind kind, const char *name,
	       enum portico_status usual, enum portico_status *status_r);

#endif
