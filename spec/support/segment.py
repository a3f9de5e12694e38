# SPDX-License-Identifier: GPL-2.0-or-later
"""Send bare TCP segments with any flags, for the specs.

  segment.py ADDR PORT FLAGS=COUNT ...

FLAGS are letters of FSRPAU, or "-" for none. The checksums are right, so that
a receiver has no other reason than the flags to think ill of a segment.
Run by the specs inside private network namespaces only.
"""
import socket
import struct
import sys

BITS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16, "U": 32, "-": 0}


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def source_towards(family, address, port):
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, port))
        return sock.getsockname()[0]


def pseudo_header(family, source, target, length):
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    if family == socket.AF_INET:
        return ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, length)
    return ends + struct.pack("!II", length, socket.IPPROTO_TCP)


def segment(pseudo, source_port, port, flags):
    def header(check):
        return struct.pack("!HHIIBBHHH", source_port, port, 1000, 0, 5 << 4, flags, 1024, check, 0)
    return header(checksum(pseudo + header(0)))


def main(argv):
    address, port = argv[1], int(argv[2])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    pseudo = pseudo_header(family, source_towards(family, address, port), address, 20)
    source_port = 40000
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        for order in argv[3:]:
            letters, count = order.split("=")
            flags = sum(BITS[letter] for letter in letters)
            for _ in range(int(count)):
                # A flow of its own for each, so that conntrack links no two.
                source_port += 1
                raw.sendto(segment(pseudo, source_port, port, flags), (address, 0))


main(sys.argv)
