/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a generation tells of how it came to be: written once, read back, not
 * needed by one of before it was written down. And which generations stay.
 */
#include "plan/state_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "spec/support/tap.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *top;
static struct mg_state *state;
static struct mg_generation *generation;

static const char *in_top(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	return path;
}

static void begin(void)
{
	char run[300], command[400];

	snprintf(command, sizeof(command), "rm -rf '%s/state' '%s/run'", top, top);
	EXPECT_IS(system(command), 0);
	snprintf(run, sizeof(run), "%s/run", top);
	EXPECT_DONE(mg_state_open(in_top("state"), run, true, &state, &tap_error));
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
}

static void end(void)
{
	mg_generation_free(generation);
	generation = NULL;
	mg_state_close(state);
	state = NULL;
}

static int describe(uint32_t number)
{
	mg_generation_free(generation);
	generation = NULL;
	return mg_state_describe(state, number, &generation, &tap_error);
}

static uint32_t write_plain(void)
{
	struct mg_generation written = { .user = (char *)"u", .rules = { (char *)"*filter\n" } };

	if (mg_state_write_generation(state, &written, &tap_error))
		tap_fail(__LINE__, "write: %s", tap_error.text);
	return written.number;
}

static void test_round_trip(void)
{
	struct mg_generation_file files[] = {
		{ "policy", "p.lua", "/etc/moongate/p.lua", SUM },
		{ "module", "roles.web", "/x \"y\"\n\xC3\xA9", SUM },
	};
	const struct mg_generation story = {
		.peer = (char *)"2001:db8::1",
		.from = 7,
		.has_summary = true,
		.summary = { .added = 1,
			     .removed = 2,
			     .moved = 3,
			     .kept = 4,
			     .policies_changed = 5,
			     .members_removed = 6 },
		.files = files,
		.file_count = 2,
	};
	struct mg_generation written = { .user = (char *)"u", .rules = { (char *)"*filter\n" } };

	begin();
	mg_generation_lend_story(&story, &written);
	EXPECT_DONE(mg_state_write_generation(state, &written, &tap_error));
	EXPECT_DONE(describe(1));
	EXPECT_TEXT(generation->version, MG_VERSION);
	EXPECT_TEXT(generation->peer, "2001:db8::1");
	EXPECT_IS(generation->from, 7);
	EXPECT_IS(generation->confirmed_at, 0);
	EXPECT(generation->has_summary && generation->summary.added == 1);
	EXPECT(generation->summary.removed == 2 && generation->summary.moved == 3);
	EXPECT(generation->summary.kept == 4 && generation->summary.policies_changed == 5);
	EXPECT(generation->summary.members_removed == 6 && !generation->summary.sets_added);
	EXPECT_IS(generation->file_count, 2);
	EXPECT_TEXT(generation->files[0].kind, "policy");
	EXPECT_TEXT(generation->files[1].name, "roles.web");
	EXPECT_TEXT(generation->files[1].path, "/x \"y\"\n\xC3\xA9");
	EXPECT_TEXT(generation->files[1].sha256, SUM);
	EXPECT(!generation->rules[MG_IPV4]); /* rules are not read */
	EXPECT_DONE(mg_state_confirm_generation(state, 1, "console", &tap_error));
	EXPECT_DONE(describe(1));
	EXPECT_TEXT(generation->confirmed_by, "console");
	EXPECT(generation->confirmed_at >= time(NULL) - 60 &&
	       generation->confirmed_at <= time(NULL));
	EXPECT_IS(generation->file_count, 2);
	EXPECT_DONE(mg_state_check(state, 1, &tap_error));
	end();
}

/* Write a meta.json as it is given, with no checksum, which is no error in an old one. */
static void write_meta(const char *more)
{
	FILE *file = fopen(in_top("state/generations/1/meta.json"), "w");

	EXPECT(file);
	fprintf(file,
		"{\"format\": 1, \"number\": 1, \"time\": 5, \"user\": \"u\", \"policy\": null, "
		"\"confirmed_by\": \"console\", \"rules\": {\"v4\": null, \"v6\": null}%s}",
		more);
	EXPECT_IS(fclose(file), 0);
}

