/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The child: it loads the language, which is trusted, locks itself in, and
 * evaluates. From then on it computes, asks the parent, and cannot do anything
 * else, whatever the policy makes of it. It is a process of its own and ends
 * without a word to anybody but the parent, so its state is one file-static.
 */
#include <errno.h>
#include <lauxlib.h>
#include <limits.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "confine/confine.h"
#include "confined.h"
#include "ruleset/crossing.h"
#include "ruleset/failure.h"

enum { MOST_FOLDERS = 16, LARGEST_ANSWER = 80 << 20 };

/* Besides Lua's own memory: the ruleset, and what the C library needs around it. */
static const size_t ADDRESS_SPACE = (size_t)3 << 30;

/* When the time is over, Lua is asked to stop; so much later it is not asked any more. */
static const double SECOND_CALL = 0.25;

static struct {
	struct mg_wire wire;
	lua_State *L;
	double seconds;
	pid_t parent;
	struct mg_sources sources; /* that it has instead of the parent's */
	struct mg_source_agent agent;
	struct mg_evaluator evaluator;
	char room[MOST_FOLDERS][PATH_MAX];
	const char *real[MOST_FOLDERS];
	char place[256]; /* where the time was over */
	volatile sig_atomic_t calls, is_talking;
} child;

static int tell(enum mg_message kind, struct mg_parcel *parcel)
{
	int err;

	child.is_talking = 1;
	err = mg_wire_send(&child.wire, kind, parcel);
	child.is_talking = 0;
	mg_parcel_clear(parcel);
	return err;
}

/* Without the parent there is nothing left to do. */
static void ask(enum mg_message kind, struct mg_parcel *question, struct mg_parcel *answer)
{
	enum mg_message got = kind;

	child.is_talking = 1;
	if (mg_wire_send(&child.wire, kind, question) ||
	    mg_wire_receive(&child.wire, &got, answer, LARGEST_ANSWER) || got != MG_ANSWER)
		_exit(1);
	child.is_talking = 0;
	mg_parcel_clear(question);
}

/* What every answer begins with. */
static int unpack_error(struct mg_unpacking *answer, struct mg_error *error)
{
	const uint32_t number = mg_unpack_number(answer);
	const uint32_t status = mg_unpack_number(answer);
	const char *words = mg_unpack_text(answer);

	if (!number)
		return 0;
	/* not to be said where there is nothing to say: the caller may have words of its own */
	if (words && *words)
		mg_set_error(error, (enum mg_status)status, "%s", words);
	return -(int)number;
}

static int hand_out(struct mg_unpacking *answer, char **text, size_t *length)
{
	const char *bytes = mg_unpack_bytes(answer, length);

	*text = malloc(*length + 1);
	if (!*text)
		return -ENOMEM;
	memcpy(*text, bytes, *length);
	return 0;
}

/* A bit for each of the search path that is in @folders, which is a part of it. */
static uint32_t folder_bits(const char *const *folders)
{
	uint32_t bits = 0;
	size_t i;

	for (; *folders; folders++)
		for (i = 0; i < MOST_FOLDERS && child.sources.folders[i]; i++)
			if (child.sources.folders[i] == *folders)
				bits |= 1U << i;
	return bits;
}

static int find(const struct mg_sources *sources, enum mg_source_kind kind,
		const char *const *folders, const char *name, const char *path, const char **folder,
		char **text, size_t *length, struct mg_error *error)
{
	struct mg_parcel question = { .size = 0 }, answer;
	struct mg_unpacking unpacking;
	uint32_t index;
	int err;

	mg_parcel_number(&question, (uint32_t)kind);
	mg_parcel_number(&question, folder_bits(folders));
	mg_parcel_text(&question, name);
	mg_parcel_text(&question, path);
	ask(MG_ASK_FILE, &question, &answer);
	unpacking = (struct mg_unpacking){ answer.bytes, answer.size, false };
	err = unpack_error(&unpacking, error);
	if (!err) {
		index = mg_unpack_number(&unpacking);
		*folder = sources->folders[index];
		err = hand_out(&unpacking, text, length);
	}
	mg_parcel_clear(&answer);
	return err;
}

static void list(const char *path, char *out, size_t size)
{
	struct mg_parcel question = { .size = 0 }, answer;
	struct mg_unpacking unpacking;
	const char *names;
	size_t length;

	mg_parcel_text(&question, path);
	mg_parcel_number(&question, (uint32_t)size);
	ask(MG_ASK_LIST, &question, &answer);
	unpacking = (struct mg_unpacking){ answer.bytes, answer.size, false };
	names = mg_unpack_bytes(&unpacking, &length);
	snprintf(out, size, "%.*s", (int)length, names);
	mg_parcel_clear(&answer);
}

