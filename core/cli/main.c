/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate(8): the table of commands.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap.h"
#include "options.h"
#include "output.h"

static const struct command *const commands[] = {
	&check_command,	  &plan_command,   &apply_command,   &confirm_command, &rollback_command,
	&show_command,	  &status_command, &export_command,  &facts_command,   &import_command,
	&resolve_command, &lock_command,   &restore_command, &history_command,
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

static void print_help(void)
{
	size_t i;

	printf("Usage: moongate COMMAND [OPTION]... [POLICY]\n\n"
	       "A host firewall from a Lua policy: planned, applied in one step, and taken\n"
	       "back by itself unless it is confirmed from a new connection.\n\n"
	       "POLICY is /etc/moongate/policy.lua if it is not given.\n\nCommands:\n");
	for (i = 0; i < COMMANDS; i++)
		printf("  %-10s %s\n", commands[i]->name, commands[i]->summary);
	printf("\nOptions of every command:\n");
	print_common_options();
	printf("      --version              show the version\n\n"
	       "`moongate COMMAND --help' tells more.\n\n"
	       "Exit status: 0 done or nothing to do; 1 the policy or the request is wrong;\n"
	       "2 changes (plan --detailed-exitcode); 3 rolled back; 4 a lock or another\n"
	       "transaction is in the way; 5 refused for safety; 6 the kernel refused; 7 the\n"
	       "environment failed; 8 the roll-back failed; 64 usage. All but 3 and 8 mean\n"
	       "that nothing was changed, but for 6 and 7 of restore.\n");
}

static int unknown_command(const char *word)
{
	const char *names[COMMANDS + 1] = { NULL }, *nearest;
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		names[i] = commands[i]->name;
	nearest = mg_nearest(word, names);
	fprintf(stderr, "moongate: unknown command `%s'%s%s%s\nTry `moongate --help'.\n", word,
		nearest ? ": did you mean `" : "", nearest ? nearest : "", nearest ? "'?" : "");
	return MG_USAGE;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/*
 * Somebody may have closed them; the next file opened would get their number
 * and our messages. A stdout that was closed cannot be written to: what is
 * asked for would be lost, and nobody told.
 */
static void open_standard_streams(void)
{
	int fd;

	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR);
}

static int usage(const char *problem, const char *word)
{
	fprintf(stderr, "moongate: %s%s%s%s\nTry `moongate --help'.\n", problem, *word ? " `" : "",
		word, *word ? "'" : "");
	return MG_USAGE;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	const struct command *command;
	int code;

	prepare_heap();
	open_standard_streams();
	/* a file that may not grow is an error that can be told */
	signal(SIGXFSZ, SIG_IGN);
	if (argc < 2)
		return usage("which command?", "");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help();
		return finish_output(MG_DONE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("moongate %s\n", MG_VERSION);
		return finish_output(MG_DONE);
	}
	command = find_command(argv[1]);
	if (!command)
		return argv[1][0] == '-' ? usage("unknown option", argv[1])
					 : unknown_command(argv[1]);
	code = read_options(command, argc - 1, argv + 1, &options);
	if (code)
		return code;
	if (options.help) {
		print_command_help(command);
		return finish_output(MG_DONE);
	}
	return finish_output(command->run(&options));
}
