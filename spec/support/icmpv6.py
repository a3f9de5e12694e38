# SPDX-License-Identifier: GPL-2.0-or-later
"""Single ICMPv6 messages, for the specs.

send INTERFACE ADDRESS TYPE [HOPS]: prints "sent", or "denied" by its own host.
listen: prints "ready", then "TYPE" for each message that comes in.
"""
import socket
import struct
import sys

sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
if sys.argv[1] == "listen":
    print("ready", flush=True)
    while True:
        print(sock.recv(2048)[0], flush=True)
else:
    interface, address, number = sys.argv[2:5]
    hops = int(sys.argv[5]) if len(sys.argv) > 5 else 255
    for option in (socket.IPV6_MULTICAST_HOPS, socket.IPV6_UNICAST_HOPS):
        sock.setsockopt(socket.IPPROTO_IPV6, option, hops)
    # enough of a body for any of them; the kernel fills the checksum in
    message = struct.pack("!BBH12x", int(number), 0, 0)
    try:
        sock.sendto(message, (address, 0, 0, socket.if_nametoindex(interface)))
        print("sent")
    except PermissionError:
        print("denied")
