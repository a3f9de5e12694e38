/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a confined process can do: each attempt in a child of its own, with all
 * layers, and with each of the two strong ones alone.
 */
#include <arpa/inet.h>
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "confine/confine.h"
#include "spec/support/tap.h"

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED 1
#else
#define WATCHED 0
#endif

enum { NOBODY = 65534, NOT_CONFINED = 99, SECONDS = 1 };

static const size_t MEMORY = (size_t)64 << 20;
static const char *work;
static char victim[4096]; /* a file that a nobody may remove */
static pid_t parent;

/* What a child does once it is confined; its result is the child's exit code. */
typedef int attempt(void);

struct ending {
	int status;
	char byte; /* that came over the descriptor, or 0 */
	struct mg_confined confined;
};

static void child(int fd, unsigned int without, attempt *act)
{
	const struct mg_confinement confinement = {
		.fd = fd,
		.memory = MEMORY,
		.seconds = SECONDS,
		.parent = parent,
		.without = without,
	};
	struct mg_confined confined;

	if (mg_confine(&confinement, &confined))
		_exit(NOT_CONFINED);
	if (write(fd, &confined.landlock, 1) != 1)
		_exit(NOT_CONFINED);
	_exit(act());
}

static void run(unsigned int without, attempt *act, struct ending *out)
{
	int ends[2];
	pid_t pid;

	*out = (struct ending){ .status = -1 };
	parent = getpid();
	EXPECT(pipe(ends) == 0);
	pid = fork();
	if (!pid) {
		close(ends[0]);
		child(ends[1], without, act);
	}
	close(ends[1]);
	EXPECT(pid > 0);
	EXPECT(waitpid(pid, &out->status, 0) == pid);
	if (read(ends[0], &out->byte, 1) != 1)
		out->byte = 0;
	close(ends[0]);
}

static int exit_of(unsigned int without, attempt *act)
{
	struct ending ending;

	run(without, act, &ending);
	return WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : -WTERMSIG(ending.status);
}

/* The attempts: 0 where it has succeeded, or the errno. */
static int result(long number)
{
	return number < 0 ? errno : 0;
}

static int do_nothing(void)
{
	return 0;
}

static int do_open(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int do_open_memory(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)parent);
	return result(open(path, O_RDWR));
}

static int do_socket(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int do_connect(void)
{
	const struct sockaddr_in nobody = { .sin_family = AF_INET, .sin_port = htons(9) };

	return result(connect(0, (const struct sockaddr *)&nobody, sizeof(nobody)));
}

static int do_kill(void)
{
	return result(kill(parent, SIGCONT));
}

static int do_ptrace(void)
{
	return result(ptrace(PTRACE_ATTACH, parent, 0, 0));
}

static int do_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return result(pid);
}

static int do_exec(void)
{
	char *const words[] = { "true", NULL }, *const none[] = { NULL };

	return result(execve("/bin/true", words, none));
}

static int do_mount(void)
{
	return result(mount("none", work, "tmpfs", 0, NULL));
}

static int do_unshare(void)
{
	return result(unshare(CLONE_NEWNET));
}

static int do_unlink(void)
{
	return result(unlink(victim));
}

static int do_setuid(void)
{
	return result(syscall(SYS_setresuid, 0, 0, 0));
}

static int do_map_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return result(at == MAP_FAILED ? -1 : 0);
}

static int do_make_code(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? 1 : result(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int do_process_read(void)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { &parent, 1 };

	return result(syscall(SYS_process_vm_readv, parent, &here, 1, &there, 1, 0));
}

static int do_count(void)
{
	char *volatile block = malloc(MEMORY / 4);
	int i, sum = 0;

	if (!block)
		return 1;
	memset(block, 1, MEMORY / 4);
	for (i = 0; i < 1000; i++)
		sum += block[i];
	free(block);
	return sum == 1000 ? 0 : 2;
}

static int do_eat(void)
{
	char *volatile block = malloc(4 * MEMORY);

	return block ? 0 : errno;
}

static int do_spin(void)
{
	for (;;)
		;
	return 0;
}

static int do_abort(void)
{
	abort();
}

/* What is left: 0, or the number of the first thing that should not be. */
static int do_look(void)
{
	struct rlimit limit;
	int i;

	if (geteuid() == 0 || getuid() == 0)
		return 1;
	if (getgroups(0, NULL) > 0 && geteuid() == NOBODY)
		return 2;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 3;
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 4;
	if (prctl(PR_GET_PDEATHSIG, &i) || i != SIGKILL)
		return 5;
	for (i = 0; i <= CAP_LAST_CAP; i++)
		if (geteuid() == NOBODY && prctl(PR_CAPBSET_READ, i) > 0)
			return 6;
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_get_caps_process() || capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE)
		return 7;
	if (getsid(0) != getpid())
		return 8;
	if (getrlimit(RLIMIT_NPROC, &limit) || limit.rlim_max || getrlimit(RLIMIT_CORE, &limit) ||
	    limit.rlim_max || getrlimit(RLIMIT_FSIZE, &limit) || limit.rlim_max ||
	    getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_max)
		return 9;
	return 0;
}

static int do_descriptors(void)
{
	int open_count = 0, i;

	for (i = 0; i < 1000; i++)
		if (!(WATCHED && i == 2) && fcntl(i, F_GETFD) >= 0)
			open_count++;
	return open_count;
}

