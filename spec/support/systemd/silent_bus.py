# SPDX-License-Identifier: GPL-2.0-or-later
"""A bus that takes connections and never says a word: silent_bus.py SOCKET."""

import os
import socket
import sys
import time

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + ".new")
listener.listen(8)
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(60)
