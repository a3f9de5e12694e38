/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The durable state: what was confirmed stays so through damage, crashes and
 * full disks; the lock keeps others out; a pending record counts for one boot.
 */
#include "plan/state_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "spec/support/tap.h"

static const char *top;
static char state_dir[256], run_dir[256];
static struct mg_state *state;
static struct mg_generation *generation;

static void set_folders(const char *dir)
{
	top = dir;
	snprintf(state_dir, sizeof(state_dir), "%s/state", dir);
	snprintf(run_dir, sizeof(run_dir), "%s/run", dir);
}

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char line[2048];
	int length = snprintf(line, sizeof(line), "cd '%s' && ", top);
	va_list args;

	va_start(args, format);
	vsnprintf(line + length, sizeof(line) - (size_t)length, format, args);
	va_end(args);
	if (system(line) != 0)
		tap_fail(__LINE__, "%s", line);
}

/* From nothing, with the lock held. */
static void begin(void)
{
	shell("rm -rf state run");
	EXPECT_DONE(mg_state_open(state_dir, run_dir, true, &state, &tap_error));
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
}

static void forget_generation(void)
{
	mg_generation_free(generation);
	generation = NULL;
}

static void end(void)
{
	forget_generation();
	mg_state_close(state);
	state = NULL;
}

static uint32_t write_rules(const char *four, const char *six)
{
	struct mg_generation written = { .user = "eric",
					 .policy = "/etc/moongate/p.lua",
					 .rules = { (char *)four, (char *)six } };

	if (mg_state_write_generation(state, &written, &tap_error))
		tap_fail(__LINE__, "write: %s", tap_error.text);
	return written.number;
}

static int read_number(uint32_t number)
{
	forget_generation();
	return mg_state_read_generation(state, number, &generation, &tap_error);
}

static int confirm(uint32_t number)
{
	return mg_state_confirm_generation(state, number, "console", &tap_error);
}

static void confirmed_is(uint32_t number)
{
	forget_generation();
	EXPECT_DONE(mg_state_read_confirmed(state, &generation, &tap_error));
	EXPECT_IS(generation->number, number);
}

static void nothing_there(void)
{
	struct mg_generation written = { 0 };
	struct mg_pending pending;

	shell("rm -rf state run");
	EXPECT_DONE(mg_state_open(state_dir, run_dir, false, &state, &tap_error));
	EXPECT_IS(mg_state_read_confirmed(state, &generation, &tap_error), -ENOENT);
	EXPECT_IS(mg_state_read_pending(state, &pending, &tap_error), -ENOENT);
	EXPECT_IS(read_number(3), -ENOENT);
	EXPECT_TEXT(tap_error.text, "");
	EXPECT_IS(mg_state_lock(state, 0, &tap_error), -ENOENT);
	EXPECT_IS(mg_state_write_generation(state, &written, &tap_error), -ENOENT);
	EXPECT_DONE(mg_state_clear_pending(state, &tap_error));
	EXPECT_DONE(mg_state_drop_generation(state, 4, &tap_error));
	EXPECT(access(state_dir, F_OK) < 0 && access(run_dir, F_OK) < 0);
	end();
}

static void write_and_confirm(void)
{
	static const char rules[] = "*filter\n:INPUT DROP [0:0]\nCOMMIT\n";

	begin();
	EXPECT_IS(write_rules(rules, NULL), 1);
	EXPECT_IS(mg_state_read_confirmed(state, &generation, &tap_error), -ENOENT);
	EXPECT_DONE(read_number(1));
	EXPECT_TEXT(generation->user, "eric");
	EXPECT_TEXT(generation->policy, "/etc/moongate/p.lua");
	EXPECT_TEXT(generation->rules[MG_IPV4], rules);
	EXPECT(!generation->rules[MG_IPV6] && !generation->confirmed_by);
	EXPECT(generation->time > time(NULL) - 60 && generation->time <= time(NULL));
	EXPECT_DONE(mg_state_confirm_generation(state, 1, "connection", &tap_error));
	confirmed_is(1);
	EXPECT_TEXT(generation->confirmed_by, "connection");
	EXPECT_IS(mg_state_drop_generation(state, 1, &tap_error), -EBUSY);
	EXPECT_IS(tap_error.status, MG_UNSAFE);
	EXPECT_IS(write_rules("a", "b"), 2);
	EXPECT_DONE(mg_state_drop_generation(state, 2, &tap_error));
	EXPECT_IS(read_number(2), -ENOENT);
	EXPECT_IS(write_rules("", ""), 2);
	EXPECT_DONE(read_number(2));
	EXPECT_TEXT(generation->rules[MG_IPV6], "");
	EXPECT_IS(confirm(7), -ENOENT);
	confirmed_is(1);
	end();
}

