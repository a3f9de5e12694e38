/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists as the kernel prints them: "src=192.0.2.1 ttl: 64 ...", "9 192.0.2.1:0->...";
 * an address of IPv6 with all its digits.
 */
#include "remembered.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 64 };

static void print_address(enum mg_family family, const unsigned char *address, char out[LONGEST])
{
	size_t used = 0, i;

	if (family == MG_IPV4) {
		snprintf(out, LONGEST, "%u.%u.%u.%u", address[0], address[1], address[2],
			 address[3]);
		return;
	}
	for (i = 0; i < 16; i += 2)
		used += (size_t)snprintf(out + used, LONGEST - used, "%s%02x%02x", i ? ":" : "",
					 address[i], address[i + 1]);
}

/* As a word of its own: 10.0.0.1 is not in 110.0.0.12. */
static bool has_word(const char *line, const char *word)
{
	const size_t length = strlen(word);
	const char *at = line;

	for (; (at = strstr(at, word)); at++)
		if ((at == line || !(isxdigit((unsigned char)at[-1]) || at[-1] == '.')) &&
		    !isxdigit((unsigned char)at[length]) && at[length] != '.')
			return true;
	return false;
}

static bool names_client(const struct mg_probe_order *order, enum mg_family family,
			 const char *line)
{
	char word[LONGEST];
	size_t i;

	for (i = 0; i < order->way_count; i++) {
		if (order->ways[i].connection.family != family)
			continue;
		print_address(family, order->ways[i].original.source, word);
		if (has_word(line, word))
			return true;
	}
	return false;
}

bool mg_is_remembered(const struct mg_probe_order *order, enum mg_family family, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[1024];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = names_client(order, family, line);
	if (file)
		fclose(file);
	return found;
}
