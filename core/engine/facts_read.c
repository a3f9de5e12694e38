/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading facts from a JSON file. See facts.h.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "facts_json.h"
#include "ruleset/failure.h"

enum { LARGEST_FILE = 4 * 1024 * 1024 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int read_boolean(struct mg_facts_reading *reading, const json_t *value, bool *into)
{
	if (!json_is_boolean(value))
		return mg_facts_wrong_type(reading, value, "true or false");
	*into = json_is_true(value);
	return 0;
}

struct text_address {
	enum mg_family family;
	unsigned char bytes[16];
	unsigned int prefix;
};

/* "192.0.2.5/24"; without a prefix it is the address alone. Returns whether it is one. */
static bool parse_address(const char *text, struct text_address *out)
{
	const char *slash = strchr(text, '/');
	const size_t length = slash ? (size_t)(slash - text) : strlen(text);
	const int af = memchr(text, ':', length) ? AF_INET6 : AF_INET;
	const unsigned int longest = af == AF_INET ? 32 : 128;
	char host[INET6_ADDRSTRLEN];
	unsigned long prefix = longest;
	char *end;

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	*out = (struct text_address){ .family = af == AF_INET ? MG_IPV4 : MG_IPV6 };
	if (inet_pton(af, host, out->bytes) != 1)
		return false;
	if (slash) {
		if (!isdigit((unsigned char)slash[1]))
			return false;
		prefix = strtoul(slash + 1, &end, 10);
		if (*end || prefix > longest)
			return false;
	}
	out->prefix = (unsigned int)prefix;
	return true;
}

static int read_address(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	struct mg_host_addresses *list = into;
	struct text_address address;

	if (!json_is_string(value))
		return mg_facts_wrong_type(reading, value, "an address (\"192.0.2.5/24\")");
	if (!parse_address(json_string_value(value), &address))
		return mg_facts_wrong(reading, "not an IPv4 or IPv6 address, with or without the "
					       "length of its network's prefix");
	return mg_host_add_address(list, address.family, address.bytes, address.prefix)
		       ? mg_facts_no_memory(reading)
		       : 0;
}

static const char address_list[] = "a list of addresses";

static int interface_name(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	struct mg_host_interface *interface = into;
	const char *name = json_string_value(value), *at;

	if (!name)
		return mg_facts_wrong_type(reading, value, "the name of an interface");
	if (!*name || strlen(name) >= sizeof(interface->name))
		return mg_facts_wrong(reading, "the name of an interface has 1 to %zu bytes",
				      sizeof(interface->name) - 1);
	for (at = name; *at; at++)
		if (isspace((unsigned char)*at) || iscntrl((unsigned char)*at) || *at == '/' ||
		    *at == ':')
			return mg_facts_wrong(reading, "the name of an interface holds no blank, "
						       "slash, colon or control character");
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return mg_facts_wrong(reading, "no interface is called so");
	strcpy(interface->name, name);
	return 0;
}

static int interface_up(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return read_boolean(reading, value, &((struct mg_host_interface *)into)->up);
}

static int interface_loopback(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return read_boolean(reading, value, &((struct mg_host_interface *)into)->loopback);
}

static int interface_leased(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return read_boolean(reading, value, &((struct mg_host_interface *)into)->leased);
}

static int interface_leased6(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return read_boolean(reading, value, &((struct mg_host_interface *)into)->leased6);
}

static int interface_addresses(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return mg_facts_read_list(reading, value, address_list, read_address,
				  &((struct mg_host_interface *)into)->addresses);
}

/* An interface of which nothing is known but what the file says. */
static int fill_interface(struct mg_facts_reading *reading, const json_t *value,
			  struct mg_host_interface *interface)
{
	static const struct mg_facts_field fields[] = {
		{ "name", interface_name },	    { "up", interface_up },
		{ "loopback", interface_loopback }, { "leased", interface_leased },
		{ "leased6", interface_leased6 },   { "addresses", interface_addresses },
	};
	int err;

