/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tables that judge: what will be live, as far as it can concern packets of
 * the addresses that are asked for, and made such that a fresh namespace can judge
 * it. A rule that it cannot judge only counts: where its counter moves, it is on
 * the packet's way, and what it would do there is not known.
 *
 * Owns the reduced images. The images that they are made of are borrowed.
 */
#ifndef MG_PROBE_TABLES_H
#define MG_PROBE_TABLES_H

#include "netfilter/image.h"
#include "reach.h"
#include "ruleset/sets.h"

/** Beside a rule that is loaded. */
struct mg_probe_rule {
	uint32_t from;	 /* index of the entry in the image */
	bool hinges;	 /* it only counts, */
	bool quietly;	 /* and does not match for one who has been quiet */
	bool remembered; /* but what the live namespace remembers may have met him */
};

struct mg_probe_table {
	const struct mg_image *image;
	struct mg_image *reduced;
	struct mg_probe_rule *rules; /* by entry of @reduced */
	/* packets: by entry of @reduced, then by its chains (their policies) */
	uint64_t *before, *now;
};

/** Has somebody with one of these addresses been met by what @path of /proc/net remembers? */
struct mg_probe_memory {
	bool (*met)(void *context, enum mg_family family, const char *path);
	void *context;
};

struct mg_probe_tables {
	struct mg_probe_table *items;
	size_t count;
	struct mg_reach reach[MG_FAMILIES];
	bool protocols[256]; /* that the packets have */
	bool asks_conntrack[MG_FAMILIES];
	bool hinges[MG_FAMILIES];   /* there are such rules */
	bool untracks[MG_FAMILIES]; /* or such that hide a packet from conntrack */
	bool tracks[MG_FAMILIES];   /* what is loaded has conntrack look at packets */
};

/** Zero-initialise @tables but for its reach and its protocols; end with mg_probe_tables_clear(). 0
 * or -ENOMEM. */
int mg_probe_tables_reduce(struct mg_probe_tables *tables, const struct mg_image *const *images,
			   size_t count, const struct mg_probe_memory *memory);
void mg_probe_tables_clear(struct mg_probe_tables *tables);

/**
 * Make the sets, and load the tables, in the namespace that the process is in.
 * @others: of sets that are not in @sets: as `ipset save` prints them; or NULL
 * 0 or -errno.
 */
int mg_probe_tables_load(struct mg_probe_tables *tables, const struct mg_sets *sets,
			 const char *others);

/** Read the counters of a family: what was read last becomes @before. 0 or -errno. */
int mg_probe_tables_count(struct mg_probe_tables *tables, enum mg_family family);

/** A rule, or a chain's policy. */
struct mg_probe_place {
	size_t table;	/* of the images */
	uint32_t chain; /* of that image */
	uint32_t entry; /* of that image; MG_NO_RULE: the policy */
};

/** Where a packet is on its way: before a process has it, or after. */
enum mg_probe_way_part { MG_PROBE_COMING, MG_PROBE_GOING };

/**
 * What denied a packet between the two last counts, on that part of its way, or
 * gave it another destination.
 */
bool mg_probe_tables_denied(const struct mg_probe_tables *tables, enum mg_family family,
			    enum mg_probe_way_part part, struct mg_probe_place *out);
bool mg_probe_tables_diverted(const struct mg_probe_tables *tables, enum mg_family family,
			      struct mg_probe_place *out);

/** Was it hidden from conntrack between the two last counts? */
bool mg_probe_tables_untracked(const struct mg_probe_tables *tables, enum mg_family family);

/**
 * A rule that it passed between the two last counts, which cannot be judged, and
 * of which its fate may depend.
 * @denied: so it was; else it got through
 */
bool mg_probe_tables_unsure(const struct mg_probe_tables *tables, enum mg_family family,
			    bool denied, struct mg_probe_place *out);

#endif
