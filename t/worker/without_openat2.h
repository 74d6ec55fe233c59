/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests: this process and what it starts live on a kernel without openat2
 * (ENOSYS), or in a container that forbids it (EPERM).
 */
#ifndef T_WORKER_WITHOUT_OPENAT2_H
#define T_WORKER_WITHOUT_OPENAT2_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* 0, or -1 with errno: there is no seccomp here. */
static inline int
without_openat2(unsigned error)
{
	/* The number of openat2 is the same everywhere, so the architecture
	 * need not be looked at. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K,
			 SECCOMP_RET_ERRNO | (error & SECCOMP_RET_DATA)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#endif