	interface->up = true;
	if (json_is_string(value))
		err = interface_name(reading, value, interface);
	else if (json_is_object(value))
		err = mg_facts_read_object(reading, value, fields, COUNT(fields), "", interface);
	else
		err = mg_facts_wrong_type(reading, value, "an interface's name or an object");
	if (!err && !*interface->name)
		err = mg_facts_wrong(reading, "the interface has no \"name\"");
	if (!err && !json_object_get(value, "loopback"))
		interface->loopback = strcmp(interface->name, "lo") == 0;
	return err;
}

static int read_interface(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	struct mg_host *host = into;
	struct mg_host_interface *interface = mg_host_add_interface(host, "");

	return interface ? fill_interface(reading, value, interface) : mg_facts_no_memory(reading);
}

static int host_name(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	struct mg_host *host = into;
	const char *name = json_string_value(value), *at;

	if (!name)
		return mg_facts_wrong_type(reading, value, "the host's name");
	if (!*name || strlen(name) >= sizeof(host->name))
		return mg_facts_wrong(reading, "a host's name has 1 to %zu bytes",
				      sizeof(host->name) - 1);
	for (at = name; *at; at++)
		if (isspace((unsigned char)*at) || iscntrl((unsigned char)*at))
			return mg_facts_wrong(reading, "a host's name holds no blank or control "
						       "character");
	strcpy(host->name, name);
	return 0;
}

static int host_ipv6(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return read_boolean(reading, value, &((struct mg_host *)into)->has_ipv6);
}

static int host_interfaces(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return mg_facts_read_list(reading, value, "a list of interfaces", read_interface, into);
}

static int host_addresses(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return mg_facts_read_list(reading, value, address_list, read_address,
				  &((struct mg_host *)into)->addresses);
}

static int host_facts(struct mg_facts_reading *reading, const json_t *value, void *into)
{
	return mg_facts_read_own(reading, value, &((struct mg_host *)into)->facts);
}

/* An address that an interface has, told once more: keep it there only. */
static void forget_owned_addresses(struct mg_host *host)
{
	struct mg_host_addresses *list = &host->addresses;
	size_t i, kept = 0;

	for (i = 0; i < list->count; i++)
		if (!mg_host_owner(host, list->items[i].family, list->items[i].bytes))
			list->items[kept++] = list->items[i];
	list->count = kept;
}

static const char *twin_address(const struct mg_host_addresses *sorted)
{
	size_t i;

	for (i = 1; i < sorted->count; i++)
		if (strcmp(sorted->items[i - 1].text, sorted->items[i].text) == 0)
			return sorted->items[i].text;
	return NULL;
}

/* @host is sorted. */
static int refuse_twins(struct mg_facts_reading *reading, const struct mg_host *host)
{
	const char *address = twin_address(&host->addresses);
	size_t i;

	if (address)
		return mg_facts_wrong(reading, "addresses: %s stands there twice", address);
	for (i = 0; i < host->interface_count; i++) {
		const struct mg_host_interface *interface = &host->interfaces[i];

		if (i && strcmp(interface[-1].name, interface->name) == 0)
			return mg_facts_wrong(reading, "interfaces: `%s' stands there twice",
					      interface->name);
		address = twin_address(&interface->addresses);
		if (address)
			return mg_facts_wrong(reading, "interfaces: `%s' has %s twice",
					      interface->name, address);
	}
	return 0;
}

static int read_host(struct mg_facts_reading *reading, const json_t *root, struct mg_host *host)
{
	static const struct mg_facts_field fields[] = {
		{ "name", host_name },
		{ "ipv6", host_ipv6 },
		{ "interfaces", host_interfaces },
		{ "addresses", host_addresses },
		{ "facts", host_facts },
	};
	int err;

	host->has_ipv6 = true;
	err = mg_facts_read_object(reading, root, fields, COUNT(fields),
				   "; facts of your own go into \"facts\"", host);
	if (err)
		return err;
	mg_host_sort(host);
	err = refuse_twins(reading, host);
	if (!err)
		forget_owned_addresses(host);
	return err;
}

/* A file that is read no further than it may be long. */
struct source {
	FILE *file;
	SHA2_CTX sum;
	size_t taken;
	int err;
};

static size_t take(void *buffer, size_t size, void *context)
{
	struct source *source = context;
	const size_t got = fread(buffer, 1, size, source->file);

	source->taken += got;
	SHA256Update(&source->sum, buffer, got);
	if (ferror(source->file))
		source->err = errno ? -errno : -EIO;
	else if (source->taken > LARGEST_FILE)
		source->err = -EFBIG;
	return source->err ? (size_t)-1 : got;
}

/* jansson's words without what is nobody's business: the file may be one that was not meant. */
static int refuse_syntax(const char *path, json_error_t *wrong, struct mg_error *error)
{
	static const char *const ends[] = { " near '", " without JSON_" };
	size_t i;

	if (json_error_code(wrong) == json_error_out_of_memory)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	for (i = 0; i < COUNT(ends); i++) {
		char *end = strstr(wrong->text, ends[i]);

		if (end)
			*end = '\0';
	}
	return mg_fail(error, -EINVAL, MG_INVALID, "%s:%d:%d: %s", path, wrong->line, wrong->column,
		       wrong->text);
}

static int parse(const char *path, json_t **out, char *sha256, struct mg_error *error)
{
	struct source source = { .file = fopen(path, "re") };
	json_error_t wrong;

	if (!source.file)
		return mg_fail(error, -errno, MG_INVALID, "cannot read the facts %s: %s", path,
			       strerror(errno));
	SHA256Init(&source.sum);
	*out = json_load_callback(take, &source, JSON_REJECT_DUPLICATES, &wrong);
	fclose(source.file);
	if (*out && !source.err) {
		SHA256End(&source.sum, sha256);
		return 0;
	}
	json_decref(*out);
	if (!source.err)
		return refuse_syntax(path, &wrong, error);
	return mg_fail(error, source.err, MG_INVALID, "cannot read the facts %s: %s", path,
		       strerror(-source.err));
}

int mg_facts_read(const char *file, struct mg_host **out, char sha256[MG_SHA256_SIZE],
		  struct mg_error *error)
{
	struct mg_facts_reading reading = { .file = file, .error = error };
	struct mg_host *host;
	json_t *root = NULL;
	int err = parse(file, &root, sha256, error);

	if (err)
		return err;
	host = mg_host_new();
	err = host ? read_host(&reading, root, host) : mg_facts_no_memory(&reading);
	json_decref(root);
	if (err)
		mg_host_free(host);
	else
		*out = host;
	return err;
}
