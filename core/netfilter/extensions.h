/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is installed on this host: the extension plugins in libxtables' folder,
 * and what each of them is good for in one family.
 */
#ifndef MG_EXTENSIONS_H
#define MG_EXTENSIONS_H

#include "options.h"

#include <moongate.h>

/** What the plugin of one name has for one family. */
struct mg_extension {
	char name[XT_EXTENSION_MAXNAMELEN];
	bool has_match, has_target;
	uint8_t match_revision, target_revision;	       /* the newest that the kernel has */
	struct mg_option_source match_options, target_options; /* the plugin's own */
};

/** Zero-initialise; end with mg_extensions_clear(). */
struct mg_extensions {
	struct mg_extension *items; /* sorted by name */
	size_t count, capacity;
};

void mg_extensions_clear(struct mg_extensions *extensions);

/**
 * List the plugins that are installed by name, loading none. Behind the fence.
 * @out: empty; what is known of each is its name
 * Returns 0 or -errno.
 */
int mg_extensions_list(struct mg_extensions *out);

/**
 * Load every plugin that is installed, of whichever family, and tell what
 * @family has of each. A plugin that does not load has nothing. Names are
 * those of the plugins' files.
 * @out: what it held is replaced
 * Errors: MG_ENVIRONMENT.
 */
int mg_extensions_read(enum mg_family family, struct mg_extensions *out, struct mg_error *error);

/** An option of a plugin, by its number from 0. */
struct mg_extension_option {
	const char *name; /* without "--" */
	bool has_value;
	/* Does the plugin's table say whether "!" may stand before it, and which it says?
	 * An older plugin decides by itself.
	 */
	bool says_negation, takes_negation;
};

/** Returns false when there are fewer options. */
bool mg_extension_option(const struct mg_option_source *options, size_t number,
			 struct mg_extension_option *out);

#endif
