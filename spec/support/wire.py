# SPDX-License-Identifier: GPL-2.0-or-later
"""The ends of the wire for the specs: listeners, probes and one conversation.

  wire.py serve tcp:22 udp:53 ...          echo on both families; prints "ready"
  wire.py probe SECONDS tcp,ADDR,PORT ...  one line a target: TARGET STATE
  wire.py converse ADDR PORT               each line of stdin is sent, its echo printed

All targets of a probe are tried at the same time, so that silence is waited
for once. Run by the specs inside private network namespaces only.
"""
import select
import socket
import sys
import time


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listener(spec):
    protocol, port = spec.split(":")
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", int(port)))
    if protocol == "tcp":
        sock.listen(64)
    return protocol, sock


def serve_one(protocol, sock, readers):
    if protocol == "udp":
        data, peer = sock.recvfrom(2048)
        sock.sendto(data, peer)
    elif protocol == "tcp":
        readers[sock.accept()[0]] = "stream"
    else:
        data = sock.recv(2048)
        if data:
            sock.sendall(data)
        else:
            del readers[sock]
            sock.close()


def serve(specs):
    readers = {}
    for protocol, sock in map(listener, specs):
        readers[sock] = protocol
    print("ready", flush=True)
    while True:
        for sock in select.select(list(readers), [], [])[0]:
            try:
                serve_one(readers[sock], sock, readers)
            except OSError:
                if readers.get(sock) == "stream":
                    del readers[sock]
                    sock.close()


def state_of(error):
    """What an error of a connection says about the way."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, PermissionError):
        return "denied"
    return "unreachable"


def begin(target):
    protocol, address, port = target.split(",")
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(family_of(address), kind)
    sock.setblocking(False)
    try:
        sock.connect((address, int(port)))
        if protocol == "udp":
            sock.send(b"probe")
    except BlockingIOError:
        pass
    return sock, protocol


def settle(sock, protocol):
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        return state_of(OSError(error, ""))
    if protocol == "udp":
        try:
            sock.recv(2048)
        except OSError as failure:
            return state_of(failure)
    return "open"


def probe(seconds, targets):
    states, waiting = {}, {}
    for target in targets:
        states[target] = "silent"
        try:
            sock, protocol = begin(target)
            waiting[sock] = (target, protocol)
        except OSError as error:
            states[target] = state_of(error)
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        udp = [sock for sock, (_, protocol) in waiting.items() if protocol == "udp"]
        tcp = [sock for sock, (_, protocol) in waiting.items() if protocol == "tcp"]
        left = max(0.0, deadline - time.monotonic())
        readable, writable, _ = select.select(udp, tcp, [], left)
        for sock in readable + writable:
            target, protocol = waiting.pop(sock)
            states[target] = settle(sock, protocol)
            sock.close()
    for target in targets:
        print(target, states[target])


def converse(address, port):
    sock = socket.create_connection((address, int(port)), 3)
    sock.settimeout(10)
    print("connected", flush=True)
    for line in sys.stdin:
        sock.sendall(line.encode())
        got = b""
        while not got.endswith(b"\n"):
            more = sock.recv(2048)
            if not more:
                sys.exit("the other end has closed")
            got += more
        print("echo " + got.decode().strip(), flush=True)


def main(argv):
    if argv[1] == "serve":
        serve(argv[2:])
    elif argv[1] == "probe":
        probe(float(argv[2]), argv[3:])
    elif argv[1] == "converse":
        converse(argv[2], argv[3])
    else:
        sys.exit(__doc__)


main(sys.argv)
