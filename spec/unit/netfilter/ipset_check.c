/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's sets through libipset, in a network namespace of this program's
 * own; what was done is looked at with ipset(8), and the other way round.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>

#include "netfilter/ipset.h"
#include "spec/support/tap.h"

static struct mg_ipset *ipset;
static struct mg_ipset_header *headers;
static size_t header_count;
static struct mg_set_member *members;
static uint32_t member_count;
static bool odd;

static void end(void)
{
	free(headers);
	free(members);
	headers = NULL;
	members = NULL;
	mg_ipset_close(ipset);
	ipset = NULL;
	if (system("ipset flush; ipset destroy")) /* of what a case left */
		tap_fail(__LINE__, "ipset destroy");
}

static struct mg_set_member member(const char *text)
{
	struct mg_set_member out = { .prefix = strchr(text, ':') ? 128 : 32 };
	char copy[64];
	char *slash;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash) {
		*slash = '\0';
		out.prefix = (uint8_t)atoi(slash + 1);
	}
	inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, copy, out.address);
	return out;
}

static void list(const char *name)
{
	size_t i;

	free(headers);
	free(members);
	headers = NULL;
	members = NULL;
	EXPECT_DONE(mg_ipset_headers(ipset, &headers, &header_count, &tap_error));
	for (i = 0; i < header_count; i++)
		if (strcmp(headers[i].name, name) == 0)
			break;
	EXPECT(i < header_count);
	EXPECT_DONE(mg_ipset_members(&headers[i], &members, &member_count, &odd, &tap_error));
	EXPECT_IS(headers[i].count, member_count);
}

static void is_the_same(const struct mg_set_member *wanted, uint32_t count)
{
	EXPECT_IS(member_count, count);
	for (uint32_t i = 0; i < count; i++)
		if (mg_set_member_compare(&members[i], &wanted[i]) != 0)
			EXPECT_IS(i, UINT32_MAX);
	EXPECT(!odd);
}

static void is_cautious(void)
{
	EXPECT_DONE(mg_ipset_open(&ipset, &tap_error));
	EXPECT_DONE(mg_ipset_headers(ipset, &headers, &header_count, &tap_error));
	EXPECT_IS(header_count, 0);
	EXPECT(!headers);
	end();
}

static void makes_sets(void)
{
	const struct mg_set_member four[] = { member("10.0.0.0/8"), member("192.0.2.7") };
	const struct mg_set_member six[] = { member("2001:db8::/32"), member("2001:db9::1") };
	const struct mg_set_member host = member("192.0.2.9");
	const struct mg_set_member zeros[] = { member("0.0.0.0"), member("255.255.255.255") };

	EXPECT_DONE(mg_ipset_open(&ipset, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-a", "hash:net", MG_IPV4, four, 2, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg6-a", "hash:net", MG_IPV6, six, 2, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-b", "hash:ip", MG_IPV4, &host, 1, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-empty", "hash:net", MG_IPV4, NULL, 0, &tap_error));
	EXPECT_IS(system("ipset -q test mg4-a 10.200.3.4 && ipset -q test mg4-a 192.0.2.7 && "
			 "! ipset -q test mg4-a 192.0.2.8 && ipset -q test mg6-a 2001:db8:1::5 && "
			 "ipset -q test mg4-b 192.0.2.9 && [ $(ipset list -n | wc -l) = 4 ]"),
		  0);
	list("mg4-a");
	is_the_same(four, 2);
	EXPECT_IS(header_count, 4);
	EXPECT_TEXT(headers[0].name, "mg4-a");
	EXPECT_TEXT(headers[0].type, "hash:net");
	EXPECT(headers[0].has_family && headers[0].family == MG_IPV4 && !headers[0].has_options);
	EXPECT_TEXT(headers[1].type, "hash:ip");
	EXPECT(headers[3].has_family && headers[3].family == MG_IPV6);
	list("mg6-a");
	is_the_same(six, 2);
	list("mg4-b");
	is_the_same(&host, 1);
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-zero", "hash:net", MG_IPV4, zeros, 2, &tap_error));
	list("mg4-zero");
	is_the_same(zeros, 2);
	list("mg4-empty");
	EXPECT_IS(member_count, 0);
	end();
}

static void tells_others_apart(void)
{
	EXPECT_IS(
		system("ipset create a hash:net timeout 600 comment counters && "
		       "ipset add a 10.0.0.0/8 comment 'x y' && ipset add a 10.1.0.0/16 nomatch && "
		       "ipset create b bitmap:port range 1-1000 && ipset create c list:set && "
		       "ipset add c a"),
		0);
	EXPECT_DONE(mg_ipset_open(&ipset, &tap_error));
	EXPECT_DONE(mg_ipset_headers(ipset, &headers, &header_count, &tap_error));
	EXPECT_IS(header_count, 3);
	EXPECT(headers[0].has_options && headers[0].has_family);
	EXPECT_IS(headers[0].references, 1);
	EXPECT(!headers[1].has_family && !headers[2].has_family);
	EXPECT_TEXT(headers[1].type, "bitmap:port");
	EXPECT_DONE(mg_ipset_members(&headers[0], &members, &member_count, &odd, &tap_error));
	EXPECT(odd);
	EXPECT_IS(member_count, 1);
	EXPECT_IS(mg_ipset_members(&(struct mg_ipset_header){ .name = "d" }, NULL, NULL, NULL,
				   &tap_error),
		  -ENOENT);
	EXPECT_TEXT(tap_error.text, "cannot list the set d: there is none of that name");
	/* what is no list of addresses is refused, not guessed at */
	free(members);
	members = NULL;
	EXPECT_IS(mg_ipset_members(&headers[2], &members, &member_count, &odd, &tap_error),
		  -EBADMSG);
	end();
}

