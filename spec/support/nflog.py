# SPDX-License-Identifier: GPL-2.0-or-later
"""Read what NFLOG sends to a netlink group, for the specs.

  nflog.py GROUP

Prints "ready", then one line a packet, its fields parted by bars:
PREFIX|HOOK|PROTOCOL|SOURCE|DESTINATION|PORT|INTERFACE, where HOOK is the
chain's number in the kernel (1 INPUT, 2 FORWARD, 3 OUTPUT), PORT the
destination's, and INTERFACE the one that the packet came in or goes out by.
Speaks nfnetlink_log itself, so that it needs no library; it reads the network
namespace in which it runs. Run by the specs inside private ones only.
"""
import socket
import struct
import sys

NETLINK_NETFILTER = 12
CONFIG, PACKET = 4 << 8 | 1, 4 << 8 | 0
ACK = 5
BIND, COPY_PACKET = 1, 2
CFG_CMD, CFG_MODE, CFG_TIMEOUT, CFG_QTHRESH = 1, 2, 4, 5
PACKET_HDR, INDEV, OUTDEV, PAYLOAD, PREFIX = 1, 4, 5, 9, 10


def attribute(kind, data):
    padded = data + b"\0" * (-len(data) % 4)
    return struct.pack("=HH", 4 + len(data), kind) + padded


def config(sock, group, *attributes):
    body = struct.pack("!BBH", socket.AF_UNSPEC, 0, group) + b"".join(attributes)
    sock.send(struct.pack("=IHHII", 16 + len(body), CONFIG, ACK, 1, 0) + body)
    answer = sock.recv(4096)
    error = struct.unpack_from("=i", answer, 16)[0]
    if error:
        sys.exit("nfnetlink_log: error %d" % -error)


def attributes_of(data):
    found, at = {}, 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        found[kind & 0x7FFF] = data[at + 4:at + length]
        at += (length + 3) & ~3
    return found


def ends(packet):
    """Protocol, source, destination and destination port of an IP packet."""
    if packet[0] >> 4 == 4:
        protocol, at = packet[9], (packet[0] & 15) * 4
        pair = [socket.inet_ntop(socket.AF_INET, packet[i:i + 4]) for i in (12, 16)]
    else:
        protocol, at = packet[6], 40
        pair = [socket.inet_ntop(socket.AF_INET6, packet[i:i + 16]) for i in (8, 24)]
    has_port = protocol in (6, 17) and len(packet) >= at + 4
    port = struct.unpack_from("!H", packet, at + 2)[0] if has_port else 0
    return protocol, pair[0], pair[1], port


def show(message):
    found = attributes_of(message[20:])
    hook = found[PACKET_HDR][2]
    device = found.get(INDEV) or found.get(OUTDEV)
    name = socket.if_indextoname(struct.unpack("!I", device)[0]) if device else ""
    prefix = found.get(PREFIX, b"").rstrip(b"\0").decode()
    print("|".join(map(str, (prefix, hook) + ends(found[PAYLOAD]) + (name,))), flush=True)


def main(argv):
    group = int(argv[1])
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as sock:
        sock.bind((0, 0))
        config(sock, group, attribute(CFG_CMD, struct.pack("B", BIND)))
        config(sock, group, attribute(CFG_MODE, struct.pack("!IBB", 0xFFFF, COPY_PACKET, 0)),
               attribute(CFG_TIMEOUT, struct.pack("!I", 1)), attribute(CFG_QTHRESH, struct.pack("!I", 1)))
        print("ready", flush=True)
        while True:
            data = sock.recv(1 << 16)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == PACKET:
                    show(data[:length])
                data = data[(length + 3) & ~3:]


main(sys.argv)
