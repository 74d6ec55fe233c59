/* SPDX-License-Identifier: Apache-2.0
 *
 * Confining children.
 */
#include "core/activation/confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/activation/cgroup.h"
#include "core/activation/core_files.h"
#include "core/activation/identity.h"
#include "core/activation/metering.h"
#include "core/activation/temporary.h"
#include "core/base/error.h"
#include "core/base/memory.h"
#include "core/base/slice.h"
#include "core/config/settings.h"

#define TMPDIR_PREFIX "TMPDIR="
/* Without control groups, of a pool that gives way to all others. */
#define NICE_MOST 19

const struct confinement confinement_plain = { .umask = 027 };

/* ---- made ready ---------------------------------------------------------- */

static void
add_limit(struct confinement *confinement, const char *name, int resource,
	  uint64_t value)
{
	if (value > 0)
		confinement->limits[confinement->limit_count++] =
			(struct confinement_limit){ .name = name,
						    .resource = resource,
						    .value = value };
}

static void
init_cores(struct confinement *confinement, const struct settings_pool *pool)
{
	const struct settings_failure *failure = &pool->failure;
	uint64_t size = pool->limits.core;
	char path[CORE_FILES_PATH_SIZE];

	if (failure->core_dump == SETTINGS_CORE_NONE)
		size = CORE_FILES_NO_BYTES;
	else if (failure->core_dump == SETTINGS_CORE_FULL && size == 0)
		size = RLIM_INFINITY;
	add_limit(confinement, "limits.coreFile", RLIMIT_CORE, size);
	if (size == RLIM_INFINITY)
		confinement->limits[confinement->limit_count - 1].modest = true;
	if (failure->core_dump == SETTINGS_CORE_NONE ||
	    !core_files_prepare(pool, path))
		return;
	confinement->cores = mem_alloc(strlen(path) + TEMPORARY_PID_SIZE);
	memcpy(confinement->cores, path, strlen(path) + 1);
}

static bool
is_below_tmp(const char *path)
{
	return path != NULL &&
	       (settings_path_covers(slice_from("/tmp"), slice_from(path)) ||
		settings_path_covers(slice_from("/var/tmp"), slice_from(path)));
}

/* Whether the pool's workers need something that a /tmp of their own hides. */
static bool
needs_tmp(const struct settings *settings, const struct settings_pool *pool)
{
	for (size_t i = 0; i < settings->module_count; i++)
		if (is_below_tmp(settings->modules[i].file))
			return true;
	for (size_t i = 0; i < settings->site_count; i++) {
		const struct settings_site *site = &settings->sites[i];

		for (size_t k = 0; k < site->application_count; k++)
			if (site->applications[k].pool == pool &&
			    is_below_tmp(site->applications[k].root))
				return true;
	}
	return false;
}

