# SPDX-License-Identifier: GPL-2.0-or-later
"""Run a command on a pseudo-terminal that can be closed under it.

  terminal.py COMMAND ...

What the command writes is copied to stdout. When stdin says "hangup" or ends,
the terminal is closed, as sshd does when the connection is gone; the kernel
then sends SIGHUP to the command. At its end "ended CODE" is written.
"""
import os
import pty
import select
import sys
import time


def copy_until_hangup(master):
    """Returns when the terminal is to be closed or nobody is at its other end."""
    while True:
        for ready in select.select([master, 0], [], [])[0]:
            if ready == 0:
                return
            try:
                data = os.read(master, 4096)
            except OSError:
                return
            if not data:
                return
            os.write(1, data)


def main(command):
    child, master = pty.fork()
    if child == 0:
        os.execvp(command[0], command)
    copy_until_hangup(master)
    os.close(master)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            print("\nended %d" % os.waitstatus_to_exitcode(status), flush=True)
            return
        time.sleep(0.01)
    print("\nstill there", flush=True)


main(sys.argv[1:])
