/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where modules lie, and which of them may be read.
 *
 * A module is looked for in each folder of the search path, in order. What is
 * found must lie in that folder, also when symbolic links are followed, and be a
 * regular file. Where root is about to run it, it must be root's, and neither its
 * group nor others may write it. Folders are not judged: whoever can write one
 * may put another file in the place, but none that passes. A file that may not
 * be read is an error, not a reason to look in the next folder: it would be
 * another module than the one meant.
 *
 * Owns nothing. Must not know Lua, print or exit.
 */
#ifndef MG_MODULES_H
#define MG_MODULES_H

#include <moongate.h>

/**
 * Read a module.
 * @folders: the search path, ended by NULL
 * @path:    of the file, relative to one of them; the caller has seen to it
 *           that it has no "..", and is not absolute
 * @text:    to be freed; as it lies in the file
 * Errors: -ENOENT where no folder has it, the words naming the folders; else
 * MG_INVALID.
 */
int mg_module_read(const char *const *folders, const char *path, char **text, size_t *length,
		   struct mg_error *error);

/**
 * The same for any file that a policy may read, and which folder it is in.
 * @folder: one of @folders
 */
int mg_module_find(const char *const *folders, const char *path, const char **folder, char **text,
		   size_t *length, struct mg_error *error);

/**
 * May root run the policy that is open as @fd? Whoever names it trusts its owner, so
 * that may be anybody; but nobody else may be able to write it. A pipe may be read.
 * Errors: MG_INVALID, with the remedy.
 */
int mg_policy_judge(int fd, const char *path, struct mg_error *error);

/**
 * What may be a module in folder @path of each folder of the search path, ""
 * for that folder itself: "NAME.lua" is a file, "NAME/" a folder, each ended
 * by a newline. For suggestions: what cannot be read is passed over, and so
 * is what does not fit into @out.
 */
void mg_module_list(const char *const *folders, const char *path, char *out, size_t size);

#endif
