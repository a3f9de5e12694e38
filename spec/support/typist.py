# SPDX-License-Identifier: GPL-2.0-or-later
"""Type into an interactive bash and tell what stands on its line then.

  typist.py SCRIPT FOLDER LINE ...

bash reads SCRIPT and goes to FOLDER. Each LINE is typed, then Tab, then a
comment sign and Return; what bash has made of it is written to stdout, a line
each. Where Tab leaves a choice the line stays as it was typed. No LINE does
anything: the program's name is an alias for ":" there, which completion does
not look at.
"""
import os
import pty
import re
import sys

SHELL = ["bash", "--norc", "--noprofile", "-i"]


def read_until(master, end):
    text = b""
    while not text.endswith(end):
        text += os.read(master, 4096)
    return text


def main(script, folder, lines):
    child, master = pty.fork()
    if child == 0:
        os.environ.update(PS1="ready>", TERM="dumb", HISTFILE="", COLUMNS="2000")
        os.chdir(folder)
        os.execvp(SHELL[0], SHELL)
    read_until(master, b"ready>")
    os.write(master, b"bind 'set enable-bracketed-paste off'; source %s; alias moongate=:\n"
             % os.fsencode(script))
    read_until(master, b"ready>")
    for line in lines:
        os.write(master, os.fsencode(line) + b"\t #end\n")
        shown = read_until(master, b"ready>").decode(errors="replace")
        print(re.sub("[\a\b\r]", "", shown.split("#end")[0]).rstrip(), flush=True)
    os.close(master)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
