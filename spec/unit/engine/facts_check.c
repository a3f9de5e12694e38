/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Facts as JSON: what is left out, what is refused and in which words, and
 * that what is written is read back as the same. A file may be cut anywhere
 * or hold anything.
 */
#include "engine/facts.h"

#include <errno.h>
#include <sys/stat.h>

#include "spec/support/tap.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static char file[256];
static struct mg_host *host;
static char sha256[MG_SHA256_SIZE];

static void forget(void)
{
	mg_host_free(host);
	host = NULL;
}

static void write_file(const char *text, size_t length)
{
	FILE *out = fopen(file, "we");

	if (!out || fwrite(text, 1, length, out) != length || fclose(out))
		tap_fail(__LINE__, "cannot write %s", file);
}

/* Read @text as a facts file into host. */
static int read_text(const char *text)
{
	forget();
	write_file(text, strlen(text));
	return mg_facts_read(file, &host, sha256, &tap_error);
}

/* The words of the error behind the file's name. */
static const char *words(void)
{
	const char *at = strstr(tap_error.text, "facts.json");

	return at ? at + strlen("facts.json") : tap_error.text;
}

static void nothing(void)
{
	EXPECT_DONE(read_text("{}"));
	EXPECT_TEXT(host->name, "");
	EXPECT(host->has_ipv6);
	EXPECT_IS(host->interface_count, 0);
	EXPECT_IS(host->addresses.count, 0);
	EXPECT_IS(host->facts.kind, MG_FACT_TABLE);
	EXPECT_IS(host->facts.count, 0);
	forget();
}

static void what_is_left_out(void)
{
	EXPECT_DONE(read_text(
		"{\"name\":\"web3\",\"ipv6\":false,\"interfaces\":[\"lo\","
		"{\"name\":\"eth0\",\"addresses\":[\"192.0.2.5\",\"2001:DB8::5/64\"]}]}"));
	EXPECT_TEXT(host->name, "web3");
	EXPECT(!host->has_ipv6);
	EXPECT_IS(host->interface_count, 2);
	EXPECT_TEXT(host->interfaces[0].name, "eth0");
	EXPECT(host->interfaces[0].up && !host->interfaces[0].loopback);
	EXPECT(!host->interfaces[0].leased && !host->interfaces[0].leased6);
	EXPECT_IS(host->interfaces[0].addresses.count, 2);
	EXPECT_TEXT(host->interfaces[0].addresses.items[0].text, "192.0.2.5/32");
	EXPECT_TEXT(host->interfaces[0].addresses.items[1].text, "2001:db8::5/64");
	EXPECT_TEXT(host->interfaces[1].name, "lo");
	EXPECT(host->interfaces[1].loopback && host->interfaces[1].up);
	forget();
}

static void what_is_said(void)
{
	EXPECT_DONE(read_text("{\"interfaces\":[{\"name\":\"lo\",\"loopback\":false,\"up\":false,"
			      "\"leased\":true,\"leased6\":true}]}"));
	EXPECT(!host->interfaces[0].up && !host->interfaces[0].loopback);
	EXPECT(host->interfaces[0].leased && host->interfaces[0].leased6);
	forget();
}

static void addresses(void)
{
	/* the first is the interface's, which needs no saying */
	EXPECT_DONE(
		read_text("{\"addresses\":[\"192.0.2.5\",\"::1\",\"198.51.100.7/24\"],"
			  "\"interfaces\":[{\"name\":\"a\",\"addresses\":[\"192.0.2.5/24\"]}]}"));
	EXPECT_IS(host->addresses.count, 2);
	EXPECT_TEXT(host->addresses.items[0].text, "198.51.100.7/24");
	EXPECT_TEXT(host->addresses.items[1].text, "::1/128");
	forget();
	/* one address may belong to two networks, and to two interfaces */
	EXPECT_DONE(
		read_text("{\"interfaces\":[{\"name\":\"a\",\"addresses\":[\"10.0.0.1/8\","
			  "\"10.0.0.1/24\"]},{\"name\":\"b\",\"addresses\":[\"10.0.0.1/8\"]}]}"));
	forget();
}