/* The last one is kept until the next is asked for, as struct mg_name_source wants it. */
static int find_name(void *context, const char *name, const struct mg_resolved_name **out,
		     struct mg_error *error)
{
	static struct mg_resolved_name found;
	struct mg_parcel question = { .size = 0 }, answer;
	struct mg_unpacking unpacking;
	uint32_t count, i;
	int err;

	(void)context;
	free(found.addresses);
	found = (struct mg_resolved_name){ .name = NULL };
	mg_parcel_text(&question, name);
	ask(MG_ASK_NAME, &question, &answer);
	unpacking = (struct mg_unpacking){ answer.bytes, answer.size, false };
	err = unpack_error(&unpacking, error);
	count = err ? 0 : mg_unpack_number(&unpacking);
	for (i = 0; i < count && !err; i++) {
		const uint32_t family = mg_unpack_number(&unpacking);
		size_t length;
		const char *bytes = mg_unpack_bytes(&unpacking, &length);

		err = mg_resolved_add_address(&found, (enum mg_family)family, bytes);
	}
	mg_parcel_clear(&answer);
	*out = &found;
	return err;
}

static unsigned int find_families(const char *name)
{
	struct mg_parcel question = { .size = 0 }, answer;
	struct mg_unpacking unpacking;
	unsigned int families;

	mg_parcel_text(&question, name);
	ask(MG_ASK_FAMILIES, &question, &answer);
	unpacking = (struct mg_unpacking){ answer.bytes, answer.size, false };
	families = mg_unpack_number(&unpacking);
	mg_parcel_clear(&answer);
	return families;
}

static int read_language(const struct mg_language *language, const char *name, char **text,
			 size_t *length)
{
	struct mg_parcel question = { .size = 0 }, answer;
	struct mg_unpacking unpacking;
	int err;

	(void)language;
	mg_parcel_text(&question, name);
	ask(MG_ASK_LANGUAGE, &question, &answer);
	unpacking = (struct mg_unpacking){ answer.bytes, answer.size, false };
	err = -(int)mg_unpack_number(&unpacking);
	if (!err)
		err = hand_out(&unpacking, text, length);
	mg_parcel_clear(&answer);
	return err;
}

/* Where the policy is, as well as can be told; no memory is asked for. */
static void note_place(lua_State *L)
{
	lua_Debug ar;

	if (!child.place[0] && mg_policy_frame(L, 0, &ar) == 0)
		snprintf(child.place, sizeof(child.place), "%s:%d", ar.source + 1, ar.currentline);
}

/* From the first call on, whatever Lua does next is an error, also behind a pcall(). */
static void stop(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	note_place(L);
	luaL_error(L, "the time is over");
}

static void tell_late(void)
{
	struct {
		uint32_t kind, size, length;
		char text[sizeof(child.place)];
	} message = { .kind = MG_TELL_LATE };
	const size_t length = strlen(child.place) + 1;

	message.length = (uint32_t)length;
	message.size = (uint32_t)(sizeof(message.length) + length);
	memcpy(message.text, child.place, length);
	if (!child.is_talking) {
		struct iovec piece = { &message, 3 * sizeof(uint32_t) + length };

		mg_wire_write(&child.wire, &piece, 1);
	}
}

/*
 * The time is over. lua_sethook() is made for signals; but a hook is of no use in
 * one long call of C, such as a pattern's, or in a finalizer: there the next
 * signal ends the process. First it says so, and then it looks where the policy
 * was, since Lua may be at any point and the look may be its end.
 */
static void on_time(int number)
{
	(void)number;
	if (!child.calls++) {
		lua_sethook(child.L, stop,
			    LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
		return;
	}
	tell_late();
	if (!child.place[0]) {
		note_place(child.L);
		tell_late();
	}
	_exit(MG_LATE_EXIT);
}

static int start_timer(double seconds)
{
	struct sigaction action = { .sa_handler = on_time };
	struct itimerval timer = {
		.it_interval = { 0, (suseconds_t)(SECOND_CALL * 1e6) },
		.it_value = { (time_t)seconds,
			      (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6) },
	};

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGPROF, &action, NULL) || setitimer(ITIMER_PROF, &timer, NULL))
		return -errno;
	return 0;
}

