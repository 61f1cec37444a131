# SPDX-License-Identifier: MIT
"""Looks for secrets: in files, and in what a running process shows to others."""

import base64
import os
import pathlib
import re
import urllib.parse

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ (\S+)\s*(.*)")


def forms(secret, user=""):
    """The ways in which a secret may be written."""
    plain = urllib.parse.unquote(secret)
    ways = {secret, plain, urllib.parse.quote(plain, safe="")}
    ways |= {re.sub(r"([^A-Za-z0-9_+/:.-])", r"\\\1", way) for way in set(ways)}
    found = {way.encode() for way in ways}
    for password in {secret, plain}:
        found.add(base64.b64encode(f"{user}:{password}".encode()).rstrip(b"="))
    return found


class Secrets:
    def __init__(self):
        self.forms = {}

    def add(self, secret, user=""):
        for form in forms(secret, user):
            self.forms[form] = secret
        return secret

    def find(self, data):
        """The secrets in these bytes."""
        return sorted({secret for form, secret in self.forms.items() if form in data})


def in_files(secrets, folder):
    """Lines of what is in which file below the folder. Names of files count."""
    found = []
    for path in sorted(pathlib.Path(folder).rglob("*")):
        data = str(path).encode()
        if path.is_file() and not path.is_symlink():
            data += b"\n" + path.read_bytes()
        found += [f"{secret} in {path.name}" for secret in secrets.find(data)]
    return found


def family(pid):
    """A process and those that it started."""
    pids = [pid]
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fields = pathlib.Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            pids += family(int(name))
    return pids


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def shown_by(secrets, pid):
    """Lines of what ps and /proc tell of a process. None: it is over."""
    found = []
    for name in ["cmdline", "environ"]:
        try:
            data = pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
        except OSError:
            return None
        if not data and name == "cmdline":
            return None
        found += [f"{secret} in {name} of {program_of(pid)}" for secret in secrets.find(data)]
    return found


def in_memory(secrets, pid):
    """The kinds of memory that hold a secret, which a core file would hold, too: "private",
    "stack", or the name of a file."""
    kinds = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = MAPPING.match(line)
            if not match or match[4].startswith("[v"):
                continue
            try:
                memory.seek(int(match[1], 16))
                data = memory.read(int(match[2], 16) - int(match[1], 16))
            except (OSError, ValueError):
                continue
            if secrets.find(data or b""):
                kinds.add(
                    "stack"
                    if match[4] == "[stack]"
                    else match[4] if match[4].startswith("/") else "private"
                )
    return kinds
