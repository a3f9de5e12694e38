/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The diagnoses: a ruleset, what is known of its host and of who is at the
 * keyboard, and the notes that come of it, each with the line that helps.
 */
#include "analysis/diagnose.h"

#include <arpa/inet.h>

#include "ruleset/save_text.h"
#include "spec/support/tap.h"

enum { MOST_NOTES = 6 };

/* A note as it should be; its text has to contain @text. */
struct expected {
	enum mg_severity severity;
	const char *place, *text, *remedy;
};

struct scenario {
	const char *title;
	const char *rules[MG_FAMILIES];
	const char *client, *server; /* NULL: at the console */
	int port;
	const char *interface;
	bool unknown;	 /* nobody asked who is at the keyboard */
	bool not_leased; /* eth0 has no lease */
	enum mg_forwarding forwarding[MG_FAMILIES];
	struct expected notes[MOST_NOTES];
};

#define CHAINS(input, output)                                                                      \
	"*filter\n:INPUT " input " [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT " output " [0:0]\n"
#define BOTH_WAYS(match)                                                                           \
	"-A INPUT " match " -j ACCEPT\n"                                                           \
	"-A OUTPUT " match " -j ACCEPT\n"
#define NEIGHBOURS(type) BOTH_WAYS("-p ipv6-icmp -m icmp6 --icmpv6-type " type " -m hl --hl-eq 255")
#define ESTABLISHED "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n"
#define SSH "-A INPUT -p tcp --dport 22 -j ACCEPT\n"

/* A server with ssh for its friends. */
static const char good4[] = CHAINS(
	"DROP",
	"DROP") ":BADTCP - [0:0]\n"
		"#@ p.lua:6 allow_established\n" BOTH_WAYS(
			"-m conntrack --ctstate RELATED,ESTABLISHED") "-A INPUT -i lo -j "
								      "ACCEPT\n-A OUTPUT -o lo -j "
								      "ACCEPT\n"
								      "-A INPUT -p tcp -j BADTCP\n"
								      "-A BADTCP -p tcp -m tcp "
								      "--tcp-flags FIN,ACK FIN -j "
								      "DROP\n"
								      "-A BADTCP -p tcp "
								      "--tcp-flags ALL NONE -j "
								      "DROP\n"
								      "-A BADTCP -p tcp "
								      "--tcp-flags ALL ALL -j "
								      "DROP\n"
								      "-A INPUT -m conntrack "
								      "--ctstate INVALID -j DROP\n"
								      "-A INPUT -p icmp "
								      "--icmp-type 8 -m conntrack "
								      "--ctstate NEW -j ACCEPT\n"
								      "#@ p.lua:14 "
								      "allow_inbound_ssh\n"
								      "-A INPUT -s 10.137.0.0/24 "
								      "-p tcp -m conntrack "
								      "--ctstate NEW -m tcp "
								      "--dport 22 -j ACCEPT\n"
								      "-A INPUT -p tcp -m tcp "
								      "--dport 8443 -m conntrack "
								      "--ctstate NEW "
								      "-m comment --comment \"web "
								      "ui\" -j ACCEPT\n"
								      "-A OUTPUT -p udp --dport 53 "
								      "-m conntrack --ctstate NEW "
								      "-j ACCEPT\n"
								      "-A OUTPUT -o eth0 -p udp "
								      "--sport 68 --dport 67 -m "
								      "conntrack --ctstate NEW -j "
								      "ACCEPT\n"
								      "-A OUTPUT -j "
								      "REJECT\nCOMMIT\n";

static const char good6[] = CHAINS("DROP", "DROP") BOTH_WAYS(
	"-m conntrack --ctstate RELATED,ESTABLISHED") "-A INPUT -i lo -j ACCEPT\n-A OUTPUT -o lo "
						      "-j ACCEPT\n"
						      "-A INPUT -m conntrack --ctstate INVALID -j "
						      "DROP\n" NEIGHBOURS("135") NEIGHBOURS(
							      "136") "-A INPUT -s "
								     "2001:db8:137::/48 -p tcp -m "
								     "conntrack --ctstate NEW -m "
								     "tcp --dport 22 "
								     "-j ACCEPT\nCOMMIT\n";

