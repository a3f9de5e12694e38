/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent of a confined evaluation, and a child that only plays one.
 */
#ifndef SPEC_CONFINED_STAGE_H
#define SPEC_CONFINED_STAGE_H

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "policy/confined.h"
#include "spec/support/tap.h"

/* How a child plays; what it returns is its exit code. */
typedef int play(const struct mg_wire *wire);

static const char *folders[2];
static struct mg_notes notes;
static struct mg_ruleset *ruleset;
static char how[MG_HOW_CONFINED];
static double took;

/* Have the parent at the other end of a child that plays. */
static inline int supervise(play *child)
{
	struct mg_sources sources = { .folders = folders };
	const struct mg_evaluation evaluation = { .path = "p.lua", .sources = &sources };
	struct mg_serving serving = {
		.evaluation = &evaluation,
		.sources = &sources,
		.notes = &notes,
		.how = how,
		.name = "p.lua",
		.language = { .folder = "lua" },
		.seconds = 0.3,
	};
	const int64_t began = mg_wire_now();
	int ends[2], err;
	pid_t pid;

	mg_notes_clear(&notes);
	mg_ruleset_free(ruleset);
	ruleset = NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		exit(2);
	pid = fork();
	if (!pid) {
		const struct mg_wire wire = { .fd = ends[0], .confined = true };

		close(ends[1]);
		_exit(child(&wire));
	}
	close(ends[0]);
	serving.wire.fd = ends[1];
	err = mg_supervise(&serving, pid, &ruleset, &tap_error);
	close(ends[1]);
	mg_sources_clear(&sources);
	took = (double)(mg_wire_now() - began) / 1e9;
	if (kill(pid, 0) == 0)
		tap_fail(__LINE__, "the child is still there");
	return err;
}

/** Refused, for these words, and soon. */
#define EXPECT_REFUSED(child, words)                                                               \
	do {                                                                                       \
		EXPECT(supervise(child) < 0);                                                      \
		EXPECT_IS(tap_error.status, MG_INVALID);                                           \
		if (!strstr(tap_error.text, words))                                                \
			tap_fail(__LINE__, "[%s] is not in: %s", words, tap_error.text);           \
		EXPECT(!ruleset);                                                                  \
		EXPECT(took < 5);                                                                  \
	} while (0)

static inline void send_parcel(const struct mg_wire *wire, enum mg_message kind,
			       struct mg_parcel *parcel)
{
	mg_wire_send(wire, kind, parcel);
	mg_parcel_clear(parcel);
}

#endif
