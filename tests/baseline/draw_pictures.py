# SPDX-License-Identifier: MIT
"""draw_pictures.py FOLDER: thirty pictures of 32 x 32, three classes that are easy to tell apart.

Bars that lie, bars that stand, a disc; a class has a colour, a picture its light and its shift.
Written by hand as PNG, so that the bytes are the same wherever this runs.
"""

import pathlib
import random
import struct
import sys
import zlib

CLASSES = ["Lying", "Standing", "Walking"]
COLOURS = [(200, 90, 60), (70, 110, 210), (90, 190, 80)]
SPLITS = {"train": 6, "val": 3, "test": 1}
SIDE = 32


def is_figure(label, x, y, shift):
    if label == 0:
        return (y + shift) * 4 // SIDE % 2 == 0
    if label == 1:
        return (x + shift) * 4 // SIDE % 2 == 0
    return (x - 15.5 - shift) ** 2 + (y - 15.5) ** 2 < 110


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(label, seed):
    dice = random.Random(seed * 3 + label)
    shift, light = dice.randrange(4), dice.randrange(-60, 61)
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)
        for x in range(SIDE):
            colour = COLOURS[label] if is_figure(label, x, y, shift) else (40, 40, 40)
            rows += bytes(max(0, min(255, c + light)) for c in colour)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def main(folder):
    number = 0
    for split, count in SPLITS.items():
        for seed in range(number, number + count):
            for label, name in enumerate(CLASSES):
                path = pathlib.Path(folder, split, name, f"{name.lower()}_{seed:03}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(png(label, seed))
        number += count


if __name__ == "__main__":
    main(sys.argv[1])
