/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rot: each file of the state cut at each of its bytes, and with each of its bits
 * the other way round. It is noticed, and the generation before stands in; or it
 * has said the same all the same, as blanks in JSON might.
 */
#include "plan/state_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "plan/boot_files.h"
#include "spec/support/tap.h"

#define SUM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *top;
static struct mg_state *state;
static char path[512];
static char original[8192];
static size_t length;

static char rules[][200] = {
	"*filter\n:INPUT DROP [0:0]\n#@ p.lua:1 allow_established\n-A INPUT -j ACCEPT\nCOMMIT\n",
	"*filter\n:INPUT ACCEPT [0:0]\n#@ p.lua:7 new\n-A INPUT -s 192.0.2.7 -j DROP\nCOMMIT\n",
};
static char set[] = "create mg4-office hash:ip family inet\nadd mg4-office 192.0.2.7\n";

static uint32_t write_generation(int which)
{
	struct mg_generation_file file = { "policy", "p.lua", "/etc/moongate/p.lua", SUM };
	struct mg_generation written = {
		.user = (char *)"eric",
		.policy = (char *)"/etc/moongate/p.lua",
		.operators = (char *)"192.0.2.1 22\n",
		.rules = { rules[which], rules[which] },
		.sets = { set, NULL },
		.has_summary = true,
		.files = &file,
		.file_count = 1,
	};

	if (mg_state_write_generation(state, &written, &tap_error) ||
	    mg_state_confirm_generation(state, written.number, "console", &tap_error))
		tap_fail(__LINE__, "write: %s", tap_error.text);
	return written.number;
}

/* Two generations, of which the second counts. */
static void begin(void)
{
	char command[600], state_dir[300], run_dir[300];

	snprintf(command, sizeof(command), "rm -rf '%s/state' '%s/run'", top, top);
	EXPECT_IS(system(command), 0);
	snprintf(state_dir, sizeof(state_dir), "%s/state", top);
	snprintf(run_dir, sizeof(run_dir), "%s/run", top);
	EXPECT_DONE(mg_state_open(state_dir, run_dir, true, &state, &tap_error));
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
	EXPECT_IS(write_generation(0), 1);
	EXPECT_IS(write_generation(1), 2);
}

static void end(void)
{
	mg_state_close(state);
	state = NULL;
}

static void take(const char *name)
{
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_RDONLY);
	length = (size_t)read(fd, original, sizeof(original));
	close(fd);
	EXPECT(length > 0 && length < sizeof(original));
}

/* What a boot loads: generation 2 as it was, or generation 1 and a warning. Returns which. */
static uint32_t boot(void)
{
	struct mg_generation *generation = NULL;
	struct mg_notes notes = { .count = 0 };
	uint32_t number = 0;

	if (mg_state_read_bootable(state, &generation, &notes, &tap_error) == 0) {
		number = generation->number;
		if (number < 1 || number > 2 || (number == 1) != (notes.count > 0) ||
		    strcmp(generation->rules[MG_IPV4], rules[number - 1]) != 0 ||
		    strcmp(generation->rules[MG_IPV6], rules[number - 1]) != 0 ||
		    strcmp(generation->sets[MG_IPV4], set) != 0)
			number = 9;
	}
	mg_generation_free(generation);
	mg_notes_clear(&notes);
	return number;
}

/* Cut it everywhere, then turn each bit; @judge says whether all is well. */
static void rot(const char *name, bool (*judge)(bool cut))
{
	size_t at;
	int bit, fd;

	take(name);
	fd = open(path, O_WRONLY);
	for (at = length; at-- > 0 && !tap_reason[0];)
		if (ftruncate(fd, (off_t)at) || !judge(true))
			tap_fail(__LINE__, "%s cut at %zu", name, at);
	EXPECT_IS(pwrite(fd, original, length, 0), length);
	for (at = 0; at < length && !tap_reason[0]; at++) {
		for (bit = 0; bit < 8; bit++) {
			const char turned = (char)(original[at] ^ 1 << bit);

			if (pwrite(fd, &turned, 1, (off_t)at) != 1 || !judge(false))
				tap_fail(__LINE__, "%s: bit %d of byte %zu", name, bit, at);
		}
		EXPECT_IS(pwrite(fd, &original[at], 1, (off_t)at), 1);
	}
	close(fd);
}

/* Not even blanks may have changed: the checksum is of the bytes. */
static bool is_noticed(bool cut)
{
	(void)cut;
	return boot() == 1;
}

/* A description may say the same in other bytes. */
static bool is_right(bool cut)
{
	const uint32_t number = boot();

	return number == 1 || (!cut && number == 2);
}

static void test_rules(void)
{
	begin();
	rot("state/generations/2/rules.v4", is_noticed);
	rot("state/generations/2/rules.v6", is_noticed);
	EXPECT_IS(boot(), 2);
	end();
}

static void test_sets(void)
{
	begin();
	rot("state/generations/2/sets.v4", is_noticed);
	EXPECT_IS(boot(), 2);
	end();
}

static void test_meta(void)
{
	begin();
	rot("state/generations/2/meta.json", is_right);
	EXPECT_IS(boot(), 2);
	end();
}

static struct mg_pending expected;

/* It says what it said, or is damaged, or is of another boot. */
static bool is_record_right(bool cut)
{
	struct mg_pending found = { .number = 0 };
	const int ret = mg_state_read_pending(state, &found, &tap_error);

	if (ret)
		return ret == -EBADMSG || (!cut && ret == -ENOENT);
	return !cut && found.number == expected.number && found.guard == expected.guard &&
	       found.committed == expected.committed && found.deadline == expected.deadline &&
	       strcmp(found.token, expected.token) == 0 &&
	       strcmp(found.connections, expected.connections) == 0;
}

static void test_pending(void)
{
	begin();
	expected = (struct mg_pending){
		.number = 2,
		.token = "0123456789abcdef0123456789abcdef",
		.guard = 4711,
		.committed = 123456789012,
		.deadline = 153456789012,
		.connections = "192.0.2.1 50000 192.0.2.2 22",
	};
	EXPECT_DONE(mg_state_write_pending(state, &expected, &tap_error));
	EXPECT(is_record_right(false));
	rot("run/pending.json", is_record_right);
	end();
}

static bool are_boot_files_right(bool cut)
{
	struct mg_boot_files files;
	const int ret = mg_boot_files_read(state, &files, &tap_error);

	return ret ? ret == -EBADMSG && !files.format
		   : !cut && files.format == &mg_boot_formats[1] && !files.number;
}

static void test_boot_files(void)
{
	begin();
	EXPECT_DONE(mg_boot_files_choose(state, &mg_boot_formats[1], &tap_error));
	EXPECT(are_boot_files_right(false));
	rot("state/boot-files.json", are_boot_files_right);
	end();
}

int main(int argc, char **argv)
{
	top = argc > 1 ? argv[1] : ".";
	tap_run("is noticed anywhere in the rules", test_rules);
	tap_run("is noticed anywhere in the sets", test_sets);
	tap_run("changes nothing that a description says", test_meta);
	tap_run("changes nothing that a pending record says", test_pending);
	tap_run("changes nothing that is asked of boot files", test_boot_files);
	return tap_end();
}
