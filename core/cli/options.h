/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line: what was asked for, and how to show it.
 */
#ifndef MG_CLI_OPTIONS_H
#define MG_CLI_OPTIONS_H

#include <moongate.h>

struct options {
	struct mg_request request;
	double confirm; /* seconds until the roll-back; 0: no confirmation */
	bool confirm_given, no_confirm;
	const char *confirm_command; /* apply: what confirms; NULL: somebody */
	const char *token;    /* confirm, rollback: of which apply; NULL: the one that waits */
	const char *out;      /* plan: save it there */
	bool kernel;	      /* check: ask the kernel too */
	bool detailed_exit;   /* plan: 2 if there are changes */
	bool console;	      /* confirm: there is no ssh */
	bool json;	      /* plan, show, status, history: a document, not text */
	const char *table;    /* show, export --live: one table, or NULL */
	const char *chain;    /* show: one chain of it, or NULL */
	const char *files[3]; /* import: ended by NULL */
	bool live;	      /* import, export: the live tables */
	bool counters;	      /* export: with counters */
	bool sets;	      /* export: the sets, not the rules */
	bool lenient;	      /* import: go on after lines that make no sense */
	bool keep, no_keep;   /* import: leave what is others' to them, or do not */
	const char *boot;     /* export: files that are loaded at boot */
	uint32_t generation;  /* plan, apply, export, history show: that one; 0: none */
	bool policy_given;    /* request.policy was */
	bool add;	      /* lock: keep the pins of modules that are not used */
	bool color;	      /* already decided */
	bool quiet, verbose;
	bool help;
	char run_dir[4096]; /* storage for request.run_dir */
};

/** Which options a command takes: letters of the table in options.c. */
struct command {
	const char *name;
	const char *arguments; /* "[POLICY]", "[TABLE [CHAIN]]" or "" */
	const char *summary;   /* a line for --help */
	const char *details;   /* what `moongate COMMAND --help` says below its usage */
	const char *options;
	bool of_tables;	 /* its arguments are a table and a chain, not a policy */
	bool of_token;	 /* it is the token of an apply */
	bool of_files;	 /* they are up to two files of rules */
	bool of_history; /* they are nothing, or "show" and a generation */
	bool elsewhere;	 /* what comes of it is not for this host's tables */
	int (*run)(const struct options *options);
};

extern const struct command check_command, plan_command, apply_command, confirm_command,
	rollback_command, show_command, status_command, export_command, facts_command,
	import_command, resolve_command, lock_command, restore_command, history_command;

/**
 * Read the words behind the command's name.
 * Returns 0, or MG_USAGE after having said on stderr what is wrong.
 */
int read_options(const struct command *command, int argc, char **argv, struct options *options);

/** Print the usage of one command to stdout. */
void print_command_help(const struct command *command);

/** Print the options that all commands have. */
void print_common_options(void);

#endif
