/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Printing by pattern.
 *
 * Owns the newest pattern and the text it gave. Needs no fence: no plugin is
 * called.
 */
#include "text_pattern.h"

#include <ctype.h>
#include <linux/netfilter/xt_comment.h>
#include <string.h>

enum { LARGEST_ENTRY = 2048, LONGEST_PART = 1024 };

static struct {
	enum mg_family family;
	size_t size; /* of the entry; 0: there is no pattern */
	_Alignas(16) unsigned char entry[LARGEST_ENTRY];
	bool standard;
	char target[XT_EXTENSION_MAXNAMELEN];
	size_t comment; /* offset of its text in the entry; 0: none */
	char before[LONGEST_PART], after[LONGEST_PART];
	size_t before_size, after_size;
	char text[2 * LONGEST_PART + 2 * MG_ADDRESS_TEXT + 2 * XT_MAX_COMMENT_LEN];
} pattern;

bool mg_is_plain_comment(const struct xt_entry_match *match)
{
	const struct xt_comment_info *info = (const void *)match->data;
	size_t i;

	if (strcmp(match->u.user.name, "comment") != 0 ||
	    match->u.match_size < sizeof(*match) + sizeof(*info) || !info->comment[0])
		return false;
	for (i = 0; i < sizeof(info->comment) && info->comment[i]; i++)
		if (info->comment[i] < ' ' || info->comment[i] > '~' ||
		    strchr("\"'\\", info->comment[i]))
			return false;
	return i < sizeof(info->comment);
}

void mg_text_learn(const struct mg_family_ops *ops, const struct mg_entry *entry, const char *text,
		   const struct mg_text_marks *marks)
{
	const size_t length = strlen(text);
	const size_t end = marks->comment_end ? marks->comment_start : length;
	struct mg_entry_view view;

	pattern.size = 0;
	ops->view((void *)entry->bytes, &view);
	if (marks->several || *view.next_offset > sizeof(pattern.entry) ||
	    end - marks->rest >= LONGEST_PART || length - marks->comment_end >= LONGEST_PART)
		return;
	if (marks->match && !mg_is_plain_comment(marks->match))
		return;
	memcpy(pattern.entry, entry->bytes, *view.next_offset);
	pattern.family = ops->family;
	pattern.standard = entry->standard;
	strcpy(pattern.target, entry->target);
	pattern.comment = marks->match ? (size_t)((const unsigned char *)marks->match->data -
						  (const unsigned char *)entry->bytes)
				       : 0;
	pattern.before_size = end - marks->rest;
	memcpy(pattern.before, text + marks->rest, pattern.before_size);
	pattern.after_size = marks->comment_end ? length - marks->comment_end : 0;
	memcpy(pattern.after, text + length - pattern.after_size, pattern.after_size);
	pattern.size = *view.next_offset;
}

/* Are the elements the pattern's, but for the comment's text and where a jump leads? */
static bool same_elements(const struct mg_family_ops *ops, const struct mg_entry *entry,
			  const struct mg_entry_view *view)
{
	const unsigned char *bytes = entry->bytes;
	const size_t end = entry->standard ? *view->target_offset : pattern.size;
	size_t at = ops->entry_size;

	if (pattern.comment) {
		const struct xt_entry_match *match =
			(const void *)(bytes + pattern.comment - sizeof(*match));

		if (memcmp(bytes + at, pattern.entry + at, pattern.comment - at) != 0 ||
		    !mg_is_plain_comment(match))
			return false;
		at = pattern.comment + match->u.match_size - sizeof(*match);
	}
	return memcmp(bytes + at, pattern.entry + at, end - at) == 0;
}

static bool fits(const struct mg_family_ops *ops, const struct mg_entry *entry,
		 const struct mg_entry_view *view)
{
	const unsigned char *bytes = entry->bytes;
	const size_t addresses = 4 * ops->address_size; /* they come first in both families */
	const size_t head = (size_t)(view->inverse + 1 - bytes);
	struct mg_entry_view known;

	if (pattern.family != ops->family || *view->next_offset != pattern.size ||
	    entry->standard != pattern.standard || strcmp(entry->target, pattern.target) != 0)
		return false;
	ops->view(pattern.entry, &known);
	return *known.target_offset == *view->target_offset &&
	       memcmp(bytes + addresses, pattern.entry + addresses, head - addresses) == 0 &&
	       same_elements(ops, entry, view);
}

/* As xtables_save_string() writes it: in quotes unless it is one word. */
static char *put_comment(char *at, const char *comment)
{
	const char *c;
	bool word = true;
	size_t length;

	for (c = comment; *c && word; c++)
		word = isalnum((unsigned char)*c) || *c == '_' || *c == '-';
	length = strlen(comment);
	*at++ = ' ';
	if (!word)
		*at++ = '"';
	memcpy(at, comment, length);
	at += length;
	if (!word)
		*at++ = '"';
	return at;
}

const char *mg_text_apply(const struct mg_family_ops *ops, const struct mg_entry *entry)
{
	struct mg_entry_view view;
	char *at = pattern.text;

	ops->view((void *)entry->bytes, &view);
	if (!pattern.size || !fits(ops, entry, &view))
		return NULL;
	at += ops->format_address(at, 's', view.source, view.source_mask,
				  *view.inverse & MG_NOT_SOURCE);
	at += ops->format_address(at, 'd', view.destination, view.destination_mask,
				  *view.inverse & MG_NOT_DESTINATION);
	memcpy(at, pattern.before, pattern.before_size);
	at += pattern.before_size;
	if (pattern.comment)
		at = put_comment(at, (const char *)entry->bytes + pattern.comment);
	memcpy(at, pattern.after, pattern.after_size);
	at[pattern.after_size] = '\0';
	return pattern.text;
}
