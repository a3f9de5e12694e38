/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Modules in the file system. See modules.h.
 */
#include "modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "read_text.h"
#include "ruleset/failure.h"

/* A list of addresses that a program wrote can be large, but not endless. */
enum { LARGEST_MODULE = 16 * 1024 * 1024, MOST_NAMES = 1000 };

/*
 * Before Linux 5.6, and under valgrind, there is no openat2(2): then no
 * component may be a symbolic link, wherever it leads.
 */
static int open_without_links(int folder, const char *path, int flags)
{
	const char *slash;
	char name[NAME_MAX + 1];
	int at = folder, next;

	for (; (slash = strchr(path, '/')); path = slash + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(slash - path), path);
		next = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (at != folder)
			close(at);
		if (next < 0)
			return -1;
		at = next;
	}
	next = openat(at, path, flags | O_NOFOLLOW);
	if (at != folder) {
		int saved = errno;

		close(at);
		errno = saved;
	}
	return next;
}

/* Open what lies beneath @folder, also when links are followed. -1 and errno. */
static int open_beneath(int folder, const char *path, int flags)
{
	struct open_how how = {
		.flags = (unsigned int)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, folder, path, &how, sizeof(how));

	return fd < 0 && errno == ENOSYS ? open_without_links(folder, path, flags) : fd;
}

/*
 * May what this user owns be run by root? Root's own; and if root runs a program
 * of somebody's, from a checkout, that one could have it do anything already.
 */
static bool is_trusted_owner(uid_t owner)
{
	struct stat program;

	return owner == 0 || (stat("/proc/self/exe", &program) == 0 && owner == program.st_uid);
}

/* Whatever is judged is open already: it is the same file that is read. */
static int judge(int fd, const char *folder, const char *path, struct mg_error *error)
{
	struct stat st;
	int err = fstat(fd, &st) ? -errno : 0;

	if (err)
		return mg_fail(error, err, MG_INVALID, "%s/%s: %s", folder, path, strerror(-err));
	if (!S_ISREG(st.st_mode))
		return mg_fail(error, -EINVAL, MG_INVALID, "%s/%s is not a regular file", folder,
			       path);
	if (geteuid() != 0)
		return 0;
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return mg_fail(error, -EPERM, MG_INVALID,
			       "%s can write %s/%s, so root does not trust it: chmod %s %s/%s",
			       st.st_mode & S_IWOTH ? "everybody" : "its group", folder, path,
			       !(st.st_mode & S_IWGRP) ? "o-w"
			       : st.st_mode & S_IWOTH  ? "go-w"
						       : "g-w",
			       folder, path);
	if (!is_trusted_owner(st.st_uid))
		return mg_fail(error, -EPERM, MG_INVALID,
			       "%s/%s belongs to user %u, so root does not trust it: chown root "
			       "%s/%s",
			       folder, path, (unsigned int)st.st_uid, folder, path);
	return 0;
}

/* Debian's users have groups of their own, with the same number and nobody else in it. */
static bool has_own_group(const struct stat *st)
{
	return st->st_gid == st->st_uid || st->st_gid == 0;
}

