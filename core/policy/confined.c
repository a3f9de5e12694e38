/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent of a confined evaluation: it starts the child, serves it, takes
 * what came of it, and says what became of a child that did not come so far.
 */
#include "confined.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ruleset/crossing.h"
#include "ruleset/failure.h"

enum { LARGEST_QUESTION = 16 * 1024, LARGEST_RESULT = 80 << 20 };

static const double NANOSECONDS = 1e9;

/* "policy.lua:7: ", or "policy.lua: " where the line is not known. @used: of processor time */
static int too_late(const struct mg_serving *serving, double used, struct mg_error *error)
{
	/* others had the processor; the timer and the bill do not agree to the last tick */
	const bool busy = used < 0.95 * serving->seconds;

	return mg_fail(error, -ETIMEDOUT, MG_INVALID,
		       "%s: the policy takes more than %g s%s, the limit (--policy-seconds)",
		       *serving->late ? serving->late : serving->name,
		       serving->seconds + (busy ? MG_POLICY_GRACE : 0),
		       busy ? "" : " of processor time");
}

static int take_late(struct mg_serving *serving, const struct mg_parcel *message)
{
	struct mg_unpacking unpacking = { message->bytes, message->size, false };
	size_t length;
	const char *place = mg_unpack_bytes(&unpacking, &length);

	serving->is_late = true;
	length = strnlen(place,
			 length < sizeof(serving->late) ? length : sizeof(serving->late) - 1);
	if (unpacking.wrong || mg_find_control(place, length) < length)
		return -EBADMSG;
	memcpy(serving->late, place, length);
	serving->late[length] = '\0';
	return 0;
}

/* What was done to the child, for those who want to know. */
static int take_confinement(struct mg_serving *serving, const struct mg_parcel *message,
			    struct mg_error *error)
{
	struct mg_unpacking unpacking = { message->bytes, message->size, false };
	const uint32_t number = mg_unpack_number(&unpacking);
	const char *step;
	uint32_t own_user, landlock;
	char layer[64] = "this kernel has no Landlock";

	if (number) {
		step = mg_unpack_text(&unpacking);
		if (mg_unpack_number(&unpacking))
			return mg_fail(error, -(int)number, MG_ENVIRONMENT,
				       "this kernel does not let seccomp lock a policy in (%s), so "
				       "none is evaluated: with --unconfined it is all the same, "
				       "with all rights that you have",
				       strerror((int)number));
		return mg_fail(error, -(int)number, MG_ENVIRONMENT,
			       "the policy cannot be confined, the child cannot %s: %s",
			       step ? step : "say why", strerror((int)number));
	}
	own_user = mg_unpack_number(&unpacking);
	landlock = mg_unpack_number(&unpacking);
	if (landlock)
		snprintf(layer, sizeof(layer), "Landlock (version %u)", landlock);
	snprintf(serving->how, MG_HOW_CONFINED,
		 "the policy was evaluated in a process of its own %s, with seccomp; %s",
		 own_user ? "as nobody" : "without rights", layer);
	return 0;
}

/* 0: it went on; 1: that was the result, in @out */
static int handle(struct mg_serving *serving, enum mg_message kind, const struct mg_parcel *message,
		  bool *confined, struct mg_ruleset **out, struct mg_error *error)
{
	int err;

	switch (kind) {
	case MG_TELL_CONFINED:
		if (*confined)
			return -EBADMSG;
		*confined = true;
		return take_confinement(serving, message, error);
	case MG_TELL_LATE: return take_late(serving, message);
	case MG_TELL_RESULT:
		err = mg_take_result(serving, message, out, error);
		if (!err && !*confined) {
			mg_ruleset_free(*out);
			*out = NULL;
			return -EBADMSG;
		}
		return err ? err : 1;
	default: return mg_serve(serving, kind, message);
	}
}

/* How often the child is told that its time is over, and how long it has to answer. */
enum { MOST_CALLS = 2 };
static const int64_t TIME_TO_ANSWER = 100 * 1000 * 1000, NEXT_LOOK = 50 * 1000 * 1000;

static double time_of(clockid_t clock)
{
	struct timespec time = { 0, 0 };

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / NANOSECONDS;
}

/* Has the child, on a busy host, not even had part of its time? A loop soon has. */
static bool is_starved(const struct mg_serving *serving, pid_t pid)
{
	clockid_t clock;

	return clock_getcpuclockid(pid, &clock) == 0 &&
	       time_of(clock) + serving->served < MG_POLICY_PART * serving->seconds;
}

/*
 * Wait for a message. A child whose time is over is told so: it may still say
 * where the policy was.
 */
static int wait_for_message(struct mg_serving *serving, pid_t pid, int *calls)
{
	int err;

	while ((err = mg_wire_wait(&serving->wire, serving->until)) == -ETIMEDOUT) {
		const int64_t now = mg_wire_now();

		if (!*calls && now < serving->wire.deadline && is_starved(serving, pid)) {
			serving->until = now + NEXT_LOOK;
			continue;
		}
		if (*calls == MOST_CALLS)
			break;
		++*calls;
		kill(pid, SIGPROF);
		serving->until = serving->wire.deadline = now + TIME_TO_ANSWER;
	}
	return err;
}

/* Until there is a result, or something is wrong. An error without words is the wire's. */
static int converse(struct mg_serving *serving, pid_t pid, struct mg_ruleset **out,
		    struct mg_error *error)
{
	bool confined = false;
	int err = 0, calls = 0;

