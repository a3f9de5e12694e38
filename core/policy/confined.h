/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Evaluating a policy in a child that has no rights and nothing open but a
 * socket. The parent reads the files, judges who may write them, and takes the
 * ruleset over; it runs nothing of the policy, and believes nothing that comes.
 *
 *   confined.c        the parent: from the fork to the verdict about the child
 *   confined_child.c  the child: locked in before a word of the policy is read
 *   serving.c         the parent's answers to the child's questions
 *   result.c          what came of it, taken over as if it came from an enemy
 *   wire.c            the messages
 */
#ifndef MG_CONFINED_H
#define MG_CONFINED_H

#include <sys/types.h>

#include "evaluator.h"
#include "wire.h"

/** What a policy may take, unless a request says otherwise; a watched build is slow. */
#if defined(__SANITIZE_ADDRESS__)
#define MG_POLICY_SECONDS 10.0
#else
#define MG_POLICY_SECONDS 2.0
#endif

/*
 * Where others have the processor, the time is over when so much has passed on top, if the
 * policy, with what it had the parent do, has used that part of its own; and in any case
 * when so many times its own have passed.
 */
#define MG_POLICY_GRACE 0.3
#define MG_POLICY_PART 0.25
#define MG_POLICY_TIMES 10

/** How the child says by its end that the time is over; any other code means nothing. */
enum { MG_LATE_EXIT = 3 };

/** Become the evaluating child. Does not return. @wire: its end */
__attribute__((noreturn)) void mg_confined_child(const struct mg_wire *wire,
						 const struct mg_evaluator *evaluator,
						 const struct mg_evaluation *evaluation,
						 double seconds, pid_t parent);

/** What the parent knows of a child. */
struct mg_serving {
	struct mg_wire wire;
	const struct mg_evaluation *evaluation;
	struct mg_sources *sources;
	struct mg_notes *notes;
	char *how;	  /* it is confined; MG_HOW_CONFINED bytes */
	const char *name; /* of the policy file */
	struct mg_language language;
	double seconds; /* of processor time */
	char late[512]; /* where the policy was when its time was over; "": unknown */
	bool is_late;
	unsigned int lookups; /* of names, so far */
	int64_t until;	      /* then the time may be over; the wire's deadline is the end of all */
	double served;	      /* seconds of processor time that answers took */
};

/**
 * Answer a question. Errors: -errno of the wire; -EBADMSG, without words, for one that
 * no child of ours asks.
 */
int mg_serve(struct mg_serving *serving, enum mg_message kind, const struct mg_parcel *question);

/**
 * Take over what came of the policy; @result is the message, its areas follow.
 * @out: NULL unless it is a ruleset
 * Errors: what the child says, its words made fit for a terminal; what is forged;
 * -errno of the wire, without words.
 */
int mg_take_result(struct mg_serving *serving, const struct mg_parcel *result,
		   struct mg_ruleset **out, struct mg_error *error);

/**
 * Serve a child until it has handed over what came of the policy, and end it.
 * @pid: of the child, which is waited for
 * Errors: as of mg_policy_evaluate_confined()
 */
int mg_supervise(struct mg_serving *serving, pid_t pid, struct mg_ruleset **out,
		 struct mg_error *error);

#endif
