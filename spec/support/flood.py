# SPDX-License-Identifier: GPL-2.0-or-later
"""UDP datagrams as fast as they can be sent, for the specs.

  flood.py ADDRESS PORT    until TERM comes; prints "ready" first, and then how many were sent

Run by the specs inside private network namespaces only.
"""
import signal
import socket
import sys


def main(argv):
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    address, port = argv[1], int(argv[2])
    sent = 0
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((address, port))
        print("ready", flush=True)
        while not over:
            sock.send(b"flood")
            sent += 1
    print(sent, flush=True)


main(sys.argv)
