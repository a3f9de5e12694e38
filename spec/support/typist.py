# SPDX-License-Identifier: GPL-2.0-or-later
"""Type into an interactive bash and tell what stands on its line then.

  typist.py SCRIPT FOLDER LINE ...

bash reads SCRIPT and goes to FOLDER. Each LINE is typed, then Tab; what bash has
made of it is written to stdout, a line each. Where Tab leaves a choice the line
stays as it was typed. No LINE is ever entered, so nothing that it says is done: a
key shows the line, and another one deletes it.
"""
import os
import pty
import sys

SHELL = ["bash", "--norc", "--noprofile", "-i"]
PROMPT = b"ready>"
SHOW, DELETE = b"\x18p", b"\x15"  # C-x p, C-u
SET_UP = b"""bind 'set enable-bracketed-paste off'; source %s; \
bind -x '"\\C-xp": printf "\\n<line>%%s</line>\\n" "$READLINE_LINE"'\n"""


def read_until(master, end):
    text = b""
    while end not in text:
        text += os.read(master, 4096)
    return text


def main(script, folder, lines):
    child, master = pty.fork()
    if child == 0:
        os.environ.update(PS1=PROMPT.decode(), TERM="dumb", HISTFILE="", COLUMNS="2000")
        os.chdir(folder)
        os.execvp(SHELL[0], SHELL)
    read_until(master, PROMPT)
    os.write(master, SET_UP % os.fsencode(script))
    read_until(master, b"\n" + PROMPT)
    for line in lines:
        os.write(master, os.fsencode(line) + b"\t" + SHOW)
        shown = read_until(master, b"</line>")
        print(shown.split(b"<line>")[1].split(b"</line>")[0].decode().rstrip(), flush=True)
        os.write(master, DELETE)
    os.close(master)


main(sys.argv[1], sys.argv[2], sys.argv[3:])
