/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parent of a confined evaluation with forged children: each says what no
 * evaluation of ours says, asks for what is none of its business, dies, or goes
 * on for ever. Nothing of it is believed, and all of it comes to an end.
 */
#include "ruleset/crossing.h"
#include "spec/unit/policy/confined_stage.h"

static void be_confined(const struct mg_wire *wire)
{
	struct mg_parcel parcel = { .size = 0 };

	mg_parcel_number(&parcel, 0);
	mg_parcel_number(&parcel, 1);
	mg_parcel_number(&parcel, 4);
	send_parcel(wire, MG_TELL_CONFINED, &parcel);
}

static void begin_result(struct mg_parcel *parcel, uint32_t number, const char *words,
			 uint32_t note_count)
{
	*parcel = (struct mg_parcel){ .size = 0 };
	mg_parcel_number(parcel, number);
	mg_parcel_number(parcel, MG_INVALID);
	mg_parcel_text(parcel, words);
	mg_parcel_number(parcel, note_count);
}

static void add_note(struct mg_parcel *parcel, uint32_t severity, const char *place,
		     const char *words)
{
	mg_parcel_number(parcel, severity);
	mg_parcel_text(parcel, place);
	mg_parcel_text(parcel, words);
	mg_parcel_text(parcel, NULL);
}

/* A true ruleset, empty; @parcel is a result up to its notes. */
static int finish_result(const struct mg_wire *wire, struct mg_parcel *parcel)
{
	struct mg_crossing crossing = { .areas = { { .bytes = NULL } } };
	struct iovec pieces[MG_AREAS];
	struct mg_ruleset *empty;
	int area;

	if (mg_ruleset_new(&empty, NULL) || mg_ruleset_seal(empty, NULL) ||
	    mg_ruleset_leave(empty, &crossing, NULL))
		return 1;
	for (area = 0; area < MG_AREAS; area++) {
		pieces[area] = (struct iovec){ crossing.areas[area].bytes,
					       crossing.areas[area].size };
		mg_parcel_number(parcel, (uint32_t)crossing.areas[area].size);
	}
	send_parcel(wire, MG_TELL_RESULT, parcel);
	return mg_wire_write(wire, pieces, MG_AREAS);
}

static int play_honest(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	be_confined(wire);
	begin_result(&parcel, 0, "", 1);
	add_note(&parcel, MG_WARNING, "p.lua:1", "by the way");
	return finish_result(wire, &parcel);
}

static void test_honest(void)
{
	EXPECT_DONE(supervise(play_honest));
	EXPECT(ruleset && mg_ruleset_rule_count(ruleset) == 0);
	EXPECT_IS(notes.count, 1);
	EXPECT_TEXT(notes.items[0].text, "by the way");
	EXPECT_TEXT(how,
		    "the policy was evaluated in a process of its own as nobody, with seccomp; "
		    "Landlock (version 4)");
}

static int play_mute(const struct mg_wire *wire)
{
	(void)wire;
	return 0;
}

static int play_segv(const struct mg_wire *wire)
{
	(void)wire;
	signal(SIGSEGV, SIG_DFL);
	return raise(SIGSEGV);
}

static int play_sys(const struct mg_wire *wire)
{
	(void)wire;
	return raise(SIGSYS);
}

static int play_killed(const struct mg_wire *wire)
{
	(void)wire;
	return raise(SIGKILL);
}

static int play_late(const struct mg_wire *wire)
{
	struct mg_parcel parcel = { .size = 0 };

	mg_parcel_bytes(&parcel, "p.lua:7", 7);
	send_parcel(wire, MG_TELL_LATE, &parcel);
	return MG_LATE_EXIT;
}

static void test_ends(void)
{
	EXPECT_REFUSED(play_mute, "p.lua: the evaluation ended without a result");
	EXPECT_REFUSED(play_segv, "p.lua: the policy made its evaluation crash (signal 11");
	EXPECT_REFUSED(play_sys, "p.lua: the policy tried a system call that is forbidden");
	EXPECT_REFUSED(play_late, "p.lua:7: the policy takes more than 0.");
	EXPECT(supervise(play_killed) < 0);
	EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
	EXPECT(strstr(tap_error.text, "was killed from outside"));
}