/* Root in a container may lack it. */
static bool
may_mount(void)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3,
						   0 };
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &header, data) == 0 &&
	       (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

static bool
has_own_tmpdir(const struct settings_pool *pool)
{
	for (size_t i = 0; i < pool->environment_count; i++)
		if (strcmp(pool->environment[i].name, "TMPDIR") == 0)
			return true;
	return false;
}

static enum portico_status
init_landlock(struct confinement *confinement, const struct settings *settings,
	      const struct settings_pool *pool, const char *program,
	      struct portico_error *err)
{
	if (pool->isolation.file_system == SETTINGS_MEANS_OFF)
		return PORTICO_OK;
	landlock_init(&confinement->landlock, settings, pool, program);
	if (confinement->landlock.abi > 0 ||
	    pool->isolation.file_system != SETTINGS_MEANS_REQUIRED)
		return PORTICO_OK;
	return error_system(err, "isolation.fileSystem is required, and this "
				 "kernel has no Landlock");
}

/* Those of the pool that need control groups, as far as there are some. */
static enum portico_status
init_groups(struct confinement *confinement, const struct settings *settings,
	    const struct settings_pool *pool, struct portico_error *err)
{
	bool gives_way = cgroup_is_wanted(pool, CGROUP_CPU) &&
			 pool->cpu.action == SETTINGS_CPU_THROTTLE_UNDER_LOAD;
	bool any = false;
	unsigned missing;

	for (int i = 0; i < CGROUP_COUNT; i++)
		any = any || cgroup_is_wanted(pool, (enum cgroup_controller)i);
	if (!any)
		return PORTICO_OK;
	confinement->groups = mem_zalloc(sizeof *confinement->groups);
	cgroup_prepare(settings, pool, confinement->groups);
	missing = confinement->groups->missing;
	if (gives_way && (missing & 1u << CGROUP_CPU) != 0)
		confinement->nice = NICE_MOST;
	for (int i = 0; i < CGROUP_COUNT; i++)
		if (pool->limits.groups == SETTINGS_MEANS_REQUIRED &&
		    (missing & 1u << i) != 0)
			return error_set(
				err, PORTICO_STATE,
				"limits.controlGroups is required: %s",
				cgroup_missing(pool, (enum cgroup_controller)i,
					       missing));
	return PORTICO_OK;
}

enum portico_status
confinement_init(struct confinement *confinement,
		 const struct settings *settings,
		 const struct settings_pool *pool, const char *program,
		 struct portico_error *err)
{
	enum settings_private_tmp tmp = pool->isolation.private_tmp;
	char path[TEMPORARY_PATH_SIZE];
	enum portico_status status;

	*confinement = (struct confinement){
		.umask = pool->isolation.umask,
		.nice = pool->nice,
		.cpus = pool->cpu.affinity == NULL ? NULL : &pool->cpu.cpus,
	};
	add_limit(confinement, "limits.openFiles", RLIMIT_NOFILE,
		  pool->limits.open_files);
	add_limit(confinement, "limits.processes", RLIMIT_NPROC,
		  pool->limits.processes);
	add_limit(confinement, "limits.addressSpace", RLIMIT_AS,
		  pool->limits.address_space);
	init_cores(confinement, pool);
	status = init_groups(confinement, settings, pool, err);
	if (status != PORTICO_OK)
		return status;
	confinement->mount = tmp == SETTINGS_TMP_MOUNT ||
			     (tmp == SETTINGS_TMP_AUTO && may_mount() &&
			      !is_below_tmp(program) &&
			      !needs_tmp(settings, pool));
	if (tmp == SETTINGS_TMP_OFF ||
	    (has_own_tmpdir(pool) && !confinement->mount))
		return init_landlock(confinement, settings, pool, program, err);
	if (temporary_prepare(settings, pool, path)) {
		size_t size = sizeof TMPDIR_PREFIX + strlen(path) +
			      TEMPORARY_PID_SIZE;

		confinement->temporary = mem_alloc(size);
		snprintf(confinement->temporary, size, TMPDIR_PREFIX "%s",
			 path);
	}
	return init_landlock(confinement, settings, pool, program, err);
}

unsigned
confinement_missing_groups(const struct confinement *confinement)
{
	return confinement->groups == NULL ? 0 : confinement->groups->missing;
}

void
confinement_fini(struct confinement *confinement)
{
	landlock_fini(&confinement->landlock);
	mem_free(confinement->groups);
	mem_free(confinement->cores);
}

/* ---- said ---------------------------------------------------------------- */

static json_t *
describe_identity(const struct settings *settings,
		  const struct settings_pool *pool)
{
	struct identity identity;
	struct portico_error err;

	if (identity_resolve(settings, pool, &identity, &err) != PORTICO_OK)
		return json_string(err.message);
	if (!identity.change)
		return json_sprintf("porticod's own, uid %u", geteuid());
	return json_sprintf("uid %u, gid %u, %d other groups; no capabilities",
			    identity.uid, identity.gid, identity.group_count);
}

static const char *
text_of(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static json_t *
describe_limits(const struct settings_pool *pool, unsigned missing_groups)
{
	const struct settings_process_limits *limits = &pool->limits;
	json_t *together = metering_limits(pool, missing_groups), *one;
	char text[1536] = "";
	size_t used = 0, i;

#define ADD(condition, ...)                                                    \
	do {                                                                   \
		if ((condition) && used < sizeof text)                         \
			used += (size_t)snprintf(                              \
				text + used, sizeof text - used, __VA_ARGS__); \
	} while (0)
	ADD(limits->open_files > 0, ", openFiles %llu",
	    (unsigned long long)limits->open_files);
	ADD(limits->processes > 0, ", processes %llu",
	    (unsigned long long)limits->processes);
	ADD(limits->address_space > 0, ", addressSpace %llu MiB",
	    (unsigned long long)limits->address_space >> 20);
	ADD(pool->nice != 0, ", nice %d", pool->nice);
	ADD(pool->cpu.affinity != NULL, ", cores %.64s", pool->cpu.affinity);
	ADD(limits->core > 0, ", coreFile %llu",
	    (unsigned long long)limits->core);
	json_array_foreach(together, i, one)
	{
		const char *by = text_of(one, "by"), *why = text_of(one, "why");

		ADD(true, ", %s (%s%s%s)", text_of(one, "text"), by,
		    why[0] == '\0' ? "" : ": ", why);
	}
	json_decref(together);
#undef ADD
	return json_string(used == 0 ? "none" : text + 2);
}

static json_t *
describe_file_system(const struct settings_pool *pool)
{
	int abi = landlock_abi();

	if (pool->isolation.file_system == SETTINGS_MEANS_OFF)
		return json_string("not restricted (isolation.fileSystem)");
	if (abi == 0)
		return json_sprintf("not restricted: this kernel has no "
				    "Landlock (%s)",
				    strerror(errno));
	return json_sprintf("what the pool needs (Landlock %d); %s", abi,
			    abi >= 6 ? "signals to itself" :
				       "signals to all of its user: Landlock "
				       "is too old");
}

static json_t *
describe_system_calls(const struct settings_system_calls *calls)
{
	if (calls->filter == SETTINGS_MEANS_OFF)
		return json_string("not restricted (isolation.systemCalls)");
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return json_string("not restricted: this kernel has no "
				   "seccomp");
	return json_sprintf("those that programs usually make, and %zu more "
			    "(seccomp)",
			    calls->allow_count);
}

json_t *
confinement_to_json(const struct settings *settings,
		    const struct settings_pool *pool, unsigned missing_groups)
{
	enum settings_private_tmp tmp = pool->isolation.private_tmp;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:s}", "core files",
		core_files_describe(pool), "identity",
		describe_identity(settings, pool), "limits",
		describe_limits(pool, missing_groups), "file system",
		describe_file_system(pool), "system calls",
		describe_system_calls(&pool->isolation.system_calls),
		"temporary",
		tmp == SETTINGS_TMP_OFF	      ? "shared with all" :
		tmp == SETTINGS_TMP_DIRECTORY ? "a directory of each worker" :
		tmp == SETTINGS_TMP_MOUNT     ? "a /tmp of each worker" :
		!may_mount() ? "a directory of each worker (no /tmp of its "
			       "own: that needs CAP_SYS_ADMIN)" :
		needs_tmp(settings, pool) ?
			       "a directory of each worker (no /tmp of its "
			       "own: the pool has files there)" :
			       "a /tmp of each worker");
}

