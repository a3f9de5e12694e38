/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Compiling by pattern: the earlier rule's entry, with the bytes of its holes
 * written anew.
 *
 * Owns the patterns. Needs no fence: no plugin is called.
 */
#include "pattern.h"

#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <stdlib.h>
#include <string.h>

/* A value that may differ, and the words in front of it, which may not. */
struct hole {
	enum mg_hole_kind kind;
	size_t offset;	    /* of the extension's data in the entry, where it has one */
	const char *before; /* in the pattern's copy of the words */
	size_t before_size;
};

struct mg_pattern {
	uint32_t argc;
	struct hole holes[MG_MOST_HOLES];
	unsigned int hole_count;
	const char *rest; /* the words behind the last hole */
	size_t rest_size;
	const char *target;
	bool standard;
	size_t entry_size;
	unsigned char *entry; /* behind the words, in the same piece of memory */
	_Alignas(16) char words[];
};

static const char *word_at(const char *args, uint32_t index)
{
	while (index--)
		args += strlen(args) + 1;
	return args;
}

static void cut_words(struct mg_pattern *pattern, size_t size,
		      const struct mg_compiled_rule *compiled)
{
	const char *from = pattern->words;
	unsigned int i;

	for (i = 0; i < compiled->hole_count; i++) {
		struct hole *hole = &pattern->holes[i];
		const char *value = word_at(pattern->words, compiled->holes[i].word);

		hole->kind = compiled->holes[i].kind;
		hole->offset = compiled->holes[i].offset;
		hole->before = from;
		hole->before_size = (size_t)(value - from);
		from = value + strlen(value) + 1;
	}
	pattern->rest = from;
	pattern->rest_size = (size_t)(pattern->words + size - from);
}

void mg_patterns_learn(struct mg_patterns *patterns, const struct mg_family_ops *ops,
		       const char *args, size_t size, const struct mg_compiled_rule *compiled)
{
	const size_t room = (size + 15) / 16 * 16;
	struct mg_entry_view view;
	struct mg_pattern *pattern;

	if (compiled->count != 1 || !compiled->hole_count)
		return;
	ops->view(compiled->entries[0], &view);
	pattern = calloc(1, sizeof(*pattern) + room + *view.next_offset);
	if (!pattern)
		return;
	memcpy(pattern->words, args, size);
	pattern->argc = compiled->argc;
	pattern->hole_count = compiled->hole_count;
	pattern->target = compiled->target;
	pattern->standard = compiled->standard;
	pattern->entry_size = *view.next_offset;
	pattern->entry = (unsigned char *)pattern->words + room;
	memcpy(pattern->entry, compiled->entries[0], pattern->entry_size);
	cut_words(pattern, size, compiled);
	free(patterns->items[patterns->next]);
	patterns->items[patterns->next] = pattern;
	patterns->next = (patterns->next + 1) % MG_PATTERNS;
}

/* Do the words say what the pattern's do, but for the holes? Their values go to @values. */
static bool fits(const struct mg_pattern *pattern, const char *args, uint32_t argc, size_t size,
		 const char **values)
{
	const char *const end = args + size;
	unsigned int i;

	if (argc != pattern->argc)
		return false;
	for (i = 0; i < pattern->hole_count; i++) {
		const struct hole *hole = &pattern->holes[i];

		if ((size_t)(end - args) <= hole->before_size ||
		    memcmp(args, hole->before, hole->before_size) != 0)
			return false;
		values[i] = args + hole->before_size;
		args = values[i] + strlen(values[i]) + 1;
	}
	return (size_t)(end - args) == pattern->rest_size &&
	       memcmp(args, pattern->rest, pattern->rest_size) == 0;
}

/* A port as nobody could read it otherwise; services and ranges are for the plugin. */
static bool read_port(const char *text, uint16_t ports[2])
{
	unsigned int number = 0;

	if (*text < '1' || *text > '9')
		return false;
	for (; *text >= '0' && *text <= '9' && number <= UINT16_MAX; text++)
		number = number * 10 + (unsigned int)(*text - '0');
	if (*text || number > UINT16_MAX)
		return false;
	ports[0] = ports[1] = (uint16_t)number;
	return true;
}

static bool fill(const struct mg_family_ops *ops, const struct hole *hole, const char *value,
		 unsigned char *entry, const struct mg_entry_view *view)
{
	struct xt_comment_info *comment;
	uint16_t ports[2];
	size_t length;

	switch (hole->kind) {
	case MG_HOLE_SOURCE: return ops->parse_address(value, view->source, view->source_mask) == 0;
	case MG_HOLE_DESTINATION:
		return ops->parse_address(value, view->destination, view->destination_mask) == 0;
	case MG_HOLE_PORTS:
		if (!read_port(value, ports))
			return false;
		memcpy(entry + hole->offset, ports, sizeof(ports));
		return true;
	case MG_HOLE_COMMENT:
		comment = (void *)(entry + hole->offset);
		length = strlen(value);
		if (length >= sizeof(comment->comment))
			return false;
		memcpy(comment->comment, value, length);
		memset(comment->comment + length, 0, sizeof(comment->comment) - length);
		return true;
	}
	return false;
}

void *mg_patterns_apply(const struct mg_patterns *patterns, const struct mg_family_ops *ops,
			const char *args, uint32_t argc, size_t size, struct mg_arena *arena,
			const char **target, bool *standard)
{
	const char *values[MG_MOST_HOLES];
	const struct mg_pattern *pattern = NULL;
	struct mg_entry_view view;
	unsigned char *entry;
	unsigned int i;

	for (i = 0; i < MG_PATTERNS && !pattern; i++)
		if (patterns->items[i] && fits(patterns->items[i], args, argc, size, values))
			pattern = patterns->items[i];
	entry = pattern ? mg_arena_take(arena, pattern->entry_size) : NULL;
	if (!entry)
		return NULL;
	memcpy(entry, pattern->entry, pattern->entry_size);
	ops->view(entry, &view);
	for (i = 0; i < pattern->hole_count; i++)
		if (!fill(ops, &pattern->holes[i], values[i], entry, &view))
			return NULL;
	*target = pattern->target;
	*standard = pattern->standard;
	return entry;
}

void mg_patterns_clear(struct mg_patterns *patterns)
{
	unsigned int i;

	for (i = 0; i < MG_PATTERNS; i++)
		free(patterns->items[i]);
	*patterns = (struct mg_patterns){ .next = 0 };
}