static int play_sleep(const struct mg_wire *wire)
{
	(void)wire;
	signal(SIGPROF, SIG_IGN);
	return (int)sleep(60);
}

/* Ask for ever, and never read an answer. */
static int play_flood(const struct mg_wire *wire)
{
	signal(SIGPROF, SIG_IGN);
	for (;;) {
		struct mg_parcel parcel = { .size = 0 };

		mg_parcel_text(&parcel, "");
		mg_parcel_number(&parcel, 100);
		send_parcel(wire, MG_ASK_LIST, &parcel);
	}
	return 0;
}

/* The same, reading. */
static int play_chat(const struct mg_wire *wire)
{
	signal(SIGPROF, SIG_IGN);
	for (;;) {
		struct mg_parcel parcel = { .size = 0 };
		enum mg_message kind;

		mg_parcel_text(&parcel, "");
		mg_parcel_number(&parcel, 100);
		send_parcel(wire, MG_ASK_LIST, &parcel);
		if (mg_wire_receive(wire, &kind, &parcel, 4096))
			return 1;
		mg_parcel_clear(&parcel);
	}
	return 0;
}

/* Half of a message. */
static int play_half(const struct mg_wire *wire)
{
	static char head[6] = { MG_TELL_RESULT };
	struct iovec piece = { head, sizeof(head) };

	signal(SIGPROF, SIG_IGN);
	mg_wire_write(wire, &piece, 1);
	return (int)sleep(60);
}

static void test_time(void)
{
	EXPECT_REFUSED(play_sleep, "p.lua: the policy takes more than 0.6 s, the limit");
	EXPECT_REFUSED(play_flood, "the limit");
	EXPECT_REFUSED(play_chat, "the limit");
	EXPECT_REFUSED(play_half, "the limit");
}

static int play_noise(const struct mg_wire *wire)
{
	static char noise[4096];
	struct iovec piece = { noise, sizeof(noise) };

	memset(noise, 0xff, sizeof(noise));
	return mg_wire_write(wire, &piece, 1);
}

static int play_answer(const struct mg_wire *wire)
{
	struct mg_parcel parcel = { .size = 0 };

	send_parcel(wire, MG_ANSWER, &parcel);
	return 0;
}

static int play_huge(const struct mg_wire *wire)
{
	static uint32_t head[2] = { MG_TELL_RESULT, UINT32_MAX };
	struct iovec piece = { head, sizeof(head) };

	return mg_wire_write(wire, &piece, 1);
}

static int play_long_question(const struct mg_wire *wire)
{
	static char bytes[64 * 1024];
	struct mg_parcel parcel = { .size = 0 };

	mg_parcel_bytes(&parcel, bytes, sizeof(bytes));
	send_parcel(wire, MG_ASK_FILE, &parcel);
	return 0;
}

static int play_twice(const struct mg_wire *wire)
{
	be_confined(wire);
	be_confined(wire);
	return 0;
}

static int play_unconfined(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	begin_result(&parcel, 0, "", 0);
	return finish_result(wire, &parcel);
}

static void test_messages(void)
{
	EXPECT_REFUSED(play_noise, "what no policy makes it say");
	EXPECT_REFUSED(play_answer, "what no policy makes it say");
	EXPECT_REFUSED(play_huge, "what no policy makes it say");
	EXPECT_REFUSED(play_long_question, "what no policy makes it say");
	EXPECT_REFUSED(play_twice, "what no policy makes it say");
	EXPECT_REFUSED(play_unconfined, "what no policy makes it say");
}

static int play_refusal(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	be_confined(wire);
	begin_result(&parcel, 0, "", 1);
	add_note(&parcel, MG_REFUSAL, NULL, "no");
	return finish_result(wire, &parcel);
}

