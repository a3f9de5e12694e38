/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replace ipv4|ipv6 COUNT
 *
 * What the kernel itself needs for the rules that are loaded now: reads the
 * table `filter` and hands the very same rules back, COUNT times, and prints a
 * line for each time: microseconds of the reading (GET_ENTRIES) and of the
 * system call that replaces the table (SO_SET_REPLACE). No program that loads
 * these rules can be faster than that.
 *
 * It drops all counters and takes no lock: only for a namespace of its own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>

/* Both families speak the same structures, and number the calls alike. */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "getinfo");
_Static_assert(sizeof(struct ipt_get_entries) == sizeof(struct ip6t_get_entries), "get_entries");
_Static_assert(sizeof(struct ipt_replace) == sizeof(struct ip6t_replace), "replace");
_Static_assert(IPT_SO_GET_INFO == IP6T_SO_GET_INFO, "GET_INFO");
_Static_assert(IPT_SO_GET_ENTRIES == IP6T_SO_GET_ENTRIES, "GET_ENTRIES");
_Static_assert(IPT_SO_SET_REPLACE == IP6T_SO_SET_REPLACE, "SET_REPLACE");

struct family {
	const char *name;
	int domain, level;
};

static const struct family families[] = {
	{ "ipv4", AF_INET, SOL_IP },
	{ "ipv6", AF_INET6, SOL_IPV6 },
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "replace: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (!memory)
		die("memory");
	return memory;
}

static double microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void replace_once(int sock, int level)
{
	struct ipt_getinfo info = { .name = "filter" };
	struct ipt_get_entries *entries;
	struct ipt_replace *table;
	socklen_t length = sizeof(info);
	double start, read, written;

	if (getsockopt(sock, level, IPT_SO_GET_INFO, &info, &length) < 0)
		die("GET_INFO");
	length = (socklen_t)(sizeof(*entries) + info.size);
	entries = allocate(length);
	strcpy(entries->name, info.name);
	entries->size = info.size;
	start = microseconds();
	if (getsockopt(sock, level, IPT_SO_GET_ENTRIES, entries, &length) < 0)
		die("GET_ENTRIES");
	read = microseconds() - start;

	table = allocate(sizeof(*table) + info.size);
	strcpy(table->name, info.name);
	table->valid_hooks = info.valid_hooks;
	table->num_entries = table->num_counters = info.num_entries;
	table->size = info.size;
	memcpy(table->hook_entry, info.hook_entry, sizeof(info.hook_entry));
	memcpy(table->underflow, info.underflow, sizeof(info.underflow));
	memcpy(table->entries, entries->entrytable, info.size);
	/* the kernel hands the old rules' counters over */
	table->counters = allocate(sizeof(*table->counters) * info.num_entries);
	length = (socklen_t)(sizeof(*table) + info.size);
	start = microseconds();
	if (setsockopt(sock, level, IPT_SO_SET_REPLACE, table, length) < 0)
		die("SO_SET_REPLACE");
	written = microseconds() - start;

	printf("%.1f %.1f\n", read, written);
	free(table->counters);
	free(table);
	free(entries);
}

int main(int argc, char **argv)
{
	const struct family *family = NULL;
	int sock, count;

	for (size_t i = 0; argc == 3 && i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(argv[1], families[i].name) == 0)
			family = &families[i];
	if (!family) {
		fprintf(stderr, "Usage: replace ipv4|ipv6 COUNT\n");
		return 64;
	}
	sock = socket(family->domain, SOCK_RAW, IPPROTO_RAW);
	if (sock < 0)
		die("a raw socket");
	for (count = atoi(argv[2]); count > 0; count--)
		replace_once(sock, family->level);
	return 0;
}