static const char bare[] = CHAINS("DROP", "DROP") "COMMIT\n";
static const char open[] = CHAINS("ACCEPT", "ACCEPT") "COMMIT\n";

static const char no_loopback[] = CHAINS("DROP", "DROP") ESTABLISHED SSH
	"-A OUTPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n-A OUTPUT -j REJECT\nCOMMIT\n";
static const char blocked[] = CHAINS("DROP", "ACCEPT") ESTABLISHED
	"#@ /etc/my pol/p.lua:9 block\n-A INPUT -s 203.0.113.0/24 -j DROP\n" SSH "COMMIT\n";
static const char by_set[] = CHAINS("DROP", "ACCEPT") ESTABLISHED
	"#@ p.lua:9 block\n-A INPUT -m set --match-set bad src -j DROP\n" SSH "COMMIT\n";
static const char blocked_first[] =
	CHAINS("DROP",
	       "ACCEPT") "#@ p.lua:9 block\n-A INPUT -s 203.0.113.7 -j DROP\n" ESTABLISHED SSH
			 "COMMIT\n";

#define FRIEND .client = "10.137.0.5", .server = "10.0.0.1", .port = 22
#define FRIEND6 .client = "2001:db8:137::5", .server = "2001:db8::1", .port = 22
#define STRANGER .client = "203.0.113.7", .server = "192.0.2.1", .port = 22
#define STRANGER6 .client = "2001:db8:99::5", .server = "2001:db8::1", .port = 22
#define LOCAL .client = "127.0.0.1", .server = "127.0.0.1", .port = 22

#define NO_OWN_ANSWERS(family)                                                                     \
	{                                                                                          \
		MG_WARNING, NULL, "the answers to this host's own connections" family ": no rule", \
			"allow_established()"                                                      \
	}
#define NO_LEASE                                                                                   \
	{                                                                                          \
		MG_WARNING, NULL, "OUTPUT would drop the renewal of the DHCP lease of eth0",       \
			"allow_dhcp_client { on = \"eth0\" }"                                      \
	}
#define NO_NEIGHBOURS(severity)                                                                    \
	{                                                                                          \
		severity, NULL, "INPUT would drop IPv6 neighbour solicitations", "allow_icmp()"    \
	}
#define SESSION_CUT(from)                                                                          \
	{ MG_REFUSAL, NULL, "INPUT would drop the packets of your ssh session from " from,         \
	  "allow_established()" },                                                                 \
	{                                                                                          \
		MG_REFUSAL, NULL, "OUTPUT would drop the answers of your ssh session from " from,  \
			"allow_established()"                                                      \
	}
#define NO_NEW_SSH(place, from, remedy)                                                            \
	{                                                                                          \
		MG_REFUSAL, place, "INPUT would drop a new ssh connection from " from, remedy      \
	}

/* What a router lets through: new connections, and in the other one only answers. */
static const char router[] = CHAINS(
	"ACCEPT",
	"ACCEPT") "#@ p.lua:3 allow_established\n"
		  "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
		  "#@ p.lua:7 forward_port\n-A FORWARD -d 10.0.0.5 -m conntrack --ctstate DNAT "
		  "--ctorigdstport 8080 -m conntrack --ctstate NEW -j ACCEPT\n"
		  "-A FORWARD -i lan0 -j ACCEPT\nCOMMIT\n";
static const char answers[] =
	CHAINS("ACCEPT",
	       "ACCEPT") "-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
			 "-A FORWARD -p tcp -j DROP\nCOMMIT\n";

/* Port 22 leads elsewhere: certainly, perhaps, from one network, for all but one. */
#define NAT(rules) "*nat\n:PREROUTING ACCEPT [0:0]\n" rules "COMMIT\n"
#define TO_LAN "-j DNAT --to-destination 10.0.0.5\n"
static const char leads_away[] = NAT("#@ p.lua:5 forward_port\n-A PREROUTING -p tcp -m tcp "
				     "--dport 22 " TO_LAN);
static const char may_lead_away[] = NAT("#@ p.lua:5 redirect_port\n-A PREROUTING -i eth0 -p tcp "
					"-m tcp --dport 20:30 -m addrtype --dst-type LOCAL "
					"-j REDIRECT --to-ports 2222\n");
