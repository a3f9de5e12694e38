/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which rules can concern the addresses of some packets, against a look at each of
 * them; and packets that are written and read again.
 */
#include <netinet/in.h>

#include "probe/packet.h"
#include "probe/reach.h"
#include "spec/support/tap.h"

static struct mg_reach reach;

static void fill(size_t size, size_t count, uint32_t *state)
{
	unsigned char address[16];
	size_t i, j;

	mg_reach_clear(&reach);
	reach.size = size;
	for (i = 0; i < count; i++) {
		/* few bits, so that they meet */
		for (j = 0; j < size; j++)
			address[j] = j + 2 < size ? 10 : (unsigned char)(tap_random(state) & 0x1f);
		EXPECT_DONE(mg_reach_add(&reach, address));
	}
	mg_reach_seal(&reach);
}

static bool looked_at(const unsigned char *address, const unsigned char *mask)
{
	size_t i, j;

	for (i = 0; i < reach.count; i++) {
		for (j = 0; j < reach.size; j++)
			if ((reach.items[i][j] ^ address[j]) & mask[j])
				break;
		if (j == reach.size)
			return true;
	}
	return false;
}

static void meets_what_is_there(void)
{
	uint32_t state = 20261121;
	unsigned int round, prefix, j, met = 0;

	for (round = 0; round < 2000; round++) {
		const size_t size = round % 2 ? 16 : 4;
		unsigned char address[16], mask[16] = { 0 };

		if (round % 100 < 2)
			fill(size, round % 9, &state);
		reach.size = size;
		if (reach.count && round % 100 >= 2 && size == 4)
			continue;
		prefix = tap_random(&state) % (8 * (unsigned int)size + 1);
		if (round % 3)
			prefix = 8 * (unsigned int)size - prefix % 12;
		for (j = 0; j < size; j++)
			address[j] = j + 2 < size ? 10 : (unsigned char)(tap_random(&state) & 0x1f);
		for (j = 0; j < prefix; j++)
			mask[j / 8] |= (unsigned char)(0x80 >> j % 8);
		EXPECT_IS(mg_reach_meets(&reach, address, mask), looked_at(address, mask));
		EXPECT_IS(mg_reach_meets_prefix(&reach, address, prefix), looked_at(address, mask));
		met += looked_at(address, mask);
	}
	EXPECT(met > 50);
}

static void meets_all_if_it_is_not_sure(void)
{
	const unsigned char address[4] = { 10, 0, 0, 1 }, odd[4] = { 255, 0, 255, 0 };
	const unsigned char whole[4] = { 255, 255, 255, 255 }, none[4] = { 0 };
	const unsigned char elsewhere[4] = { 192, 0, 2, 1 };

	mg_reach_clear(&reach);
	reach.size = 4;
	EXPECT(!mg_reach_meets(&reach, address, none)); /* nobody is there */
	EXPECT_DONE(mg_reach_add(&reach, address));
	EXPECT_DONE(mg_reach_add(&reach, address));
	mg_reach_seal(&reach);
	EXPECT_IS(reach.count, 1);
	EXPECT(mg_reach_meets(&reach, address, whole));
	EXPECT(mg_reach_meets(&reach, elsewhere, none));
	EXPECT(!mg_reach_meets(&reach, elsewhere, whole));
	EXPECT(mg_reach_meets(&reach, elsewhere, odd));
	reach.all = true;
	EXPECT(mg_reach_meets(&reach, elsewhere, whole));
}

static void writes_what_it_reads(void)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6,
					     IPPROTO_ESP };
	unsigned char bytes[MG_PROBE_PACKET_MOST];
	struct mg_probe_packet packet, back;
	size_t i, size, cut;

	for (i = 0; i < 2 * sizeof(protocols); i++) {
		packet = (struct mg_probe_packet){
			.family = i % 2 ? MG_IPV6 : MG_IPV4,
			.protocol = protocols[i / 2],
			.source = { 10, 1, 2, 3 },
			.destination = { 10, 4, 5, 6 },
			.source_port = 40000,
			.destination_port = 22,
			.flags = i % 3 ? MG_PROBE_SYN : MG_PROBE_ACK,
			.sequence = 123456789,
			.acknowledged = 987654321,
		};
		size = mg_probe_write(&packet, bytes);
		EXPECT(mg_probe_read(bytes, size, &back));
		EXPECT_IS(back.family, packet.family);
		EXPECT_IS(back.protocol, packet.protocol);
		EXPECT(memcmp(back.source, packet.source, 16) == 0);
		EXPECT(memcmp(back.destination, packet.destination, 16) == 0);
		if (packet.protocol == IPPROTO_TCP) {
			EXPECT_IS(back.source_port, 40000);
			EXPECT_IS(back.destination_port, 22);
			EXPECT_IS(back.sequence, 123456789);
			EXPECT_IS(back.acknowledged, 987654321);
			EXPECT_IS(back.flags, packet.flags);
			EXPECT_IS(back.payload, 0);
			for (cut = 0; cut < (i % 2 ? 60U : 40U); cut++)
				EXPECT(!mg_probe_read(bytes, cut, &back));
		}
	}
}

int main(void)
{
	tap_run("a network is met just if an address of it is there", meets_what_is_there);
	tap_run("what is not sure is met", meets_all_if_it_is_not_sure);
	tap_run("a packet is read as it was written", writes_what_it_reads);
	mg_reach_clear(&reach);
	return tap_end();
}