/* ---- in the child -------------------------------------------------------- */

const char *
confinement_limits(const struct confinement *confinement)
{
	for (unsigned i = 0; i < confinement->limit_count; i++) {
		const struct confinement_limit *limit = &confinement->limits[i];
		struct rlimit value = { limit->value, limit->value };
		int resource = limit->resource;

		if (setrlimit((__rlimit_resource_t)resource, &value) == 0)
			continue;
		if (!limit->modest ||
		    getrlimit((__rlimit_resource_t)resource, &value) != 0)
			return limit->name;
		value.rlim_cur = value.rlim_max;
		if (setrlimit((__rlimit_resource_t)resource, &value) != 0)
			return limit->name;
	}
	if (confinement->groups != NULL) {
		errno = cgroup_enter(confinement->groups);
		if (errno != 0)
			return "limits of its control group";
	}
	if (confinement->nice != 0 &&
	    setpriority(PRIO_PROCESS, 0, confinement->nice) != 0)
		return "nice";
	if (confinement->cpus != NULL &&
	    sched_setaffinity(0, sizeof *confinement->cpus,
			      confinement->cpus) != 0)
		return "cpu.affinity";
	return NULL;
}

/* Appends our number: snprintf is not async-signal-safe. */
static void
append_pid(char *text)
{
	char digits[TEMPORARY_PID_SIZE];
	size_t count = 0, length = strlen(text);

	for (pid_t pid = getpid(); pid > 0; pid /= 10)
		digits[count++] = (char)('0' + pid % 10);
	while (count > 0)
		text[length++] = digits[--count];
	text[length] = '\0';
}

const char *
confinement_cores(const struct confinement *confinement,
		  const struct identity *identity)
{
	char *path = confinement->cores;

	if (path == NULL)
		return NULL;
	append_pid(path);
	if ((mkdir(path, 0700) != 0 && errno != EEXIST) ||
	    (identity->change &&
	     chown(path, identity->uid, identity->gid) != 0) ||
	    chdir(path) != 0)
		return "its directory for cores";
	return NULL;
}

const char *
confinement_temporary(const struct confinement *confinement,
		      const struct identity *identity)
{
	char *path;

	if (confinement->temporary == NULL)
		return NULL;
	append_pid(confinement->temporary);
	path = confinement->temporary + sizeof TMPDIR_PREFIX - 1;
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return "its temporary directory";
	if (identity->change && chown(path, identity->uid, identity->gid) != 0)
		return "its temporary directory";
	if (!confinement->mount)
		return NULL;
	if (unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0 ||
	    mount(path, "/tmp", NULL, MS_BIND, NULL) != 0 ||
	    /* The path may lie in what is hidden now. */
	    mount("/tmp", "/var/tmp", NULL, MS_BIND, NULL) != 0)
		return "a /tmp of its own";
	memcpy(path, "/tmp", sizeof "/tmp");
	return NULL;
}

const char *
confinement_paths(const struct confinement *confinement)
{
	const char *temporary = confinement->temporary;

	if (confinement->landlock.abi == 0)
		return NULL;
	if (temporary != NULL)
		temporary += sizeof TMPDIR_PREFIX - 1;
	errno = landlock_apply(&confinement->landlock, temporary,
			       confinement->mount, confinement->cores != NULL);
	return errno == 0 ? NULL : "the file system";
}

const char *
confinement_drop_capabilities(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned long i = 0; i < 64; i++) {
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) == 0)
			continue;
		/* Behind the last one; or an ordinary user, who has none and,
		 * with no_new_privs, gains none. */
		if (errno == EINVAL || errno == EPERM)
			break;
		return "dropping capabilities";
	}
	return NULL;
}
