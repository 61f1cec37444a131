#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cattle Visual Behaviors (CVB): boxes, behaviours and tracks of cattle at pasture.

cvb.py FOLDER --out OUT

FOLDER holds data/annotations/CLIP/annotations/instances_default.json (COCO, written by CVAT) and
data/raw_frames/CLIP/img_NNNNN.jpg. A day is in one of train, val and test: the last for the test,
the one before it for validation, because the clips of a day show the same cattle in the same light.
"""

import json
import os
import re
import sys

import flow

# Of the 12 names in behaviour_list.pbtx; None: a cow of whom no behaviour is told.
BEHAVIOURS = {
    "grazing": "grazing", "walking": "walking", "running": "running", "drinking": "drinking",
    "grooming": "grooming", "ruminating-standing": "ruminating-standing",
    "ruminating-lying": "ruminating-lying", "resting-standing": "resting-standing",
    "resting-lying": "resting-lying", "other": None, "none": None, "hidden": None,
}
FPS = 30
TRACKED_CLIPS = 10


def read_clip(root, clip):
    """Its COCO file, its pictures by number of image, and its boxes by the same."""
    path = os.path.join(root, "annotations", clip, "annotations", "instances_default.json")
    try:
        with open(path, encoding="utf-8") as file:
            coco = json.load(file)
        boxes = {image["id"]: [] for image in coco["images"]}
        for box in coco["annotations"]:
            boxes[box["image_id"]].append(box)
        names = {image["id"]: os.path.basename(image["file_name"]) for image in coco["images"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise flow.Stop(f"{path}: not the COCO file of a clip: {error!r}")
    folder = os.path.join(root, "raw_frames", clip)
    there = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    if set(names.values()) != {name for name in there if name.endswith(".jpg")}:
        # Some copies count frames from 0, others from 1: boxes would be a frame off, unseen.
        raise flow.Stop(f"{folder} does not hold the pictures that {path} names, which begin with "
                        f"{min(names.values(), default='none')}")
    return coco, {id: os.path.join(folder, name) for id, name in names.items()}, boxes


def behaviour_of(box, clip):
    attributes = box.get("attributes") or {}
    name = attributes.get("behavior", attributes.get("behaviour"))
    if name not in BEHAVIOURS or "track_id" not in attributes:
        raise flow.Stop(f"{clip}: box {box.get('id')} has the attributes {attributes}; track_id "
                        f"and a behavior of {', '.join(BEHAVIOURS)} are expected")
    return name, int(attributes["track_id"])


def take_frame(data, split, clip, camera, path, image, boxes):
    data.add_frame(split, path, (image["width"], image["height"]), clip)
    for box in boxes:
        name, track = behaviour_of(box, clip)
        label = BEHAVIOURS[name]
        data.add_box(split, box["bbox"], label or "cow", track, name == "hidden")
        if label:
            data.add_crop(split, path, box["bbox"], label, camera, f"{clip} {track}")


def take_tracks(data, clip, coco, pictures, boxes):
    """The whole clip, to be followed; hidden cattle are marked as not to be looked at."""
    first = min(pictures.values())
    start = int(re.search(r"(\d+)\.jpg$", first).group(1))
    rows = []
    for place, image in enumerate(sorted(coco["images"], key=lambda image: image["id"])):
        for box in boxes[image["id"]]:
            name, track = behaviour_of(box, clip)
            rows.append((place + 1, track, *box["bbox"], int(name != "hidden")))
    pattern = os.path.join(os.path.dirname(first), "img_%05d.jpg")
    source = (f"multifilesrc location={pattern} start-index={start} "
              f"caps=image/jpeg,framerate={FPS}/1 ! jpegdec")
    data.recordings.append((source, FPS, rows))


def convert(args):
    root = flow.only_folder(args.folder, ["annotations", "raw_frames"])
    clips = {}
    for clip in sorted(os.listdir(os.path.join(root, "annotations"))):
        named = re.search(r"_(gopro\d+)_(\d{8})_(\d{6})_", clip)
        if not named:
            raise flow.Stop(f"{clip}: ..._goproN_YYYYMMDD_HHMMSS_... is expected of a clip's name: "
                            "else nothing says which clips are of one day")
        clips[clip] = named.group(1), named.group(2)
    days = sorted({day for _, day in clips.values()})
    if len(days) < 3:
        raise flow.Stop(f"clips of {len(days)} days; three at least are needed to divide them")
    split_of = {day: "train" for day in days} | {days[-2]: "val", days[-1]: "test"}
    data = flow.Set("CVB", args.out, root)
    for clip, (camera, day) in clips.items():
        split = split_of[day]
        coco, pictures, boxes = read_clip(root, clip)
        for image in sorted(coco["images"], key=lambda image: image["id"])[::args.every]:
            take_frame(data, split, clip, camera, pictures[image["id"]], image, boxes[image["id"]])
        if split == "test" and len(data.recordings) < args.tracked_clips and any(boxes.values()):
            take_tracks(data, clip, coco, pictures, boxes)
    data.write()
    return data


if __name__ == "__main__":
    parser = flow.options("Trains and judges on CVB, as it was downloaded.")
    parser.add_argument("--every", type=int, default=FPS, metavar="N",
                        help=f"take each N-th frame of a clip ({FPS}: one a second)")
    parser.add_argument("--tracked-clips", type=int, default=TRACKED_CLIPS, metavar="N",
                        help=f"follow the cattle in N clips of the test at most ({TRACKED_CLIPS})")
    sys.exit(flow.main(convert, parser))
