/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing facts as JSON. See facts.h.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "facts.h"
#include "ruleset/failure.h"

/*
 * jansson's ..._new() functions take a value, fail on NULL and free what they
 * take even then: so nothing is looked at before the end but what they return.
 */

static json_t *write_addresses(const struct mg_host_addresses *addresses)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < addresses->count; i++) {
		const char *text = addresses->items[i].text;

		/* with two peers an interface has its own address twice (ip-address(8)) */
		if (i && strcmp(text, addresses->items[i - 1].text) == 0)
			continue;
		if (json_array_append_new(list, json_string(text)))
			goto out;
	}
	return list;
out:
	json_decref(list);
	return NULL;
}

static json_t *write_interface(const struct mg_host_interface *interface)
{
	json_t *object = json_object();

	if (json_object_set_new(object, "name", json_string(interface->name)) ||
	    json_object_set_new(object, "up", json_boolean(interface->up)) ||
	    json_object_set_new(object, "loopback", json_boolean(interface->loopback)) ||
	    json_object_set_new(object, "leased", json_boolean(interface->leased)) ||
	    json_object_set_new(object, "leased6", json_boolean(interface->leased6)) ||
	    json_object_set_new(object, "addresses", write_addresses(&interface->addresses))) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static json_t *write_interfaces(const struct mg_host *host)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < host->interface_count; i++)
		if (json_array_append_new(list, write_interface(&host->interfaces[i])))
			goto out;
	return list;
out:
	json_decref(list);
	return NULL;
}

static json_t *write_fact(const struct mg_fact *fact);

static json_t *write_items(const struct mg_fact *fact)
{
	const bool table = fact->kind == MG_FACT_TABLE;
	json_t *out = table ? json_object() : json_array();
	size_t i;

	for (i = 0; i < fact->count; i++) {
		json_t *item = write_fact(&fact->items[i]);

		if (table ? json_object_set_new(out, fact->items[i].key, item)
			  : json_array_append_new(out, item))
			goto out;
	}
	return out;
out:
	json_decref(out);
	return NULL;
}

static json_t *write_fact(const struct mg_fact *fact)
{
	switch (fact->kind) {
	case MG_FACT_BOOLEAN: return json_boolean(fact->boolean);
	case MG_FACT_INTEGER: return json_integer(fact->integer);
	case MG_FACT_NUMBER: return json_real(fact->number);
	case MG_FACT_TEXT: return json_string(fact->text);
	case MG_FACT_LIST:
	case MG_FACT_TABLE: break;
	}
	return write_items(fact);
}

static json_t *write_host(const struct mg_host *host)
{
	json_t *root = json_object();
	int err = 0;

	if (*host->name)
		err = json_object_set_new(root, "name", json_string(host->name));
	if (err || json_object_set_new(root, "ipv6", json_boolean(host->has_ipv6)) ||
	    json_object_set_new(root, "interfaces", write_interfaces(host)) ||
	    (host->addresses.count &&
	     json_object_set_new(root, "addresses", write_addresses(&host->addresses))) ||
	    json_object_set_new(root, "facts", write_items(&host->facts))) {
		json_decref(root);
		return NULL;
	}
	return root;
}

int mg_facts_write(const struct mg_host *host, char **out, struct mg_error *error)
{
	json_t *root = write_host(host);
	char *text, *grown;
	size_t length;

	if (!root)
		return mg_fail(error, -EILSEQ, MG_ENVIRONMENT,
			       "the facts cannot be written as JSON: the name of the host or of an "
			       "interface is no UTF-8, or memory lacks");
	text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	length = text ? strlen(text) : 0;
	grown = text ? realloc(text, length + 2) : NULL;
	if (!grown) {
		free(text);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory");
	}
	strcpy(grown + length, "\n");
	*out = grown;
	return 0;
}