static void own_facts(void)
{
	const struct mg_fact *list;

	EXPECT_DONE(read_text("{\"facts\":{\"role\":\"web\",\"rack\":7,\"load\":0.5,\"live\":true,"
			      "\"list\":[1,[],{\"x\":\"y\"}]}}"));
	EXPECT_IS(host->facts.count, 5);
	EXPECT_TEXT(host->facts.items[0].key, "role");
	EXPECT_IS(host->facts.items[0].kind, MG_FACT_TEXT);
	EXPECT_TEXT(host->facts.items[0].text, "web");
	EXPECT_IS(host->facts.items[1].kind, MG_FACT_INTEGER);
	EXPECT_IS(host->facts.items[1].integer, 7);
	EXPECT_IS(host->facts.items[2].kind, MG_FACT_NUMBER);
	EXPECT(host->facts.items[2].number == 0.5);
	EXPECT_IS(host->facts.items[3].kind, MG_FACT_BOOLEAN);
	EXPECT(host->facts.items[3].boolean);
	list = &host->facts.items[4];
	EXPECT_IS(list->kind, MG_FACT_LIST);
	EXPECT_IS(list->count, 3);
	EXPECT_IS(list->items[1].kind, MG_FACT_LIST);
	EXPECT_IS(list->items[1].count, 0);
	EXPECT_TEXT(list->items[2].items[0].key, "x");
	forget();
}

static void refusals(void)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", ":1:0: '[' or '{' expected near end of file" },
		{ "{\n \"name\": x\n}", ":2:10: invalid token" },
		{ "root:secret:0", ":1:4: '[' or '{' expected" },
		{ "{} {}", ":1:4: end of file expected" },
		{ "{\"name\":\"a\\u0000b\"}", ":1:18: \\u0000 is not allowed" },
		{ "{\"name\":\"a\",\"name\":\"b\"}", ":1:18: duplicate object key" },
		{ "[]", ": an object is needed, not a list" },
		{ "{\"nmae\":\"x\"}", ": unknown key `nmae': did you mean `name'?" },
		{ "{\"role\":1}", ": unknown key `role' (known are name, ipv6, interfaces, "
				  "addresses, facts); facts of your own go into \"facts\"" },
		{ "{\"\\u001b[1m\\n\":1}", ": unknown key `?[1m?' (known are" },
		{ "{\"name\":null}", ": name: the host's name is needed, not null" },
		{ "{\"name\":\"\"}", ": name: a host's name has 1 to 255 bytes" },
		{ "{\"name\":\"a\\nb\"}", ": name: a host's name holds no blank or control" },
		{ "{\"ipv6\":1}", ": ipv6: true or false is needed, not a number" },
		{ "{\"interfaces\":{}}",
		  ": interfaces: a list of interfaces is needed, not an object" },
		{ "{\"interfaces\":[\"a\",7]}",
		  ": interfaces[1]: an interface's name or an object is needed, not a number" },
		{ "{\"interfaces\":[{}]}", ": interfaces[0]: the interface has no \"name\"" },
		{ "{\"interfaces\":[\"\"]}", ": interfaces[0]: the name of an interface has 1" },
		{ "{\"interfaces\":[{\"name\":\"sixteen-bytes-xx\"}]}",
		  ": interfaces[0].name: the name of an interface has 1 to 15 bytes" },
		{ "{\"interfaces\":[\"a b\"]}",
		  ": interfaces[0]: the name of an interface holds no blank" },
		{ "{\"interfaces\":[\"a/b\"]}",
		  ": interfaces[0]: the name of an interface holds no blank" },
		{ "{\"interfaces\":[\"..\"]}", ": interfaces[0]: no interface is called so" },
		{ "{\"interfaces\":[\"b\",\"a\",\"b\"]}", ": interfaces: `b' stands there twice" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"leasd\":true}]}",
		  ": interfaces[0]: unknown key `leasd': did you mean `leased'?" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"up\":\"yes\"}]}",
		  ": interfaces[0].up: true or false is needed, not a string" },
		{ "{\"interfaces\":[\"x\",{\"name\":\"a\",\"addresses\":[\"10.0.0.1\",\"10.0.0."
		  "300\"]}]}",
		  ": interfaces[1].addresses[1]: not an IPv4 or IPv6 address" },
		{ "{\"interfaces\":[{\"name\":\"a\",\"addresses\":[\"::1\",\"::1/128\"]}]}",
		  ": interfaces: `a' has ::1/128 twice" },
		{ "{\"addresses\":\"10.0.0.1\"}",
		  ": addresses: a list of addresses is needed, not a string" },
		{ "{\"addresses\":[4]}",
		  ": addresses[0]: an address (\"192.0.2.5/24\") is needed" },
		{ "{\"addresses\":[\"10.0.0.1\",\"10.0.0.1/32\"]}",
		  ": addresses: 10.0.0.1/32 stands there twice" },
		{ "{\"facts\":[]}", ": facts: an object is needed, not a list" },
		{ "{\"facts\":{\"a\":{\"b\":[1,null]}}}",
		  ": facts.a.b[1]: null says nothing: leave the key out" },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		EXPECT_IS(read_text(cases[i].text), -EINVAL);
		EXPECT_IS(tap_error.status, MG_INVALID);
		if (strncmp(words(), cases[i].words, strlen(cases[i].words)) != 0)
			tap_fail(__LINE__, "%s: %s", cases[i].text, tap_error.text);
	}
}

