/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose is it, by its looks?
 */
#include <fnmatch.h>

#include "ruleset/presets.h"
#include "spec/support/tap.h"

/** A chain, a rule in it (NULL: the chain itself), and whose it is. */
struct sample {
	const char *chain, *text, *owner;
};

static const struct sample owned[] = {
	{ "DOCKER", NULL, "docker" },
	{ "DOCKER-ISOLATION-STAGE-1", NULL, "docker" },
	{ "DOCKER-USER", "-s 192.0.2.1/32 -j DROP", "docker" },
	{ "FORWARD", "-j DOCKER-USER", "docker" },
	{ "FORWARD", "-o docker0 -j DOCKER", "docker" },
	{ "PREROUTING", "-m addrtype --dst-type LOCAL -j DOCKER", "docker" },
	{ "FORWARD", "-i br-0123456789ab ! -o br-0123456789ab -j ACCEPT", "docker" },
	{ "FORWARD", "-m set --match-set docker-ext-bridges-v4 dst -j DOCKER", "docker" },
	{ "POSTROUTING", "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE", "docker" },
	{ "POSTROUTING", "-s fd00:17::/64 ! -o docker0 -j MASQUERADE", "docker" },
	{ "POSTROUTING", "-s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE",
	  "docker" },
	{ "PREROUTING", "-d 172.17.0.2/32 ! -i docker0 -j DROP", "docker" },
	{ "PREROUTING", "-d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 8080 -j DROP", "docker" },
	{ "f2b-sshd", NULL, "fail2ban" },
	{ "INPUT", "-p tcp -m multiport --dports 22 -j f2b-sshd", "fail2ban" },
	{ "INPUT",
	  "-p tcp -m multiport --dports 22 -m set --match-set f2b-sshd src -j REJECT "
	  "--reject-with icmp-port-unreachable",
	  "fail2ban" },
	{ "INPUT", "-m set --match-set crowdsec-blacklists src -j DROP", "crowdsec" },
	{ "FORWARD", "-j CROWDSEC_CHAIN", "crowdsec" },
	{ "LIBVIRT_INP", "-i virbr0 -p udp -m udp --dport 53 -j ACCEPT", "libvirt" },
	{ "INPUT", "-i virbr0 -p udp -m udp --dport 53 -j ACCEPT", "libvirt" },
	{ "INPUT", "-m comment --comment \"kubernetes firewall -j f2b-x\" -j KUBE-FIREWALL",
	  "kubernetes" },
	{ "FORWARD", "-m comment --comment \"cali:S93hcgKJrXEqnTfs\" -j ACCEPT", "kubernetes" },
	{ "INPUT", "-j ts-input", "tailscale" },
	{ "INPUT", "-j ufw-before-input", "ufw" },
	{ "ufw6-user-input", NULL, "ufw" },
	{ "INPUT", "-j INPUT_ZONES", "firewalld" },
	{ "IN_public", NULL, "firewalld" },
	{ "POSTROUTING", "-s 10.88.0.0/16 -j NETAVARK-1D8721804F16F", "podman" },
	{ "FORWARD", "-g NETAVARK_FORWARD", "podman" },
};

static const struct sample nobodys[] = {
	{ "INPUT", NULL, NULL },
	{ "IN_SSH", NULL, NULL },
	{ "INPUT", "", NULL },
	{ "INPUT", "-j", NULL },
	{ "INPUT", "-i lo -j ACCEPT", NULL },
	{ "INPUT", "-m conntrack --ctstate INVALID -j DROP", NULL },
	{ "INPUT", "-i docker0 -p tcp -m tcp --dport 5432 -j ACCEPT", NULL },
	{ "INPUT", "-i virbr0 -p tcp -m tcp --dport 5900 -j ACCEPT", NULL },
	{ "FORWARD", "-i br-lan ! -o br-lan -j ACCEPT", NULL },
	{ "INPUT", "-m comment --comment \"not -j DOCKER\" -j ACCEPT", NULL },
	{ "INPUT", "-m comment --comment \"\\\" -j DOCKER\" -j ACCEPT", NULL },
	{ "POSTROUTING", "-o eth0 -j MASQUERADE", NULL },
	{ "PREROUTING", "-d 127.0.0.0/8 ! -i lo -j DROP", NULL },
	{ "INPUT", "-m set --match-set blocklist src -j DROP", NULL },
	{ "INPUT", "-j DOCKERS", NULL },
};

static void tells_owners(void)
{
	size_t i;

	for (i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
		EXPECT_TEXT(mg_owner_of(owned[i].chain, owned[i].text), owned[i].owner);
}

static void accuses_nobody(void)
{
	size_t i;

	for (i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++)
		EXPECT_TEXT(mg_owner_of(nobodys[i].chain, nobodys[i].text) ?: "nobody", "nobody");
}

/* Text that no rule has: a name longer than any, and a quote that never ends. */
static void bears_any_text(void)
{
	char text[600] = "-j ";

	memset(text + 3, 'D', 500);
	EXPECT(mg_owner_of("INPUT", text) == NULL);
	EXPECT(mg_owner_of("INPUT", "-j \"") == NULL);
	EXPECT(mg_owner_of("INPUT", "-j \"DOCKER\\") == NULL);
	EXPECT_TEXT(mg_owner_of("INPUT", "-j \"DOCKER\""), "docker");
}

/* As fnmatch(3) has it, whatever is looked at first. */
static void fits_as_fnmatch(void)
{
	static const char *const patterns[] = {
		"",	"*",	 "a",	 "a*",	"*a",	"*a*", "?",    "a?",
		"[ab]", "[!a]*", "*b*a", "\\*", "a\\*", "**a", "*[a]", "*?",
	};
	static const char *const texts[] = { "", "a", "b", "ab", "ba", "aba", "*", "a*", "abab" };
	size_t p, t;

	for (p = 0; p < sizeof(patterns) / sizeof(*patterns); p++)
		for (t = 0; t < sizeof(texts) / sizeof(*texts); t++)
			EXPECT_IS(mg_keep_fits(patterns[p], texts[t]),
				  fnmatch(patterns[p], texts[t], 0) == 0);
}

static void finds_by_name(void)
{
	EXPECT(mg_preset_find("doker") == NULL);
	EXPECT(mg_preset_find("") == NULL);
	EXPECT_TEXT(mg_preset_find("docker")->name, "docker");
	EXPECT_TEXT(mg_preset_find("netavark")->name, "podman");
	EXPECT_TEXT(mg_preset_find("k8s")->name, "kubernetes");
}

/* In order, each with parts, and no built-in chain among them. */
static void are_sound(void)
{
	static const char *const built_in[] = { "INPUT", "FORWARD", "OUTPUT", "PREROUTING",
						"POSTROUTING" };
	const struct mg_preset *preset;
	size_t i;

	for (preset = mg_presets; preset->name; preset++) {
		EXPECT(preset == mg_presets || strcmp(preset[-1].name, preset->name) < 0);
		EXPECT(preset->parts->pattern);
		for (i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
			EXPECT(mg_owner_of(built_in[i], NULL) == NULL);
	}
	EXPECT_IS(preset - mg_presets, 9);
}

int main(void)
{
	tap_run("knows each software by its chains, sets and rules", tells_owners);
	tap_run("takes nothing of a person's for theirs", accuses_nobody);
	tap_run("bears text that is no rule", bears_any_text);
	tap_run("fits patterns as fnmatch does", fits_as_fnmatch);
	tap_run("finds a preset by its name and its alias", finds_by_name);
	tap_run("has a sound list", are_sound);
	return tap_end();
}
