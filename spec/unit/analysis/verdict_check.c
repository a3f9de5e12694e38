/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What becomes of a packet: mostly a rule or two in an INPUT chain that drops
 * the rest, and one packet: a new ssh connection from 203.0.113.7, or an IPv6
 * neighbour solicitation. What is left open makes a rule uncertain, never false.
 */
#include "analysis/verdict.h"
#include "ruleset/save_text.h"
#include "ruleset/sets.h"

#include "spec/support/tap.h"

struct expectation {
	const char *rules;
	enum mg_fate fate;
};

static const struct mg_packet ssh = {
	.family = MG_IPV4,
	.protocol = 6,
	.source_known = true,
	.destination_known = true,
	.source = { 203, 0, 113, 7 },
	.destination = { 192, 0, 2, 1 },
	.source_port = { 1024, 65535 },
	.destination_port = { 22, 22 },
	.state = MG_CT_NEW,
	.tcp_flags = MG_TCP_SYN,
	.hop_limit = -1,
	.quiet = true,
};

static const struct mg_packet solicitation = {
	.family = MG_IPV6,
	.protocol = 58,
	.icmp_type = 135,
	.state = MG_CT_UNTRACKED,
	.hop_limit = 255,
};

/* Protocols, addresses, interfaces, ports, flags. */
static const struct expectation basics[] = {
	{ "-A INPUT -p tcp --dport 22 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp -m tcp --dport 23 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -ptcp --destination-port=22 -jACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT --proto tcp --destination-p 22 --jump ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p 6 --dport ssh -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p TCP --dport 20:30 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp --dport :22 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp --dport 23: -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT ! -p tcp -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p tcp ! --dport 22 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p udp --dport 22 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p all -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p 0 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -s 203.0.113.0/24 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -s 203.0.113.0/255.255.255.0 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT --src 203.0/16 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT ! -s 203.0.113.0/24 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT --source 10.0.0.0/8,203.0.113.7 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -s 10.0.0.0/8,172.16.0.0/12 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -s example.com -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -s 10.0.0.0/8,example.com -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -s 0.0.0.0/0 -d 0/0 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -s 203.0.113.6/0.0.0.254 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -i lo -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT ! -i lo -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -i eth0 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -i eth+ -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -i + -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp --syn -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp ! --syn -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p tcp --tcp-flags SYN,RST,ACK,FIN SYN -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp --tcp-flags ALL NONE -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p tcp --tcp-flags ALL SYN -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp --tcp-option 5 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -p tcp -m multiport --dports 80,443,20:25 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp -m multiport --ports 80,22 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp -m multiport ! --dports 80,22 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p tcp -m multiport --sports 1:1023 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p tcp --sport 1024:65535 --dport 22 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p tcp --sport 2048: --dport 22 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -p icmp --icmp-type 8 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -f -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT ! -f -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -c 1 2 -j DROP\n-A INPUT -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -c 1,2 -j DROP\n-A INPUT -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT --set-counters 1,2 -j DROP\n-A INPUT -j ACCEPT", MG_FATE_DROP },
};

/* Matches and targets of plugins, known ones and others. */
static const struct expectation plugins[] = {
	{ "-A INPUT -p frobnicate -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m conntrack --ctstate NEW -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m conntrack --ctstate related,established -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m conntrack ! --ctstate NEW -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m state --state NEW -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m conntrack --ctstate DNAT -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m conntrack --ctstate NEW --ctdir ORIGINAL -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m conntrack --ctst NEW -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m state --st NEW -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m comment --comment \"-j DROP\" -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m set --match-set x src -p tcp --dport 22 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m set --match-set x src -p tcp --dport 23 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m set ! --match-set x src -j DROP\n-A INPUT -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m set --match-set x src -j DROP", MG_FATE_DROP },
	{ "-A INPUT -m set --match-set mg4-here src -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m set --match-set mg4-away src -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m set --match-set mg4-none src -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m set --match-set mg4-here dst -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m set ! --match-set mg4-away src -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m set --match-set mg4-away src -j DROP\n-A INPUT -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m set --match-set mg4-here src -j DROP\n-A INPUT -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -m set --match-set mg4-here src,dst -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m set --match-set mg4-here src --packets-gt 5 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m set ! --match-set mg4-here src --packets-gt 5 -j DROP\n-A INPUT -j ACCEPT",
	  MG_FATE_UNKNOWN },
	{ "-A INPUT -m set --match-set mg4-here src --return-nomatch -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m set --return-nomatch --match-set mg4-here src -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m set ! --match-set mg4-here src --return-nomatch -j DROP\n"
	  "-A INPUT -j ACCEPT",
	  MG_FATE_UNKNOWN },
	{ "-A INPUT -m set --match-set x src --return-nomatch -m set --match-set mg4-away src "
	  "-j ACCEPT",
	  MG_FATE_DROP },
	{ "-A INPUT -m set --match-set mg4-here src ! --update-counters -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT\n-A INPUT -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -j LOG --log-prefix \"-j DROP \"\n-A INPUT -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m limit --limit 5/min -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m hashlimit --hashlimit-above 5/min --hashlimit-mode srcip --hashlimit-name x "
	  "-j DROP\n-A INPUT -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -m connlimit --connlimit-above 5 --connlimit-mask 32 -j DROP\n-A INPUT -j "
	  "ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -m recent --set --name x\n-A INPUT -m recent --update --seconds 60 --hitcount "
	  "4 --name x -j DROP\n-A INPUT -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -m recent --rcheck --name knock -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m recent --set -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m recent ! --set -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -j NFQUEUE --queue-num 1\n-A INPUT -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -s 10.0.0.0/8 -j NFQUEUE\n-A INPUT -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -j WHATEVER --foo bar\n-A INPUT -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m iprange --src-range 203.0.113.1-203.0.113.9 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m iprange ! --src-range 203.0.113.1-203.0.113.9 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p tcp -m owner --uid-owner 0 -j DROP\n-A INPUT -p tcp -j ACCEPT",
	  MG_FATE_UNKNOWN },
	{ "-A INPUT --frobnicate -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m ttl --ttl-gt 5 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m string --algo bm --string \"--dport\" -p tcp --dport 23 -j ACCEPT",
	  MG_FATE_DROP },
};