	while (!err) {
		enum mg_message kind;
		struct mg_parcel message;
		double began;

		err = wait_for_message(serving, pid, &calls);
		if (!err)
			err = mg_wire_receive(&serving->wire, &kind, &message, LARGEST_RESULT);
		if (err)
			break;
		began = time_of(CLOCK_THREAD_CPUTIME_ID);
		err = kind != MG_TELL_RESULT && message.size > LARGEST_QUESTION
			      ? -EMSGSIZE
			      : handle(serving, kind, &message, &confined, out, error);
		serving->served += time_of(CLOCK_THREAD_CPUTIME_ID) - began;
		mg_parcel_clear(&message);
	}
	return err > 0 ? 0 : err;
}

static double processor_time(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* How it ended that has no result: its own end, or ours. */
static int explain_end(const struct mg_serving *serving, int status, double used,
		       struct mg_error *error)
{
	const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

	if (serving->is_late || (WIFEXITED(status) && WEXITSTATUS(status) == MG_LATE_EXIT) ||
	    ((number == SIGKILL || number == SIGXCPU) && used >= serving->seconds) ||
	    number == SIGPROF)
		return too_late(serving, used, error);
	if (number == SIGSYS)
		return mg_fail(error, -EPERM, MG_INVALID,
			       "%s: the policy tried a system call that is forbidden to it, and "
			       "was stopped",
			       serving->name);
	if (number == SIGKILL)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT,
			       "%s: the evaluation was killed from outside (does this host lack "
			       "memory?)",
			       serving->name);
	if (number)
		return mg_fail(
			error, -EFAULT, MG_INVALID,
			"%s: the policy made its evaluation crash (signal %d, %s), which was "
			"all that it could do",
			serving->name, number, strsignal(number));
	return mg_fail(error, -EBADMSG, MG_INVALID, "%s: the evaluation ended without a result",
		       serving->name);
}

/* @err: why the talk has ended; no words yet */
static int explain(const struct mg_serving *serving, int err, int status, double used,
		   struct mg_error *error)
{
	switch (-err) {
	case ETIMEDOUT: return too_late(serving, used, error);
	case EPIPE: return explain_end(serving, status, used, error);
	case EBADMSG:
	case EMSGSIZE:
		return mg_fail(error, err, MG_INVALID,
			       "%s: the evaluation said what no policy makes it say, and was "
			       "stopped",
			       serving->name);
	default:
		return mg_fail(error, err, MG_ENVIRONMENT, "cannot talk to the evaluation: %s",
			       strerror(-err));
	}
}

/* The child has no more to do. Where it had ended by itself, how it did is what it says. */
static void end_child(pid_t pid, int *status, struct rusage *usage)
{
	*status = 0;
	*usage = (struct rusage){ .ru_maxrss = 0 };
	kill(pid, SIGKILL);
	while (wait4(pid, status, 0, usage) < 0 && errno == EINTR)
		;
}

int mg_supervise(struct mg_serving *serving, pid_t pid, struct mg_ruleset **out,
		 struct mg_error *error)
{
	struct mg_error own = { .status = MG_DONE };
	struct rusage usage;
	int status, err;

	error = error ? error : &own;
	error->text[0] = '\0';
	serving->until = mg_wire_now() +
			 (int64_t)((serving->seconds + MG_POLICY_GRACE) * NANOSECONDS);
	serving->wire.deadline = mg_wire_now() +
				 (int64_t)(MG_POLICY_TIMES * serving->seconds * NANOSECONDS);
	err = converse(serving, pid, out, error);
	end_child(pid, &status, &usage);
	return err && !error->text[0] ? explain(serving, err, status, processor_time(&usage), error)
				      : err;
}

static int start(const struct mg_evaluator *evaluator, const struct mg_evaluation *evaluation,
		 struct mg_serving *serving, pid_t *pid)
{
	const pid_t parent = getpid();
	struct mg_wire wire = { .confined = true };
	int ends[2], err; /* the child's first */

	err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ? -errno : 0;
	if (err)
		return err;
	wire.fd = ends[0];
	*pid = fork();
	if (*pid == 0)
		mg_confined_child(&wire, evaluator, evaluation, serving->seconds, parent);
	err = *pid < 0 ? -errno : 0;
	close(ends[0]);
	if (err)
		close(ends[1]);
	serving->wire.fd = ends[1];
	return err;
}

int mg_policy_evaluate_confined(const struct mg_evaluation *evaluation, double seconds,
				char how[MG_HOW_CONFINED], struct mg_ruleset **out,
				struct mg_notes *notes, struct mg_error *error)
{
	struct mg_evaluator evaluator = { .language = { .folder = evaluation->language } };
	struct mg_sources own = { .count = 0 };
	struct mg_serving serving = {
		.evaluation = evaluation,
		.sources = evaluation->sources ? evaluation->sources : &own,
		.notes = notes,
		.how = how,
		.name = mg_policy_name(evaluation->path),
		.language = { .folder = evaluation->language },
	};
	char *text;
	pid_t pid;
	int err;

	how[0] = '\0';
	err = mg_policy_text(evaluation, serving.sources, &evaluator, &text, error);

	if (err)
		goto out;
	serving.seconds = seconds > 0 ? seconds : MG_POLICY_SECONDS;
	err = start(&evaluator, evaluation, &serving, &pid);
	if (err) {
		err = mg_fail(error, err, MG_ENVIRONMENT,
			      "cannot start a process for the policy: %s", strerror(-err));
		goto out;
	}
	err = mg_supervise(&serving, pid, out, error);
	close(serving.wire.fd);
out:
	free(text);
	mg_sources_clear(&own);
	return err;
}