#define BY_SSH "-A PREROUTING -p tcp -m tcp --dport 22 "
static const char leads_away_attached[] = NAT(BY_SSH "-jDNAT --to-destination 10.0.0.5\n");
static const char leads_away_equals[] = NAT(BY_SSH "--jump=DNAT --to-destination 10.0.0.5\n");
static const char leads_others_away_attached[] =
	NAT("-A PREROUTING -s 203.0.113.7 -jRETURN\n" BY_SSH TO_LAN);
static const char leads_others_away[] = NAT(
	"-A PREROUTING -s 203.0.113.7 -j RETURN\n-A PREROUTING -p tcp -m tcp --dport 22 " TO_LAN);
static const char leads_another_port[] = NAT(
	"-A PREROUTING -p tcp -m tcp --dport 2222 " TO_LAN
	"-A PREROUTING -i lan0 -p tcp -m tcp --dport 22 " TO_LAN);
#define AWAY "a new ssh connection from 203.0.113.7 to 192.0.2.1 port 22 elsewhere"
#define KEEP "forward another port, or leave the client out: from = except \"203.0.113.7\""
#define FROM_ETH0 .interface = "eth0"

#define OFF MG_FORWARDING_OFF
#define ON MG_FORWARDING_ON
#define NEXT_BOOT ", and the same in /etc/sysctl.d for the next boot"

