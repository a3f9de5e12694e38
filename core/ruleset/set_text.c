/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See set_text.h. Text is read word by word, in place; nothing of it is trusted.
 */
#include "set_text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "digits.h"
#include "failure.h"
#include "growable.h"

void mg_set_network_text(enum mg_family family, const struct mg_set_member *member,
			 char text[MG_SET_MEMBER_TEXT])
{
	char *end = mg_put_host(text, family, member->address);

	*end++ = '/';
	*mg_put_number(end, member->prefix) = '\0';
}

void mg_set_member_text(enum mg_family family, const struct mg_set_member *member,
			char text[MG_SET_MEMBER_TEXT])
{
	if (member->prefix < mg_set_width(family))
		mg_set_network_text(family, member, text);
	else
		*mg_put_host(text, family, member->address) = '\0';
}

/* Writing */

static const char *const family_words[MG_FAMILIES] = { [MG_IPV4] = "inet", [MG_IPV6] = "inet6" };

static void write_set(FILE *out, const struct mg_set_view *set)
{
	char text[MG_SET_MEMBER_TEXT];
	uint32_t i;

	if (*set->origin)
		fprintf(out, "#@ %s\n", set->origin);
	fprintf(out, "create %s %s family %s hashsize %u maxelem %u\n", set->name, set->type,
		family_words[set->family], mg_set_hash_size(set->count), mg_set_room(set->count));
	for (i = 0; i < set->count; i++) {
		mg_set_member_text(set->family, &set->members[i], text);
		fputs("add ", out);
		fputs(set->name, out);
		putc(' ', out);
		fputs(text, out);
		putc('\n', out);
	}
}

int mg_set_text_write(const struct mg_sets *sets, enum mg_family family, char **text,
		      struct mg_error *error)
{
	struct mg_set_view set;
	size_t size;
	uint32_t i;
	FILE *out;

	*text = NULL;
	if (!mg_sets_count(sets))
		return 0;
	out = open_memstream(text, &size);
	if (!out)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for sets");
	for (i = 0; i < mg_sets_count(sets); i++) {
		mg_sets_at(sets, i, &set);
		if (set.family == family)
			write_set(out, &set);
	}
	if (fclose(out)) {
		free(*text);
		*text = NULL;
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for sets");
	}
	if (!**text) {
		free(*text);
		*text = NULL;
	}
	return 0;
}

/* Reading */

enum { MOST_WORDS = 16, LONGEST_ORIGIN = 511 };

struct reader {
	struct mg_sets *sets;
	enum mg_family family;
	const char *name;
	size_t line;
	char origin[LONGEST_ORIGIN + 1]; /* of the set that comes next */
	/* the set that is being read, if it has a name */
	char set[MG_SET_NAME_SIZE], set_origin[LONGEST_ORIGIN + 1];
	size_t set_line;
	struct mg_set_member *members;
	size_t count, capacity;
};

struct word {
	const char *text;
	size_t length;
};

#define wrong(reader, ...) wrong_at(reader, (reader)->line, __VA_ARGS__)
#define wrong_at(reader, line, ...) (say_wrong(reader, line, error, __VA_ARGS__), -EINVAL)