/* Without seccomp anything can be tried; all of it comes to nothing. */
static void everything_fails(unsigned int without)
{
	static attempt *const attempts[] = { do_open,  do_open_memory, do_socket, do_connect,
					     do_kill,  do_ptrace,      do_fork,	  do_exec,
					     do_mount, do_unshare,     do_setuid, do_process_read };
	size_t i;

	for (i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		const int code = exit_of(without, attempts[i]);

		if (code == 0 || code == NOT_CONFINED)
			tap_fail(__LINE__, "attempt %d has succeeded (%d)", (int)i, code);
	}
}

static void is_killed(unsigned int without)
{
	static attempt *const attempts[] = {
		do_open,   do_open_memory,  do_socket, do_connect,  do_kill,
		do_ptrace, do_fork,	    do_exec,   do_mount,    do_unshare,
		do_setuid, do_process_read, do_unlink, do_map_code, do_make_code,
	};
	size_t i;

	for (i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		const int code = exit_of(without, attempts[i]);

		if (code != -SIGSYS)
			tap_fail(__LINE__, "attempt %d ended with %d", (int)i, code);
	}
}

static void test_computes(void)
{
	struct ending ending;

	run(0, do_count, &ending);
	EXPECT_IS(ending.status, 0);
	EXPECT_IS(exit_of(0, do_nothing), 0);
}

static void test_dies_at_calls(void)
{
	is_killed(0);
}

static void test_seccomp_alone(void)
{
	is_killed(MG_WITHOUT_LANDLOCK);
}

static void test_landlock_alone(void)
{
	struct ending ending;
	struct stat st;

	everything_fails(MG_WITHOUT_SECCOMP);
	run(MG_WITHOUT_SECCOMP, do_nothing, &ending);
	if (!ending.byte)
		SKIP("this kernel has no Landlock");
	/* the mode of the folder would let it */
	EXPECT_IS(exit_of(MG_WITHOUT_SECCOMP | MG_WITHOUT_LANDLOCK, do_unlink), 0);
	close(open(victim, O_CREAT | O_WRONLY, 0666));
	EXPECT_IS(exit_of(MG_WITHOUT_SECCOMP, do_unlink), EACCES);
	EXPECT(stat(victim, &st) == 0);
}

static void test_privileges_alone(void)
{
	everything_fails(MG_WITHOUT_SECCOMP | MG_WITHOUT_LANDLOCK);
}

static void test_has_nothing(void)
{
	EXPECT_IS(exit_of(MG_WITHOUT_SECCOMP, do_look), 0);
	EXPECT_IS(exit_of(MG_WITHOUT_SECCOMP, do_descriptors), 1);
}

static void test_is_nobody(void)
{
	int code;

	if (geteuid() != 0)
		SKIP("only root becomes somebody else");
	code = exit_of(MG_WITHOUT_SECCOMP, do_setuid);
	EXPECT_IS(code, EPERM);
}

static void test_memory(void)
{
	if (WATCHED)
		SKIP("a watched build has no limit of addresses");
	EXPECT_IS(exit_of(0, do_eat), ENOMEM);
}

static void test_time(void)
{
	EXPECT_IS(exit_of(0, do_spin), -SIGKILL);
}

static void test_abort_is_abort(void)
{
	EXPECT_IS(exit_of(0, do_abort), -SIGABRT);
}

/* Whoever makes it dies first: then it does, too. */
static void test_dies_with_parent(void)
{
	int ends[2];
	char byte;
	pid_t middle;

	EXPECT(pipe(ends) == 0);
	middle = fork();
	if (!middle) {
		close(ends[0]);
		parent = getpid();
		if (!fork())
			child(ends[1], 0, do_spin);
		pause();
	}
	close(ends[1]);
	EXPECT(read(ends[0], &byte, 1) == 1); /* it is confined */
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	EXPECT(read(ends[0], &byte, 1) == 0); /* and gone: the last end is closed */
	close(ends[0]);
}

/* A parent that was lost before the child was confined is noticed. */
static void test_wants_its_parent(void)
{
	const pid_t pid = fork();
	int status;

	if (!pid) {
		parent = getpid(); /* not its parent */
		child(1, 0, do_nothing);
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WIFEXITED(status));
	EXPECT_IS(WEXITSTATUS(status), NOT_CONFINED);
}

int main(int argc, char **argv)
{
	char above[4096];

	work = argc > 1 ? argv[1] : "/tmp";
	snprintf(victim, sizeof(victim), "%s/victim", work);
	/* somebody else has to come that far */
	snprintf(above, sizeof(above), "%s/..", work);
	chmod(above, 0711);
	chmod(work, 0777);
	close(open(victim, O_CREAT | O_WRONLY, 0666));
	tap_run("computes, and has the memory that it was promised", test_computes);
	tap_run("is ended by any system call that reaches out", test_dies_at_calls);
	tap_run("is ended by it where there is no Landlock", test_seccomp_alone);
	tap_run("reaches no file by Landlock alone", test_landlock_alone);
	tap_run("comes to nothing by its lost rights alone", test_privileges_alone);
	tap_run("has no right, no group, no descriptor but one", test_has_nothing);
	tap_run("is nobody, and stays nobody", test_is_nobody);
	tap_run("gets no more memory than its limit", test_memory);
	tap_run("gets no more time than its limit", test_time);
	tap_run("aborts like anybody", test_abort_is_abort);
	tap_run("dies with its parent", test_dies_with_parent);
	tap_run("is not confined without it", test_wants_its_parent);
	return tap_end();
}
