/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The name that was probably meant.
 */
#include "spec/support/tap.h"

static const char *const tables[] = { "raw", "mangle", "security", "nat", "filter", NULL };

static void nearest_is(const char *name, const char *wanted)
{
	const char *found = mg_nearest(name, tables);

	if (!wanted)
		EXPECT(found == NULL);
	else
		EXPECT_TEXT(found, wanted);
}

static void typos(void)
{
	nearest_is("filtr", "filter");
	nearest_is("filterr", "filter");
	nearest_is("fliter", "filter");
	nearest_is("mangel", "mangle");
	nearest_is("nta", "nat");
	nearest_is("secrity", "security");
	nearest_is("NAT", "nat");
	nearest_is("Filter", "filter");
	nearest_is("raw", "raw");
}

static void strangers(void)
{
	nearest_is("", NULL);
	nearest_is("x", NULL);
	nearest_is("INPUT", NULL);
	nearest_is("broute", NULL);
	nearest_is("filterfilter", NULL);
}

static void ties(void)
{
	static const char *const one[] = { "bad", "dad", "cat", NULL };
	static const char *const other[] = { "cat", "dad", "bad", NULL };
	static const char *const alike[] = { "ports", "sport", NULL };

	EXPECT_TEXT(mg_nearest("aad", one), "bad");
	EXPECT_TEXT(mg_nearest("aad", other), "bad");
	EXPECT_TEXT(mg_nearest("port", alike), "ports");
}

static void lengths(void)
{
	static const char *const none[] = { NULL };
	char name[200], near[200];
	const char *const names[] = { near, "", NULL };

	EXPECT(mg_nearest("filter", none) == NULL);
	memset(name, 'a', sizeof(name));
	memcpy(near, name, sizeof(near));
	name[63] = near[62] = '\0';
	EXPECT_TEXT(mg_nearest(name, names), near);
	near[62] = 'a';
	near[63] = '\0';
	EXPECT_TEXT(mg_nearest(name, names), near);
	near[63] = 'a';
	near[64] = '\0'; /* longer than any name that is known */
	EXPECT(mg_nearest(name, names) == NULL);
	name[63] = 'a';
	name[199] = '\0';
	EXPECT(mg_nearest(name, names) == NULL);
}

int main(void)
{
	tap_run("finds what a typo means", typos);
	tap_run("does not guess at what is far from all", strangers);
	tap_run("settles ties by the beginning, then by name, not by order", ties);
	tap_run("bears names of any length", lengths);
	return tap_end();
}
