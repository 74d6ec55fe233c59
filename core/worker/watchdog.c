/* SPDX-License-Identifier: Apache-2.0
 *
 * The watchdog.  Each call of a module changes the activity word of its loop
 * (calls.h); a word that says "inside" and is the same for longer than the
 * limit is a module that does not return.
 *
 * What it is doing only its own thread can tell without a race: it gets a
 * signal, and the handler writes the addresses of the stack, the module and
 * the request into memory that was made before, for the watchdog to name.
 * A system call of the module may end early by it (EINTR), once for each time
 * that a module holds a loop up.
 */
#include "core/worker/watchdog.h"

#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/worker/calls.h"
#include "core/worker/program.h"
#include "core/worker/request.h"
#include "core/worker/worker.h"

#define WATCHDOG_MAGIC 0x57444f47u
#define WATCHDOG_SIGNAL SIGRTMIN
#define FRAMES_MAX 48
#define FRAMES_SKIPPED 2 /* the handler, and what called it */
#define IDLE_PERIOD_NS (2 * CLOCK_NS_PER_S)
#define ANSWER_NS (500 * CLOCK_NS_PER_MS)

/* What a handler has seen. */
struct sight {
	const struct portico_self *self; /* NULL: no module runs */
	const char *event;
	bool has_request;
	uint64_t request;
	char method[16], target[256];
	void *frames[FRAMES_MAX];
	int frame_count;
};

struct watched {
	uint64_t activity, since; /* word, and when it was seen first */
	bool told; /* this and the next: under `lock` */
	char who[128];
};

struct watchdog {
	unsigned magic;
	struct portico_worker *worker;
	uint64_t limit_ns;
	pthread_t thread;
	pthread_mutex_t lock;
	sem_t stop;
	struct watched main; /* its thread: global events only */
	struct watched loops[];
};

/* One at a time, who holds `looking`: the watchdog or the main thread asks, a
 * loop's thread answers. */
static pthread_mutex_t looking = PTHREAD_MUTEX_INITIALIZER;
static struct sight sight;
static sem_t answered;

/* ---- on the loop's thread, in a handler -------------------------------------------- */

static void
copy(char *to, size_t size, struct portico_slice text)
{
	size_t length = text.length < size - 1 ? text.length : size - 1;

	if (length > 0)
		memcpy(to, text.data, length);
	to[length] = '\0';
}

static void
see_request(const struct portico_request *request)
{
	sight.self = request->current;
	sight.has_request = true;
	sight.request = request->head->request_id;
	copy(sight.method, sizeof(sight.method),
	     http_request_head_slice(request->head,
				     request->head->method_name));
	copy(sight.target, sizeof(sight.target),
	     http_request_head_slice(request->head, request->head->target));
	if (request->step != NULL)
		sight.event = pipeline_event_name(
			(enum portico_event)request->step->event);
}

static void
on_signal(int number)
{
	const struct worker_loop *loop = loop_current();
	int error = errno;

	(void)number;
	if (loop != NULL) {
		sight.self = loop->callback;
		sight.event = "a callback";
		if (loop->running != NULL)
			see_request(loop->running);
	}
	sight.frame_count = backtrace(sight.frames, FRAMES_MAX);
	sem_post(&answered);
	errno = error;
}

/* ---- on the watchdog's --------------------------------------------------------------- */

static void
after_ns(struct timespec *time, uint64_t ns)
{
	clock_gettime(CLOCK_REALTIME, time);
	ns += (uint64_t)time->tv_nsec;
	time->tv_sec += (time_t)(ns / CLOCK_NS_PER_S);
	time->tv_nsec = (long)(ns % CLOCK_NS_PER_S);
}

/* False: its thread does not take signals now. */
static bool
look_at(struct worker_loop *loop)
{
	struct timespec limit;
	int result;

	while (sem_trywait(&answered) == 0)
		;
	memset(&sight, 0, sizeof(sight));
	if (syscall(SYS_tgkill, getpid(), atomic_load(&loop->tid),
		    WATCHDOG_SIGNAL) != 0)
		return false;
	after_ns(&limit, ANSWER_NS);
	do
		result = sem_timedwait(&answered, &limit);
	while (result != 0 && errno == EINTR);
	return result == 0;
}

static void
tell_stack(const struct log_context *context)
{
	char **names;

	if (sight.frame_count <= FRAMES_SKIPPED)
		return;
	names = backtrace_symbols(sight.frames + FRAMES_SKIPPED,
				  sight.frame_count - FRAMES_SKIPPED);
	for (int i = 0; names != NULL && i < sight.frame_count - FRAMES_SKIPPED;
	     i++)
		log_warn(4073, context, "  #%d %s", i, names[i]);
	/* The C library's own. */
	mem_free(names);
}

