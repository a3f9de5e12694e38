/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The minimal rules, where the confirmed ones cannot be loaded: a host that
 * comes up is not to be open, nor closed to those who have to repair it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netfilter/table.h"
#include "plan/minimal.h"
#include "restoring.h"
#include "ruleset/failure.h"
#include "ruleset/save_text.h"

/* Does filter deny what comes in, unless a rule says otherwise? */
static bool is_closed(enum mg_family family)
{
	struct mg_image *image;
	const struct mg_image_chain *input;
	bool is;

	if (mg_table_read(family, "filter", &image, NULL))
		return false;
	input = mg_image_find(image, "INPUT");
	is = input && input->policy && strcmp(input->policy, "DROP") == 0;
	mg_image_free(image);
	return is;
}

static int load(struct mg_engine *engine, enum mg_family family, const char *operators,
		bool stateless, struct mg_error *error)
{
	struct mg_loading loading = { .what = "the minimal rules" };
	struct mg_ruleset *ruleset = NULL;
	char *text = NULL;
	bool changed;
	int err = mg_minimal_text(family, operators, stateless, &text, error);

	if (!err)
		err = mg_ruleset_new(&ruleset, error);
	if (!err)
		err = mg_save_read(ruleset, family, loading.what, text, strlen(text), error);
	if (!err)
		err = mg_ruleset_seal(ruleset, error);
	loading.ruleset = ruleset;
	if (!err)
		err = mg_engine_load_rules(engine, &loading, 1U << family, &changed, error);
	mg_ruleset_free(ruleset);
	free(text);
	return err;
}

static void add_line(struct mg_error *reason, const char *line, const char *more)
{
	const struct mg_error words = *reason;

	mg_set_error(reason, words.status, "%s\n%s%s", words.text, line, more);
}

int mg_engine_stand_in(struct mg_engine *engine, enum mg_family family, bool anyway,
		       struct mg_error *reason)
{
	struct mg_error words = { 0 };
	char *operators = NULL;
	char ssh[512];
	int err = 0;

	if (!anyway && is_closed(family)) {
		add_line(reason, "the live rules stay, which deny what they do not allow", "");
		return 0;
	}
	if (engine->state)
		err = mg_state_operators(engine->state, &operators, &words);
	if (!err)
		err = load(engine, family, operators, false, &words);
	if (err) /* it may be connection tracking that the kernel has not */
		err = load(engine, family, operators, true, &words);
	mg_minimal_describe(operators, ssh, sizeof(ssh));
	if (err) {
		add_line(reason, "nor can the minimal rules be loaded, and the live ones stay: ",
			 words.text);
	} else {
		add_line(reason,
			 "the minimal rules are live instead: they drop all but established "
			 "connections, loopback, DHCP, neighbour discovery, ",
			 ssh);
		add_line(reason, "once that is repaired: moongate apply --remove-foreign", "");
	}
	free(operators);
	return err;
}
