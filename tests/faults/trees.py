# SPDX-License-Identifier: MIT
"""Folders as {path: what the file holds}, so that two of them can be compared: whole files, and
without what differs from run to run (times, memory, speed)."""
import csv
import hashlib
import io
import json
import os
import pathlib
import struct

TIMES = {
    "made_at",
    "memory",
    "network_pictures_per_second",
    "network_seconds",
    "pictures_per_second",
    "seconds",
}
# Counters and history of a run hold times.
TIMED_TENSORS = {"counters", "history"}


MADE_AT = 1_700_000_000  # seconds


class Damaged(Exception):
    pass


def tensors(data):
    """A safetensors file: its metadata, and a hash of each tensor."""
    if len(data) < 8:
        raise Damaged("no header")
    n = struct.unpack_from("<Q", data)[0]
    if n > len(data) - 8:
        raise Damaged("half a header")
    header = json.loads(data[8 : 8 + n])
    body, found = data[8 + n :], {}
    for name, entry in header.items():
        if name == "__metadata__":
            found[name] = entry
            continue
        begin, end = entry["data_offsets"]
        if end > len(body):
            raise Damaged(f"{name} is cut off")
        sum_of = hashlib.sha256(body[begin:end]).hexdigest()
        found[name] = [entry["dtype"], entry["shape"], name in TIMED_TENSORS or sum_of]
    return found


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    if isinstance(value, list):
        return [without_times(v) for v in value]
    return value


def table(data):
    rows = list(csv.reader(io.StringIO(data.decode())))
    if not data.endswith(b"\n") or any(len(row) != len(rows[0]) for row in rows):
        raise Damaged("half a row")
    return [[cell for name, cell in zip(rows[0], row) if name not in TIMES] for row in rows]


def ending(end):
    def read(data):
        if not data.rstrip().endswith(end):
            raise Damaged("its end is missing")
        return "whole"

    return read


def text(data):
    return [line for line in data.decode().splitlines() if "pictures a second" not in line]


READERS = {
    ".txt": text,
    ".safetensors": tensors,
    ".json": lambda data: without_times(json.loads(data)),
    ".csv": table,
    ".png": lambda data: ending(b"IEND\xaeB`\x82")(data) and hashlib.sha256(data).hexdigest(),
    ".svg": ending(b"</svg>"),
    ".html": ending(b"</html>"),
}


def content(path, data):
    """What a file holds, equal for equal results. Damaged where it is not whole."""
    try:
        return READERS.get(pathlib.PurePath(path).suffix, bytes)(data)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise Damaged(f"{type(error).__name__}: {error}") from error


def read(folder):
    """{path: bytes}; a folder's path ends with "/", and a link's bytes are where it leads."""
    found = {}
    for place, folders, files in os.walk(folder):
        where = pathlib.Path(place)
        for name in folders:
            found[str((where / name).relative_to(folder)) + "/"] = b""
        for name in files:
            path = where / name
            data = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
            found[str(path.relative_to(folder))] = data
    return found


def write(folder, tree):
    """Makes the folder hold this tree."""
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for path in sorted(tree):
        place = pathlib.Path(folder) / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(tree[path])
            os.utime(place, (MADE_AT, MADE_AT))  # cached features are known by it too


def differences(found, expected):
    """Lines of what is missing, damaged, different or too much."""
    lines = []
    for path in sorted({*found, *expected}):
        if path not in found:
            lines.append(f"{path} is missing")
        elif path not in expected:
            lines.append(f"{path} should not be there")
        elif found[path] != expected[path]:
            try:
                if content(path, found[path]) != content(path, expected[path]):
                    lines.append(f"{path} differs")
            except Damaged as problem:
                lines.append(f"{path} is damaged: {problem}")
    return lines
