/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The durable state while one call fails, each in its turn: whoever says that
 * it went well has done it; whoever does not, says why, and what was confirmed
 * before still is.
 */
#include "plan/boot_files.h"
#include "plan/state_inner.h"

#include "spec/support/failing.h"

/* What fails, and how; the last ones are to go unnoticed. */
static const int ways[] = { FAILING_MEMORY, EIO, ENOSPC, FAILING_END, EINTR, FAILING_HALF };

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char state_dir[256], run_dir[256];
static const char *top;
static struct mg_state *state;

static char first[] = "*filter\n:INPUT DROP [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n";
static char second[] =
	"*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\nCOMMIT\n";
static char set[] = "create mg4-office hash:ip family inet\nadd mg4-office 192.0.2.7\n";

static void end(void)
{
	mg_state_close(state);
	state = NULL;
}

static int write_rules(char *rules, uint32_t *number, struct mg_error *error)
{
	struct mg_generation_file file = { "policy", "p.lua", "/etc/moongate/p.lua", SUM };
	struct mg_generation written = {
		.user = (char *)"eric\xff", /* no UTF-8 */
		.policy = (char *)"/etc/moongate/p.lua",
		.operators = (char *)"192.0.2.1 22\n",
		.peer = (char *)"192.0.2.1",
		.rules = { rules, rules },
		.sets = { set, NULL },
		.has_summary = true,
		.files = &file,
		.file_count = 1,
	};
	int err = mg_state_write_generation(state, &written, error);

	*number = written.number;
	return err;
}

/* From nothing: generation 1 counts, and 2 was never confirmed. */
static void begin(void)
{
	char line[600];
	uint32_t number;

	snprintf(line, sizeof(line), "rm -rf '%s/state' '%s/run'", top, top);
	EXPECT_IS(system(line), 0);
	EXPECT_DONE(mg_state_open(state_dir, run_dir, true, &state, &tap_error));
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
	EXPECT_DONE(write_rules(first, &number, &tap_error));
	EXPECT_DONE(mg_state_confirm_generation(state, number, "console", &tap_error));
	EXPECT_DONE(write_rules(second, &number, &tap_error));
	EXPECT_IS(number, 2);
}

/* After a failure there are words for it; else there was none to be told. */
static void judge_words(int err)
{
	if (err)
		EXPECT(err < 0 && tap_error.text[0] && tap_error.status != MG_DONE);
	tap_error.text[0] = '\0';
}

static void confirmed_is(uint32_t number)
{
	struct mg_generation *generation = NULL;

	EXPECT_DONE(mg_state_read_confirmed(state, &generation, &tap_error));
	EXPECT_IS(generation->number, number);
	EXPECT_TEXT(generation->rules[MG_IPV4], number == 1 ? first : second);
	mg_generation_free(generation);
}

#define EACH_WAY(way) for (const int *way = ways; way < ways + sizeof(ways) / sizeof(*ways); way++)

static void opening(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			int err;

			end();
			err = FAILING(*way, n,
				      mg_state_open(state_dir, run_dir, true, &state, &tap_error));
			judge_words(err);
			EXPECT(!err == (state != NULL));
			if (!err)
				EXPECT(mg_state_exists(state));
			end();
			EXPECT_DONE(mg_state_open(state_dir, run_dir, false, &state, &tap_error));
			confirmed_is(1);
		}
	}
	end();
}

/* The folders themselves are made, one call of which fails. */
static void making_folders(void)
{
	char line[600];

	snprintf(line, sizeof(line), "rm -rf '%s/state' '%s/run'", top, top);
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			int err;

			end();
			EXPECT_IS(system(line), 0);
			err = FAILING(*way, n,
				      mg_state_open(state_dir, run_dir, true, &state, &tap_error));
			judge_words(err);
			end();
			EXPECT_DONE(mg_state_open(state_dir, run_dir, true, &state, &tap_error));
			EXPECT(mg_state_exists(state));
		}
	}
	end();
}

static void relative_folders(void)
{
	char here[512];

	EXPECT(getcwd(here, sizeof(here)) != NULL);
	begin();
	end();
	EXPECT_IS(chdir(top), 0);
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			int err = FAILING(*way, n,
					  mg_state_open("state", "run", false, &state, &tap_error));

			judge_words(err);
			if (!err)
				EXPECT(strncmp(mg_state_socket(state), run_dir, strlen(run_dir)) ==
				       0);
			end();
		}
	}
	EXPECT_IS(chdir(here), 0);
}

