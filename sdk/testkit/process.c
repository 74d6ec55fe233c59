/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes of modules: supervised by the worker's own code, which is included
 * with virtual time instead of libuv's, and with children that are none.
 * What a module has freed stays until kit_close, so that late uses are known.
 */
#include "sdk/testkit/area.h"
#include "sdk/testkit/clock.h"
#include "sdk/testkit/guard.h"

#include "core/base/clock.h"
#include "core/worker/child_process.h"
#include "core/worker/main_loop.h"

/* A timer, or what is left of it. */
struct kit_timer {
	struct kit_due due;
	struct list link; /* closed */
	void *data;
	void (*fn)(struct kit_timer *timer);
	void (*on_closed)(struct kit_timer *timer);
};

static struct list closed = LIST_INIT(closed);

static void
on_due(struct kit_due *due)
{
	struct kit_timer *timer = CONTAINER_OF(due, struct kit_timer, due);
	enum kit_place outer = kit_enter(KIT_PLACE_MAIN);

	timer->fn(timer);
	kit_leave(outer);
}

static void
timer_init(uv_loop_t *uv, struct kit_timer *timer)
{
	(void)uv;
	list_init(&timer->due.link);
	list_init(&timer->link);
}

static void
timer_start(struct kit_timer *timer, void (*fn)(struct kit_timer *),
	    uint64_t delay_ms, uint64_t repeat_ms)
{
	(void)repeat_ms;
	timer->fn = fn;
	kit_due_set(&timer->due, delay_ms * CLOCK_NS_PER_MS, on_due);
}

static void
timer_stop(struct kit_timer *timer)
{
	kit_due_unset(&timer->due);
}

static void
timer_close(struct kit_timer *timer, void (*on_closed)(struct kit_timer *))
{
	kit_due_unset(&timer->due);
	timer->on_closed = on_closed;
	list_add_tail(&closed, &timer->link);
}

#define uv_timer_t struct kit_timer
#define uv_handle_t struct kit_timer
#define uv_timer_init timer_init
#define uv_timer_start timer_start
#define uv_timer_stop timer_stop
#define uv_close timer_close
#define clock_monotonic_ns() (kit_now->now)
#include "core/worker/host_process.c" /* for its static functions */
#undef uv_timer_t
#undef uv_handle_t

#include <portico/testkit_process.h>

#define FIRST_PID 1000001

/* What the test knows of one. */
struct known {
	struct list link; /* all */
	struct portico_process *process;
	char **argv, **environment;
	char *directory;
	uint64_t starts;
	int last_signal;
	bool runs;
};

static struct list all = LIST_INIT(all);
static int refused; /* errno */
static pid_t last_pid = FIRST_PID - 1;

/* ---- children that are none ------------------------------------------------------- */

static struct known *
known_by_command(const struct child_command *command)
{
	LIST_FOREACH(struct known, link, known, &all)
		if (command == &known->process->command)
			return known;
	UNREACHABLE();
}

static struct known *
known_by_child(const struct child_process *child)
{
	LIST_FOREACH(struct known, link, known, &all)
		if (known->process->child == child)
			return known;
	UNREACHABLE();
}

int
child_process_start(uv_loop_t *uv, const struct child_command *command,
		    struct child_process **child_r)
{
	struct known *known = known_by_command(command);
	struct child_process *child;

	(void)uv;
	*child_r = NULL;
	known->starts++;
	if (refused != 0)
		return refused;
	child = mem_zalloc(sizeof(*child));
	child->magic = CHILD_PROCESS_MAGIC;
	child->pid = ++last_pid;
	known->runs = true;
	*child_r = child;
	return 0;
}

/* The end comes in the next turn, as from the kernel. */
void
child_process_signal(const struct child_process *child, int signal_number)
{
	known_by_child(child)->last_signal = signal_number;
}

void
child_process_free(struct child_process **child_p)
{
	if (*child_p == NULL)
		return;
	known_by_child(*child_p)->runs = false;
	(*child_p)->magic = 0;
	mem_free(*child_p);
	*child_p = NULL;
}

void
child_process_kill(struct child_process **child_p)
{
	struct known *known = known_by_child(*child_p);

	if (kit_now->options.strict)
		kit_fail("the process %s runs at the end of the worker "
			 "(portico_process_stop)",
			 known->argv[0]);
	child_process_free(child_p);
}

static void
exits(struct known *known, int how)
{
	struct child_process *child = known->process->child;
	enum kit_place outer = kit_enter(KIT_PLACE_MAIN);

	child->on_exit(child, how, child->arg);
	kit_leave(outer);
}

bool
kit_process_turn(void)
{
	LIST_FOREACH(struct known, link, known, &all) {
		if (!known->runs || known->last_signal != SIGKILL)
			continue;
		exits(known, SIGKILL);
		return true;
	}
	return false;
}

/* ---- what modules call --------------------------------------------------------------- */

static bool
guard_process(const struct portico_process *process, const char *name)
{
	LIST_FOREACH(struct known, link, known, &all) {
		if (known->process != process)
			continue;
		if (!process->freed)
			return true;
		kit_fail("%s: %s: the process was freed before", name,
			 known->argv[0]);
		return false;
	}
	kit_fail("%s: this is no process", name);
	return false;
}

