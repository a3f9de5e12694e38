/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a command under ptrace and hits it at one place: at the n-th stop of
 * one of its processes, where a stop is the entry into or the exit from a
 * system call. Everything between two stops is the process's own memory, and
 * memory that processes share is changed there, so both count.
 *
 * The processes are numbered in the order in which they are forked: 0 is the
 * command itself. All of them end up as children of the tracer, which has to be
 * their subreaper, so it knows when the last has ended: then all is settled.
 */
#ifndef SPEC_TORTURE_TRACER_H
#define SPEC_TORTURE_TRACER_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spec/torture/allocations.h"
#include "spec/torture/fault.h"

enum { MOST_PROCESSES = 64, TRACE_HANGUP = -1 };

struct traced {
	pid_t pid;
	long stops;
	bool ended;
	char name[32]; /* as it calls itself at its end */
};

/** What to hit, where and how. */
struct hit {
	int target;	   /* number of the process; -1: none, only count */
	long stop;	   /* from 1; with a class of faults: which of its calls */
	int signal;	   /* TRACE_HANGUP: close the terminal instead */
	const char *fault; /* a class: a call of it fails instead, with */
	int err;
	bool lasting;	     /* and so do all calls of that number afterwards */
	const char *preload; /* allocations.so: the allocation of that number fails instead */
	unsigned int also;   /* bits: what else is killed at that moment */
	const char *said;    /* file for what the command says */
	double limit;	     /* seconds in which all has to have ended */
	/* Instead of all that: what somebody else does at that moment; did it succeed? */
	bool (*interfere)(void *context);
	/* What holds @due seconds after the hit, if not 0. */
	void (*look)(void *context);
	double due;
	void *context;
};

/** How it went. */
struct trace {
	struct traced processes[MOST_PROCESSES];
	int count;
	bool reached;	 /* the place */
	bool stuck;	 /* something had to be killed at the limit */
	bool interfered; /* successfully */
	bool looked;	 /* when it was due */
	bool left_out;	 /* the target is in a call that fails */
	bool entry;	 /* else the exit */
	long call;	 /* number of the system call; -1: another stop */
	int code;	 /* of the command; 128 + signal */
	double seconds;	 /* from the hit to the end of the last process */
	int terminal;	 /* the other end of its terminal, or -1 */
};

static double tracer_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* A signal every so often ends a wait, so that the limit is looked at. */
static void tracer_tick(bool on)
{
	const long often = on ? 50000 : 0;
	const struct itimerval every = { { 0, often }, { 0, often } };

	setitimer(ITIMER_REAL, &every, NULL);
}

static void tracer_wake(int signal)
{
	(void)signal;
}

/* The number of a process, which is a new one's if it was not seen before. */
static int number_of(struct trace *trace, pid_t pid)
{
	for (int i = 0; i < trace->count; i++) {
		if (trace->processes[i].pid == pid)
			return i;
	}
	if (trace->count == MOST_PROCESSES)
		return MOST_PROCESSES - 1;
	trace->processes[trace->count].pid = pid;
	return trace->count++;
}

static void note_name(struct traced *process)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)process->pid);
	file = fopen(path, "r");
	if (file && fgets(process->name, sizeof(process->name), file))
		process->name[strcspn(process->name, "\n")] = '\0';
	if (file)
		fclose(file);
}

/* In the child: let an allocation of it fail. */
static void preload(const struct hit *hit, int told)
{
	char number[32];

	snprintf(number, sizeof(number), "%ld", hit->stop);
	setenv("MOONGATE_ALLOCATION", number, 1);
	setenv("LD_PRELOAD", hit->preload, 1);
	dup2(told, ALLOCATION_FD);
}

/* The child waits until it is traced, so that its first call is counted. */
static pid_t launch(char **argv, const struct hit *hit, struct trace *trace, int told)
{
	int gate[2];
	char go;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC))
		abort();
	trace->terminal = -1;
	if (hit->signal == TRACE_HANGUP)
		pid = forkpty(&trace->terminal, NULL, NULL, NULL);
	else
		pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		int said = open(hit->said, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

		close(gate[1]);
		if (hit->signal != TRACE_HANGUP) {
			dup2(null, 0);
			dup2(said, 1);
			dup2(said, 2);
		}
		while (read(gate[0], &go, 1) > 0)
			;
		if (hit->preload)
			preload(hit, told);
		execv(argv[0], argv);
		_exit(127);
	}
	close(gate[0]);
	if (ptrace(PTRACE_SEIZE, pid, 0,
		   PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
			   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT |
			   PTRACE_O_EXITKILL))
		abort();
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
	close(gate[1]);
	return pid;
}

static void strike(const struct hit *hit, struct trace *trace, double *since)
{
	pid_t pid = trace->processes[hit->target].pid;

	trace->reached = true;
	*since = tracer_now();
	if (hit->interfere) {
		tracer_tick(false);
		trace->interfered = hit->interfere(hit->context);
		tracer_tick(true);
		return;
	}
	if (hit->signal == TRACE_HANGUP) {
		close(trace->terminal);
		trace->terminal = -1;
	} else {
		kill(pid, hit->signal);
	}
	for (int i = 0; i < trace->count; i++) {
		if (i != hit->target && hit->also >> i & 1 && !trace->processes[i].ended)
			kill(trace->processes[i].pid, SIGKILL);
	}
}

