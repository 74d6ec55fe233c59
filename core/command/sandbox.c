/* SPDX-License-Identifier: Apache-2.0
 *
 * A server of its own for one module.
 */
#include "core/command/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/buffer.h"
#include "core/base/error.h"
#include "core/base/io.h"
#include "core/command/client.h"
#include "core/command/installation.h"
#include "core/command/options.h"
#include "core/command/worker.h"

#define MODULE_BYTES_MAX (256u << 20)
#define DESCRIPTION_BYTES_MAX (4u << 20)

/* ---- the module ----------------------------------------------------------- */

/* What --describe-module --json has written. */
static bool
take_description(struct sandbox *sandbox, int fd)
{
	struct buffer text;
	json_t *json = NULL;
	const char *name;
	char path[64];

	/* Opened anew, it is read from its beginning. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	buffer_init(&text, 0);
	if (io_read_file(path, DESCRIPTION_BYTES_MAX, &text, NULL) ==
	    PORTICO_OK)
		json = json_loadb(text.data, text.length, 0, NULL);
	buffer_fini(&text);
	name = json_string_value(json_object_get(json, "name"));
	if (name != NULL)
		snprintf(sandbox->name, sizeof sandbox->name, "%s", name);
	sandbox->has_handlers =
		json_array_size(json_object_get(json, "handlers")) > 0;
	json_decref(json);
	return name != NULL;
}

bool
sandbox_check(struct sandbox *sandbox)
{
	const char *const check[] = { "--check-module", sandbox->file, NULL };
	const char *const describe[] = { "--describe-module", sandbox->file,
					 "--json", NULL };
	struct worker_run run = { .arguments = check,
				  .user = sandbox->user,
				  .about = sandbox->file,
				  .fd = -1 };
	bool good;

	/* What it says when all is well is of no interest here. */
	run.output = open("/dev/null", O_WRONLY | O_CLOEXEC);
	good = worker_run(&run) == 0;
	io_close(&run.output);
	if (!good)
		return false;
	run.arguments = describe;
	run.output = io_memfd_create("portico-description", 0, NULL);
	good = run.output >= 0 && worker_run(&run) == 0 &&
	       take_description(sandbox, run.output);
	if (run.output >= 0)
		io_close(&run.output);
	return good;
}

/* By a rename: a worker that has the old copy keeps it. */
static enum portico_status
copy_module(const struct sandbox *sandbox, struct portico_error *err)
{
	char path[PATH_MAX];
	enum portico_status status;
	struct buffer data;

	snprintf(path, sizeof path, "%s/%s.so", sandbox->directory,
		 sandbox->name);
	buffer_init(&data, 0);
	status = io_read_file(sandbox->file, MODULE_BYTES_MAX, &data, err);
	if (status == PORTICO_OK)
		status = io_write_file(path, data.data, data.length, 0755, err);
	buffer_fini(&data);
	return status;
}

/* ---- the directory -------------------------------------------------------- */

static json_t *
describe_handlers(const struct sandbox *sandbox)
{
	json_t *rows = json_array();

	if (sandbox->has_handlers)
		json_array_append_new(rows, json_pack("{s:s, s:s}", "path", "*",
						      "module", sandbox->name));
	/* Also for what the module's handler passes on. */
	if (sandbox->root != NULL || !sandbox->has_handlers)
		json_array_append_new(rows, json_pack("{s:s, s:s}", "path", "*",
						      "module", "static"));
	return rows;
}

/* Whoever stands at a breakpoint is late for everything. */
static void
lift_limits(json_t *server)
{
	static const char *const of_listener[] = { "headerWaitTimeout",
						   "connectionTimeout",
						   "entityBodyTimeout",
						   "drainEntityBodyTimeout" };
	static const char *const of_pool[] = { "queueTimeout",
					       "activationTimeout",
					       "responseIdleTimeout",
					       "revokeAfter" };
	json_t *listener = json_pack("{s:i, s:s, s:i, s:i}", "threads", 1,
				     "startupTimeLimit", "24h", "minSendRate",
				     0, "minReceiveRate", 0);
	json_t *pool =
		json_object_get(json_object_get(server, "pools"), "module");

	for (size_t i = 0; i < sizeof of_listener / sizeof *of_listener; i++)
		json_object_set_new(listener, of_listener[i], json_string("0"));
	for (size_t i = 0; i < sizeof of_pool / sizeof *of_pool; i++)
		json_object_set_new(pool, of_pool[i], json_string("0"));
	json_object_set_new(pool, "startupTimeLimit", json_string("24h"));
	json_object_set_new(pool, "threads", json_integer(1));
	json_object_set_new(server, "listener", listener);
}

