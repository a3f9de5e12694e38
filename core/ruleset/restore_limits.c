/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See restore_limits.h.
 */
#include "restore_limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "failure.h"
#include "save_text.h"

/*
 * What both restore programs of iptables 1.8 have room for: a line with its
 * newline, the words of a rule beside the three that they add, a word.
 */
enum { LONGEST_LINE = 10239, MOST_WORDS = 251, LONGEST_WORD = 1023 };

/* A shorter line needs no look: its words cannot be too many or too long. */
enum { SAFE_LINE = 2 * MOST_WORDS - 1 };

static int check_words(struct mg_args *args, const char *line, size_t length,
		       struct mg_error *error)
{
	uint32_t i;
	int err = mg_args_split(args, line, length, error);

	if (err)
		return err;
	if (args->argc > MOST_WORDS)
		return mg_fail(error, -E2BIG, MG_INVALID,
			       "the rule has %u words; iptables-restore takes %d", args->argc,
			       MOST_WORDS);
	for (i = 0; i < args->argc; i++)
		if (strlen(args->argv[i]) > LONGEST_WORD)
			return mg_fail(error, -E2BIG, MG_INVALID,
				       "a value of the rule has %zu bytes; iptables-restore takes "
				       "%d",
				       strlen(args->argv[i]), LONGEST_WORD);
	return 0;
}

static int check_line(struct mg_args *args, const char *line, size_t length, struct mg_error *error)
{
	const char *counters = *line == '[' ? memchr(line, ' ', length) : NULL;

	if (length <= SAFE_LINE || line[0] == '#')
		return 0;
	if (length + 1 > LONGEST_LINE)
		return mg_fail(error, -E2BIG, MG_INVALID,
			       "the rule is a line of %zu bytes; iptables-restore takes %d", length,
			       LONGEST_LINE - 1);
	if (!counters)
		return check_words(args, line, length, error);
	/* they are read before the words are counted */
	return check_words(args, counters, length - (size_t)(counters - line), error);
}

int mg_restore_limits_check(const char *text, struct mg_error *error)
{
	struct mg_args args = { 0 };
	const char *line, *end, *origin = NULL;
	char place[512];
	int err = 0;

	for (line = text; (end = strchr(line, '\n')) && !err; line = end + 1) {
		if (strncmp(line, "#@ ", 3) == 0) {
			origin = line + 3;
			continue;
		}
		err = check_line(&args, line, (size_t)(end - line), error);
		if (err && origin) {
			snprintf(place, sizeof(place), "%.*s", (int)strcspn(origin, "\n"), origin);
			mg_error_origin(error, place);
		}
		origin = NULL;
	}
	mg_args_clear(&args);
	return err;
}
