/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The printer. The order of the parts and the spaces are those of
 * iptables-save(8), so that the text can be compared with its; the plugins
 * print their own options.
 */
#include "print.h"

#include <errno.h>
#include <linux/netfilter/xt_rateest.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "fence.h"
#include "session.h"
#include "set_rules.h"
#include "text_pattern.h"

struct printing {
	const struct mg_family_ops *ops;
	const struct mg_entry *entry;
	struct mg_entry_view view;
	struct mg_text_marks marks;
	const char *culprit; /* the extension whose plugin is at work */
};

/* The database is a file that is read through for each number: remember. */
static const char *protocol_name(uint16_t number)
{
	static char names[256][24];
	static bool known[256];
	const struct protoent *entry;
	unsigned int i;

	for (i = 0; xtables_chain_protos[i].name; i++)
		if (xtables_chain_protos[i].num == number)
			return xtables_chain_protos[i].name;
	if (number > 255)
		return NULL;
	if (!known[number]) {
		entry = getprotobynumber(number);
		if (entry)
			snprintf(names[number], sizeof(names[number]), "%s", entry->p_name);
		known[number] = true;
	}
	return names[number][0] ? names[number] : NULL;
}

static void print_interface(char letter, const char *name, const unsigned char *mask, bool inverse)
{
	unsigned int i;

	if (!mask[0])
		return;
	printf("%s -%c ", inverse ? " !" : "", letter);
	for (i = 0; i < IFNAMSIZ && mask[i]; i++)
		if (name[i])
			putchar(name[i]);
	/* a mask that ends before the name's NUL is a wildcard */
	if (i < IFNAMSIZ && name[i - 1])
		putchar('+');
}

static void print_protocol(uint16_t protocol, bool inverse)
{
	const char *name;

	if (protocol == 0)
		return;
	name = protocol_name(protocol);
	printf("%s -p ", inverse ? " !" : "");
	if (name)
		fputs(name, stdout);
	else
		printf("%u", protocol);
}

/* " --comment" has been printed from @start on, and the value behind it. */
static void mark_comment(struct printing *printing, const struct xt_entry_match *match, long start)
{
	struct mg_text_marks *marks = &printing->marks;

	marks->several = marks->several || marks->match;
	marks->match = match;
	marks->comment_start = (size_t)start + strlen(" --comment");
	marks->comment_end = (size_t)ftell(stdout);
}

/*
 * The one plugin that ends the program where data make no sense to it: a
 * comparison that is none, which the kernel refuses, too.
 */
static void refuse_fatal(const char *name, const void *data)
{
	const struct xt_rateest_match_info *rateest = data;

	if (strcmp(name, "rateest") == 0 &&
	    rateest->flags & (XT_RATEEST_MATCH_BPS | XT_RATEEST_MATCH_PPS) &&
	    (rateest->mode == XT_RATEEST_MATCH_NONE || rateest->mode > XT_RATEEST_MATCH_GT))
		mg_fence_error(PARAMETER_PROBLEM, "rateest: one of --rateest-lt, --rateest-gt and "
						  "--rateest-eq must be specified");
}

/* A plugin believes that its data are as large as it made them. */
static bool has_size(size_t size, size_t head, size_t data)
{
	return size >= XT_ALIGN(head) + data;
}

static void print_match(struct printing *printing, const struct xt_entry_match *match)
{
	const char *name = match->u.user.name;
	const struct xtables_match *newest = mg_find_match(name);
	const struct xtables_match *plugin = mg_find_match_revision(name, match->u.user.revision);
	const struct xtables_match *namer = plugin ? plugin : newest;
	const struct xt_entry_match *padded;
	bool sound;
	long start;

	if (!newest) {
		printf(" [unknown match %s]", name);
		return;
	}
	printing->culprit = name;
	sound = plugin && has_size(match->u.match_size, sizeof(*match), plugin->size);
	padded = mg_fault_padded(match, match->u.match_size);
	printf(" -m %s", namer->alias && sound ? namer->alias(padded) : name);
	start = ftell(stdout);
	if (sound)
		refuse_fatal(name, padded->data);
	if (sound && strcmp(name, "set") == 0 && mg_print_set_match(padded)) {
		printing->marks.several = true; /* its name is told in two ways */
		return;
	}
	if (sound && plugin->save)
		plugin->save(printing->view.source, padded);
	else if (newest->save)
		fputs(" [unsupported revision]", stdout);
	if (sound && strcmp(name, "comment") == 0)
		mark_comment(printing, match, start);
}

