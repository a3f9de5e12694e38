/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * moongate import: rules of before as a policy.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

enum { LARGEST_FILE = 256 * 1024 * 1024 };

/* All of @file, to be freed. Returns 0 or -errno. */
static int read_all(FILE *file, char **out, size_t *length)
{
	size_t capacity = 64 * 1024, size = 0;
	char *text = NULL, *grown;

	do {
		capacity *= 2;
		grown = realloc(text, capacity);
		if (!grown) {
			free(text);
			return -ENOMEM;
		}
		text = grown;
		errno = 0;
		size += fread(text + size, 1, capacity - size, file);
	} while (size == capacity && size < LARGEST_FILE);
	if (ferror(file) || size >= LARGEST_FILE) {
		int err = ferror(file) && errno ? -errno : -EFBIG;

		free(text);
		return err;
	}
	*out = text;
	*length = size;
	return 0;
}

static int read_file(const char *name, struct mg_import_text *out)
{
	const bool is_stdin = strcmp(name, "-") == 0;
	FILE *file = is_stdin ? stdin : fopen(name, "re");
	char *text = NULL;
	int err = file ? read_all(file, &text, &out->length) : -errno;

	if (file && !is_stdin)
		fclose(file);
	if (err) {
		fprintf(stderr, "moongate import: cannot read %s: %s\n", name, strerror(-err));
		return MG_INVALID;
	}
	out->name = is_stdin ? "standard input" : name;
	out->text = text;
	return 0;
}

static int import(const struct options *options, const struct mg_import *import)
{
	struct mg_engine *engine;
	struct mg_error error;
	char *text = NULL;
	int err;

	if (mg_engine_open(&options->request, &engine, &error))
		return print_error(&error);
	err = options->live ? mg_engine_look_after(engine, &error) : 0;
	if (!err)
		err = mg_engine_import(engine, import, &text, &error);
	print_notes(options, mg_engine_notes(engine), 0);
	if (!err)
		fputs(text, stdout);
	free(text);
	mg_engine_close(engine);
	return err ? print_error(&error) : MG_DONE;
}

/* Does the command line make sense? Returns 0, or MG_USAGE after having said what is wrong. */
static int check(const struct options *options)
{
	const unsigned int families = options->request.families;
	const char *wrong = NULL;

	if (options->live && options->files[0])
		wrong = "either files or --live";
	else if (!options->live && !options->files[0] && isatty(STDIN_FILENO))
		wrong = "which rules? Name a file of iptables-save, `-' for standard input, or "
			"say --live";
	else if (!options->live && families & (families - 1))
		wrong = "-4 and -6 say which family a file is of: leave them out where there are "
			"two";
	else if (options->keep && options->no_keep)
		wrong = "either --keep or --no-keep";
	else if (options->files[1] && families)
		wrong = "two files are one of each family: leave -4 and -6 out";
	if (wrong)
		fprintf(stderr, "moongate import: %s\nTry `moongate import --help'.\n", wrong);
	return wrong ? MG_USAGE : 0;
}

static int run(const struct options *options)
{
	struct options own = *options;
	struct mg_import_text texts[2] = { { 0 } };
	struct mg_import what = {
		.texts = texts,
		.lenient = options->lenient,
		.others = options->keep	     ? MG_OTHERS_KEPT
			  : options->no_keep ? MG_OTHERS_IMPORTED
					     : MG_OTHERS_AS_USUAL,
	};
	const char *const *file = options->files;
	int code = check(options);

	if (code)
		return code;
	if (!options->live) {
		static const char *const standard_input[] = { "-", NULL };

		for (file = *file ? file : standard_input; *file && !code; file++) {
			texts[what.count].family = options->request.families;
			code = read_file(*file, &texts[what.count]);
			what.count += !code;
		}
		own.request.families = 0; /* a file of a family that this host does not have */
	}
	if (!code)
		code = import(&own, &what);
	while (what.count)
		free((char *)(uintptr_t)texts[--what.count].text);
	return code;
}

const struct command import_command = {
	.name = "import",
	.arguments = "[FILE [FILE]]",
	.summary = "rules of iptables-save, or the live ones, as a policy",
	.details =
		"Print a policy that loads just the rules of FILE, which iptables-save or\n"
		"`iptables -S' wrote (`-': standard input), or with --live those of the live\n"
		"tables. Two files are the IPv4 and the IPv6 rules of one host; of a single one\n"
		"-4 or -6 says the family where it cannot be found out. Helpers are used where\n"
		"they say just the same, primitives for the rest; what is Docker's, fail2ban's\n"
		"and the like in the live tables is left to them by keep(). Nothing is touched.",
	.options = "LTkn",
	.elsewhere = true,
	.of_files = true,
	.run = run,
};
