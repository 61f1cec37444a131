# SPDX-License-Identifier: MIT
"""Pictures of two classes that are easy to tell apart, written without any library."""

import random
import struct
import zlib

SIDE = 32


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows):
    """The bytes of a grey picture of rows of values."""
    raw = b"".join(b"\0" + bytes(row) for row in rows)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(raw))
        + chunk(b"IEND", b"")
    )


def stripes(dice, upright):
    return [
        [(x if upright else y) // 4 % 2 * 150 + dice.randrange(40) for x in range(SIDE)]
        for y in range(SIDE)
    ]


def write(folder):
    """FOLDER/train and FOLDER/val with lying and standing stripes."""
    dice = random.Random(1)
    for split, n in [("train", 8), ("val", 4)]:
        for name in ["Lying", "Standing"]:
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(n):
                (place / f"{split}_{name}_{i}.png").write_bytes(
                    png(stripes(dice, name == "Standing"))
                )