static void print_target(struct printing *printing)
{
	const struct xt_entry_target *padded,
		*target = mg_entry_target(&printing->view, printing->ops);
	const char *name = printing->entry->target;
	const struct xtables_target *newest, *plugin, *namer;
	bool sound;

	if (printing->entry->standard) {
		if (*name)
			printf(" -%c %s",
			       *printing->view.flags & printing->ops->goto_flag ? 'g' : 'j', name);
		return;
	}
	name = target->u.user.name;
	newest = mg_find_target(name);
	plugin = mg_find_target_revision(name, target->u.user.revision);
	namer = plugin ? plugin : newest;
	if (!newest) {
		printf(" [unknown target %s]", name);
		return;
	}
	printing->culprit = name;
	sound = plugin && has_size(target->u.target_size, sizeof(*target), plugin->size);
	padded = mg_fault_padded(target, target->u.target_size);
	printf(" -j %s", namer->alias && sound ? namer->alias(padded) : name);
	if (sound && strcmp(name, "SET") == 0 && mg_print_set_target(padded)) {
		printing->marks.several = true;
		return;
	}
	if (sound && plugin->save)
		plugin->save(printing->view.source, padded);
	else if (newest->save)
		fputs(" [unsupported revision]", stdout);
}

static int print_rule(void *context)
{
	struct printing *printing = context;
	const struct mg_entry_view *view = &printing->view;
	const uint8_t inverse = *view->inverse;
	const unsigned char *at, *end;
	char address[MG_ADDRESS_TEXT] = "";

	fwrite(address, 1,
	       printing->ops->format_address(address, 's', view->source, view->source_mask,
					     inverse & MG_NOT_SOURCE),
	       stdout);
	fwrite(address, 1,
	       printing->ops->format_address(address, 'd', view->destination,
					     view->destination_mask, inverse & MG_NOT_DESTINATION),
	       stdout);
	printing->marks.rest = (size_t)ftell(stdout);
	print_interface('i', view->in, view->in_mask, inverse & MG_NOT_IN);
	print_interface('o', view->out, view->out_mask, inverse & MG_NOT_OUT);
	print_protocol(*view->protocol, inverse & MG_NOT_PROTOCOL);
	if (printing->ops->fragment_flag & *view->flags)
		printf("%s -f", inverse & MG_NOT_FRAGMENT ? " !" : "");
	end = (const unsigned char *)mg_entry_target(view, printing->ops);
	for (at = view->elements; at < end;) {
		const struct xt_entry_match *match = (const void *)at;

		print_match(printing, match);
		at += match->u.match_size;
	}
	print_target(printing);
	return 0;
}

int mg_entry_text(const struct mg_family_ops *ops, const struct mg_entry *entry, const char **out,
		  struct mg_error *error)
{
	struct printing printing = { .ops = ops, .entry = entry, .culprit = "standard" };
	const char *text = mg_text_apply(ops, entry);
	int err;

	if (!text) {
		ops->view((void *)entry->bytes, &printing.view);
		mg_session_family(ops->family);
		mg_fault_begin(&printing.culprit);
		err = mg_fence_run(print_rule, &printing, error);
		if (mg_fault_end() && error) {
			error->status = MG_KERNEL;
			err = -EBADMSG;
		}
		if (err)
			return err;
		text = mg_fence_output();
		mg_text_learn(ops, entry, text, &printing.marks);
	}
	*out = *text == ' ' ? text + 1 : text;
	return 0;
}

int mg_entry_live_text(const struct mg_family_ops *ops, const struct mg_entry *entry,
		       const char **out, struct mg_error *error)
{
	int err;

	mg_print_set_whole(true);
	err = mg_entry_text(ops, entry, out, error);
	mg_print_set_whole(false);
	return err;
}