static const struct scenario scenarios[] = {
	{ .title = "a forwarded port by which the operator comes",
	  .rules = { leads_away },
	  STRANGER,
	  .notes = { { MG_REFUSAL, "p.lua:5", "PREROUTING would send " AWAY, KEEP } } },
	{ .title = "the same, with the target behind -j without a space",
	  .rules = { leads_away_attached },
	  STRANGER,
	  .notes = { { MG_REFUSAL, NULL, "PREROUTING would send " AWAY, KEEP } } },
	{ .title = "the same, with the target behind --jump=",
	  .rules = { leads_away_equals },
	  STRANGER,
	  .notes = { { MG_REFUSAL, NULL, "PREROUTING would send " AWAY, KEEP } } },
	{ .title = "the same, but not for the operator, by -jRETURN",
	  .rules = { leads_others_away_attached },
	  STRANGER },
	{ .title = "a redirected port by which the operator comes",
	  .rules = { may_lead_away },
	  STRANGER,
	  FROM_ETH0,
	  .notes = { { MG_WARNING, "p.lua:5", "PREROUTING may send " AWAY, KEEP } } },
	{ .title = "a forwarded port, but not for the operator",
	  .rules = { leads_others_away },
	  STRANGER },
	{ .title = "forwarded ports by which the operator does not come",
	  .rules = { leads_another_port },
	  STRANGER,
	  FROM_ETH0 },
	{ .title = "a forwarded port and an operator on the host itself",
	  .rules = { leads_away },
	  LOCAL },
	{ .title = "a router that forwards",
	  .rules = { router, router },
	  .forwarding = { ON, ON } },
	{ .title = "a router of which nothing is known", .rules = { router, router } },
	{ .title = "a host that forwards nothing and wants nothing forwarded",
	  .rules = { answers, answers },
	  .forwarding = { OFF, OFF } },
	{ .title = "a router that does not forward",
	  .rules = { router, router },
	  .forwarding = { OFF, OFF },
	  .notes = { { MG_WARNING, "p.lua:7", "FORWARD lets IPv4 and IPv6 packets through",
		       "sysctl -w net.ipv4.ip_forward=1 "
		       "net.ipv6.conf.all.forwarding=1" NEXT_BOOT } } },
	{ .title = "a router that forwards IPv4 alone",
	  .rules = { router, router },
	  .forwarding = { ON, OFF },
	  .notes = { { MG_INFO, "p.lua:7", "FORWARD lets IPv6 packets through",
		       "sysctl -w net.ipv6.conf.all.forwarding=1" NEXT_BOOT } } },
	{ .title = "a router for IPv4 that does not forward it",
	  .rules = { router, answers },
	  .forwarding = { OFF, ON },
	  .notes = { { MG_WARNING, "p.lua:7", "FORWARD lets IPv4 packets through",
		       "sysctl -w net.ipv4.ip_forward=1" NEXT_BOOT } } },
	{ .title = "a good one, at the console", .rules = { good4, good6 } },
	{ .title = "a good one, by a friend", .rules = { good4, good6 }, FRIEND },
	{ .title = "a good one, by a friend over IPv6", .rules = { good4, good6 }, FRIEND6 },
	{ .title = "a good one, from the host itself", .rules = { good4, good6 }, LOCAL },
	{ .title = "a good one for a stranger",
	  .rules = { good4, good6 },
	  STRANGER,
	  .notes = { NO_NEW_SSH(NULL, "203.0.113.7 to 192.0.2.1 port 22:",
				"allow_inbound_ssh { from = \"203.0.113.7\" }") } },
	{ .title = "a good one for a stranger at another port",
	  .rules = { good4, good6 },
	  .client = "203.0.113.7",
	  .server = "192.0.2.1",
	  .port = 2222,
	  .interface = "eth0",
	  .notes = { NO_NEW_SSH(NULL, "203.0.113.7 to 192.0.2.1 port 2222:",
				"allow_inbound { tcp = 2222, from = \"203.0.113.7\" }") } },
	{ .title = "a good one for a stranger over IPv6",
	  .rules = { good4, good6 },
	  STRANGER6,
	  .notes = { NO_NEW_SSH(NULL, "2001:db8:99::5",
				"allow_inbound_ssh { from = \"2001:db8:99::5\" }") } },
	{ .title = "a good one, for another host", .rules = { good4, good6 }, .unknown = true },
	{ .title = "chains that drop all, at the console",
	  .rules = { bare, bare },
	  .notes = { NO_OWN_ANSWERS(""), NO_LEASE, NO_NEIGHBOURS(MG_WARNING) } },
	{ .title = "chains that drop all, by ssh",
	  .rules = { bare, bare },
	  STRANGER,
	  .notes = { SESSION_CUT("203.0.113.7"),
		     NO_NEW_SSH(NULL, "203.0.113.7",
				"allow_inbound_ssh { from = \"203.0.113.7\" }"),
		     NO_OWN_ANSWERS(" (IPv6)"), NO_LEASE, NO_NEIGHBOURS(MG_WARNING) } },
	{ .title = "chains that drop all, by ssh over IPv6",
	  .rules = { bare, bare },
	  STRANGER6,
	  .not_leased = true,
	  .notes = { SESSION_CUT("2001:db8:99::5"),
		     NO_NEW_SSH(NULL, "2001:db8:99::5",
				"allow_inbound_ssh { from = \"2001:db8:99::5\" }"),
		     NO_OWN_ANSWERS(" (IPv4)"), NO_NEIGHBOURS(MG_REFUSAL) } },
	{ .title = "chains that drop all, from the host itself",
	  .rules = { bare },
	  LOCAL,
	  .not_leased = true,
	  .notes = { SESSION_CUT("127.0.0.1"),
		     NO_NEW_SSH(NULL, "127.0.0.1", "allow_loopback()") } },
	{ .title = "chains that drop all, for another host",
	  .rules = { bare, bare },
	  .unknown = true,
	  .not_leased = true,
	  .notes = { { MG_INFO, NULL, "INPUT would drop every new ssh connection",
		       "allow_inbound_ssh()" },
		     NO_OWN_ANSWERS(""),
		     NO_NEIGHBOURS(MG_WARNING) } },
	{ .title = "chains that drop all, where there is no IPv6",
	  .rules = { bare },
	  .notes = { NO_OWN_ANSWERS(""), NO_LEASE } },
	{ .title = "chains that drop all of IPv4 only",
	  .rules = { bare, good6 },
	  .not_leased = true,
	  .notes = { NO_OWN_ANSWERS(" (IPv4)") } },
	{ .title = "chains that accept all", .rules = { open, open }, STRANGER },
	{ .title = "an empty ruleset", STRANGER },
	{ .title = "rejects without loopback",
	  .rules = { no_loopback },
	  STRANGER,
	  .not_leased = true,
	  .notes = { { MG_WARNING, NULL, "OUTPUT would reject loopback traffic",
		       "allow_loopback()" } } },
	{ .title = "a block of the operator's network",
	  .rules = { blocked },
	  STRANGER,
	  .not_leased = true,
	  .notes = { NO_NEW_SSH("/etc/my pol/p.lua:9", "203.0.113.7",
				"allow_inbound_ssh { from = \"203.0.113.7\", stage = \"first\" "
				"}") } },
	{ .title = "a set that may hold the operator",
	  .rules = { by_set },
	  STRANGER,
	  .not_leased = true,
	  .notes = { { MG_WARNING, "p.lua:9", "which cannot be judged beforehand",
		       "allow_inbound_ssh { from = \"203.0.113.7\" }" } } },
	{ .title = "a block before what is established",
	  .rules = { blocked_first },
	  STRANGER,
	  .not_leased = true,
	  .notes = { { MG_REFUSAL, "p.lua:9", "INPUT would drop the packets of your ssh session",
		       NULL },
		     NO_NEW_SSH("p.lua:9", "203.0.113.7",
				"allow_inbound_ssh { from = \"203.0.113.7\", stage = \"first\" "
				"}") } },
};

