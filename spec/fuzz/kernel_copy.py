# SPDX-License-Identifier: GPL-2.0-or-later
"""Write the kernel's copy of table filter as an input of spec/fuzz/table.c.

Argument: 4 or 6. Standard output: a byte for the family, the hooks, their
entries and underflows, the number of entries, the entries. The table is that
of the network namespace in which this runs.
"""

import ctypes
import os
import socket
import struct
import sys

NAME, INFO = 32, 84
HOOKS = 5
GET_INFO, GET_ENTRIES = 64, 65

libc = ctypes.CDLL(None, use_errno=True)


def ask(fd, level, option, buffer):
    """getsockopt(2) with a buffer that also says what is asked for."""
    length = ctypes.c_uint32(len(buffer))
    if libc.getsockopt(fd, level, option, buffer, ctypes.byref(length)) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return bytes(buffer[: length.value])


def main():
    six = sys.argv[1] == "6"
    family = socket.AF_INET6 if six else socket.AF_INET
    level = socket.IPPROTO_IPV6 if six else socket.IPPROTO_IP
    sock = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    request = ctypes.create_string_buffer(b"filter", INFO)
    info = ask(sock.fileno(), level, GET_INFO, request)
    facts = info[NAME:NAME + 4 + HOOKS * 8 + 4]
    (size,) = struct.unpack_from("=I", info, NAME + 4 + HOOKS * 8 + 4)
    # the name, its size, and what aligns the entries
    head = struct.pack("=32sI4x", b"filter", size)
    copy = ask(sock.fileno(), level, GET_ENTRIES, ctypes.create_string_buffer(head, len(head) + size))
    sys.stdout.buffer.write(bytes([six]) + facts + copy[len(head):])


main()
