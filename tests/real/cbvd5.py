#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""CBVD-5: boxes of cows in a barn, each with one or several of five behaviours.

cbvd5.py FOLDER --out OUT

FOLDER holds annotations/ava_{train,val,test}_v2.1.csv (video, second, x1, y1, x2, y2, action,
entity; parts of the frame) and labelframes/ with VIDEO_SECOND.jpg. A clip is in one split. Where
the published test is the published validation again, that is our test, and the last tenth of the
training clips is for validation: neighbours in number stay together.
"""

import csv
import glob
import os
import re
import sys

import flow

ACTIONS = {1: "Standing", 2: "Lying", 3: "Foraging", 4: "Drinking", 5: "Ruminating"}
# The words that the published list of actions has for each.
WORDS = {1: "stand", 2: "lying", 3: "forag", 4: "drink", 5: "rumina"}


def check_actions(folder):
    """The numbers of the actions are those of the list beside the tables."""
    found = {}
    for path in glob.glob(os.path.join(folder, "*")):
        if not path.endswith((".pbtxt", ".pbtx", "labelmap.txt")):
            continue
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        names, numbers = re.findall(r'name:\s*"([^"]+)"', text), re.findall(r"id:\s*(\d+)", text)
        found.update({int(number): name for number, name in zip(numbers, names)})
    if not found:
        flow.say(f"note: {folder} has no list of actions; they are taken to be {ACTIONS}")
    for number, name in found.items():
        if WORDS.get(number, " ") not in name.lower():
            raise flow.Stop(f"{folder}: action {number} is called {name}; {ACTIONS} are expected")


def read_table(path):
    """Of each clip and second the actions of each box, by its sides as they are written."""
    frames = {}
    with open(path, newline="", encoding="utf-8") as file:
        for line, cells in enumerate(csv.reader(file), 1):
            try:
                clip, second, *sides, action = [cell.strip() for cell in cells[:7]]
                sides = tuple(map(float, sides))
                frame, action = (int(clip), int(float(second))), int(action)
            except ValueError:
                raise flow.Stop(f"{path}:{line}: video, second, x1, y1, x2, y2, action are "
                                f"expected, not {','.join(cells)[:60]}")
            if not (0 <= sides[0] < sides[2] <= 1.001 and 0 <= sides[1] < sides[3] <= 1.001):
                raise flow.Stop(f"{path}:{line}: a box of parts of the frame, from 0 to 1, is "
                                f"expected, not {sides}")
            if action not in ACTIONS:
                raise flow.Stop(f"{path}:{line}: action {action}; 1 to 5 are expected")
            frames.setdefault(frame, {}).setdefault(sides, set()).add(action)
    return frames


def divide(tables):
    """The split of each frame."""
    clips = {name: {frame[0] for frame in table} for name, table in tables.items()}
    split_of = {}
    if clips["test"] - clips["val"]:
        parts = {"train": "train", "val": "val", "test": "test"}
    else:
        flow.say("note: the published test has the clips of the published validation: these are "
                 "the test here, and the last tenth of the training clips is for validation")
        parts = {"train": "train", "val": "test"}
        tables["test"] = {}
    ordered = sorted(clips["train"])
    late = set(ordered[len(ordered) - max(1, len(ordered) // 10):]) if len(parts) == 2 else set()
    for name, split in parts.items():
        for clip in clips[name]:
            if split_of.get(clip, split) != split:
                raise flow.Stop(f"clip {clip} is in two of the published tables")
            split_of[clip] = split
    return {clip: "val" if clip in late and split == "train" else split
            for clip, split in split_of.items()}


def find_pictures(root):
    """The labelled frames by name; those of the supplement are in a folder of their own."""
    found = {}
    for pattern in ("labelframes/*.jpg", "labelframes/*/*.jpg", "labelframes_add/*.jpg",
                    "labelframes_add/*/*.jpg"):
        for path in glob.glob(os.path.join(root, pattern)):
            found.setdefault(os.path.basename(path), path)
    return found


def convert(args):
    root = flow.only_folder(args.folder, ["annotations", "labelframes"])
    folder = os.path.join(root, "annotations")
    check_actions(folder)
    tables = {}
    for name in flow.SPLITS:
        path = os.path.join(folder, f"ava_{name}_v2.1.csv")
        if not os.path.isfile(path) and name != "test":
            raise flow.Stop(f"{path} is not there")
        tables[name] = read_table(path) if os.path.isfile(path) else {}
    split_of, pictures = divide(tables), find_pictures(root)
    data = flow.Set("CBVD-5", args.out, root)
    data.several_labels = True
    absent = odd = 0
    for frame, boxes in sorted((item for table in tables.values() for item in table.items())):
        path = pictures.get(f"{frame[0]}_{frame[1]:05d}.jpg")
        if not path:
            absent += 1
            continue
        split, size = split_of[frame[0]], flow.picture_size(path)
        data.add_frame(split, path, size, f"clip {frame[0]}")
        for (x1, y1, x2, y2), actions in sorted(boxes.items()):
            box = x1 * size[0], y1 * size[1], (x2 - x1) * size[0], (y2 - y1) * size[1]
            data.add_box(split, box)
            # Nobody stands and lies, and each does one of the two.
            if len(actions & {1, 2}) != 1:
                odd += 1
                continue
            label = "|".join(ACTIONS[action] for action in sorted(actions))
            data.add_crop(split, path, box, label, "CBVD-5", f"clip {frame[0]}")
    if absent:
        flow.say(f"warning: {absent} frames of the tables have no picture VIDEO_SECOND.jpg in "
                 "labelframes/ and labelframes_add/, and are left out")
    if odd:
        flow.say(f"warning: {odd} boxes have neither or both of Standing and Lying: they are cows, "
                 "but teach no behaviour")
    data.write()
    return data


if __name__ == "__main__":
    sys.exit(flow.main(convert, flow.options("Trains and judges on CBVD-5, as it was downloaded.")))