/* Chains of one's own: U and V are there. */
static const struct expectation jumps[] = {
	{ "-A INPUT -j U\n-A U -o eth0 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -j U\n-A U ! -o eth0 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -j U\n-A U -s 203.0.113.7 -j RETURN\n-A U -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -j U\n-A INPUT -j ACCEPT\n-A U -s 203.0.113.7 -j RETURN\n-A U -j DROP",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -g U\n-A INPUT -j ACCEPT\n-A U -j RETURN", MG_FATE_DROP },
	{ "-A INPUT -j U\n-A INPUT -j ACCEPT\n-A U -g V\n-A U -j DROP\n-A V -j RETURN",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -g U\n-A U -j REJECT --reject-with icmp-port-unreachable", MG_FATE_REJECT },
	{ "-A INPUT -j U\n-A INPUT -j ACCEPT\n-A U -j V\n-A V -j U", MG_FATE_UNKNOWN },
	{ "-A INPUT -m mark --mark 1 -j U\n-A INPUT -j DROP\n-A U -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -m mark --mark 1 -j U\n-A INPUT -j ACCEPT\n-A U -m mark --mark 2 -j ACCEPT",
	  MG_FATE_ACCEPT },
};

/* As a loop makes them: a rule is told from the one before. */
#define OTHER "198.51.100.1"
static const struct expectation loops[] = {
	{ "-A INPUT -s " OTHER " -j ACCEPT\n-A INPUT -s 203.0.113.7 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -s 203.0.113.7 -j ACCEPT\n-A INPUT -s " OTHER " -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -s " OTHER " -j ACCEPT\n-A INPUT -s 198.51.100.2 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT ! -s 203.0.113.7 -j ACCEPT\n-A INPUT ! -s " OTHER " -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT ! -s " OTHER " -j DROP\n-A INPUT ! -s 203.0.113.7 -j DROP\n"
	  "-A INPUT -j ACCEPT",
	  MG_FATE_DROP },
	{ "-A INPUT ! -s 203.0.113.7 -j DROP\n-A INPUT ! -s 203.0.113.0/24 -j DROP\n"
	  "-A INPUT -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -s " OTHER "," OTHER " -j ACCEPT\n-A INPUT -s 203.0.113.7," OTHER " -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -s " OTHER " -j ACCEPT\n-A INPUT -s 203.0.113.7," OTHER " -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -s " OTHER " -j ACCEPT\n-A INPUT -s a.host.example -j ACCEPT",
	  MG_FATE_UNKNOWN },
	{ "-A INPUT -s a.host.example -j DROP\n-A INPUT -s 203.0.113.7 -j ACCEPT",
	  MG_FATE_UNKNOWN },
	{ "-A INPUT -s " OTHER " -p tcp --dport 22 -m comment --comment a -j ACCEPT\n"
	  "-A INPUT -s 203.0.113.0/24 -p tcp --dport 22 -m comment --comment b -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -s 203.0.113.7 -p tcp --dport 21 -j ACCEPT\n"
	  "-A INPUT -s 203.0.113.7 -p tcp --dport 22 -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -s " OTHER " -d 0.0.0.0/1 -j ACCEPT\n"
	  "-A INPUT -s 203.0.113.7 -d 0.0.0.0/0 -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -s 0.0.0.0/0 -d 255.0.0.0/8 -j ACCEPT\n"
	  "-A INPUT -s " OTHER " -d 0.0.0.0/0 -j ACCEPT",
	  MG_FATE_DROP },
	{ "-A INPUT -s " OTHER " -m mark --mark 1 -j DROP\n"
	  "-A INPUT -s 203.0.113.7 -m mark --mark 1 -j DROP\n-A INPUT -j ACCEPT",
	  MG_FATE_UNKNOWN },
	{ "-A INPUT -s " OTHER " -j U\n-A INPUT -s 203.0.113.7 -j U\n-A U -s " OTHER
	  " -j DROP\n-A U -s 203.0.113.7 -j ACCEPT",
	  MG_FATE_ACCEPT },
};

static const struct expectation neighbours[] = {
	{ "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -p icmpv6 --icmpv6-type neighbour-solicitation -m hl --hl-gt 254 -j ACCEPT",
	  MG_FATE_ACCEPT },
	{ "-A INPUT -p icmpv6 --icmpv6-type neighbor-sol -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p icmpv6 --icmpv6-type neighbor-advertisement -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p icmpv6 --icmpv6-type 135/0 -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -p 58 -m hl --hl-lt 255 -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -p 58 -m conntrack --ctstate NEW -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -s fe80::/10 -p 58 -j ACCEPT", MG_FATE_UNKNOWN },
	{ "-A INPUT -p icmp -j ACCEPT", MG_FATE_DROP },
	{ "-A INPUT -s ::/0 -p ipv6-icmp -j ACCEPT", MG_FATE_ACCEPT },
	{ "-A INPUT -m conntrack --ctstate INVALID -j DROP\n-A INPUT -j ACCEPT", MG_FATE_ACCEPT },
};

static struct mg_ruleset *ruleset;
static struct mg_judge *judge;

/* Sets of the policy's: mg4-here has the packet's source, mg4-away has not, mg4-none has nobody. */
static void load_sets(void)
{
	static const struct mg_set_member here[] = {
		{ { 198, 51, 100, 7 }, 32 },
		{ { 203, 0, 113, 0 }, 29 },
	};
	static const struct mg_set_member away[] = {
		{ { 203, 0, 113, 6 }, 32 },
		{ { 203, 0, 113, 8 }, 29 },
	};
	static const struct mg_set_view sets[] = {
		{ MG_IPV4, "mg4-here", NULL, here, 2, "" },
		{ MG_IPV4, "mg4-away", NULL, away, 2, "" },
		{ MG_IPV4, "mg4-none", NULL, NULL, 0, "" },
	};

	for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++)
		EXPECT_DONE(mg_sets_add(mg_ruleset_sets(ruleset), &sets[i], NULL, &tap_error));
}

static void load(enum mg_family family, const char *text)
{
	EXPECT_DONE(mg_ruleset_new(&ruleset, &tap_error));
	load_sets();
	EXPECT_DONE(mg_save_read(ruleset, family, "rules", text, strlen(text), &tap_error));
	EXPECT_DONE(mg_ruleset_seal(ruleset, &tap_error));
	EXPECT_DONE(mg_judge_new(ruleset, &judge, &tap_error));
}

static void unload(void)
{
	mg_judge_free(judge);
	mg_ruleset_free(ruleset);
	judge = NULL;
	ruleset = NULL;
}

static void load_rules(enum mg_family family, const char *rules)
{
	static const char frame[] = "*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n"
				    ":OUTPUT DROP [0:0]\n:U - [0:0]\n:V - [0:0]\n%s\nCOMMIT\n";
	char text[2048];

	snprintf(text, sizeof(text), frame, rules);
	load(family, text);
}

static void try(const struct expectation *list, size_t count, const struct mg_packet *packet)
{
	for (size_t i = 0; i < count; i++) {
		struct mg_answer answer;

		load_rules(packet->family, list[i].rules);
		if (judge) {
			answer = mg_judge_ask(judge, packet);
			if (answer.fate != list[i].fate)
				tap_fail(__LINE__, "fate %d, not %d (rule %u)", answer.fate,
					 list[i].fate, answer.rule);
		}
		unload();
		tap_report(list[i].rules);
	}
}

static void judged(const char *rules, const struct mg_packet *packet, enum mg_fate fate)
{
	struct mg_answer answer = { .fate = MG_FATE_UNKNOWN };

	load_rules(packet->family, rules);
	if (judge)
		answer = mg_judge_ask(judge, packet);
	unload();
	EXPECT_IS(answer.fate, fate);
}

static void deciding_rule(void)
{
	struct mg_answer answer;

	load_rules(MG_IPV4, "-A INPUT -p udp -j ACCEPT\n-A INPUT -j U\n-A U -p udp -j DROP\n"
			    "-A U -p tcp -j ACCEPT");
	answer = mg_judge_ask(judge, &ssh);
	EXPECT_IS(answer.fate, MG_FATE_ACCEPT);
	EXPECT_IS(answer.rule, 3);
	EXPECT_IS(answer.chain, mg_ruleset_find_chain(ruleset, MG_IPV4, "filter", "INPUT"));
	unload();
	load_rules(MG_IPV4, "-A INPUT -p udp -j ACCEPT");
	answer = mg_judge_ask(judge, &ssh);
	EXPECT_IS(answer.fate, MG_FATE_DROP);
	EXPECT_IS(answer.rule, MG_NO_RULE);
	unload();
	load_rules(MG_IPV4, "-A INPUT -p udp -j ACCEPT\n-A INPUT -m mark --mark 1 -j ACCEPT\n"
			    "-A INPUT -m mark --mark 2 -j ACCEPT");
	answer = mg_judge_ask(judge, &ssh);
	EXPECT_IS(answer.fate, MG_FATE_UNKNOWN);
	EXPECT_IS(answer.rule, 1);
	unload();
}

static void no_chain(void)
{
	struct mg_answer answer;

	load(MG_IPV4, "*filter\n:OUTPUT DROP [0:0]\n:INPUT - [0:0]\nCOMMIT\n"
		      "*mangle\n:INPUT DROP [0:0]\nCOMMIT\n");
	answer = mg_judge_ask(judge, &ssh);
	EXPECT_IS(answer.fate, MG_FATE_ACCEPT);
	EXPECT_IS(answer.rule, MG_NO_RULE);
	unload();
	load(MG_IPV4, "*filter\n:OUTPUT DROP [0:0]\nCOMMIT\n");
	answer = mg_judge_ask(judge, &ssh);
	EXPECT_IS(answer.fate, MG_FATE_ACCEPT);
	EXPECT_IS(answer.chain, UINT32_MAX);
	answer = mg_judge_ask(judge, &solicitation);
	EXPECT_IS(answer.fate, MG_FATE_ACCEPT);
	EXPECT_IS(answer.chain, UINT32_MAX);
	unload();
}

static void interfaces(void)
{
	struct mg_packet packet = ssh;

	packet.in = "eth0";
	judged("-A INPUT -i eth0 -j ACCEPT", &packet, MG_FATE_ACCEPT);
	judged("-A INPUT -i eth+ -j ACCEPT", &packet, MG_FATE_ACCEPT);
	judged("-A INPUT -i eth -j ACCEPT", &packet, MG_FATE_DROP);
	judged("-A INPUT -i eth00 -j ACCEPT", &packet, MG_FATE_DROP);
	judged("-A INPUT ! -i eth1 -j ACCEPT", &packet, MG_FATE_ACCEPT);
	packet.in = "lo";
	judged("-A INPUT -i lo -j ACCEPT", &packet, MG_FATE_ACCEPT);
	packet.hook = MG_HOOK_OUTPUT;
	packet.out = "eth1";
	judged("-A OUTPUT -o eth1 -j ACCEPT", &packet, MG_FATE_ACCEPT);
	judged("-A OUTPUT -i lo -j ACCEPT", &packet, MG_FATE_DROP);
	judged("-A INPUT -j ACCEPT", &packet, MG_FATE_DROP);
}

/* With many at the same time, a limit may be reached. */
static void busy_day(void)
{
	struct mg_packet packet = ssh;

	packet.quiet = false;
	judged("-A INPUT -m limit --limit 5/min -j ACCEPT", &packet, MG_FATE_UNKNOWN);
	judged("-A INPUT -m connlimit --connlimit-above 5 -j DROP\n-A INPUT -j ACCEPT", &packet,
	       MG_FATE_UNKNOWN);
}

static void rejects(void)
{
	load_rules(MG_IPV4, "-A OUTPUT -j U\n-A INPUT -j DROP\n-A U -j V\n-A V -j REJECT");
	EXPECT(mg_judge_rejects(judge, MG_IPV4, MG_HOOK_OUTPUT));
	EXPECT(!mg_judge_rejects(judge, MG_IPV4, MG_HOOK_INPUT));
	EXPECT(!mg_judge_rejects(judge, MG_IPV6, MG_HOOK_OUTPUT));
	unload();
}

#define TRY(list, packet) try(list, sizeof(list) / sizeof((list)[0]), packet)

int main(void)
{
	TRY(basics, &ssh);
	TRY(plugins, &ssh);
	TRY(jumps, &ssh);
	TRY(loops, &ssh);
	TRY(neighbours, &solicitation);
	tap_run("names the rule that decides, or that cannot be judged", deciding_rule);
	tap_run("takes a chain without a policy as one that accepts", no_chain);
	tap_run("compares interfaces where they are known", interfaces);
	tap_run("leaves limits open when the day is not quiet", busy_day);
	tap_run("finds a REJECT behind jumps", rejects);
	return tap_end();
}
