/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The minimal rules, with as few extensions as they can be said with.
 *
 * Owns nothing. Must not touch the kernel, print or exit.
 */
#include "plan/minimal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/failure.h"

enum { SSH = 22 };

/* Before the rules for ssh. */
static const char head[] = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT DROP [0:0]\n";

static const char established[] =
	"-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
	"-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
	"-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";

static const char loopback[] = "-A INPUT -i lo -j ACCEPT\n-A OUTPUT -o lo -j ACCEPT\n";

/* Neighbour and router discovery, multicast listeners (switches ask for them), and errors. */
static const int icmpv6[] = { 1, 2, 3, 4, 130, 131, 132, 133, 134, 135, 136, 143 };

static const char *const dhcp[MG_FAMILIES] = {
	[MG_IPV4] = "-A INPUT -p udp -m udp --sport 67 --dport 68 -j ACCEPT\n"
		    "-A OUTPUT -p udp -m udp --sport 68 --dport 67 -j ACCEPT\n",
	[MG_IPV6] = "-A INPUT -p udp -m udp --sport 547 --dport 546 -j ACCEPT\n"
		    "-A OUTPUT -p udp -m udp --sport 546 --dport 547 -j ACCEPT\n",
};

static void put_icmp(FILE *out, enum mg_family family, bool stateless)
{
	size_t i;

	if (family == MG_IPV4) {
		/* with connection tracking they are related */
		if (stateless)
			fputs("-A INPUT -p icmp -m icmp --icmp-type 3 -j ACCEPT\n", out);
		return;
	}
	for (i = 0; i < sizeof(icmpv6) / sizeof(*icmpv6); i++)
		fprintf(out,
			"-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type %d -j ACCEPT\n"
			"-A OUTPUT -p ipv6-icmp -m icmp6 --icmpv6-type %d -j ACCEPT\n",
			icmpv6[i], icmpv6[i]);
}

/* @address: "" for everybody's */
static void put_ssh(FILE *out, const char *address, unsigned int port, bool stateless)
{
	const char *from = *address ? " -s " : "", *to = *address ? " -d " : "";

	fprintf(out, "-A INPUT%s%s -p tcp -m tcp --dport %u%s -j ACCEPT\n", from, address, port,
		stateless ? "" : " -m conntrack --ctstate NEW");
	if (stateless)
		fprintf(out, "-A OUTPUT%s%s -p tcp -m tcp --sport %u ! --syn -j ACCEPT\n", to,
			address, port);
}

/* The lines of @operators that are addresses of this family; what is none is left out. */
static void put_operators(FILE *out, enum mg_family family, const char *operators, bool stateless)
{
	const int af = family == MG_IPV4 ? AF_INET : AF_INET6;
	unsigned char bytes[16];
	char address[INET6_ADDRSTRLEN], end;
	unsigned int port;

	for (; *operators; operators += strcspn(operators, "\n"), operators += *operators == '\n')
		if (sscanf(operators, "%45[0-9a-fA-F.:] %5u%c", address, &port, &end) == 3 &&
		    end == '\n' && port && port <= UINT16_MAX && inet_pton(af, address, bytes) == 1)
			put_ssh(out, address, port, stateless);
}

int mg_minimal_text(enum mg_family family, const char *operators, bool stateless, char **out,
		    struct mg_error *error)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	bool failed = !stream;

	if (stream) {
		fputs(head, stream);
		if (!stateless)
			fputs(established, stream);
		fputs(loopback, stream);
		put_icmp(stream, family, stateless);
		fputs(dhcp[family], stream);
		if (operators)
			put_operators(stream, family, operators, stateless);
		else
			put_ssh(stream, "", SSH, stateless);
		fputs("COMMIT\n", stream);
		failed = fclose(stream) != 0 || !text;
	}
	if (failed) {
		free(text);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for a ruleset");
	}
	*out = text;
	return 0;
}

void mg_minimal_describe(const char *operators, char *out, size_t size)
{
	if (!operators)
		snprintf(out, size,
			 "ssh from everywhere, since no record tells where its operators "
			 "come from");
	else if (!*operators)
		snprintf(out, size, "and no ssh, since nothing was ever applied over it");
	else
		snprintf(out, size, "ssh from where its operators came (%s", operators);
	if (!operators || !*operators)
		return;
	/* "ADDRESS PORT\n" for each */
	for (; *out; out++)
		if (*out == '\n')
			*out = out[1] ? ';' : ')';
}
