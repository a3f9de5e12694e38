/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of system calls that computing and talking over an open descriptor
 * need. There is no memory that can be run, none that a name leads to, and no
 * number that stands for another process.
 */
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "layers.h"

static const int allowed[] = {
	SCMP_SYS(read),		  SCMP_SYS(write),
	SCMP_SYS(writev),	  SCMP_SYS(brk),
	SCMP_SYS(munmap),	  SCMP_SYS(mremap),
	SCMP_SYS(madvise),	  SCMP_SYS(futex),
	SCMP_SYS(exit),		  SCMP_SYS(exit_group),
	SCMP_SYS(sigreturn),	  SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(getpid),
	SCMP_SYS(gettid),	  SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),	  SCMP_SYS(restart_syscall),
#if MG_WATCHED
	SCMP_SYS(sigaltstack),	  SCMP_SYS(rt_sigaction),
	SCMP_SYS(sched_yield),	  SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),
#endif
};

/*
 * What the C library asks on its way, and gets by without: qsort() how much memory
 * there is, malloc() how many processors, and for a number by chance.
 */
static const int refused[] = { SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity),
			       SCMP_SYS(getrandom) };

/* Memory, if no code can run from it. */
static const int of_memory[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };

static int allow(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp itself = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	size_t i;
	int err = 0;

	for (i = 0; i < sizeof(allowed) / sizeof(*allowed) && !err; i++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	for (i = 0; i < sizeof(of_memory) / sizeof(*of_memory) && !err; i++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, of_memory[i], 1, &no_code);
	/* abort() is a signal to itself: it should look like what it is */
	if (!err)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &itself);
	for (i = 0; i < sizeof(refused) / sizeof(*refused) && !err; i++)
		err = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(ENOSYS), refused[i], 0, NULL);
	return err;
}

int mg_filter_system_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return -ENOSYS;
	/* the kernel's own number for what went wrong */
	err = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
	if (!err)
		err = allow(filter);
	if (!err)
		err = seccomp_load(filter);
	/* the filter is the kernel's now; what it was made from is only memory */
	seccomp_release(filter);
	return err;
}
