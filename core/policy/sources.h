/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one door through which a policy's files come in: its own text, its
 * modules, its files of addresses and the names that it has locked. Of each it
 * is noted what the file was called, where it lay, and the SHA-256 of the very
 * bytes that were handed out, so that nobody has to read it again to know.
 *
 * What may be read is modules.h's to say. Must not know Lua, print or exit.
 */
#ifndef MG_SOURCES_H
#define MG_SOURCES_H

#include <moongate.h>

#include "pins.h"

enum mg_source_kind {
	MG_SOURCE_POLICY,
	MG_SOURCE_MODULE,
	MG_SOURCE_ADDRESSES,
	MG_SOURCE_NAMES, /* the lock file of `moongate resolve` */
	MG_SOURCE_PINS,	 /* that of `moongate lock` */
	MG_SOURCE_FACTS, /* what is read elsewhere is noted here, too */
	MG_SOURCE_PLAN,
};

struct mg_source_file {
	enum mg_source_kind kind;
	char *name;		     /* as the policy says it: "roles.web", "lists/office" */
	char *path;		     /* absolute, links followed where that was possible */
	char sha256[MG_SHA256_SIZE]; /* as sha256sum(1) prints it */
};

struct mg_sources;

/** Who opens files in the stead of a process that cannot. */
struct mg_source_agent {
	/* as mg_sources_find(), for modules as mg_sources_module() */
	int (*find)(const struct mg_sources *sources, enum mg_source_kind kind,
		    const char *const *folders, const char *name, const char *path,
		    const char **folder, char **text, size_t *length, struct mg_error *error);
	/* as mg_sources_list() */
	void (*list)(const char *path, char *out, size_t size);
	/* as mg_sources_real(), by number of the folder */
	const char *const *real;
};

/** Zero-initialise; end with mg_sources_clear(). */
struct mg_sources {
	const char *const *folders; /* borrowed: where modules are looked for, ended by NULL */
	const struct mg_pins *pins; /* borrowed: what modules have to be; NULL: whatever they are */
	struct mg_source_file *items; /* in the order in which they were first read */
	size_t count, capacity;
	const struct mg_source_agent *agent; /* borrowed; NULL: this process reads, and notes it */
};

/** Free what it holds; the folders stay. */
void mg_sources_clear(struct mg_sources *sources);

/** "policy", "module", "addresses", "names", "pins", "facts", "plan". */
const char *mg_source_kind_name(enum mg_source_kind kind);

/*
 * Each of these hands out the text of a file, to be freed, in which what lua(1)
 * passes over at the start is blank. A file that was read before and has other
 * bytes now is an error: half of the policy would be of before.
 */

/** Read the policy @path. Errors: MG_INVALID, naming it; MG_ENVIRONMENT. */
int mg_sources_policy(struct mg_sources *sources, const char *path, char **text, size_t *length,
		      struct mg_error *error);

/** Read a module, and refuse it if the pins do. @path, errors: as of mg_module_read() */
int mg_sources_module(struct mg_sources *sources, const char *path, char **text, size_t *length,
		      struct mg_error *error);

/**
 * Read another file that lies where modules may.
 * @folders: the search path of the sources, or a part of it; ended by NULL
 * @name:    what asks for it calls it so
 * @path, @folder, errors: as of mg_module_find()
 */
int mg_sources_find(struct mg_sources *sources, enum mg_source_kind kind,
		    const char *const *folders, const char *name, const char *path,
		    const char **folder, char **text, size_t *length, struct mg_error *error);

/** Note a file that an earlier evaluation has read. Errors: MG_ENVIRONMENT. */
int mg_sources_recall(struct mg_sources *sources, const char *kind, const char *name,
		      const char *path, const char *sha256, struct mg_error *error);

/** Note a file that was read elsewhere. Errors: MG_ENVIRONMENT. */
int mg_sources_note(struct mg_sources *sources, enum mg_source_kind kind, const char *path,
		    const char *sha256, struct mg_error *error);

/** What may be modules in @path of each folder, as mg_module_list() says. */
void mg_sources_list(const struct mg_sources *sources, const char *path, char *out, size_t size);

/**
 * Where folder @index of the search path is, links followed.
 * @out:   has PATH_MAX bytes
 * Returns it; NULL where that cannot be told.
 */
const char *mg_sources_real(const struct mg_sources *sources, size_t index, char *out);

#endif
