#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the same smooth colours as barn.ppm and barn.png, a crop of them as crop.ppm, and a ramp
of luma as frame.nv12 and grey.pgm."""

import math
import struct
import sys
import zlib

WIDTH, HEIGHT = 97, 61
CROP = (20, 10, 50, 40)  # x, y, width, height


def pixel(x, y):
    return tuple(round(127.5 + 127 * math.sin(0.05 * x + 0.08 * y + c)) for c in range(3))


def rows(x0, y0, width, height):
    return [
        bytes(v for x in range(x0, x0 + width) for v in pixel(x, y)) for y in range(y0, y0 + height)
    ]


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def write(name, data):
    with open(sys.argv[1] + '/' + name, 'wb') as file:
        file.write(data)


whole = rows(0, 0, WIDTH, HEIGHT)
write('barn.ppm', b'P6\n# drawn by a sine\n%d %d\n255\n' % (WIDTH, HEIGHT) + b''.join(whole))
write(
    'barn.png',
    b'\x89PNG\r\n\x1a\n'
    + chunk(b'IHDR', struct.pack('>IIBBBBB', WIDTH, HEIGHT, 8, 2, 0, 0, 0))
    + chunk(b'IDAT', zlib.compress(b''.join(b'\0' + row for row in whole)))
    + chunk(b'IEND', b''),
)
write('crop.ppm', b'P6 %d %d 255\n' % CROP[2:] + b''.join(rows(*CROP)))
# Between black (16) and white (235) of limited range, the values that a grey picture has in full
# range.
luma = [16 + (x * 219) // WIDTH for _ in range(HEIGHT) for x in range(WIDTH)]
write('frame.nv12', bytes(luma) + b'\x80' * ((WIDTH + 1) // 2 * 2 * ((HEIGHT + 1) // 2)))
write(
    'grey.pgm',
    b'P5\n%d %d\n255\n' % (WIDTH, HEIGHT)
    + bytes(math.floor((v - 16) * 255 / 219 + 0.5) for v in luma),
)
write('short.ppm', b'P6 97 61 255\n' + b'\x80' * 100)