/* At the entry into a call of the class, or at the exit from one that failed. */
static void make_fail(const struct hit *hit, struct trace *trace, struct traced *process,
		      const struct __ptrace_syscall_info *info, double *since)
{
	const bool entry = info->op == PTRACE_SYSCALL_INFO_ENTRY;

	if (trace->left_out && !entry) {
		fault_return(process->pid, hit->err);
		trace->left_out = false;
		return;
	}
	if (!entry || !fault_is_of(hit->fault, (long)info->entry.nr, info->entry.args[2]))
		return;
	process->stops++;
	if (trace->reached ? hit->lasting && (long)info->entry.nr == trace->call
			   : process->stops == hit->stop) {
		if (!trace->reached)
			*since = tracer_now();
		trace->reached = trace->left_out = true;
		trace->call = (long)info->entry.nr;
		fault_leave_out(process->pid);
	}
}

/* A system call of a process that is counted. */
static void handle_call(const struct hit *hit, struct trace *trace, int number, double *since)
{
	struct traced *process = &trace->processes[number];
	struct __ptrace_syscall_info info = { 0 };

	if (number != hit->target && !(hit->target < 0 && hit->fault)) {
		process->stops++;
		return;
	}
	if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof(info), &info) <= 0)
		return;
	if (hit->fault) {
		make_fail(hit, trace, process, &info, since);
		return;
	}
	process->stops++;
	trace->entry = info.op == PTRACE_SYSCALL_INFO_ENTRY;
	if (trace->entry)
		trace->call = (long)info.entry.nr;
	if (process->stops == hit->stop)
		strike(hit, trace, since);
}

/* Are its system calls of interest? */
static bool is_followed(const struct hit *hit, const struct trace *trace, int number)
{
	if (hit->target < 0)
		return true;
	if (hit->preload)
		return false;
	return number == hit->target && (!trace->reached || trace->left_out || hit->lasting);
}

/* A stop of a process: what it means, and on it goes. */
static void handle_stop(const struct hit *hit, struct trace *trace, int number, int status,
			double *since)
{
	struct traced *process = &trace->processes[number];
	const int signal = WSTOPSIG(status), event = status >> 16;
	long deliver = 0;

	if (signal == (SIGTRAP | 0x80)) {
		handle_call(hit, trace, number, since);
	} else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
		   event == PTRACE_EVENT_CLONE) {
		unsigned long child = 0;

		if (!ptrace(PTRACE_GETEVENTMSG, process->pid, 0, &child))
			number_of(trace, (pid_t)child);
	} else if (event == PTRACE_EVENT_EXIT) {
		note_name(process);
	} else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
		ptrace(PTRACE_LISTEN, process->pid, 0, 0);
		return;
	} else if (!event) {
		deliver = signal;
	}
	/* who is stopped has to look stopped, and not traced */
	if (trace->reached && number == hit->target && !hit->fault && !hit->interfere)
		ptrace(PTRACE_DETACH, process->pid, 0, deliver);
	else
		ptrace(is_followed(hit, trace, number) ? PTRACE_SYSCALL : PTRACE_CONT, process->pid,
		       0, deliver);
}

static void kill_children(void)
{
	char path[64], list[4096];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "r");
	if (file && fgets(list, sizeof(list), file)) {
		for (char *word = strtok(list, " "); word; word = strtok(NULL, " "))
			kill(atoi(word), SIGKILL);
	}
	if (file)
		fclose(file);
}

/** Run a command and hit it; all that it has started has ended then. */
static void trace_run(char **argv, const struct hit *hit, struct trace *trace)
{
	const struct sigaction action = { .sa_handler = tracer_wake };
	double since = tracer_now(), started = since;
	char byte;
	int told[2];
	pid_t first;

	memset(trace, 0, sizeof(*trace));
	sigaction(SIGALRM, &action, NULL); /* no SA_RESTART: the limit is looked at */
	if (pipe2(told, O_CLOEXEC | O_NONBLOCK))
		abort();
	first = launch(argv, hit, trace, told[1]);
	close(told[1]);
	number_of(trace, first);
	tracer_tick(true);
	for (;;) {
		int status, number;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno != EINTR)
			break; /* ECHILD: all have ended */
		if (tracer_now() - (trace->reached ? since : started) > hit->limit) {
			trace->stuck = true;
			kill_children();
		}
		if (hit->due > 0 && trace->reached && !trace->looked &&
		    tracer_now() - since > hit->due) {
			tracer_tick(false);
			hit->look(hit->context);
			tracer_tick(true);
			trace->looked = true;
		}
		if (pid < 0)
			continue;
		if (WIFSTOPPED(status)) {
			handle_stop(hit, trace, number_of(trace, pid), status, &since);
			continue;
		}
		/* one that is not traced came with what was started before */
		for (number = 0; number < trace->count; number++) {
			if (trace->processes[number].pid == pid)
				trace->processes[number].ended = true;
		}
		if (pid == first)
			trace->code = WIFEXITED(status) ? WEXITSTATUS(status)
							: 128 + WTERMSIG(status);
	}
	tracer_tick(false);
	trace->seconds = tracer_now() - since;
	if (hit->preload)
		trace->reached = read(told[0], &byte, 1) == 1;
	close(told[0]);
	if (trace->terminal >= 0)
		close(trace->terminal);
}

#endif
