/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See rule_names.h.
 */
#include "rule_names.h"

#include <stddef.h>
#include <string.h>

/* A word of a rule's text, without the quotes around it. */
struct word {
	const char *at;
	size_t length;
};

/* The word at or behind @text; returns where it ends. */
static const char *next_word(const char *text, struct word *out)
{
	bool quoted = false;

	text += strspn(text, " ");
	out->at = text;
	for (; *text && (quoted || *text != ' '); text++) {
		if (*text == '"')
			quoted = !quoted;
		else if (quoted && *text == '\\' && text[1])
			text++;
	}
	out->length = (size_t)(text - out->at);
	if (out->length > 1 && out->at[0] == '"' && out->at[out->length - 1] == '"') {
		out->at++;
		out->length -= 2;
	}
	return text;
}

/* Does a name come behind this option, and of what? */
static bool has_name(const struct word *option, bool *is_set)
{
	static const char *const options[] = { "-j",	    "-g",	 "--match-set",
					       "--add-set", "--del-set", "--map-set" };
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(*options); i++)
		if (option->length == strlen(options[i]) &&
		    memcmp(option->at, options[i], option->length) == 0) {
			*is_set = options[i][1] == '-';
			return true;
		}
	return false;
}

const char *mg_rule_next_name(const char *text, struct mg_rule_name *out)
{
	struct word option, name;

	while (*(text = next_word(text, &option))) {
		if (!has_name(&option, &out->is_set))
			continue;
		next_word(text, &name);
		if (!name.length || name.length >= sizeof(out->text))
			continue;
		memcpy(out->text, name.at, name.length);
		out->text[name.length] = '\0';
		return text;
	}
	return NULL;
}