static const struct log_context *
context_of(const struct watchdog *watchdog, struct request_context *storage)
{
	storage->pool = (struct log_context){
		.name = "pool",
		.value = watchdog->worker->pool.data,
	};
	if (!sight.has_request)
		return &storage->pool;
	snprintf(storage->id_text, sizeof(storage->id_text), "%016" PRIx64,
		 sight.request);
	storage->id = (struct log_context){
		.parent = &storage->pool,
		.name = "request",
		.value = storage->id_text,
	};
	return &storage->id;
}

/* With `looking`. */
static void
tell_seen(struct watchdog *watchdog, struct worker_loop *loop, uint64_t since)
{
	struct watched *watched = &watchdog->loops[loop->number];
	struct request_context storage;
	bool seen = look_at(loop);
	double seconds = (double)(clock_monotonic_ns() - since) / 1e9;

	/* It has returned just now. */
	if (atomic_load(&loop->activity) != watched->activity)
		return;
	pthread_mutex_lock(&watchdog->lock);
	watched->told = true;
	if (seen)
		snprintf(watched->who, sizeof(watched->who),
			 "module \"%s\" (%s)",
			 sight.self == NULL ? "" : sight.self->record->name,
			 sight.event == NULL ? "" : sight.event);
	else
		snprintf(watched->who, sizeof(watched->who), "a module");
	pthread_mutex_unlock(&watchdog->lock);
	if (!seen) {
		log_warn(4074, context_of(watchdog, &storage),
			 "loop %u has been held up for %.1f s, and its thread "
			 "does not take signals",
			 loop->number, seconds);
		return;
	}
	log_warn(4070, context_of(watchdog, &storage),
		 "%s has held loop %u up for %.1f s%s%s%s%s; its stack follows",
		 watched->who, loop->number, seconds,
		 sight.has_request ? ": " : "", sight.method,
		 sight.has_request ? " " : "", sight.target);
	tell_stack(context_of(watchdog, &storage));
}

static void
tell_blocked(struct watchdog *watchdog, struct worker_loop *loop,
	     uint64_t since)
{
	pthread_mutex_lock(&looking);
	tell_seen(watchdog, loop, since);
	pthread_mutex_unlock(&looking);
}

bool
watchdog_describe(struct watchdog *watchdog, uint32_t loop, char *text,
		  size_t size)
{
	const struct watched *watched;
	bool told;

	if (watchdog == NULL || loop >= watchdog->worker->loop_count)
		return false;
	watched = &watchdog->loops[loop];
	pthread_mutex_lock(&watchdog->lock);
	told = watched->told;
	if (told)
		snprintf(text, size, "%s has held loop %u up for %.1f s",
			 watched->who, loop,
			 (double)(clock_monotonic_ns() - watched->since) / 1e9);
	pthread_mutex_unlock(&watchdog->lock);
	return told;
}

/* Whether anything has happened on it since the last time. */
static bool
watch(struct watchdog *watchdog, struct worker_loop *loop)
{
	struct watched *watched = &watchdog->loops[loop->number];
	uint64_t activity = atomic_load(&loop->activity);
	uint64_t now = clock_monotonic_ns();

	if (activity != watched->activity) {
		if (watched->told)
			log_warn(4071, NULL,
				 "%s goes on: loop %u was held up for %.1f s",
				 watched->who, loop->number,
				 (double)(now - watched->since) / 1e9);
		pthread_mutex_lock(&watchdog->lock);
		*watched =
			(struct watched){ .activity = activity, .since = now };
		pthread_mutex_unlock(&watchdog->lock);
		return true;
	}
	if ((activity & 1) == 0)
		return false;
	if (!watched->told && now - watched->since >= watchdog->limit_ns)
		tell_blocked(watchdog, loop, watched->since);
	return true;
}

/*
 * The main thread runs no requests, and what modules do there is not timed:
 * only who it is that it waits for is seen.
 */
static bool
watch_main(struct watchdog *watchdog)
{
	struct globals *globals = &watchdog->worker->globals;
	const struct module_record *record = atomic_load(&globals->telling);
	uint64_t activity = atomic_load(&globals->told);
	uint64_t now = clock_monotonic_ns();
	struct watched *watched = &watchdog->main;

	if (activity != watched->activity) {
		*watched =
			(struct watched){ .activity = activity, .since = now };
		return true;
	}
	if (record == NULL)
		return false;
	if (!watched->told && now - watched->since >= watchdog->limit_ns) {
		watched->told = true;
		log_warn(4075, NULL,
			 "module \"%s\" has held the main thread up for "
			 "%.1f s in global event %s",
			 record->name, (double)(now - watched->since) / 1e9,
			 globals_event_name(
				 (enum portico_global_event)atomic_load(
					 &globals->event)));
	}
	return true;
}