static void writing(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			uint32_t number = 0, *all = NULL;
			size_t count = 0;
			int err = FAILING(*way, n, write_rules(second, &number, &tap_error));

			judge_words(err);
			confirmed_is(1);
			EXPECT_DONE(mg_state_list(state, &all, &count, &tap_error));
			EXPECT(err || all[0] == number);
			/* what is in sight is whole */
			for (size_t i = 0; i < count; i++)
				EXPECT_DONE(mg_state_check(state, all[i], &tap_error));
			free(all);
		}
	}
	end();
}

static void confirming(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			int err = FAILING(*way, n,
					  mg_state_confirm_generation(state, 2, "console",
								      &tap_error));

			judge_words(err);
			confirmed_is(err ? 1 : 2);
			EXPECT_DONE(mg_state_confirm_generation(state, 1, "console", &tap_error));
		}
	}
	end();
}

/* The first one that ever counts: if it fails, none does. */
static void confirming_the_first(void)
{
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			int err;

			end();
			begin();
			EXPECT_IS(unlinkat(state->state.fd, MG_CONFIRMED, 0), 0);
			err = FAILING(*way, n,
				      mg_state_confirm_generation(state, 2, "console", &tap_error));
			judge_words(err);
			EXPECT_IS(mg_state_confirmed(state), err ? 0 : 2);
		}
	}
	end();
}

static void dropping(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			uint32_t number = 0;
			int err;

			EXPECT_DONE(write_rules(second, &number, &tap_error));
			err = FAILING(*way, n, mg_state_drop_generation(state, number, &tap_error));
			judge_words(err);
			if (!err)
				EXPECT(mg_state_check(state, number, NULL) == -ENOENT);
			confirmed_is(1);
		}
	}
	end();
}

static void dropping_the_unconfirmed(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			struct mg_notes notes = { .count = 0 };
			uint32_t number = 0;
			int err;

			EXPECT_DONE(write_rules(second, &number, &tap_error));
			err = FAILING(*way, n,
				      mg_state_drop_unconfirmed(state, &notes, &tap_error));
			judge_words(err);
			mg_notes_clear(&notes);
			confirmed_is(1);
		}
	}
	EXPECT_DONE(mg_state_drop_unconfirmed(state, NULL, &tap_error));
	EXPECT_IS(mg_state_check(state, 2, NULL), -ENOENT);
	end();
}

/* A reader gives what was written, or says why not. */
static void reading(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			struct mg_generation *generation = NULL;
			int err = FAILING(*way, n,
					  mg_state_read_confirmed(state, &generation, &tap_error));

			judge_words(err);
			if (!err) {
				EXPECT_TEXT(generation->rules[MG_IPV4], first);
				EXPECT_TEXT(generation->sets[MG_IPV4], set);
				EXPECT_IS(generation->file_count, 1);
			}
			EXPECT(!err || !generation);
			mg_generation_free(generation);
		}
	}
	end();
}

static void describing(void)
{
	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			struct mg_table_names tables[MG_FAMILIES];
			struct mg_generation *generation = NULL;
			uint32_t number = 0;
			char *operators = NULL;
			int err = FAILING(*way, n,
					  mg_state_describe(state, 2, &generation, &tap_error));

			judge_words(err);
			if (!err)
				EXPECT_TEXT(generation->user, "eric?");
			mg_generation_free(generation);
			err = FAILING(*way, n,
				      mg_state_read_tables(state, &number, tables, &tap_error));
			judge_words(err);
			if (!err) {
				EXPECT_IS(number, 1);
				EXPECT_TEXT(tables[MG_IPV4].text, "filter ");
			}
			err = FAILING(*way, n, mg_state_operators(state, &operators, &tap_error));
			judge_words(err);
			/* those of a description that cannot be read are not known */
			if (!err && operators)
				EXPECT_TEXT(operators, "192.0.2.1 22\n");
			free(operators);
		}
	}
	end();
}

