/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libmoongate: a host firewall engine over netfilter's x_tables.
 *
 * This is the one public header. It shows no kernel, xtables or Lua type.
 *
 * Conventions that hold for every function here:
 *  - a function that can fail returns 0 or -errno; the words and the class
 *    of the failure are in the caller's struct mg_error, which may be NULL;
 *  - an out parameter is written only on success;
 *  - every mg_..._free() accepts NULL;
 *  - strings handed out belong to the object they came from and live as
 *    long as it does, unless the function says otherwise;
 *  - nothing here prints, exits or changes a signal handler.
 *
 * libxtables keeps its state in globals, so libmoongate is to be used from
 * one thread, and with one struct mg_session at a time.
 */
#ifndef MOONGATE_H
#define MOONGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MG_VERSION "0.1.0"

/** How a request ended; the values are the exit codes of moongate(8). */
enum mg_status {
	MG_DONE = 0,	      /* done, or nothing to do */
	MG_INVALID = 1,	      /* the policy or the request is wrong */
	MG_CHANGES = 2,	      /* plan --detailed-exitcode: there are changes */
	MG_ROLLED_BACK = 3,   /* applied, and taken back */
	MG_BUSY = 4,	      /* a lock or another transaction is in the way */
	MG_UNSAFE = 5,	      /* refused for safety */
	MG_KERNEL = 6,	      /* the kernel refused */
	MG_ENVIRONMENT = 7,   /* no root, no disk space, no backend */
	MG_STATE_UNKNOWN = 8, /* the roll-back failed */
	MG_USAGE = 64,	      /* a command line that makes no sense */
};

/** Why something failed: its class, and a sentence for a person. */
struct mg_error {
	enum mg_status status;
	char text[2048]; /* complete, no newline at its end; may hold newlines */
};

enum mg_family { MG_IPV4, MG_IPV6, MG_FAMILIES };

/** How much a note matters. */
enum mg_severity {
	MG_INFO,    /* worth knowing: shown with -v */
	MG_WARNING, /* shown always */
	MG_REFUSAL, /* apply refuses (exit 5) unless it is forced */
};

/** Something that an operation wants to be known, beside its result. */
struct mg_note {
	enum mg_severity severity;
	char *place;  /* "file:line", or NULL */
	char *text;   /* what is the matter */
	char *remedy; /* the line to add or the command to run, or NULL */
};

/** A growing list of notes. Zero-initialise; end with mg_notes_clear(). */
struct mg_notes {
	struct mg_note *items;
	size_t count;
	size_t capacity;
};

void mg_notes_clear(struct mg_notes *notes);

#ifdef __cplusplus
}
#endif

#endif
