/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System calls that are made to fail: which ones make a class, and how one
 * that a traced process is about to make is left out, with an error in its
 * place. Only calls that can fail that way: a close() that was left out would
 * keep a lock which the kernel would have let go.
 */
#ifndef SPEC_TORTURE_FAULT_H
#define SPEC_TORTURE_FAULT_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

struct fault_call {
	const char *of; /* its class */
	long number;
};

static const struct fault_call fault_calls[] = {
	{ "disk", SYS_openat },
	{ "disk", SYS_write },
	{ "disk", SYS_pwrite64 },
	{ "disk", SYS_fsync },
	{ "disk", SYS_fdatasync },
	{ "disk", SYS_ftruncate },
	{ "disk", SYS_mkdirat },
	{ "disk", SYS_symlinkat },
	{ "disk", SYS_linkat },
	{ "disk", SYS_renameat },
	{ "disk", SYS_renameat2 },
	{ "disk", SYS_unlinkat },
	{ "disk", SYS_fchmod },
#ifdef SYS_rename /* aarch64 has only those above */
	{ "disk", SYS_rename },
	{ "disk", SYS_mkdir },
	{ "disk", SYS_symlink },
	{ "disk", SYS_unlink },
	{ "process", SYS_fork },
	{ "process", SYS_vfork },
	{ "talk", SYS_poll },
#endif
	{ "tables", SYS_setsockopt },
	{ "tables", SYS_getsockopt },
	{ "process", SYS_clone },
	{ "process", SYS_clone3 },
	{ "process", SYS_timerfd_create },
	{ "process", SYS_timerfd_settime },
	{ "process", SYS_eventfd2 },
	{ "process", SYS_pidfd_open },
	{ "process", SYS_pidfd_send_signal },
	{ "process", SYS_socket },
	{ "process", SYS_socketpair },
	{ "process", SYS_bind },
	{ "process", SYS_listen },
	{ "talk", SYS_connect },
	{ "process", SYS_accept4 },
	{ "talk", SYS_sendto },
	{ "talk", SYS_recvfrom },
	{ "talk", SYS_sendmsg },
	{ "talk", SYS_recvmsg },
	{ "process", SYS_pipe2 },
	{ "process", SYS_dup3 },
	{ "process", SYS_fcntl },
	{ "talk", SYS_ppoll },
	{ "process", SYS_setsid },
	{ "process", SYS_unshare },
	{ "process", SYS_getrandom },
	{ "process", SYS_flock },
	{ "memory", SYS_mmap },
};

/** Is it one of those that a class has? @flags: its third argument */
static bool fault_is_of(const char *of, long number, unsigned long long flags)
{
	/* what only reads a file asks no disk for room */
	if (number == SYS_openat && !(flags & O_CREAT))
		return false;
	for (size_t i = 0; i < sizeof(fault_calls) / sizeof(fault_calls[0]); i++) {
		if (fault_calls[i].number == number && strcmp(fault_calls[i].of, of) == 0)
			return true;
	}
	return false;
}

/** At the entry: leave the call out. */
static void fault_leave_out(pid_t pid)
{
#if defined(__x86_64__)
	struct user_regs_struct registers;
	struct iovec all = { &registers, sizeof(registers) };

	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all);
	registers.orig_rax = -1UL;
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all);
#elif defined(__aarch64__)
	int number = -1;
	struct iovec one = { &number, sizeof(number) };

	ptrace(PTRACE_SETREGSET, pid, NT_ARM_SYSTEM_CALL, &one);
#else
#error "how a system call is left out on this machine is not known"
#endif
}

/** At the exit from a call that was left out: what it returns. */
static void fault_return(pid_t pid, int err)
{
	struct user_regs_struct registers;
	struct iovec all = { &registers, sizeof(registers) };

	ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &all);
#if defined(__x86_64__)
	registers.rax = (unsigned long long)-err;
#else
	registers.regs[0] = (unsigned long long)-err;
#endif
	ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &all);
}

#endif