static void *
run_thread(void *arg)
{
	struct watchdog *watchdog = arg;
	struct portico_worker *worker = watchdog->worker;
	uint64_t period = watchdog->limit_ns / 4;

	for (;;) {
		struct timespec until;
		bool busy = watch_main(watchdog);

		for (uint32_t i = 0; i < worker->loop_count; i++)
			busy = watch(watchdog, &worker->loops[i]) || busy;
		/* Where nothing happens it is not awake all the time. */
		if (busy)
			period = watchdog->limit_ns / 4;
		else if (period * 2 <= IDLE_PERIOD_NS)
			period *= 2;
		after_ns(&until, period);
		if (sem_timedwait(&watchdog->stop, &until) == 0)
			return NULL;
	}
}

/* ---- beginning and end ------------------------------------------------------------------- */

static void
handle_signal(void)
{
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_RESTART };
	void *warm_up[1];

	/* The first backtrace() loads libgcc, which a handler must not do. */
	backtrace(warm_up, 1);
	sem_init(&answered, 0, 0);
	sigemptyset(&action.sa_mask);
	sigaction(WATCHDOG_SIGNAL, &action, NULL);
}

static void
handle_signal_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, handle_signal);
}

/* ---- for whoever asks ---------------------------------------------------- */

static json_t *
describe_frames(void)
{
	int count = sight.frame_count - FRAMES_SKIPPED;
	json_t *frames = json_array();
	char **names =
		count <= 0 ?
			NULL :
			backtrace_symbols(sight.frames + FRAMES_SKIPPED, count);

	for (int i = 0; names != NULL && i < count; i++)
		json_array_append_new(frames, json_string(names[i]));
	/* The C library's own. */
	mem_free(names);
	return frames;
}

/* With `looking`. */
static json_t *
describe_loop(struct worker_loop *loop)
{
	json_t *row = json_pack("{s:I}", "loop", (json_int_t)loop->number);
	char id[17];

	if (!look_at(loop))
		return row;
	json_object_set_new(row, "frames", describe_frames());
	if (sight.self == NULL)
		return row;
	json_object_set_new(row, "module",
			    json_string(sight.self->record->name));
	if (sight.event != NULL)
		json_object_set_new(row, "event", json_string(sight.event));
	if (!sight.has_request)
		return row;
	snprintf(id, sizeof(id), "%016" PRIx64, sight.request);
	json_object_set_new(row, "request", json_string(id));
	json_object_set_new(row, "method", json_string(sight.method));
	/* As the client sent it: maybe no UTF-8, and then it is left out. */
	json_object_set_new(row, "target", json_string(sight.target));
	return row;
}

json_t *
watchdog_stacks(struct portico_worker *worker)
{
	json_t *threads = json_array();

	CHECK(worker, WORKER_MAGIC);
	handle_signal_once();
	pthread_mutex_lock(&looking);
	for (uint32_t i = 0; i < worker->loop_count; i++)
		json_array_append_new(threads,
				      describe_loop(&worker->loops[i]));
	pthread_mutex_unlock(&looking);
	return threads;
}

enum portico_status
watchdog_start(struct portico_worker *worker, uint64_t limit_ns,
	       struct watchdog **watchdog_r, struct portico_error *err)
{
	struct watchdog *watchdog;
	sigset_t all, before;
	int status;

	CHECK(worker, WORKER_MAGIC);
	*watchdog_r = NULL;
	if (limit_ns == 0)
		return PORTICO_OK;
	handle_signal_once();
	watchdog = mem_zalloc(sizeof(*watchdog) +
			      worker->loop_count * sizeof(watchdog->loops[0]));
	watchdog->magic = WATCHDOG_MAGIC;
	watchdog->worker = worker;
	watchdog->limit_ns = limit_ns;
	sem_init(&watchdog->stop, 0, 0);
	pthread_mutex_init(&watchdog->lock, NULL);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	status = pthread_create(&watchdog->thread, NULL, run_thread, watchdog);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status != 0) {
		mem_free(watchdog);
		return error_os(err, status, "starting the watchdog's thread");
	}
	*watchdog_r = watchdog;
	return PORTICO_OK;
}

void
watchdog_stop(struct watchdog **watchdog_p)
{
	struct watchdog *watchdog = *watchdog_p;

	*watchdog_p = NULL;
	if (watchdog == NULL)
		return;
	CHECK(watchdog, WATCHDOG_MAGIC);
	sem_post(&watchdog->stop);
	pthread_join(watchdog->thread, NULL);
	sem_destroy(&watchdog->stop);
	pthread_mutex_destroy(&watchdog->lock);
	watchdog->magic = 0;
	mem_free(watchdog);
}