static struct mg_ruleset *load(const char *const rules[MG_FAMILIES])
{
	struct mg_ruleset *ruleset = NULL;
	int err = mg_ruleset_new(&ruleset, &tap_error);

	for (enum mg_family family = MG_IPV4; family < MG_FAMILIES && !err; family++)
		if (rules[family])
			err = mg_save_read(ruleset, family, "rules", rules[family],
					   strlen(rules[family]), &tap_error);
	if (!err)
		err = mg_ruleset_seal(ruleset, &tap_error);
	if (err)
		tap_fail(__LINE__, "the rules of the scenario: %s", tap_error.text);
	return ruleset;
}

static struct mg_connection connection_of(const struct scenario *scenario)
{
	struct mg_connection connection = { .client_port = 50022 };
	int family = strchr(scenario->client, ':') ? AF_INET6 : AF_INET;

	connection.family = family == AF_INET6 ? MG_IPV6 : MG_IPV4;
	connection.server_port = (uint16_t)scenario->port;
	inet_pton(family, scenario->client, connection.client);
	inet_pton(family, scenario->server, connection.server);
	if (scenario->interface)
		strcpy(connection.interface, scenario->interface);
	return connection;
}

static bool same(const char *found, const char *wanted)
{
	return found && wanted ? strcmp(found, wanted) == 0 : found == wanted;
}

static void compare(const struct mg_notes *notes, const struct expected *wanted)
{
	size_t count = 0;

	while (count < MOST_NOTES && wanted[count].text)
		count++;
	for (size_t i = 0; i < notes->count; i++) {
		const struct mg_note *note = &notes->items[i];

		if (i >= count || note->severity != wanted[i].severity ||
		    !same(note->place, wanted[i].place) || !strstr(note->text, wanted[i].text) ||
		    !same(note->remedy, wanted[i].remedy))
			tap_fail(__LINE__, "note %zu of %zu: %d %s: %s -> %s", i + 1, notes->count,
				 note->severity, note->place ? note->place : "-", note->text,
				 note->remedy ? note->remedy : "-");
	}
	EXPECT_IS(notes->count, count);
}

static void try(const struct scenario *scenario)
{
	static const char *const leased[] = { "eth0" };
	struct mg_ruleset *ruleset = load(scenario->rules);
	struct mg_connection connection = { 0 };
	struct mg_diagnose_facts facts = {
		.connections = &connection,
		.connection_count = scenario->client ? 1 : 0,
		.is_operator_known = !scenario->unknown,
		.leased = leased,
		.leased_count = scenario->not_leased ? 0 : 1,
		.forwarding = { scenario->forwarding[MG_IPV4], scenario->forwarding[MG_IPV6] },
		.have_ipv6 = scenario->rules[MG_IPV6] != NULL,
	};
	struct mg_notes notes = { 0 };

	if (scenario->client)
		connection = connection_of(scenario);
	if (!tap_reason[0] && mg_diagnose(ruleset, &facts, &notes, &tap_error))
		tap_fail(__LINE__, "mg_diagnose: %s", tap_error.text);
	compare(&notes, scenario->notes);
	mg_notes_clear(&notes);
	mg_ruleset_free(ruleset);
	tap_report(scenario->title);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		try(&scenarios[i]);
	return tap_end();
}
