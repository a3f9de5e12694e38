/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See address_list.h. All is kept as ranges: folding them is sorting, and a
 * folded range has one shortest row of networks.
 */
#include "address_list.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/growable.h"

typedef unsigned __int128 number;

enum { LONGEST_TEXT = 2 * INET6_ADDRSTRLEN + 8 };

static const int widths[MG_FAMILIES] = { [MG_IPV4] = 32, [MG_IPV6] = 128 };

void mg_address_list_clear(struct mg_address_list *list)
{
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		free(list->of[family].items);
	*list = (struct mg_address_list){ 0 };
}

static int add_range(struct mg_address_list *list, enum mg_family family, number first, number last)
{
	struct mg_address_ranges *ranges = &list->of[family];

	if (ranges->count >= MG_MOST_ADDRESSES)
		return -E2BIG;
	if (mg_make_room((void **)&ranges->items, &ranges->capacity, ranges->count + 1,
			 sizeof(*ranges->items)))
		return -ENOMEM;
	ranges->items[ranges->count++] = (struct mg_address_range){ first, last };
	return 0;
}

static number number_of(enum mg_family family, const unsigned char *bytes)
{
	number value = 0;
	int i;

	for (i = 0; i < widths[family] / 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

/* The bits of an address behind a prefix of @length, all set. */
static number host_mask(enum mg_family family, int length)
{
	const int bits = widths[family] - length;

	return bits == 128 ? ~(number)0 : ((number)1 << bits) - 1;
}

/* Is @text a host name, or a word? Only what is no address is asked about. */
static bool is_name(const char *text)
{
	bool has_letter = false;

	for (; *text && *text != '/'; text++) {
		if (!isalnum((unsigned char)*text) && !strchr("-_.", *text))
			return false;
		has_letter |= isalpha((unsigned char)*text) && !isxdigit((unsigned char)*text);
	}
	return has_letter;
}

static const char *kind_of_mistake(const char *text)
{
	if (*text == '!')
		return "a list of addresses has no negation: write except(...) in the policy";
	if (strchr(text, '%'))
		return "an address that names an interface: leave that out";
	if (is_name(text))
		return "a host name or another word, where an address is needed";
	return "not an IPv4 or IPv6 address, network or range";
}

/* One address, without a prefix. */
static int read_host(const char *text, enum mg_family *family, number *out, const char **wrong)
{
	unsigned char bytes[16];

	*family = strchr(text, ':') ? MG_IPV6 : MG_IPV4;
	if (inet_pton(*family == MG_IPV6 ? AF_INET6 : AF_INET, text, bytes) != 1) {
		*wrong = kind_of_mistake(text);
		return -EINVAL;
	}
	*out = number_of(*family, bytes);
	return 0;
}

/* "24", or "255.255.255.0" for IPv4; -1: neither */
static int read_prefix(const char *text, enum mg_family family)
{
	struct in_addr mask;
	uint32_t bits;
	int length = 0;
	size_t i;

	if (family == MG_IPV4 && strchr(text, '.')) {
		if (inet_pton(AF_INET, text, &mask) != 1)
			return -1;
		bits = ntohl(mask.s_addr);
		return bits & (~bits >> 1) ? -1 : __builtin_popcount(bits);
	}
	for (i = 0; text[i]; i++) {
		if (text[i] < '0' || text[i] > '9' || i == 3)
			return -1;
		length = 10 * length + text[i] - '0';
	}
	return i && length <= widths[family] ? length : -1;
}

static int add_network(struct mg_address_list *list, char *text, char *slash, bool *host_bits,
		       const char **wrong)
{
	enum mg_family family;
	number first, behind;
	int length, err;

	*slash = '\0';
	err = read_host(text, &family, &first, wrong);
	if (err)
		return err;
	length = read_prefix(slash + 1, family);
	if (length < 0) {
		*wrong = family == MG_IPV4
				 ? "behind the / stands no prefix length from 0 to 32, nor a mask"
				 : "behind the / stands no prefix length from 0 to 128";
		return -EINVAL;
	}
	behind = host_mask(family, length);
	if (first & behind && host_bits)
		*host_bits = true;
	return add_range(list, family, first & ~behind, first | behind);
}

static int add_ends(struct mg_address_list *list, char *text, char *hyphen, const char **wrong)
{
	enum mg_family family, other;
	number first, last;
	char *end = hyphen;
	int err;

	while (end > text && isblank((unsigned char)end[-1]))
		end--;
	*end = '\0';
	do
		hyphen++;
	while (isblank((unsigned char)*hyphen));
	err = read_host(text, &family, &first, wrong);
	if (!err)
		err = read_host(hyphen, &other, &last, wrong);
	if (err)
		return err;
	if (family != other) {
		*wrong = "a range that begins in one family and ends in the other";
		return -EINVAL;
	}
	if (first > last) {
		*wrong = "a range that ends before it begins";
		return -EINVAL;
	}
	return add_range(list, family, first, last);
}

int mg_address_list_add(struct mg_address_list *list, const char *text, size_t length,
			bool *host_bits, const char **wrong)
{
	char copy[LONGEST_TEXT + 1], *mark;
	const char *ignored;
	enum mg_family family;
	number host;
	int err;

	if (!wrong)
		wrong = &ignored;
	if (length > LONGEST_TEXT || memchr(text, '\0', length)) {
		*wrong = length > LONGEST_TEXT ? "too long for an address" : "holds a NUL byte";
		return -EINVAL;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	mark = strchr(copy, '/');
	if (mark)
		return add_network(list, copy, mark, host_bits, wrong);
	mark = is_name(copy) ? NULL : strchr(copy, '-');
	if (mark)
		return add_ends(list, copy, mark, wrong);
	err = read_host(copy, &family, &host, wrong);
	return err ? err : add_range(list, family, host, host);
}

static int compare(const void *a, const void *b)
{
	const struct mg_address_range *one = a, *other = b;

	return (one->first > other->first) - (one->first < other->first);
}

/* Lists that a program wrote are often in order already. */
static bool is_sorted(const struct mg_address_ranges *ranges)
{
	size_t i;

	for (i = 1; i < ranges->count; i++)
		if (ranges->items[i].first < ranges->items[i - 1].first)
			return false;
	return true;
}

static void fold(struct mg_address_ranges *ranges)
{
	struct mg_address_range *items = ranges->items;
	size_t kept = 0, i;

	if (ranges->count < 2)
		return;
	if (!is_sorted(ranges))
		qsort(items, ranges->count, sizeof(*items), compare);
	for (i = 1; i < ranges->count; i++) {
		/* the first comparison keeps the addition from going round */
		if (items[i].first <= items[kept].last || items[i].first == items[kept].last + 1) {
			if (items[i].last > items[kept].last)
				items[kept].last = items[i].last;
		} else {
			items[++kept] = items[i];
		}
	}
	ranges->count = kept + 1;
}

void mg_address_list_fold(struct mg_address_list *list)
{
	int family;

	for (family = 0; family < MG_FAMILIES; family++)
		fold(&list->of[family]);
}

/* The prefix of the largest network that begins at @first and does not go beyond @last. */
static int largest_network(enum mg_family family, number first, number last)
{
	int length = widths[family];

	while (length > 0) {
		const number behind = host_mask(family, length - 1);

		if (first & behind || (first | behind) > last)
			break;
		length--;
	}
	return length;
}

static void set_network(enum mg_family family, number first, int length, struct mg_set_member *out)
{
	int i;

	*out = (struct mg_set_member){ .prefix = (uint8_t)length };
	for (i = widths[family] / 8 - 1; i >= 0; i--, first >>= 8)
		out->address[i] = (uint8_t)first;
}

bool mg_address_list_next(const struct mg_address_list *list, struct mg_address_walk *walk,
			  struct mg_set_member *network)
{
	const struct mg_address_ranges *ranges = &list->of[walk->family];
	number first, last, end;
	int length;

	if (walk->index >= ranges->count)
		return false;
	last = ranges->items[walk->index].last;
	first = walk->inside ? walk->next : ranges->items[walk->index].first;
	length = largest_network(walk->family, first, last);
	set_network(walk->family, first, length, network);
	end = first | host_mask(walk->family, length);
	walk->inside = end != last;
	if (walk->inside)
		walk->next = end + 1;
	else
		walk->index++;
	return true;
}