/* Others must not be able to read rules or the token. */
static void modes(void)
{
	begin();
	EXPECT_DONE(confirm(write_rules("a", "b")));
	shell("test -z \"$(find state run ! -type l -perm /077)\"");
	shell("chmod 0777 state");
	end();
	EXPECT_IS(mg_state_open(state_dir, run_dir, true, &state, &tap_error), -EPERM);
	shell("chmod 0700 state");
	EXPECT_IS(mg_state_open("/nowhere/at/all", run_dir, true, &state, &tap_error), -ENOENT);
}

/* One damage each; %s is the generation's folder. */
static void damage(void)
{
	static const char *const damages[] = {
		"printf x | dd of=%s/rules.v4 bs=1 seek=5 conv=notrunc status=none",
		"printf x | dd of=%s/rules.v6 bs=1 seek=5 conv=notrunc status=none",
		"printf x >>%s/rules.v4",
		"truncate -s 3 %s/rules.v4",
		"truncate -s 0 %s/rules.v6",
		"rm %s/rules.v4",
		"rm %s/rules.v4 && mkfifo %s/rules.v4",
		"rm %s/rules.v4 && ln -s /etc/hostname %s/rules.v4",
		"rm %s/rules.v4 && mkdir %s/rules.v4",
		"rm %s/meta.json",
		"truncate -s 0 %s/meta.json",
		"truncate -s 20 %s/meta.json",
		"sed -i s/format/formal/ %s/meta.json",
		"sed -i 's/\"number\": [0-9]*/\"number\": 99/' %s/meta.json",
		"cp state/generations/1/meta.json %s/meta.json",
	};

	begin();
	EXPECT_DONE(confirm(write_rules("the rules of four", "the rules of six")));
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		uint32_t number = write_rules("new rules of four", "new rules of six");
		char folder[64], line[256];
		int ret;

		snprintf(folder, sizeof(folder), "state/generations/%u", number);
		snprintf(line, sizeof(line), damages[i], folder, folder);
		shell("%s", line);
		ret = read_number(number);
		if (ret != -EBADMSG)
			tap_fail(__LINE__, "%s: %d %s", line, ret, tap_error.text);
		EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
		EXPECT_IS(confirm(number), -EBADMSG);
		confirmed_is(1);
		EXPECT_TEXT(generation->rules[MG_IPV6], "the rules of six");
	}
	end();
}

/* Random bits and cuts in meta.json: never a crash, never other rules. */
static void random_damage(void)
{
	char path[512], whole[4096], part[4096];
	int noticed = 0, fd;
	ssize_t size;

	begin();
	snprintf(path, sizeof(path), "%s/generations/%u/meta.json", state_dir,
		 write_rules("the right rules", "six"));
	fd = open(path, O_RDWR);
	size = read(fd, whole, sizeof(whole));
	EXPECT(size > 100);
	srand(1);
	for (int i = 0; i < 2000; i++) {
		ssize_t length = i % 3 ? size : rand() % size;
		int ret;

		memcpy(part, whole, (size_t)size);
		for (int k = 0; i % 3 && k < 1 + i % 4; k++)
			part[rand() % size] ^= (char)(1 << rand() % 8);
		EXPECT(ftruncate(fd, 0) == 0 && pwrite(fd, part, (size_t)length, 0) == length);
		ret = read_number(1);
		EXPECT(ret == 0 || ret == -EBADMSG);
		/* a confirmation looks at the same, piece by piece */
		EXPECT_IS(mg_state_check(state, 1, &tap_error), ret);
		noticed += ret != 0;
		if (ret == 0 && generation->rules[MG_IPV4])
			EXPECT_TEXT(generation->rules[MG_IPV4], "the right rules");
	}
	close(fd);
	EXPECT(noticed > 1000);
	end();
}

