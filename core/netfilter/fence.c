/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fence: libxtables reports errors through a function that must not
 * return, and its plugins print wherever they like. Here, and only here, is
 * a setjmp for the first and a pair of memory streams for the second.
 *
 * Owns the two streams for the life of the process.
 */
#include "fence.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>

#include "ruleset/failure.h"
#include "session.h"

struct stream {
	FILE *file;
	char *bytes;
	size_t size;
};

static struct {
	struct stream output, complaints;
	jmp_buf *way_out;
	char words[1024];
} fence;

static int open_stream(struct stream *stream)
{
	if (!stream->file)
		stream->file = open_memstream(&stream->bytes, &stream->size);
	if (!stream->file || fflush(stream->file)) /* the flush makes the empty string */
		return -errno;
	return 0;
}

int mg_fence_open(struct mg_error *error)
{
	int err = open_stream(&fence.output);

	if (!err)
		err = open_stream(&fence.complaints);
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "cannot open a memory stream: %s",
			       strerror(-err));
	return 0;
}

/* Plugins end some messages with newlines, some begin with them. */
static void trim(char *text)
{
	size_t start = strspn(text, "\n ");
	size_t length = strlen(text + start);

	while (length && strchr("\n ", text[start + length - 1]))
		length--;
	memmove(text, text + start, length);
	text[length] = '\0';
}

void mg_fence_error(enum xtables_exittype status, const char *format, ...)
{
	va_list list;

	(void)status;
	va_start(list, format);
	vsnprintf(fence.words, sizeof(fence.words), format, list);
	va_end(list);
	trim(fence.words);
	if (!fence.way_out) /* a call outside the fence is a bug of ours */
		__builtin_trap();
	longjmp(*fence.way_out, 1);
}

/* A stream that is written from its start again; its size follows the position. */
static void finish_stream(struct stream *stream)
{
	if (__fpending(stream->file) == 0) { /* mostly nothing was said */
		*stream->bytes = '\0';
		return;
	}
	fputc('\0', stream->file);
	fflush(stream->file);
	rewind(stream->file);
}

int mg_fence_run(int (*body)(void *context), void *context, struct mg_error *error)
{
	FILE *const real_stdout = stdout;
	FILE *const real_stderr = stderr;
	jmp_buf *const outer = fence.way_out;
	jmp_buf here;
	volatile int result = 0;

	/* inside another run the streams are memory already, and in use */
	if (!outer) {
		stdout = fence.output.file;
		stderr = fence.complaints.file;
	}
	fence.way_out = &here;
	if (setjmp(here) == 0)
		result = body(context);
	else
		result = mg_fail(error, -EINVAL, MG_INVALID, "%s", fence.words);
	fence.way_out = outer;
	if (outer)
		return result;
	stdout = real_stdout;
	stderr = real_stderr;
	finish_stream(&fence.output);
	finish_stream(&fence.complaints);
	return result;
}

const char *mg_fence_output(void)
{
	return fence.output.bytes;
}

const char *mg_fence_complaints(void)
{
	trim(fence.complaints.bytes);
	return fence.complaints.bytes;
}
