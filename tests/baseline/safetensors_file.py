# SPDX-License-Identifier: MIT
"""Reads a .safetensors file without a library."""

import json
import pathlib


def read_header(path):
    """The JSON object at its start, and all bytes that follow."""
    data = pathlib.Path(path).read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    return json.loads(data[8:end]), data[end:]


def read_tensor(path, name):
    header, data = read_header(path)
    begin, end = header[name]["data_offsets"]
    return data[begin:end]