static void bad_addresses(void)
{
	static const char *const bad[] = {
		"",
		"/",
		"10.0.0.1/",
		"10.0.0.1/33",
		"10.0.0.1/-1",
		"10.0.0.1/+8",
		"10.0.0.1/ 8",
		"10.0.0.1/8x",
		"10.0.0",
		"010.0.0.1",
		"10.0.0.1 ",
		"::1/129",
		":::",
		"fe80::1%eth0",
		"localhost",
		"10.0.0.1/255.0.0.0",
		"10.0.0.1/18446744073709551624",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb",
	};
	char text[256];
	size_t i;

	for (i = 0; i < COUNT(bad); i++) {
		snprintf(text, sizeof(text), "{\"addresses\":[\"%s\"]}", bad[i]);
		if (read_text(text) != -EINVAL || !strstr(tap_error.text, "addresses[0]: not an"))
			tap_fail(__LINE__, "%s is taken: %s", bad[i], tap_error.text);
	}
}

static void too_deep(void)
{
	char text[4096] = "{\"facts\":{\"x\":";
	int i;

	for (i = 0; i < 31; i++)
		strcat(text, "[");
	for (i = 0; i < 31; i++)
		strcat(text, "]");
	strcat(text, "}}");
	EXPECT_DONE(read_text(text));
	strcpy(text, "{\"facts\":{\"x\":");
	for (i = 0; i < 32; i++)
		strcat(text, "{\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4\xc3\xb6\xc3\xbc\":");
	strcat(text, "1");
	for (i = 0; i < 32; i++)
		strcat(text, "}");
	strcat(text, "}}");
	EXPECT_IS(read_text(text), -EINVAL);
	EXPECT(strstr(tap_error.text, "more than 32 deep"));
}

static void too_large(void)
{
	const size_t size = 5 * 1024 * 1024;
	char *text = malloc(size + 1);

	EXPECT(text != NULL);
	memset(text, ' ', size);
	memcpy(text, "{}", 2);
	text[size] = '\0';
	EXPECT_IS(read_text(text), -EFBIG);
	EXPECT_IS(tap_error.status, MG_INVALID);
	text[3 * 1024 * 1024] = '\0';
	EXPECT_DONE(read_text(text));
	free(text);
	forget();
}

static void no_file(void)
{
	char missing[512];

	snprintf(missing, sizeof(missing), "%s.missing", file);
	EXPECT_IS(mg_facts_read(missing, &host, sha256, &tap_error), -ENOENT);
	EXPECT_IS(tap_error.status, MG_INVALID);
	EXPECT(strstr(tap_error.text, missing));
	EXPECT_IS(mg_facts_read("/", &host, sha256, &tap_error), -EISDIR);
}

