/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines of iptables-save text to arguments and back.
 *
 * Must not touch the kernel, libxtables or Lua.
 */
#include "save_text.h"

#include <string.h>

#include "failure.h"
#include "growable.h"

void mg_args_clear(struct mg_args *args)
{
	free(args->bytes);
	free(args->argv);
	*args = (struct mg_args){ 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* One argument from @text at @at, unquoted into @out. Returns where it ends, or -errno. */
static ssize_t take_word(const char *text, size_t length, size_t at, char *out, size_t *size,
			 struct mg_error *error)
{
	size_t quote = 0; /* column of the open quote, counted from 1 */
	size_t used = 0;

	for (; at < length; at++) {
		char c = text[at];

		if (c == '\0')
			return mg_fail(error, -EINVAL, MG_INVALID, "column %zu: a NUL byte",
				       at + 1);
		if (!quote && is_blank(c))
			break;
		if (c == '"') {
			quote = quote ? 0 : at + 1;
			continue;
		}
		if (quote && c == '\\') {
			if (++at == length)
				return mg_fail(error, -EINVAL, MG_INVALID,
					       "column %zu: nothing follows the backslash", at);
			c = text[at];
		}
		out[used++] = c;
	}
	if (quote)
		return mg_fail(error, -EINVAL, MG_INVALID, "column %zu: this quote is never closed",
			       quote);
	out[used] = '\0';
	*size = used + 1;
	return (ssize_t)at;
}

static int room_for_words(struct mg_args *args, size_t length)
{
	/* no word is longer than its text, and words are parted by blanks */
	size_t pointers = args->capacity;
	int err = mg_make_room((void **)&args->bytes, &args->bytes_capacity, length + 2, 1);

	if (err)
		return err;
	err = mg_make_room((void **)&args->argv, &pointers, length / 2 + 3, sizeof(*args->argv));
	args->capacity = (uint32_t)pointers;
	return err;
}

int mg_args_split(struct mg_args *args, const char *text, size_t length, struct mg_error *error)
{
	size_t at = 0, used = 0, size = 0;

	args->argc = 0;
	if (length > UINT32_MAX / 2 || room_for_words(args, length))
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a line");
	for (;;) {
		ssize_t end;

		while (at < length && is_blank(text[at]))
			at++;
		if (at == length)
			break;
		end = take_word(text, length, at, args->bytes + used, &size, error);
		if (end < 0)
			return (int)end;
		args->argv[args->argc++] = args->bytes + used;
		used += size;
		at = (size_t)end;
	}
	args->argv[args->argc] = NULL;
	return 0;
}

void mg_arg_print(FILE *out, const char *arg)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "_-.,:/!+=@%*[]";

	if (*arg && arg[strspn(arg, plain)] == '\0') {
		fputs(arg, out);
		return;
	}
	fputc('"', out);
	for (; *arg; arg++) {
		if (*arg == '"' || *arg == '\\')
			fputc('\\', out);
		fputc(*arg, out);
	}
	fputc('"', out);
}

void mg_args_print(FILE *out, const char *args, uint32_t argc)
{
	uint32_t i;

	for (i = 0; i < argc; i++, args = mg_arg_next(args)) {
		if (i)
			fputc(' ', out);
		mg_arg_print(out, args);
	}
}

/* What mg_save_read() knows while it goes down the lines. */
struct reader {
	struct mg_ruleset *ruleset;
	enum mg_family family;
	char table[32];
	char origin[512];
	unsigned int rank;
	struct mg_args args;
};

static int read_chain(struct reader *reader, struct mg_error *error)
{
	const char *name = reader->args.argv[0]; /* begins with ":" */
	const char *policy = reader->args.argc > 1 ? reader->args.argv[1] : "";
	uint32_t chain;
	int err;

	if (strlen(name) < 2 || !*policy)
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "a chain line needs a name and a policy");
	err = mg_ruleset_chain(reader->ruleset, reader->family, reader->table, name + 1,
			       reader->origin, &chain, error);
	if (err || strcmp(policy, "-") == 0)
		return err;
	if (strcmp(policy, "ACCEPT") != 0 && strcmp(policy, "DROP") != 0)
		return mg_fail(error, -EINVAL, MG_INVALID, "%s is not a chain policy", policy);
	return mg_ruleset_policy(reader->ruleset, chain, policy, reader->origin, error);
}

static int read_rule(struct reader *reader, struct mg_error *error)
{
	const char *const *argv = reader->args.argv;
	uint32_t argc = reader->args.argc, chain;
	int err;

	if (argc && argv[0][0] == '[') { /* the counters, which a ruleset does not keep */
		argv++;
		argc--;
	}
	if (argc < 2 || (strcmp(argv[0], "-A") != 0 && strcmp(argv[0], "--append") != 0))
		return mg_fail(error, -EINVAL, MG_INVALID,
			       "this is neither a rule (-A) nor a chain (:) nor a table (*)");
	err = mg_ruleset_chain(reader->ruleset, reader->family, reader->table, argv[1],
			       reader->origin, &chain, error);
	if (err)
		return err;
	return mg_ruleset_append(reader->ruleset, chain, reader->rank, argc - 2, argv + 2,
				 reader->origin, error);
}

