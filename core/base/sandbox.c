/* SPDX-License-Identifier: Apache-2.0
 *
 * Filters of system calls.
 *
 * Left out of both lists is what ordinary programs have no use for and what
 * reaches beyond the process: debugging others, mounting, namespaces, modules
 * of the kernel, BPF, io_uring, userfaultfd, keys, clocks, swap, handles of
 * files.  clone3 is said not to exist, since its flags cannot be looked at;
 * libc then takes clone.
 */
#include "core/base/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <ucontext.h>

#include "core/base/error.h"
#include "core/base/log.h"

#define CALLS_MAX 512 /* numbers that have a name in a message */

#define NAMESPACES                                                             \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |           \
	 CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* the leak checker debugs its own process */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* clang-format off */
static const char *const common[] = {
	/* memory, time, threads */
	"arch_prctl", "brk", "clock_getres", "clock_gettime",
	"clock_nanosleep", "exit", "exit_group", "futex", "futex_waitv",
	"get_mempolicy", "get_robust_list", "getcpu", "gettimeofday",
	"madvise", "map_shadow_stack", "mbind", "membarrier", "mincore",
	"mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "mseal",
	"msync", "munlock", "munlockall", "munmap", "nanosleep",
	"pkey_alloc", "pkey_free", "pkey_mprotect", "prctl", "restart_syscall",
	"rseq", "sched_get_priority_max", "sched_get_priority_min",
	"sched_getaffinity", "sched_getattr", "sched_getparam",
	"sched_getscheduler", "sched_setaffinity", "sched_setattr",
	"sched_setparam", "sched_setscheduler", "sched_yield",
	"set_mempolicy", "set_robust_list", "set_tid_address", "time",
	/* events */
	"alarm", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait",
	"epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getitimer",
	"pause", "poll", "ppoll", "pselect6", "select", "setitimer",
	"signalfd", "signalfd4", "timer_create", "timer_delete",
	"timer_getoverrun", "timer_gettime", "timer_settime",
	"timerfd_create", "timerfd_gettime", "timerfd_settime",
	/* signals */
	"rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo",
	"sigaltstack", "tgkill", "tkill",
	/* files */
	"access", "chdir", "chmod", "chown", "close", "close_range",
	"copy_file_range", "creat", "dup", "dup2", "dup3", "faccessat",
	"faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod",
	"fchmodat", "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync",
	"fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr",
	"fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd",
	"getdents", "getdents64", "getxattr", "inotify_add_watch",
	"inotify_init", "inotify_init1", "inotify_rm_watch", "ioctl",
	"lchown", "lgetxattr", "link", "linkat", "listxattr", "llistxattr",
	"lremovexattr", "lseek", "lsetxattr", "lstat", "memfd_create",
	"mkdir", "mkdirat", "newfstatat", "open", "openat", "openat2",
	"pipe", "pipe2", "pread64", "preadv", "preadv2", "pwrite64",
	"pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat",
	"readv", "removexattr", "rename", "renameat", "renameat2", "rmdir",
	"sendfile", "setxattr", "splice", "stat", "statfs", "statx",
	"symlink", "symlinkat", "sync_file_range", "syncfs", "tee",
	"truncate", "umask", "unlink", "unlinkat", "utime", "utimensat",
	"utimes", "vmsplice", "write", "writev",
	/* network */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname",
	"getsockopt", "listen", "recvfrom", "recvmmsg", "recvmsg",
	"sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown",
	"socketpair",
	/* itself */
	"capget", "getegid", "geteuid", "getgid", "getgroups", "getpgid",
	"getpgrp", "getpid", "getppid", "getpriority", "getrandom",
	"getresgid", "getresuid", "getrlimit", "getrusage", "getsid",
	"gettid", "getuid", "ioprio_get", "landlock_add_rule",
	"landlock_create_ruleset", "landlock_restrict_self", "seccomp",
	 "setrlimit", "sysinfo", "times", "uname",
};

/* Processes and programs, which modules may start, and what these do. */
static const char *const processes[] = {
	"capset", "execve", "execveat", "fork", "io_cancel", "io_destroy",
	"io_getevents", "io_pgetevents", "io_setup", "io_submit",
	"ioprio_set", "kill", "mknod", "mknodat", "mq_getsetattr",
	"mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend",
	"mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "pidfd_open",
	"pidfd_send_signal", "rt_sigqueueinfo", "semctl", "semget", "semop",
	"semtimedop", "setfsgid", "setfsuid", "setgid", "setgroups",
	"setpgid", "setpriority", "setregid", "setresgid", "setresuid",
	"setreuid", "setsid", "setuid", "shmat", "shmctl", "shmdt", "shmget",
	"sync", "vfork", "wait4", "waitid",
};

static const char *const sanitizers[] = {
	"clone", "fork", "kill", "personality", "process_vm_readv", "ptrace",
	"wait4",
};
/* clang-format on */