static void swaps_and_destroys(void)
{
	const struct mg_set_member one = member("192.0.2.1"), other = member("192.0.2.2");

	EXPECT_DONE(mg_ipset_open(&ipset, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-a", "hash:ip", MG_IPV4, &one, 1, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-a.7", "hash:ip", MG_IPV4, &other, 1, &tap_error));
	EXPECT_DONE(mg_ipset_swap(ipset, "mg4-a.7", "mg4-a", &tap_error));
	list("mg4-a");
	is_the_same(&other, 1);
	EXPECT_DONE(mg_ipset_destroy(ipset, "mg4-a.7", &tap_error));
	EXPECT_IS(system("[ \"$(ipset list -n)\" = mg4-a ]"), 0);
	end();
}

static void says_why(void)
{
	const struct mg_set_member one = member("192.0.2.1");

	EXPECT_DONE(mg_ipset_open(&ipset, &tap_error));
	EXPECT_IS(mg_ipset_destroy(ipset, "mg4-a", &tap_error), -EIO);
	EXPECT_TEXT(tap_error.text, "cannot remove the set mg4-a: The set with the given name does "
				    "not exist");
	EXPECT_IS(tap_error.status, MG_KERNEL);
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-a", "hash:ip", MG_IPV4, &one, 1, &tap_error));
	EXPECT_IS(mg_ipset_make(ipset, "mg4-a", "hash:ip", MG_IPV4, &one, 1, &tap_error), -EIO);
	EXPECT(strstr(tap_error.text, "set with the same name already exists"));
	EXPECT_DONE(mg_ipset_make(ipset, "mg6-a", "hash:ip", MG_IPV6, NULL, 0, &tap_error));
	EXPECT_IS(mg_ipset_swap(ipset, "mg6-a", "mg4-a", &tap_error), -EIO);
	EXPECT(strstr(tap_error.text, "their type does not match"));
	EXPECT_IS(mg_ipset_make(ipset, "mg4-b", "hash:nonsense", MG_IPV4, NULL, 0, &tap_error),
		  -EIO);
	EXPECT(strstr(tap_error.text, "unknown settype hash:nonsense"));
	/* a rule holds it */
	EXPECT_IS(system("iptables-legacy -A INPUT -m set --match-set mg4-a src"), 0);
	EXPECT_IS(mg_ipset_destroy(ipset, "mg4-a", &tap_error), -EIO);
	EXPECT(strstr(tap_error.text, "in use by a kernel component"));
	EXPECT_IS(system("iptables-legacy -F INPUT"), 0);
	/* a set that cannot be filled is not left behind half full */
	const struct mg_set_member twice[] = { one, one };

	EXPECT_IS(mg_ipset_make(ipset, "mg4-c", "hash:ip", MG_IPV4, twice, 2, &tap_error), -EIO);
	EXPECT(strstr(tap_error.text, "fill the set mg4-c: Element cannot be added"));
	EXPECT_IS(system("ipset -q list -n mg4-c"), 256);
	end();
}

enum { MANY = 100000 };

static void takes_many(void)
{
	static struct mg_set_member many[MANY];

	for (uint32_t i = 0; i < MANY; i++) {
		/* sorted, in many networks */
		const uint32_t address = htonl(0x0B000000U + i * 1237U);

		memcpy(many[i].address, &address, sizeof(address));
		many[i].prefix = 32;
	}
	EXPECT_DONE(mg_ipset_open(&ipset, &tap_error));
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-many", "hash:ip", MG_IPV4, many, MANY, &tap_error));
	list("mg4-many");
	is_the_same(many, MANY);
	EXPECT_DONE(mg_ipset_make(ipset, "mg4-nets", "hash:net", MG_IPV4, many, MANY, &tap_error));
	list("mg4-nets");
	is_the_same(many, MANY);
	end();
}

int main(void)
{
	tap_clean_up = end;
	if (unshare(CLONE_NEWNET)) {
		snprintf(tap_skipped, sizeof(tap_skipped), "no network namespace of its own");
		tap_report("sets as the kernel has them");
		return tap_end();
	}
	tap_run("finds none where there are none", is_cautious);
	tap_run("makes sets of both families and types, and reads them", makes_sets);
	tap_run("tells sets of others apart", tells_others_apart);
	tap_run("exchanges two sets, and takes one away", swaps_and_destroys);
	tap_run("says why something fails, in the library's words", says_why);
	tap_run("takes 100,000 members, each once", takes_many);
	return tap_end();
}