static const char full[] =
	"{\"name\":\"w\xc3\xa4\xc3\xb6.example\",\"ipv6\":true,\"interfaces\":[\"z\",{\"name\":"
	"\"eth0\","
	"\"leased\":true,\"addresses\":[\"fe80::1/64\",\"10.0.0.2/8\",\"10.0.0.1/8\"]}],"
	"\"addresses\":[\"198.51.100.7\"],\"facts\":{\"b\":[1,-2,0.25,1e300,true,false,"
	"\"\\u00e4\\\"\","
	"{},[]],\"a\":{\"deep\":{\"er\":\"\"}}}}";

static void round_trip(void)
{
	char *once = NULL, *twice = NULL;

	EXPECT_DONE(read_text(full));
	EXPECT_DONE(mg_facts_write(host, &once, &tap_error));
	EXPECT_IS(once[strlen(once) - 1], '\n');
	EXPECT_DONE(read_text(once));
	EXPECT_DONE(mg_facts_write(host, &twice, &tap_error));
	EXPECT_TEXT(twice, once);
	EXPECT(strstr(once, "\"name\": \"w\xc3\xa4\xc3\xb6.example\""));
	EXPECT(strstr(once, "198.51.100.7/32"));
	free(once);
	free(twice);
	forget();
}

static void unsayable(void)
{
	char *text;

	EXPECT((host = mg_host_new()) != NULL);
	EXPECT(mg_host_add_interface(host, "\xff\xfe") != NULL);
	EXPECT_IS(mg_facts_write(host, &text, &tap_error), -EILSEQ);
	EXPECT_IS(tap_error.status, MG_ENVIRONMENT);
	forget();
}

/* With two peers an interface has its own address twice. */
static void twins_of_the_kernel(void)
{
	static const unsigned char bytes[4] = { 10, 0, 0, 1 };
	struct mg_host_interface *interface;
	char *text;

	EXPECT((host = mg_host_new()) != NULL);
	EXPECT((interface = mg_host_add_interface(host, "ppp0")) != NULL);
	EXPECT_DONE(mg_host_add_address(&interface->addresses, MG_IPV4, bytes, 32));
	EXPECT_DONE(mg_host_add_address(&interface->addresses, MG_IPV4, bytes, 32));
	EXPECT_DONE(mg_facts_write(host, &text, &tap_error));
	EXPECT_DONE(read_text(text));
	EXPECT_IS(host->interfaces[0].addresses.count, 1);
	free(text);
	forget();
}

static void cut_anywhere(void)
{
	size_t length;

	for (length = 0; length + 1 < strlen(full); length++) {
		forget();
		write_file(full, length);
		EXPECT_IS(mg_facts_read(file, &host, sha256, &tap_error), -EINVAL);
	}
}

static uint32_t next_random(void)
{
	static uint32_t state = 88675123U;

	return tap_random(&state);
}

static void any_byte_anywhere(void)
{
	char text[sizeof(full)];
	int i, taken = 0;

	for (i = 0; i < 4000; i++) {
		memcpy(text, full, sizeof(full));
		text[next_random() % (sizeof(full) - 1)] = (char)(next_random() % 255 + 1);
		if (read_text(text) == 0) {
			taken++;
			continue;
		}
		EXPECT_IS(tap_error.status, MG_INVALID);
		EXPECT(strstr(tap_error.text, "facts.json:"));
	}
	EXPECT(taken > 100);
	forget();
}

int main(int argc, char **argv)
{
	snprintf(file, sizeof(file), "%s/facts.json", argc > 1 ? argv[1] : ".");
	tap_clean_up = forget;
	tap_run("may say nothing", nothing);
	tap_run("have a usual value for what is left out", what_is_left_out);
	tap_run("are believed where they say something", what_is_said);
	tap_run("may have addresses of no interface", addresses);
	tap_run("may have anything of the administrator's own", own_facts);
	tap_run("are refused in words that name the place", refusals);
	tap_run("have addresses that are addresses", bad_addresses);
	tap_run("are not too deep", too_deep);
	tap_run("are not too large", too_large);
	tap_run("come from a file that is there", no_file);
	tap_run("are read back as they were written", round_trip);
	tap_run("are not written where JSON cannot say them", unsayable);
	tap_run("are written so that they are read, twins too", twins_of_the_kernel);
	tap_run("may be cut anywhere", cut_anywhere);
	tap_run("may hold any byte anywhere", any_byte_anywhere);
	forget();
	return tap_end();
}