static json_t *
describe_server(const struct sandbox *sandbox, const char *root)
{
	char modules[INSTALLATION_PATH_BYTES];
	json_t *application, *server;

	application = json_pack("{s:s, s:s, s:[s], s:o}", "pool", "module",
				"root", root, "modules", sandbox->name,
				"handlers", describe_handlers(sandbox));
	server = json_pack(
		"{s:s, s:o, s:s, s:s, s:{s:{s:o}}, s:{s:{s:s, s:b}}, "
		"s:{s:{s:[o], s:{s:o}}}}",
		/* porticod makes it, for those who write there. */
		"runtimeDirectory", sandbox->directory, "logDirectory",
		json_sprintf("%s/log", sandbox->directory), "controlSocket",
		"control.sock", "moduleDirectory",
		installation_path(INSTALLATION_MODULES, NULL, modules),
		"modules", sandbox->name, "file",
		json_sprintf("%s/%s.so", sandbox->directory, sandbox->name),
		"pools", "module", "startMode", "AlwaysRunning",
		"rapidFailProtection", 0, "sites", "module", "bindings",
		json_sprintf("http://127.0.0.1:%d", sandbox->port),
		"applications", "/", application);
	if (sandbox->user != NULL)
		json_object_set_new(server, "user", json_string(sandbox->user));
	if (sandbox->single && server != NULL)
		lift_limits(server);
	return server;
}

/* The module's section into the application of the server. */
static enum portico_status
add_settings(const struct sandbox *sandbox, json_t *server,
	     struct portico_error *err)
{
	json_error_t why;
	json_t *section, *application;

	if (sandbox->settings == NULL)
		return PORTICO_OK;
	section =
		json_load_file(sandbox->settings, JSON_REJECT_DUPLICATES, &why);
	if (section == NULL)
		return error_set(err, PORTICO_CONFIG,
				 "the settings %s:%d:%d: %s", sandbox->settings,
				 why.line, why.column, why.text);
	if (json_unpack(server, "{s:{s:{s:{s:o}}}}", "sites", "module",
			"applications", "/", &application) != 0) {
		json_decref(section);
		return error_set(err, PORTICO_NO_MEMORY, "out of memory");
	}
	json_object_set_new(application, sandbox->name, section);
	return PORTICO_OK;
}

static enum portico_status
write_configuration(const struct sandbox *sandbox, struct portico_error *err)
{
	char path[PATH_MAX], root[PATH_MAX];
	enum portico_status status;
	json_t *json;
	char *text;

	if (sandbox->root == NULL) {
		snprintf(root, sizeof root, "%s/empty", sandbox->directory);
		if (mkdir(root, 0755) != 0)
			return error_system(err, "making %s", root);
	} else if (realpath(sandbox->root, root) == NULL) {
		return error_system(err, "the directory %s", sandbox->root);
	}
	json = describe_server(sandbox, root);
	status = json == NULL ? PORTICO_OK : add_settings(sandbox, json, err);
	if (status != PORTICO_OK) {
		json_decref(json);
		return status;
	}
	text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	if (text == NULL)
		return error_set(err, PORTICO_INVALID,
				 "the name of the directory %s is no UTF-8",
				 root);
	snprintf(path, sizeof path, "%s/portico.json", sandbox->directory);
	status = io_write_file(path, text, strlen(text), 0644, err);
	free(text); /* jansson's */
	return status;
}

enum portico_status
sandbox_make_directory(struct sandbox *sandbox, struct portico_error *err)
{
	const char *base = getenv("TMPDIR");

	if (sandbox->directory[0] != '\0')
		return PORTICO_OK;
	snprintf(sandbox->directory, sizeof sandbox->directory,
		 "%s/portico-run-XXXXXX",
		 base == NULL || strlen(base) > 32 ? "/tmp" : base);
	if (mkdtemp(sandbox->directory) == NULL) {
		error_system(err, "making %s", sandbox->directory);
		sandbox->directory[0] = '\0';
		return err->status;
	}
	snprintf(sandbox->socket, sizeof sandbox->socket, "%s/control.sock",
		 sandbox->directory);
	/* The workers may be somebody else. */
	if (chmod(sandbox->directory, 0755) != 0)
		return error_system(err, "making %s", sandbox->directory);
	return PORTICO_OK;
}