static char **
copy_texts(char *const *texts)
{
	size_t count = 0;
	char **copy;

	while (texts[count] != NULL)
		count++;
	copy = mem_zalloc((count + 1) * sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = mem_strdup(texts[i]);
	return copy;
}

static void
free_texts(char **texts)
{
	for (size_t i = 0; texts[i] != NULL; i++)
		mem_free(texts[i]);
	mem_free(texts);
}

static enum portico_status
process_start(struct portico_self *self,
	      const struct portico_process_options *options, size_t size,
	      struct portico_process **process_r, struct portico_error *err)
{
	enum portico_status status;
	struct known *known;

	*process_r = NULL;
	if (kit_fault(KIT_FAULT_WAIT, "portico_process_start", PORTICO_FULL,
		      &status))
		return error_set(err, status, "the test says no");
	status = host_process_start(self, options, size, process_r, err);
	if (status != PORTICO_OK)
		return status;
	known = mem_zalloc(sizeof(*known));
	known->process = *process_r;
	known->argv = copy_texts(known->process->command.argv);
	known->environment = copy_texts(known->process->command.environment);
	if (known->process->command.directory != NULL)
		known->directory =
			mem_strdup(known->process->command.directory);
	list_init(&known->link);
	list_add_tail(&all, &known->link);
	return PORTICO_OK;
}

static void
process_stop(struct portico_process *process)
{
	if (guard_process(process, "portico_process_stop"))
		host_process_stop(process);
}

static void
process_free(struct portico_process *process)
{
	if (process != NULL && guard_process(process, "portico_process_free"))
		host_process_free(process);
}

static int64_t
process_pid(struct portico_process *process)
{
	return guard_process(process, "portico_process_pid") ?
		       host_process_pid(process) :
		       0;
}

const struct portico_host_process kit_host_process = {
	.size = sizeof(struct portico_host_process),
	.start = process_start,
	.stop = process_stop,
	.free = process_free,
	.pid = process_pid,
	.port = host_process_port,
};

/* ---- what tests call ------------------------------------------------------------------- */

static struct known *
find(const struct kit *kit, unsigned number)
{
	CHECK(kit, KIT_MAGIC);
	LIST_FOREACH(struct known, link, known, &all)
		if (number-- == 0)
			return known;
	return NULL;
}

unsigned
kit_processes(const struct kit *kit)
{
	unsigned count = 0;

	while (find(kit, count) != NULL)
		count++;
	return count;
}

const char *
kit_process_argument(const struct kit *kit, unsigned number, unsigned index)
{
	const struct known *known = find(kit, number);

	for (unsigned i = 0; known != NULL && known->argv[i] != NULL; i++)
		if (i == index)
			return known->argv[i];
	return NULL;
}

const char *
kit_process_environment(const struct kit *kit, unsigned number,
			const char *name)
{
	const struct known *known = find(kit, number);
	size_t length = strlen(name);

	for (unsigned i = 0; known != NULL && known->environment[i] != NULL;
	     i++)
		if (strncmp(known->environment[i], name, length) == 0 &&
		    known->environment[i][length] == '=')
			return known->environment[i] + length + 1;
	return NULL;
}

const char *
kit_process_directory(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known == NULL ? NULL : known->directory;
}

bool
kit_process_runs(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known != NULL && known->runs;
}

uint64_t
kit_process_starts(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known == NULL ? 0 : known->starts;
}

int
kit_process_signal(const struct kit *kit, unsigned number)
{
	const struct known *known = find(kit, number);

	return known == NULL ? 0 : known->last_signal;
}

static struct known *
find_running(const struct kit *kit, unsigned number, const char *name)
{
	if (kit_process_runs(kit, number))
		return find(kit, number);
	kit_fail("%s: no process %u runs", name, number);
	return NULL;
}

void
kit_process_line(struct kit *kit, unsigned number, const char *line)
{
	struct known *known = find_running(kit, number, "kit_process_line");
	struct child_process *child = known == NULL ? NULL :
						      known->process->child;

	if (child != NULL)
		child->on_line(child, line, child->arg);
}

void
kit_process_exit(struct kit *kit, unsigned number, int status)
{
	struct known *known = find_running(kit, number, "kit_process_exit");

	if (known == NULL)
		return;
	exits(known, W_EXITCODE(status & 0xff, 0));
	kit_turn(kit);
}

void
kit_process_kill(struct kit *kit, unsigned number, int signal_number)
{
	struct known *known = find_running(kit, number, "kit_process_kill");

	if (known == NULL)
		return;
	exits(known, W_EXITCODE(0, signal_number));
	kit_turn(kit);
}

void
kit_process_refuse(struct kit *kit, int error)
{
	CHECK(kit, KIT_MAGIC);
	refused = error;
}

/* ---- the end ------------------------------------------------------------------------------ */

void
kit_process_stop(void)
{
	processes_end();
}

void
kit_process_close(void)
{
	LIST_FOREACH_SAFE(struct known, link, known, &all) {
		list_remove(&known->link);
		free_texts(known->argv);
		free_texts(known->environment);
		mem_free(known->directory);
		mem_free(known);
	}
	processes_close();
	while (!list_empty(&closed)) {
		struct kit_timer *timer =
			LIST_FIRST(struct kit_timer, link, &closed);

		list_remove(&timer->link);
		timer->on_closed(timer);
	}
	atomic_store(&processes.stopping, false);
	processes.closed = false;
	refused = 0;
	last_pid = FIRST_PID - 1;
}
