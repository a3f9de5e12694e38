/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Colours, numbers, notes and errors.
 */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "origin.h"

enum { HELPER_WIDTH = 18 };

void style(const struct options *options, enum style wanted)
{
	static const char *const codes[] = {
		[PLAIN] = "\033[0m",  [ADDED] = "\033[32m", [REMOVED] = "\033[31m",
		[MOVED] = "\033[33m", [FAINT] = "\033[2m",  [STRONG] = "\033[1m",
	};

	if (options->color)
		fputs(codes[wanted], stdout);
}

void print_origin(const struct options *options, const char *text)
{
	const struct origin origin = split_origin(text);

	style(options, FAINT);
	if (origin.helper && origin.place)
		printf("%-*s  %.*s", HELPER_WIDTH, origin.helper, (int)origin.place_length,
		       origin.place);
	else
		fputs(text, stdout);
	style(options, PLAIN);
}

const char *human_bytes(uint64_t bytes, char text[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double number = (double)bytes;
	size_t unit = 0;

	while (number >= 1000 && unit + 1 < sizeof(units) / sizeof(*units)) {
		number /= 1000;
		unit++;
	}
	snprintf(text, 16, number < 10 && unit ? "%.1f %s" : "%.0f %s", number, units[unit]);
	return text;
}

int text_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xC0) != 0x80;
	return width;
}

void pad(int width, int column)
{
	printf("%*s", column - width > 2 ? column - width : 2, "");
}

/* Bytes of the character that @text begins with; one for what is no UTF-8. */
static size_t character_size(const unsigned char *text)
{
	const size_t size = *text > 0xF4    ? 1
			    : *text >= 0xF0 ? 4
			    : *text >= 0xE0 ? 3
			    : *text >= 0xC2 ? 2
					    : 1;
	size_t i;

	for (i = 1; i < size; i++)
		if ((text[i] & 0xC0) != 0x80)
			return 1;
	return size;
}

/*
 * What terminals obey: the controls of ASCII, the later ones (U+0080 to U+009F, also as
 * the bytes that they were before UTF-8), and what turns the direction of writing, so
 * that a rule reads like another one.
 */
static bool is_obeyed(const unsigned char *text, size_t size)
{
	switch (size) {
	case 1: return *text < ' ' || (*text >= 0x7F && *text < 0xA0);
	case 2: return *text == 0xC2 && text[1] < 0xA0;
	case 3:
		return *text == 0xE2 && ((text[1] == 0x80 && text[2] >= 0xAA && text[2] <= 0xAE) ||
					 (text[1] == 0x81 && text[2] >= 0xA6 && text[2] <= 0xA9));
	default: return false;
	}
}

/* The first @length bytes of @text, or fewer if it is shorter. */
static void put_plain(FILE *file, const char *text, size_t length)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + length, *from = at;

	while (at < end && *at) {
		size_t size = character_size(at);

		if (is_obeyed(at, size)) {
			fwrite(from, 1, (size_t)(at - from), file);
			fputc('?', file);
			from = at + size;
		}
		at += size;
	}
	if (at > from)
		fwrite(from, 1, (size_t)(at - from), file);
}

void print_plain(const char *text)
{
	put_plain(stdout, text, strlen(text));
}

const char *plural(size_t count, const char *one, const char *many)
{
	return count == 1 ? one : many;
}

static void print_indented(const char *text)
{
	const char *end;

	while ((end = strchr(text, '\n'))) {
		put_plain(stderr, text, (size_t)(end - text));
		fputs("\n  ", stderr);
		text = end + 1;
	}
	put_plain(stderr, text, strlen(text));
	fputc('\n', stderr);
}

size_t print_notes(const struct options *options, const struct mg_notes *notes, size_t first)
{
	static const char *const names[] = {
		[MG_INFO] = "note",
		[MG_WARNING] = "warning",
		[MG_REFUSAL] = "refused",
	};
	size_t i;

	for (i = first; i < notes->count; i++) {
		const struct mg_note *note = &notes->items[i];

		if (note->severity == MG_INFO && (!options->verbose || options->quiet))
			continue;
		if (note->place) {
			put_plain(stderr, note->place, strlen(note->place));
			fputs(": ", stderr);
		}
		fprintf(stderr, "%s: ", names[note->severity]);
		print_indented(note->text);
		if (note->remedy) {
			fputs("  remedy: ", stderr);
			print_indented(note->remedy);
		}
	}
	return notes->count;
}

int print_error(const struct mg_error *error)
{
	fprintf(stderr, "moongate: ");
	print_indented(error->text);
	return error->status;
}

void remark(const struct options *options, const char *format, ...)
{
	va_list list;

	if (options->quiet)
		return;
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int finish_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "moongate: cannot write to stdout: %s\n", strerror(errno));
	return code ? code : MG_ENVIRONMENT;
}
