#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""MmCows: frames of four cameras in a barn, with boxes, behaviours and who is who.

mmcows.py FOLDER --out OUT

FOLDER is visual_data.zip, unpacked: images/MMDD/cam_N/UNIX_HH-MM-SS.jpg, labels/combined/ and
behavior_labels/individual/, which cow-trainer reads as they are. The day is divided in blocks of
two hours, all cameras alike: every sixth is for the test, every third of the others for validation,
and what is within five minutes of a block of another split is left out, since a cow that lies looks
the same for long. OUT gets folders train, val and test with links to the files.
"""

import os
import re
import shutil
import sys

import flow

BLOCK_S = 7200
GUARD_S = 300
# Of six blocks in a row.
PATTERN = ("train", "train", "val", "train", "train", "test")


def split_at(seconds):
    return PATTERN[seconds // BLOCK_S % len(PATTERN)]


def split_of(seconds):
    """The split of a moment; None near one of another split."""
    near = {split_at(seconds + guard) for guard in (-GUARD_S, 0, GUARD_S)}
    return near.pop() if len(near) == 1 else None


def link(target, path):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def link_frames(root, out):
    """Links to pictures and boxes by split; the numbers of each, and of what was left out."""
    counts = dict.fromkeys((*flow.SPLITS, None), 0)
    top = os.path.join(root, "images")
    for folder, _, names in sorted(os.walk(top)):
        inner = os.path.relpath(folder, top)
        for name in sorted(names):
            moment = re.fullmatch(r"(\d{9,11})_\d\d-\d\d-\d\d\.(?:jpg|png)", name)
            if not moment or not re.fullmatch(r"\d{4}/cam_\d+", inner):
                raise flow.Stop(f"{folder}/{name}: images/MMDD/cam_N/UNIX_HH-MM-SS.jpg is expected")
            labels = os.path.join(root, "labels", "combined", inner,
                                  os.path.splitext(name)[0] + ".txt")
            split = split_of(int(moment.group(1)))
            if not os.path.isfile(labels):
                continue
            counts[split] += 1
            if split:
                at = os.path.join(out, split)
                link(os.path.join(folder, name), os.path.join(at, "images", inner, name))
                link(labels, os.path.join(at, os.path.relpath(labels, root)))
    return counts


def convert(args):
    root = flow.only_folder(args.folder, ["images", "labels/combined"])
    behaviours = os.path.join(root, "behavior_labels")
    data = flow.Set("MmCows", args.out, root)
    for split in flow.SPLITS:
        shutil.rmtree(os.path.join(data.out, split), ignore_errors=True)
    counts = link_frames(root, data.out)
    for split in flow.SPLITS:
        if not counts[split]:
            raise flow.Stop(f"no frame with boxes is left for {split}: a day from midnight to "
                            "midnight is expected")
        flow.say(f"{split}: {counts[split]} frames")
        if os.path.isdir(behaviours):
            os.symlink(behaviours, os.path.join(data.out, split, "behavior_labels"))
    flow.say(f"left out within {GUARD_S // 60} minutes of another split: {counts[None]} frames")
    # What is left out between the splits keeps them apart; within them, hours are what is told.
    data.train_frames = ["--data-format", "mmcows-frames", "--group-by", "session"]
    for split in flow.SPLITS:
        data.train_frames += [f"--{split}", os.path.join(data.out, split)]
    if os.path.isdir(behaviours):
        data.train_crops = data.train_frames + ["--allow-missing"]
    else:
        flow.say(f"note: {root} has no behavior_labels/: boxes alone are trained")
    return data


if __name__ == "__main__":
    sys.exit(flow.main(convert, flow.options("Trains and judges on MmCows, as it was downloaded.")))