/* More than is looked at in one piece, and no multiple of a word. */
static void damage_of_many_rules(void)
{
	static const long places[] = { 0, 65535, 65536, 131072, 200001, 200002 };
	char *rules = malloc(200004), path[512];
	uint32_t number;

	memset(rules, 'r', 200003);
	rules[200003] = '\0';
	begin();
	number = write_rules(rules, "six");
	free(rules);
	EXPECT_DONE(confirm(number));
	snprintf(path, sizeof(path), "%s/generations/%u/rules.v4", state_dir, number);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd = open(path, O_RDWR);

		EXPECT(pwrite(fd, "s", 1, places[i]) == 1);
		EXPECT_IS(confirm(number), -EBADMSG);
		EXPECT(pwrite(fd, "r", 1, places[i]) == 1);
		EXPECT_DONE(confirm(number));
		close(fd);
	}
	end();
}

static void damaged_link(void)
{
	static const char *const lines[] = { "ln -sfn generations/77 state/confirmed",
					     "ln -sfn /etc/passwd state/confirmed",
					     "ln -sfn generations/01 state/confirmed",
					     "rm state/confirmed; echo 1 >state/confirmed" };

	begin();
	EXPECT_DONE(confirm(write_rules("a", "b")));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		shell("%s", lines[i]);
		forget_generation();
		EXPECT_IS(mg_state_read_confirmed(state, &generation, &tap_error), -EBADMSG);
		EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
	}
	EXPECT_DONE(confirm(1));
	confirmed_is(1);
	end();
}

static void leftovers(void)
{
	begin();
	EXPECT_DONE(confirm(write_rules("a", "b")));
	shell("cd state/generations && mkdir .new .old && touch .new/meta.json .old/x "
	      "1/.meta.json.new");
	EXPECT_IS(write_rules("x", "y"), 2);
	EXPECT_DONE(confirm(2));
	confirmed_is(2);
	shell("test ! -e state/generations/.new");
	end();
}

static void retention(void)
{
	begin();
	for (uint32_t number = 1; number <= 30; number++) {
		EXPECT_IS(write_rules("a", "b"), number);
		/* every tenth is never confirmed */
		if (number % 10)
			EXPECT_DONE(confirm(number));
	}
	EXPECT_IS(read_number(7), -ENOENT);
	for (uint32_t number = 9; number <= 30; number++)
		EXPECT_DONE(read_number(number));
	/* going back to an old one does not cost it */
	EXPECT_DONE(confirm(9));
	for (uint32_t number = 31; number <= 40; number++) {
		EXPECT_IS(write_rules("a", "b"), number);
		/* as they were written before there was a checksum in them */
		if (number <= 35)
			shell("sed -i -e 's/\"confirmed_by\": null/\"confirmed_by\": \"console\"/' "
			      "-e 's/^  \"checksum\": .*/  \"other\": 1/' -e '/\"version\":/d' "
			      "state/generations/%u/meta.json",
			      number);
	}
	EXPECT_DONE(confirm(9));
	confirmed_is(9);
	EXPECT_IS(read_number(11), -ENOENT);
	EXPECT_DONE(read_number(40));
	end();
}

static void lock(void)
{
	struct mg_state *other = NULL;
	struct timespec before, after;
	int status;
	pid_t pid;

	begin();
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
	EXPECT_DONE(mg_state_open(state_dir, run_dir, false, &other, &tap_error));
	clock_gettime(CLOCK_MONOTONIC, &before);
	EXPECT_IS(mg_state_lock(other, 0.2, &tap_error), -EBUSY);
	clock_gettime(CLOCK_MONOTONIC, &after);
	EXPECT_IS(tap_error.status, MG_BUSY);
	EXPECT(after.tv_sec - before.tv_sec + (after.tv_nsec - before.tv_nsec) / 1e9 > 0.19);
	/* a child has its share: it is free when both have let go */
	pid = fork();
	if (pid == 0) {
		usleep(200000);
		_exit(0);
	}
	mg_state_unlock(state);
	EXPECT_IS(mg_state_lock(other, 0, &tap_error), -EBUSY);
	EXPECT_DONE(mg_state_lock(other, 5, &tap_error));
	waitpid(pid, &status, 0);
	EXPECT_IS(mg_state_lock(state, 0, &tap_error), -EBUSY);
	mg_state_unlock(other);
	/* somebody has tidied up */
	shell("rm run/lock");
	EXPECT_DONE(mg_state_lock(state, 0, &tap_error));
	EXPECT_IS(mg_state_lock(other, 0, &tap_error), -EBUSY);
	mg_state_close(other);
	end();
}

