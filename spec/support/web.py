# SPDX-License-Identifier: GPL-2.0-or-later
"""web.py FOLDER PORT: serve the files of a folder on both families.

python3 -m http.server does the same, but asks the DNS for its own name first,
and in a network of one's own nobody answers.
"""

import functools
import http.server
import socket
import socketserver
import sys


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "here", self.server_address[1]


handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
Server(("::", int(sys.argv[2])), handler).serve_forever()