static void test_old(void)
{
	begin();
	EXPECT_IS(write_plain(), 1);
	write_meta("");
	EXPECT_DONE(describe(1));
	EXPECT_TEXT(generation->confirmed_by, "console");
	EXPECT(!generation->version && !generation->peer && !generation->from);
	EXPECT(!generation->has_summary && !generation->file_count && !generation->confirmed_at);
	end();
}

static void test_nonsense(void)
{
	static const char *const cases[] = {
		", \"sources\": {}",
		", \"sources\": [1]",
		", \"sources\": [{\"kind\": \"policy\", \"name\": \"p\", \"path\": 1}]",
		", \"summary\": 3",
		", \"summary\": {\"added\": -1}",
		", \"summary\": {\"added\": \"many\"}",
		", \"from\": 4294967296",
		", \"from\": \"7\"",
		", \"peer\": 7",
		", \"confirmed_at\": -5",
	};
	size_t i;

	begin();
	EXPECT_IS(write_plain(), 1);
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_meta(cases[i]);
		if (describe(1) != -EBADMSG)
			tap_fail(__LINE__, "taken: %s", cases[i]);
		EXPECT(strstr(tap_error.text, "generations/1/meta.json is damaged"));
	}
	end();
}

/* Many files, with long names: what is written can be read. */
static void test_many_files(void)
{
	static struct mg_generation_file files[3000];
	struct mg_generation written = { .rules = { (char *)"*filter\n" }, .files = files };
	static char path[4000];
	size_t i;

	begin();
	memset(path, 'x', sizeof(path) - 1);
	for (i = 0; i < 3000; i++)
		files[i] = (struct mg_generation_file){ "addresses", "n", path, SUM };
	written.file_count = 3000;
	EXPECT_DONE(mg_state_write_generation(state, &written, &tap_error));
	EXPECT_DONE(describe(1));
	EXPECT_IS(generation->file_count, 1000);
	EXPECT_DONE(mg_state_confirm_generation(state, 1, "console", &tap_error));
	EXPECT_DONE(describe(1));
	end();
}

static bool is_there(uint32_t number)
{
	return mg_state_check(state, number, &tap_error) == 0;
}

static void test_list(void)
{
	uint32_t *numbers = NULL;
	size_t count = 9;

	begin();
	EXPECT_DONE(mg_state_list(state, &numbers, &count, &tap_error));
	EXPECT_IS(count, 0);
	free(numbers);
	write_plain();
	write_plain();
	mkdir(in_top("state/generations/x"), 0700);
	EXPECT_DONE(mg_state_list(state, &numbers, &count, &tap_error));
	EXPECT_IS(count, 2);
	EXPECT(numbers[0] == 2 && numbers[1] == 1);
	free(numbers);
	end();
}

/* A guard that is killed at each apply leaves one each time; they must not pile up. */
static void test_leftovers(void)
{
	uint32_t i;

	begin();
	EXPECT_IS(write_plain(), 1);
	EXPECT_DONE(mg_state_confirm_generation(state, 1, "console", &tap_error));
	for (i = 2; i <= 40; i++)
		EXPECT_IS(write_plain(), i);
	EXPECT(is_there(1) && is_there(40) && is_there(39) && is_there(38) && is_there(37));
	for (i = 2; i < 37; i++)
		EXPECT(!is_there(i));
	/* a damaged one may have been confirmed: it is not for this to judge */
	EXPECT_IS(truncate(in_top("state/generations/37/meta.json"), 10), 0);
	for (i = 41; i <= 50; i++)
		EXPECT_IS(write_plain(), i);
	EXPECT_IS(access(in_top("state/generations/37/meta.json"), F_OK), 0);
	EXPECT(is_there(1) && !is_there(40));
	end();
}

int main(int argc, char **argv)
{
	top = argc > 1 ? argv[1] : ".";
	tap_run("is read as it was written", test_round_trip);
	tap_run("is not needed", test_old);
	tap_run("is damage where it makes no sense", test_nonsense);
	tap_run("ends somewhere", test_many_files);
	tap_run("is listed, the newest first", test_list);
	tap_run("is kept of the last ones that nobody confirmed", test_leftovers);
	return tap_end();
}
