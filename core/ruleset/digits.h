/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers and addresses as text without the cost of a format string: a file may
 * have a hundred thousand lines, and each has some.
 */
#ifndef MG_DIGITS_H
#define MG_DIGITS_H

#include <arpa/inet.h>
#include <string.h>

#include <moongate.h>

enum { MG_MOST_DIGITS = 10 };

/** Write @number at @at, which has room for MG_MOST_DIGITS. Returns what is behind it; no NUL. */
static inline char *mg_put_number(char *at, unsigned int number)
{
	char digits[MG_MOST_DIGITS], *first = digits + MG_MOST_DIGITS;

	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	return (char *)mempcpy(at, first, (size_t)(digits + MG_MOST_DIGITS - first));
}

/**
 * Write an address as inet_ntop(3) does, which goes by a format string for IPv4.
 * @at: has room for INET6_ADDRSTRLEN
 * Returns what is behind it; no NUL where it is IPv4's.
 */
static inline char *mg_put_host(char *at, enum mg_family family, const void *address)
{
	const unsigned char *bytes = address;
	int i;

	if (family == MG_IPV6) {
		inet_ntop(AF_INET6, address, at, INET6_ADDRSTRLEN);
		return at + strlen(at);
	}
	for (i = 0; i < 4; i++) {
		at = mg_put_number(at, bytes[i]);
		*at++ = '.';
	}
	return at - 1;
}

#endif