__attribute__((format(printf, 4, 5))) static void say_wrong(const struct reader *reader,
							    size_t line, struct mg_error *error,
							    const char *format, ...)
{
	char text[256], place[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	mg_set_error(error, MG_INVALID, "%s", text);
	snprintf(place, sizeof(place), "%s:%zu", reader->name, line);
	mg_error_prefix(error, place);
}

static bool is(const struct word *word, const char *text)
{
	return word->length == strlen(text) && memcmp(word->text, text, word->length) == 0;
}

/* Add what was read of a set. */
static int end_set(struct reader *reader, struct mg_error *error)
{
	const struct mg_set_view set = { .family = reader->family,
					 .name = reader->set,
					 .members = reader->members,
					 .count = (uint32_t)reader->count,
					 .origin = reader->set_origin };
	struct mg_error inner = { 0 };
	int err;

	if (!*reader->set)
		return 0;
	err = mg_sets_add(reader->sets, &set, NULL, &inner);
	reader->set[0] = '\0';
	reader->count = 0;
	if (err == -ENOMEM)
		return mg_fail(error, err, MG_ENVIRONMENT, "%s", inner.text);
	return err ? wrong_at(reader, reader->set_line, "%s", inner.text) : 0;
}

/* Is it one that may stand in a line, and in words for people? */
static bool is_name(const struct word *word)
{
	size_t i;

	for (i = 0; i < word->length; i++)
		if (word->text[i] <= ' ' || word->text[i] > '~')
			return false;
	return word->length > 0 && word->length < MG_SET_NAME_SIZE;
}

static bool is_number(const struct word *word)
{
	size_t i;

	for (i = 0; i < word->length; i++)
		if (word->text[i] < '0' || word->text[i] > '9')
			return false;
	return word->length > 0;
}

/* create NAME TYPE family inet [hashsize N] [maxelem N] */
static int read_create(struct reader *reader, const struct word *words, size_t count,
		       struct mg_error *error)
{
	bool has_family = false;
	size_t i;
	int err = end_set(reader, error);

	if (err)
		return err;
	if (count < 3 || !is_name(&words[1]))
		return wrong(reader, "create without a name that a set can have, and a type");
	if (!is(&words[2], "hash:ip") && !is(&words[2], "hash:net"))
		return wrong(reader, "a set of another type than hash:ip and hash:net");
	for (i = 3; i < count; i += 2) {
		if (i + 1 == count)
			return wrong(reader, "an option without a value");
		if (is(&words[i], "family")) {
			if (!is(&words[i + 1], family_words[reader->family]))
				return wrong(reader, "a set of another family than %s",
					     family_words[reader->family]);
			has_family = true;
		} else if (!(is(&words[i], "hashsize") || is(&words[i], "maxelem")) ||
			   !is_number(&words[i + 1])) {
			return wrong(reader, "an option that a set here has not, or no number");
		}
	}
	if (!has_family && reader->family != MG_IPV4) /* ipset's default */
		return wrong(reader, "a set of another family than inet6");
	memcpy(reader->set, words[1].text, words[1].length);
	reader->set[words[1].length] = '\0';
	if (mg_sets_find(reader->sets, reader->family, reader->set) != UINT32_MAX) {
		reader->set[0] = '\0';
		return wrong(reader, "a set that is there already");
	}
	strcpy(reader->set_origin, reader->origin);
	reader->origin[0] = '\0';
	reader->set_line = reader->line;
	return 0;
}

/* "192.0.2.7", "192.0.2.0/24" */
static bool read_member(enum mg_family family, const struct word *word, struct mg_set_member *out)
{
	char text[MG_SET_MEMBER_TEXT];
	const char *slash = memchr(word->text, '/', word->length);
	const size_t host = slash ? (size_t)(slash - word->text) : word->length;
	unsigned int prefix = mg_set_width(family), most = prefix;
	size_t i;

	*out = (struct mg_set_member){ 0 };
	if (host >= sizeof(text) || memchr(word->text, '\0', host))
		return false;
	memcpy(text, word->text, host);
	text[host] = '\0';
	if (slash) {
		const size_t digits = word->length - host - 1;

		if (!digits || digits > 3)
			return false;
		for (prefix = 0, i = 1; i <= digits; i++) {
			if (slash[i] < '0' || slash[i] > '9')
				return false;
			prefix = prefix * 10 + (unsigned int)(slash[i] - '0');
		}
	}
	out->prefix = (uint8_t)prefix;
	return prefix <= most &&
	       inet_pton(family == MG_IPV6 ? AF_INET6 : AF_INET, text, out->address) == 1;
}

/* add NAME MEMBER */
static int read_add(struct reader *reader, const struct word *words, size_t count,
		    struct mg_error *error)
{
	if (count != 3)
		return wrong(reader, "add takes a set and one member");
	if (!*reader->set || !is(&words[1], reader->set))
		return wrong(reader, "add to another set than was created last");
	if (reader->count == MG_SET_MOST_MEMBERS)
		return wrong(reader, "more than %d members", MG_SET_MOST_MEMBERS);
	if (mg_make_room((void **)&reader->members, &reader->capacity, reader->count + 1,
			 sizeof(*reader->members)))
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for sets");
	if (!read_member(reader->family, &words[2], &reader->members[reader->count]))
		return wrong(reader, "not an address or network of family %s",
			     family_words[reader->family]);
	reader->count++;
	return 0;
}

/* "#@ ORIGIN" */
static void read_comment(struct reader *reader, const char *line, size_t length)
{
	size_t i;

	if (length < 4 || memcmp(line, "#@ ", 3) != 0 || length - 3 > LONGEST_ORIGIN)
		return;
	for (i = 3; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == '\177')
			return;
	memcpy(reader->origin, line + 3, length - 3);
	reader->origin[length - 3] = '\0';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int read_line(struct reader *reader, const char *line, size_t length, struct mg_error *error)
{
	struct word words[MOST_WORDS];
	size_t count = 0, at = 0;

	if (length && *line == '#') {
		read_comment(reader, line, length);
		return 0;
	}
	for (;;) {
		size_t first;

		while (at < length && is_blank(line[at]))
			at++;
		if (at == length)
			break;
		if (count == MOST_WORDS)
			return wrong(reader, "more words than a line has");
		first = at;
		while (at < length && !is_blank(line[at]))
			at++;
		words[count++] = (struct word){ line + first, at - first };
	}
	if (!count)
		return 0;
	if (is(&words[0], "create"))
		return read_create(reader, words, count, error);
	if (is(&words[0], "add"))
		return read_add(reader, words, count, error);
	return wrong(reader, "neither create nor add");
}

int mg_set_text_read(struct mg_sets *sets, enum mg_family family, const char *name,
		     const char *text, size_t length, struct mg_error *error)
{
	struct reader reader = { .sets = sets, .family = family, .name = name };
	size_t at = 0;
	int err = 0;

	while (at < length && !err) {
		const char *end = memchr(text + at, '\n', length - at);
		const size_t size = end ? (size_t)(end - text) - at : length - at;

		reader.line++;
		err = read_line(&reader, text + at, size, error);
		at += size + 1;
	}
	if (!err)
		err = end_set(&reader, error);
	free(reader.members);
	return err;
}