static int report_confinement(int err, const struct mg_confined *confined)
{
	struct mg_parcel parcel = { .size = 0 };

	mg_parcel_number(&parcel, (uint32_t)-err);
	if (err) {
		mg_parcel_text(&parcel, confined->step);
		mg_parcel_number(&parcel, confined->no_seccomp);
	} else {
		mg_parcel_number(&parcel, confined->own_user);
		mg_parcel_number(&parcel, (uint32_t)confined->landlock);
	}
	return tell(MG_TELL_CONFINED, &parcel);
}

/* The language is loaded: shut the door. */
static int lock_in(void *context, lua_State *L, struct mg_error *error)
{
	const struct mg_confinement confinement = {
		.fd = child.wire.fd,
		.memory = ADDRESS_SPACE,
		.seconds = (unsigned int)(child.seconds + SECOND_CALL) + 2,
		.parent = child.parent,
		.own_signal = SIGPROF,
	};
	struct mg_confined confined;
	size_t i;
	int err;

	(void)context;
	(void)error;
	for (i = 0; i < MOST_FOLDERS && child.sources.folders && child.sources.folders[i]; i++)
		child.real[i] = realpath(child.sources.folders[i], child.room[i]);
	child.L = L;
	err = start_timer(child.seconds);
	if (err) {
		confined = (struct mg_confined){ .step = "set a timer" };
	} else {
		err = mg_confine(&confinement, &confined);
	}
	/* the filter lets it say so, too */
	if (report_confinement(err, &confined) || err)
		_exit(1);
	child.sources.agent = &child.agent;
	child.evaluator.language.read = read_language;
	return 0;
}

static void pack_notes(const struct mg_notes *notes, struct mg_parcel *parcel)
{
	size_t i;

	mg_parcel_number(parcel, (uint32_t)notes->count);
	for (i = 0; i < notes->count; i++) {
		mg_parcel_number(parcel, (uint32_t)notes->items[i].severity);
		mg_parcel_text(parcel, notes->items[i].place);
		mg_parcel_text(parcel, notes->items[i].text);
		mg_parcel_text(parcel, notes->items[i].remedy);
	}
}

static int tell_result(int err, const struct mg_ruleset *ruleset, const struct mg_notes *notes,
		       struct mg_error *error)
{
	struct mg_crossing crossing = { .areas = { { .bytes = NULL } } };
	struct mg_parcel parcel = { .size = 0 };
	struct iovec pieces[MG_AREAS];
	int area;

	if (!err)
		err = mg_ruleset_leave(ruleset, &crossing, error);
	mg_parcel_number(&parcel, (uint32_t)-err);
	mg_parcel_number(&parcel, (uint32_t)error->status);
	mg_parcel_text(&parcel, error->text);
	pack_notes(notes, &parcel);
	for (area = 0; area < MG_AREAS; area++) {
		pieces[area] = (struct iovec){ crossing.areas[area].bytes,
					       crossing.areas[area].size };
		if (!err)
			mg_parcel_number(&parcel, (uint32_t)crossing.areas[area].size);
	}
	if (tell(MG_TELL_RESULT, &parcel))
		return -EPIPE;
	child.is_talking = 1;
	return err ? 0 : mg_wire_write(&child.wire, pieces, MG_AREAS);
}

void mg_confined_child(const struct mg_wire *wire, const struct mg_evaluator *evaluator,
		       const struct mg_evaluation *evaluation, double seconds, pid_t parent)
{
	const struct mg_name_source names = { .find = find_name };
	struct mg_evaluation own = *evaluation;
	struct mg_notes notes = { .count = 0 };
	struct mg_error error = { .status = MG_DONE };
	struct mg_ruleset *ruleset = NULL;
	int err;

	child.wire = *wire;
	child.seconds = seconds;
	child.parent = parent;
	child.agent = (struct mg_source_agent){ .find = find, .list = list, .real = child.real };
	child.sources.folders = evaluation->sources ? evaluation->sources->folders : NULL;
	child.evaluator = *evaluator;
	child.evaluator.ready = lock_in;
	child.evaluator.keeps_memory = true;
	if (evaluation->names)
		own.names = &names;
	if (evaluation->set_families)
		own.set_families = find_families;
	err = mg_evaluator_run(&child.evaluator, &own, &child.sources, &ruleset, &notes, &error);
	if (child.calls) {
		tell_late();
		_exit(MG_LATE_EXIT);
	}
	_exit(tell_result(err, ruleset, &notes, &error) ? 1 : 0);
}
