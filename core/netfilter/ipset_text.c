/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of any type as the text that `ipset save` prints, and back: to have in one
 * namespace what another one has. libipset reads it with its own parser.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipset_inner.h"
#include "ruleset/failure.h"

/* @name: NULL for all, in an order in which they can be made */
static int save(struct mg_ipset *ipset, const char *name, FILE *out, struct mg_error *error)
{
	int failed;

	mg_ipset_begin(ipset);
	ipset_session_output(ipset->session, IPSET_LIST_SAVE);
	if (name)
		ipset_session_data_set(ipset->session, IPSET_SETNAME, name);
	failed = ipset_cmd(ipset->session, IPSET_CMD_SAVE, 0);
	if (failed)
		return mg_ipset_fail(ipset, "list the set", name ? name : "", error);
	if (ipset->length)
		fwrite(ipset->text, 1, ipset->length, out);
	return 0;
}

static int save_all(struct mg_ipset *ipset, const char *const *names, char **out,
		    struct mg_error *error)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	int err = 0;

	if (!stream)
		return mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
	for (; names && *names && !err; names++)
		err = save(ipset, *names, stream, error);
	if (!names)
		err = save(ipset, NULL, stream, error);
	if (fclose(stream) && !err)
		err = mg_fail(error, -ENOMEM, MG_ENVIRONMENT, "out of memory for address sets");
	if (err)
		free(text);
	else
		*out = text;
	return err;
}

int mg_ipset_save_text(const char *const *names, char **out, struct mg_error *error)
{
	struct mg_ipset *ipset;
	int err = mg_ipset_open(&ipset, error);

	if (err)
		return err;
	err = save_all(ipset, names, out, error);
	/* the members of a list of sets are sets */
	if (!err && strstr(*out, " list:set ")) {
		free(*out);
		err = save_all(ipset, NULL, out, error);
	}
	mg_ipset_close(ipset);
	return err;
}

static int ignore_words(struct ipset *ipset, void *context, int status, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static int ignore_words(struct ipset *ipset, void *context, int status, const char *format, ...)
{
	(void)ipset;
	(void)context;
	(void)status;
	(void)format;
	return -1;
}

static int ignore_error(struct ipset *ipset, void *context)
{
	(void)ipset;
	(void)context;
	return -1;
}

static int ignore_output(struct ipset_session *session, void *context, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static int ignore_output(struct ipset_session *session, void *context, const char *format, ...)
{
	(void)session;
	(void)context;
	(void)format;
	return 0;
}

int mg_ipset_read_text(const char *text)
{
	struct ipset *ipset;
	FILE *stream;
	int failed;

	if (!*text)
		return 0;
	ipset = ipset_init();
	stream = ipset ? fmemopen((char *)text, strlen(text), "re") : NULL;
	if (!stream) {
		if (ipset)
			ipset_fini(ipset);
		return -ENOMEM;
	}
	ipset_custom_printf(ipset, ignore_words, ignore_error, ignore_output, NULL);
	/* what is there already, is */
	ipset_envopt_set(ipset_session(ipset), IPSET_ENV_EXIST);
	failed = ipset_parse_stream(ipset, stream);
	fclose(stream);
	ipset_fini(ipset);
	return failed ? -EINVAL : 0;
}
