# SPDX-License-Identifier: GPL-2.0-or-later
"""A policy of conntrack timeouts, for the specs.

  timeouts.py NAME 4|6 PROTOCOL    make one, for the number of a protocol

Run by the specs inside private network namespaces only.
"""
import os
import socket
import struct
import sys

# linux/netfilter/nfnetlink.h and nfnetlink_cttimeout.h
NETLINK_NETFILTER, TIMEOUT_NEW = 12, 8 << 8
NAME, L3PROTO, L4PROTO, DATA = 1, 2, 3, 4 | 0x8000
REQUEST, ACK, CREATE = 1, 4, 0x400


def attribute(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def main(argv):
    family = socket.AF_INET6 if argv[2] == "6" else socket.AF_INET
    body = (struct.pack("BBH", 0, 0, 0) + attribute(NAME, argv[1].encode() + b"\0")
            + attribute(L3PROTO, struct.pack(">H", family)) + attribute(L4PROTO, bytes([int(argv[3])]))
            + attribute(DATA, b""))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as netlink:
        netlink.send(struct.pack("IHHII", 16 + len(body), TIMEOUT_NEW, REQUEST | ACK | CREATE, 1, 0) + body)
        error = -struct.unpack("i", netlink.recv(4096)[16:20])[0]
    if error:
        sys.exit("%s: %s" % (argv[1], os.strerror(error)))


main(sys.argv)
