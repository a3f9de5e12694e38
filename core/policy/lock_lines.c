/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See lock_lines.h.
 */
#include "lock_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"

int mg_lock_lines(const char *file, const char *text, size_t length,
		  const char *(*take)(void *context, char *word, char **rest, int *err),
		  void *context, struct mg_error *error)
{
	char *copy = strndup(text, length), *lines = copy, *line, *word, *rest;
	const char *wrong = NULL;
	size_t number = 0;
	int err = copy ? 0 : -ENOMEM;

	if (memchr(text, '\0', length)) {
		err = mg_fail(error, -EINVAL, MG_INVALID, "%s: holds a NUL byte", file);
		goto out;
	}
	for (; !err && !wrong && (line = strsep(&lines, "\n")); number++) {
		line[strcspn(line, "#")] = '\0';
		word = strtok_r(line, MG_LOCK_BLANKS, &rest);
		if (word)
			wrong = take(context, word, &rest, &err);
	}
	if (wrong)
		err = mg_fail(error, -EINVAL, MG_INVALID, "%s:%zu: %s", file, number, wrong);
	else if (err)
		mg_set_error(error, MG_ENVIRONMENT, "out of memory");
out:
	free(copy);
	return err;
}
