/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parent of a confined evaluation answers to a child that asks for what
 * is none of its business.
 */
#include "spec/unit/policy/confined_stage.h"

static char folder[2048]; /* of modules */

/* What a child asks for a file with; a single question. */
static uint32_t asked_kind = MG_SOURCE_MODULE, asked_folders = 1;
static const char *asked_path;
static bool asked_language;

/* 0: it was answered with a file; 1: with an error; or the parent has hung up */
static int play_ask(const struct mg_wire *wire)
{
	struct mg_parcel parcel = { .size = 0 };
	struct mg_unpacking answer;
	enum mg_message kind;

	if (!asked_language) {
		mg_parcel_number(&parcel, asked_kind);
		mg_parcel_number(&parcel, asked_folders);
		mg_parcel_text(&parcel, "x");
	}
	mg_parcel_text(&parcel, asked_path);
	send_parcel(wire, asked_language ? MG_ASK_LANGUAGE : MG_ASK_FILE, &parcel);
	if (mg_wire_receive(wire, &kind, &parcel, 1 << 20))
		return 2;
	answer = (struct mg_unpacking){ parcel.bytes, parcel.size, false };
	if (mg_unpack_number(&answer) == 0)
		raise(SIGUSR1); /* the parent can tell that from an end of ours */
	return 1;
}

#define ASKED "crash (signal 10"
#define DENIED "ended without a result"
#define STOPPED "what no policy makes it say"

static void ask(int line, const char *path, const char *outcome)
{
	asked_path = path;
	if (supervise(play_ask) >= 0 || !strstr(tap_error.text, outcome))
		tap_fail(line, "%s: [%s] is not in: %s", path ? path : "no path", outcome,
			 tap_error.text);
}

static void test_questions(void)
{
	ask(__LINE__, "good.lua", ASKED);
	ask(__LINE__, "absent.lua", DENIED);
	ask(__LINE__, "../secret.lua", STOPPED);
	ask(__LINE__, "a/../../secret.lua", STOPPED);
	ask(__LINE__, "..", STOPPED);
	ask(__LINE__, "/etc/passwd", STOPPED);
	ask(__LINE__, "link.lua", DENIED);
	ask(__LINE__, "fifo.lua", DENIED);
	ask(__LINE__, "", DENIED);
	ask(__LINE__, NULL, STOPPED);
	asked_folders = 0;
	ask(__LINE__, "good.lua", DENIED);
	asked_folders = ~1U;
	ask(__LINE__, "good.lua", DENIED);
	asked_folders = 1;
	asked_kind = MG_SOURCE_POLICY;
	ask(__LINE__, "good.lua", STOPPED);
	asked_kind = 77;
	ask(__LINE__, "good.lua", STOPPED);
	asked_kind = MG_SOURCE_MODULE;
}

static void test_language(void)
{
	asked_language = true;
	ask(__LINE__, "moongate.chains", ASKED);
	ask(__LINE__, "moongate.absent", DENIED);
	ask(__LINE__, "moongate.../../etc/passwd", DENIED);
	ask(__LINE__, "moongate/chains", DENIED);
	ask(__LINE__, "/etc/passwd", DENIED);
	ask(__LINE__, "moongate.", DENIED);
	asked_language = false;
}

static void write_file(const char *name, const char *text)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file))
		exit(2);
}

int main(int argc, char **argv)
{
	char path[4096];

	snprintf(folder, sizeof(folder), "%s/modules", argc > 1 ? argv[1] : "/tmp");
	folders[0] = folder;
	if (mkdir(folder, 0755))
		return 2;
	write_file("good.lua", "return function() end\n");
	write_file("../secret.lua", "return function() end\n");
	snprintf(path, sizeof(path), "%s/link.lua", folder);
	if (symlink("../secret.lua", path))
		return 2;
	snprintf(path, sizeof(path), "%s/fifo.lua", folder);
	if (mkfifo(path, 0644))
		return 2;
	tap_run("hands out no file that is not the policy's to read", test_questions);
	tap_run("hands out the language's files alone", test_language);
	mg_notes_clear(&notes);
	mg_ruleset_free(ruleset);
	return tap_end();
}