/* Whatever fails, a boot loads what was confirmed, or nothing. */
static void booting(void)
{
	uint32_t number;

	begin();
	EXPECT_DONE(mg_state_confirm_generation(state, 2, "console", &tap_error));
	EXPECT_DONE(write_rules(second, &number, &tap_error));
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			struct mg_generation *generation = NULL;
			struct mg_notes notes = { .count = 0 };
			int err = FAILING(*way, n,
					  mg_state_read_bootable(state, &generation, &notes,
								 &tap_error));

			judge_words(err);
			if (!err) {
				EXPECT(generation->number == 1 || generation->number == 2);
				EXPECT_TEXT(generation->rules[MG_IPV4],
					    generation->number == 1 ? first : second);
				EXPECT(generation->number == 2 || notes.count > 0);
			}
			mg_generation_free(generation);
			mg_notes_clear(&notes);
		}
	}
	end();
}

static void losing_the_link(void)
{
	begin();
	EXPECT_IS(unlinkat(state->state.fd, MG_CONFIRMED, 0), 0);
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			struct mg_generation *generation = NULL;
			struct mg_notes notes = { .count = 0 };
			int err = FAILING(*way, n, mg_state_find_lost(state, &tap_error));

			/* that one was confirmed cannot be told while its record cannot be read */
			judge_words(err);
			EXPECT(err || failing_hit);
			err = FAILING(*way, n,
				      mg_state_read_bootable(state, &generation, &notes,
							     &tap_error));
			EXPECT(err || generation->number == 1);
			tap_error.text[0] = '\0';
			mg_generation_free(generation);
			mg_notes_clear(&notes);
		}
	}
	end();
}

static void pending(void)
{
	const struct mg_pending written = { .number = 12, .token = "t", .committed = 7 };
	struct mg_pending read;

	begin();
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			bool hit;
			int err;

			EXPECT_DONE(mg_state_clear_pending(state, &tap_error));
			err = FAILING(*way, n, mg_state_write_pending(state, &written, &tap_error));
			hit = failing_hit;
			judge_words(err);
			if (!err) {
				EXPECT_DONE(mg_state_read_pending(state, &read, &tap_error));
				EXPECT_IS(read.committed, 7);
			}
			EXPECT_DONE(mg_state_write_pending(state, &written, &tap_error));
			err = FAILING(*way, n, mg_state_read_pending(state, &read, &tap_error));
			hit = hit || failing_hit;
			judge_words(err);
			if (!err)
				EXPECT_IS(read.number, 12);
			err = FAILING(*way, n, mg_state_clear_pending(state, &tap_error));
			judge_words(err);
			if (!err)
				EXPECT_IS(mg_state_read_pending(state, &read, NULL), -ENOENT);
			failing_hit = hit || failing_hit;
		}
	}
	end();
}

/* Whoever says that it has the lock keeps others out. */
static void locking(void)
{
	struct mg_state *other = NULL;

	begin();
	EXPECT_DONE(mg_state_open(state_dir, run_dir, false, &other, &tap_error));
	EACH_WAY(way)
	{
		for (long n = 1; failing_goes_on(n); n++) {
			bool hit;
			int err;

			mg_state_unlock(state);
			err = FAILING(*way, n, mg_state_lock(state, 0, &tap_error));
			hit = failing_hit;
			judge_words(err);
			if (err)
				EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
			/* and the words about who holds it come, whatever else fails */
			EXPECT(FAILING(*way, n, mg_state_lock(other, 0, &tap_error)) < 0);
			failing_hit = failing_hit || hit;
			EXPECT(tap_error.text[0]);
			tap_error.text[0] = '\0';
		}
	}
	mg_state_close(other);
	end();
}

int main(int argc, char **argv)
{
	top = argc > 1 ? argv[1] : "/nowhere";
	snprintf(state_dir, sizeof(state_dir), "%s/state", top);
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	tap_clean_up = end;
	tap_run("is opened, or says why not", opening);
	tap_run("is made, or says why not", making_folders);
	tap_run("is opened from where one is", relative_folders);
	tap_run("has a new generation as a whole or not at all", writing);
	tap_run("has the one confirmed of which that is said", confirming);
	tap_run("has none confirmed when the first one fails", confirming_the_first);
	tap_run("loses the generation that is dropped, and no other", dropping);
	tap_run("loses what was never confirmed, and no other", dropping_the_unconfirmed);
	tap_run("is read right, or not at all", reading);
	tap_run("is described right, or not at all", describing);
	tap_run("boots what was confirmed", booting);
	tap_run("boots what was confirmed when the link is lost", losing_the_link);
	tap_run("has a pending record as a whole or not at all", pending);
	tap_run("is locked if it says so", locking);
	return tap_end();
}
