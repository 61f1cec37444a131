#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes detector/labels.txt and detector/detector.onnx, an object detector of 128 x 64 RGB that
finds what is bright (a channel above 200) in the left and in the right half of a picture. Its
outputs have the names and shapes of TensorFlow's SSD models, by which GStreamer 1.24 to 1.26
recognise them. Needs only Python; ONNX's messages are written field by field (onnx.proto of its
version 1.8, IR 7, operator set 13)."""

import pathlib
import struct

WIDTH, HEIGHT = 128, 64
BRIGHT, SCORE, COW = 200.0, 0.75, 1  # the class is a line of labels.txt, from 0
FLOAT, UINT8, INT64 = 1, 2, 7


def varint(value):
    value &= (1 << 64) - 1
    out = b''
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, *parts):
    data = b''.join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(data)) + data


def attribute(name, value):
    if isinstance(value, list):
        return message(5, message(1, name), *(number(8, v) for v in value), number(20, 7))
    return message(5, message(1, name), number(3, value), number(20, 2))


def node(kind, inputs, output, **attributes):
    return message(
        1,
        *(message(1, name) for name in inputs),
        message(2, output),
        message(4, kind),
        *(attribute(name, value) for name, value in attributes.items()),
    )


def tensor(name, kind, dims, values):
    raw = struct.pack('<%d%s' % (len(values), 'q' if kind == INT64 else 'f'), *values)
    return message(
        5, *(number(1, d) for d in dims), number(2, kind), message(8, name), message(9, raw)
    )


def value(field, name, kind, dims):
    shape = message(2, *(message(1, number(1, d)) for d in dims))
    return message(field, message(1, name), message(2, message(1, number(1, kind), shape)))


def side(name, start, end):
    """A box and a score of what is bright in columns [start, end)."""

    def edge(line, size, offset, last):
        raw, whole = f'{name}_{line}_{last}', f'{name}_{line}_{last}_px'
        return [
            node('ArgMax', [f'{name}_{line}'], raw, axis=1, keepdims=1, select_last_index=last),
            node('Cast', [raw], raw + '_f', to=FLOAT),
            node('Add', [raw + '_f', tensor_of(offset + last)], whole),
            node('Div', [whole, tensor_of(size)], whole + '_rel'),
        ]

    edges = (
        edge('rows', HEIGHT, 0, 0)
        + edge('columns', WIDTH, start, 0)
        + edge('rows', HEIGHT, 0, 1)
        + edge('columns', WIDTH, start, 1)
    )
    return [
        node('Slice', ['bright', f'{name}_from', f'{name}_to', 'axis_x'], name),
        node('ReduceMax', [name], f'{name}_rows', axes=[2], keepdims=0),
        node('ReduceMax', [name], f'{name}_columns', axes=[1], keepdims=0),
        *edges,
        node(
            'Concat',
            [f'{name}_{edge}_px_rel' for edge in ('rows_0', 'columns_0', 'rows_1', 'columns_1')],
            f'{name}_box',
            axis=1,
        ),
        node('ReduceMax', [f'{name}_rows'], f'{name}_found', axes=[1], keepdims=1),
        tensor(f'{name}_from', INT64, [1], [start]),
        tensor(f'{name}_to', INT64, [1], [end]),
    ]


constants = {}


def tensor_of(number_):
    constants[f'constant_{number_}'] = number_
    return f'constant_{number_}'


parts = [
    node('Cast', ['picture'], 'numbers', to=FLOAT),
    node('ReduceMax', ['numbers'], 'lightest', axes=[3], keepdims=0),
    node('Greater', ['lightest', tensor_of(BRIGHT)], 'is_bright'),
    node('Cast', ['is_bright'], 'bright', to=FLOAT),
    *side('left', 0, WIDTH // 2),
    *side('right', WIDTH // 2, WIDTH),
    node('Concat', ['left_box', 'right_box'], 'both_boxes', axis=0),
    node('Unsqueeze', ['both_boxes', 'axis_0'], 'detection_boxes'),
    node('Concat', ['left_found', 'right_found'], 'both_found', axis=1),
    node('Mul', ['both_found', tensor_of(SCORE)], 'detection_scores'),
    node('Identity', ['classes'], 'detection_classes'),
    node('Identity', ['count'], 'num_detections'),
    tensor('axis_0', INT64, [1], [0]),
    tensor('axis_x', INT64, [1], [2]),
    tensor('classes', FLOAT, [1, 2], [COW, COW]),
    tensor('count', FLOAT, [1], [2]),
]
parts += [tensor(name, FLOAT, [], [float(v)]) for name, v in constants.items()]
graph = message(
    7,
    *parts,
    message(2, 'bright'),
    value(11, 'picture', UINT8, [1, HEIGHT, WIDTH, 3]),
    value(12, 'detection_boxes', FLOAT, [1, 2, 4]),
    value(12, 'detection_scores', FLOAT, [1, 2]),
    value(12, 'detection_classes', FLOAT, [1, 2]),
    value(12, 'num_detections', FLOAT, [1]),
)
folder = pathlib.Path(__file__).parent / 'detector'
folder.mkdir(exist_ok=True)
(folder / 'detector.onnx').write_bytes(
    number(1, 7)
    + message(2, 'make-detector.py')
    + graph
    + message(8, message(1, ''), number(2, 13))
)
(folder / 'labels.txt').write_text('person\ncow\n')
