#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""8-Calves: an hour of eight calves in a pen, with a box and an identity in each frame.

eight_calves.py FOLDER --out OUT

FOLDER holds, anywhere below, the video pmfeed_4_3_16 (.mp4 or .avi), its boxes under the same name
(.pkl, or .csv: class, x, y, w, h, conf, tracklet_id, frame_id), and with --hand-labelled
hand_labelled_frames/ with images/ and labels/. The hour is divided in order of time: 30 % for
training, 30 % for validation, 40 % for the test, as the authors divide it for identities, with half
a minute left out between.
"""

import csv
import os
import sys

import flow
import pickled_table

SHARES = (0.3, 0.6)
HAND_TRAIN, HAND_VAL = 500, 100
COLUMNS = ("x", "y", "w", "h", "tracklet_id", "frame_id")


def find(folder, suffixes):
    found = [os.path.join(path, name) for path, _, names in os.walk(folder) for name in names
             if name.startswith("pmfeed_4_3_16") and name.endswith(suffixes)]
    if not found:
        raise flow.Stop(f"{folder} holds no pmfeed_4_3_16*{' or '.join(suffixes)}: a .tar in it "
                        "has to be unpacked first")
    return min(found, key=lambda path: (suffixes.index(os.path.splitext(path)[1]), path))


def read_boxes(path):
    """The boxes of each frame: calf, centre and size as parts of the frame."""
    try:
        if path.endswith(".pkl"):
            table = pickled_table.read(path)
        else:
            with open(path, newline="", encoding="utf-8") as file:
                lines = list(csv.DictReader(file))
            table = {name: [float(line[name]) for line in lines] for name in COLUMNS}
        columns = [table[name] for name in COLUMNS]
    except (ValueError, KeyError, TypeError) as error:
        raise flow.Stop(f"{path}: {error}; columns {', '.join(COLUMNS)} are expected. With pandas: "
                        f"pandas.read_pickle (...).to_csv (...) makes a .csv, which is read too")
    frames = {}
    for x, y, w, h, calf, frame in zip(*columns):
        if not (0 <= x <= 1 and 0 <= y <= 1 and 0 < w <= 1 and 0 < h <= 1 and frame >= 1):
            raise flow.Stop(f"{path}: frame {frame}: {x} {y} {w} {h}: centre and size are expected "
                            "as parts of the frame, and frames counted from 1")
        frames.setdefault(int(frame), []).append((int(calf), x, y, w, h))
    return frames


def to_px(box, size):
    x, y, w, h = box
    return (x - w / 2) * size[0], (y - h / 2) * size[1], w * size[0], h * size[1]


def cut_frames(args, video):
    """A picture every --every seconds, by the number of its frame."""
    out = os.path.join(os.path.abspath(args.out), "frames")
    flow.run([args.trainer, "crop", video, "--every", str(args.every), "--most", "1000000", "--out",
              out])
    pictures = {}
    with open(os.path.join(out, "crops.csv"), newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            place = float(line["time"]) * args.fps
            # Times are written to a thousandth of a second.
            if abs(place - round(place)) > 0.0011 * args.fps:
                raise flow.Stop(f"{video} has a picture at {line['time']} s, which is none of "
                                f"{args.fps:g} frames a second: --fps says another number")
            pictures[round(place) + 1] = os.path.join(out, line["image_path"])
    return out, pictures


def split_of(frame, last, guard):
    """By the share of the hour that is over; None near a border."""
    for share, split in zip((*SHARES, 1), flow.SPLITS):
        border = share * last
        if frame <= border:
            edges = [edge * last for edge in SHARES]
            return None if any(abs(frame - edge) < guard for edge in edges) else split
    return "test"


def take_hand_labelled(args, data, pictures):
    """The first 600 hand-labelled frames, for training and validation as in the paper."""
    top = flow.only_folder(args.folder, ["hand_labelled_frames"])
    top = os.path.join(top, "hand_labelled_frames")
    folder = os.path.join(top, "images")
    if not os.path.isdir(folder) or not os.path.isdir(os.path.join(top, "labels")):
        raise flow.Stop(f"{top}: images/ and labels/ of YOLO are expected in it")
    names = sorted(os.listdir(folder), key=lambda name: (len(name), name))
    for i, name in enumerate(names[:HAND_TRAIN + HAND_VAL]):
        split = "train" if i < HAND_TRAIN else "val"
        path = os.path.join(folder, name)
        size = flow.picture_size(path)
        data.add_frame(split, path, size, "by hand")
        with open(os.path.join(top, "labels", os.path.splitext(name)[0] + ".txt")) as file:
            for line in filter(str.strip, file):
                data.add_box(split, to_px([float(side) for side in line.split()[1:5]], size))
    flow.say("note: as in the paper, the test is the whole hour that the hand-labelled frames are "
             "of: its numbers can be compared with the paper's, but are of a pen that was seen")
    return {frame: "test" for frame in pictures}


def convert(args):
    video, boxes = find(args.folder, (".mp4", ".avi")), find(args.folder, (".pkl", ".csv"))
    frames = read_boxes(boxes)
    last = max(frames)
    out, pictures = cut_frames(args, video)
    if not last - args.every * args.fps <= max(pictures) <= last:
        raise flow.Stop(f"{video} ends near frame {max(pictures)}, and its boxes at {last}: they "
                        "are not of one another, or --fps is wrong")
    data = flow.Set("8-Calves", args.out, os.path.commonpath([args.folder, out]))
    splits = {frame: split_of(frame, last, args.guard * args.fps) for frame in pictures}
    if args.hand_labelled:
        splits = take_hand_labelled(args, data, pictures)
    size = flow.picture_size(next(iter(pictures.values())))
    for frame, path in sorted(pictures.items()):
        if splits[frame]:
            data.add_frame(splits[frame], path, size, f"minute {int(frame / args.fps / 60)}")
            for calf, *box in frames.get(frame, []):
                data.add_box(splits[frame], to_px(box, size), track=calf)
    data.write()
    start = 0 if args.hand_labelled else SHARES[1] * last + args.guard * args.fps
    rows = [(frame, calf, *to_px(box, size), 1) for frame in sorted(frames) if frame > start
            for calf, *box in frames[frame]]
    source = f"filesrc location={video} ! decodebin"
    data.recordings.append((source, args.fps, rows))
    return data


if __name__ == "__main__":
    parser = flow.options("Trains and judges on 8-Calves, as it was downloaded.")
    parser.add_argument("--every", type=float, default=1, metavar="SECONDS",
                        help="take a frame every so many seconds (1)")
    parser.add_argument("--fps", type=float, default=20, help="frames a second of the video (20)")
    parser.add_argument("--guard", type=float, default=30, metavar="SECONDS",
                        help="leave out so much before and behind a border of the splits (30)")
    parser.add_argument("--hand-labelled", action="store_true",
                        help="train on the first 600 hand-labelled frames, as the paper does")
    sys.exit(flow.main(convert, parser))