int mg_policy_judge(int fd, const char *path, struct mg_error *error)
{
	struct stat st;

	if (fstat(fd, &st))
		return mg_fail(error, -errno, MG_INVALID, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return mg_fail(error, -EISDIR, MG_INVALID, "cannot read the policy %s: %s", path,
			       strerror(EISDIR));
	if (geteuid() != 0 || !S_ISREG(st.st_mode))
		return 0;
	if (st.st_mode & S_IWOTH)
		return mg_fail(error, -EPERM, MG_INVALID,
			       "everybody can write %s, so root does not trust it: chmod o-w %s",
			       path, path);
	if (st.st_mode & S_IWGRP && !has_own_group(&st))
		return mg_fail(error, -EPERM, MG_INVALID,
			       "group %u can write %s, so root does not trust it: chmod g-w %s",
			       (unsigned int)st.st_gid, path, path);
	return 0;
}

static int read_file(int fd, const char *folder, const char *path, char **text, size_t *length,
		     struct mg_error *error)
{
	FILE *file = fdopen(fd, "re");
	int err;

	if (!file) {
		close(fd);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	}
	err = mg_read_text(file, LARGEST_MODULE, text, length);
	fclose(file);
	if (err == -EFBIG)
		return mg_fail(error, err, MG_INVALID, "%s/%s is larger than %d MiB", folder, path,
			       LARGEST_MODULE >> 20);
	return err ? mg_fail(error, err, MG_INVALID, "cannot read %s/%s: %s", folder, path,
			     strerror(-err))
		   : 0;
}

static bool is_absent(int number)
{
	return number == ENOENT || number == ENOTDIR;
}

/* -ENOENT, without words, where @folder does not have it. */
static int read_in(const char *folder, const char *path, char **text, size_t *length,
		   struct mg_error *error)
{
	int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	int err = at < 0 ? -errno : 0;

	if (is_absent(-err))
		return -ENOENT;
	if (err)
		return mg_fail(error, err, MG_INVALID, "cannot look into %s: %s", folder,
			       strerror(-err));
	/* not to be held up by a FIFO, nor to get a terminal */
	fd = open_beneath(at, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	close(at);
	if (is_absent(-err))
		return -ENOENT;
	if (err == -EXDEV || err == -ELOOP)
		return mg_fail(error, err, MG_INVALID,
			       "%s/%s is a symbolic link out of that folder, or a circle of them",
			       folder, path);
	if (err)
		return mg_fail(error, err, MG_INVALID, "cannot read %s/%s: %s", folder, path,
			       strerror(-err));
	err = judge(fd, folder, path, error);
	if (err) {
		close(fd);
		return err;
	}
	return read_file(fd, folder, path, text, length, error);
}

/* "a, b or c"; each once */
static void join_folders(const char *const *folders, char *out, size_t size)
{
	size_t used = 0, i, j;

	*out = '\0';
	for (i = 0; folders[i] && used < size; i++) {
		for (j = 0; j < i && strcmp(folders[i], folders[j]) != 0; j++)
			;
		if (j == i)
			used += (size_t)snprintf(out + used, size - used, "%s%s",
						 !used		  ? ""
						 : folders[i + 1] ? ", "
								  : " or ",
						 folders[i]);
	}
}

int mg_module_find(const char *const *folders, const char *path, const char **folder, char **text,
		   size_t *length, struct mg_error *error)
{
	char places[1024];
	int err = -ENOENT;
	size_t i;

	for (i = 0; folders[i] && err == -ENOENT; i++) {
		*folder = folders[i];
		err = read_in(folders[i], path, text, length, error);
	}
	if (err != -ENOENT)
		return err;
	join_folders(folders, places, sizeof(places));
	return mg_fail(error, err, MG_INVALID, "there is no file %s in %s", path, places);
}

int mg_module_read(const char *const *folders, const char *path, char **text, size_t *length,
		   struct mg_error *error)
{
	const char *folder;

	return mg_module_find(folders, path, &folder, text, length, error);
}

/* Is it called like a module, or like a folder of some? */
static bool is_candidate(DIR *folder, const char *name, bool *is_folder)
{
	const char *ending = strrchr(name, '.');
	struct stat st;

	if (name[0] == '.' || strchr(name, '\n'))
		return false;
	*is_folder = !ending || strcmp(ending, ".lua") != 0;
	return !*is_folder || (!fstatat(dirfd(folder), name, &st, 0) && S_ISDIR(st.st_mode));
}

static size_t list_folder(DIR *folder, char *out, size_t size)
{
	const struct dirent *entry;
	int left = MOST_NAMES;
	size_t used = 0;

	while (left-- && (entry = readdir(folder))) {
		const size_t length = strlen(entry->d_name);
		bool is_folder;

		if (used + length + 3 > size || !is_candidate(folder, entry->d_name, &is_folder))
			continue;
		used += (size_t)sprintf(out + used, "%s%s\n", entry->d_name, is_folder ? "/" : "");
	}
	return used;
}

void mg_module_list(const char *const *folders, const char *path, char *out, size_t size)
{
	size_t used = 0, i;

	*out = '\0';
	for (i = 0; folders[i]; i++) {
		int at = open(folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		int fd = at < 0 ? -1
				: open_beneath(at, *path ? path : ".",
					       O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *folder = fd < 0 ? NULL : fdopendir(fd);

		if (at >= 0)
			close(at);
		if (folder) {
			used += list_folder(folder, out + used, size - used);
			closedir(folder);
		} else if (fd >= 0) {
			close(fd);
		}
	}
}