/* ---- when one is refused ------------------------------------------------- */

static const char *names[CALLS_MAX]; /* of those that are not allowed */
static atomic_bool told[CALLS_MAX];
static enum sandbox_kind kind;
static const char *setting;

#define REFUSED                                                                \
	"the system call %s (%d) is not allowed and fails with EPERM; %s "     \
	"would allow it"

/* It runs where the call was made, between two instructions of that thread;
 * writing a line takes no lock and no memory. */
static void
on_refused(int signal_number, siginfo_t *info, void *where)
{
	ucontext_t *context = where;
	int number = info->si_syscall;
	unsigned place = (unsigned)number % CALLS_MAX;
	const char *name = names[place] == NULL ? "without a name" :
						  names[place];

	(void)signal_number;
#if defined(__x86_64__)
	context->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	context->uc_mcontext.regs[0] = (unsigned long)-EPERM;
#else
	(void)context;
#endif
	if (atomic_exchange(&told[place], true))
		return;
	if (kind == SANDBOX_LISTENER)
		log_warn(2050, NULL, REFUSED, name, number, setting);
	else
		log_warn(4131, NULL, REFUSED, name, number, setting);
}

static void
note_names(void)
{
	for (int i = 0; i < CALLS_MAX; i++)
		if (names[i] == NULL)
			names[i] = seccomp_syscall_resolve_num_arch(
				SCMP_ARCH_NATIVE, i);
}

static enum portico_status
install_handler(struct portico_error *err)
{
	struct sigaction action = { .sa_sigaction = on_refused,
				    .sa_flags = SA_SIGINFO };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL) != 0)
		return error_system(err, "handling SIGSYS");
	return PORTICO_OK;
}

/* ---- the filter ---------------------------------------------------------- */

/* Names that this machine does not have, or libseccomp does not know yet, are
 * none of which anybody could make use. */
static void
allow_all(scmp_filter_ctx filter, const char *const *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int number = seccomp_syscall_resolve_name(calls[i]);

		if (number >= 0)
			(void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, number,
					       0);
	}
}

static void
allow_with_arguments(scmp_filter_ctx filter, enum sandbox_kind of)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6,
					AF_NETLINK };
	uint64_t flags = NAMESPACES;

	/* Of a listener threads only. */
	if (of == SANDBOX_LISTENER)
		flags |= CLONE_THREAD;
	(void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			       SCMP_A0(SCMP_CMP_MASKED_EQ, flags,
				       of == SANDBOX_LISTENER ? CLONE_THREAD :
								0));
	(void)seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3),
			       0);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		(void)seccomp_rule_add(
			filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0));
	/* Its own alone: limits of others of its user, of another pool or of
	 * porticod, would be as good as a signal to them. */
	(void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
			       SCMP_A0(SCMP_CMP_EQ, 0, 0));
	/* Asking only. */
	(void)seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(personality), 1,
			       SCMP_A0(SCMP_CMP_EQ, 0xffffffffu, 0));
}

static enum portico_status
fill(scmp_filter_ctx filter, const struct sandbox_options *options,
     struct portico_error *err)
{
	for (size_t i = 0; i < options->allow_count; i++)
		if (seccomp_syscall_resolve_name(options->allow[i]) ==
		    __NR_SCMP_ERROR)
			return error_set(err, PORTICO_CONFIG,
					 "%s: there is no system call \"%s\"",
					 options->setting, options->allow[i]);
	allow_all(filter, options->allow, options->allow_count);
	allow_all(filter, common, sizeof common / sizeof *common);
	if (options->kind == SANDBOX_WORKER)
		allow_all(filter, processes,
			  sizeof processes / sizeof *processes);
	if (SANITIZED)
		allow_all(filter, sanitizers,
			  sizeof sanitizers / sizeof *sanitizers);
	allow_with_arguments(filter, options->kind);
	/* For all threads there are; as a tree, not one after the other. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return PORTICO_OK;
}

static bool disabled;

void
sandbox_disable(void)
{
	disabled = true;
}

enum portico_status
sandbox_enter(const struct sandbox_options *options, struct portico_error *err)
{
	scmp_filter_ctx filter;
	enum portico_status status;
	int result;

	if (disabled)
		return PORTICO_OK;
	filter = seccomp_init(SCMP_ACT_TRAP);

	if (filter == NULL)
		return error_set(err, PORTICO_NO_MEMORY,
				 "filtering system calls: out of memory");
	status = fill(filter, options, err);
	if (status == PORTICO_OK) {
		kind = options->kind;
		setting = options->setting;
		note_names();
		status = install_handler(err);
	}
	if (status == PORTICO_OK) {
		result = seccomp_load(filter);
		if (result != 0)
			status = error_set(err, PORTICO_UNSUPPORTED,
					   "system calls cannot be filtered: "
					   "%s",
					   strerror(-result));
	}
	seccomp_release(filter);
	return status;
}
