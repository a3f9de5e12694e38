/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules and the bytes that they are allowed to be, as the file moongate.lock
 * beside a policy keeps them: text, for people and version control. A line has
 * the name of a module and its SHA-256; what follows a # is a comment.
 *
 * Must not read files, know Lua, print or exit.
 */
#ifndef MG_PINS_H
#define MG_PINS_H

#include <moongate.h>

/** 64 digits in hex and a NUL. */
#define MG_SHA256_SIZE 65

struct mg_pin {
	char *name; /* of the module, as use() is given it: "roles.web" */
	char sha256[MG_SHA256_SIZE];
};

/** Zero-initialise; end with mg_pins_clear(). */
struct mg_pins {
	const char *path;   /* borrowed: of the file, for words */
	const char *policy; /* borrowed: whose it is, for the remedy */
	struct mg_pin *items;
	size_t count, capacity;
};

/** Free what it holds. */
void mg_pins_clear(struct mg_pins *pins);

/** The pin of a module, or NULL. It moves when one is added. */
const struct mg_pin *mg_pins_find(const struct mg_pins *pins, const char *name);

/**
 * Pin a module that is not pinned yet. Returns 0, -ENOMEM, or -EINVAL: no module
 * can be called so, nor may it stand in the file.
 */
int mg_pins_add(struct mg_pins *pins, const char *name, const char *sha256);

/** Sort it by name. */
void mg_pins_sort(struct mg_pins *pins);

/**
 * Are these the bytes that the module may be?
 * @file: where they come from, for words
 * Errors: MG_INVALID, also for a module that is not pinned, with the remedy.
 */
int mg_pins_check(const struct mg_pins *pins, const char *name, const char *file,
		  const char *sha256, struct mg_error *error);

/**
 * Read the text of a lock file; @pins has its path.
 * Errors: MG_INVALID, "PATH:LINE: " and what kind of mistake it is;
 * MG_ENVIRONMENT.
 */
int mg_pins_parse(struct mg_pins *pins, const char *text, size_t length, struct mg_error *error);

/**
 * The text of a lock file, sorted by name. The same modules give the same text.
 * @out: to be freed
 * Returns 0 or -ENOMEM.
 */
int mg_pins_write(struct mg_pins *pins, char **out);

#endif
