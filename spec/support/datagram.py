# SPDX-License-Identifier: GPL-2.0-or-later
"""Single UDP datagrams with any source address, for the specs.

  datagram.py send TARGET PORT,SOURCE ...  one datagram each, in this order, its IP header written here
  datagram.py listen PORT ...              one line a datagram: PORT SOURCE; prints "ready" first

A source that is not the sender's own never gets an answer, so it is the
receiver that tells what has come through.
Run by the specs inside private network namespaces only.
"""
import select
import socket
import struct
import sys

# linux/in6.h; the socket module does not have it
IPV6_HDRINCL = 36


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def datagram(family, source, target, port):
    """A whole packet: IP header, UDP header, payload."""
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    payload = b"spoof"
    length = 8 + len(payload)
    header = struct.pack("!HHH", 40000, port, length)
    if family == socket.AF_INET:
        pseudo = ends + struct.pack("!BBH", 0, socket.IPPROTO_UDP, length)
        # the kernel fills in the length, the identification and the checksum
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + ends
    else:
        pseudo = ends + struct.pack("!II", length, socket.IPPROTO_UDP)
        ip = struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + ends
    check = checksum(pseudo + header + b"\0\0" + payload) or 0xFFFF
    return ip + header + struct.pack("!H", check) + payload


def send(target, orders):
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        if family == socket.AF_INET6:
            raw.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
        for order in orders:
            port, source = order.split(",")
            raw.sendto(datagram(family, source, target, int(port)), (target, 0))


def listen(ports):
    sockets = {}
    for port in ports:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", int(port)))
        sockets[sock] = port
    print("ready", flush=True)
    while True:
        for sock in select.select(list(sockets), [], [])[0]:
            source = sock.recvfrom(2048)[1][0]
            print(sockets[sock], source.replace("::ffff:", ""), flush=True)


def main(argv):
    if argv[1] == "send":
        send(argv[2], argv[3:])
    elif argv[1] == "listen":
        listen(argv[2:])
    else:
        sys.exit(__doc__)


main(sys.argv)