static int read_number(const char *word, unsigned int *rank, struct mg_error *error)
{
	const size_t length = strspn(word, "0123456789");

	if (!length || length > 3 || word[length] || atoi(word) > MG_RANK_HIGHEST)
		return mg_fail(error, -EINVAL, MG_INVALID, "`%s' is no rank: a number up to %d",
			       word, MG_RANK_HIGHEST);
	*rank = (unsigned int)atoi(word);
	return 0;
}

static int read_rank(struct reader *reader, struct mg_error *error)
{
	if (reader->args.argc != 2)
		return mg_fail(error, -EINVAL, MG_INVALID, "\"#@rank\" takes a number");
	return read_number(reader->args.argv[1], &reader->rank, error);
}

static int read_keep(struct reader *reader, struct mg_error *error)
{
	const char *const *argv = reader->args.argv;
	struct mg_keep keep = { .kind = MG_KEEP_CHAINS };
	int err;

	if (reader->args.argc != 6)
		return mg_fail(
			error, -EINVAL, MG_INVALID,
			"\"#@keep\" takes a kind, a rank, an owner, a pattern and an origin");
	while (keep.kind < MG_KEEP_KINDS && strcmp(mg_keep_kinds[keep.kind], argv[1]) != 0)
		keep.kind++;
	if (keep.kind == MG_KEEP_KINDS)
		return mg_fail(error, -EINVAL, MG_INVALID, "`%s' is nothing that can be kept",
			       argv[1]);
	keep.owner = argv[3];
	keep.pattern = argv[4];
	keep.origin = argv[5];
	err = read_number(argv[2], &keep.rank, error);
	return err ? err : mg_ruleset_keep(reader->ruleset, &keep, error);
}

void mg_save_print_keep(FILE *out, const struct mg_keep *keep)
{
	fprintf(out, "#@keep %s %u ", mg_keep_kinds[keep->kind], keep->rank);
	mg_arg_print(out, keep->owner);
	fputc(' ', out);
	mg_arg_print(out, keep->pattern);
	fputc(' ', out);
	mg_arg_print(out, keep->origin);
}

/* A comment that means something? Others may hold anything. */
static bool is_note(const char *text, size_t length)
{
	return length > 7 && (memcmp(text, "#@rank ", 7) == 0 || memcmp(text, "#@keep ", 7) == 0);
}

static int read_line(struct reader *reader, const char *text, size_t length, struct mg_error *error)
{
	int err;

	if (length && text[length - 1] == '\r')
		length--;
	if (length > 3 && memcmp(text, "#@ ", 3) == 0) {
		snprintf(reader->origin, sizeof(reader->origin), "%.*s", (int)(length - 3),
			 text + 3);
		return 0;
	}
	if (length == 0 || (text[0] == '#' && !is_note(text, length)))
		return 0;
	err = mg_args_split(&reader->args, text, length, error);
	if (err || reader->args.argc == 0)
		return err;
	if (text[0] == '#')
		return text[2] == 'r' ? read_rank(reader, error) : read_keep(reader, error);
	if (text[0] == '*') {
		snprintf(reader->table, sizeof(reader->table), "%s", reader->args.argv[0] + 1);
		reader->rank = MG_RANK_SCRIPT;
		return 0;
	}
	if (strcmp(reader->args.argv[0], "COMMIT") == 0) {
		reader->table[0] = '\0';
		return 0;
	}
	if (!reader->table[0])
		return mg_fail(error, -EINVAL, MG_INVALID, "no table (*NAME) is open here");
	err = text[0] == ':' ? read_chain(reader, error) : read_rule(reader, error);
	if (!err)
		reader->origin[0] = '\0';
	return err;
}

int mg_save_read(struct mg_ruleset *ruleset, enum mg_family family, const char *name,
		 const char *text, size_t length, struct mg_error *error)
{
	struct reader reader = { .ruleset = ruleset, .family = family, .rank = MG_RANK_SCRIPT };
	unsigned int line = 0;
	char place[512];
	int err = 0;

	while (length && !err) {
		const char *end = memchr(text, '\n', length);
		size_t size = end ? (size_t)(end - text) : length;

		line++;
		err = read_line(&reader, text, size, error);
		text += size + (end ? 1 : 0);
		length -= size + (end ? 1 : 0);
	}
	if (err) {
		/* who made the line knows what to do about it */
		mg_error_origin(error, reader.origin);
		snprintf(place, sizeof(place), "%s:%u", name, line);
		mg_error_prefix(error, place);
	}
	mg_args_clear(&reader.args);
	return err;
}
