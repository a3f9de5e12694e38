/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sessions, and the commands that change sets. libipset keeps what it knows of
 * types and sets in the process, and forgets the sets when a session ends.
 */
#include "ipset.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipset_inner.h"
#include "ruleset/failure.h"
#include "ruleset/growable.h"
#include "set_names.h"

/* The library prints whole lines; here they are kept. */
static int keep(struct ipset_session *session, void *context, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int keep(struct ipset_session *session, void *context, const char *format, ...)
{
	struct mg_ipset *ipset = context;
	const char *text;
	va_list list;
	size_t size;

	(void)session;
	/* it is always called with "%s": nothing is formatted again */
	if (strcmp(format, "%s") != 0)
		return -1;
	va_start(list, format);
	text = va_arg(list, const char *);
	va_end(list);
	size = strlen(text);
	if (mg_make_room((void **)&ipset->text, &ipset->capacity, ipset->length + size + 1, 1)) {
		ipset->is_out_of_memory = true;
		return -1;
	}
	memcpy(ipset->text + ipset->length, text, size + 1);
	ipset->length += size;
	return 0;
}

int mg_ipset_open(struct mg_ipset **out, struct mg_error *error)
{
	struct mg_ipset *ipset = calloc(1, sizeof(*ipset));

	ipset_load_types();
	if (ipset)
		ipset->session = ipset_session_init(keep, ipset);
	if (!ipset || !ipset->session) {
		free(ipset);
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
	}
	*out = ipset;
	return 0;
}

void mg_ipset_close(struct mg_ipset *ipset)
{
	if (!ipset)
		return;
	ipset_session_fini(ipset->session);
	free(ipset->text);
	free(ipset);
}

void mg_ipset_begin(struct mg_ipset *ipset)
{
	ipset->length = 0;
	ipset_session_report_reset(ipset->session);
}

int mg_ipset_fail(const struct mg_ipset *ipset, const char *doing, const char *name,
		  struct mg_error *error)
{
	static const char line[] = "Error in line ";
	const char *words = ipset_session_report_msg(ipset->session);

	if (ipset->is_out_of_memory)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
	/* members are counted as lines, which nobody has written */
	if (words && strncmp(words, line, strlen(line)) == 0 && strchr(words, ':'))
		words = strchr(words, ':') + 2;
	if (!words || !*words)
		words = "the kernel gave no reason";
	return mg_fail(error, -EIO, MG_KERNEL, "cannot %s%s%s: %.*s", doing, *name ? " " : "", name,
		       (int)strcspn(words, "\n"), words);
}

bool mg_ipset_may_have_any(void)
{
	int fd = mg_set_kernel_open();

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static uint8_t family_number(enum mg_family family)
{
	return family == MG_IPV6 ? AF_INET6 : AF_INET;
}

static int create(struct mg_ipset *ipset, const char *name, const char *type, enum mg_family family,
		  uint32_t count, struct mg_error *error)
{
	struct ipset_session *session = ipset->session;
	const uint8_t number = family_number(family);
	const uint32_t hash = mg_set_hash_size(count), most = mg_set_room(count);

	mg_ipset_begin(ipset);
	ipset_session_data_set(session, IPSET_SETNAME, name);
	ipset_session_data_set(session, IPSET_OPT_TYPENAME, type);
	ipset_session_data_set(session, IPSET_OPT_FAMILY, &number);
	if (!ipset_type_get(session, IPSET_CMD_CREATE))
		return mg_ipset_fail(ipset, "make the set", name, error);
	ipset_session_data_set(session, IPSET_OPT_HASHSIZE, &hash);
	ipset_session_data_set(session, IPSET_OPT_MAXELEM, &most);
	if (ipset_cmd(session, IPSET_CMD_CREATE, 0))
		return mg_ipset_fail(ipset, "make the set", name, error);
	return 0;
}

static int add(struct ipset_session *session, const char *name, enum mg_family family,
	       const struct ipset_type *type, const struct mg_set_member *member, uint32_t line)
{
	const uint8_t number = family_number(family);

	ipset_session_data_set(session, IPSET_SETNAME, name);
	ipset_session_data_set(session, IPSET_OPT_FAMILY, &number);
	ipset_session_data_set(session, IPSET_OPT_TYPE, type);
	ipset_session_data_set(session, IPSET_OPT_IP, member->address);
	/* of one address its type knows the length */
	if (member->prefix < mg_set_width(family))
		ipset_session_data_set(session, IPSET_OPT_CIDR, &member->prefix);
	return ipset_cmd(session, IPSET_CMD_ADD, line);
}

/* With a line number each, the library sends as many as fit into one message. */
static int fill(struct mg_ipset *ipset, const char *name, enum mg_family family,
		const struct mg_set_member *members, uint32_t count, struct mg_error *error)
{
	const struct ipset_type *type;
	uint32_t i;
	int failed = 0;

	if (!count)
		return 0;
	mg_ipset_begin(ipset);
	ipset_session_data_set(ipset->session, IPSET_SETNAME, name);
	type = ipset_type_get(ipset->session, IPSET_CMD_ADD);
	if (!type)
		return mg_ipset_fail(ipset, "fill the set", name, error);
	for (i = 0; i < count && !failed; i++)
		failed = add(ipset->session, name, family, type, &members[i], i + 1);
	if (!failed)
		failed = ipset_commit(ipset->session);
	ipset_session_lineno(ipset->session, 0);
	return failed ? mg_ipset_fail(ipset, "fill the set", name, error) : 0;
}

int mg_ipset_make(struct mg_ipset *ipset, const char *name, const char *type, enum mg_family family,
		  const struct mg_set_member *members, uint32_t count, struct mg_error *error)
{
	int err = create(ipset, name, type, family, count, error);

	if (err)
		return err;
	err = fill(ipset, name, family, members, count, error);
	if (err)
		mg_ipset_destroy(ipset, name, NULL);
	return err;
}

int mg_ipset_swap(struct mg_ipset *ipset, const char *one, const char *other,
		  struct mg_error *error)
{
	mg_ipset_begin(ipset);
	ipset_session_data_set(ipset->session, IPSET_SETNAME, one);
	ipset_session_data_set(ipset->session, IPSET_OPT_SETNAME2, other);
	return ipset_cmd(ipset->session, IPSET_CMD_SWAP, 0)
		       ? mg_ipset_fail(ipset, "exchange the members of the set", one, error)
		       : 0;
}

int mg_ipset_destroy(struct mg_ipset *ipset, const char *name, struct mg_error *error)
{
	mg_ipset_begin(ipset);
	ipset_session_data_set(ipset->session, IPSET_SETNAME, name);
	return ipset_cmd(ipset->session, IPSET_CMD_DESTROY, 0)
		       ? mg_ipset_fail(ipset, "remove the set", name, error)
		       : 0;
}

int mg_ipset_make_empty(const char *name, enum mg_family family)
{
	struct mg_ipset *ipset;
	int err = mg_ipset_open(&ipset, NULL);

	if (err)
		return err;
	err = create(ipset, name, "hash:net", family, 0, NULL);
	mg_ipset_close(ipset);
	return err;
}
