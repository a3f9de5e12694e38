# SPDX-License-Identifier: GPL-2.0-or-later
"""As much of FTP as agrees on a second connection, for the specs.

serve PORT...: answers EPSV, PASV and PORT, and sends "data" over what was agreed.
get HOST PORT passive|active: fetches, and prints "data", or what went wrong.
"""
import re
import socket
import sys
import threading


def serve_one(control):
    try:
        talk(control)
    except OSError:
        pass  # the client is gone


def talk(control):
    lines = control.makefile("r", newline="\r\n")

    def say(text):
        control.sendall((text + "\r\n").encode())

    say("220 ready")
    data = None
    for line in lines:
        word = line.split()[0]
        host = control.getsockname()[0]
        if word == "USER":
            say("230 welcome")
        elif word in ("PASV", "EPSV"):
            data = socket.create_server((host, 0), family=control.family)
            port = data.getsockname()[1]
            if word == "PASV":
                say("227 Entering Passive Mode (%s,%d,%d)" % (host.replace(".", ","), port >> 8, port & 255))
            else:
                say("229 Entering Extended Passive Mode (|||%d|)" % port)
        elif word == "PORT":
            numbers = line.split()[1].split(",")
            data = (".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5]))
            say("200 ok")
        elif word == "RETR":
            say("150 here it comes")
            try:
                if isinstance(data, tuple):
                    sender = socket.create_connection(data, timeout=1)
                else:
                    data.settimeout(2)
                    sender = data.accept()[0]
                sender.sendall(b"data")
                sender.close()
                say("226 done")
            except OSError:
                say("425 no connection")


def serve(ports):
    for port in ports:
        for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            listener = socket.create_server((host, int(port)), family=family)
            threading.Thread(target=accept_all, args=(listener,)).start()
    print("ready", flush=True)


def accept_all(listener):
    while True:
        control = listener.accept()[0]
        threading.Thread(target=serve_one, args=(control,), daemon=True).start()


def get(host, port, how):
    control = socket.create_connection((host, int(port)), timeout=2)
    lines = control.makefile("r", newline="\r\n")

    def ask(text):
        control.sendall((text + "\r\n").encode())
        return lines.readline()

    lines.readline()
    ask("USER anonymous")  # the kernel's helper looks at what comes behind a line
    if how == "active":
        listener = socket.create_server((control.getsockname()[0], 0))
        listener.settimeout(2)
        port = listener.getsockname()[1]
        ask("PORT %s,%d,%d" % (control.getsockname()[0].replace(".", ","), port >> 8, port & 255))
        ask("RETR x")
        data = listener.accept()[0]
    else:
        if control.family == socket.AF_INET6:
            port = int(re.search(r"\|\|\|(\d+)\|", ask("EPSV"))[1])
        else:
            numbers = re.search(r"\((.*)\)", ask("PASV"))[1].split(",")
            host, port = ".".join(numbers[:4]), int(numbers[4]) * 256 + int(numbers[5])
        data = socket.create_connection((host, port), timeout=1)
        control.sendall(b"RETR x\r\n")
    data.settimeout(2)
    print(data.recv(64).decode())


if sys.argv[1] == "serve":
    serve(sys.argv[2:])
else:
    try:
        get(*sys.argv[2:])
    except OSError as error:
        print("failed: %s" % error)
