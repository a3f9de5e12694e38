/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Running the command that is to confirm. See confirm_command.h.
 */
#include "confirm_command.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATE_DIR "/var/lib/moongate"

enum { NOT_RUN = 127, SIGNALLED = 128, GRACE_MS = 500, STEP_MS = 10 };

static void set_number(const char *name, double number)
{
	char text[32];

	snprintf(text, sizeof(text), "%.0f", number);
	setenv(name, text, 1);
}

static void set_environment(const struct options *options, const struct mg_transaction *transaction)
{
	const char *dir = options->request.state_dir;

	setenv("MOONGATE_TOKEN", mg_transaction_token(transaction), 1);
	setenv("MOONGATE_STATE_DIR", dir ? dir : STATE_DIR, 1);
	set_number("MOONGATE_GENERATION", mg_transaction_number(transaction));
	set_number("MOONGATE_SECONDS", options->confirm);
}

/* All to their defaults: what we ignore or hold back, it is not to. */
static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		sigaction(number, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_shell(const struct options *options, const struct mg_transaction *transaction)
	__attribute__((noreturn));
static void run_shell(const struct options *options, const struct mg_transaction *transaction)
{
	int null = open("/dev/null", O_RDONLY);

	/* no terminal: a question on it could be answered by nobody in time */
	setsid();
	/* if we are killed, nobody waits for its end any more */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	reset_signals();
	set_environment(options, transaction);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(NOT_RUN);
	/* all of ours close themselves, but the caller's may not */
	if (close_range(STDERR_FILENO + 1, UINT_MAX, 0) < 0)
		for (int fd = STDERR_FILENO + 1; fd < (int)sysconf(_SC_OPEN_MAX); fd++)
			close(fd);
	execl("/bin/sh", "sh", "-c", options->confirm_command, (char *)NULL);
	_exit(NOT_RUN);
}

void start_command(const struct options *options, const struct mg_transaction *transaction,
		   struct confirm_command *out)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_shell(options, transaction);
	*out = (struct confirm_command){ .pid = pid < 0 ? 0 : pid, .code = pid < 0 ? -errno : 0 };
}

/* @options: of waitpid(2) */
static void look(struct confirm_command *command, int options)
{
	int status;
	pid_t pid;

	if (!command->pid)
		return;
	do {
		pid = waitpid(command->pid, &status, options);
	} while (pid < 0 && errno == EINTR);
	if (!pid)
		return;
	if (pid < 0)
		command->code = -errno;
	else
		command->code = WIFEXITED(status) ? WEXITSTATUS(status)
						  : SIGNALLED + WTERMSIG(status);
	/* the group may have members yet */
	if (pid > 0 && command->code)
		kill(-command->pid, SIGKILL);
	command->pid = 0;
}

bool command_has_ended(struct confirm_command *command)
{
	look(command, WNOHANG);
	if (command->pid || command->told)
		return false;
	command->told = true;
	return true;
}

void describe_end(const struct confirm_command *command, char out[64])
{
	if (command->code < 0)
		snprintf(out, 64, "could not be run: %s", strerror(-command->code));
	else if (command->code > SIGNALLED && command->code <= SIGNALLED + SIGRTMAX)
		snprintf(out, 64, "was ended by signal %d", command->code - SIGNALLED);
	else
		snprintf(out, 64, "ended with exit code %d", command->code);
}

void stop_command(struct confirm_command *command)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	const pid_t group = command->pid;

	if (!group)
		return;
	kill(-group, SIGTERM);
	for (int i = 0; i < GRACE_MS / STEP_MS && command->pid; i++) {
		nanosleep(&step, NULL);
		look(command, WNOHANG);
	}
	if (command->pid)
		kill(-group, SIGKILL);
	look(command, 0);
}