static int play_many_notes(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	be_confined(wire);
	begin_result(&parcel, 0, "", UINT32_MAX);
	return finish_result(wire, &parcel);
}

static int play_no_words(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	be_confined(wire);
	begin_result(&parcel, EINVAL, NULL, 0);
	send_parcel(wire, MG_TELL_RESULT, &parcel);
	return 0;
}

static int play_bad_sizes(const struct mg_wire *wire)
{
	struct mg_parcel parcel;
	int i;

	be_confined(wire);
	begin_result(&parcel, 0, "", 0);
	for (i = 0; i < MG_AREAS; i++)
		mg_parcel_number(&parcel, UINT32_MAX);
	send_parcel(wire, MG_TELL_RESULT, &parcel);
	return 0;
}

static int play_few_sizes(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	be_confined(wire);
	begin_result(&parcel, 0, "", 0);
	send_parcel(wire, MG_TELL_RESULT, &parcel);
	return 0;
}

/* It says how much there is, and has less. */
static int play_short_areas(const struct mg_wire *wire)
{
	struct mg_parcel parcel;
	int i;

	be_confined(wire);
	begin_result(&parcel, 0, "", 0);
	for (i = 0; i < MG_AREAS; i++)
		mg_parcel_number(&parcel, 2800);
	send_parcel(wire, MG_TELL_RESULT, &parcel);
	return 0;
}

/* Areas of zeros. */
static int play_zeros(const struct mg_wire *wire)
{
	static char zeros[2800 * MG_AREAS];
	struct iovec piece = { zeros, sizeof(zeros) };
	struct mg_parcel parcel;
	int i;

	be_confined(wire);
	begin_result(&parcel, 0, "", 0);
	for (i = 0; i < MG_AREAS; i++)
		mg_parcel_number(&parcel, i == MG_AREA_RULES	 ? 2400
					  : i == MG_AREA_MEMBERS ? 0
								 : 2800);
	send_parcel(wire, MG_TELL_RESULT, &parcel);
	return mg_wire_write(wire, &piece, 1);
}

static void test_results(void)
{
	EXPECT_REFUSED(play_refusal, "what no policy makes: a note that is none");
	EXPECT_REFUSED(play_many_notes, "more notes than there can be");
	EXPECT_REFUSED(play_no_words, "an error without words");
	EXPECT_REFUSED(play_bad_sizes, "an area of an impossible size");
	EXPECT_REFUSED(play_few_sizes, "a result that is none");
	EXPECT_REFUSED(play_short_areas, "ended without a result");
	EXPECT_REFUSED(play_zeros, "what no policy makes: chain 1 is of no table");
}

static int play_terminal(const struct mg_wire *wire)
{
	struct mg_parcel parcel;

	be_confined(wire);
	begin_result(&parcel, EINVAL,
		     "p.lua:1: \033[2J\r\a\xc2\x9b"
		     "31m\nb\t\xc3\xa9\x7f",
		     1);
	add_note(&parcel, MG_INFO, "p\033.lua:1", "\033]0;x\a");
	send_parcel(wire, MG_TELL_RESULT, &parcel);
	return 0;
}

static void test_terminal(void)
{
	EXPECT(supervise(play_terminal) < 0);
	EXPECT_TEXT(tap_error.text, "p.lua:1: ?[2J????31m\nb\t\xc3\xa9?");
	EXPECT_IS(notes.count, 1);
	EXPECT_TEXT(notes.items[0].place, "p?.lua:1");
	EXPECT_TEXT(notes.items[0].text, "?]0;x?");
}

int main(void)
{
	tap_run("takes what an honest child hands over", test_honest);
	tap_run("tells how a child has died", test_ends);
	tap_run("lets no child go on for ever", test_time);
	tap_run("hangs up at messages that no child of ours sends", test_messages);
	tap_run("refuses a forged result", test_results);
	tap_run("prints nothing that a terminal obeys", test_terminal);
	mg_notes_clear(&notes);
	mg_ruleset_free(ruleset);
	return tap_end();
}
