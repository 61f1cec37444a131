#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes preprocess/resized.safetensors, which tests/model/test-preprocess.c compares with
CkOperations.resample.

Each case NAME has NAME.picture [height, width, 3], NAME.box [x, y, w, h] (int32), NAME.opencv and
NAME.pillow [out height, out width, 3]: that part of the picture resized with OpenCV's INTER_LINEAR
and with Pillow's BILINEAR. Made with opencv-python-headless 4.14 and Pillow 11.1 (Pillow 13 changed
the order of its two passes for some shapes, which moves some values by 1):

    pip install "opencv-python-headless<5" "pillow<13" numpy safetensors
    python3 tests/data/make-preprocess.py
"""

import pathlib

import cv2
import numpy as np
from PIL import Image
from safetensors.numpy import save_file

# name: (picture width, height), (x, y, w, h), (out width, out height)
CASES = {
    "upscale": ((13, 9), (0, 0, 13, 9), (32, 48)),
    "downscale": ((97, 61), (0, 0, 97, 61), (16, 32)),
    "half": ((64, 48), (0, 0, 64, 48), (32, 24)),
    "same": ((17, 11), (0, 0, 17, 11), (17, 11)),
    "crop": ((50, 40), (7, 5, 31, 23), (16, 16)),
    "corner": ((50, 40), (33, 29, 17, 11), (21, 16)),
    "pixel": ((5, 5), (2, 3, 1, 1), (16, 16)),
    "column": ((9, 33), (4, 0, 1, 33), (8, 8)),
    "row": ((33, 9), (1, 8, 32, 1), (8, 3)),
    "mixed": ((12, 70), (0, 0, 12, 70), (32, 16)),
    "to-one": ((31, 29), (0, 0, 31, 29), (1, 1)),
    "extremes": ((40, 40), (0, 0, 40, 40), (23, 19)),
}


def main():
    random = np.random.default_rng(20260101)
    tensors = {}
    for name, ((width, height), (x, y, w, h), size) in CASES.items():
        picture = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if name == "extremes":
            picture = np.where(picture > 127, 255, 0).astype(np.uint8)
        part = np.ascontiguousarray(picture[y : y + h, x : x + w])
        tensors[f"{name}.picture"] = picture
        tensors[f"{name}.box"] = np.array([x, y, w, h], dtype=np.int32)
        tensors[f"{name}.opencv"] = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        tensors[f"{name}.pillow"] = np.array(Image.fromarray(part).resize(size, Image.BILINEAR))
    save_file(tensors, pathlib.Path(__file__).parent / "preprocess" / "resized.safetensors")


if __name__ == "__main__":
    main()