static int
remove_one(const char *path, const struct stat *status, int type,
	   struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

/* ---- porticod ------------------------------------------------------------- */

static void
become_porticod(const struct sandbox *sandbox, int ready)
{
	char program[INSTALLATION_PATH_BYTES];
	char libexec[INSTALLATION_PATH_BYTES];
	char configuration[PATH_MAX], number[16];
	sigset_t none;

	snprintf(configuration, sizeof configuration, "%s/portico.json",
		 sandbox->directory);
	snprintf(number, sizeof number, "%d", ready);
	installation_path(INSTALLATION_SBIN, "porticod", program);
	installation_path(INSTALLATION_LIBEXEC, NULL, libexec);
	if (sandbox->single)
		snprintf(libexec, sizeof libexec, "%s/libexec",
			 sandbox->directory);
	setenv("PORTICO_LIBEXEC_DIR", libexec, 1);
	/* Ctrl-C is for us alone; we stop it.  If we are killed, it ends. */
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	io_set_cloexec(ready, false);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execl(program, "porticod", "--config", configuration, "--ready-fd",
	      number, "--log-level", "warning", (char *)NULL);
	fprintf(stderr, "portico: starting %s: %s\n", program, strerror(errno));
	_exit(127);
}

/* Until porticod has written to the pipe, or ended. */
static enum portico_status
await_ready(int ready, struct portico_error *err)
{
	struct pollfd waiter = { .fd = ready, .events = POLLIN };
	char text[64];
	int count;

	do
		count = poll(&waiter, 1, SANDBOX_START_LIMIT_MS);
	while (count < 0 && errno == EINTR);
	if (count <= 0)
		return error_set(err, PORTICO_TIMED_OUT,
				 "porticod does not serve after %d s",
				 SANDBOX_START_LIMIT_MS / 1000);
	if (read(ready, text, sizeof text) <= 0)
		return error_set(err, PORTICO_CLOSED,
				 "porticod ended; its messages say why");
	return PORTICO_OK;
}

static enum portico_status
find_port(struct sandbox *sandbox, struct portico_error *err)
{
	json_t *answer = NULL;
	enum portico_status status = client_ask(
		sandbox->socket, json_pack("{s:s}", "type", "listener-show"),
		CLIENT_TIMEOUT_S, &answer, err);

	if (status != PORTICO_OK)
		return status;
	sandbox->port = (int)json_integer_value(json_object_get(
		json_array_get(json_object_get(answer, "bindings"), 0),
		"port"));
	json_decref(answer);
	return PORTICO_OK;
}

enum portico_status
sandbox_start(struct sandbox *sandbox, struct portico_error *err)
{
	enum portico_status status = sandbox_make_directory(sandbox, err);
	int ready[2];

	if (status == PORTICO_OK)
		status = copy_module(sandbox, err);
	if (status == PORTICO_OK)
		status = write_configuration(sandbox, err);
	if (status != PORTICO_OK)
		return status;
	if (pipe2(ready, O_CLOEXEC) != 0)
		return error_system(err, "starting porticod");
	fflush(NULL);
	sandbox->pid = fork();
	if (sandbox->pid == 0)
		become_porticod(sandbox, ready[1]);
	io_close(&ready[1]);
	if (sandbox->pid < 0) {
		sandbox->pid = 0;
		status = error_system(err, "starting porticod");
	} else {
		sandbox->pidfd = io_pidfd_open(sandbox->pid);
		status = await_ready(ready[0], err);
	}
	io_close(&ready[0]);
	if (status == PORTICO_OK)
		status = find_port(sandbox, err);
	return status;
}

enum portico_status
sandbox_renew(struct sandbox *sandbox, struct portico_error *err)
{
	enum portico_status status = copy_module(sandbox, err);
	json_t *answer = NULL;

	if (status == PORTICO_OK)
		status = client_ask(sandbox->socket,
				    json_pack("{s:s, s:s}", "type",
					      "pool-recycle", "pool", "module"),
				    CLIENT_TIMEOUT_S, &answer, err);
	if (status != PORTICO_OK)
		return status;
	if (!json_is_true(json_object_get(answer, "ok")))
		status = error_set(
			err, PORTICO_STATE, "%s",
			json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return status;
}

static bool
stop_porticod(struct sandbox *sandbox)
{
	struct pollfd waiter = { .fd = sandbox->pidfd, .events = POLLIN };
	bool in_time = true;
	int status = 0, count;

	kill(sandbox->pid, SIGTERM);
	if (sandbox->pidfd >= 0) {
		do
			count = poll(&waiter, 1, SANDBOX_STOP_LIMIT_MS);
		while (count < 0 && errno == EINTR);
		in_time = count > 0;
		io_close(&sandbox->pidfd);
	}
	if (!in_time)
		kill(sandbox->pid, SIGKILL);
	while (waitpid(sandbox->pid, &status, 0) < 0 && errno == EINTR)
		;
	sandbox->pid = 0;
	return in_time && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool
sandbox_stop(struct sandbox *sandbox)
{
	bool good = true;

	if (sandbox->pid != 0)
		good = stop_porticod(sandbox);
	if (sandbox->directory[0] != '\0')
		nftw(sandbox->directory, remove_one, 16,
		     FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	sandbox->directory[0] = '\0';
	return good;
}
