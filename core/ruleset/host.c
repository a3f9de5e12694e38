/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making, sorting and asking the facts about a host. See host.h.
 */
#include "host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "growable.h"

struct mg_host *mg_host_new(void)
{
	struct mg_host *host = calloc(1, sizeof(*host));

	if (host)
		host->facts.kind = MG_FACT_TABLE;
	return host;
}

static void clear_fact(struct mg_fact *fact)
{
	size_t i;

	for (i = 0; i < fact->count; i++)
		clear_fact(&fact->items[i]);
	free(fact->items);
	free(fact->key);
	free(fact->text);
}

void mg_host_forget_interfaces(struct mg_host *host)
{
	size_t i;

	for (i = 0; i < host->interface_count; i++)
		free(host->interfaces[i].addresses.items);
	free(host->interfaces);
	host->interfaces = NULL;
	host->interface_count = host->interface_capacity = 0;
}

void mg_host_free(struct mg_host *host)
{
	if (!host)
		return;
	mg_host_forget_interfaces(host);
	free(host->addresses.items);
	clear_fact(&host->facts);
	free(host);
}

struct mg_host_interface *mg_host_add_interface(struct mg_host *host, const char *name)
{
	struct mg_host_interface *interface;

	if (mg_make_room((void **)&host->interfaces, &host->interface_capacity,
			 host->interface_count + 1, sizeof(*interface)))
		return NULL;
	interface = &host->interfaces[host->interface_count++];
	*interface = (struct mg_host_interface){ .index = 0 };
	snprintf(interface->name, sizeof(interface->name), "%s", name);
	return interface;
}

int mg_host_add_address(struct mg_host_addresses *list, enum mg_family family,
			const unsigned char *bytes, unsigned int prefix)
{
	const int af = family == MG_IPV4 ? AF_INET : AF_INET6;
	struct mg_host_address *address;
	char text[INET6_ADDRSTRLEN];

	if (mg_make_room((void **)&list->items, &list->capacity, list->count + 1, sizeof(*address)))
		return -ENOMEM;
	address = &list->items[list->count++];
	*address = (struct mg_host_address){ .family = family, .prefix = prefix };
	memcpy(address->bytes, bytes, family == MG_IPV4 ? 4 : 16);
	inet_ntop(af, address->bytes, text, sizeof(text));
	snprintf(address->text, sizeof(address->text), "%s/%u", text, prefix);
	return 0;
}

static int compare_interfaces(const void *a, const void *b)
{
	const struct mg_host_interface *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int compare_addresses(const void *a, const void *b)
{
	const struct mg_host_address *left = a, *right = b;
	int order;

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	order = memcmp(left->bytes, right->bytes, sizeof(left->bytes));
	return order ? order : (int)left->prefix - (int)right->prefix;
}

static void sort_addresses(struct mg_host_addresses *list)
{
	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_addresses);
}

void mg_host_sort(struct mg_host *host)
{
	size_t i;

	if (host->interface_count)
		qsort(host->interfaces, host->interface_count, sizeof(*host->interfaces),
		      compare_interfaces);
	for (i = 0; i < host->interface_count; i++)
		sort_addresses(&host->interfaces[i].addresses);
	sort_addresses(&host->addresses);
}

const struct mg_host_interface *mg_host_owner(const struct mg_host *host, enum mg_family family,
					      const unsigned char address[16])
{
	const size_t size = family == MG_IPV4 ? 4 : 16;
	size_t i, j;

	for (i = 0; i < host->interface_count; i++) {
		const struct mg_host_addresses *list = &host->interfaces[i].addresses;

		for (j = 0; j < list->count; j++)
			if (list->items[j].family == family &&
			    memcmp(list->items[j].bytes, address, size) == 0)
				return &host->interfaces[i];
	}
	return NULL;
}

static bool begins_alike(const unsigned char *one, const unsigned char *other, unsigned int bits)
{
	const unsigned int bytes = bits / 8, rest = bits % 8;

	return memcmp(one, other, bytes) == 0 &&
	       (!rest || (one[bytes] ^ other[bytes]) >> (8 - rest) == 0);
}

bool mg_host_is_near(const struct mg_host_interface *interface, enum mg_family family,
		     const unsigned char address[16])
{
	const unsigned int width = family == MG_IPV4 ? 32 : 128;
	size_t i;

	for (i = 0; i < interface->addresses.count; i++) {
		const struct mg_host_address *own = &interface->addresses.items[i];

		if (own->family == family && own->prefix && own->prefix < width &&
		    begins_alike(own->bytes, address, own->prefix))
			return true;
	}
	return false;
}
