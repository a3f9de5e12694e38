/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Other firewalls that are enabled at boot, found in the file system: it
 * needs no systemd to run. See beside.h.
 *
 * Owns nothing that outlives a call. Must not change anything, print or exit.
 */
#include "netfilter/beside.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ruleset/failure.h"
#include "ruleset/one_of.h"

#define SYSTEMD "etc/systemd/system"

static bool ends_with(const char *text, const char *end)
{
	const size_t length = strlen(text), wanted = strlen(end);

	return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* Masked units are links to /dev/null: enabled or not, they do not start. */
static bool is_masked(const char *root, const char *service)
{
	char path[PATH_MAX], target[16];
	ssize_t length;

	if (snprintf(path, sizeof(path), "%s/" SYSTEMD "/%s", root, service) >= (int)sizeof(path))
		return false;
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	return strcmp(target, "/dev/null") == 0;
}

/* Does a target want @service? That is what "systemctl enable" leaves behind. */
static bool is_wanted(const char *root, const char *service)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat status;
	bool found = false;
	DIR *folder;

	if (snprintf(path, sizeof(path), "%s/" SYSTEMD, root) >= (int)sizeof(path))
		return false;
	folder = opendir(path);
	if (!folder)
		return false;
	while (!found && (entry = readdir(folder))) {
		if (!ends_with(entry->d_name, ".wants") && !ends_with(entry->d_name, ".requires"))
			continue;
		if (snprintf(path, sizeof(path), "%s/" SYSTEMD "/%s/%s", root, entry->d_name,
			     service) >= (int)sizeof(path))
			continue;
		/* The link itself counts; where it leads need not exist here. */
		found = lstat(path, &status) == 0;
	}
	closedir(folder);
	return found && !is_masked(root, service);
}

bool mg_boot_is_enabled(const char *root, const char *service)
{
	return is_wanted(root, service);
}

/* ufw's unit is always enabled; whether it does anything stands in a file. */
static bool is_ufw_on(const char *root)
{
	char path[PATH_MAX], *line = NULL;
	size_t capacity = 0;
	bool on = false;
	FILE *file;

	if (snprintf(path, sizeof(path), "%s/etc/ufw/ufw.conf", root) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	while (getline(&line, &capacity, file) >= 0) {
		char *value = line + strspn(line, " \t");

		if (strncmp(value, "ENABLED=", 8) != 0)
			continue;
		value += 8;
		value += strspn(value, "\"'");
		/* ufw(8) takes the last one, in any case. */
		on = strncasecmp(value, "yes", 3) == 0;
	}
	free(line);
	fclose(file);
	return on;
}

int mg_beside_loaders(const char *root, const char *const *ours, struct mg_notes *notes,
		      struct mg_error *error)
{
	static const char *const services[] = {
		"netfilter-persistent", "iptables", "ip6tables", "nftables", "firewalld",
	};
	static const char text[] = "%s is enabled at boot and would load rules of its own over or "
				   "beside this policy";
	int err = 0;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]) && err == 0; i++) {
		char service[64], remedy[96];

		snprintf(service, sizeof(service), "%s.service", services[i]);
		if ((ours && mg_is_one_of(services[i], ours)) || !is_wanted(root, service))
			continue;
		/* Not --now: stopping some of them empties the tables. */
		snprintf(remedy, sizeof(remedy), "systemctl disable %s", service);
		err = mg_note(notes, MG_WARNING, NULL, remedy, text, services[i]);
	}
	if (err == 0 && is_ufw_on(root))
		err = mg_note(notes, MG_WARNING, NULL, "ufw disable", text, "ufw");
	if (err)
		return mg_fail(error, err, MG_ENVIRONMENT, "out of memory");
	return 0;
}