static void pending(void)
{
	struct mg_pending written = { .number = 12,
				      .token = "0123456789abcdef0123456789abcdef",
				      .guard = 4711,
				      .committed = 123456789012345,
				      .deadline = 123486789012345,
				      .connections = "10.0.0.1 5000 10.0.0.2 22\n" };
	struct mg_pending read;

	begin();
	EXPECT_DONE(mg_state_write_pending(state, &written, &tap_error));
	EXPECT_DONE(mg_state_read_pending(state, &read, &tap_error));
	EXPECT_IS(strlen(read.boot_id), 36);
	EXPECT_IS(read.number, 12);
	EXPECT_IS(read.guard, 4711);
	EXPECT_IS(read.committed, written.committed);
	EXPECT_IS(read.deadline, written.deadline);
	EXPECT_TEXT(read.token, written.token);
	EXPECT_TEXT(read.connections, written.connections);
	strcpy(written.boot_id, "00000000-0000-0000-0000-000000000000");
	EXPECT_DONE(mg_state_write_pending(state, &written, &tap_error));
	tap_error.text[0] = '\0';
	EXPECT_IS(mg_state_read_pending(state, &read, &tap_error), -ENOENT);
	EXPECT_TEXT(tap_error.text, "");
	EXPECT_DONE(mg_state_clear_pending(state, &tap_error));
	EXPECT_DONE(mg_state_clear_pending(state, &tap_error));
	shell("echo '{' >run/pending.json");
	EXPECT_IS(mg_state_read_pending(state, &read, &tap_error), -EBADMSG);
	EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
	shell("echo '{ \"format\": 2 }' >run/pending.json");
	EXPECT_IS(mg_state_read_pending(state, &read, &tap_error), -EBADMSG);
	end();
}

/* Write and confirm until the disk is full; then still, with a few bytes left. */
static void fill_disk(void)
{
	const size_t size = 100000;
	char *big = malloc(size + 1);
	int refused = 0;
	uint32_t last;

	memset(big, 'r', size);
	big[size] = '\0';
	begin();
	EXPECT_DONE(confirm(last = write_rules("*filter\n", "x")));
	for (int i = 0; i < 30; i++) {
		struct mg_generation next = { .user = "u", .policy = "p", .rules = { big, "six" } };
		int ret = mg_state_write_generation(state, &next, &tap_error);

		if (ret) {
			EXPECT_IS(ret, -ENOSPC);
			EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
			refused++;
			shell("test ! -e state/generations/.new");
		} else if (confirm(next.number) == 0) {
			last = next.number;
		}
		confirmed_is(last);
	}
	free(big);
	EXPECT(refused > 10);
	shell("rm -r state/generations/1");
	if (tap_reason[0])
		return;
	write_rules("small", "rules");
	shell("dd if=/dev/zero of=fill bs=1k status=none 2>/dev/null; test -s fill");
	EXPECT_IS(confirm(last + 1), -ENOSPC);
	confirmed_is(last);
	shell("rm fill");
	EXPECT_DONE(confirm(last + 1));
	confirmed_is(last + 1);
	end();
}

static void full_disk(void)
{
	const char *dir = top;
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		/* a disk of 1 MB over the folder, seen by this process only */
		if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		    mount("none", dir, "tmpfs", 0, "size=1m,mode=0700"))
			_exit(77);
		fill_disk();
		if (tap_reason[0])
			fprintf(stderr, "full disk: %s\n", tap_reason);
		_exit(tap_reason[0] ? 9 : 0);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no right to mount a small disk (run as root)");
	EXPECT_IS(status, 0);
}

int main(int argc, char **argv)
{
	set_folders(argc > 1 ? argv[1] : "/nowhere");
	tap_clean_up = end;
	tap_run("reads as empty where nothing is, and makes nothing", nothing_there);
	tap_run("writes a generation, then confirms it", write_and_confirm);
	tap_run("shows nothing to others, and refuses folders that they can change", modes);
	tap_run("notices every kind of damage, and the confirmed one stays", damage);
	tap_run("notices random damage, or gives the right rules", random_damage);
	tap_run("notices damage anywhere in many rules", damage_of_many_rules);
	tap_run("notices a damaged link, and replaces it", damaged_link);
	tap_run("is not confused by what a crash leaves", leftovers);
	tap_run("keeps the last 20 confirmed generations, and the current one", retention);
	tap_run("locks others out until all who share the lock let go", lock);
	tap_run("keeps a pending record for one boot", pending);
	tap_run("keeps the confirmed generation on a full disk", full_disk);
	return tap_end();
}
