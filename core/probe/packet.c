/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Headers and checksums. See packet.h.
 */
#include "packet.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

/* What a Linux client says in its SYN, but for timestamps: MSS, SACK, window scale. */
static const unsigned char syn_options[] = { 2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 0, 0 };

static uint32_t sum_words(uint32_t sum, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (; size > 1; size -= 2, at += 2)
		sum += (uint32_t)at[0] << 8 | at[1];
	return size ? sum + ((uint32_t)at[0] << 8) : sum;
}

static uint16_t checksum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t address_size(enum mg_family family)
{
	return family == MG_IPV4 ? 4 : 16;
}

/* Over the pseudo header, too. */
static uint16_t transport_sum(const struct mg_probe_packet *packet, const void *bytes, size_t size)
{
	const size_t length = address_size(packet->family);
	uint32_t sum = (uint32_t)size + packet->protocol;

	sum = sum_words(sum, packet->source, length);
	sum = sum_words(sum, packet->destination, length);
	return checksum(sum_words(sum, bytes, size));
}

static size_t write_tcp(const struct mg_probe_packet *packet, unsigned char *out)
{
	const size_t options = packet->flags == MG_PROBE_SYN ? sizeof(syn_options) : 0;
	const size_t size = sizeof(struct tcphdr) + options + packet->payload;
	struct tcphdr header = {
		.source = htons(packet->source_port),
		.dest = htons(packet->destination_port),
		.seq = htonl(packet->sequence),
		.ack_seq = htonl(packet->acknowledged),
		.doff = (sizeof(header) + options) / 4,
		.window = htons(64240),
	};

	header.th_flags = packet->flags;
	memset(out, 0, size);
	memcpy(out, &header, sizeof(header));
	memcpy(out + sizeof(header), syn_options, options);
	header.check = transport_sum(packet, out, size);
	memcpy(out, &header, sizeof(header));
	return size;
}

static size_t write_udp(const struct mg_probe_packet *packet, unsigned char *out)
{
	struct udphdr header = {
		.source = htons(packet->source_port),
		.dest = htons(packet->destination_port),
		.len = htons(sizeof(header)),
	};

	header.check = transport_sum(packet, &header, sizeof(header));
	if (!header.check) /* 0 says that there is none */
		header.check = 0xffff;
	memcpy(out, &header, sizeof(header));
	return sizeof(header);
}

/* Type, code, checksum, identifier, sequence number. */
static size_t write_icmp(const struct mg_probe_packet *packet, unsigned char *out)
{
	const uint16_t id = htons(packet->source_port);
	const size_t size = 8;
	uint16_t sum;

	memset(out, 0, size);
	out[0] = (uint8_t)packet->destination_port;
	memcpy(out + 4, &id, sizeof(id));
	sum = packet->family == MG_IPV4 ? checksum(sum_words(0, out, size))
					: transport_sum(packet, out, size);
	memcpy(out + 2, &sum, sizeof(sum));
	return size;
}

static size_t write_transport(const struct mg_probe_packet *packet, unsigned char *out)
{
	switch (packet->protocol) {
	case IPPROTO_TCP: return write_tcp(packet, out);
	case IPPROTO_UDP: return write_udp(packet, out);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return write_icmp(packet, out);
	default: memset(out, 0, 8); return 8;
	}
}

size_t mg_probe_write(const struct mg_probe_packet *packet, unsigned char *out)
{
	const size_t head = packet->family == MG_IPV4 ? sizeof(struct ip) : sizeof(struct ip6_hdr);
	const size_t size = write_transport(packet, out + head); /* under 200 */
	uint16_t sum;

	memset(out, 0, head);
	if (packet->family == MG_IPV4) {
		out[0] = 4 << 4 | sizeof(struct ip) / 4;
		out[offsetof(struct ip, ip_len) + 1] = (unsigned char)(head + size);
		out[offsetof(struct ip, ip_off)] = IP_DF >> 8;
		out[offsetof(struct ip, ip_ttl)] = 64;
		out[offsetof(struct ip, ip_p)] = packet->protocol;
		memcpy(out + offsetof(struct ip, ip_src), packet->source, 4);
		memcpy(out + offsetof(struct ip, ip_dst), packet->destination, 4);
		sum = checksum(sum_words(0, out, head));
		memcpy(out + offsetof(struct ip, ip_sum), &sum, sizeof(sum));
	} else {
		struct ip6_hdr header = { .ip6_flow = htonl(6U << 28) };

		header.ip6_plen = htons((uint16_t)size);
		header.ip6_nxt = packet->protocol;
		header.ip6_hlim = 64;
		memcpy(&header.ip6_src, packet->source, 16);
		memcpy(&header.ip6_dst, packet->destination, 16);
		memcpy(out, &header, sizeof(header));
	}
	return head + size;
}

static void read_tcp(const unsigned char *bytes, size_t size, struct mg_probe_packet *out)
{
	struct tcphdr header;

	memcpy(&header, bytes, sizeof(header));
	out->source_port = ntohs(header.source);
	out->destination_port = ntohs(header.dest);
	out->flags = header.th_flags;
	out->sequence = ntohl(header.seq);
	out->acknowledged = ntohl(header.ack_seq);
	out->payload = size > header.doff * 4U ? (uint16_t)(size - header.doff * 4U) : 0;
}

bool mg_probe_read(const unsigned char *bytes, size_t size, struct mg_probe_packet *out)
{
	size_t head;

	*out = (struct mg_probe_packet){ .family = MG_IPV4 };
	if (size >= sizeof(struct ip) && bytes[0] >> 4 == 4) {
		head = (bytes[0] & 15U) * 4U;
		out->protocol = bytes[offsetof(struct ip, ip_p)];
		memcpy(out->source, bytes + offsetof(struct ip, ip_src), 4);
		memcpy(out->destination, bytes + offsetof(struct ip, ip_dst), 4);
	} else if (size >= sizeof(struct ip6_hdr) && bytes[0] >> 4 == 6) {
		head = sizeof(struct ip6_hdr);
		out->family = MG_IPV6;
		out->protocol = bytes[offsetof(struct ip6_hdr, ip6_nxt)];
		memcpy(out->source, bytes + offsetof(struct ip6_hdr, ip6_src), 16);
		memcpy(out->destination, bytes + offsetof(struct ip6_hdr, ip6_dst), 16);
	} else {
		return false;
	}
	if (out->protocol != IPPROTO_TCP)
		return size >= head;
	if (size < head + sizeof(struct tcphdr))
		return false;
	read_tcp(bytes + head, size - head, out);
	return true;
}
